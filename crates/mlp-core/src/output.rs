//! The function that turns the last layer's activation into predictions.

use crate::activation::sigmoid;
use crate::loss::softmax_in_place;
use crate::{Scalar, TargetKind};

/// The function that turns the last layer's activation z of a sample into its predictions.
///
/// The losses take logits and contain the softmax or sigmoid, so the network does not apply it. A prediction has to
/// apply it afterwards.
///
/// ```
/// use mlp_core::{OutputTransform, TargetKind};
///
/// let mut values = [1000.0, 1000.0];
/// OutputTransform::of(TargetKind::Class).apply(&mut values);
/// assert_eq!(values, [0.5, 0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputTransform {
    /// p_j = z_j: real numbers.
    Identity,
    /// p_j = e^(z_j) / sum_k e^(z_k): probabilities with sum 1, computed by [`softmax`](crate::activations::softmax).
    Softmax,
    /// p_j = 1 / (1 + e^(-z_j)): a separate probability for each output.
    Sigmoid,
}

impl OutputTransform {
    /// Returns the function that belongs to a loss with such targets: the identity for real numbers, softmax for
    /// classes and distributions, sigmoid for probabilities.
    #[must_use]
    pub fn of(kind: TargetKind) -> Self {
        match kind {
            TargetKind::Real => Self::Identity,
            TargetKind::Class | TargetKind::Distribution => Self::Softmax,
            TargetKind::Probability => Self::Sigmoid,
        }
    }

    /// Turns the activations of one sample into predictions, in place.
    ///
    /// Nothing overflows, however large the activations are. A logit of +inf or NaN produces NaN in the softmax.
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

    /// Turns the activations of consecutive samples, `outputs` each, into predictions.
    pub(crate) fn apply_to<T: Scalar>(&self, outputs: usize, values: &mut [T]) {
        values.chunks_exact_mut(outputs).for_each(|sample| self.apply(sample));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activations::softmax;

    #[test]
    fn each_kind_of_target_has_its_output() {
        let z = [0.5, -2.0, 3.0, 0.0];
        let apply = |kind| {
            let mut values = z;
            OutputTransform::of(kind).apply(&mut values);
            values
        };
        assert_eq!(apply(TargetKind::Real), z);
        let mut expected = z;
        softmax(&z, &mut expected);
        assert_eq!(apply(TargetKind::Class), expected);
        assert_eq!(apply(TargetKind::Distribution), expected);
        assert!((expected[2] - 3_f64.exp() / z.map(f64::exp).iter().sum::<f64>()).abs() < 1e-15);
        for (p, z) in apply(TargetKind::Probability).into_iter().zip(z) {
            assert!((p - 1.0 / (1.0 + (-z).exp())).abs() < 1e-15, "{z}");
        }
    }

    #[test]
    fn a_sample_without_outputs_stays_empty() {
        for output in [
            OutputTransform::Identity,
            OutputTransform::Softmax,
            OutputTransform::Sigmoid,
        ] {
            output.apply::<f32>(&mut []);
        }
    }
}
