//! The arguments that activations and losses are checked at.

use super::Options;
use crate::Scalar;
use core::fmt::Display;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// The types that running programs use.
pub(super) trait Float: Scalar + Display + PartialOrd {
    /// The distance from 1 to the next number.
    const EPSILON: f64;
    /// The smallest number above 0.
    const TINY: f64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    const TINY: f64 = 1.401_298_464_324_817e-45;
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    const TINY: f64 = 5e-324;
}

/// Returns the number of random inputs.
pub(super) fn cases() -> usize {
    const DEFAULT: usize = 10_000;
    #[cfg(any(test, feature = "std"))]
    if let Ok(cases) = std::env::var("MLP_CHECK_CASES") {
        return cases
            .parse()
            .unwrap_or_else(|_| panic!("MLP_CHECK_CASES: expected a number, got `{cases}`"));
    }
    DEFAULT
}

pub(super) fn generator() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(0x006d_6c70)
}

/// Draws a number of either sign whose magnitude is spread evenly over the orders of magnitude from 1e-6 to 1e3; if it
/// lies outside of the options' range, one that is spread evenly over the range.
pub(super) fn random_number(options: &Options, rng: &mut impl Rng) -> f64 {
    let size = (rng.random::<f64>() * 9.0 - 6.0) * core::f64::consts::LN_10;
    let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
    let (number, range) = (sign * Scalar::exp(size), &options.range);
    if range.contains(&number) {
        number
    } else {
        range.start() + rng.random::<f64>() * (range.end() - range.start())
    }
}

/// Returns inputs at which formulas often fail: zeros, subnormals, the limits of the exponential, the largest numbers,
/// infinities; and numbers on both sides of the known kinks. All lie in the options' range.
pub(super) fn extremes<T: Float>(options: &Options) -> impl Iterator<Item = T> {
    let numbers = [
        0.0, 1e-40, 1e-30, 1e-8, 1.0, 16.7, 20.0, 88.7, 89.0, 104.0, 709.7, 746.0, 1e4, 1e10,
    ];
    let numbers = numbers
        .into_iter()
        .chain([T::TINY, T::largest().to_f64(), f64::INFINITY])
        .flat_map(|x| [x, -x]);
    let steps = (1..24).flat_map(|i| [1.0, -1.0].map(|sign| sign / f64::from(1_u32 << i)));
    let beside = options
        .kinks
        .iter()
        .flat_map(move |kink| steps.clone().map(move |step| kink + step));
    numbers
        .chain(beside)
        .filter(|x| options.range.contains(x))
        .map(T::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn random_numbers_are_spread_over_all_sizes_or_the_range() {
        let rng = &mut generator();
        let mut numbers = |options| -> Vec<f64> { (0..9000).map(|_| random_number(&options, rng)).collect() };
        let count = |numbers: &[f64], low: f64, high: f64| numbers.iter().filter(|x| (low..high).contains(*x)).count();
        let all = numbers(Options::default());
        for size in [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0] {
            // 500 of each sign.
            assert!(
                count(&all, size, 10.0 * size) > 400 && count(&all, -10.0 * size, -size) > 400,
                "{size}"
            );
        }
        let within = numbers(Options::default().range(2000.0..=2004.0));
        assert_eq!(count(&within, 2000.0, 2004.0), 9000);
        assert!(count(&within, 2000.0, 2001.0) > 2000 && count(&within, 2003.0, 2004.0) > 2000);
    }

    #[test]
    fn extremes_are_at_both_ends_and_on_both_sides_of_kinks() {
        let all: Vec<f64> = extremes(&Options::default().kinks([3.0])).collect();
        let step = f64::from(f32::EPSILON);
        for x in [
            0.0,
            -1e10,
            5e-324,
            -f64::MAX,
            f64::INFINITY,
            3.5,
            2.5,
            3.0 + step,
            3.0 - step,
        ] {
            assert!(all.contains(&x), "{x}");
        }
        let within: Vec<f32> = extremes(&Options::default().range(-1.0..=20.0)).collect();
        assert!(within.contains(&-1.0) && within.contains(&20.0) && within.iter().all(|x| (-1.0..=20.0).contains(x)));
    }
}
