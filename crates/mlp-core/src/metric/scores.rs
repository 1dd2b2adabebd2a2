use super::ConfusionMatrix;
use crate::TargetKind;
use crate::classify::{above_half, largest};
use crate::error::{check_shape, same};
use crate::loss::class_index;
use crate::scalar::unit;
use alloc::vec::Vec;

/// Predictions and targets of some samples, from which each [`Metric`](super::Metric) is computed.
///
/// Predictions are the probabilities or values that [`OutputTransform`](crate::OutputTransform) computes from the last
/// layer's activation: K numbers per sample, sample after sample. Targets have one class index or K numbers per sample,
/// according to their [`TargetKind`]. The class of a distribution is that of its largest number, the first one if
/// several are equal; a probability is of class 1 if it is above 0.5. Only the log loss and the errors use the exact
/// values of soft targets.
///
/// ```
/// use mlp_core::{Metric, Scores, TargetKind};
///
/// // Two outputs, three samples, the last of which counts twice.
/// let predictions = vec![1.0, 0.0, 2.0, 1.0, 3.0, 5.0];
/// let targets = vec![1.0, 1.0, 2.0, 1.0, 3.0, 2.0];
/// let scores = Scores::new(2, TargetKind::Real, predictions, targets, Some(vec![1.0, 1.0, 2.0]));
/// assert_eq!(Metric::Mse.value(&scores), (1.0 + 2.0 * 9.0) / (4.0 * 2.0));
/// ```
#[derive(Clone, Debug)]
pub struct Scores {
    outputs: usize,
    kind: TargetKind,
    predictions: Vec<f64>,
    targets: Vec<f64>,
    weights: Option<Vec<f64>>,
    /// The [`unit`] of the largest weight.
    unit: f64,
}

/// Two scores are equal if their numbers are, where NaN equals NaN.
impl PartialEq for Scores {
    fn eq(&self, other: &Self) -> bool {
        (self.outputs, self.kind, &self.weights) == (other.outputs, other.kind, &other.weights)
            && same(&self.predictions, &other.predictions)
            && same(&self.targets, &other.targets)
    }
}

/// A sample of weight above 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scored<'a> {
    pub(super) prediction: &'a [f64],
    pub(super) target: &'a [f64],
    pub(super) weight: f64,
    /// The weight in units of [`Scores::unit`]. The largest share is below 2, so sums and products do not overflow. The
    /// unit is a power of two, so no bit changes.
    pub(super) share: f64,
    kind: TargetKind,
}

