use super::Activation;
use crate::Scalar;

/// f(z) = ln(1 + e^z), computed as max(z, 0) + ln(1 + e^(-|z|)), which neither overflows nor loses the tail;
/// f'(z) = sigmoid(z).
///
/// Source: C. Dugas et al., *Incorporating Second-Order Functional Knowledge for Better Option Pricing* (NIPS 2000).
///
/// ```
/// # use mlp_core::activations::Softplus;
/// # use mlp_core::Activation;
/// assert_eq!(Softplus.value(1000.0), 1000.0);
/// assert_eq!(Softplus.derivative(0.0, Softplus.value(0.0)), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Softplus;

/// Computes ln(1 + e^z).
#[inline(always)]
pub(crate) fn softplus<T: Scalar>(z: T) -> T {
    z.at_least(T::zero()) + (-z.abs()).exp().ln_1p()
}

impl Activation for Softplus {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        softplus(z)
    }
}
