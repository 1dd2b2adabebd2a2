use super::ElementLoss;
use crate::Scalar;

/// The mean squared error of PyTorch and Keras: l = 1/n sum_j (p_j - y_j)^2, dl/dp_j = 2/n (p_j - y_j), over the n
/// outputs.
///
/// ```
/// # use mlp_core::{Loss, Mse};
/// let mut gradient = [0.0; 2];
/// assert_eq!(Mse.value_and_gradient(&[3.0, 1.0], &[1.0, 2.0], &mut gradient), 2.5);
/// assert_eq!(gradient, [2.0, -1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mse;

impl ElementLoss for Mse {
    #[inline(always)]
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let error = prediction - target;
        error * error
    }
}
