//! Sine and cosine.

use super::coefficients::{COS, SIN};
use super::exp::clamp;
use super::{Format, polynomial};
use core::f64::consts::FRAC_2_PI;

/// pi/2 as a sum. All but the last part have 33 bits, so their products with an integer below 2^20 are exact.
const PARTS: [f64; 4] = [
    1.570_796_326_734_125_6,
    6.077_100_506_303_966e-11,
    2.022_266_248_711_166_5e-21,
    8.478_427_660_368_9e-32,
];

/// Arguments beyond this limit are taken for the limit. Neighboring numbers differ by 1/4 there.
const MAX: f64 = (1_u64 << 50) as f64;

/// Computes sin(x) and cos(x), in `f64` for both formats.
///
/// It writes x = n pi/2 + r with an integer n and |r| <= pi/4, subtracting n times each part of pi/2 and keeping the
/// rounding errors (W. J. Cody and W. Waite, *Software Manual for the Elementary Functions*, 1980). The polynomials for
/// sin(r) and cos(r) have degree 13 and 14. The last two bits of n tell which of them is the sine and what the signs are.
///
/// Largest error for |x| <= 1.6e6, in units in the last place: 0.78, or 0.51 rounded to `f32`. Beyond, n times a part of
/// pi/2 is rounded: the results are those of a number that differs from x by at most one unit in the last place of x.
/// From 2^50 on, they are those of 2^50. The results are NaN at infinity; the sine of a zero keeps its sign.
#[inline(always)]
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    let limited = clamp(x, -MAX, MAX);
    let shifted = limited * FRAC_2_PI + f64::ROUND;
    let n = shifted - f64::ROUND;
    let [first, second, third, last] = PARTS.map(|part| n * part);
    // The first difference is exact. What the others lose in rounding, together with the last part, is `low`.
    let high = limited - first;
    let middle = high - second;
    let r = middle - third;
    let low = (((high - middle) - second) + ((middle - r) - third)) - last;
    let r = if x.abs() < f64::INFINITY { r } else { f64::NAN };
    let z = r * r;
    let half = 0.5 * z;
    let leading = 1.0 - half;
    // sin(r + low) = sin(r) + low cos(r), and cos(r + low) = cos(r) - low sin(r).
    let sin = r + (r * (z * polynomial(z, SIN)) + low * leading);
    let cos = leading + (((1.0 - leading) - half) + (z * z * polynomial(z, COS) - r * low));
    let quadrant = shifted.to_bits();
    // The sum that gives the sine has lost the sign of a zero.
    let sin = sin.with_sign_of(r);
    let (sin, cos) = if quadrant & 1 == 0 { (sin, cos) } else { (cos, sin) };
    // The second bit becomes the sign.
    let negated = |y: f64, quadrant: u64| f64::from_bits(y.to_bits() ^ ((quadrant & 2) << 62));
    (negated(sin, quadrant), negated(cos, quadrant.wrapping_add(1)))
}

#[cfg(test)]
mod tests {
    use super::{MAX, sin_cos};
    use crate::Scalar;
    use crate::elementary::tests::{exactly, golden, independent_of_position, numbers_f32, numbers_f64};

    #[test]
    fn is_accurate() {
        // With errors in the low parts, fewer results are correctly rounded.
        assert!(golden("[sin]", Scalar::sin, 1.0) > 384);
        assert!(golden("[cos]", Scalar::cos, 1.0) > 388);
        golden("[tan]", Scalar::tan, 2.0);
    }

    #[test]
    fn special_values() {
        let nan = f64::NAN;
        let edges = [(f64::INFINITY, nan), (-f64::INFINITY, nan), (nan, nan)];
        exactly(
            Scalar::sin,
            &[(0.0, 0.0), (-0.0, -0.0), (5e-324, 5e-324), (-5e-324, -5e-324)],
        );
        exactly(
            Scalar::tan,
            &[(0.0, 0.0), (-0.0, -0.0), (5e-324, 5e-324), (-5e-324, -5e-324)],
        );
        exactly(Scalar::cos, &[(0.0, 1.0), (-0.0, 1.0), (5e-324, 1.0)]);
        for function in [Scalar::sin, Scalar::cos, Scalar::tan] {
            exactly(function, &edges);
        }
        exactly(Scalar::sin, &[(1e-45_f32, 1e-45), (-1e-45, -1e-45), (-0.0, -0.0)]);
    }

    #[test]
    fn symmetric_and_on_the_unit_circle() {
        for x in numbers_f64().into_iter().filter(|x| x.is_finite()) {
            let (sin, cos) = sin_cos(x);
            let (mirrored, same) = sin_cos(-x);
            assert_eq!(
                (mirrored.to_bits(), same.to_bits()),
                ((-sin).to_bits(), cos.to_bits()),
                "{x}"
            );
            assert!((sin * sin + cos * cos - 1.0).abs() < 1e-15, "{x}");
            assert!(sin.abs() <= 1.0 && cos.abs() <= 1.0, "{x}");
        }
    }

    #[test]
    fn large_arguments_are_those_of_a_neighbor() {
        let mut x = 1.6e6;
        while x < MAX {
            // The steps are irregular, so that all remainders occur.
            x *= 1.000_173_9;
            let (sin, cos) = sin_cos(x);
            let unit = 2.0 * f64::EPSILON * x;
            assert!(
                (sin - libm::sin(x)).abs() <= unit && (cos - libm::cos(x)).abs() <= unit,
                "{x}"
            );
        }
        assert_eq!(sin_cos(1e300), sin_cos(MAX));
    }

    #[test]
    fn position_in_a_slice_does_not_matter() {
        for function in [Scalar::sin, Scalar::cos] {
            independent_of_position(function, function, &numbers_f32());
        }
        for function in [Scalar::sin, Scalar::cos] {
            independent_of_position(function, function, &numbers_f64());
        }
    }
}
