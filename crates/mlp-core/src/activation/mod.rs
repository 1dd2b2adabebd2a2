//! Activation functions a = f(z), one formula each.

mod elu;
mod gelu;
mod gelu_tanh;
mod hard_tanh;
mod identity;
mod kind;
mod leaky_relu;
mod mish;
mod relu;
mod selu;
mod sigmoid;
mod silu;
mod softplus;
mod softsign;
mod tanh;

pub use elu::Elu;
pub use gelu::Gelu;
pub use gelu_tanh::GeluTanh;
pub use hard_tanh::HardTanh;
pub use identity::Identity;
pub use kind::{ActivationKind, ActivationVisitor, NoCustom};
pub use leaky_relu::LeakyRelu;
pub use mish::Mish;
pub use relu::Relu;
pub use selu::Selu;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use softplus::Softplus;
pub use softsign::Softsign;
pub use tanh::Tanh;

pub(crate) use sigmoid::sigmoid;
pub(crate) use softplus::softplus;

use crate::{Dual, Scalar};
use core::fmt::Debug;

/// An activation function a = f(z), applied to each element.
///
/// To define your own activation, write its formula. Dual numbers supply the derivative. It is exact up to rounding,
/// and as fast as one written by hand wherever the compiler can share work between the two:
///
/// ```
/// use mlp_core::{Activation, Scalar};
///
/// /// f(z) = max(z, 0)^2.
/// #[derive(Clone, Debug)]
/// struct SquaredRelu;
///
/// impl Activation for SquaredRelu {
///     fn value<T: Scalar>(&self, z: T) -> T {
///         let positive = z.at_least(T::zero());
///         positive * positive
///     }
/// }
///
/// assert_eq!(SquaredRelu.derivative(3.0, 9.0), 6.0);
/// ```
///
/// Put `mlp_core::check_activation!(SquaredRelu)` into a test to verify formula and derivative in
/// both precisions. Pass [`ActivationKind::Custom`] to a network to use the activation.
pub trait Activation: Clone + Debug + Send + Sync + 'static {
    /// Returns f(z). Write it without `if` on numbers (use [`Scalar::select_gt`]), and return NaN for NaN.
    #[must_use]
    fn value<T: Scalar>(&self, z: T) -> T;

    /// Returns f'(z), where `value` is f(z). At a kink, it is the left derivative.
    ///
    /// The default evaluates the formula with a dual number. Override it only with a form that is measurably faster,
    /// and verify with `check_activation!` that it is equal.
    #[must_use]
    #[inline(always)]
    fn derivative<T: Scalar>(&self, z: T, value: T) -> T {
        let _ = value;
        self.value(Dual::variable(z)).derivative
    }

    /// Replaces all `values` z by f(z), and writes f'(z) to `derivatives`, a slice of the same length. The results have
    /// the same bits as those of [`value`](Self::value) and [`derivative`](Self::derivative).
    ///
    /// There is a default implementation. Override it if the formula is a long chain of operations, which may be faster
    /// if many elements are processed together.
    ///
    /// # Panics
    /// If there are fewer derivatives than values.
    #[inline(always)]
    fn value_and_derivative<T: Scalar>(&self, values: &mut [T], derivatives: &mut [T]) {
        let derivatives = &mut derivatives[..values.len()];
        let evaluate = |z| {
            let a = self.value(z);
            (a, self.derivative(z, a))
        };
        let half = values.len() / 2;
        let (first, rest) = values.split_at_mut(half);
        let (second, last) = rest.split_at_mut(half);
        let (first_derivatives, rest) = derivatives.split_at_mut(half);
        let (second_derivatives, last_derivative) = rest.split_at_mut(half);
        // Two distant elements at a time, so that the processor can work on one while it waits for the other.
        for i in 0..half {
            let ((a, a_derivative), (b, b_derivative)) = (evaluate(first[i]), evaluate(second[i]));
            (first_derivatives[i], second_derivatives[i]) = (a_derivative, b_derivative);
            (first[i], second[i]) = (a, b);
        }
        for (a, derivative) in last.iter_mut().zip(last_derivative) {
            (*a, *derivative) = evaluate(*a);
        }
    }
}
