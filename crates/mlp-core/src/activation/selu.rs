use super::Activation;
use crate::Scalar;

/// The self-normalizing exponential linear unit f(z) = lambda z for z > 0, else lambda alpha (e^z - 1), with lambda =
/// 1.0507... and alpha = 1.6733... such that mean 0 and variance 1 are a fixed point; f'(z) = lambda for z > 0, else
/// lambda alpha e^z. Use it with [`Initializer::LecunNormal`](crate::Initializer::LecunNormal).
///
/// Source: G. Klambauer et al., *Self-Normalizing Neural Networks* (NIPS 2017).
///
/// ```
/// # use mlp_core::activations::Selu;
/// # use mlp_core::Activation;
/// assert_eq!(Selu.value(1.0), 1.0507009873554805);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selu;

const LAMBDA: f64 = 1.050_700_987_355_480_5;
const ALPHA: f64 = 1.673_263_242_354_377_3;

impl Activation for Selu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z.select_gt(
            T::zero(),
            T::from_f64(LAMBDA) * z,
            T::from_f64(LAMBDA * ALPHA) * z.exp_m1(),
        )
    }
}
