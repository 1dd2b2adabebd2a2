//! The hyperbolic tangent.

use super::Format;
use super::exp::{Reduced, quotient};

/// Computes tanh(x).
///
/// It is (1 - p) / (1 + p) with p = e^(-2|x|), with the sign of x. With p = 2^n (1 + q), where q is the polynomial of
/// [`exp_m1`](super::exp_m1), numerator and denominator are (1 -+ 2^n) -+ 2^n q, so nothing cancels for small x.
///
/// Largest error, in units in the last place: 2.03 (`f32`), 2.04 (`f64`). The function is exactly odd, including zeros.
/// Its absolute value is at most 1, and is 1 at +-inf. The result is x itself where x is tiny; NaN stays NaN.
#[inline(always)]
pub(crate) fn tanh<T: Format>(x: T) -> T {
    tanh_and_derivative(x).0
}

/// Computes tanh(x) and its derivative p (1 + |tanh(x)|)^2, which keeps its relative accuracy where tanh rounds to 1.
#[inline(always)]
pub(crate) fn tanh_and_derivative<T: Format>(x: T) -> (T, T) {
    let (y, shifted) = exponent(x);
    finish(x, shifted, significand(y, shifted))
}

/// Computes [`tanh_and_derivative`] of all `values`: replaces them by tanh and writes the derivatives to `derivatives`.
/// If the slices differ in length, the rest of the longer one is left unchanged.
///
/// Each operation on a number waits for the one before, and a processor looks ahead only as far as the next few
/// numbers. Therefore one third of the formula is computed for many numbers before the next third begins.
#[inline(always)]
pub(crate) fn tanh_and_derivatives<T: Format>(values: &mut [T], derivatives: &mut [T]) {
    let length = values.len().min(derivatives.len());
    let (values, derivatives) = (&mut values[..length], &mut derivatives[..length]);
    let mut shifted = [T::ZERO; CHUNK];
    let (chunks, values) = values.as_chunks_mut::<CHUNK>();
    let (derivative_chunks, derivatives) = derivatives.as_chunks_mut::<CHUNK>();
    for (values, derivatives) in chunks.iter_mut().zip(derivative_chunks) {
        third_by_third(values, derivatives, &mut shifted);
    }
    third_by_third(values, derivatives, &mut shifted);
}

/// How many numbers are processed at a time.
const CHUNK: usize = 128;

/// Computes [`tanh_and_derivatives`] of up to `CHUNK` values.
#[inline(always)]
fn third_by_third<T: Format>(values: &mut [T], derivatives: &mut [T], shifted: &mut [T; CHUNK]) {
    let length = values.len();
    for i in 0..length {
        (derivatives[i], shifted[i]) = exponent(values[i]);
    }
    for i in 0..length {
        derivatives[i] = significand(derivatives[i], shifted[i]);
    }
    for i in 0..length {
        (values[i], derivatives[i]) = finish(values[i], shifted[i], derivatives[i]);
    }
}

/// Returns y = -2|x|, limited to where e^y becomes 0, and n + [`shift`] for e^y = 2^n (1 + q).
#[inline(always)]
fn exponent<T: Format>(x: T) -> (T, T) {
    let y = -T::TWO * x.abs();
    let y = if y < T::EXP_MIN { T::EXP_MIN } else { y };
    (y, quotient(y, shift()).0)
}

/// Returns q for e^y = 2^n (1 + q).
#[inline(always)]
fn significand<T: Format>(y: T, shifted: T) -> T {
    Reduced::new(y, shifted - shift()).exp_m1()
}

/// Returns tanh(x) and its derivative.
#[inline(always)]
fn finish<T: Format>(x: T, shifted: T, q: T) -> (T, T) {
    let (lifted, lower) = (shifted.power_of_two(), T::ONE / T::LIFT);
    let power = lifted * lower;
    let scaled = power * q;
    let tanh = ((T::ONE - power) - scaled) / ((T::ONE + power) + scaled);
    let sum = T::ONE + tanh;
    let derivative = ((T::ONE + q) * lifted * lower) * (sum * sum);
    (tanh.with_sign_of(x), derivative)
}

/// Returns the shift for a [`quotient`] n for which 2^n may be below the normal numbers. 2^n is then split into two
/// factors, and only the last product rounds.
#[inline(always)]
fn shift<T: Format>() -> T {
    T::ROUND + (T::BIAS + T::LIFT_EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::{tanh, tanh_and_derivative, tanh_and_derivatives};
    use crate::elementary::Format;
    use crate::elementary::tests::{close_to, exactly, golden, independent_of_position, numbers_f32, numbers_f64};
    use core::fmt::Debug;

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

    /// Checks that the results equal those of [`tanh_and_derivative`], for every length up to a few chunks.
    fn all_have_the_bits_of_one<T: Format + Debug>(numbers: &[T]) {
        for length in (0..=300).chain([numbers.len()]) {
            let mut values = numbers[..length].to_vec();
            let mut derivatives = std::vec![T::ONE; length];
            tanh_and_derivatives(&mut values, &mut derivatives);
            for (i, &x) in numbers[..length].iter().enumerate() {
                let got = std::format!("{:?}", (values[i], derivatives[i]));
                assert_eq!(
                    got,
                    std::format!("{:?}", tanh_and_derivative(x)),
                    "x = {x:?}, {i} of {length}"
                );
            }
        }
    }

    #[test]
    fn as_far_as_both_slices_go() {
        for (values, derivatives) in [(128, 0), (3, 2), (50, 178), (100, 200), (300, 200)] {
            let (mut tanh, mut slopes) = (std::vec![0.5; values], std::vec![7.0; derivatives]);
            tanh_and_derivatives(&mut tanh, &mut slopes);
            let (value, slope) = tanh_and_derivative(0.5);
            let length = values.min(derivatives);
            assert!(tanh[..length].iter().all(|&x| x == value) && tanh[length..].iter().all(|&x| x == 0.5));
            assert!(slopes[..length].iter().all(|&x| x == slope) && slopes[length..].iter().all(|&x| x == 7.0));
        }
    }

    #[test]
    fn all_at_a_time_have_the_bits_of_one() {
        let ordinary = (-400..400).map(|i| f64::from(i) / 37.0);
        let numbers: std::vec::Vec<f64> = ordinary.chain(numbers_f64()).collect();
        all_have_the_bits_of_one(&numbers);
        all_have_the_bits_of_one(&numbers.iter().map(|&x| x as f32).collect::<std::vec::Vec<f32>>());
    }
}
