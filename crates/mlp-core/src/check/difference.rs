//! Compares a derivative with the function.

use super::bounded::Bounded;
use super::points::{cases, generator};
use crate::scalar::unit;
use crate::{Dual, Scalar};
use alloc::format;
use alloc::string::String;
use rand::rngs::Xoshiro256PlusPlus;

/// A function of one variable together with its derivative, and bounds on the rounding errors of both.
pub(super) type Slope = Dual<Bounded<f64>>;

/// A quotient decides if its error is at most this share of the derivative.
const DECISIVE: f64 = 1e-7;

/// Compares derivatives with difference quotients at random places. `compare` compares the case with that number and
/// returns what [`compare_with_difference`] does.
///
/// # Panics
/// If no quotient is exact enough to decide anything.
pub(super) fn check_differences(name: &str, mut compare: impl FnMut(usize, &mut Xoshiro256PlusPlus) -> bool) {
    let (cases, mut rng) = (cases(), generator());
    let decided = (0..cases).filter(|&case| compare(case, &mut rng)).count();
    assert!(
        decided > 0 || cases == 0,
        "{name}: at none of {cases} random arguments do the values determine a derivative; try another range"
    );
}

/// Compares f'(x) with difference quotients of f. Returns whether one of them was exact enough to confirm f'(x), or says
/// how they differ; `tolerance` is the share of f'(x) by which they may.
///
/// Each quotient, (f(x - 2h) - 8 f(x - h) + 8 f(x + h) - f(x + 2h)) / 12h, has an error bound of its own: the rounding
/// errors of f divided by h, and what the curvature of f contributes. The latter shows in f' at the same five places,
/// see [`quotient`]. A kink within reach, a jump or an oscillation makes it large, so that the quotient decides nothing
/// and a smaller h is tried. f'(x) is wrong if it lies outside of the narrowest bound.
pub(super) fn compare_with_difference(f: &dyn Fn(f64) -> Slope, x: f64, tolerance: f64) -> Result<bool, String> {
    let Dual { value, derivative } = f(x);
    if !value.is_finite() || !derivative.is_finite() {
        return Ok(false);
    }
    let (mut inside, mut outside) = (f64::INFINITY, (f64::INFINITY, f64::NAN));
    for step in 2..=14 {
        // A power of two, so that x + h is exact.
        let h = unit(x.abs()) / (1_u64 << (3 * step)) as f64;
        let (quotient, rounding, error) = quotient(f, x, h);
        let distance = (quotient - derivative.to_f64()).abs();
        if distance <= error + tolerance * derivative.size() {
            if error <= DECISIVE * derivative.size() {
                return Ok(true);
            }
            inside = inside.min(error);
        } else if error < outside.0 {
            outside = (error, quotient);
        }
        // With a smaller h, the rounding errors are larger.
        if rounding > DECISIVE * derivative.size() && rounding > inside.min(outside.0) {
            break;
        }
    }
    if outside.0 < inside {
        let (error, quotient) = outside;
        Err(format!(
            "difference quotient {quotient} +- {error:.1e}, dual numbers {}",
            derivative.to_f64()
        ))
    } else {
        Ok(false)
    }
}

