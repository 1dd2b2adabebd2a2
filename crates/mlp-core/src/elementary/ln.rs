//! ln(x) and ln(1 + x).

use super::{Format, polynomial};

/// Computes ln(x).
///
/// It writes x = 2^k m with sqrt(1/2) <= m < sqrt(2), after lifting subnormal numbers into the normal range. ln(m) is 2
/// artanh(s) with s = (m - 1) / (m + 1), an odd polynomial of degree 7 (`f32`) or 15 (`f64`).
///
/// Largest error, in units in the last place: 0.84 (`f32`), 0.80 (`f64`). The result is -inf at either zero, NaN below,
/// 0 at 1 and inf at inf; NaN stays NaN.
#[inline(always)]
pub(crate) fn ln<T: Format>(x: T) -> T {
    let subnormal = x < T::MIN_POSITIVE;
    let normal = if subnormal { x * T::LIFT } else { x };
    let lifted = if subnormal { T::LIFT_EXPONENT } else { T::ZERO };
    let (exponent, m) = normal.split_exponent();
    let k = exponent - lifted;
    limits(x, combine(k, m - T::ONE, k * T::LN_2_LOW))
}

/// Computes ln(1 + x).
///
/// It is [`ln`] of the rounded u = 1 + x, plus (1 + x - u) / u for what the rounding lost. Where u is near 1, the
/// polynomial takes x itself.
///
/// Largest error, in units in the last place: 1.03 (`f32`), 0.88 (`f64`). The result is -inf at -1, NaN below, and inf
/// at inf; zeros keep their sign, NaN stays NaN.
#[inline(always)]
pub(crate) fn ln_1p<T: Format>(x: T) -> T {
    let u = T::ONE + x;
    let (k, m) = u.split_exponent();
    let whole = k == T::ZERO;
    let f = if whole { x } else { m - T::ONE };
    // What was lost is scaled by 2^(1 - k), since the format has no 2^-k for the largest k. 1 - f approximates 1 / m
    // closely enough.
    let lost = (x - (u - T::ONE)) * (T::ROUND + (T::BIAS + T::ONE) - k).power_of_two();
    let lost = if whole { T::ZERO } else { lost * (T::HALF - T::HALF * f) };
    limits(u, combine(k, f, k * T::LN_2_LOW + lost)).with_sign_of(x)
}

/// Computes k ln(2) + ln(1 + f), where `low` is k times the lower part of ln(2), plus any other term of that size.
#[inline(always)]
fn combine<T: Format>(k: T, f: T, low: T) -> T {
    // ln(1 + f) = 2 artanh(s) = 2 s + s R(s^2) for s = f / (2 + f), and 2 s = f - s f. In the form f - f^2/2 + s (f^2/2
    // + R), the leading term is exact.
    let s = f / (T::TWO + f);
    let z = s * s;
    let remainder = z * polynomial(z, T::LN);
    let half_square = T::HALF * f * f;
    k * T::LN_2_HIGH - ((half_square - (s * (half_square + remainder) + low)) - f)
}

/// Returns the logarithm of x: `result` where it is finite, the limits at 0 and inf, and NaN below 0.
#[inline(always)]
fn limits<T: Format>(x: T, result: T) -> T {
    let edge = if x == T::ZERO { -T::INFINITY } else { T::NAN };
    let result = if x < T::INFINITY { result } else { x };
    if x > T::ZERO { result } else { edge }
}

#[cfg(test)]
mod tests {
    use super::{ln, ln_1p};
    use crate::elementary::tests::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn ln_is_accurate() {
        close_to(ln, libm::log, 0.85);
        golden("[ln]", ln, 0.85);
    }

    #[test]
    fn ln_1p_is_accurate() {
        close_to(ln_1p, libm::log1p, 1.05);
        golden("[ln_1p]", ln_1p, 0.9);
    }

    #[test]
    fn special_values_of_ln() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            ln,
            &[
                (1.0, 0.0),
                (0.0, -inf),
                (-0.0, -inf),
                (-1.0, nan),
                (-1e-40, nan),
                (-inf, nan),
                (inf, inf),
                (nan, nan),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            ln,
            &[
                (1.0, 0.0),
                (0.0, -inf),
                (-0.0, -inf),
                (-1.0, nan),
                (-1e-40, nan),
                (-inf, nan),
                (inf, inf),
                (nan, nan),
            ],
        );
    }

    #[test]
    fn special_values_of_ln_1p() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        exactly(
            ln_1p,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (-1.0, -inf),
                (-1.5, nan),
                (-inf, nan),
                (inf, inf),
                (nan, nan),
                (1e-45, 1e-45),
                (-1e-45, -1e-45),
                (f32::MAX, 88.722_84),
            ],
        );
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        exactly(
            ln_1p,
            &[
                (0.0, 0.0),
                (-0.0, -0.0),
                (-1.0, -inf),
                (-1.5, nan),
                (-inf, nan),
                (inf, inf),
                (nan, nan),
                (5e-324, 5e-324),
                (-5e-324, -5e-324),
                (f64::MAX, 709.782_712_893_384),
            ],
        );
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        independent_of_position(ln, ln, &numbers_f32());
        independent_of_position(ln, ln, &numbers_f64());
        independent_of_position(ln_1p, ln_1p, &numbers_f32());
        independent_of_position(ln_1p, ln_1p, &numbers_f64());
    }
}
