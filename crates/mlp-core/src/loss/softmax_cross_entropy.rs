use super::binary_cross_entropy::times;
use super::{Loss, TargetKind, check_length};
use crate::error::{flag, share};
use crate::{HyperParameterError, Scalar};

/// Softmax cross-entropy on logits: l = -sum_j y_j ln s_j with s = softmax(p); dl/dp_j = s_j sum_k y_k - y_j.
/// [`smoothing`](Self::smoothing) moves the target y towards the same probability for each class.
///
/// The network's last layer must be linear. The target y is the index of the class (y_j = 1 there, else 0) or a
/// probability for each class; by default it is the index, as in PyTorch and scikit-learn. ln s_j is computed as (p_j -
/// m) - ln sum_k e^(p_k - m), where m is the largest logit. Nothing overflows, and no probability is rounded to 0
/// before its logarithm is taken.
///
/// A logit of -inf excludes its class. A logit of +inf makes its own entry of the gradient NaN; the loss is then NaN if
/// that class is the target, and +inf for another target. If all logits are -inf, the loss and the gradient are NaN.
///
/// ```
/// # use mlp_core::{Loss, SoftmaxCrossEntropy};
/// let loss = SoftmaxCrossEntropy::for_classes();
/// let mut gradient = [0.0; 2];
/// assert_eq!(loss.value_and_gradient(&[1000.0, 1000.0], &[1.0], &mut gradient), 2_f64.ln());
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// Whether the target is a probability for each class.
    probabilities: bool,
    /// epsilon.
    smoothing: f64,
}

impl SoftmaxCrossEntropy {
    /// Creates the loss whose target for a sample is the index of its class, a single number: 0, 1, ...
    ///
    /// # Panics
    /// This function does not panic, but evaluating the loss does if a target is not a valid class index.
    pub fn for_classes() -> Self {
        Self::default()
    }

    /// Creates the loss whose target for a sample is a probability for each class, with sum 1 (one-hot or soft).
    pub fn for_probabilities() -> Self {
        Self {
            probabilities: true,
            ..Self::default()
        }
    }

    /// Smooths the labels: instead of the target y, the loss takes (1 - epsilon) y + epsilon / n for n classes. By
    /// default epsilon = 0. The network then gains nothing from probabilities ever closer to 1. It is `label_smoothing`
    /// of PyTorch.
    ///
    /// With it, the loss is infinite if a logit is -inf.
    ///
    /// ```
    /// # use mlp_core::{Loss, SoftmaxCrossEntropy};
    /// let (logits, mut gradient) = ([0.0; 4], [0.0_f64; 4]);
    /// let smoothed = SoftmaxCrossEntropy::for_classes().smoothing(0.2)?;
    /// smoothed.value_and_gradient(&logits, &[1.0], &mut gradient);
    /// // Of y = (0.05, 0.85, 0.05, 0.05).
    /// assert!((gradient[0] - 0.2).abs() < 1e-15 && (gradient[1] + 0.6).abs() < 1e-15);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// Source: C. Szegedy et al., *Rethinking the Inception Architecture for Computer Vision* (CVPR 2016), section 7.
    ///
    /// # Errors
    /// If `epsilon` is not a number from 0 to 1.
    pub fn smoothing(self, epsilon: f64) -> Result<Self, HyperParameterError> {
        let smoothing = share("label smoothing", epsilon)?;
        Ok(Self { smoothing, ..self })
    }

    /// Returns epsilon.
    pub(super) fn label_smoothing(self) -> f64 {
        self.smoothing
    }

    /// Returns the kind of target as a number for files: 0 for classes, 1 for probabilities.
    pub(super) fn probabilities(self) -> f64 {
        self.probabilities.into()
    }

    /// Creates the loss from such a number, the inverse of [`probabilities`](Self::probabilities).
    pub(super) fn with_target(probabilities: f64) -> Result<Self, HyperParameterError> {
        let probabilities = flag("probabilities", probabilities)? == 1.0;
        Ok(Self {
            probabilities,
            ..Self::default()
        })
    }

