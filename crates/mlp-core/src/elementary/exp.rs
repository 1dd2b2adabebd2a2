//! e^x and e^x - 1.

use super::{Format, polynomial};

/// Computes e^x.
///
/// It writes x = n ln(2) + r with an integer n and |r| <= ln(2)/2, where ln(2) is split into two parts. e^r is a
/// polynomial of degree 6 (`f32`) or 11 (`f64`). It is multiplied by 2^n in two steps, so that results in the subnormal
/// range are rounded once more instead of being lost.
///
/// Largest error, in units in the last place: 0.94 (`f32`), 0.93 (`f64`). The result is 0 at -inf, 1 at either zero,
/// and inf from where the rounded result overflows; NaN stays NaN.
#[inline(always)]
pub(crate) fn exp<T: Format>(x: T) -> T {
    let x = clamp(x, T::EXP_MIN, T::EXP_MAX);
    let (shifted, n) = quotient(x, two_steps());
    scale(T::ONE + Reduced::new(x, n).exp_m1(), x, shifted)
}

/// Computes e^x - 1.
///
/// x is reduced as in [`exp`]. With q = e^r - 1 from the same polynomial, the result is (2^n - 1) + 2^n q.
///
/// Largest error, in units in the last place: 1.83 (`f32`), 1.55 (`f64`). The result is -1 at -inf, and inf from where
/// the rounded result overflows; zeros keep their sign, NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_m1<T: Format>(x: T) -> T {
    let y = clamp(x, -T::SATURATION, T::EXP_MAX);
    let (shifted, n) = quotient(y, T::ROUND + (T::BIAS - T::ONE));
    let q = Reduced::new(y, n).exp_m1();
    // This computes half of the result, since 2^n overflows before the result does.
    let power = shifted.power_of_two();
    let half = (power - T::HALF) + power * q;
    // For n = 0 the result is q. Halving would lose its last bit if it is subnormal.
    let result = if n == T::ZERO { q } else { half * T::TWO };
    // The sum that gives q has lost the sign of a zero.
    result.with_sign_of(x)
}

/// Limits `x` to [low, high]; NaN stays NaN.
#[inline(always)]
pub(super) fn clamp<T: Format>(x: T, low: T, high: T) -> T {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// Rounds x / ln(2) to an integer n. Returns the sum `shift` + n, and n itself.
///
/// `shift` is [`Format::ROUND`] plus an integer that is to be added to n in the low bits of the sum.
#[inline(always)]
pub(super) fn quotient<T: Format>(x: T, shift: T) -> (T, T) {
    let shifted = x * T::LOG2_E + shift;
    (shifted, shifted - shift)
}

/// x - n ln(2) as a difference, high - low, which is at most ln(2)/2 in absolute value.
pub(super) struct Reduced<T> {
    pub(super) high: T,
    pub(super) low: T,
}

impl<T: Format> Reduced<T> {
    /// Subtracts n ln(2) from x, where `n` is a [`quotient`] of x.
    #[inline(always)]
    pub(super) fn new(x: T, n: T) -> Self {
        Self {
            high: x - n * T::LN_2_HIGH,
            low: n * T::LN_2_LOW,
        }
    }

    /// Computes e^r - 1 for r = high - low.
    #[inline(always)]
    pub(super) fn exp_m1(self) -> T {
        let r = self.high - self.low;
        // The rounding error of r matters only in the linear term, which therefore uses high and low instead of r.
        self.high + (r * r * polynomial(r, T::EXP) - self.low)
    }
}

/// Returns the shift for a [`quotient`] that is passed to [`scale`].
#[inline(always)]
pub(super) fn two_steps<T: Format>() -> T {
    T::ROUND + T::TWO * T::BIAS
}

/// Computes y 2^n, where `shifted` is from the [`quotient`] of x.
///
/// 2^n may be outside the format's range even if the product is not. Two factors of about 2^(n/2) are always within it,
/// and only the second multiplication can round.
#[inline(always)]
pub(super) fn scale<T: Format>(y: T, x: T, shifted: T) -> T {
    let half = x * (T::LOG2_E * T::HALF) + (T::ROUND + T::BIAS);
    y * half.power_of_two() * shifted.power_of_two_less(half)
}

#[cfg(test)]
mod tests {
    use super::{exp, exp_m1};
    use crate::elementary::tests::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn exp_is_accurate() {
        close_to(exp, libm::exp, 0.95);
        golden("[exp]", exp, 1.0);
    }

    #[test]
    fn exp_m1_is_accurate() {
        close_to(exp_m1, libm::expm1, 1.85);
        golden("[exp_m1]", exp_m1, 1.6);
    }

    #[test]
    fn special_values_of_exp() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            exp,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (inf, inf),
                (-inf, 0.0),
                (nan, nan),
                (88.722_84, inf),
                (88.722_83, 3.402_798_5e38),
                (-103.972_09, 0.0),
                (-103.972_08, 1e-45),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            exp,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (inf, inf),
                (-inf, 0.0),
                (nan, nan),
                (709.782_712_893_384_1, inf),
                (709.782_712_893_384, 1.797_693_134_862_273_2e308),
                (-745.133_219_101_941_2, 0.0),
                (-745.133_219_101_941_1, 5e-324),
            ],
        );
    }

    #[test]
    fn special_values_of_exp_m1() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            exp_m1,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (inf, inf),
                (-inf, -1.0),
                (nan, nan),
                (88.722_84, inf),
                (88.722_83, 3.402_798_5e38),
                (-1e-45, -1e-45),
                (1e-45, 1e-45),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            exp_m1,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (inf, inf),
                (-inf, -1.0),
                (nan, nan),
                (709.782_712_893_384_1, inf),
                (709.782_712_893_384, 1.797_693_134_862_273_2e308),
                (-5e-324, -5e-324),
                (5e-324, 5e-324),
            ],
        );
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(exp, exp, &numbers_f32());
        independent_of_position(exp, exp, &numbers_f64());
        independent_of_position(exp_m1, exp_m1, &numbers_f32());
        independent_of_position(exp_m1, exp_m1, &numbers_f64());
    }
}
