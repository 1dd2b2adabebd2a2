use crate::activations::Tanh;
use crate::backend::Tensor;
use crate::naive::Naive;
use crate::training::*;
use crate::{
    Adagrad, Adam, AdamW, BinaryCrossEntropy, GaussNewton, GradientDescent, HalfMse, Huber, Lbfgs, Loss, Mae, Metric,
    Mlp, Model, Momentum, Mse, NAdam, Optimizer, RmsProp, Scaling, Schedule, SoftmaxCrossEntropy, TargetKind,
};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::ops::ControlFlow;

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

/// Returns `samples` samples of two features, which follow a curve from position `first` on.
fn input(first: usize, samples: usize) -> Naive<f64> {
    let x = (2 * first..2 * (first + samples)).map(|k| libm::sin((7 * k + 1) as f64));
    columns(2, &x.collect::<Vec<_>>())
}

fn samples<'a>(input: &'a Naive<f64>, target: &'a Naive<f64>) -> Samples<'a, Naive<f64>> {
    Samples::new(input, target).unwrap()
}

/// Returns the errors that `fit` and `step` report for these samples. Checks that both leave the network unchanged.
fn refused(network: &Network, loss: impl Loss, samples: Samples<'_, Naive<f64>>) -> [String; 2] {
    let trainer = || Trainer::new(loss.clone(), GradientDescent::new(0.1).unwrap());
    let mut other = network.clone();
    let fit = trainer().fit(&mut other, samples, FitOptions::epochs(1));
    let errors = [fit.unwrap_err(), trainer().step(&mut other, samples).unwrap_err()];
    assert_eq!(other, *network);
    errors.map(|error| error.to_string())
}

/// Trains in one call of 100 epochs and in 100 calls of one epoch, and compares the networks and the states.
fn hundred_epochs<O: Optimizer<Naive<f64>> + Clone>(name: &str, optimizer: &O) {
    let (input, held_out) = (input(0, 7), self::input(7, 4));
    let target = columns(1, &[0.5, -0.25, 0.75, -1.0, 0.25, 1.0, 0.0]);
    let held_out_target = columns(1, &[0.5, -0.5, 0.25, 0.0]);
    let data = samples(&input, &target).with_validation(samples(&held_out, &held_out_target));
    let trainer = || {
        let schedule = Schedule::warm_up(9)
            .unwrap()
            .then(9, Schedule::cosine(180, 0.1).unwrap());
        Trainer::new(HalfMse, optimizer.clone())
            .schedule(schedule, Every::Batch)
            .dropout(Dropout::new(0.2, 9).unwrap())
            .early_stopping(EarlyStopping::new(1000).keep_last())
            .metrics(&[Metric::Mae])
    };
    let options = |epochs| FitOptions::epochs(epochs).batch_size(4).shuffle(5);
    let (mut whole, mut whole_trainer) = (network(&[2, 4, 3, 1]), trainer());
    whole_trainer.fit(&mut whole, data, options(100)).unwrap();
    let (mut by_call, mut by_call_trainer) = (network(&[2, 4, 3, 1]), trainer());
    for _ in 0..100 {
        by_call_trainer.fit(&mut by_call, data, options(1)).unwrap();
    }
    assert!(by_call == whole, "{name}: the parameters differ");
    assert!(
        by_call_trainer.state() == whole_trainer.state(),
        "{name}: the states differ"
    );
    assert_ne!(whole, network(&[2, 4, 3, 1]), "{name}: training changes nothing");
}

