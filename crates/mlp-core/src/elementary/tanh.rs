//! The hyperbolic tangent.

use super::Format;
use super::exp::{Reduced, clamp, quotient, scale, two_steps};

/// tanh(x).
///
/// (1 - p) / (1 + p) with p = e^(-2|x|), and the sign of x. With p = 2^n (1 + q), where q is the polynomial of
/// [`exp_m1`](super::exp_m1), numerator and denominator are (1 -+ 2^n) -+ 2^n q: nothing cancels for small x.
///
/// Largest error, in units in the last place: 2.03 (`f32`), 2.04 (`f64`).
/// Exactly odd, zeros included; no more than 1 in size, which it is at +-inf; x itself where x is tiny; NaN stays NaN.
#[inline(always)]
pub(crate) fn tanh<T: Format>(x: T) -> T {
    // Step by step as in `exp`, so that the compiler computes once what the derivative, which needs p, shares.
    let y = clamp(-T::TWO * x.abs(), T::EXP_MIN, T::EXP_MAX);
    let (shifted, n) = quotient(y, two_steps());
    let power = scale(T::ONE, y, shifted);
    let scaled = power * Reduced::new(y, n).exp_m1();
    let numerator = (T::ONE - power) - scaled;
    let denominator = (T::ONE + power) + scaled;
    (numerator / denominator).with_sign_of(x)
}

#[cfg(test)]
mod tests {
    use super::tanh;
    use crate::elementary::testing::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn is_accurate() {
        close_to(tanh, libm::tanh, 2.1);
        golden("[tanh]", tanh, 2.3);
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            tanh,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (inf, 1.0),
                (-inf, -1.0),
                (1e4, 1.0),
                (nan, nan),
                (1e-45, 1e-45),
                (-1e-45, -1e-45),
                (1e-10, 1e-10),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            tanh,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (inf, 1.0),
                (-inf, -1.0),
                (1e4, 1.0),
                (nan, nan),
                (5e-324, 5e-324),
                (-5e-324, -5e-324),
                (1e-10, 1e-10),
            ],
        );
    }

    #[test]
    fn is_odd_and_within_one() {
        for x in numbers_f64().into_iter().filter(|x| !x.is_nan()) {
            assert_eq!(tanh(-x).to_bits(), (-tanh(x)).to_bits());
            assert_eq!(tanh(-x as f32).to_bits(), (-tanh(x as f32)).to_bits());
            assert!(tanh(x).abs() <= 1.0 && tanh(x as f32).abs() <= 1.0);
        }
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(tanh, tanh, &numbers_f32());
        independent_of_position(tanh, tanh, &numbers_f64());
    }
}