    /// Returns sum_j y_j (ln `sum` - (p_j - `max`)), where y are the smoothed targets.
    fn cross_entropy<T: Scalar>(self, prediction: &[T], target: &[T], max: T, sum: T) -> T {
        let ln_sum = sum.ln();
        let mut total = T::zero();
        if self.probabilities {
            for (&p, &t) in prediction.iter().zip(target) {
                total += times(t, ln_sum - (p - max));
            }
        } else {
            total = ln_sum - (prediction[class(target, prediction.len())] - max);
        }
        if self.smoothing == 0.0 {
            return total;
        }
        let mut uniform = T::zero();
        for &p in prediction {
            uniform += ln_sum - (p - max);
        }
        let [label, share]: [T; 2] = self.shares(prediction.len());
        label * total + share * uniform
    }

    /// Returns 1 - epsilon and epsilon / n, the shares of the label and of each of n classes in the smoothed target.
    #[inline(always)]
    fn shares<T: Scalar>(self, classes: usize) -> [T; 2] {
        [1.0 - self.smoothing, self.smoothing / classes as f64].map(T::from_f64)
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn target_kind(&self) -> TargetKind {
        if self.probabilities {
            TargetKind::Distribution
        } else {
            TargetKind::Class
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
        let [label, share]: [T; 2] = self.shares(prediction.len());
        if self.probabilities {
            let mut mass = T::zero();
            for &t in target {
                mass += t;
            }
            let factor = (label * mass + T::from_f64(self.smoothing)) / sum;
            for (g, &t) in gradient.iter_mut().zip(target) {
                *g = *g * factor - label * t;
            }
        } else {
            let factor = T::one() / sum;
            for g in &mut *gradient {
                *g *= factor;
            }
            gradient[class(target, prediction.len())] -= label;
        }
        if self.smoothing > 0.0 {
            for g in &mut *gradient {
                *g -= share;
            }
        }
        self.cross_entropy(prediction, target, max, sum)
    }
}

/// Returns `target` as a class index, if it is a whole number from 0 to `classes` - 1.
pub(crate) fn class_index(target: f64, classes: usize) -> Option<usize> {
    // The conversion saturates, so NaN and numbers out of range fail the comparison.
    let class = target as usize;
    (class as f64 == target && class < classes).then_some(class)
}

/// Returns the class index in `target`.
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

/// Returns the largest element, or 0 if it is not finite.
fn finite_max<T: Scalar>(values: &[T]) -> T {
    let infinity = T::from_f64(f64::INFINITY);
    let mut max = -infinity;
    for &v in values {
        max = v.select_gt(max, v, max);
    }
    infinity.select_gt(max.abs(), max, T::zero())
}

/// Writes e^(z_j - m) to `out`. Returns m and the sum of these exponentials.
fn exponentials<T: Scalar>(logits: &[T], out: &mut [T]) -> (T, T) {
    let max = finite_max(logits);
    let mut sum = T::zero();
    for (o, &z) in out.iter_mut().zip(logits) {
        *o = (z - max).exp();
        sum += *o;
    }
    (max, sum)
}

/// Computes the probabilities of a sample's `logits`, softmax_j = e^(z_j) / sum_k e^(z_k), without overflow.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// let mut probabilities = [0.0; 2];
/// mlp_core::activations::softmax(&[1000.0, 1000.0], &mut probabilities);
/// assert_eq!(probabilities, [0.5, 0.5]);
/// ```
#[track_caller]
pub fn softmax<T: Scalar>(logits: &[T], probabilities: &mut [T]) {
    assert_eq!(
        logits.len(),
        probabilities.len(),
        "softmax: expected as many probabilities as logits"
    );
    probabilities.copy_from_slice(logits);
    softmax_in_place(probabilities);
}

/// Computes [`softmax`] of `values` in place.
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
