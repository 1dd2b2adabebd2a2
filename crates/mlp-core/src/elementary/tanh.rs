//! The hyperbolic tangent.

use super::Format;
use super::exp::{Reduced, quotient};

/// tanh(x).
///
/// (1 - p) / (1 + p) with p = e^(-2|x|), and the sign of x. With p = 2^n (1 + q), where q is the polynomial of
/// [`exp_m1`](super::exp_m1), numerator and denominator are (1 -+ 2^n) -+ 2^n q: nothing cancels for small x.
///
/// Largest error, in units in the last place: 2.03 (`f32`), 2.04 (`f64`).
/// Exactly odd, zeros included; no more than 1 in size, which it is at +-inf; x itself where x is tiny; NaN stays NaN.
#[inline(always)]
pub(crate) fn tanh<T: Format>(x: T) -> T {
    tanh_and_derivative(x).0
}

/// tanh(x), and its derivative p (1 + |tanh(x)|)^2, which keeps its relative accuracy where tanh rounds to 1.
#[inline(always)]
pub(crate) fn tanh_and_derivative<T: Format>(x: T) -> (T, T) {
    let y = -T::TWO * x.abs();
    let y = if y < T::EXP_MIN { T::EXP_MIN } else { y };
    // 2^n may be below the normal numbers: it is taken apart, and the last product rounds.
    let (shifted, n) = quotient(y, T::ROUND + (T::BIAS + T::LIFT_EXPONENT));
    let (lifted, lower) = (shifted.power_of_two(), T::ONE / T::LIFT);
    let q = Reduced::new(y, n).exp_m1();

    let power = lifted * lower;
    let scaled = power * q;
    let tanh = ((T::ONE - power) - scaled) / ((T::ONE + power) + scaled);
    let sum = T::ONE + tanh;
    let derivative = ((T::ONE + q) * lifted * lower) * (sum * sum);
    (tanh.with_sign_of(x), derivative)
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
