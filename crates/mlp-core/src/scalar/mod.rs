//! The numbers that formulas are written in.
//!
//! A formula (an activation, a loss, an optimiser's rule) is written once, over [`Scalar`], and evaluated as `f32`
//! or `f64` (the running program), as [`Dual`] (value and derivative together) or as `Dual<Dual<T>>` (second
//! derivatives). Two rules make that work:
//!
//! - **No `if` on a number.** Use [`Scalar::select_gt`]: it works in a vector lane, in a dual number and in a shader.
//! - **Constants enter through [`Scalar::from_f64`]**, so nothing is promoted or rounded behind your back.

mod dual;
mod float;

pub use dual::Dual;

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use num_traits::{One, Zero};

/// A number that a formula can be evaluated with: `f32`, `f64`, [`Dual`], or your own.
///
/// The arithmetic operators, [`Zero`] and [`One`] come from the supertraits; the functions below are what the
/// formulas of this crate need beyond them. `f32` and `f64` implement them without branches and without the
/// system's maths library: a loop over a slice vectorises, and every function but `sqrt` (which IEEE 754 defines
/// exactly) consists of IEEE additions, multiplications, divisions and bit operations only, so that its bits are the
/// same on every machine.
///
/// ```
/// use mlp_core::{Dual, Scalar};
///
/// /// x e^(-x), written once.
/// fn formula<T: Scalar>(x: T) -> T {
///     x * (-x).exp()
/// }
///
/// assert_eq!(formula(0.0_f32), 0.0);
/// assert_eq!(formula(Dual::variable(1.0_f64)).derivative, 0.0); // e^(-x) (1 - x)
/// ```
pub trait Scalar:
    Copy
    + Debug
    + PartialEq
    + Zero
    + One
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Send
    + Sync
    + 'static
{
    /// The nearest number to `value`: how every constant enters a formula.
    #[must_use]
    fn from_f64(value: f64) -> Self;

    /// The number as `f64`; of a dual number, the value without its derivative.
    #[must_use]
    fn to_f64(self) -> f64;

    /// The largest finite number.
    #[must_use]
    fn largest() -> Self;

    /// `then` where `self > other`, else `otherwise`: equal numbers and NaN take `otherwise`.
    ///
    /// The branch not taken is dropped, not multiplied by zero: it may be infinite or NaN.
    #[must_use]
    fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self;

    /// True if neither infinite nor NaN; of a dual number, if that holds for value and derivative.
    #[must_use]
    fn is_finite(self) -> bool;

    /// |x|. Its derivative at a kink is the left one, as everywhere in this crate: -1 at 0 and -0.
    #[must_use]
    fn abs(self) -> Self;

    /// The square root, correctly rounded; NaN below zero.
    #[must_use]
    fn sqrt(self) -> Self;

    /// e^x.
    #[must_use]
    fn exp(self) -> Self;

    /// e^x - 1, with full relative accuracy near zero.
    #[must_use]
    fn exp_m1(self) -> Self;

    /// The natural logarithm; -inf at 0, NaN below.
    #[must_use]
    fn ln(self) -> Self;

    /// ln(1 + x), with full relative accuracy near zero; -inf at -1, NaN below.
    #[must_use]
    fn ln_1p(self) -> Self;

    /// The hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;

    /// The hyperbolic tangent and its derivative 1 - tanh^2 = e (1 + |tanh|)^2 with e = exp(-2|x|): the latter keeps
    /// its relative accuracy where tanh rounds to 1.
    #[must_use]
    #[inline(always)]
    fn tanh_and_derivative(self) -> (Self, Self) {
        let tanh = self.tanh();
        let e = (Self::from_f64(-2.0) * self.abs()).exp();
        let sum = Self::one() + tanh.abs();
        (tanh, e * (sum * sum))
    }

    /// [`tanh_and_derivative`](Self::tanh_and_derivative) of all `values`: tanh in their place, derivatives beside, as
    /// far as both slices go.
    #[inline(always)]
    fn tanh_and_derivatives(values: &mut [Self], derivatives: &mut [Self]) {
        for (value, derivative) in values.iter_mut().zip(derivatives) {
            (*value, *derivative) = value.tanh_and_derivative();
        }
    }

    /// The complementary error function, 2/sqrt(pi) times the integral of e^(-t^2) from x to infinity, with full
    /// relative accuracy in the tail.
    #[must_use]
    fn erfc(self) -> Self;

    /// The greater of `self` and `bound`; NaN stays NaN, which `f32::max` would drop. The derivative at
    /// `self == bound` is the left one, 0.
    #[must_use]
    #[inline(always)]
    fn at_least(self, bound: Self) -> Self {
        // The innermost branch is reached by `self == bound` and by NaN only.
        self.select_gt(bound, self, bound.select_gt(self, bound, self * Self::zero() + bound))
    }

    /// The lesser of `self` and `bound`; NaN stays NaN, which `f32::min` would drop. The derivative at
    /// `self == bound` is the left one, 1.
    #[must_use]
    #[inline(always)]
    fn at_most(self, bound: Self) -> Self {
        self.select_gt(bound, bound, self)
    }
}
