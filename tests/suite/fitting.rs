//! Tests the parts of training other than loss and optimizer: each follows its formula. Training that is divided by
//! calls, by the observer or by a saved state gives the bits of undivided training.

use crate::network_gradient::flatten;
use mlp_core::activations::{Identity, LeakyRelu, Relu, Tanh};
use mlp_core::state::{StateError, TrainerState};
use mlp_core::{
    Adagrad, Adam, AdamW, Clip, DataError, Dense, Diverged, Dropout, EarlyStopping, Event, Every, FitOptions,
    GaussNewton, GradientDescent, HalfMse, Lbfgs, Loss, Metric, Mlp, Momentum, Monitor, NAdam, Optimizer, Penalty,
    Progress, ReduceOnPlateau, RmsProp, Samples, Schedule, SoftmaxCrossEntropy, StopReason, TrainError, Trainer,
    Workspace,
};
use mlp_cpu::{Element, Matrix};
use std::ops::ControlFlow;

fn network<T: Element>(layer_sizes: &[usize]) -> Mlp<Matrix<T>> {
    Mlp::builder(layer_sizes).hidden(Tanh).seed(3).build().unwrap()
}

/// Returns `samples` samples of two features and one target along a curve, starting at `from`.
fn data<T: Element>(from: usize, samples: usize) -> (Matrix<T>, Matrix<T>) {
    let input = Matrix::from_fn(2, samples, |i, j| {
        T::from_f64(((3 * i + 7 * (from + j) + 1) as f64).sin())
    });
    let target = Matrix::from_fn(1, samples, |_, j| T::from_f64(((5 * (from + j) + 2) as f64).cos()));
    (input, target)
}

fn flat(network: &Mlp<Matrix<f64>>) -> Vec<f64> {
    flatten(network.layers()).concat()
}

/// An optimizer that records the gradient and leaves the parameters unchanged.
#[derive(Clone, Debug)]
struct Spy {
    learning_rate: f64,
    loss: f64,
    gradient: Vec<f64>,
}

impl Default for Spy {
    fn default() -> Self {
        Self {
            learning_rate: 0.5,
            loss: f64::NAN,
            gradient: Vec::new(),
        }
    }
}

impl Optimizer<Matrix<f64>> for Spy {
    fn step(
        &mut self,
        layers: &mut [Dense<Matrix<f64>>],
        objective: &mut dyn mlp_core::backend::Objective<Matrix<f64>>,
    ) -> Result<f64, mlp_core::NonFinite> {
        self.loss = objective.evaluate(layers);
        self.gradient = flatten(objective.gradient_mut()).concat();
        Ok(self.loss)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), mlp_core::HyperParameterError> {
        self.learning_rate = learning_rate;
        Ok(())
    }

    fn reset(&mut self) {}

    fn state(&self) -> mlp_core::state::OptimizerState<Matrix<f64>> {
        mlp_core::state::OptimizerState::new("spy")
    }

    fn restore(
        &mut self,
        _: mlp_core::state::OptimizerState<Matrix<f64>>,
        _: &[Dense<Matrix<f64>>],
    ) -> Result<(), StateError> {
        Ok(())
    }
}

/// Returns a network whose biases are not 0, unlike those of a new network.
fn biased() -> Mlp<Matrix<f64>> {
    let mut network = network(&[2, 4, 1]);
    for layer in network.layers_mut() {
        layer.bias = Matrix::from_fn(layer.outputs(), 1, |i, _| 0.3 - 0.2 * i as f64);
    }
    network
}

/// Returns the loss, and the gradient for all parameters, as an optimizer sees them.
fn seen(shape: impl FnOnce(Trainer<Matrix<f64>, HalfMse, Spy>) -> Trainer<Matrix<f64>, HalfMse, Spy>) -> Spy {
    let (input, target) = data(0, 9);
    let mut trainer = shape(Trainer::new(HalfMse, Spy::default()));
    trainer
        .step(&mut biased(), Samples::new(&input, &target).unwrap())
        .unwrap();
    trainer.optimizer().clone()
}

/// Returns which parameters are weights and not biases, in the order of `flat`.
fn is_weight() -> Vec<bool> {
    let tensors = network::<f64>(&[2, 4, 1]);
    let tensors = tensors
        .layers()
        .iter()
        .flat_map(|layer| [(&layer.weights, true), (&layer.bias, false)]);
    tensors
        .flat_map(|(tensor, weight)| vec![weight; tensor.to_vec().len()])
        .collect()
}

#[test]
fn penalties_add_their_value_and_their_gradient() {
    let plain = seen(|trainer| trainer);
    let parameters = flat(&biased());
    let of = |penalty: Penalty| seen(|trainer| trainer.penalty(penalty));
    for (penalty, l1, l2, biases) in [
        (Penalty::l2(0.3).unwrap(), 0.0, 0.3, false),
        (Penalty::l1(0.2).unwrap(), 0.2, 0.0, false),
        (Penalty::elastic_net(0.2, 0.3).unwrap(), 0.2, 0.3, false),
        (
            Penalty::elastic_net(0.2, 0.3).unwrap().penalize_biases(true),
            0.2,
            0.3,
            true,
        ),
    ] {
        let got = of(penalty);
        let mut loss = plain.loss;
        for (i, (&w, weight)) in parameters.iter().zip(is_weight()).enumerate() {
            let sign = if w == 0.0 { 0.0 } else { w.signum() };
            let expected = if weight || biases {
                loss += l1 * w.abs() + 0.5 * l2 * w * w;
                plain.gradient[i] + l1 * sign + l2 * w
            } else {
                plain.gradient[i]
            };
            assert!((got.gradient[i] - expected).abs() < 1e-15, "{penalty:?}, parameter {i}");
        }
        assert!(
            (got.loss - loss).abs() < 1e-14,
            "{penalty:?}: got {}, expected {loss}",
            got.loss
        );
    }
    assert_eq!(
        Penalty::l2(-0.1).unwrap_err().to_string(),
        "L2 penalty: expected a finite number of at least 0, got -0.1"
    );
    assert!(Penalty::l1(f64::NAN).is_err());
}

#[test]
fn clipping_bounds_the_norm_or_each_value() {
    let plain = seen(|trainer| trainer).gradient;
    let norm = |gradient: &[f64]| gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
    let whole = norm(&plain);
    let clipped = seen(|trainer| trainer.clip(Clip::norm(0.25 * whole).unwrap())).gradient;
    for (got, plain) in clipped.iter().zip(&plain) {
        assert!((got - 0.25 * plain).abs() < 1e-15 * whole);
    }
    let loose = seen(|trainer| trainer.clip(Clip::norm(1.0001 * whole).unwrap())).gradient;
    assert_eq!(loose, plain, "a gradient within the bound stays as it is");

    let max = plain.iter().fold(0.0_f64, |max, g| max.max(g.abs())) / 3.0;
    let cut = seen(|trainer| trainer.clip(Clip::value(max).unwrap())).gradient;
    assert_eq!(cut, plain.iter().map(|g| g.clamp(-max, max)).collect::<Vec<_>>());
    assert_ne!(cut, plain);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Clip::norm(bad).is_err() && Clip::value(bad).is_err());
    }
}

