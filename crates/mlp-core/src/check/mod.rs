//! Tests for formulas of your own: [`check_activation!`](crate::check_activation),
//! [`check_loss!`](crate::check_loss) and [`check_equation!`](crate::check_equation) verify an
//! [`Activation`](crate::Activation), a [`Loss`](crate::Loss) and an [`Equation`](crate::equation::Equation) in `f32` and
//! `f64`, at thousands of random arguments; the first two also at extreme ones.
//!
//! They take an expression, and [`Options`] if you like. They panic if a derivative is not that of the formula, if a
//! number turns into NaN, or if a NaN turns into a number; the message names the formula and the argument.
//! [`check_activation`], [`check_loss`] and [`check_equation`] list all that is verified.
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
//! # What counts as wrong
//! A formula is evaluated together with a bound on its rounding errors, and a derivative is wrong if it differs by more
//! than these explain. So cancellation, steep slopes and oscillations raise no false alarm, and a factor of 1 + 1e-6 is
//! found wherever the numbers determine the derivative so well. [`Options`] give a range of arguments, known kinks, and
//! a tolerance for derivatives that are approximations:
//!
//! ```
//! use mlp_core::check::Options;
//! use mlp_core::{Activation, Scalar};
//!
//! /// The snake function f(z) = z + sin^2(a z) / a, for periodic data.
//! ///
//! /// Source: L. Ziyin, T. Hartwig, M. Ueda, *Neural Networks Fail to Learn Periodic Functions and How to Fix It*
//! /// (NeurIPS 2020).
//! #[derive(Clone, Debug)]
//! struct Snake {
//!     a: f64,
//! }
//!
//! impl Activation for Snake {
//!     fn value<T: Scalar>(&self, z: T) -> T {
//!         let a = T::from_f64(self.a);
//!         z + (a * z).sin().powi(2) / a
//!     }
//! }
//!
//! mlp_core::check_activation!(Snake { a: 5.0 });
//!
//! /// f(z) = sqrt(z).
//! #[derive(Clone, Debug)]
//! struct Root;
//!
//! impl Activation for Root {
//!     fn value<T: Scalar>(&self, z: T) -> T {
//!         z.sqrt()
//!     }
//! }
//!
//! mlp_core::check_activation!(Root, Options::default().range(1e-3..=100.0));
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
mod bounded;
mod difference;
mod equation;
mod loss;
mod options;
mod points;

pub use activation::check_activation;
pub use equation::check_equation;
pub use loss::check_loss;
pub use options::Options;

/// Checks an [`Activation`](crate::Activation), in `f32` and `f64`; see
/// [`check_activation`](crate::check::check_activation). Put it into a `#[test]`.
#[macro_export]
macro_rules! check_activation {
    ($activation:expr) => {
        $crate::check_activation!($activation, $crate::check::Options::default())
    };
    ($activation:expr, $options:expr) => {
        $crate::check::check_activation(stringify!($activation), &$activation, &$options)
    };
}

/// Checks a [`Loss`](crate::Loss), in `f32` and `f64`; see [`check_loss`](crate::check::check_loss). Put it into a
/// `#[test]`.
#[macro_export]
macro_rules! check_loss {
    ($loss:expr) => {
        $crate::check_loss!($loss, $crate::check::Options::default())
    };
    ($loss:expr, $options:expr) => {
        $crate::check::check_loss(stringify!($loss), &$loss, &$options)
    };
}

/// Checks an [`Equation`](crate::equation::Equation) with that many inputs, outputs and (0 if left out) targets, in `f32`
/// and `f64`; see [`check_equation`](crate::check::check_equation). Put it into a `#[test]`.
#[macro_export]
macro_rules! check_equation {
    ($equation:expr, $inputs:expr, $outputs:expr) => {
        $crate::check_equation!($equation, $inputs, $outputs, 0)
    };
    ($equation:expr, $inputs:expr, $outputs:expr, $targets:expr) => {
        $crate::check_equation!(
            $equation,
            $inputs,
            $outputs,
            $targets,
            $crate::check::Options::default()
        )
    };
    ($equation:expr, $inputs:expr, $outputs:expr, $targets:expr, $options:expr) => {
        $crate::check::check_equation(
            stringify!($equation),
            &$equation,
            [$inputs, $outputs, $targets],
            &$options,
        )
    };
}
