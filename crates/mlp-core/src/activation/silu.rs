use super::{Activation, sigmoid};
use crate::Scalar;

/// f(z) = z sigmoid(z), also called swish; f'(z) = s + z s (1 - s) with s = sigmoid(z). f(-inf) = -0.
///
/// Source: S. Elfwing, E. Uchibe, K. Doya, *Sigmoid-Weighted Linear Units* (Neural Networks 107, 2018).
///
/// ```
/// # use mlp_core::activations::Silu;
/// # use mlp_core::Activation;
/// assert_eq!(Silu.value(0.0), 0.0);
/// assert_eq!(Silu.derivative(0.0, 0.0), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Silu;

impl Activation for Silu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // Beyond +-1000, the sigmoid is 1 or 0 in every precision. Stopping there avoids 0 times infinity.
        let bound = T::from_f64(1000.0);
        let inner = z.at_least(-bound);
        z.select_gt(bound, z, inner * sigmoid(inner))
    }
}
