use super::Activation;
use crate::Scalar;

/// The hyperbolic tangent; f'(z) = 1 - tanh^2(z), computed as e (1 + |tanh(z)|)^2 with e = e^(-2|z|), which
/// keeps its relative accuracy where tanh rounds to 1.
///
/// ```
/// # use mlp_core::activations::Tanh;
/// # use mlp_core::Activation;
/// assert_eq!(Tanh.value(0.0), 0.0);
/// assert_eq!(Tanh.derivative(0.0, 0.0), 1.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tanh;

impl Activation for Tanh {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z.tanh()
    }

    #[inline(always)]
    fn value_and_derivative<T: Scalar>(&self, values: &mut [T], derivatives: &mut [T]) {
        let derivatives = &mut derivatives[..values.len()];
        T::tanh_and_derivatives(values, derivatives);
    }
}
