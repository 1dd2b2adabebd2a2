use super::Activation;
use crate::Scalar;

/// f(z) = z tanh(softplus(z)); f'(z) = w + z w' with w = tanh(softplus(z)). f(-inf) = -0.
///
/// tanh(ln(1 + e^z)) is rational in e = e^z: n / (n + 2) with n = e (e + 2).
///
/// Source: D. Misra, *Mish: A Self Regularized Non-Monotonic Activation Function* (BMVC 2020).
///
/// ```
/// # use mlp_core::activations::Mish;
/// # use mlp_core::Activation;
/// assert_eq!(Mish.value(0.0), 0.0);
/// assert!((Mish.derivative(0.0_f64, 0.0) - 0.6).abs() < 1e-15);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mish;

impl Activation for Mish {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // Above 25, w is 1 in every precision; below -1000 it is 0. Limiting z to this range keeps n finite and avoids 0 times
        // infinity.
        let upper = T::from_f64(25.0);
        let inner = z.at_least(T::from_f64(-1000.0)).at_most(upper);
        let two = T::from_f64(2.0);
        let e = inner.exp();
        let n = e * (e + two);
        let r = T::one() / (n + two);
        // Both forms equal w. Each is free of cancellation on its side, in value and derivative.
        let w = z.select_gt(T::zero(), T::one() - two * r, n * r);
        z.select_gt(upper, z, inner * w)
    }
}
