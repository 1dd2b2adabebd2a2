//! The inverse tangent.

use super::coefficients::ATAN;
use super::{Format, polynomial};
use core::f64::consts::{FRAC_PI_2, FRAC_PI_4};

/// tan(pi/8) and tan(3/8 pi).
const TAN_1: f64 = 0.414_213_562_373_095_03;
const TAN_3: f64 = 2.414_213_562_373_095;
/// pi/2 minus its rounded value.
const FRAC_PI_2_LOW: f64 = 6.123_233_995_736_766e-17;

/// Computes atan(x), in `f64` for both formats.
///
/// It is 0, pi/4 or pi/2 plus atan(s) with s = |x|, (|x| - 1) / (|x| + 1) or -1 / |x|, whichever is at most tan(pi/8) in
/// absolute value, with the sign of x. atan(s) is an odd polynomial of degree 23.
///
/// Largest error, in units in the last place: 1.77, or 0.51 rounded to `f32`. The result is +-pi/2 at +-inf; zeros keep
/// their sign, NaN stays NaN.
#[inline(always)]
pub(crate) fn atan(x: f64) -> f64 {
    let size = x.abs();
    let (numerator, denominator) = if size > TAN_1 {
        (size - 1.0, size + 1.0)
    } else {
        (size, 1.0)
    };
    let (high, low) = if size > TAN_1 {
        (FRAC_PI_4, FRAC_PI_2_LOW / 2.0)
    } else {
        (0.0, 0.0)
    };
    let large = size > TAN_3;
    let (numerator, denominator) = if large { (-1.0, size) } else { (numerator, denominator) };
    let (high, low) = if large { (FRAC_PI_2, FRAC_PI_2_LOW) } else { (high, low) };
    let s = numerator / denominator;
    let z = s * s;
    (high + (s + (s * (z * polynomial(z, ATAN)) + low))).with_sign_of(x)
}

#[cfg(test)]
mod tests {
    use super::atan;
    use crate::Scalar;
    use crate::elementary::tests::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};
    use core::f64::consts::FRAC_PI_2;

    #[test]
    fn is_accurate() {
        close_to(Scalar::atan, libm::atan, 0.51);
        // With errors in the low parts, fewer results are correctly rounded.
        assert!(golden("[atan]", atan, 1.8) > 378);
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            atan,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (inf, FRAC_PI_2),
                (-inf, -FRAC_PI_2),
                (1e300, FRAC_PI_2),
                (5e-324, 5e-324),
                (-5e-324, -5e-324),
                (nan, nan),
            ],
        );
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            Scalar::atan,
            &[(-0.0, -0.0), (inf, FRAC_PI_2 as f32), (-1e-45, -1e-45), (nan, nan)],
        );
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(Scalar::atan, Scalar::atan, &numbers_f32());
        independent_of_position(atan, atan, &numbers_f64());
    }
}