#[test]
fn a_hundred_fits_of_one_epoch_have_the_bits_of_one_fit_of_a_hundred() {
    hundred_epochs("gradient descent", &GradientDescent::new(0.05).unwrap());
    hundred_epochs("momentum", &Momentum::new(0.05, 0.9).unwrap());
    hundred_epochs("Nesterov", &Momentum::new(0.05, 0.9).unwrap().nesterov(true));
    hundred_epochs(
        "RMSprop",
        &RmsProp::new(0.01)
            .unwrap()
            .centered(true)
            .unwrap()
            .momentum(0.5)
            .unwrap(),
    );
    hundred_epochs("Adagrad", &Adagrad::new(0.05).unwrap());
    hundred_epochs("Adam", &Adam::new(0.01).unwrap());
    hundred_epochs("AdamW", &AdamW::new(0.01).unwrap());
    hundred_epochs("NAdam", &NAdam::new(0.01).unwrap());
    hundred_epochs("L-BFGS", &Lbfgs::new(0.5).unwrap());
    hundred_epochs("Gauss-Newton", &GaussNewton::new(0.5).unwrap());
}

#[test]
fn evaluation_and_validation_drop_nothing() {
    let (input, target) = (input(0, 6), columns(1, &[0.5, -0.25, 0.75, -1.0, 0.25, 1.0]));
    let data = samples(&input, &target);
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap())
        .dropout(Dropout::new(0.5, 1).unwrap())
        .metrics(&[Metric::Mse]);
    let mut network = network(&[2, 8, 1]);
    let mut epochs = 0;
    let observe = |progress: Progress<'_, _, _>| {
        let Event::Epoch { validation_loss, .. } = progress.event else {
            return ControlFlow::Continue(());
        };
        let evaluation = progress.network.evaluate(&HalfMse, data, &[Metric::Mse]).unwrap();
        assert_eq!(validation_loss, Some(evaluation.loss));
        // The loss and the metric computed from the predictions by their formulas.
        let squares = values(&progress.network.predict(&input))
            .into_iter()
            .zip(values(&target));
        let squares: f64 = squares.map(|(p, y)| (p - y) * (p - y)).sum();
        assert!((evaluation.loss - squares / 12.0).abs() < 1e-15);
        assert!((evaluation.metrics[0] - squares / 6.0).abs() < 1e-15);
        epochs += 1;
        ControlFlow::Continue(())
    };
    trainer
        .fit_with(
            &mut network,
            data.with_validation(data),
            FitOptions::epochs(20),
            observe,
        )
        .unwrap();
    assert_eq!(epochs, 20);
    // Training uses dropout. Without it, a learning rate of 0 would give two epochs the same loss.
    let mut still = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()).dropout(Dropout::new(0.5, 1).unwrap());
    Optimizer::<Naive<f64>>::set_learning_rate(still.optimizer_mut(), 0.0).unwrap();
    still.fit(&mut network, data, FitOptions::epochs(2)).unwrap();
    assert_ne!(still.history().loss[0], still.history().loss[1]);
}

/// Inputs and targets of three classes. The third class is never predicted.
fn classes() -> [Naive<f64>; 2] {
    [
        columns(2, &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]),
        columns(1, &[0.0, 0.0, 1.0, 2.0, 1.0]),
    ]
}

#[test]
fn a_metric_of_a_class_is_monitored_and_recorded() {
    let [input, target] = classes();
    let data = samples(&input, &target);
    let loss = SoftmaxCrossEntropy::for_classes();
    let metrics = [Metric::PrecisionOf(0), Metric::RecallOf(2), Metric::F1Of(1)];
    let mut network = network(&[2, 3]);
    let mut trainer = Trainer::new(loss, GradientDescent::new(0.5).unwrap())
        .early_stopping(EarlyStopping::new(3).monitor(Metric::RecallOf(2)))
        .metrics(&metrics);
    let fitted = trainer
        .fit(&mut network, data.with_validation(data), FitOptions::epochs(500))
        .unwrap();
    let history = trainer.history();
    let recall = history.metric(Metric::RecallOf(2)).unwrap();
    let best = trainer.best_epoch().unwrap();
    assert_eq!(fitted.stop, StopReason::Patience { best_epoch: Some(best) });
    assert_eq!(recall.len() as u64, best + 4);
    assert!(recall.iter().all(|&r| r <= recall[best as usize]));
    // The network has the best parameters again, and their metrics are the recorded ones.
    let evaluation = network.evaluate(&loss, data, &metrics).unwrap();
    for (metric, value) in metrics.into_iter().zip(evaluation.metrics) {
        assert_eq!(history.metric(metric).unwrap()[best as usize], value, "{metric}");
    }
}

