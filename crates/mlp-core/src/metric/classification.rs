//! The metrics that count right and wrong classes.

use super::scores::{Scored, class_count};
use super::{ConfusionMatrix, Scores};
use crate::TargetKind;
use crate::classify::{above_half, largest};

/// Returns the share of samples that are right in every output.
pub(super) fn accuracy(scores: &Scores) -> f64 {
    scores.mean(|sample| match scores.target_kind() {
        TargetKind::Probability => {
            let mut outputs = sample.prediction.iter().zip(sample.target);
            let right = outputs.all(|(p, t)| above_half(*p).is_some_and(|class| class == usize::from(*t > 0.5)));
            f64::from(u8::from(right))
        }
        _ => f64::from(u8::from(largest(sample.prediction) == Some(sample.class()))),
    })
}

/// Returns the share of samples whose class is ranked behind fewer than k others.
pub(super) fn top_k(scores: &Scores, k: usize) -> f64 {
    scores.mean(|sample| f64::from(u8::from(rank(sample).is_some_and(|rank| rank < k))))
}

/// Returns how many classes are ranked before the class of the sample: those with a larger prediction, and earlier ones
/// with an equal prediction. `None` if a prediction is NaN.
fn rank(sample: Scored<'_>) -> Option<usize> {
    let (class, predictions) = (sample.class(), sample.prediction);
    if predictions.iter().any(|p| p.is_nan()) {
        return None;
    }
    let own = predictions[class];
    let before = |&(j, &p): &(usize, &f64)| p > own || (p == own && j < class);
    Some(predictions.iter().enumerate().filter(before).count())
}

/// Computes a value of the confusion matrix of all classes. For multilabel targets, it is the mean of
/// a value of the outputs' matrices, where an undefined one counts as 0. NaN without samples.
pub(super) fn macro_mean(
    scores: &Scores,
    of_classes: impl Fn(&ConfusionMatrix) -> Option<f64>,
    of_output: impl Fn(&ConfusionMatrix) -> Option<f64>,
) -> f64 {
    if scores.samples().next().is_none() {
        return f64::NAN;
    }
    match scores.confusion(|sample| sample.share) {
        Some(matrix) => of_classes(&matrix).unwrap_or(f64::NAN),
        None => scores.mean_over_outputs(|output| {
            of_output(&scores.output_confusion(output, |sample| sample.share)).unwrap_or(0.0)
        }),
    }
}

/// Computes a value of one class of the confusion matrix. For multilabel targets, it is the value of class 1 of an
/// output's matrix. 0 if it is undefined, NaN if there is no such class or no sample.
pub(super) fn of_class(scores: &Scores, class: usize, value: impl Fn(&ConfusionMatrix, usize) -> Option<f64>) -> f64 {
    if scores.samples().next().is_none() || class >= class_count(scores.target_kind(), scores.outputs()) {
        return f64::NAN;
    }
    let value = match scores.confusion(|sample| sample.share) {
        Some(matrix) => value(&matrix, class),
        None => value(&scores.output_confusion(class, |sample| sample.share), 1),
    };
    value.unwrap_or(0.0)
}
