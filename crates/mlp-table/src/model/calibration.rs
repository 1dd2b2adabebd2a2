//! How sure predictions are, from rows that the networks were not trained on.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What held-out rows tell about the errors of predictions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Calibration {
    /// The absolute errors of numbers.
    Conformal(Arc<Conformal>),
    /// The number by which logits are divided.
    Temperature(f64),
}

impl Calibration {
    pub(crate) fn temperature(&self) -> f64 {
        match self {
            Self::Conformal(_) => 1.0,
            Self::Temperature(temperature) => *temperature,
        }
    }

    /// Returns whether the numbers can be those of a calibration.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Conformal(conformal) => {
                let Conformal { edges, errors, rows } = &**conformal;
                let are_valid =
                    |numbers: &[f64]| numbers.is_sorted() && numbers.iter().all(|number| number.is_finite());
                let valid = |errors: &Vec<f64>| errors.first().is_some_and(|&error| error >= 0.0) && are_valid(errors);
                let counted = |(errors, &rows): (&Vec<f64>, &usize)| errors.len() <= rows;
                let parts = edges.len() + 1;
                (errors.len(), rows.len()) == (parts, parts)
                    && are_valid(edges)
                    && errors.iter().all(valid)
                    && errors.iter().zip(rows).all(counted)
            }
            Self::Temperature(temperature) => temperature.is_finite() && *temperature > 0.0,
        }
    }
}

/// Prediction intervals by split conformal calibration.
///
/// The held-out rows are divided by the size of their predictions, because errors often grow with them. An interval of
/// level q around a prediction is as wide as the ceil((n + 1) q)-th smallest absolute error of the n held-out rows with
/// similar predictions. If rows are exchangeable and had no part in the training, it covers at least a share q of new
/// targets.
///
/// Source: J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani, L. Wasserman, *Distribution-Free Predictive Inference for
/// Regression* (JASA 113, 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conformal {
    /// The predictions between two parts.
    edges: Vec<f64>,
    /// The sorted absolute errors of each part.
    errors: Vec<Vec<f64>>,
    /// The number n of held-out rows of each part, of which at most [`KEPT`] errors are kept.
    rows: Vec<usize>,
}

/// The least number of held-out rows with similar predictions.
const PART: usize = 200;
/// The most parts.
const PARTS: usize = 10;
/// The most errors that are kept of a part.
const KEPT: usize = 500;

impl Conformal {
    /// Fits the intervals to predictions for held-out rows, of which there is at least one.
    pub(crate) fn fit(predictions: &[f64], actual: &[f64]) -> Self {
        let mut rows: Vec<(f64, f64)> = predictions
            .iter()
            .zip(actual)
            .map(|(&prediction, actual)| (prediction, (prediction - actual).abs()))
            .collect();
        rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let parts = (rows.len() / PART).clamp(1, PARTS);
        let (mut edges, mut errors, mut counts) = (vec![], vec![], vec![]);
        let mut first = 0;
        for part in 1..=parts {
            let mut end = part * rows.len() / parts;
            if part < parts {
                // Rows of the same prediction stay together.
                let edge = rows[end].0;
                end = rows.partition_point(|&(prediction, _)| prediction < edge);
                if end <= first {
                    continue;
                }
                edges.push(edge);
            }
            errors.push(kept(rows[first..end].iter().map(|&(_, error)| error).collect()));
            counts.push(end - first);
            first = end;
        }
        Self {
            edges,
            errors,
            rows: counts,
        }
    }

    /// Returns the half width of the interval around a prediction; infinite if there are too few held-out rows for the
    /// level.
    pub(crate) fn half_width(&self, prediction: f64, level: f64) -> f64 {
        let part = self.edges.partition_point(|&edge| edge <= prediction);
        let (errors, rows) = (&self.errors[part], self.rows[part]);
        let rank = ((rows as f64 + 1.0) * level).ceil().max(1.0) as usize;
        // The first of the kept errors that has at least this rank.
        let place = (rank as u128 * errors.len() as u128).div_ceil(rows as u128) as usize;
        errors.get(place - 1).copied().unwrap_or(f64::INFINITY)
    }
}