#[test]
fn metrics_that_cannot_be_computed_are_rejected() {
    let [input, target] = classes();
    let data = samples(&input, &target);
    let refused = |metric, validated: bool| {
        let mut network = network(&[2, 3]);
        let data = if validated {
            data.with_validation(data)
        } else {
            data.into()
        };
        Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.5).unwrap())
            .metrics(&[Metric::Accuracy, metric])
            .fit(&mut network, data, FitOptions::epochs(1))
            .unwrap_err()
    };
    for metric in [Metric::PrecisionOf(3), Metric::RecallOf(3), Metric::F1Of(3)] {
        let error = refused(metric, true);
        assert!(
            matches!(error, TrainError::Metric { metric: got, .. } if got == metric),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            format!("metric {metric}: expected a class from 0 to 2")
        );
        let evaluation = network(&[2, 3])
            .evaluate(&SoftmaxCrossEntropy::for_classes(), data, &[metric])
            .unwrap();
        assert!(evaluation.metrics[0].is_nan());
    }
    assert_eq!(
        refused(Metric::TopK(0), true).to_string(),
        "metric top_0: expected at least 1 as the number of best classes, got 0"
    );
    // These metrics are requested, but not monitored.
    let error = refused(Metric::F1, false);
    assert_eq!(
        error.to_string(),
        "metric accuracy: needs validation samples, but none were given; add `.with_validation(..)`"
    );
}

#[test]
fn targets_that_are_not_probabilities_are_rejected() {
    let (network, input) = (network(&[2, 3]), input(0, 2));
    let probabilities = SoftmaxCrossEntropy::for_probabilities();
    let in_row = |row, got| {
        format!("target: expected a number from 0 to 1 in row {row}, column 1 (a column is a sample), got {got}")
    };
    let good = [0.25, 0.25, 0.5];
    let with = |second: [f64; 3]| columns(3, &[good, second].concat());
    for (target, message) in [
        ([0.0, -1.0, 1.0], in_row(1, -1.0)),
        ([0.0, 1.0, 5.0], in_row(2, 5.0)),
        ([-1e-9, 0.0, 1.0], in_row(0, -1e-9)),
    ] {
        let target = with(target);
        let errors = [message.clone(), message];
        assert_eq!(refused(&network, probabilities, samples(&input, &target)), errors);
        assert_eq!(refused(&network, BinaryCrossEntropy, samples(&input, &target)), errors);
        assert_eq!(
            network
                .evaluate(&BinaryCrossEntropy, samples(&input, &target), &[])
                .unwrap_err()
                .to_string(),
            errors[0]
        );
    }
    for (target, sum) in [
        ([0.5, 0.5, 0.5], 1.5),
        ([0.0, 0.0, 0.0], 0.0),
        ([0.5, 0.25, 0.248], 0.998),
    ] {
        let target = with(target);
        let message = format!(
            "target: expected probabilities that sum to 1 in column 1 (a column is a sample), got a sum of {sum}"
        );
        let errors = [message.clone(), message];
        assert_eq!(refused(&network, probabilities, samples(&input, &target)), errors);
        // The labels of a multilabel target do not have to sum to 1.
        let mut other = network.clone();
        let mut trainer = Trainer::new(BinaryCrossEntropy, GradientDescent::new(0.1).unwrap());
        trainer.step(&mut other, samples(&input, &target)).unwrap();
    }
    // A number that is not finite has the same message as everywhere else.
    for bad in [f64::NAN, f64::INFINITY] {
        let target = with([0.5, bad, 0.5]);
        let message = format!("target: expected a finite number in row 1, column 1 (a column is a sample), got {bad}");
        let errors = [message.clone(), message];
        assert_eq!(refused(&network, probabilities, samples(&input, &target)), errors);
        assert_eq!(refused(&network, BinaryCrossEntropy, samples(&input, &target)), errors);
    }
    let rounded = with([0.333, 0.333, 0.3335]);
    let mut trainer = Trainer::new(probabilities, GradientDescent::new(0.1).unwrap());
    trainer.step(&mut network.clone(), samples(&input, &rounded)).unwrap();
}

