use super::{ElementLoss, TargetKind};
use crate::Scalar;
use crate::activation::softplus;

/// Binary cross-entropy on logits: for an output p with target y and s = sigmoid(p), the term is
/// -y ln s - (1 - y) ln(1 - s), computed as y softplus(-p) + (1 - y) softplus(p). Its derivative is s - y, and l is the
/// mean of the terms over the outputs.
///
/// The network's last layer must be linear, and targets lie in [0, 1]. The loss is exact at any logit, including
/// infinite ones: 0 times infinity counts as 0, so +inf with target 1, or -inf with target 0, costs nothing.
///
/// ```
/// # use mlp_core::{BinaryCrossEntropy, Loss};
/// let mut gradient = [0.0];
/// assert_eq!(BinaryCrossEntropy.value_and_gradient(&[0.0], &[1.0], &mut gradient), 2_f64.ln());
/// assert_eq!(gradient, [-0.5]);
/// assert_eq!(BinaryCrossEntropy.value(&[f64::INFINITY], &[1.0]), 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropy;

impl ElementLoss for BinaryCrossEntropy {
    fn target_kind(&self) -> TargetKind {
        TargetKind::Probability
    }

    #[inline(always)]
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        times(target, softplus(-prediction)) + times(T::one() - target, softplus(prediction))
    }
}

/// Returns probability * cost, or 0 if the probability is 0, however large the cost.
#[inline(always)]
pub(super) fn times<T: Scalar>(probability: T, cost: T) -> T {
    // Only 0 and NaN reach the second branch.
    probability.abs().select_gt(T::zero(), probability * cost, probability)
}
