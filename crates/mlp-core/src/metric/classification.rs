//! What counts right and wrong classes.

use super::scores::{Scored, class_count};
use super::{ConfusionMatrix, Scores};
use crate::TargetKind;

/// The share of samples that are right in every output.
pub(super) fn accuracy(scores: &Scores) -> f64 {
    scores.mean(|sample| match scores.target_kind() {
        TargetKind::Probability => {
            let mut outputs = sample.prediction.iter().zip(sample.target);
            let right = outputs.all(|(p, t)| !p.is_nan() && (*p > 0.5) == (*t > 0.5));
            f64::from(u8::from(right))
        }
        _ => f64::from(u8::from(sample.predicted_class() == Some(sample.class()))),
    })
}

/// The share of samples whose class has fewer than k before it.
pub(super) fn top_k(scores: &Scores, k: usize) -> f64 {
    scores.mean(|sample| f64::from(u8::from(rank(sample).is_some_and(|rank| rank < k))))
}

/// How many classes come before that of the sample: those with a larger prediction, and the earlier of those with an
/// equal one. `None` if a prediction is NaN.
fn rank(sample: Scored<'_>) -> Option<usize> {
    let (class, predictions) = (sample.class(), sample.prediction);
    if predictions.iter().any(|p| p.is_nan()) {
        return None;
    }
    let own = predictions[class];
    let before = |&(j, &p): &(usize, &f64)| p > own || (p == own && j < class);
    Some(predictions.iter().enumerate().filter(before).count())
}

/// Of the confusion matrix of all classes; of multilabel targets, the mean over the outputs of each one's.
pub(super) fn macro_mean(
    scores: &Scores,
    of_classes: impl Fn(&ConfusionMatrix) -> Option<f64>,
    of_output: impl Fn(&ConfusionMatrix) -> f64,
) -> f64 {
    if scores.samples().next().is_none() {
        return f64::NAN;
    }
    if let Some(matrix) = scores.confusion_of_shares() {
        return of_classes(&matrix).unwrap_or(f64::NAN);
    }
    let matrices = (0..scores.outputs()).filter_map(|output| scores.output_confusion_of_shares(output));
    matrices.map(|matrix| of_output(&matrix)).sum::<f64>() / scores.outputs() as f64
}

/// Of a class of the confusion matrix; of multilabel targets, of the 1 of an output. 0 where it is undefined.
pub(super) fn of_class(scores: &Scores, class: usize, value: impl Fn(&ConfusionMatrix, usize) -> Option<f64>) -> f64 {
    if scores.samples().next().is_none() || class >= class_count(scores.target_kind(), scores.outputs()) {
        return f64::NAN;
    }
    let value = match scores.confusion_of_shares() {
        Some(matrix) => value(&matrix, class),
        None => scores
            .output_confusion_of_shares(class)
            .and_then(|matrix| value(&matrix, 1)),
    };
    value.unwrap_or(0.0)
}
