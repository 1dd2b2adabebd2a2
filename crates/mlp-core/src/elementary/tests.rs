//! Helpers that the tests of the functions share.

use core::fmt::Debug;
use core::hint::black_box;

use super::Format;

/// Compares `function` with results in `f64` at every 4,099th bit pattern of `f32`. `bound` is in units in the last
/// place.
pub(super) fn close_to(function: fn(f32) -> f32, reference: fn(f64) -> f64, bound: f64) {
    for bits in (0..=u32::MAX).step_by(4_099) {
        let x = f32::from_bits(bits);
        let (result, expected) = (function(x), reference(f64::from(x)));
        let nearest = expected as f32;
        if nearest.is_finite() && result.is_finite() {
            let error = (f64::from(result) - expected).abs() / unit_in_last_place(expected);
            assert!(
                error <= bound,
                "x = {x:e}: {result:e} is {error} units from {expected:e}"
            );
        } else {
            assert_same(x, result, nearest);
        }
    }
}

/// Returns the unit in the last place of the `f32` nearest to `x`.
fn unit_in_last_place(x: f64) -> f64 {
    let binade = f64::from_bits(x.to_bits() & f64::INFINITY.to_bits());
    binade.max(f64::from(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON)
}

/// Compares `function` with the 400 correctly rounded results in a section of golden.txt. Returns how many are the same.
pub(super) fn golden(section: &str, function: fn(f64) -> f64, bound: f64) -> usize {
    let mut lines = include_str!("golden.txt").lines().skip_while(|line| *line != section);
    assert_eq!(lines.next(), Some(section));
    let (mut count, mut same) = (0, 0);
    for line in lines.take_while(|line| !line.starts_with('[')) {
        let (x, expected) = line.split_once(' ').unwrap();
        let [x, expected] = [x, expected].map(|bits| f64::from_bits(u64::from_str_radix(bits, 16).unwrap()));
        let result = function(x);
        same += usize::from(result == expected);
        if expected == 0.0 || expected.is_infinite() {
            assert_same(x, result, expected);
        } else {
            // The distance counts representable numbers; half a unit of it may come from rounding the expected number.
            let distance = result.to_bits().abs_diff(expected.to_bits());
            assert!(
                distance as f64 <= bound + 0.5,
                "x = {x:e}: {result:e} is {distance} numbers from {expected:e}"
            );
        }
        count += 1;
    }
    assert_eq!(count, 400);
    same
}

/// Checks that `function` returns exactly the given results, including the sign of zeros.
pub(super) fn exactly<T: Format + Debug>(function: fn(T) -> T, cases: &[(T, T)]) {
    for &(x, expected) in cases {
        assert_same(x, function(x), expected);
    }
}

/// Checks that a loop over a slice, which may be vectorized, gives each number the same bits as a call for this number
/// alone.
///
/// `in_loop` and `function` are the same function; `in_loop` is inlined into the loop.
pub(super) fn independent_of_position<T: Format + Debug>(
    in_loop: impl Fn(T) -> T,
    function: fn(T) -> T,
    numbers: &[T],
) {
    for length in 1..=67 {
        for numbers in numbers.chunks(length) {
            let mut results = std::vec![T::ZERO; numbers.len()];
            for (result, &x) in results.iter_mut().zip(numbers) {
                *result = in_loop(x);
            }
            for (&x, &result) in numbers.iter().zip(&results) {
                assert_same(x, result, black_box(function)(black_box(x)));
            }
        }
    }
}

/// Returns numbers of all magnitudes and both signs, including special values.
pub(super) fn numbers_f32() -> std::vec::Vec<f32> {
    (0..=u32::MAX)
        .step_by(15_485_863)
        .map(f32::from_bits)
        .chain([f32::NAN, f32::INFINITY, -f32::INFINITY])
        .collect()
}

/// Returns numbers of all magnitudes and both signs, including special values.
pub(super) fn numbers_f64() -> std::vec::Vec<f64> {
    numbers_f32().into_iter().map(|x| f64::from(x) * 1.000_000_1).collect()
}

/// Checks that two numbers are equal, including the sign of zero; any NaN equals any other. `{:?}` shows the sign of
/// zero, all NaN alike, and all digits.
fn assert_same<T: Format + Debug>(x: T, result: T, expected: T) {
    let [shown, wanted] = [result, expected].map(|number| std::format!("{number:?}"));
    assert_eq!(shown, wanted, "x = {x:?}");
}
