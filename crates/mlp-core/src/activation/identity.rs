use super::Activation;
use crate::Scalar;

/// f(z) = z, f'(z) = 1: the linear output layer.
///
/// ```
/// # use mlp_core::activations::Identity;
/// # use mlp_core::Activation;
/// assert_eq!(Identity.value(-3.0), -3.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Identity;

impl Activation for Identity {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z
    }
}
