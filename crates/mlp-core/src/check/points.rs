//! What the checks of activations and losses share: the arguments, and the comparisons.

use crate::{Dual, Scalar};
use alloc::format;
use alloc::string::String;
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

/// How far a derivative written by hand may be from that of dual numbers. It counts units in the last place of the
/// derivative itself, and as many changes of the derivative as one such unit of its argument causes.
pub(super) const ULPS: f64 = 8.0;

/// The share of random points that may lie so close to a kink that a difference quotient straddles it.
pub(super) const KINK_SHARE: f64 = 0.01;

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

/// Draws a number of either sign whose magnitude is spread evenly over the orders of magnitude from 1e-6 to 1e3.
pub(super) fn random_number(rng: &mut impl Rng) -> f64 {
    let size = (rng.random::<f64>() * 9.0 - 6.0) * core::f64::consts::LN_10;
    let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
    sign * Scalar::exp(size)
}

/// Returns inputs at which formulas often fail: zeros, subnormals, the limits of the exponential, the largest numbers,
/// infinities.
pub(super) fn extremes<T: Float>() -> impl Iterator<Item = T> {
    let numbers = [
        0.0, 1e-40, 1e-30, 1e-8, 1.0, 16.7, 20.0, 88.7, 89.0, 104.0, 709.7, 746.0, 1e4, 1e10,
    ];
    let numbers = numbers
        .into_iter()
        .chain([T::TINY, T::largest().to_f64(), f64::INFINITY]);
    numbers.flat_map(|x| [T::from_f64(x), T::from_f64(-x)])
}

/// Returns whether `got` agrees with `expected`: both are NaN, or they differ by a few units in the last place of
/// `magnitude`.
pub(super) fn agree<T: Float>(got: T, expected: T, magnitude: f64) -> bool {
    let (got, expected) = (got.to_f64(), expected.to_f64());
    let tolerance = ULPS * (T::EPSILON * magnitude + T::TINY);
    got == expected || (got.is_nan() && expected.is_nan()) || (got - expected).abs() <= tolerance
}

/// Returns f, f' and f'' of a function of one variable.
pub(super) fn derivatives<T: Scalar>(f: impl FnOnce(Dual<Dual<T>>) -> Dual<Dual<T>>, x: T) -> (T, T, T) {
    let y = f(Dual::variable(Dual::variable(x)));
    (y.value.value, y.value.derivative, y.derivative.derivative)
}

/// Compares derivatives with difference quotients at random places. `at_kink` compares the case with that
/// number and returns whether it lies at a kink, see [`compare_with_difference`].
pub(super) fn check_differences(
    name: &str,
    what: &str,
    mut at_kink: impl FnMut(usize, &mut Xoshiro256PlusPlus) -> bool,
) {
    let (cases, mut rng) = (cases(), generator());
    let kinks = (0..cases).filter(|&case| at_kink(case, &mut rng)).count();
    assert!(
        kinks as f64 <= KINK_SHARE * cases as f64,
        "{name}: {kinks} of {cases} random {what} lie at a kink"
    );
}

/// Compares f'(x) by dual numbers with the five-point difference quotient
/// (f(x - 2h) - 8 f(x - h) + 8 f(x + h) - f(x + 2h)) / 12h, for `f` that returns f, f' and f''. Returns whether a kink
/// lies within the quotient's reach, or says how the two differ.
pub(super) fn compare_with_difference(f: impl Fn(f64) -> (f64, f64, f64), x: f64) -> Result<bool, String> {
    // h is small compared with x, so that a kink at 0 is never within reach.
    let h = 1e-3 * x.abs().min(1.0);
    let points = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|i| f(x + i * h));
    let [before, left, (value, expected, _), right, after] = points;
    let quotient = (before.0 - 8.0 * left.0 + 8.0 * right.0 - after.0) / (12.0 * h);
    let max = |values: &mut dyn Iterator<Item = f64>| values.map(f64::abs).fold(0.0, f64::max);
    let jump = max(&mut points.windows(2).map(|pair| pair[1].1 - pair[0].1));
    let bend = max(&mut points.windows(2).map(|pair| pair[1].2 - pair[0].2));
    let largest = max(&mut points.iter().map(|point| point.1));
    let steepest = max(&mut points.iter().map(|point| point.2));
    // Across a kink, f' jumps by more than f'' explains over the width of the quotient, or f'' itself jumps.
    if jump > 4.0 * h * steepest + 1e-5 * largest || (bend > 0.05 * steepest && h * bend > 1e-9 * largest) {
        return Ok(true);
    }
    // The error of the quotient itself consists of the rounding of f divided by h, and h^4 f''''' / 30.
    let tolerance = 1e-8 * largest.max(1e-3) + 8.0 * f64::EPSILON * (1.0 + value.abs()) / h;
    if (quotient - expected).abs() <= tolerance {
        Ok(false)
    } else {
        Err(format!("difference quotient {quotient}, dual numbers {expected}"))
    }
}
