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
