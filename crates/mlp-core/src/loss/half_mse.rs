use super::{ElementLoss, OverOutputs};
use crate::Scalar;

/// Half the squared error: l = 1/2 sum_j (p_j - y_j)^2, dl/dp_j = p_j - y_j, over the outputs j. The mean over the
/// samples is L = 1/(2N) sum_ij (p_ij - y_ij)^2.
///
/// ```
/// # use mlp_core::{HalfMse, Loss};
/// let mut gradient = [0.0; 2];
/// assert_eq!(HalfMse.value_and_gradient(&[3.0, 1.0], &[1.0, 2.0], &mut gradient), 2.5);
/// assert_eq!(gradient, [2.0, -1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HalfMse;

impl ElementLoss for HalfMse {
    fn over_outputs(&self) -> OverOutputs {
        OverOutputs::Sum
    }

    #[inline(always)]
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let error = prediction - target;
        T::from_f64(0.5) * (error * error)
    }
}