/// Checks that weight 0 leaves a sample out, whatever its target: training gives the same bits as without the sample.
fn left_out<L: Loss>(loss: L, good: &[f64]) {
    let rows = loss.target_rows(3);
    let (input, weights) = (input(0, 3), columns(1, &[1.0, 0.0, 1.0]));
    let without = columns(2, &[&values(&input)[..2], &values(&input)[4..]].concat());
    let good = &good[..2 * rows];
    let without_target = columns(rows, good);
    let fit = |samples: Samples<'_, Naive<f64>>| {
        let mut network = network(&[2, 4, 3]);
        let mut trainer = Trainer::new(loss.clone(), Adam::new(0.1).unwrap());
        let data = samples.with_validation(samples);
        trainer.fit(&mut network, data, FitOptions::epochs(3)).unwrap();
        trainer.step(&mut network, samples).unwrap();
        let metric = if loss.target_kind() == TargetKind::Real {
            Metric::Mse
        } else {
            Metric::LogLoss
        };
        let evaluation = network.evaluate(&loss, samples, &[metric]).unwrap();
        (network, trainer.history().clone(), evaluation)
    };
    let (network, history, evaluation) = fit(samples(&without, &without_target));
    for bad in [7.0, -3.0, 0.5, f64::NAN, f64::INFINITY] {
        let target = columns(rows, &[&good[..rows], &vec![bad; rows], &good[rows..]].concat());
        let got = fit(samples(&input, &target).weighted(&weights).unwrap());
        assert!(got.0 == network, "{loss:?}, {bad}: the parameters differ");
        assert_eq!((&got.1, &got.2), (&history, &evaluation), "{loss:?}, {bad}");
    }
}

#[test]
fn a_sample_of_weight_0_is_left_out_whatever_its_target_in_every_loss() {
    let real = [1.0, -2.0, 0.5, 0.25, 3.0, -1.0];
    left_out(HalfMse, &real);
    left_out(Mse, &real);
    left_out(Mae, &real);
    left_out(Huber::default(), &real);
    left_out(BinaryCrossEntropy, &[1.0, 0.0, 0.5, 0.0, 0.0, 1.0]);
    left_out(SoftmaxCrossEntropy::for_classes(), &[2.0, 0.0]);
    left_out(
        SoftmaxCrossEntropy::for_probabilities(),
        &[0.25, 0.5, 0.25, 0.0, 1.0, 0.0],
    );
}

#[test]
fn messages_give_a_position_as_row_and_column() {
    let (network, target) = (network(&[2, 1]), columns(1, &[0.0; 3]));
    let bad = columns(2, &[0.0, 0.0, 0.0, 0.0, 0.0, f64::NAN]);
    let place = "expected a finite number in row 1, column 2 (a column is a sample), got NaN";
    let message = format!("input: {place}");
    assert_eq!(
        refused(&network, HalfMse, samples(&bad, &target)),
        [message.clone(), message]
    );
    for scaling in [Scaling::standard(&bad), Scaling::min_max(&bad)] {
        assert_eq!(scaling.unwrap_err().to_string(), format!("scaling: {place}"));
    }
    let message = "input: expected 2 rows (a column is a sample), got 1".to_string();
    assert_eq!(
        refused(&network, HalfMse, samples(&target, &target)),
        [message.clone(), message]
    );
    let message = "target: expected 1 row (a column is a sample), got 2".to_string();
    let input = columns(2, &[0.0; 6]);
    assert_eq!(
        refused(&network, HalfMse, samples(&input, &input)),
        [message.clone(), message]
    );
}

