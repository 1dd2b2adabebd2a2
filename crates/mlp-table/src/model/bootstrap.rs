//! Scores with bootstrap intervals.

use crate::scaler::quantile;
use mlp_core::{Metric, Scores, TargetKind};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The value of a metric, with its 95 % bootstrap interval: the range of the middle 95 % of the values on 1,000 samples
/// of the rows, drawn with replacement.
///
/// Source: B. Efron, R. Tibshirani, *An Introduction to the Bootstrap* (1993), percentile interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Score {
    /// The metric.
    pub metric: Metric,
    /// Its value.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// A line such as `accuracy 0.912 (0.894 to 0.928)`.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [value, low, high] = [self.value, self.low, self.high].map(short);
        write!(f, "{} {value} ({low} to {high})", self.metric)
    }
}

/// Formats a number with four significant digits.
fn short(value: f64) -> String {
    let before = if value == 0.0 { 0.0 } else { value.abs().log10().floor() };
    format!("{value:.*}", (3.0 - before).clamp(0.0, 12.0) as usize)
}

/// The number of samples of the rows.
const SAMPLES: usize = 1000;
/// The most rows that are drawn in all. Of large tables, fewer samples give intervals as good.
const DRAWN: usize = 50_000_000;

/// The most rows that are ranked for the areas under ROC curves, times classes: 16 bytes for each, and a visit for each of
/// at least a hundred samples.
const RANKED: usize = 5_000_000;

/// Scores predictions, `outputs` per row, by the metrics of their kind. A metric that is not defined is left out, and so is
/// the area under the ROC curve of very many rows and classes.
pub(crate) fn scored(outputs: usize, kind: TargetKind, predictions: &[f64], actual: &[f64], seed: u64) -> Vec<Score> {
    let scores = Scores::new(outputs, kind, predictions.to_vec(), actual.to_vec(), None);
    let statistics = statistics(outputs, kind, predictions, actual);
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut counts = vec![0.0; actual.len()];
    let mut values = vec![vec![]; statistics.len()];
    for _ in 0..SAMPLES.min((DRAWN / (actual.len() * outputs).max(1)).max(100)) {
        counts.fill(0.0);
        for _ in 0..counts.len() {
            counts[generator.random_range(0..actual.len())] += 1.0;
        }
        for (values, (_, statistic)) in values.iter_mut().zip(&statistics) {
            let value = statistic.value(&counts);
            values.extend(value.is_finite().then_some(value));
        }
    }
    let score = |((metric, _), mut values): ((Metric, Statistic), Vec<f64>)| {
        let value = metric.value(&scores);
        values.sort_unstable_by(f64::total_cmp);
        let end = |share| {
            if values.is_empty() {
                value
            } else {
                quantile(&values, share)
            }
        };
        let (low, high) = (end(0.025), end(0.975));
        value.is_finite().then_some(Score {
            metric,
            value,
            low,
            high,
        })
    };
    statistics.into_iter().zip(values).filter_map(score).collect()
}

/// Prepares the metrics of this kind of predictions.
fn statistics(outputs: usize, kind: TargetKind, predictions: &[f64], actual: &[f64]) -> Vec<(Metric, Statistic)> {
    let of_rows = |metric: Metric| -> Vec<f64> {
        let rows = predictions.chunks_exact(outputs).zip(actual);
        let score = |(row, &actual): (&[f64], &f64)| Scores::new(outputs, kind, row.to_vec(), vec![actual], None);
        rows.map(|row| metric.value(&score(row))).collect()
    };
    if kind == TargetKind::Real {
        let squares = of_rows(Metric::Mse);
        return vec![
            (Metric::Rmse, Statistic::RootMean(squares.clone())),
            (Metric::Mae, Statistic::Mean(of_rows(Metric::Mae))),
            (Metric::R2, Statistic::Determination(squares, actual.to_vec())),
        ];
    }
    let hits = of_rows(Metric::Accuracy);
    let class_of = actual.iter().map(|&class| class as usize).collect();
    let mut statistics = vec![
        (Metric::Accuracy, Statistic::Mean(hits.clone())),
        (
            Metric::BalancedAccuracy,
            Statistic::MeanOfClasses(hits, class_of, outputs),
        ),
        (Metric::LogLoss, Statistic::Mean(of_rows(Metric::LogLoss))),
    ];
    if outputs == 2 || predictions.len() <= RANKED {
        let areas = areas(outputs, predictions, actual);
        statistics.push((Metric::RocAuc, Statistic::Areas(areas)));
    }
    statistics
}

