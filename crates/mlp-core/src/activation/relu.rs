use super::Activation;
use crate::Scalar;

/// f(z) = max(z, 0), the rectified linear unit; f'(z) = 1 for z > 0, else 0 (also at 0). NaN stays NaN.
///
/// Source: X. Glorot, A. Bordes, Y. Bengio, *Deep Sparse Rectifier Neural Networks* (AISTATS 2011).
///
/// ```
/// # use mlp_core::activations::Relu;
/// # use mlp_core::Activation;
/// assert_eq!((Relu.value(-3.0), Relu.value(2.0)), (0.0, 2.0));
/// assert_eq!(Relu.derivative(0.0, 0.0), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Relu;

impl Activation for Relu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        // z + 0 is z, except for the sign of -0. If z itself were the result, compilers would write only the other
        // results, with a masked store, which is ten times slower on some processors.
        (z + T::zero()).at_least(T::zero())
    }

    /// Returns the derivative that dual numbers give, with one comparison: the value is 0 exactly where the derivative
    /// is 0, and NaN where it is NaN.
    #[inline(always)]
    fn derivative<T: Scalar>(&self, z: T, value: T) -> T {
        z.select_gt(T::zero(), T::one(), value)
    }
}