#[test]
fn the_best_epoch_is_known_without_the_state() {
    let (input, target) = (input(0, 3), columns(1, &[0.5, -0.25, 0.75]));
    let data = samples(&input, &target);
    let mut network = network(&[2, 1]);
    let mut plain = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    plain.fit(&mut network, data, FitOptions::epochs(2)).unwrap();
    assert_eq!(plain.best_epoch(), None);
    let mut trainer = plain.early_stopping(EarlyStopping::new(9));
    assert_eq!(trainer.best_epoch(), None);
    trainer
        .fit(&mut network, data.with_validation(data), FitOptions::epochs(3))
        .unwrap();
    assert_eq!(trainer.best_epoch(), Some(4));
}

#[test]
fn scores_are_those_of_the_network_and_of_the_model_on_raw_samples() {
    let [input, target] = classes();
    let weights = columns(1, &[1.0, 2.0, 1.0, 3.0, 0.0]);
    let data = samples(&input, &target).weighted(&weights).unwrap();
    let (network, loss) = (network(&[2, 3]), SoftmaxCrossEntropy::for_classes());
    let metrics = [Metric::Accuracy, Metric::LogLoss, Metric::RecallOf(1)];
    let scores = network.scores(&loss, data).unwrap();
    let evaluation = network.evaluate(&loss, data, &metrics).unwrap();
    assert_eq!(metrics.map(|metric| metric.value(&scores)), evaluation.metrics[..]);
    assert_eq!(scores.confusion_matrix().unwrap().total(), 7.0);
    let model = Model::new(network.clone(), loss);
    assert_eq!(model.scores(data).unwrap(), scores);
    assert_eq!(model.evaluate(data, &metrics).unwrap(), evaluation.metrics);
    assert!(model.scores(samples(&target, &target)).is_err());
    assert!(network.scores(&loss, samples(&target, &target)).is_err());

    // Raw targets in their own units: y = 3 x + 100, with a network that computes x.
    let mut network = self::network(&[1, 1]);
    network.layers_mut()[0].weights.write(&[1.0]);
    let scaling = |offset, scale| Scaling::from_parts(crate::ScalingKind::Standard, vec![offset], vec![scale]).unwrap();
    let model = Model::new(network, HalfMse)
        .with_input_scaling(scaling(10.0, 2.0))
        .unwrap()
        .with_target_scaling(scaling(100.0, 6.0))
        .unwrap();
    let (x, y) = (columns(1, &[12.0, 8.0]), columns(1, &[106.0, 98.0]));
    assert_eq!(
        model.evaluate(samples(&x, &y), &[Metric::Mse, Metric::Mae]).unwrap(),
        [8.0, 2.0]
    );
}

#[test]
fn a_data_set_with_mapped_inputs_or_targets_keeps_its_weights() {
    let data = Dataset::new(columns(1, &[1.0, 2.0]), columns(1, &[5.0, 6.0])).unwrap();
    let plain = data.map_input(|_| columns(2, &[0.0; 4])).unwrap();
    assert_eq!((plain.input().shape(), plain.sample_weights()), ((2, 2), None));
    let weights = columns(1, &[1.0, 3.0]);
    let data = data.weighted(weights.clone()).unwrap();
    let scaling = Scaling::min_max(data.input()).unwrap();
    let scaled = data.map_input(|input| scaling.apply(input)).unwrap();
    assert_eq!(values(scaled.input()), [0.0, 1.0]);
    assert_eq!(
        (scaled.target(), scaled.sample_weights()),
        (data.target(), Some(&weights))
    );
    let doubled = scaled
        .map_target(|target| columns(1, &values(target).into_iter().map(|y| 2.0 * y).collect::<Vec<_>>()))
        .unwrap();
    assert_eq!(values(doubled.target()), [10.0, 12.0]);
    assert_eq!(
        (doubled.input(), doubled.sample_weights()),
        (scaled.input(), Some(&weights))
    );
    let error = data.map_input(|_| columns(1, &[0.0; 3])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "target: expected 3 samples, as many as the input has columns, got 2"
    );
}