/// Returns the five-point difference quotient of f at x with step h, the part of its error bound that comes from
/// rounding, and the whole bound.
fn quotient(f: &dyn Fn(f64) -> Slope, x: f64, h: f64) -> (f64, f64, f64) {
    let points = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|i| f(x + i * h));
    let [before, left, middle, right, after] = points.map(|point| point.value.to_f64());
    let [before_slope, left_slope, slope, right_slope, after_slope] = points.map(|point| point.derivative.to_f64());
    let quotient = (8.0 * (right - left) - (after - before)) / (12.0 * h);
    let [a, b, _, c, d] = points.map(|point| point.value.error);
    let rounding = (8.0 * (b + c) + a + d) / (12.0 * h) + points[2].derivative.error;
    // The quotient's error is h^4 f'''''/30, and interpolating f' from the four other places has five times that error.
    let interpolated = (4.0 * (left_slope + right_slope) - (before_slope + after_slope)) / 6.0;
    // Both differences are h f'' but for h^3 f''''/12; a jump of f is visible in the first only.
    let bend = (right - 2.0 * middle + left) / h - 0.5 * (right_slope - left_slope);
    let error = rounding + 2.0 * (interpolated - slope).abs() + bend.abs();
    // NaN or infinity at a neighbor.
    let error = if error.is_finite() { error } else { f64::INFINITY };
    (quotient, rounding, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::TAU;

    fn slope(value: f64, derivative: f64, error: f64) -> Slope {
        let bounded = |value, error| Bounded { value, error };
        Dual {
            value: bounded(value, error),
            derivative: bounded(derivative, 0.0),
        }
    }

    /// By hand, at x = 0 with h = 2.
    #[test]
    fn a_quotient_has_the_errors_of_rounding_and_curvature() {
        let f = |x: f64| {
            let (value, slope, error) = match x {
                -4.0 => (1.0, 3.0, 1.0),
                -2.0 => (4.0, 1.0, 2.0),
                0.0 => (2.0, 5.0, 4.0),
                2.0 => (8.0, 2.0, 3.0),
                _ => (16.0, 10.0, 5.0),
            };
            let mut point = self::slope(value, slope, error);
            point.derivative.error = 0.5;
            point
        };
        let (got, rounding, error) = quotient(&f, 0.0, 2.0);
        assert_eq!((got, rounding), (17.0 / 24.0, 46.0 / 24.0 + 0.5));
        let expected = rounding + 31.0 / 3.0 + 3.5;
        assert!((error - expected).abs() < 1e-14, "{error} {expected}");
    }

    #[test]
    fn numbers_that_are_not_finite_decide_nothing() {
        for (value, derivative) in [(0.0, f64::NAN), (0.0, f64::INFINITY), (f64::NAN, 0.0)] {
            let f = |_| slope(value, derivative, 0.0);
            assert_eq!(compare_with_difference(&f, 1.0, 1e-3), Ok(false));
        }
        let isolated = |x: f64| slope(if x == 1.0 { 2.0 } else { f64::NAN }, 3.0, 0.0);
        assert_eq!(compare_with_difference(&isolated, 1.0, 0.0), Ok(false));
    }

    /// The first quotient agrees, but its error is greater than the difference.
    #[test]
    fn a_quotient_that_is_not_exact_does_not_confirm() {
        let f = |factor: f64| move |x: f64| slope(1e-6 * (100.0 * x).sin(), factor * 1e-4 * (100.0 * x).cos(), 1e-22);
        assert_eq!(compare_with_difference(&f(1.0), 0.3, 0.0), Ok(true));
        assert!(compare_with_difference(&f(1.0 + 1e-5), 0.3, 0.0).is_err());
        assert_eq!(compare_with_difference(&f(1.0 + 1e-5), 0.3, 2e-5), Ok(true));
    }

    /// Rounding explains a share of 1e-3 or more.
    #[test]
    fn smaller_steps_follow_while_curvature_outweighs_rounding() {
        let f = |x: f64| slope((1e3 * x).sin(), 1.2e3 * (1e3 * x).cos(), 1e-4);
        assert!(compare_with_difference(&f, 1.0, 0.0).is_err());
    }

    /// The first step is a multiple of the period, so that its quotient misses the oscillation.
    #[test]
    fn an_exact_quotient_at_a_smaller_step_overrules() {
        let f = |x: f64| {
            let phase = 64.0 * TAU * (x - 1.0);
            slope(x + 1e4 * phase.sin() / (64.0 * TAU), 1.0 + 1e4 * phase.cos(), 1e-11)
        };
        assert_eq!(compare_with_difference(&f, 1.0, 0.0), Ok(true));
    }
}
