//! Metrics of the errors of real-valued predictions.

use super::Scores;
use crate::Scalar;
use alloc::vec::Vec;

pub(super) fn mse(scores: &Scores) -> f64 {
    scores.mean_over_outputs(|j| mean_squared_error(scores, j))
}

pub(super) fn rmse(scores: &Scores) -> f64 {
    scores.mean_over_outputs(|j| Scalar::sqrt(mean_squared_error(scores, j)))
}

pub(super) fn mae(scores: &Scores) -> f64 {
    scores.mean_over_outputs(|j| scores.mean(|sample| (sample.prediction[j] - sample.target[j]).abs()))
}

pub(super) fn r2(scores: &Scores) -> f64 {
    if scores.samples().nth(1).is_none() {
        return f64::NAN;
    }
    scores.mean_over_outputs(|j| determination(scores, j))
}

fn mean_squared_error(scores: &Scores, output: usize) -> f64 {
    scores.mean(|sample| square(sample.prediction[output] - sample.target[output]))
}

/// Returns R2 of one output.
fn determination(scores: &Scores, output: usize) -> f64 {
    let error = mean_squared_error(scores, output);
    let targets: Vec<f64> = scores.samples().map(|sample| sample.target[output]).collect();
    // The targets themselves are compared, because their mean may be rounded, and then the variance is not 0.
    let constant = targets.iter().all(|target| *target == targets[0]);
    if constant {
        return match error {
            0.0 => 1.0,
            _ if error.is_nan() => f64::NAN,
            _ => 0.0,
        };
    }
    let mean = scores.mean(|sample| sample.target[output]);
    let variance = scores.mean(|sample| square(sample.target[output] - mean));
    1.0 - error / variance
}

fn square(x: f64) -> f64 {
    x * x
}