impl Scores {
    /// Creates the scores of N samples. Each has K = `outputs` `predictions`, 1 (class indices) or K `targets`, and a
    /// weight if `weights` are given.
    ///
    /// # Panics
    /// If there are no outputs, the lengths do not match, a weight is negative or not finite, or the target of a sample
    /// of weight above 0 is invalid: not a class index, or NaN in a distribution or probability.
    #[must_use]
    #[track_caller]
    pub fn new(
        outputs: usize,
        kind: TargetKind,
        predictions: Vec<f64>,
        targets: Vec<f64>,
        weights: Option<Vec<f64>>,
    ) -> Self {
        assert!(outputs > 0, "scores: expected at least 1 output, got 0");
        let samples = predictions.len() / outputs;
        let check = |what, rows: usize, got| check_shape("scores", what, (rows * samples, 1), (got, 1));
        check("predictions", outputs, predictions.len());
        check("targets", kind.rows(outputs), targets.len());
        if let Some(weights) = &weights {
            check("weights", 1, weights.len());
            if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
                let got = weights[i];
                panic!("scores: expected a finite weight of at least 0 for sample {i}, got {got}");
            }
        }
        let largest = |weights: &Vec<f64>| weights.iter().copied().fold(0.0, f64::max);
        let largest = weights.as_ref().map_or(1.0, largest);
        let scores = Self {
            outputs,
            kind,
            predictions,
            targets,
            unit: unit(largest),
            weights,
        };
        for target in scores.samples().map(|sample| sample.target) {
            match kind {
                TargetKind::Real => {}
                TargetKind::Class => assert!(
                    class_index(target[0], outputs).is_some(),
                    "scores: expected a class index from 0 to {} as target, got {}",
                    outputs - 1,
                    target[0]
                ),
                TargetKind::Distribution | TargetKind::Probability => assert!(
                    !target.iter().any(|t| t.is_nan()),
                    "scores: expected numbers in [0, 1] as targets, got NaN"
                ),
            }
        }
        scores
    }

    /// Returns K, the number of predictions of a sample.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Returns the kind of the targets.
    #[must_use]
    pub fn target_kind(&self) -> TargetKind {
        self.kind
    }

    /// Returns N, the number of samples, including those of weight 0.
    #[must_use]
    pub fn len(&self) -> usize {
        self.predictions.len() / self.outputs
    }

    /// Returns whether there are no samples.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.predictions.is_empty()
    }

    /// Returns the confusion matrix: K x K, or 2 x 2 for a single output that is a probability. `None` for real targets
    /// and for multilabel ones, which have [one matrix per output](Self::output_confusion_matrix).
    #[must_use]
    pub fn confusion_matrix(&self) -> Option<ConfusionMatrix> {
        self.confusion(|sample| sample.weight)
    }

    /// Returns the 2 x 2 confusion matrix of one output, whose class is 1 above 0.5, else 0. `None` if the targets are
    /// not [probabilities](TargetKind::Probability).
    ///
    /// # Panics
    /// If `output` is not below K.
    #[must_use]
    #[track_caller]
    pub fn output_confusion_matrix(&self, output: usize) -> Option<ConfusionMatrix> {
        let outputs = self.outputs;
        assert!(
            output < outputs,
            "scores: expected an output below {outputs}, got {output}"
        );
        (self.kind == TargetKind::Probability).then(|| self.output_confusion(output, |sample| sample.weight))
    }

    /// Returns the [`confusion_matrix`](Self::confusion_matrix) of samples with the weights `weight`.
    pub(super) fn confusion(&self, weight: impl Fn(Scored<'_>) -> f64) -> Option<ConfusionMatrix> {
        match self.kind {
            TargetKind::Real => None,
            TargetKind::Class | TargetKind::Distribution => {
                let mut matrix = ConfusionMatrix::new(self.outputs);
                for sample in self.samples() {
                    matrix.add(sample.class(), largest(sample.prediction), weight(sample));
                }
                Some(matrix)
            }
            TargetKind::Probability if self.outputs == 1 => Some(self.output_confusion(0, weight)),
            TargetKind::Probability => None,
        }
    }

    /// Returns the [`output_confusion_matrix`](Self::output_confusion_matrix) of samples with the weights `weight`.
    pub(super) fn output_confusion(&self, output: usize, weight: impl Fn(Scored<'_>) -> f64) -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(2);
        for sample in self.samples() {
            let truth = usize::from(sample.target[output] > 0.5);
            matrix.add(truth, above_half(sample.prediction[output]), weight(sample));
        }
        matrix
    }

    /// Returns the samples of weight above 0.
    pub(super) fn samples(&self) -> impl Iterator<Item = Scored<'_>> {
        let kind = self.kind;
        let targets = self.targets.chunks_exact(kind.rows(self.outputs));
        let pairs = self.predictions.chunks_exact(self.outputs).zip(targets);
        pairs
            .enumerate()
            .map(move |(i, (prediction, target))| {
                let weight = self.weights.as_ref().map_or(1.0, |weights| weights[i]);
                Scored {
                    prediction,
                    target,
                    weight,
                    share: weight / self.unit,
                    kind,
                }
            })
            .filter(|sample| sample.weight > 0.0)
    }

    /// Returns the mean of a value of each output.
    pub(super) fn mean_over_outputs(&self, value: impl Fn(usize) -> f64) -> f64 {
        (0..self.outputs).map(value).sum::<f64>() / self.outputs as f64
    }

    /// Returns sum_i w_i `value`(i) / sum_i w_i; NaN without samples.
    pub(super) fn mean(&self, mut value: impl FnMut(Scored<'_>) -> f64) -> f64 {
        let (mut sum, mut total) = (0.0, 0.0);
        for sample in self.samples() {
            sum += sample.share * value(sample);
            total += sample.share;
        }
        sum / total
    }
}

impl Scored<'_> {
    /// Returns the target class, for class indices and distributions.
    pub(super) fn class(&self) -> usize {
        match self.kind {
            TargetKind::Class => self.target[0] as usize,
            // Targets are not NaN, so there is a largest one.
            _ => largest(self.target).unwrap_or(0),
        }
    }
}

