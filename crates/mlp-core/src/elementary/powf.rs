//! Powers with any exponent.

use super::{exp, ln};

/// Computes x^p as e^(p ln(x)), in `f64` for both formats.
///
/// The error, in units in the last place, is up to 1.5 + 2 |p ln(x)|, or 0.51 rounded to `f32`: the logarithm's rounding
/// error is multiplied by p, and the exponential turns it into a relative one. The result is NaN for x < 0; it is 1 for
/// p = 0 and every x. At x = 0 it is 0 for p > 0 and inf for p < 0.
#[inline(always)]
pub(crate) fn powf(x: f64, p: f64) -> f64 {
    let power = exp(p * ln(x));
    // 1 + p is NaN if p is.
    if p.abs() > 0.0 { power } else { 1.0 + p }
}

#[cfg(test)]
mod tests {
    use super::powf;
    use crate::Scalar;
    use crate::elementary::tests::{close_to, exactly, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn is_accurate() {
        close_to(|x| Scalar::powf(x, 2.5), |x| libm::pow(x, 2.5), 0.51);
        close_to(|p| Scalar::powf(1.25, p), |p| libm::pow(1.25, p), 0.51);
        for x in numbers_f64().into_iter().filter(|x| *x >= 0.0) {
            for p in [-1.5, -0.5, 1e-3, 1.0 / 3.0, 2.0, 7.5] {
                let (got, expected) = (powf(x, p), libm::pow(x, p));
                let units = (got - expected).abs() / (f64::EPSILON * expected);
                let bound = 2.0 + (p * libm::log(x)).abs();
                assert!(
                    got == expected || units <= bound,
                    "{x:e}^{p}: {got:e} is not {expected:e}"
                );
            }
        }
    }

    #[test]
    fn special_values() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            |x| powf(x, 1.5),
            &[(0.0, 0.0), (-0.0, 0.0), (1.0, 1.0), (-1.0, nan), (inf, inf), (nan, nan)],
        );
        exactly(
            |x| powf(x, -1.5),
            &[(0.0, inf), (1.0, 1.0), (-1.0, nan), (inf, 0.0), (nan, nan)],
        );
        for zero in [|x| powf(x, 0.0), |x| powf(x, -0.0)] {
            exactly(zero, &[(0.0, 1.0), (-2.0, 1.0), (inf, 1.0), (nan, 1.0)]);
        }
        exactly(|p| powf(2.0, p), &[(nan, nan), (inf, inf), (-inf, 0.0), (0.0, 1.0)]);
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(|x| Scalar::powf(x, 0.3), |x| Scalar::powf(x, 0.3), &numbers_f32());
        independent_of_position(|x| powf(x, 0.3), |x| powf(x, 0.3), &numbers_f64());
    }
}
