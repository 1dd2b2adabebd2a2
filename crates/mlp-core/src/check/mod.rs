//! Tests for formulas of your own: [`check_activation!`](crate::check_activation) and
//! [`check_loss!`](crate::check_loss) verify an [`Activation`](crate::Activation) and a [`Loss`](crate::Loss) in `f32`
//! and `f64`, at thousands of random arguments and at extreme ones.
//!
//! Both macros take an expression. They panic if a derivative is not that of the formula, if a number turns into NaN, or
//! if a NaN turns into a number; the message names the formula and the argument. [`check_activation`] and [`check_loss`]
//! list all that is verified.
//!
//! # An activation
//! The formula is enough; dual numbers give the derivative. If you override
//! [`derivative`](crate::Activation::derivative) because a shortcut is faster, the check compares it with the formula:
//!
//! ```
//! use mlp_core::{Activation, Scalar};
//!
//! /// f(z) = max(z, 0)^2.
//! #[derive(Clone, Debug)]
//! struct SquaredRelu;
//!
//! impl Activation for SquaredRelu {
//!     fn value<T: Scalar>(&self, z: T) -> T {
//!         let positive = z.at_least(T::zero());
//!         positive * positive
//!     }
//!
//!     /// f'(z) = 2 max(z, 0).
//!     fn derivative<T: Scalar>(&self, z: T, _value: T) -> T {
//!         T::from_f64(2.0) * z.at_least(T::zero())
//!     }
//! }
//!
//! // In a #[test]:
//! mlp_core::check_activation!(SquaredRelu);
//! ```
//!
//! # A loss
//! A loss that is a mean over the outputs is an [`ElementLoss`](crate::ElementLoss), which has one formula; any other
//! loss implements [`Loss`](crate::Loss):
//!
//! ```
//! use mlp_core::{ElementLoss, Scalar};
//!
//! /// The logarithm of the hyperbolic cosine of the error e, as |e| + ln(1 + exp(-2 |e|)) - ln 2.
//! #[derive(Clone, Debug)]
//! struct LogCosh;
//!
//! impl ElementLoss for LogCosh {
//!     fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
//!         let error = (prediction - target).abs();
//!         error + (T::from_f64(-2.0) * error).exp().ln_1p() - T::from_f64(std::f64::consts::LN_2)
//!     }
//! }
//!
//! // In a #[test]:
//! mlp_core::check_loss!(LogCosh);
//! ```
//!
//! A mistake is found, here a wrong factor:
//!
//! ```should_panic
//! # use mlp_core::{Activation, Scalar};
//! #[derive(Clone, Debug)]
//! struct Cube;
//!
//! impl Activation for Cube {
//!     fn value<T: Scalar>(&self, z: T) -> T {
//!         z * z * z
//!     }
//!
//!     fn derivative<T: Scalar>(&self, z: T, _value: T) -> T {
//!         T::from_f64(2.0) * z * z // should be 3 z^2
//!     }
//! }
//!
//! mlp_core::check_activation!(Cube); // derivative at z = ...: expected ... (dual numbers), got ...
//! ```
//!
//! # An equation
//! [`check_equation!`](crate::check_equation) verifies the derivatives of an [`Equation`](crate::equation::Equation). The
//! numbers of inputs and outputs follow the equation:
//!
//! ```should_panic
//! # use mlp_core::Scalar;
//! # use mlp_core::equation::{Equation, Point};
//! #[derive(Debug)]
//! struct Square;
//!
//! impl Equation for Square {
//!     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
//!         let u = at.u()[0];
//!         [T::from_f64(u.to_f64() * u.to_f64())] // should be u * u: `to_f64` drops the derivative
//!     }
//! }
//!
//! mlp_core::check_equation!(Square, 1, 1);
//! ```
//!
//! The random arguments have a fixed seed. With the feature `std`, the environment variable `MLP_CHECK_CASES` sets their
//! number, which is 10,000 by default.

mod activation;
mod equation;
mod loss;
mod points;

pub use activation::check_activation;
pub use equation::check_equation;
pub use loss::check_loss;

/// Checks an [`Activation`](crate::Activation), in `f32` and `f64`; see
/// [`check_activation`](crate::check::check_activation). Put it into a `#[test]`.
#[macro_export]
macro_rules! check_activation {
    ($activation:expr) => {
        $crate::check::check_activation(stringify!($activation), &$activation)
    };
}

/// Checks a [`Loss`](crate::Loss), in `f32` and `f64`; see [`check_loss`](crate::check::check_loss). Put it into a
/// `#[test]`.
#[macro_export]
macro_rules! check_loss {
    ($loss:expr) => {
        $crate::check::check_loss(stringify!($loss), &$loss)
    };
}

/// Checks an [`Equation`](crate::equation::Equation) with that many inputs, outputs and (0 if left out) targets; see
/// [`check_equation`](crate::check::check_equation). Put it into a `#[test]`.
#[macro_export]
macro_rules! check_equation {
    ($equation:expr, $inputs:expr, $outputs:expr) => {
        $crate::check_equation!($equation, $inputs, $outputs, 0)
    };
    ($equation:expr, $inputs:expr, $outputs:expr, $targets:expr) => {
        $crate::check::check_equation(stringify!($equation), &$equation, $inputs, $outputs, $targets)
    };
}
