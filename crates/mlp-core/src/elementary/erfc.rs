//! The complementary error function.

use super::coefficients::Coefficients as _;
use super::exp::{Reduced, quotient, scale, two_steps};
use super::{Format, polynomial};

/// Computes erfc(x).
///
/// For x >= 0, it is e^(-x^2) times (a + x N(x) / D(x)) / (x + a) with a = 1/sqrt(pi). In this form, a alone gives the
/// right values at both ends of the half-line. The fitted fraction, of degrees 3 and 5 (`f32`) or 8 and 10 (`f64`), is
/// a correction of less than a fifth, so its rounding errors count less than a fifth too. For x < 0 it is 2 - erfc(-x).
///
/// Largest error, in units in the last place: 3.84 (`f32`), 4.07 (`f64`), in the tail as elsewhere. The result
/// underflows gradually. It is 2 at -inf, 0 at inf and 1 at either zero; NaN stays NaN.
#[inline(always)]
pub(crate) fn erfc<T: Format>(x: T) -> T {
    let size = x.abs();
    let size = if size > T::ERFC_MAX { T::ERFC_MAX } else { size };
    // x^2 is split into two parts, the first of which is exact, because the exponential would magnify a rounding error
    // of x^2 as a whole.
    let head = size.head();
    let tail = (size - head) * (size + head);
    let exponent = -(size * size);
    let (shifted, n) = quotient(exponent, two_steps());
    let Reduced { high, low } = Reduced::new(-(head * head), n);
    let power = T::ONE + Reduced { high, low: low + tail }.exp_m1();
    let correction = size * polynomial(size, T::ERFC_NUMERATOR) / polynomial(size, T::ERFC_DENOMINATOR);
    let significand = power * ((T::FRAC_1_SQRT_PI + correction) / (size + T::FRAC_1_SQRT_PI));
    let upper = scale(significand, exponent, shifted);
    if x < T::ZERO { T::TWO - upper } else { upper }
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