/// A metric as a function of how often each row counts. It is prepared once and evaluated for each sample.
enum Statistic {
    /// The mean of a value per row.
    Mean(Vec<f64>),
    /// The root of the mean.
    RootMean(Vec<f64>),
    /// 1 - mean of the squared errors / variance of the targets.
    Determination(Vec<f64>, Vec<f64>),
    /// The mean over the classes that occur of the mean over their rows; with the class of each row.
    MeanOfClasses(Vec<f64>, Vec<usize>, usize),
    /// The mean of areas under ROC curves.
    Areas(Vec<Vec<Ranked>>),
}

/// A row in the order of its probability of a class.
struct Ranked {
    row: usize,
    /// Whether it is of the class.
    is_positive: bool,
    /// Whether the next row has the same probability.
    is_tied: bool,
}

impl Statistic {
    /// Returns the value if row i counts `counts[i]` times.
    fn value(&self, counts: &[f64]) -> f64 {
        match self {
            Self::Mean(values) => mean(values, counts),
            Self::RootMean(values) => mean(values, counts).sqrt(),
            Self::Determination(squares, targets) => {
                let center = mean(targets, counts);
                let deviations = targets
                    .iter()
                    .zip(counts)
                    .map(|(y, count)| count * (y - center).powi(2));
                1.0 - mean(squares, counts) / (deviations.sum::<f64>() / counts.len() as f64)
            }
            Self::MeanOfClasses(values, class_of, classes) => {
                let mut sums = vec![(0.0, 0.0); *classes];
                for ((value, &class), count) in values.iter().zip(class_of).zip(counts) {
                    sums[class].0 += count * value;
                    sums[class].1 += count;
                }
                sums.retain(|&(_, count)| count > 0.0);
                sums.iter().map(|(sum, count)| sum / count).sum::<f64>() / sums.len() as f64
            }
            Self::Areas(classes) => {
                let areas = classes.iter().map(|rows| area(rows, counts));
                areas.sum::<f64>() / classes.len() as f64
            }
        }
    }
}

/// Returns the mean of values of which each counts `counts` times.
fn mean(values: &[f64], counts: &[f64]) -> f64 {
    values
        .iter()
        .zip(counts)
        .map(|(value, count)| value * count)
        .sum::<f64>()
        / counts.len() as f64
}

/// Returns the area under the ROC curve, as [`Metric::RocAuc`] defines it.
fn area(rows: &[Ranked], counts: &[f64]) -> f64 {
    let (mut in_order, mut positives, mut negatives) = (0.0, 0.0, 0.0);
    // The rows of the same probability so far.
    let (mut tied_positives, mut tied_negatives) = (0.0, 0.0);
    for row in rows {
        let count = counts[row.row];
        if row.is_positive {
            tied_positives += count;
        } else {
            tied_negatives += count;
        }
        if !row.is_tied {
            in_order += tied_positives * (negatives + 0.5 * tied_negatives);
            positives += tied_positives;
            negatives += tied_negatives;
            (tied_positives, tied_negatives) = (0.0, 0.0);
        }
    }
    in_order / positives / negatives
}

