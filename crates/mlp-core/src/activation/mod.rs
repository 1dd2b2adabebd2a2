//! Activation functions: a = f(z), one formula each.

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
pub use kind::{ActivationKind, ActivationVisitor, NoCustom, UnknownActivation};
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
/// Yours is its formula; the derivative comes with it, by dual numbers, exact to rounding and as fast as one written
/// by hand wherever the compiler can share work between the two:
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
/// Put `mlp_core::check_activation!(SquaredRelu)` into a test (feature `check`) to have formula and derivative
/// examined in both precisions, and [`ActivationKind::Custom`] into a network to use it.
pub trait Activation: Clone + Debug + Send + Sync + 'static {
    /// f(z). Write it without `if` on numbers ([`Scalar::select_gt`]), with NaN for NaN.
    #[must_use]
    fn value<T: Scalar>(&self, z: T) -> T;

    /// f'(z), where `value` is f(z). At a kink, the left derivative.
    ///
    /// By default that of a dual number. Override it only with something that was measured to be faster, and let
    /// `check_activation!` prove it equal.
    #[must_use]
    #[inline(always)]
    fn derivative<T: Scalar>(&self, z: T, value: T) -> T {
        let _ = value;
        self.value(Dual::variable(z)).derivative
    }

    /// f(z) of all `values` in their place, and f'(z) beside, in a slice of the same length: what
    /// [`value`](Self::value) and [`derivative`](Self::derivative) give, to the bit.
    ///
    /// Provided. A formula that is a long chain of operations may be faster if many elements go through it together.
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
        // Two far apart at a time: while the processor waits for the one, it has the other to go on with.
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
