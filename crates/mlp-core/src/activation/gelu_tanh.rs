use super::{Activation, sigmoid};
use crate::Scalar;

/// The tanh form of the Gaussian error linear unit, f(z) = z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3). It is
/// JAX's default and PyTorch's `approximate="tanh"`. It differs from [`Gelu`](super::Gelu) by up to 5e-4.
///
/// It is computed as z sigmoid(2u), since 1 + tanh u suffers from cancellation for z < -4. f(-inf) = -0.
///
/// Source: D. Hendrycks, K. Gimpel, *Gaussian Error Linear Units* (arXiv:1606.08415).
///
/// ```
/// # use mlp_core::activations::GeluTanh;
/// # use mlp_core::Activation;
/// assert_eq!(GeluTanh.value(0.0), 0.0);
/// assert_eq!(GeluTanh.derivative(0.0, 0.0), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GeluTanh;

/// 2 sqrt(2/pi).
const SCALE: f64 = 1.595_769_121_605_730_7;
const CUBIC: f64 = 0.044_715;

impl Activation for GeluTanh {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // Beyond +-30, the sigmoid is 1 or 0 in every precision. Stopping there keeps z^3 finite and avoids 0 times
        // infinity.
        let bound = T::from_f64(30.0);
        let inner = z.at_least(-bound);
        let u = T::from_f64(SCALE) * (inner + T::from_f64(CUBIC) * inner * inner * inner);
        z.select_gt(bound, z, inner * sigmoid(u))
    }
}
