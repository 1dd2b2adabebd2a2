//! The elementary functions, for `f32` and `f64`.
//!
//! Each function has one body for both formats, without branches, tables or calls, so that a loop over a slice is
//! vectorized with whatever instruction set the loop is compiled for. Hence `inline(always)`: a body must end up inside
//! functions with a `target_feature`. The functions consist of IEEE additions, subtractions, multiplications, divisions
//! and bit operations. They deliberately use no fused multiplications, which would make the bits depend on the machine.
//!
//! A choice is written as an `if` between two values that are both computed, so it compiles to a blend. The direction
//! of each comparison is chosen so that NaN takes the side that keeps it NaN.
//!
//! The largest errors given here are those of `docs/performance.md`: among all numbers in `f32`, among ten million
//! numbers in `f64`; where that table says so, among fewer.
//!
//! The functions that only formulas of users need take `f64` and serve `f32` as well: rounded to `f32`, their results
//! are the nearest number in nearly all cases.

mod atan;
mod coefficients;
mod erfc;
mod exp;
mod floor;
mod format;
mod ln;
mod powf;
mod sin_cos;
mod tanh;
#[cfg(test)]
mod tests;

pub(crate) use atan::atan;
pub use erfc::erfc_fraction;
pub(crate) use erfc::{erfc, erfc_and_derivative};
pub(crate) use exp::{exp, exp_m1};
pub(crate) use floor::floor;
pub(crate) use ln::{ln, ln_1p};
pub(crate) use powf::powf;
pub(crate) use sin_cos::sin_cos;
pub(crate) use tanh::{tanh, tanh_and_derivative, tanh_and_derivatives};

use format::Format;

/// Evaluates the polynomial with these coefficients, the constant term first.
///
/// It applies Horner's rule to pairs of coefficients. Compared with single ones, the chain of operations is half as
/// long and has half as many roundings.
#[inline(always)]
fn polynomial<T: Format>(x: T, coefficients: &[T]) -> T {
    let square = x * x;
    let mut sum = None;
    for pair in coefficients.chunks(2).rev() {
        let value = if let [constant, linear] = *pair {
            constant + linear * x
        } else {
            pair[0]
        };
        sum = Some(sum.map_or(value, |sum| sum * square + value));
    }
    sum.expect("every polynomial has a constant term")
}
