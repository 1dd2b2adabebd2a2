use super::Activation;
use crate::Scalar;

/// f(z) = z / (1 + |z|); f'(z) = 1 / (1 + |z|)^2.
///
/// Source: J. Bergstra et al., *Quadratic Polynomials Learn Better Image Features* (TR 1337, U. Montreal, 2009).
///
/// ```
/// # use mlp_core::activations::Softsign;
/// # use mlp_core::Activation;
/// assert_eq!(Softsign.value(-1.0), -0.5);
/// assert_eq!(Softsign.derivative(1.0, 0.5), 0.25);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Softsign;

impl Activation for Softsign {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // Away from zero, use 1 - r rather than |z| r. The latter is infinity times 0 at infinity, and its derivative,
        // r - |z| r^2, suffers from cancellation.
        let one = T::one();
        let r = one / (one + z.abs());
        z.select_gt(one, one - r, (-z).select_gt(one, r - one, z * r))
    }
}
