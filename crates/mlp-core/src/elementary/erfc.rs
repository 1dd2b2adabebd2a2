//! The complementary error function.

use super::coefficients::Coefficients as _;
use super::exp::{Reduced, quotient, scale, two_steps};
use super::{Format, polynomial};

/// Computes erfc(x).
///
/// For x >= 0, it is e^(-x^2) times (a + x N(x) / D(x)) / (x + a) with a = 1/sqrt(pi). In this form, a alone gives the
/// right values at both ends of the half-line. The fitted fraction, of degrees 3 and 5 (`f32`) or 8 and 10 (`f64`), is
/// a correction of less than a fifth, so its rounding errors count less than a fifth too. Both fractions are computed as
/// one, because a division takes as long as many multiplications. For x < 0 it is 2 - erfc(-x).
///
/// Largest error, in units in the last place: 3.89 (`f32`), 4.07 (`f64`), in the tail as elsewhere. The result
/// underflows gradually. It is 2 at -inf, 0 at inf and 1 at either zero; NaN stays NaN.
#[inline(always)]
pub(crate) fn erfc<T: Format>(x: T) -> T {
    erfc_and_derivative(x).0
}

/// Computes [`erfc`] and its derivative, -2/sqrt(pi) e^(-x^2), which share the exponential.
#[inline(always)]
pub(crate) fn erfc_and_derivative<T: Format>(x: T) -> (T, T) {
    let size = x.abs();
    let size = if size > T::ERFC_MAX { T::ERFC_MAX } else { size };
    // x^2 is split into two parts, the first of which is exact, because the exponential would magnify a rounding error
    // of x^2 as a whole.
    let head = size.head();
    let tail = (size - head) * (size + head);
    let exponent = -(size * size);
    let (shifted, n) = quotient(exponent, two_steps());
    let Reduced { high, low } = Reduced::new(-(head * head), n);
    let power = Reduced { high, low: low + tail }.exp_m1();
    let denominator = polynomial(size, T::ERFC_DENOMINATOR);
    let constant = T::FRAC_1_SQRT_PI * denominator;
    let correction = size * polynomial(size, T::ERFC_NUMERATOR);
    // The largest term is added last and has no other rounding error than its own.
    let numerator = constant + (correction + (constant + correction) * power);
    let upper = scale(numerator / (size * denominator + constant), exponent, shifted);
    let slope = -T::TWO * T::FRAC_1_SQRT_PI;
    let value = if x < T::ZERO { T::TWO - upper } else { upper };
    (value, scale(slope + slope * power, exponent, shifted))
}

/// Returns the coefficients of N and D in erfc(x) = e^(-x^2) (a + x N(x) / D(x)) / (x + a) for x >= 0, with a =
/// 1/sqrt(pi), in `f64` and by rising powers. A system without erfc composes it from them.
#[must_use]
pub fn erfc_fraction() -> [&'static [f64]; 2] {
    [f64::ERFC_NUMERATOR, f64::ERFC_DENOMINATOR]
}

#[cfg(test)]
mod tests {
    use super::erfc;
    use crate::elementary::tests::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn is_accurate() {
        close_to(erfc, libm::erfc, 3.9);
        golden("[erfc]", erfc, 4.0);
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            erfc,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (inf, 0.0),
                (-inf, 2.0),
                (100.0, 0.0),
                (-100.0, 2.0),
                (nan, nan),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            erfc,
            &[
                (0.0, 1.0),
                (-0.0, 1.0),
                (inf, 0.0),
                (-inf, 2.0),
                (100.0, 0.0),
                (-100.0, 2.0),
                (nan, nan),
            ],
        );
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(erfc, erfc, &numbers_f32());
        independent_of_position(erfc, erfc, &numbers_f64());
    }
}
