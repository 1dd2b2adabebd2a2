use super::Activation;
use crate::Scalar;

/// f(z) = z clipped to [-1, 1]; f'(z) = 1 for -1 < z <= 1, else 0 (the left derivative at both kinks).
///
/// ```
/// # use mlp_core::activations::HardTanh;
/// # use mlp_core::Activation;
/// assert_eq!((HardTanh.value(-3.0), HardTanh.value(0.5)), (-1.0, 0.5));
/// assert_eq!((HardTanh.derivative(-1.0, -1.0), HardTanh.derivative(1.0, 1.0)), (0.0, 1.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HardTanh;

impl Activation for HardTanh {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z.at_least(-T::one()).at_most(T::one())
    }
}