/// Sorts errors, and keeps at most [`KEPT`] of them, at equally spaced ranks up to the largest.
fn kept(mut errors: Vec<f64>) -> Vec<f64> {
    errors.sort_unstable_by(f64::total_cmp);
    let kept = errors.len().min(KEPT);
    (1..=kept).map(|rank| errors[rank * errors.len() / kept - 1]).collect()
}

/// Returns the temperature with the least `log_loss`, to three digits. It is never worse than 1.
///
/// Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, *On Calibration of Modern Neural Networks* (ICML 2017).
pub(crate) fn fitted_temperature(log_loss: impl Fn(f64) -> f64) -> f64 {
    // Golden section search over the logarithm of the temperature, from 1/20 to 20.
    let shrink = (5_f64.sqrt() - 1.0) / 2.0;
    let of = |logarithm: f64| log_loss(logarithm.exp());
    let (mut low, mut high) = (-(20_f64.ln()), 20_f64.ln());
    let (mut left, mut right) = (high - shrink * (high - low), low + shrink * (high - low));
    let (mut at_left, mut at_right) = (of(left), of(right));
    while high - low > 1e-3 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - shrink * (high - low);
            at_left = of(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + shrink * (high - low);
            at_right = of(right);
        }
    }
    let found = f64::midpoint(low, high).exp();
    if log_loss(found) < log_loss(1.0) { found } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_rank_among_the_errors() {
        let (predictions, actual) = ([0.0; 9], [1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0]);
        let conformal = Conformal::fit(&predictions, &actual);
        // ceil(10 q) for n = 9.
        for (level, width) in [(0.05, 1.0), (0.1, 1.0), (0.11, 2.0), (0.5, 5.0), (0.9, 9.0)] {
            assert_eq!(conformal.half_width(0.0, level), width, "{level}");
        }
        assert_eq!(conformal.half_width(0.0, 0.91), f64::INFINITY);
    }

    #[test]
    fn widths_follow_the_predictions() {
        // The error of prediction i is i.
        let predictions: Vec<f64> = (0..2000).map(f64::from).collect();
        let actual = vec![0.0; 2000];
        let conformal = Conformal::fit(&predictions, &actual);
        assert_eq!((conformal.edges.len(), conformal.errors.len()), (9, 10));
        assert_eq!(conformal.half_width(-5.0, 0.5), 100.0);
        assert_eq!(conformal.half_width(200.0, 0.5), 300.0);
        assert_eq!(conformal.half_width(1e9, 0.5), 1900.0);
        assert!(Calibration::Conformal(Arc::new(conformal)).is_valid());
        // Equal predictions cannot be divided.
        assert_eq!(Conformal::fit(&actual, &predictions).edges.len(), 0);
    }

    #[test]
    fn many_errors_are_thinned_to_the_same_levels() {
        let actual: Vec<f64> = (1..=5000).map(f64::from).collect();
        let conformal = Conformal::fit(&vec![0.0; 5000], &actual);
        assert_eq!(conformal.errors[0].len(), KEPT);
        for level in [0.5, 0.8, 0.9, 0.99, 0.999] {
            let (width, exact) = (conformal.half_width(0.0, level), (5001.0 * level).ceil());
            assert!((0.0..=10.0).contains(&(width - exact)), "{level}: {width}, not {exact}");
        }
        assert_eq!(conformal.half_width(0.0, 0.9999), f64::INFINITY);
    }

    #[test]
    fn the_temperature_is_the_best_and_never_worse_than_one() {
        let loss = |best: f64| move |temperature: f64| (temperature / best).ln().powi(2);
        for best in [0.1, 0.8, 1.7, 12.0] {
            assert!((fitted_temperature(loss(best)) / best - 1.0).abs() < 1e-3, "{best}");
        }
        assert_eq!(fitted_temperature(|_| 0.5), 1.0);
    }
}