#[test]
fn the_penalty_is_clipped_with_the_rest() {
    let clip = Clip::value(1e-3).unwrap();
    let gradient = seen(|trainer| trainer.clip(clip).penalty(Penalty::l2(100.0).unwrap())).gradient;
    assert!(gradient.iter().all(|g| g.abs() <= 1e-3));
}

/// Uses a network of one weight, for which the minimum of the loss with a penalty is known.
#[test]
fn l1_moves_the_minimum_by_its_weight() {
    let input = Matrix::from_columns(&[[-1.0], [1.0]]);
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build().unwrap();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()).penalty(Penalty::l1(0.25).unwrap());
    trainer
        .fit(
            &mut network,
            Samples::new(&input, &input).unwrap(),
            FitOptions::epochs(500),
        )
        .unwrap();
    // (w - 1)^2 / 2 + |w| / 4 is least at w = 3/4.
    assert!((network.layers()[0].weights[(0, 0)] - 0.75).abs() < 1e-12);
}

/// Compares the activations of the first hidden layer in one step with dropout with those without it. Their effect on
/// the gradient of the output layer's weights, which is delta times the activations, shows them.
#[test]
fn dropout_drops_its_share_and_scales_the_rest() {
    let (probability, neurons) = (0.3, 4000);
    // With one sample and all hidden activations 1, the gradient of output weight k is delta a_k.
    let hidden = Dense {
        weights: Matrix::zeros(neurons, 1),
        bias: Matrix::from_fn(neurons, 1, |_, _| 1.0),
    };
    let output = Dense {
        weights: Matrix::zeros(1, neurons),
        bias: Matrix::zeros(1, 1),
    };
    for linear in [true, false] {
        let kind = if linear {
            Identity.into()
        } else {
            LeakyRelu::new(0.5).unwrap().into()
        };
        let mut network =
            Mlp::<Matrix<f64>>::from_layers(vec![(hidden.clone(), kind), (output.clone(), Identity.into())]).unwrap();
        let (input, target) = (Matrix::from_columns(&[[0.0]]), Matrix::from_columns(&[[-1.0]]));
        let samples = Samples::new(&input, &target).unwrap();
        let dropout = Dropout::new(probability, 5).unwrap();
        let mut trainer = Trainer::new(HalfMse, Spy::default()).dropout(dropout);
        let mut steps = Vec::new();
        for _ in 0..2 {
            trainer.step(&mut network, samples).unwrap();
            steps.push(trainer.optimizer().gradient[2 * neurons..3 * neurons].to_vec());
        }
        for step in &steps {
            let dropped = step.iter().filter(|a| **a == 0.0).count() as f64;
            // Five standard deviations.
            let tolerance = 5.0 * (probability * (1.0 - probability) * neurons as f64).sqrt();
            assert!(
                (dropped - probability * neurons as f64).abs() < tolerance,
                "{dropped} dropped"
            );
            assert!(
                step.iter()
                    .all(|&a| a == 0.0 || (a - 1.0 / (1.0 - probability)).abs() < 1e-15)
            );
        }
        assert_ne!(steps[0], steps[1], "each step draws anew");
        // Dropped neurons get no gradient either.
        let mut with_weights = network.clone();
        with_weights.layers_mut()[1].weights = Matrix::from_fn(1, neurons, |_, _| 1.0);
        trainer.step(&mut with_weights, samples).unwrap();
        let gradient = &trainer.optimizer().gradient;
        let (bias, activation) = (&gradient[neurons..2 * neurons], &gradient[2 * neurons..3 * neurons]);
        assert!(
            bias.iter()
                .zip(activation)
                .all(|(bias, a)| (*bias == 0.0) == (*a == 0.0))
        );
    }
    assert_eq!(
        Dropout::new(1.0, 0).unwrap_err().to_string(),
        "dropout probability: expected a number of at least 0 and below 1, got 1"
    );
}

/// Dropout of probability 0 changes no bit of training; other dropout does, and its seed determines the bits.
#[test]
fn dropout_of_nothing_changes_nothing() {
    let (input, target) = data(0, 300);
    let samples = Samples::new(&input, &target).unwrap();
    let fit = |dropout: Option<Dropout>| {
        let mut network = network::<f64>(&[2, 6, 5, 1]);
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
        if let Some(dropout) = dropout {
            trainer = trainer.dropout(dropout);
        }
        trainer.fit(&mut network, samples, FitOptions::epochs(3)).unwrap();
        network
    };
    let dropout = |p| Some(Dropout::new(p, 1).unwrap());
    assert_eq!(fit(dropout(0.0)), fit(None));
    assert_ne!(fit(dropout(0.2)), fit(None));
    assert_eq!(fit(dropout(0.2)), fit(dropout(0.2)), "the same seed");
    assert_ne!(
        fit(dropout(0.2)),
        fit(Some(Dropout::new(0.2, 2).unwrap())),
        "another seed"
    );
}

/// Returns a network with a linear hidden layer and hidden layers of odd sizes.
fn partly_linear() -> Mlp<Matrix<f64>> {
    let hidden = [Tanh.into(), Identity.into(), Tanh.into()];
    Mlp::builder(&[2, 7, 5, 3, 1])
        .each_hidden(hidden)
        .seed(1)
        .build()
        .unwrap()
}

/// The trainer cuts the batch into parts. So the sums of their gradients differ in the last bits, but not the
/// activations that are dropped.
#[test]
fn a_trainer_drops_the_activations_that_the_forward_pass_drops() {
    let (input, target) = data(0, 300);
    let dropout = Dropout::new(0.3, 5).unwrap();
    let (mut by_hand, mut trained) = (partly_linear(), partly_linear());
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()).dropout(dropout.clone());
    let mut workspace = Workspace::new(&by_hand, 300).unwrap();
    for step in 0..3 {
        by_hand.forward_with_dropout(&input, &dropout, step, &mut workspace);
        let expected = by_hand.loss(&HalfMse, &target, &mut workspace);
        by_hand.backward(&mut workspace);
        by_hand.gradient(&input, &mut workspace);
        let mut descent = GradientDescent::new(0.1).unwrap();
        descent.update(by_hand.layers_mut(), workspace.gradient_mut()).unwrap();
        let got = trainer
            .step(&mut trained, Samples::new(&input, &target).unwrap())
            .unwrap();
        assert!(
            (got - expected).abs() < 1e-13 * expected,
            "step {step}: {got}, {expected}"
        );
    }

    // A workspace that has been used for dropout can be used without it.
    let mut fresh = Workspace::new(&by_hand, 300).unwrap();
    for workspace in [&mut workspace, &mut fresh] {
        by_hand.forward(&input, workspace);
        by_hand.pullback(&input, &target, workspace);
    }
    assert_eq!(workspace.gradient(), fresh.gradient());
}

