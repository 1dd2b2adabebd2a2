use super::Activation;
use crate::Scalar;

/// The exact Gaussian error linear unit f(z) = z Phi(z) = z/2 erfc(-z/sqrt(2)), where Phi is the distribution function
/// of N(0, 1); f'(z) = Phi(z) + z phi(z). PyTorch's default; JAX's default is [`GeluTanh`](super::GeluTanh).
///
/// erfc keeps the negative tail accurate, whereas (1 + erf)/2 cancels to 0 from z = -6 on in `f32`. f(-inf) = -0.
///
/// Source: D. Hendrycks, K. Gimpel, *Gaussian Error Linear Units* (arXiv:1606.08415).
///
/// ```
/// # use mlp_core::activations::Gelu;
/// # use mlp_core::Activation;
/// assert_eq!(Gelu.value(0.0), 0.0);
/// assert_eq!(Gelu.derivative(0.0, 0.0), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gelu;

impl Activation for Gelu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // Beyond +-40, Phi is 1 or 0 in every precision. Stopping there avoids 0 times infinity.
        let bound = T::from_f64(40.0);
        let inner = z.at_least(-bound);
        let phi = T::from_f64(0.5) * (T::from_f64(-core::f64::consts::FRAC_1_SQRT_2) * inner).erfc();
        z.select_gt(bound, z, inner * phi)
    }
}