/// Returns the rows in the order of their probability, for class 1 of two, or for each of more classes.
fn areas(outputs: usize, predictions: &[f64], actual: &[f64]) -> Vec<Vec<Ranked>> {
    let classes = if outputs == 2 { 1..2 } else { 0..outputs };
    let ranked = |class: usize| {
        let probability = |row: usize| predictions[row * outputs + class];
        let mut rows: Vec<usize> = (0..actual.len()).collect();
        rows.sort_by(|&a, &b| probability(a).total_cmp(&probability(b)));
        let next = rows.iter().skip(1).map(Some).chain([None]);
        rows.iter()
            .zip(next)
            .map(|(&row, next)| Ranked {
                row,
                is_positive: actual[row] == class as f64,
                is_tied: next.is_some_and(|&next| probability(next) == probability(row)),
            })
            .collect()
    };
    classes.map(ranked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes or one number for some rows.
    fn data(outputs: usize, rows: usize) -> (Vec<f64>, Vec<f64>) {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut predictions = vec![];
        let mut actual = vec![];
        for _ in 0..rows {
            // Few different values, so that there are ties.
            let row: Vec<f64> = (0..outputs).map(|_| f64::from(generator.random_range(1..8))).collect();
            let sum = if outputs == 1 { 1.0 } else { row.iter().sum() };
            predictions.extend(row.iter().map(|value| value / sum));
            actual.push(
                f64::from(generator.random_range(0..outputs.max(2) as u32)) + if outputs == 1 { row[0] } else { 0.0 },
            );
        }
        (predictions, actual)
    }

    #[test]
    fn a_statistic_is_the_metric_with_the_counts_as_weights() {
        for (outputs, kind) in [(1, TargetKind::Real), (2, TargetKind::Class), (3, TargetKind::Class)] {
            let (predictions, actual) = data(outputs, 60);
            let counts: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 4)).collect();
            let total: f64 = counts.iter().sum();
            // The counts of a sample add up to the rows, so the last rows are cut off.
            let (mut counts, mut rest) = (counts, total - 60.0);
            for count in counts.iter_mut().rev() {
                let cut = rest.min(*count);
                *count -= cut;
                rest -= cut;
            }
            assert_eq!(counts.iter().sum::<f64>(), 60.0);
            let weighted = Scores::new(outputs, kind, predictions.clone(), actual.clone(), Some(counts.clone()));
            for (metric, statistic) in statistics(outputs, kind, &predictions, &actual) {
                let (value, expected) = (statistic.value(&counts), metric.value(&weighted));
                assert!((value - expected).abs() < 1e-12, "{metric}: {value}, not {expected}");
            }
        }
    }

    #[test]
    fn intervals_have_the_width_of_the_standard_error() {
        // An accuracy of p from n rows has the standard error sqrt(p (1 - p) / n).
        let (rows, right) = (400, 320);
        let predictions: Vec<f64> = (0..rows)
            .flat_map(|i| if i < right { [0.2, 0.8] } else { [0.7, 0.3] })
            .collect();
        let scores = scored(2, TargetKind::Class, &predictions, &vec![1.0; rows], 1);
        let accuracy = &scores[0];
        assert_eq!((accuracy.metric, accuracy.value), (Metric::Accuracy, 0.8));
        let width = 2.0 * 1.96 * (0.8 * 0.2 / rows as f64).sqrt();
        assert!(((accuracy.high - accuracy.low) / width - 1.0).abs() < 0.1, "{accuracy}");
        assert!(accuracy.low < 0.8 && 0.8 < accuracy.high);
        // The area under the curve is not defined with one class.
        assert!(scores.iter().all(|score| score.metric != Metric::RocAuc));
        assert_eq!(scored(2, TargetKind::Class, &predictions, &vec![1.0; rows], 1), scores);
    }

    #[test]
    fn a_thousand_classes_of_many_rows_are_scored_without_ranking_them() {
        let (outputs, rows) = (1000, 20_000);
        let predictions = vec![1e-3; outputs * rows];
        let actual: Vec<f64> = (0..rows).map(|row| (row % outputs) as f64).collect();
        let metrics = |rows: usize| -> Vec<Metric> {
            let predictions = &predictions[..outputs * rows];
            let statistics = statistics(outputs, TargetKind::Class, predictions, &actual[..rows]);
            statistics.iter().map(|(metric, _)| *metric).collect()
        };
        let most = [Metric::Accuracy, Metric::BalancedAccuracy, Metric::LogLoss];
        assert_eq!(metrics(rows), most);
        assert_eq!(metrics(1000), [&most[..], &[Metric::RocAuc]].concat());
    }

    #[test]
    fn a_score_is_shown_with_four_digits() {
        let score = |value| Score {
            metric: Metric::Rmse,
            value,
            low: 0.0,
            high: 12_345.6,
        };
        assert_eq!(score(0.123_456).to_string(), "rmse 0.1235 (0.000 to 12346)");
    }
}
