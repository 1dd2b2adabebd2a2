//! Rounding down.

use super::Format;

/// Returns the largest integer that is not above x, in `f64` for both formats. It is exact, also for x that is infinite;
/// zeros keep their sign, NaN stays NaN.
#[inline(always)]
pub(crate) fn floor(x: f64) -> f64 {
    // From here on, every number is an integer. Adding it to a smaller number rounds that to an integer.
    const INTEGERS: f64 = 1.0 / f64::EPSILON;
    let size = x.abs();
    let nearest = ((size + INTEGERS) - INTEGERS).with_sign_of(x);
    let floor = if nearest > x { nearest - 1.0 } else { nearest };
    if size < INTEGERS { floor } else { x }
}

#[cfg(test)]
mod tests {
    use super::floor;
    use crate::Scalar;
    use crate::elementary::tests::{close_to, exactly, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn is_exact() {
        close_to(Scalar::floor, libm::floor, 0.0);
        let near_integers = (-300..300).map(|i| 0.25 * f64::from(i));
        let near_the_limit = (0..300).map(|i| (0.25 * f64::from(i) - 40.0) + 0.5 / f64::EPSILON);
        for x in numbers_f64().into_iter().chain(near_integers).chain(near_the_limit) {
            exactly(floor, &[(x, libm::floor(x)), (-x, libm::floor(-x))]);
        }
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(Scalar::floor, Scalar::floor, &numbers_f32());
        independent_of_position(floor, floor, &numbers_f64());
    }
}
