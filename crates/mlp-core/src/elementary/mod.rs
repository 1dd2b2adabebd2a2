//! The elementary functions, for `f32` and `f64`.
//!
//! Each is one body for both formats, without branches, tables or calls, so that a loop over a slice vectorises with
//! whatever instruction set the loop is compiled for (hence `inline(always)`: a body must end up inside functions with
//! a `target_feature`). They consist of IEEE additions, subtractions, multiplications, divisions and bit operations.
//! Fused multiplications are left out on purpose: they would make the bits depend on the machine.
//!
//! A choice is written as `if` between two values that are both computed: it compiles to a blend. Comparisons are
//! directed so that NaN takes the side that keeps it.
//!
//! The largest errors named here are those of `docs/performance.md`: in `f32` among all numbers, in `f64` among ten million.

mod coefficients;
mod erfc;
mod exp;
mod format;
mod ln;
mod tanh;
#[cfg(test)]
mod testing;

pub(crate) use erfc::erfc;
pub(crate) use exp::{exp, exp_m1};
pub(crate) use ln::{ln, ln_1p};
pub(crate) use tanh::{tanh, tanh_and_derivative, tanh_and_derivatives};

use format::Format;

/// The polynomial with these coefficients, the constant one first.
///
/// Horner's rule on pairs of them: half as long a chain of operations, and half as many roundings, as on single ones.
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
