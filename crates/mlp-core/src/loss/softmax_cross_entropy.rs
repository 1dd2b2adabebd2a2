use super::binary_cross_entropy::times;
use super::{Loss, TargetKind, check_length};
use crate::{HyperParameterError, Scalar};

/// Softmax cross-entropy on logits: l = -sum_j y_j ln s_j with s = softmax(p); dl/dp_j = s_j sum_k y_k - y_j.
///
/// The network's last layer is linear; the target y is the index of the class (y_j = 1 there, else 0) or a probability
/// for each. ln s_j = (p_j - m) - ln sum_k e^(p_k - m) with m the largest logit: nothing
/// overflows, and no probability is rounded to 0 before its logarithm. A logit of -inf is a class excluded. NaN
/// comes of +inf, in its own entry of the gradient and, where it is the target's, in the loss (for another target the
/// loss is +inf), and of -inf throughout.
///
/// ```
/// # use mlp_core::{Loss, SoftmaxCrossEntropy};
/// let loss = SoftmaxCrossEntropy::with_classes();
/// let mut gradient = [0.0; 2];
/// assert_eq!(loss.value_and_gradient(&[1000.0, 1000.0], &[1.0], &mut gradient), 2_f64.ln());
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Class,
    Distribution,
}

impl SoftmaxCrossEntropy {
    /// The target of a sample is the index of its class: 0, 1, ..., a single number.
    ///
    /// # Panics
    /// Not this function, but evaluating the loss with a target that is no such index.
    pub fn with_classes() -> Self {
        Self { target: Target::Class }
    }

    /// The target of a sample is a probability for each class, together 1 (one-hot, or softer).
    pub fn with_probabilities() -> Self {
        Self {
            target: Target::Distribution,
        }
    }

    /// As a number, for files: 0 with classes, 1 with probabilities.
    pub(super) fn probabilities(self) -> f64 {
        match self.target {
            Target::Class => 0.0,
            Target::Distribution => 1.0,
        }
    }

    /// The inverse of [`probabilities`](Self::probabilities).
    pub(super) fn with_target(probabilities: f64) -> Result<Self, HyperParameterError> {
        if probabilities == 0.0 {
            Ok(Self::with_classes())
        } else if probabilities == 1.0 {
            Ok(Self::with_probabilities())
        } else {
            Err(HyperParameterError::new("probabilities", "0 or 1", probabilities))
        }
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn target_kind(&self) -> TargetKind {
        match self.target {
            Target::Class => TargetKind::Class,
            Target::Distribution => TargetKind::Distribution,
        }
    }

    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        check_length("target", self.target_rows(prediction.len()), target.len());
        let max = finite_max(prediction);
        let mut sum = T::zero();
        for &p in prediction {
            sum += (p - max).exp();
        }
        self.cross_entropy(prediction, target, max, sum)
    }

    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        check_length("target", self.target_rows(prediction.len()), target.len());
        check_length("gradient", prediction.len(), gradient.len());
        let (max, sum) = exponentials(prediction, gradient);
        match self.target {
            Target::Class => {
                let factor = T::one() / sum;
                for g in &mut *gradient {
                    *g *= factor;
                }
                gradient[class(target, prediction.len())] -= T::one();
            }
            Target::Distribution => {
                let mut mass = T::zero();
                for &t in target {
                    mass += t;
                }
                let factor = mass / sum;
                for (g, &t) in gradient.iter_mut().zip(target) {
                    *g = *g * factor - t;
                }
            }
        }
        self.cross_entropy(prediction, target, max, sum)
    }
}

impl SoftmaxCrossEntropy {
    /// sum_j y_j (ln `sum` - (p_j - `max`)).
    fn cross_entropy<T: Scalar>(self, prediction: &[T], target: &[T], max: T, sum: T) -> T {
        let ln_sum = sum.ln();
        match self.target {
            Target::Class => ln_sum - (prediction[class(target, prediction.len())] - max),
            Target::Distribution => {
                let mut total = T::zero();
                for (&p, &t) in prediction.iter().zip(target) {
                    total += times(t, ln_sum - (p - max));
                }
                total
            }
        }
    }
}

/// The class index that `target` is, if it is one below `classes`.
pub(crate) fn class_index(target: f64, classes: usize) -> Option<usize> {
    // Saturating, so that NaN and everything out of range fail the comparison.
    let class = target as usize;
    (class as f64 == target && class < classes).then_some(class)
}

/// The class index in `target`.
fn class<T: Scalar>(target: &[T], classes: usize) -> usize {
    let target = target[0].to_f64();
    class_index(target, classes).unwrap_or_else(|| no_class(target, classes))
}

#[cold]
#[inline(never)]
fn no_class(got: f64, classes: usize) -> ! {
    panic!(
        "softmax cross-entropy: expected a class index from 0 to {}, got {got}",
        classes - 1
    )
}

/// The largest element, or 0 where that is not finite.
fn finite_max<T: Scalar>(values: &[T]) -> T {
    let infinity = T::from_f64(f64::INFINITY);
    let mut max = -infinity;
    for &v in values {
        max = v.select_gt(max, v, max);
    }
    infinity.select_gt(max.abs(), max, T::zero())
}

/// e^(z_j - m) into `out`; returns m and their sum.
fn exponentials<T: Scalar>(logits: &[T], out: &mut [T]) -> (T, T) {
    let max = finite_max(logits);
    let mut sum = T::zero();
    for (o, &z) in out.iter_mut().zip(logits) {
        *o = (z - max).exp();
        sum += *o;
    }
    (max, sum)
}

/// The probabilities of a sample's `logits`: softmax_j = e^(z_j) / sum_k e^(z_k), without overflow.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// let mut probabilities = [0.0; 2];
/// mlp_core::softmax(&[1000.0, 1000.0], &mut probabilities);
/// assert_eq!(probabilities, [0.5, 0.5]);
/// ```
pub fn softmax<T: Scalar>(logits: &[T], probabilities: &mut [T]) {
    assert_eq!(
        logits.len(),
        probabilities.len(),
        "softmax: expected as many probabilities as logits"
    );
    probabilities.copy_from_slice(logits);
    softmax_in_place(probabilities);
}

/// [`softmax`] of `values` in their place.
pub(crate) fn softmax_in_place<T: Scalar>(values: &mut [T]) {
    let max = finite_max(values);
    let mut sum = T::zero();
    for v in &mut *values {
        *v = (*v - max).exp();
        sum += *v;
    }
    for v in values {
        *v /= sum;
    }
}
