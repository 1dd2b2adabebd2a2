//! What makes predictions of a network's last activations.

use crate::activation::sigmoid;
use crate::loss::softmax_in_place;
use crate::{Scalar, TargetKind};

/// What makes predictions of the last layer's activations z: nothing, p = softmax(z) or p = sigmoid(z), by the loss
/// that the network was trained with.
///
/// The cross-entropies work on logits, so that a classifier's last layer is linear; this turns logits into
/// probabilities.
///
/// ```
/// use mlp_core::{Output, TargetKind};
///
/// let mut values = [1000.0, 1000.0];
/// Output::of(TargetKind::Class).apply(&mut values);
/// assert_eq!(values, [0.5, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// p = z.
    Identity,
    /// p_j = e^(z_j) / sum_k e^(z_k): probabilities that sum to 1.
    Softmax,
    /// p_j = 1 / (1 + e^(-z_j)): a probability each for itself.
    Sigmoid,
}

impl Output {
    /// By what the loss takes as target: numbers stay, a class or a distribution is predicted by softmax, and
    /// probabilities each for itself by sigmoid.
    #[must_use]
    pub fn of(target: TargetKind) -> Self {
        match target {
            TargetKind::Real => Self::Identity,
            TargetKind::Class | TargetKind::Distribution => Self::Softmax,
            TargetKind::Probability => Self::Sigmoid,
        }
    }

    /// Makes the prediction of one sample's `values`, in their place.
    pub fn apply<T: Scalar>(&self, values: &mut [T]) {
        match self {
            Self::Identity => {}
            Self::Softmax => softmax_in_place(values),
            Self::Sigmoid => {
                for value in values {
                    *value = sigmoid(*value);
                }
            }
        }
    }
}