/// Compares the gradient with differences of the outputs, which have the same activations dropped.
#[test]
fn a_pullback_after_dropout_is_that_of_the_thinned_network() {
    let (network, dropout) = (partly_linear(), Dropout::new(0.4, 5).unwrap());
    let (input, ones) = (data(0, 9).0, Matrix::from_fn(1, 9, |_, _| 1.0));
    let mut workspace = Workspace::new(&network, 9).unwrap();
    network.forward_with_dropout(&input, &dropout, 3, &mut workspace);
    network.pullback(&input, &ones, &mut workspace);
    let gradient = workspace.gradient().to_vec();
    let mut sum = |network: &Mlp<Matrix<f64>>| {
        network.forward_with_dropout(&input, &dropout, 3, &mut workspace);
        (0..9)
            .map(|sample| workspace.prediction().column(sample)[0])
            .sum::<f64>()
    };
    for (l, gradient) in gradient.iter().enumerate() {
        for i in 0..gradient.bias.rows() {
            let [above, below] = [1e-6, -1e-6].map(|change| {
                let mut changed = network.clone();
                changed.layers_mut()[l].bias[(i, 0)] += change;
                sum(&changed)
            });
            let difference = (above - below) / 2e-6;
            let got = gradient.bias[(i, 0)];
            assert!((got - difference).abs() < 1e-8, "layer {l}, {i}: {got}, {difference}");
        }
    }
}

#[test]
fn dropout_follows_its_schedule() {
    let (network, input) = (partly_linear(), data(0, 9).0);
    let mut workspace = Workspace::new(&network, 9).unwrap();
    let mut activations = |dropout: &Dropout, step| {
        network.forward_with_dropout(&input, dropout, step, &mut workspace);
        [0, 1, 2, 3].map(|layer| workspace.activation(layer).to_matrix())
    };
    let dropout = |probability| Dropout::new(probability, 5).unwrap();
    let falling = dropout(0.5).schedule(Schedule::exponential(0.5).unwrap());
    for (step, probability) in [(0, 0.5), (1, 0.25), (2, 0.125), (2000, 0.0)] {
        assert_eq!(activations(&falling, step), activations(&dropout(probability), step));
    }
    // A factor above 1 counts as 1.
    let rising = dropout(0.5).schedule(Schedule::exponential(2.0).unwrap());
    assert_eq!(activations(&rising, 3), activations(&dropout(0.5), 3));
}

#[test]
fn a_schedule_sets_the_weight_decay_of_each_step() {
    let (input, target) = data(0, 9);
    let samples = Samples::new(&input, &target).unwrap();
    let schedule = Schedule::exponential(0.5).unwrap();
    for every in [Every::Batch, Every::Epoch] {
        let adamw = || AdamW::new(0.1).unwrap();
        let trainer = Trainer::new(HalfMse, adamw()).weight_decay_schedule(0.4, schedule.clone(), every);
        let (mut trainer, mut by_hand) = (trainer.unwrap(), Trainer::new(HalfMse, adamw()));
        let (mut network, mut other) = (network::<f64>(&[2, 4, 1]), network::<f64>(&[2, 4, 1]));
        for epoch in 0..3 {
            trainer.fit(&mut network, samples, FitOptions::epochs(1)).unwrap();
            by_hand
                .optimizer_mut()
                .set_weight_decay(0.4 * schedule.factor(epoch))
                .unwrap();
            by_hand.fit(&mut other, samples, FitOptions::epochs(1)).unwrap();
            assert_eq!(network, other, "{every:?}, epoch {epoch}");
        }
    }
    let trainer = Trainer::<Matrix<f64>, _, _>::new(HalfMse, AdamW::new(0.1).unwrap());
    let refused = |initial| {
        trainer
            .clone()
            .weight_decay_schedule(initial, Schedule::constant(), Every::Batch)
    };
    assert_eq!(
        refused(-0.5).unwrap_err().to_string(),
        "weight decay: expected a finite number of at least 0, got -0.5"
    );
    let descent = Trainer::<Matrix<f64>, _, _>::new(HalfMse, GradientDescent::new(0.1).unwrap());
    let refused = descent.weight_decay_schedule(0.1, Schedule::constant(), Every::Batch);
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .starts_with("weight decay: expected an optimizer that has it")
    );
    // A factor may be too large.
    let growing = Schedule::step(1, f64::MAX).unwrap();
    let mut trainer = trainer.weight_decay_schedule(2.0, growing, Every::Batch).unwrap();
    let mut network = network::<f64>(&[2, 4, 1]);
    trainer.step(&mut network, samples).unwrap();
    let error = trainer.step(&mut network, samples).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weight decay: expected a finite number of at least 0, got inf"
    );
}

#[test]
fn schedules_set_the_learning_rate_of_each_step() {
    let (input, target) = data(0, 9);
    let samples = Samples::new(&input, &target).unwrap();
    let rates = |every| {
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.5).unwrap())
            .schedule(Schedule::exponential(0.5).unwrap(), every);
        let mut network = network::<f64>(&[2, 4, 1]);
        trainer
            .fit(&mut network, samples, FitOptions::epochs(3).batch_size(5))
            .unwrap();
        trainer.history().learning_rate.clone()
    };
    assert_eq!(rates(Every::Epoch), [0.5, 0.25, 0.125]);
    // Each epoch has two steps; the history has the learning rate of the last one.
    assert_eq!(rates(Every::Batch), [0.25, 0.0625, 0.015_625]);
}

#[test]
fn a_plateau_reduces_the_learning_rate() {
    let (input, target) = data(0, 9);
    let samples = Samples::new(&input, &target).unwrap();
    // The losses never fall, because the spy does not train.
    let mut trainer =
        Trainer::new(HalfMse, Spy::default()).reduce_on_plateau(ReduceOnPlateau::new(0.1, 2).unwrap(), Monitor::Loss);
    trainer
        .fit(&mut network::<f64>(&[2, 4, 1]), samples, FitOptions::epochs(8))
        .unwrap();
    let rates = &trainer.history().learning_rate;
    // Epoch 0 is the best; epochs 1, 2 and 3 are one more than patience allows.
    let expected = [0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005];
    for (epoch, (got, expected)) in rates.iter().zip(expected).enumerate() {
        assert!(
            (got - expected).abs() < 1e-15,
            "epoch {epoch}: got {got}, expected {expected}"
        );
    }
}

