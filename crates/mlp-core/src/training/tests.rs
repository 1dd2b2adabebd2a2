#[path = "../../examples/custom_backend/naive.rs"]
mod naive;

use super::*;
use crate::{
    Adagrad, Adam, AdamW, BinaryCrossEntropy, GradientDescent, HalfSquaredError, Huber, Lbfgs, Loss, MeanAbsoluteError,
    MeanSquaredError, Metric, Mlp, Model, Momentum, NAdam, Optimizer, RmsProp, Scaling, Schedule, SoftmaxCrossEntropy,
    Tanh, TargetKind, Tensor,
};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use naive::Naive;

type Network = Mlp<Naive<f64>>;

fn columns(rows: usize, values: &[f64]) -> Naive<f64> {
    let mut columns = Naive::zeros(rows, values.len() / rows);
    columns.write(values);
    columns
}

fn values(columns: &Naive<f64>) -> Vec<f64> {
    let mut values = Vec::new();
    Naive::read(columns.into(), &mut values);
    values
}

fn network(layer_sizes: &[usize]) -> Network {
    Mlp::builder(layer_sizes).hidden(Tanh).seed(3).build().unwrap()
}

/// So many samples of two features, from `first` on along a curve.
fn input(first: usize, samples: usize) -> Naive<f64> {
    let x = (2 * first..2 * (first + samples)).map(|k| libm::sin((7 * k + 1) as f64));
    columns(2, &x.collect::<Vec<_>>())
}

fn samples<'a>(input: &'a Naive<f64>, target: &'a Naive<f64>) -> Samples<'a, Naive<f64>> {
    Samples::new(input, target).unwrap()
}

/// Three classes, of which the third is never predicted.
fn classes() -> [Naive<f64>; 2] {
    [
        columns(2, &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
        columns(1, &[0.0, 0.0, 1.0, 2.0, 1.0]),
    ]
}

#[test]
fn a_metric_of_a_class_is_watched_and_recorded() {
    let [input, target] = classes();
    let data = samples(&input, &target);
    let loss = SoftmaxCrossEntropy::with_classes();
    let metrics = [Metric::PrecisionOf(0), Metric::RecallOf(2), Metric::F1Of(1)];
    let mut network = network(&[2, 3]);
    let mut trainer = Trainer::new(loss, GradientDescent::new(0.5).unwrap())
        .early_stopping(EarlyStopping::new(3).monitor(Metric::RecallOf(2)))
        .metrics(&metrics);
    let fitted = trainer
        .fit(&mut network, data.validated_by(data), FitOptions::epochs(500), |_| {})
        .unwrap();
    let history = trainer.history();
    let recall = history.metric(Metric::RecallOf(2)).unwrap();
    let best = trainer.best_epoch().unwrap();
    assert_eq!(fitted.stop, StopReason::Patience { best_epoch: Some(best) });
    assert_eq!(recall.len() as u64, best + 4);
    assert!(recall.iter().all(|&r| r <= recall[best as usize]));
    // The best parameters are back, and have what is recorded of them.
    let evaluation = network.evaluate(&loss, data, &metrics).unwrap();
    for (metric, value) in metrics.into_iter().zip(evaluation.metrics) {
        assert_eq!(history.metric(metric).unwrap()[best as usize], value, "{metric}");
    }
}

#[test]
fn metrics_that_cannot_be_had_are_refused() {
    let [input, target] = classes();
    let data = samples(&input, &target);
    let refused = |metric, validated: bool| {
        let mut network = network(&[2, 3]);
        let data = if validated {
            data.validated_by(data)
        } else {
            data.into()
        };
        Trainer::new(SoftmaxCrossEntropy::with_classes(), GradientDescent::new(0.5).unwrap())
            .metrics(&[Metric::Accuracy, metric])
            .fit(&mut network, data, FitOptions::epochs(1), |_| {})
            .unwrap_err()
    };
    for metric in [Metric::PrecisionOf(3), Metric::RecallOf(3), Metric::F1Of(3)] {
        let error = refused(metric, true);
        assert_eq!(error, TrainError::MetricClass { metric, classes: 3 });
        assert_eq!(
            error.to_string(),
            format!("metric {metric}: expected a class from 0 to 2")
        );
        let evaluation = network(&[2, 3])
            .evaluate(&SoftmaxCrossEntropy::with_classes(), data, &[metric])
            .unwrap();
        assert!(evaluation.metrics[0].is_nan());
    }
    assert_eq!(
        refused(Metric::TopK(0), true).to_string(),
        "metric top_0: expected the best 1 or more, got the best 0"
    );
    // Asked for, not watched.
    let error = refused(Metric::F1, false);
    assert_eq!(
        error,
        TrainError::NoValidation {
            metric: Metric::Accuracy
        }
    );
    assert_eq!(
        error.to_string(),
        "metric accuracy: expected validation samples to have it of, got none"
    );
}

#[test]
fn the_best_epoch_is_known_without_the_state() {
    let (input, target) = (input(0, 3), columns(1, &[0.5, -0.25, 0.75]));
    let data = samples(&input, &target);
    let mut network = network(&[2, 1]);
    let mut plain = Trainer::new(HalfSquaredError, GradientDescent::new(0.1).unwrap());
    plain.fit(&mut network, data, FitOptions::epochs(2), |_| {}).unwrap();
    assert_eq!(plain.best_epoch(), None);
    let mut trainer = plain.early_stopping(EarlyStopping::new(9));
    assert_eq!(trainer.best_epoch(), None);
    trainer
        .fit(&mut network, data.validated_by(data), FitOptions::epochs(3), |_| {})
        .unwrap();
    assert_eq!(trainer.best_epoch(), Some(4));
}
