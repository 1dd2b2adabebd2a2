use super::Activation;
use crate::Scalar;

/// The logistic sigmoid f(z) = 1 / (1 + e^(-z)); f'(z) = f(z) (1 - f(z)) = e / (1 + e)^2 with e = e^(-|z|).
///
/// Both keep full relative accuracy down to underflow: the exponential never overflows, and the derivative is not
/// computed from 1 - f(z), which is 0 in `f32` from z = 17 on.
///
/// ```
/// # use mlp_core::activations::Sigmoid;
/// # use mlp_core::Activation;
/// assert_eq!(Sigmoid.value(0.0), 0.5);
/// assert_eq!(Sigmoid.derivative(0.0, 0.5), 0.25);
/// assert!(Sigmoid.derivative(40.0, 1.0) > 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sigmoid;

/// Computes 1 / (1 + e^(-z)).
#[inline(always)]
pub(crate) fn sigmoid<T: Scalar>(z: T) -> T {
    let e = (-z.abs()).exp();
    z.select_gt(T::zero(), T::one(), e) / (T::one() + e)
}

impl Activation for Sigmoid {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        sigmoid(z)
    }
}