#[test]
fn early_stopping_waits_and_gives_the_best_parameters_back() {
    let (train, held_out) = (data::<f64>(0, 12), data::<f64>(12, 12));
    let samples = |(input, target)| Samples::new(input, target).unwrap();
    let data = samples((&train.0, &train.1)).with_validation(samples((&held_out.0, &held_out.1)));
    let mut network = network::<f64>(&[2, 30, 1]);
    let momentum = || Trainer::new(HalfMse, Momentum::new(0.05, 0.9).unwrap());
    let mut trainer = momentum().early_stopping(EarlyStopping::new(7)).metrics(&[Metric::Mse]);
    let (mut networks, mut improvements, mut stop) = (Vec::new(), Vec::new(), None);
    let fitted = trainer
        .fit_with(&mut network, data, FitOptions::epochs(5000), |progress| {
            match progress.event {
                Event::Epoch {
                    epoch, validation_loss, ..
                } => {
                    assert_eq!(epoch as usize + 1, progress.history.epochs());
                    let expected = progress
                        .network
                        .evaluate(&HalfMse, samples((&held_out.0, &held_out.1)), &[])
                        .unwrap();
                    assert_eq!(validation_loss, Some(expected.loss), "epoch {epoch}");
                    networks.push(progress.network.clone());
                }
                Event::Improvement { epoch, best } => improvements.push((epoch, best)),
                Event::Stop(reason) => stop = Some(reason),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let history = trainer.history();
    let best = (0..history.epochs())
        .reduce(|best, epoch| {
            if history.validation_loss[epoch] < history.validation_loss[best] {
                epoch
            } else {
                best
            }
        })
        .unwrap();
    assert_eq!(
        fitted.stop,
        StopReason::Patience {
            best_epoch: Some(best as u64)
        }
    );
    assert_eq!(stop, Some(fitted.stop));
    assert_eq!(history.epochs(), best + 1 + 7, "seven epochs of patience");
    assert_eq!(network, networks[best], "the best parameters are restored");
    assert_ne!(network, networks[best + 7]);
    assert_eq!(improvements.last(), Some(&(best as u64, history.validation_loss[best])));
    let mut lowest = f64::INFINITY;
    let expected = history.validation_loss.iter().enumerate().filter(|(_, loss)| {
        let better = **loss < lowest;
        lowest = lowest.min(**loss);
        better
    });
    let expected: Vec<_> = expected.map(|(epoch, loss)| (epoch as u64, *loss)).collect();
    assert_eq!(improvements, expected, "each improvement is reported");
    // For one output, half the mean squared error is the half squared error.
    let mse = history.metric(Metric::Mse).unwrap();
    assert!(
        mse.iter()
            .zip(&history.validation_loss)
            .all(|(mse, loss)| (0.5 * mse - loss).abs() < 1e-14)
    );
    assert_eq!(fitted.epochs as usize, history.epochs());

    // The best parameters are restored also if the epochs end before patience does, unless the last ones are kept.
    for (keep_last, expected) in [(false, &networks[best]), (true, &networks[best + 2])] {
        let stopping = EarlyStopping::new(7);
        let stopping = if keep_last { stopping.keep_last() } else { stopping };
        let start = || (self::network::<f64>(&[2, 30, 1]), momentum().early_stopping(stopping));
        let options = FitOptions::until(best as u64 + 3);
        let (mut whole, mut trainer) = start();
        let fitted = trainer.fit(&mut whole, data, options).unwrap();
        assert_eq!((fitted.stop, &whole), (StopReason::Epochs, expected));

        // A checkpoint of the last event sees the last parameters, and leads to the same end.
        let (mut resumed, mut trainer) = start();
        let mut checkpoint = None;
        let observer = |progress: Progress<'_, Matrix<f64>, _>| {
            checkpoint = Some((progress.network.clone(), progress.state()));
            ControlFlow::Continue(())
        };
        let end = FitOptions::until(best as u64 + 2);
        trainer.fit_with(&mut resumed, data, end, observer).unwrap();
        let (mut resumed, state) = checkpoint.unwrap();
        assert_eq!(resumed, networks[best + 1]);
        let (_, mut trainer) = start();
        trainer.restore(state, resumed.layers()).unwrap();
        trainer.fit(&mut resumed, data, options).unwrap();
        assert_eq!(&resumed, expected, "resumed, keep_last: {keep_last}");
    }

    // Training that has ended does not start again.
    let again = trainer
        .fit_with(&mut network, data, FitOptions::epochs(5), |progress| {
            if let Event::Epoch { .. } = progress.event {
                panic!("no epoch");
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((again.stop, again.epochs), (fitted.stop, 0));
}

#[test]
fn a_metric_is_watched_where_it_is_better_the_higher() {
    let input = Matrix::from_fn(2, 40, |i, j| ((3 * i + 7 * j + 1) as f64).sin());
    let class = Matrix::from_fn(1, 40, |_, j| f64::from(u8::from(input[(0, j)] > 0.2)));
    let samples = Samples::new(&input, &class).unwrap();
    let trainer = || {
        Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.5).unwrap())
            .early_stopping(EarlyStopping::new(5).monitor(Metric::Accuracy))
    };
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 8, 2]).hidden(Tanh).build().unwrap();
    let mut trained = trainer();
    let fitted = trained
        .fit(&mut network, samples.with_validation(samples), FitOptions::epochs(5000))
        .unwrap();
    let accuracy = trained.history().metric(Metric::Accuracy).unwrap();
    let StopReason::Patience {
        best_epoch: Some(best_epoch),
    } = fitted.stop
    else {
        panic!("{fitted:?}")
    };
    assert!(accuracy.iter().all(|a| *a <= accuracy[best_epoch as usize]));
    assert!(accuracy[best_epoch as usize] > 0.9);
    let evaluation = network
        .evaluate(&SoftmaxCrossEntropy::for_classes(), samples, &[Metric::Accuracy])
        .unwrap();
    assert_eq!(evaluation.metrics, [accuracy[best_epoch as usize]]);

    let error = Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.5).unwrap())
        .metrics(&[Metric::R2])
        .fit(&mut network, samples, FitOptions::epochs(1))
        .unwrap_err();
    assert_eq!(
        error,
        TrainError::Metric {
            metric: Metric::R2,
            problem: "not defined for Class targets, which this loss takes; choose another metric".to_owned()
        }
    );
}

