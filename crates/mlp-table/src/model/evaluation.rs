//! How good predictions are.

use super::bootstrap::{Score, scored};
use super::calibration::Conformal;
use super::predictions::{Predictions, Values};
use mlp_core::{ConfusionMatrix, Metric, Scores, TargetKind};

/// Predictions beside the actual targets, and how good they are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation {
    /// The predictions for the rows that have a target.
    pub predictions: Predictions,
    /// These rows of the table, counted from 0.
    pub rows: Vec<usize>,
    /// The actual targets: numbers, or indices of classes.
    pub actual: Vec<f64>,
    /// How good the predictions are: `rmse`, `mae` and `r2` for numbers; `accuracy`, `balanced_accuracy`, `log_loss` and
    /// `roc_auc` for classes. A metric that is not defined for these rows is left out, and so is `roc_auc` of more than
    /// two classes if rows x classes is above 5,000,000.
    pub scores: Vec<Score>,
}

/// A point of the curves of a class against all others: what holds if rows are taken to be of the class from a
/// probability of `threshold` on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CurvePoint {
    /// The least probability that counts as the class.
    pub threshold: f64,
    /// The share of the other rows that are wrongly taken.
    pub false_positive_rate: f64,
    /// The share of the rows of the class that are taken, which is also called recall.
    pub true_positive_rate: f64,
    /// The share of the taken rows that are of the class.
    pub precision: f64,
}

/// The rows with similar probabilities of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// The number of rows.
    pub rows: usize,
    /// Their mean probability of the class.
    pub probability: f64,
    /// The share of them that is of the class.
    pub share: f64,
}

impl Evaluation {
    pub(crate) fn new(predictions: Predictions, rows: Vec<usize>, actual: Vec<f64>, seed: u64) -> Self {
        let (outputs, kind, values) = parts(&predictions);
        let scores = scored(outputs, kind, values, &actual, seed);
        Self {
            predictions,
            rows,
            actual,
            scores,
        }
    }

    /// Returns the score of a metric.
    pub fn score(&self, metric: Metric) -> Option<&Score> {
        self.scores.iter().find(|score| score.metric == metric)
    }

    /// Returns how often rows of each class were predicted as each class, or `None` for numbers.
    pub fn confusion_matrix(&self) -> Option<ConfusionMatrix> {
        let (outputs, kind, values) = parts(&self.predictions);
        Scores::new(outputs, kind, values.to_vec(), self.actual.clone(), None).confusion_matrix()
    }

    /// Returns the share of rows whose target lies in its interval of that level, or `None` for classes.
    ///
    /// # Panics
    /// If the level is not between 0 and 1.
    #[track_caller]
    pub fn coverage(&self, level: f64) -> Option<f64> {
        let intervals = self.predictions.intervals(level)?;
        let covered = intervals
            .iter()
            .zip(&self.actual)
            .filter(|((low, high), actual)| (low..=high).contains(actual));
        Some(covered.count() as f64 / intervals.len() as f64)
    }

    /// Like [`coverage`](Self::coverage), but each half of the rows is covered by the intervals that the other half gives.
    /// For rows that calibrated the model, such as those of [`held_out`](crate::TableModel::held_out), this is evidence.
    ///
    /// # Panics
    /// If the level is not between 0 and 1.
    #[track_caller]
    pub fn coverage_by_halves(&self, level: f64) -> Option<f64> {
        let numbers = self.predictions.numbers().filter(|numbers| numbers.len() >= 2)?;
        assert!(
            0.0 < level && level < 1.0,
            "coverage: expected a level between 0 and 1, got {level}"
        );
        let half = |values: &[f64], first| values.iter().copied().skip(first).step_by(2).collect::<Vec<f64>>();
        let mut covered = 0;
        for (one, other) in [(0, 1), (1, 0)] {
            let conformal = Conformal::fit(&half(numbers, one), &half(&self.actual, one));
            let tested = half(numbers, other).into_iter().zip(half(&self.actual, other));
            covered += tested
                .filter(|&(prediction, actual)| (prediction - actual).abs() <= conformal.half_width(prediction, level))
                .count();
        }
        Some(covered as f64 / numbers.len() as f64)
    }

    /// Returns the points of the ROC curve and of the curve of precision and recall of a class against all others, by
    /// falling threshold, one for each different probability.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn curve(&self, class: usize) -> Vec<CurvePoint> {
        let rows = self.rows_of(class);
        let positives = rows.iter().filter(|(_, is)| *is).count() as f64;
        let negatives = rows.len() as f64 - positives;
        let (mut taken, mut right) = (0.0, 0.0);
        let points = rows.chunk_by(|a, b| a.0 == b.0).map(|tied| {
            taken += tied.len() as f64;
            right += tied.iter().filter(|(_, is)| *is).count() as f64;
            CurvePoint {
                threshold: tied[0].0,
                false_positive_rate: (taken - right) / negatives.max(1.0),
                true_positive_rate: right / positives.max(1.0),
                precision: right / taken,
            }
        });
        points.collect()
    }

    /// Divides the rows by their probability of a class into at most `bins` parts of about equal size, by rising
    /// probability. If a model is calibrated, the share of the class in each part is about the mean probability.
    ///
    /// # Panics
    /// If there is no such class, or `bins` is 0.
    pub fn calibration(&self, class: usize, bins: usize) -> Vec<CalibrationBin> {
        let mut rows = self.rows_of(class);
        rows.reverse();
        let size = rows.len().div_ceil(bins).max(1);
        let bin = |rows: &[(f64, bool)]| CalibrationBin {
            rows: rows.len(),
            probability: rows.iter().map(|(probability, _)| probability).sum::<f64>() / rows.len() as f64,
            share: rows.iter().filter(|(_, is)| *is).count() as f64 / rows.len() as f64,
        };
        rows.chunks(size).map(bin).collect()
    }

    /// Returns for each row its probability of a class and whether it is of that class, by falling probability.
    fn rows_of(&self, class: usize) -> Vec<(f64, bool)> {
        let (classes, kind, probabilities) = parts(&self.predictions);
        assert!(
            kind == TargetKind::Class && class < classes,
            "expected a class below {classes}, got {class}"
        );
        let of_class = probabilities.iter().skip(class).step_by(classes);
        let mut rows: Vec<(f64, bool)> = of_class
            .zip(&self.actual)
            .map(|(&probability, &actual)| (probability, actual == class as f64))
            .collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0));
        rows
    }
}

/// Returns the number of predicted values per row, the kind of the target and the values.
fn parts(predictions: &Predictions) -> (usize, TargetKind, &[f64]) {
    match &predictions.values {
        Values::Numbers { numbers, .. } => (1, TargetKind::Real, numbers),
        Values::Classes { classes, probabilities } => (classes.len(), TargetKind::Class, probabilities),
    }
}