/// Returns the number of classes for targets of this kind and `outputs` outputs. For multilabel targets, it is the
/// number of labels.
pub(crate) fn class_count(kind: TargetKind, outputs: usize) -> usize {
    match kind {
        TargetKind::Real => 0,
        TargetKind::Class | TargetKind::Distribution => outputs,
        TargetKind::Probability => outputs.max(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_target_of_weight_0_may_be_anything() {
        for kind in [TargetKind::Class, TargetKind::Probability, TargetKind::Distribution] {
            let scores = Scores::new(1, kind, vec![0.5; 2], vec![0.0, f64::NAN], Some(vec![1.0, 0.0]));
            assert_eq!((scores.len(), scores.samples().count()), (2, 1));
        }
    }

    #[test]
    #[should_panic(expected = "scores: expected predictions of 6 x 1, got 7 x 1")]
    fn predictions_that_are_no_whole_samples_panic() {
        let _ = Scores::new(2, TargetKind::Real, vec![0.0; 7], vec![0.0; 6], None);
    }

    #[test]
    #[should_panic(expected = "scores: expected targets of 3 x 1, got 6 x 1")]
    fn a_class_a_sample() {
        let _ = Scores::new(2, TargetKind::Class, vec![0.0; 6], vec![0.0; 6], None);
    }

    #[test]
    #[should_panic(expected = "scores: expected weights of 2 x 1, got 1 x 1")]
    fn a_weight_a_sample() {
        let _ = Scores::new(1, TargetKind::Real, vec![0.0; 2], vec![0.0; 2], Some(vec![1.0]));
    }

    #[test]
    #[should_panic(expected = "scores: expected a finite weight of at least 0 for sample 1, got -1")]
    fn negative_weights_panic() {
        let _ = Scores::new(1, TargetKind::Real, vec![0.0; 2], vec![0.0; 2], Some(vec![1.0, -1.0]));
    }

    #[test]
    #[should_panic(expected = "scores: expected a class index from 0 to 1 as target, got 2")]
    fn a_class_out_of_range_panics() {
        let _ = Scores::new(2, TargetKind::Class, vec![0.0; 2], vec![2.0], None);
    }

    #[test]
    #[should_panic(expected = "got NaN")]
    fn a_probability_that_is_nan_panics() {
        let _ = Scores::new(2, TargetKind::Probability, vec![0.0; 2], vec![0.0, f64::NAN], None);
    }

    #[test]
    #[should_panic(expected = "scores: expected at least 1 output, got 0")]
    fn no_outputs_panic() {
        let _ = Scores::new(0, TargetKind::Real, vec![], vec![], None);
    }
    /// Returns the bits of the values of all metrics.
    fn all(scores: &Scores) -> Vec<u64> {
        let names = "accuracy top_1 balanced_accuracy precision recall f1 precision_of_1 recall_of_1 f1_of_1 roc_auc \
                     log_loss mse rmse mae r2";
        let metrics = names.split(' ').map(|name| name.parse::<crate::Metric>().unwrap());
        metrics.map(|metric| metric.value(scores).to_bits()).collect()
    }

    #[test]
    fn only_the_ratios_of_weights_matter_however_large_they_are() {
        let predictions = vec![0.9, 0.1, 0.35, 0.65, 0.7, 0.3, 0.2, 0.8];
        for (kind, targets) in [
            (TargetKind::Class, vec![0.0, 1.0, 1.0, 0.0]),
            (TargetKind::Distribution, vec![1.0, 0.0, 0.25, 0.75, 0.0, 1.0, 0.5, 0.5]),
            (TargetKind::Probability, vec![1.0, 0.0, 0.25, 0.75, 0.0, 1.0, 1.0, 0.0]),
            (TargetKind::Real, vec![1.0, 0.5, 0.25, 0.75, -3.0, 1.0, 0.5, 2.0]),
        ] {
            let scores = |weights: Option<[f64; 4]>| {
                let weights = weights.map(|weights| weights.to_vec());
                Scores::new(2, kind, predictions.clone(), targets.clone(), weights)
            };
            let weighted = |unit: f64| all(&scores(Some([1.1, 0.3, 0.7, 1.7].map(|weight| unit * weight))));
            let expected = weighted(1.0);
            // A power of two does not change the significands of the weights.
            for exponent in [-1000, -400, -1, 1, 530, 1000, 1022, 1023] {
                assert_eq!(weighted(libm::ldexp(1.0, exponent)), expected, "{kind:?}, 2^{exponent}");
            }
            let unweighted = all(&scores(None));
            for weight in [1.0, 1e-320, 0.1, 1e160, 1e308, f64::MAX] {
                assert_eq!(
                    all(&scores(Some([weight; 4])))[0],
                    unweighted[0],
                    "{kind:?}, {weight:e}"
                );
                for (got, expected) in all(&scores(Some([weight; 4]))).into_iter().zip(&unweighted) {
                    let (got, expected) = (f64::from_bits(got), f64::from_bits(*expected));
                    let near = (got - expected).abs() <= 1e-13 * expected.abs();
                    assert!(
                        near || (got.is_nan() && expected.is_nan()),
                        "{kind:?}, {weight:e}: {got}, {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_confusion_matrix_has_the_weights_themselves() {
        let weights = Some(vec![1e160, 3.0]);
        let scores = Scores::new(1, TargetKind::Probability, vec![0.9, 0.2], vec![1.0, 0.0], weights);
        let matrix = scores.confusion_matrix().unwrap();
        assert_eq!((matrix.count(1, 1), matrix.count(0, 0)), (1e160, 3.0));
    }

    #[test]
    fn a_class_has_its_precision_recall_and_f1() {
        let values = |scores: &Scores, class| {
            [Metric::PrecisionOf(class), Metric::RecallOf(class), Metric::F1Of(class)].map(|m| m.value(scores))
        };
        use crate::Metric;
        // The predicted classes are 0, 0, 1, 1 and 0. Class 2 is never predicted, and class 3 does not occur at all.
        let one_hot = |class: usize| (0..4).map(move |k| f64::from(u8::from(k == class)));
        let predictions: Vec<f64> = [0, 0, 1, 1, 0].into_iter().flat_map(one_hot).collect();
        let targets = vec![0.0, 1.0, 1.0, 1.0, 2.0];
        let scores = Scores::new(4, TargetKind::Class, predictions.clone(), targets.clone(), None);
        assert_eq!(values(&scores, 0), [1.0 / 3.0, 1.0, 0.5]);
        assert_eq!(values(&scores, 1), [1.0, 2.0 / 3.0, 0.8]);
        assert_eq!(values(&scores, 2), [0.0; 3]);
        assert_eq!(values(&scores, 3), [0.0; 3]);
        assert!(values(&scores, 4).iter().all(|value| value.is_nan()));
        let weights = Some(vec![3.0, 1.0, 0.0, 1.0, 0.0]);
        let weighted = Scores::new(4, TargetKind::Class, predictions, targets, weights);
        assert_eq!(values(&weighted, 0), [0.75, 1.0, 6.0 / 7.0]);
        // One output stands for two classes; several outputs stand for as many labels.
        let predictions = vec![0.9, 0.8, 0.1, 0.2];
        let binary = Scores::new(
            1,
            TargetKind::Probability,
            predictions.clone(),
            vec![1.0, 0.0, 0.0, 1.0],
            None,
        );
        assert_eq!([values(&binary, 0), values(&binary, 1)], [[0.5; 3]; 2]);
        assert!(values(&binary, 2).iter().all(|value| value.is_nan()));
        let labels = Scores::new(2, TargetKind::Probability, predictions, vec![1.0, 0.0, 1.0, 0.0], None);
        assert_eq!(values(&labels, 0), [1.0, 0.5, 2.0 / 3.0]);
        assert_eq!(values(&labels, 1), [0.0; 3]);
        let real = Scores::new(1, TargetKind::Real, vec![1.0], vec![1.0], None);
        assert!(values(&real, 0).iter().all(|value| value.is_nan()));
    }
}