#[test]
fn data_that_are_not_finite_are_refused_with_their_place() {
    let fit = |input: &Matrix<f64>, target: &Matrix<f64>, weights: Option<&Matrix<f64>>, validation: bool| {
        let mut samples = Samples::new(input, target).unwrap();
        if let Some(weights) = weights {
            samples = samples.weighted(weights).unwrap();
        }
        let good = data(0, 3);
        let good = Samples::new(&good.0, &good.1).unwrap();
        let data = if validation {
            good.with_validation(samples)
        } else {
            samples.into()
        };
        let mut network = network(&[2, 4, 1]);
        let before = network.clone();
        let result =
            Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()).fit(&mut network, data, FitOptions::epochs(1));
        if result.is_err() {
            assert_eq!(network, before);
        }
        result.map(|_| ()).map_err(|error| error.to_string())
    };
    let (input, target) = data::<f64>(0, 200);
    for (row, sample, bad) in [(0, 0, f64::NAN), (1, 130, f64::INFINITY), (0, 199, f64::NEG_INFINITY)] {
        let mut input = input.clone();
        input[(row, sample)] = bad;
        let message =
            format!("input: expected a finite number in row {row}, column {sample} (a column is a sample), got {bad}");
        assert_eq!(fit(&input, &target, None, false).unwrap_err(), message);
        assert_eq!(fit(&input, &target, None, true).unwrap_err(), message);
    }
    let mut target = target.clone();
    target[(0, 64)] = f64::NAN;
    assert_eq!(
        fit(&input, &target, None, false).unwrap_err(),
        "target: expected a finite number in row 0, column 64 (a column is a sample), got NaN"
    );
    // A sample of weight 0 is ignored, whatever its target.
    let weights = Matrix::from_fn(1, 200, |_, j| if j == 64 { 0.0 } else { 1.0 });
    assert_eq!(fit(&input, &target, Some(&weights), false), Ok(()));
    let largest = Matrix::from_fn(2, 200, |_, _| 1e300);
    let weights = Matrix::from_fn(1, 200, |_, j| f64::from(u8::from(j != 64)));
    assert_eq!(
        fit(&largest, &target, Some(&weights), false),
        Ok(()),
        "large numbers are finite"
    );
    let error = DataError::NotFinite {
        what: "input",
        sample: 1,
        row: 2,
        got: f64::NAN,
    };
    assert_eq!(
        error.to_string(),
        "input: expected a finite number in row 2, column 1 (a column is a sample), got NaN"
    );
}

/// A metric that is added later is NaN for earlier epochs; the order of metrics does not matter.
#[test]
fn a_trainer_may_have_more_metrics_than_its_state() {
    let (input, target) = data::<f64>(0, 9);
    let samples = Samples::new(&input, &target).unwrap();
    let samples = samples.with_validation(samples);
    let trainer = |metrics: &[Metric]| Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()).metrics(metrics);
    let mut network = network(&[2, 4, 1]);
    let mut first = trainer(&[Metric::Mse, Metric::Mae]);
    first.fit(&mut network, samples, FitOptions::epochs(2)).unwrap();
    let mut second = trainer(&[Metric::R2, Metric::Mae, Metric::Mse]);
    second.restore(first.state(), network.layers()).unwrap();
    second.fit(&mut network, samples, FitOptions::epochs(1)).unwrap();
    let history = second.history();
    assert_eq!(
        history.metric(Metric::Mae).unwrap()[..2],
        *first.history().metric(Metric::Mae).unwrap()
    );
    let r2 = history.metric(Metric::R2).unwrap();
    assert!(r2[0].is_nan() && r2[1].is_nan() && r2[2].is_finite());
}

