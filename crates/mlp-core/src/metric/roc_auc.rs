use super::Scores;
use crate::TargetKind;
use alloc::vec::Vec;

/// Returns the area under the ROC curve: binary, or the mean over classes or outputs.
pub(super) fn roc_auc(scores: &Scores) -> f64 {
    if scores.target_kind() == TargetKind::Probability {
        let of_output = |j: usize| area(scores, j, scores.samples().map(move |sample| sample.target[j] > 0.5));
        return scores.mean_over_outputs(of_output);
    }
    let classes: Vec<usize> = scores.samples().map(|sample| sample.class()).collect();
    let of_class = |class| area(scores, class, classes.iter().map(move |c| *c == class));
    match scores.outputs() {
        // Class 0 would give the same area.
        2 => of_class(1),
        _ => scores.mean_over_outputs(of_class),
    }
}

/// Returns the area for the predictions of one output. `positive` tells for each sample whether it is positive.
///
/// In ascending order of the prediction, a positive sample forms a correct pair with every negative one before it, and
/// half a pair with each negative one of the same prediction. Without weights the sum is exact.
fn area(scores: &Scores, output: usize, positive: impl Iterator<Item = bool>) -> f64 {
    let mut ranked: Vec<(f64, bool, f64)> = scores
        .samples()
        .zip(positive)
        .map(|(sample, positive)| (sample.prediction[output], positive, sample.share))
        .collect();
    if ranked.iter().any(|(prediction, ..)| prediction.is_nan()) {
        return f64::NAN;
    }
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut in_order, mut positives, mut negatives) = (0.0, 0.0, 0.0);
    // The comparison is by value, so 0.0 and -0.0 are a tie.
    for tied in ranked.chunk_by(|a, b| a.0 == b.0) {
        let weight = |of: bool| tied.iter().filter(|t| t.1 == of).map(|t| t.2).sum::<f64>();
        let (tied_positives, tied_negatives) = (weight(true), weight(false));
        in_order += tied_positives * (negatives + 0.5 * tied_negatives);
        positives += tied_positives;
        negatives += tied_negatives;
    }
    // Without positives or without negatives, this is 0/0, which is NaN.
    in_order / positives / negatives
}
