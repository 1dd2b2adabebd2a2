//! The numbers that formulas are evaluated with.
//!
//! A formula (an activation, a loss, an optimizer's rule) is written once, over [`Scalar`]. It is evaluated with `f32`
//! or `f64` in the running program, with [`Dual`] to get value and derivative together, or with `Dual<Dual<T>>` to get
//! second derivatives. Two rules make that work:
//!
//! - **No `if` on a number.** Use [`Scalar::select_gt`]: it works in a vector lane, in a dual number and in a shader.
//! - **Create constants with [`Scalar::from_f64`]**, so that nothing is promoted or rounded implicitly.

mod dual;
mod float;

pub use dual::Dual;

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use num_traits::{One, Zero};

/// A number that a formula can be evaluated with: `f32`, `f64`, [`Dual`], or your own.
///
/// The arithmetic operators, [`Zero`] and [`One`] come from the supertraits; the functions below are the others that
/// formulas need. `f32` and `f64` implement them without branches and without the system's math
/// library, so a loop over a slice is vectorized. Every function except `sqrt` (which IEEE 754 defines exactly)
/// consists only of IEEE additions, multiplications, divisions and bit operations, so its bits are the same on every
/// machine.
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
    /// Returns the number nearest to `value`. Use it for every constant in a formula.
    #[must_use]
    fn from_f64(value: f64) -> Self;

    /// Returns the number as `f64`; for a dual number, the value without its derivative.
    #[must_use]
    fn to_f64(self) -> f64;

    /// Returns the largest finite number.
    #[must_use]
    fn largest() -> Self;

    /// Returns `then` if `self > other`, else `otherwise`. Equal numbers and NaN give `otherwise`.
    ///
    /// The branch not taken is dropped, not multiplied by zero, so it may be infinite or NaN.
    #[must_use]
    fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self;

    /// Returns true if the number is neither infinite nor NaN; for a dual number, if that holds for value and
    /// derivative.
    #[must_use]
    fn is_finite(self) -> bool;

    /// Returns |x|. Its derivative at a kink is the left one, as everywhere in this crate: -1 at 0 and -0.
    #[must_use]
    fn abs(self) -> Self;

    /// Returns the square root, correctly rounded; NaN below zero.
    #[must_use]
    fn sqrt(self) -> Self;

    /// Returns e^x.
    #[must_use]
    fn exp(self) -> Self;

    /// Returns e^x - 1, with full relative accuracy near zero.
    #[must_use]
    fn exp_m1(self) -> Self;

    /// Returns the natural logarithm; -inf at 0, NaN below.
    #[must_use]
    fn ln(self) -> Self;

    /// Returns ln(1 + x), with full relative accuracy near zero; -inf at -1, NaN below.
    #[must_use]
    fn ln_1p(self) -> Self;

    /// Returns the hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self;

    /// Returns the hyperbolic tangent and its derivative 1 - tanh^2, computed as e (1 + |tanh|)^2 with e = exp(-2|x|),
    /// which keeps its relative accuracy where tanh rounds to 1.
    #[must_use]
    #[inline(always)]
    fn tanh_and_derivative(self) -> (Self, Self) {
        let tanh = self.tanh();
        let e = (Self::from_f64(-2.0) * self.abs()).exp();
        let sum = Self::one() + tanh.abs();
        (tanh, e * (sum * sum))
    }

    /// Computes [`tanh_and_derivative`](Self::tanh_and_derivative) of all `values`: replaces them by tanh and writes
    /// the derivatives to `derivatives`. If the slices differ in length, the rest of the longer one is left unchanged.
    #[inline(always)]
    fn tanh_and_derivatives(values: &mut [Self], derivatives: &mut [Self]) {
        for (value, derivative) in values.iter_mut().zip(derivatives) {
            (*value, *derivative) = value.tanh_and_derivative();
        }
    }

    /// Returns sin x and cos x, which share most of their computation; x is in radians. NaN at infinity.
    ///
    /// For |x| <= 1.6e6 the results are within one unit in the last place. For larger x they are those of a number that
    /// differs from x by at most one unit in the last place of x (in `f64`), up to 2^50, and constant from there on.
    ///
    /// ```
    /// use mlp_core::Scalar;
    ///
    /// let (sin, cos) = Scalar::sin_cos(0.5_f64);
    /// assert!((sin * sin + cos * cos - 1.0).abs() < 1e-15);
    /// ```
    #[must_use]
    fn sin_cos(self) -> (Self, Self);

    /// Returns sin x; see [`sin_cos`](Self::sin_cos).
    #[must_use]
    #[inline(always)]
    fn sin(self) -> Self {
        self.sin_cos().0
    }

    /// Returns cos x; see [`sin_cos`](Self::sin_cos).
    #[must_use]
    #[inline(always)]
    fn cos(self) -> Self {
        self.sin_cos().1
    }

    /// Returns tan x = sin x / cos x; see [`sin_cos`](Self::sin_cos).
    #[must_use]
    #[inline(always)]
    fn tan(self) -> Self {
        let (sin, cos) = self.sin_cos();
        sin / cos
    }

    /// Returns the inverse tangent, from -pi/2 to pi/2. asin x is atan(x / sqrt((1 - x) (1 + x))), and acos x is
    /// 2 atan(sqrt((1 - x) / (1 + x))).
    #[must_use]
    fn atan(self) -> Self;

    /// Returns the hyperbolic sine (e^x - e^-x) / 2, with full relative accuracy near zero. It overflows where e^|x|
    /// does, so at half of the largest number.
    #[must_use]
    #[inline(always)]
    fn sinh(self) -> Self {
        Self::from_f64(0.5) * (self.exp_m1() - (-self).exp_m1())
    }

    /// Returns the hyperbolic cosine (e^x + e^-x) / 2. It overflows where e^|x| does, so at half of the largest number.
    #[must_use]
    #[inline(always)]
    fn cosh(self) -> Self {
        Self::from_f64(0.5) * (self.exp() + (-self).exp())
    }

    /// Returns the logarithm to base 2; -inf at 0, NaN below.
    #[must_use]
    #[inline(always)]
    fn log2(self) -> Self {
        self.ln() * Self::from_f64(core::f64::consts::LOG2_E)
    }

    /// Returns x^`exponent` by multiplications, about log2 of the exponent many; 1 / x^-`exponent` for a negative one.
    /// The exponent 0 gives 1 for every x.
    ///
    /// ```
    /// use mlp_core::{Dual, Scalar};
    ///
    /// let x = Dual::variable(-2.0_f64);
    /// assert_eq!(x.powi(3), Dual { value: -8.0, derivative: 12.0 });
    /// ```
    #[must_use]
    #[inline(always)]
    fn powi(self, exponent: i32) -> Self {
        let (mut power, mut square, mut rest) = (Self::one(), self, exponent.unsigned_abs());
        while rest > 0 {
            if rest % 2 == 1 {
                power *= square;
            }
            square *= square;
            rest /= 2;
        }
        if exponent < 0 { Self::one() / power } else { power }
    }

    /// Returns x^`exponent` as e^(`exponent` ln x), so NaN for x < 0; use [`powi`](Self::powi) there. The exponent 0
    /// gives 1 for every x.
    ///
    /// In `f64`, the error in units in the last place is up to 1.5 + 2 |`exponent` ln x|.
    #[must_use]
    fn powf(self, exponent: Self) -> Self;

    /// Returns the largest integer that is not above x. Its derivative is 0, also where it jumps. x - L floor(x/L)
    /// wraps x into a period of length L.
    #[must_use]
    fn floor(self) -> Self;

    /// Returns the complementary error function, 2/sqrt(pi) times the integral of e^(-t^2) from x to infinity, with
    /// full relative accuracy in the tail.
    #[must_use]
    fn erfc(self) -> Self;

    /// Returns erfc x and its derivative, -2/sqrt(pi) e^(-x^2). The floating-point types compute both from one
    /// exponential.
    #[must_use]
    #[inline(always)]
    fn erfc_and_derivative(self) -> (Self, Self) {
        let slope = Self::from_f64(-core::f64::consts::FRAC_2_SQRT_PI);
        (self.erfc(), slope * (-(self * self)).exp())
    }

    /// Returns the greater of `self` and `bound`. NaN stays NaN, whereas `f32::max` would drop it. The derivative at
    /// `self == bound` is the left one, 0.
    #[must_use]
    #[inline(always)]
    fn at_least(self, bound: Self) -> Self {
        // Only `self == bound` and NaN reach the innermost branch.
        self.select_gt(bound, self, bound.select_gt(self, bound, self * Self::zero() + bound))
    }

    /// Returns the lesser of `self` and `bound`. NaN stays NaN, whereas `f32::min` would drop it. The derivative at
    /// `self == bound` is the left one, 1.
    #[must_use]
    #[inline(always)]
    fn at_most(self, bound: Self) -> Self {
        self.select_gt(bound, bound, self)
    }
}

/// Returns the largest power of two that is not above `size`, or the smallest normal number if that is larger. Numbers
/// of up to `size` that are divided by it are below 2 and keep their significands.
pub(crate) fn unit(size: f64) -> f64 {
    // Clearing the significand gives the power of two below.
    f64::from_bits(size.to_bits() & f64::INFINITY.to_bits()).max(f64::MIN_POSITIVE)
}