/// A metric that is always NaN is never best. Without validation samples, early stopping restores no parameters.
#[test]
fn early_stopping_gives_back_what_validation_found_and_nothing_else() {
    let input = Matrix::from_fn(2, 8, |i, j| ((3 * i + 7 * j + 1) as f64).sin());
    let class = Matrix::zeros(1, 8);
    let samples = Samples::new(&input, &class).unwrap();
    let builder = || Mlp::<Matrix<f64>>::builder(&[2, 4, 2]).build().unwrap();
    let fit = |stopping: EarlyStopping, network: &mut Mlp<Matrix<f64>>, validated: bool| {
        let loss = SoftmaxCrossEntropy::for_classes();
        let mut trainer = Trainer::new(loss, GradientDescent::new(0.5).unwrap()).early_stopping(stopping);
        let mut last = network.clone();
        let data = if validated {
            samples.with_validation(samples)
        } else {
            samples.into()
        };
        let fitted = trainer
            .fit_with(network, data, FitOptions::epochs(50), |progress| {
                if let Event::Epoch { .. } = progress.event {
                    last = progress.network.clone();
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(!trainer.restore_best(network));
        assert_eq!(*network, last, "as the last step left it");
        fitted
    };
    // There is only one class, so there is no pair to order.
    let undefined = fit(EarlyStopping::new(5).monitor(Metric::RocAuc), &mut builder(), true);
    assert_eq!(
        (undefined.stop, undefined.epochs),
        (StopReason::Patience { best_epoch: None }, 5)
    );
    // No loss improves by a million.
    let stopping = || EarlyStopping::new(5).min_change(1e6).unwrap();
    for (monitor, validated) in [(Monitor::Loss, false), (Monitor::TrainingLoss, true)] {
        let fitted = fit(stopping().monitor(monitor), &mut builder(), validated);
        assert_eq!(
            (fitted.stop, fitted.epochs),
            (StopReason::Patience { best_epoch: Some(0) }, 6)
        );
    }
}

#[test]
fn a_norm_whose_square_overflows_is_clipped() {
    let step = |x: f64, max: f64| {
        let input = Matrix::from_columns(&[[x]]);
        let layer = Dense {
            weights: Matrix::from_rows(&[[0.0]]),
            bias: Matrix::zeros(1, 1),
        };
        let mut network = Mlp::<Matrix<f64>>::from_layers(vec![(layer, Identity.into())]).unwrap();
        let optimizer = GradientDescent::new(1.0).unwrap();
        let mut trainer = Trainer::new(HalfMse, optimizer).clip(Clip::norm(max).unwrap());
        trainer
            .step(&mut network, Samples::new(&input, &input).unwrap())
            .unwrap();
        network.layers()[0].weights[(0, 0)]
    };
    // The gradient of the weight is -x^2 = -1e240, that of the bias -x.
    assert!((step(1e120, 1.0) - 1.0).abs() < 1e-15);
    assert!((step(1e85, 1.0) - 1.0).abs() < 1e-15);
    assert_eq!(
        step(1e120, 1e300),
        1e120 * 1e120,
        "a gradient within the bound keeps its bits"
    );
}

/// Tests parts of samples in which no sample has a weight.
#[test]
fn samples_without_weight_are_refused_wherever_they_come_from() {
    let (input, target) = data::<f64>(0, 4);
    let weights = Matrix::from_columns(&[[0.0], [0.0], [1.0], [1.0]]);
    let samples = Samples::new(&input, &target).unwrap().weighted(&weights).unwrap();
    let mut network = network(&[2, 4, 1]);
    for part in [samples.slice(0..2), samples.slice(1..1)] {
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
        let empty = TrainError::Data(DataError::Empty);
        assert_eq!(
            trainer.fit(&mut network, part, FitOptions::epochs(1)).unwrap_err(),
            empty
        );
        let validated = samples.with_validation(part);
        assert_eq!(
            trainer.fit(&mut network, validated, FitOptions::epochs(1)).unwrap_err(),
            empty
        );
        assert_eq!(trainer.step(&mut network, part).unwrap_err(), empty);
        assert_eq!(
            network.evaluate(&HalfMse, part, &[Metric::Mse]).unwrap_err(),
            DataError::Empty
        );
    }
}

/// Returns a trainer with everything that has a state: momentum, a schedule, a plateau, dropout, early stopping,
/// shuffling.
fn everything<T: Element, O: Optimizer<Matrix<T>>>(optimizer: O) -> Trainer<Matrix<T>, HalfMse, O> {
    let schedule = Schedule::warm_up(7)
        .unwrap()
        .times(Schedule::exponential(0.99).unwrap());
    Trainer::new(HalfMse, optimizer)
        .schedule(schedule, Every::Batch)
        .reduce_on_plateau(ReduceOnPlateau::new(0.7, 1).unwrap(), Monitor::TrainingLoss)
        .penalty(Penalty::elastic_net(1e-3, 1e-3).unwrap())
        .clip(Clip::norm(2.0).unwrap())
        .dropout(Dropout::new(0.1, 9).unwrap())
        .early_stopping(EarlyStopping::new(6))
        .metrics(&[Metric::Mae])
}

/// Trains without interruption and in pieces, and compares all results.
fn pieces<T: Element, O: Optimizer<Matrix<T>> + Clone>(
    optimizer: &O,
    restore: impl Fn(TrainerState<Matrix<T>>, &Mlp<Matrix<T>>) -> Trainer<Matrix<T>, HalfMse, O>,
) {
    let (train, held_out) = (data::<T>(0, 23), data::<T>(23, 9));
    let samples = Samples::new(&train.0, &train.1).unwrap();
    let data = samples.with_validation(Samples::new(&held_out.0, &held_out.1).unwrap());
    let options = FitOptions::until(15).batch_size(6).shuffle(4);
    let mut whole = network::<T>(&[2, 7, 5, 1]);
    let mut trainer = everything(optimizer.clone());
    let fitted = trainer.fit(&mut whole, data, options).unwrap();
    let expected = (whole, trainer.state(), fitted.stop);

    // One epoch per call.
    let keeps_last = || everything(optimizer.clone()).early_stopping(EarlyStopping::new(6).keep_last());
    let mut whole = network::<T>(&[2, 7, 5, 1]);
    let mut trainer = keeps_last();
    trainer.fit(&mut whole, data, options).unwrap();
    let mut by_call = network::<T>(&[2, 7, 5, 1]);
    let mut trainer_by_call = keeps_last();
    let mut stop = StopReason::Epochs;
    for _ in 0..15 {
        stop = trainer_by_call
            .fit(&mut by_call, data, FitOptions::epochs(1).batch_size(6).shuffle(4))
            .unwrap()
            .stop;
    }
    assert!(
        (by_call, trainer_by_call.state(), stop) == (whole, trainer.state(), expected.2),
        "one epoch per call"
    );

    // The observer ends training after each number of batches. Then the same trainer continues, or another trainer that
    // gets the state.
    for batches in 1..40 {
        let mut network = network::<T>(&[2, 7, 5, 1]);
        let mut trainer = everything(optimizer.clone());
        let mut seen = 0;
        let observer = |progress: Progress<'_, Matrix<T>, _>| {
            seen += usize::from(matches!(progress.event, Event::Batch { .. }));
            if seen == batches {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let first = trainer.fit_with(&mut network, data, options, observer).unwrap();
        if first.stop != StopReason::Observer {
            break;
        }
        let (mut other, mut other_trainer) = (network.clone(), restore(trainer.state(), &network));
        let stop = trainer.fit(&mut network, data, options).unwrap().stop;
        assert!(
            (network, trainer.state(), stop) == expected,
            "ended after {batches} batches"
        );
        let stop = other_trainer.fit(&mut other, data, options).unwrap().stop;
        assert!(
            (other, other_trainer.state(), stop) == expected,
            "resumed after {batches} batches"
        );
    }
}

#[test]
fn training_in_pieces_has_the_bits_of_training_in_one_go() {
    fn check<T: Element>() {
        let momentum = Momentum::new(0.05, 0.9).unwrap();
        pieces::<T, _>(&momentum, |state, network| {
            let mut trainer = everything(Momentum::new(0.7, 0.1).unwrap());
            trainer.restore(state, network.layers()).unwrap();
            trainer
        });
        pieces::<T, _>(&Adam::new(0.05).unwrap(), |state, network| {
            let mut trainer = everything(Adam::new(0.7).unwrap());
            trainer.restore(state, network.layers()).unwrap();
            trainer
        });
        pieces::<T, _>(&Lbfgs::new(0.5).unwrap(), |state, network| {
            let mut trainer = everything(Lbfgs::new(0.7).unwrap());
            trainer.restore(state, network.layers()).unwrap();
            trainer
        });
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn a_hundred_fits_of_an_epoch_are_one_of_a_hundred_epochs() {
    fn check<T: Element, O: Optimizer<Matrix<T>> + Clone>(optimizer: &O) {
        let (input, target) = data::<T>(0, 23);
        let samples = Samples::new(&input, &target).unwrap();
        let fit = |calls: u64, epochs: u64| {
            let mut network = network::<T>(&[2, 7, 5, 1]);
            let mut trainer = Trainer::new(HalfMse, optimizer.clone()).dropout(Dropout::new(0.1, 9).unwrap());
            for _ in 0..calls {
                let options = FitOptions::epochs(epochs).batch_size(6).shuffle(4);
                trainer.fit(&mut network, samples, options).unwrap();
            }
            assert_eq!(trainer.history().epochs(), 100);
            (network, trainer.state())
        };
        let (each, whole) = (fit(100, 1), fit(1, 100));
        assert!(each.0 == whole.0);
        // As text, in which NaN, the loss without validation samples, equals itself.
        assert_eq!(format!("{:?}", each.1), format!("{:?}", whole.1));
    }
    fn types<T: Element>() {
        check::<T, _>(&Momentum::new(0.05, 0.9).unwrap());
        check::<T, _>(&Adam::new(0.01).unwrap());
        check::<T, _>(&Lbfgs::new(0.5).unwrap());
        check::<T, _>(&GaussNewton::new(0.5).unwrap());
    }
    types::<f32>();
    types::<f64>();
}

#[test]
fn an_epoch_under_way_goes_on_only_as_it_began() {
    let (input, target) = data::<f64>(0, 10);
    let samples = Samples::new(&input, &target).unwrap();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    let mut network = network(&[2, 4, 1]);
    let options = FitOptions::epochs(2).batch_size(3).shuffle(1);
    trainer
        .fit_with(&mut network, samples, options, |_| ControlFlow::Break(()))
        .unwrap();
    let error = |trainer: &mut Trainer<_, _, _>, samples, options| {
        let before = network.clone();
        let mut network = network.clone();
        let error = trainer.fit(&mut network, samples, options).unwrap_err().to_string();
        assert_eq!(network, before);
        error
    };
    let expected = "an epoch is under way: expected 10 samples in batches of 3, shuffled with seed 1, got ";
    let way_out = "finish it with the expected samples and options, or call `Trainer::abandon_epoch` to start it over";
    assert_eq!(
        error(&mut trainer, samples, FitOptions::epochs(1).batch_size(3)),
        format!("{expected}10 samples in batches of 3, in order; {way_out}")
    );
    assert_eq!(
        error(&mut trainer, samples.slice(0..9), options),
        format!("{expected}9 samples in batches of 3, shuffled with seed 1; {way_out}")
    );
    trainer.fit(&mut network, samples, options).unwrap();
    assert_eq!(trainer.history().epochs(), 2, "the rest of an epoch counts as one");
}

#[test]
fn states_of_other_trainers_are_refused() {
    let plain = || Trainer::<Matrix<f64>, _, _>::new(HalfMse, GradientDescent::new(0.1).unwrap());
    let network = network::<f64>(&[2, 4, 1]);
    let refused = |mut trainer: Trainer<Matrix<f64>, HalfMse, GradientDescent<Matrix<f64>>>,
                   state: TrainerState<Matrix<f64>>| {
        let before = trainer.state();
        let error = trainer.restore(state, network.layers()).unwrap_err();
        assert_eq!(trainer.state(), before, "unchanged");
        error.to_string()
    };
    let stopping = || plain().early_stopping(EarlyStopping::new(3));
    let plateau = || plain().reduce_on_plateau(ReduceOnPlateau::new(0.5, 1).unwrap(), Monitor::Loss);
    for (trainer, state, message) in [
        (
            stopping(),
            plain().state(),
            "early stopping: expected a state with it, got a state without it",
        ),
        (
            plain(),
            stopping().state(),
            "early stopping: expected a state without it, got a state with it",
        ),
        (
            plateau(),
            plain().state(),
            "reduction on a plateau: expected a state with it, got a state without it",
        ),
        (
            plain(),
            plateau().state(),
            "reduction on a plateau: expected a state without it, got a state with it",
        ),
        (
            plain().metrics(&[Metric::R2, Metric::Mse]),
            plain().metrics(&[Metric::Mse, Metric::Mae]).state(),
            "metrics: expected r2, mse, got mae",
        ),
    ] {
        assert_eq!(refused(trainer, state), format!("trainer state: {message}"));
    }
    let mut state = stopping().state();
    state.stopping.as_mut().unwrap().best_layers = vec![Dense::zeros(2, 3)];
    assert_eq!(
        refused(stopping(), state),
        "optimizer state: `the best parameters` does not have the shapes of the parameters"
    );
}

/// Trains for `epochs` epochs. Asserts that all losses up to the error, if there is one, are finite, that the error
/// comes in the very next batch, and that the parameters are finite. Returns the error.
fn guarded<T: Element, L: Loss, O: Optimizer<Matrix<T>>>(
    name: &str,
    network: &mut Mlp<Matrix<T>>,
    samples: Samples<'_, Matrix<T>>,
    mut trainer: Trainer<Matrix<T>, L, O>,
    (epochs, seed): (u64, u64),
) -> Option<Diverged> {
    let (mut losses, mut batches_of_epoch, mut stop) = (Vec::new(), 0, None);
    let options = FitOptions::epochs(epochs).batch_size(16).shuffle(seed);
    let result = trainer.fit_with(network, samples, options, |progress| {
        match progress.event {
            Event::Batch { loss, batches, .. } => {
                losses.push(loss);
                batches_of_epoch = batches;
            }
            Event::Stop(reason) => stop = Some(reason),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let history = &trainer.history().loss;
    assert!(losses.iter().chain(history).all(|loss| loss.is_finite()), "{name}");
    assert!(
        network.layers().iter().all(|layer| {
            let parameters = [&layer.weights, &layer.bias];
            parameters.iter().all(|p| p.to_vec().iter().all(|p| p.is_finite()))
        }),
        "{name}"
    );
    match result {
        Ok(fitted) => {
            assert_eq!((stop, fitted.epochs), (Some(StopReason::Epochs), epochs), "{name}");
            None
        }
        Err(TrainError::Diverged(error)) => {
            assert_eq!(stop, Some(StopReason::Error), "{name}");
            let done = error.epoch as usize * batches_of_epoch + error.batch;
            assert_eq!(done, losses.len(), "{name}: the error must come in the very next batch");
            assert_eq!(error.step, losses.len() as u64, "{name}");
            Some(error)
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

/// Calls `$run` with the name and the constructor of each optimizer, with a learning rate of a million.
macro_rules! every_first_order_optimizer {
    ($run:ident, $scalar:ty) => {
        $run::<$scalar, _>("gradient descent", || GradientDescent::new(1e6).unwrap());
        $run::<$scalar, _>("momentum", || Momentum::new(1e6, 0.9).unwrap());
        $run::<$scalar, _>("Nesterov", || Momentum::new(1e6, 0.9).unwrap().nesterov(true));
        $run::<$scalar, _>("RMSprop", || RmsProp::new(1e6).unwrap());
        $run::<$scalar, _>("Adagrad", || Adagrad::new(1e6).unwrap());
        $run::<$scalar, _>("Adam", || Adam::new(1e6).unwrap());
        $run::<$scalar, _>("AdamW", || AdamW::new(1e6).unwrap());
        $run::<$scalar, _>("NAdam", || NAdam::new(1e6).unwrap());
    };
}

/// Tests twenty seeds with all optimizers except L-BFGS, whose line search shortens steps that are too long. In f32,
/// the outputs overflow through four layers without saturation.
#[test]
fn a_learning_rate_of_a_million_ends_in_an_error_where_nothing_saturates() {
    fn run<T: Element, O: Optimizer<Matrix<T>>>(name: &str, optimizer: impl Fn() -> O) {
        let (input, target) = data::<T>(0, 64);
        let samples = Samples::new(&input, &target).unwrap();
        for seed in 0..20 {
            let mut network = Mlp::<Matrix<T>>::builder(&[2, 16, 16, 16, 1])
                .hidden(LeakyRelu::default())
                .seed(seed)
                .build()
                .unwrap();
            let trainer = Trainer::new(HalfMse, optimizer());
            let name = format!("{name}, seed {seed}");
            let error = guarded(&name, &mut network, samples, trainer, (50, seed));
            assert!(error.is_some(), "{name}: no error");
        }
    }
    every_first_order_optimizer!(run, f32);
}

/// Tests twenty seeds with all optimizers, and networks with and without saturation.
#[test]
fn a_learning_rate_of_a_million_ends_in_an_error_or_in_finite_numbers() {
    fn run<T: Element, O: Optimizer<Matrix<T>>>(name: &str, optimizer: impl Fn() -> O) {
        let (input, target) = data::<T>(0, 64);
        let class = Matrix::from_fn(1, 64, |_, j| T::from_f64((j % 3) as f64));
        for seed in 0..20 {
            let run = (8, seed);
            let name = |what| format!("{name}, {what}, seed {seed}, {}", std::any::type_name::<T>());
            let builder = |layer_sizes| Mlp::<Matrix<T>>::builder(layer_sizes).seed(seed);
            let samples = Samples::new(&input, &target).unwrap();
            let trainer = || Trainer::new(HalfMse, optimizer());
            let mut network = builder(&[2, 16, 16, 1]).hidden(LeakyRelu::default()).build().unwrap();
            guarded(&name("leaky ReLU"), &mut network, samples, trainer(), run);
            let mut network = builder(&[2, 16, 16, 1]).hidden(Tanh).build().unwrap();
            guarded(&name("tanh"), &mut network, samples, trainer(), run);
            let samples = Samples::new(&input, &class).unwrap();
            let trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), optimizer());
            let mut network = builder(&[2, 16, 16, 3]).hidden(Relu).build().unwrap();
            guarded(&name("softmax"), &mut network, samples, trainer, run);
        }
    }
    fn check<T: Element>() {
        every_first_order_optimizer!(run, T);
        run::<T, _>("L-BFGS", || Lbfgs::new(1e6).unwrap());
        run::<T, _>("Gauss-Newton", || {
            GaussNewton::new(1e6).unwrap().iterations(10).unwrap()
        });
    }
    check::<f32>();
    check::<f64>();
}

/// A whole batch gives one gradient, however the passes divide it. In every loss, a sample weight of 2 equals the
/// sample twice.
fn twice<L: Loss>(loss: L, outputs: usize, target: impl Fn(usize) -> f64) {
    let rows = loss.target_rows(outputs);
    let input = Matrix::from_fn(2, 6, |i, j| ((3 * i + 7 * j + 1) as f64).sin());
    let target = Matrix::from_fn(rows, 6, |i, j| target(i + 3 * j));
    let weights = Matrix::from_columns(&[[1.0], [2.0], [1.0], [2.0], [2.0], [1.0]]);
    let repeated = [0, 1, 1, 2, 3, 3, 4, 4, 5];
    let pick = |from: &Matrix<f64>| Matrix::from_fn(from.rows(), repeated.len(), |i, j| from[(i, repeated[j])]);
    let (input_twice, target_twice) = (pick(&input), pick(&target));
    let gradient = |samples: Samples<'_, Matrix<f64>>| {
        let mut trainer = Trainer::new(loss.clone(), Spy::default());
        let mut network = Mlp::<Matrix<f64>>::builder(&[2, 5, outputs])
            .hidden(Relu)
            .seed(1)
            .build()
            .unwrap();
        trainer.step(&mut network, samples).unwrap();
        trainer.optimizer().clone()
    };
    let weighted = gradient(Samples::new(&input, &target).unwrap().weighted(&weights).unwrap());
    let doubled = gradient(Samples::new(&input_twice, &target_twice).unwrap());
    assert!(
        (weighted.loss - doubled.loss).abs() <= 1e-12 * doubled.loss.abs(),
        "{loss:?}"
    );
    let size = doubled.gradient.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
    for (got, expected) in weighted.gradient.iter().zip(&doubled.gradient) {
        assert!((got - expected).abs() <= 1e-12 * size, "{loss:?}");
    }
}

#[test]
fn weight_2_is_the_sample_twice_in_every_loss() {
    use mlp_core::{BinaryCrossEntropy, Huber, Mae, Mse};
    let real = |k: usize| (k as f64).cos();
    twice(HalfMse, 3, real);
    twice(Mse, 3, real);
    twice(Mae, 3, real);
    twice(Huber::default(), 3, real);
    twice(BinaryCrossEntropy, 3, |k| (k % 2) as f64);
    twice(SoftmaxCrossEntropy::for_classes(), 3, |k| (k / 3 % 3) as f64);
    twice(SoftmaxCrossEntropy::for_probabilities(), 3, |k| {
        f64::from(u8::from(k % 3 == k / 3 % 3))
    });
}

/// Makes a step on three samples, the first with weight 2, and on four samples, the first twice. Every number except
/// the loss is exact: few digits and powers of two. The losses of `SoftmaxCrossEntropy` and `BinaryCrossEntropy` are
/// logarithms, which are not exact. But the sample comes first, so its loss is added to itself, which is exactly its
/// double.
fn twice_to_the_bit<T: Element, L: Loss>(loss: L, layer: Dense<Matrix<T>>, target: &[&[f64]]) {
    let matrix =
        |columns: &[&[f64]]| Matrix::from_fn(columns[0].len(), columns.len(), |i, j| T::from_f64(columns[j][i]));
    let input: [&[f64]; 3] = [&[1.0, 2.0], &[-1.0, 0.5], &[0.25, 4.0]];
    let repeat = |columns: &[&[f64]]| matrix(&[columns[0], columns[0], columns[1], columns[2]]);
    let step = |samples| {
        let mut network = Mlp::<Matrix<T>>::from_layers(vec![(layer.clone(), Identity.into())]).unwrap();
        let loss = Trainer::new(loss.clone(), GradientDescent::new(0.5).unwrap())
            .step(&mut network, samples)
            .unwrap();
        assert!(loss > 0.0 && network.layers()[0] != layer);
        (loss, network)
    };
    let (once, once_target, weights) = (matrix(&input), matrix(target), matrix(&[&[2.0], &[1.0], &[1.0]]));
    let (repeated, repeated_target) = (repeat(&input), repeat(target));
    let weighted = step(Samples::new(&once, &once_target).unwrap().weighted(&weights).unwrap());
    let doubled = step(Samples::new(&repeated, &repeated_target).unwrap());
    assert!(weighted == doubled, "{loss:?}: {weighted:?}, {doubled:?}");
}

/// If all sums are exact, weight 2 gives the same bits as the sample twice, in every loss.
#[test]
fn weight_2_is_the_sample_twice_to_the_bit_where_sums_are_exact() {
    use mlp_core::{BinaryCrossEntropy, Huber, Mae, Mse};
    fn check<T: Element>() {
        let dense = |weights: [[f64; 2]; 2], bias: [f64; 2]| Dense {
            weights: Matrix::from_fn(2, 2, |i, j| T::from_f64(weights[i][j])),
            bias: Matrix::from_fn(2, 1, |i, _| T::from_f64(bias[i])),
        };
        let real: [&[f64]; 3] = [&[1.0, -0.5], &[-2.0, 0.25], &[0.5, 3.0]];
        let layer = || dense([[0.5, -0.25], [1.0, 2.0]], [1.0, -1.0]);
        twice_to_the_bit(HalfMse, layer(), &real);
        twice_to_the_bit(Mse, layer(), &real);
        twice_to_the_bit(Mae, layer(), &real);
        twice_to_the_bit(Huber::default(), layer(), &real);
        // With logits of 0, every probability is 1/2.
        let logits = || dense([[0.0; 2]; 2], [0.0; 2]);
        let hot: [&[f64]; 3] = [&[1.0, 0.0], &[0.0, 1.0], &[0.25, 0.75]];
        twice_to_the_bit(BinaryCrossEntropy, logits(), &hot);
        twice_to_the_bit(SoftmaxCrossEntropy::for_probabilities(), logits(), &hot);
        twice_to_the_bit(SoftmaxCrossEntropy::for_classes(), logits(), &[&[1.0], &[0.0], &[1.0]]);
    }
    check::<f32>();
    check::<f64>();
}
