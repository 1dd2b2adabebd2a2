//! Tests that training behaves as documented: epochs, batches, sample weights, and every way in which it can fail.

use crate::naive::{carry, values};
use crate::network_gradient::flatten;
use crate::panics::assert_panic;
use core::ops::ControlFlow;
use mlp_core::activations::{Identity, LeakyRelu, Relu, Tanh};
use mlp_core::backend::Objective;
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{
    BinaryCrossEntropy, BuildError, DataError, Dense, Diverged, Event, FitOptions, GradientDescent, HalfMse,
    HyperParameterError, InferenceWorkspace, Initializer, LikelyCause, Loss, Mlp, NoCustom, NonFinite, Optimizer,
    Samples, SoftmaxCrossEntropy, TrainError, Trainer, Workspace,
};
use mlp_cpu::Matrix;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Network = Mlp<Matrix<f64>>;

fn network(layer_sizes: &[usize], seed: u64) -> Network {
    Mlp::builder(layer_sizes).hidden(Tanh).seed(seed).build().unwrap()
}

fn trainer<L: Loss>(loss: L, learning_rate: f64) -> Trainer<Matrix<f64>, L, GradientDescent<Matrix<f64>>> {
    Trainer::new(loss, GradientDescent::new(learning_rate).unwrap())
}

/// Returns `samples` samples of two features and one target.
fn data(samples: usize) -> (Matrix<f64>, Matrix<f64>) {
    let input = Matrix::from_fn(2, samples, |i, j| ((3 * i + 7 * j + 1) as f64).sin());
    let target = Matrix::from_fn(1, samples, |_, j| ((5 * j + 2) as f64).cos());
    (input, target)
}

/// Asserts that all parameters are equal to within `tolerance`.
#[track_caller]
fn assert_close(got: &Network, expected: &Network, tolerance: f64) {
    let pairs = flatten(got.layers()).into_iter().zip(flatten(expected.layers()));
    for (i, (got, expected)) in pairs
        .flat_map(|(got, expected)| got.into_iter().zip(expected))
        .enumerate()
    {
        assert!(
            (got - expected).abs() <= tolerance,
            "parameter {i}: got {got}, expected {expected}"
        );
    }
}

#[track_caller]
fn assert_message(error: &impl Display, expected: &str) {
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_observer_sees_the_loss_before_each_update() {
    let (input, target) = data(9);
    let samples = Samples::new(&input, &target).unwrap();
    let mut trained = network(&[2, 5, 1], 1);
    let mut trainer = trainer(HalfMse, 0.1);
    let mut before = trained.clone();
    let mut epochs = Vec::new();
    for count in [3, 0, 2] {
        trainer
            .fit_with(&mut trained, samples, FitOptions::epochs(count), |progress| {
                if let Event::Epoch { epoch, loss, .. } = progress.event {
                    let mut workspace = Workspace::new(&before, 9).unwrap();
                    before.forward(&input, &mut workspace);
                    let expected = before.loss(&HalfMse, &target, &mut workspace);
                    assert_eq!(loss, expected, "loss of epoch {epoch}");
                    assert_ne!(*progress.network, before, "epoch {epoch} changed nothing");
                    before = progress.network.clone();
                    epochs.push(epoch);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    assert_eq!(epochs, [0, 1, 2, 3, 4], "a second call continues the count");
    assert_eq!(trained, before, "the observer sees the network after the epoch");
}

#[test]
fn mini_batches_are_steps_in_order_and_the_last_may_be_smaller() {
    let (input, target) = data(7);
    let samples = Samples::new(&input, &target).unwrap();
    let (mut fitted, mut stepped) = (network(&[2, 5, 1], 1), network(&[2, 5, 1], 1));
    let mut losses = Vec::new();
    let options = FitOptions::epochs(4).batch_size(3);
    trainer(HalfMse, 0.1)
        .fit_with(&mut fitted, samples, options, |progress| {
            if let Event::Epoch { loss, .. } = progress.event {
                losses.push(loss);
            }
            ControlFlow::Continue(())
        })
        .unwrap();

    let mut by_hand = trainer(HalfMse, 0.1);
    for (epoch, loss) in losses.into_iter().enumerate() {
        let mut step = |range| by_hand.step(&mut stepped, samples.slice(range)).unwrap();
        let expected = (3.0 * step(0..3) + 3.0 * step(3..6) + step(6..7)) / 7.0;
        assert!(
            (loss - expected).abs() < 1e-15,
            "epoch {epoch}: got {loss}, expected {expected}"
        );
    }
    assert_eq!(fitted, stepped);
}

#[test]
fn a_batch_larger_than_the_data_is_all_of_them() {
    let (input, target) = data(7);
    let samples = Samples::new(&input, &target).unwrap();
    let fit = |options| {
        let mut network = network(&[2, 5, 1], 1);
        trainer(HalfMse, 0.1).fit(&mut network, samples, options).unwrap();
        network
    };
    assert_eq!(fit(FitOptions::epochs(3).batch_size(1000)), fit(FitOptions::epochs(3)));
}

/// Targets and sample weights stay with their samples.
#[test]
fn shuffling_keeps_samples_whole() {
    let (input, target) = data(8);
    let weights = Matrix::from_fn(1, 8, |_, j| j as f64);
    let samples = Samples::new(&input, &target).unwrap();
    for samples in [samples, samples.weighted(&weights).unwrap()] {
        let fit = |options: FitOptions| {
            let mut network = network(&[2, 5, 1], 1);
            trainer(HalfMse, 0.1).fit(&mut network, samples, options).unwrap();
            network
        };
        // The order within a full batch changes only the rounding.
        assert_close(
            &fit(FitOptions::epochs(5).shuffle(1)),
            &fit(FitOptions::epochs(5)),
            1e-13,
        );
        let apart = fit(FitOptions::epochs(5).batch_size(2).shuffle(1));
        assert_ne!(apart, fit(FitOptions::epochs(5).batch_size(2)), "batches are drawn");
    }
}

/// An optimizer that changes nothing and records the losses.
#[derive(Debug, Default)]
struct Recorder(Vec<f64>);

impl Optimizer<Matrix<f64>> for Recorder {
    fn step(
        &mut self,
        layers: &mut [Dense<Matrix<f64>>],
        objective: &mut dyn Objective<Matrix<f64>>,
    ) -> Result<f64, NonFinite> {
        self.0.push(objective.evaluate(layers));
        Ok(self.0[self.0.len() - 1])
    }

    fn learning_rate(&self) -> f64 {
        1.0
    }

    fn set_learning_rate(&mut self, _: f64) -> Result<(), HyperParameterError> {
        Ok(())
    }

    fn reset(&mut self) {}

    fn state(&self) -> OptimizerState<Matrix<f64>> {
        OptimizerState::new("recorder")
    }

    fn restore(&mut self, _: OptimizerState<Matrix<f64>>, _: &[Dense<Matrix<f64>>]) -> Result<(), StateError> {
        Ok(())
    }
}

/// Every epoch sees every sample once, in its own order, which the number of the epoch and the seed determine.
#[test]
fn each_epoch_has_an_order_of_its_own() {
    let (input, target) = data(8);
    let samples = Samples::new(&input, &target).unwrap();
    let losses = |options: FitOptions| {
        let mut trainer = Trainer::new(HalfMse, Recorder::default());
        trainer
            .fit(&mut network(&[2, 5, 1], 1), samples, options.batch_size(1))
            .unwrap();
        trainer.optimizer().0.chunks(8).map(<[f64]>::to_vec).collect::<Vec<_>>()
    };
    let in_order = losses(FitOptions::epochs(2));
    assert_eq!(
        in_order[0], in_order[1],
        "without shuffling the order is that of the samples"
    );
    let sorted = |losses: &Vec<f64>| {
        let mut losses = losses.clone();
        losses.sort_by(f64::total_cmp);
        losses
    };
    let mut orders = losses(FitOptions::epochs(5).shuffle(9));
    assert_eq!(orders, losses(FitOptions::epochs(5).shuffle(9)), "the same seed");
    orders.extend(losses(FitOptions::epochs(5).shuffle(10)));
    for (epoch, order) in orders.iter().enumerate() {
        assert_eq!(sorted(order), sorted(&in_order[0]), "epoch {epoch}: every sample once");
        assert!(
            !orders[..epoch].contains(order),
            "epoch {epoch} has the order of one before"
        );
    }
}

/// Weight 2 equals the sample twice; weight 0 leaves it out.
#[test]
fn sample_weights_count_samples() {
    let (input, target) = data(5);
    let weights = Matrix::from_columns(&[[1.0], [2.0], [0.0], [1.0], [3.0]]);
    let repeated = [0, 1, 1, 3, 4, 4, 4];
    let pick = |from: &Matrix<f64>| Matrix::from_fn(from.rows(), repeated.len(), |i, j| from[(i, repeated[j])]);
    let (input_repeated, target_repeated) = (pick(&input), pick(&target));

    let fit = |samples: Samples<'_, Matrix<f64>>| {
        let (mut network, mut losses) = (network(&[2, 5, 1], 1), Vec::new());
        let options = FitOptions::epochs(20);
        trainer(HalfMse, 0.1)
            .fit_with(&mut network, samples, options, |progress| {
                if let Event::Epoch { loss, .. } = progress.event {
                    losses.push(loss);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        (network, losses)
    };
    let (weighted, losses) = fit(Samples::new(&input, &target).unwrap().weighted(&weights).unwrap());
    let (expected, expected_losses) = fit(Samples::new(&input_repeated, &target_repeated).unwrap());
    assert_close(&weighted, &expected, 1e-12);
    for (epoch, (loss, expected)) in losses.iter().zip(expected_losses).enumerate() {
        assert!(
            (loss - expected).abs() < 1e-12,
            "epoch {epoch}: got {loss}, expected {expected}"
        );
    }
    let (unweighted, _) = fit(Samples::new(&input, &target).unwrap());
    assert_ne!(weighted, unweighted, "weights change something");
}

/// A batch in which all weights are 0 makes no step and does not count in the loss.
#[test]
fn a_batch_without_weight_is_left_out() {
    let (input, target) = data(4);
    let weights = Matrix::from_columns(&[[1.0], [0.0], [0.0], [1.0]]);
    let (others, other_targets) = (
        Matrix::from_columns(&[input.column(0), input.column(3)]),
        Matrix::from_columns(&[target.column(0), target.column(3)]),
    );
    let fit = |samples| {
        let (mut network, mut losses) = (network(&[2, 5, 1], 1), Vec::new());
        let options = FitOptions::epochs(3).batch_size(1);
        trainer(HalfMse, 0.1)
            .fit_with(&mut network, samples, options, |progress| {
                if let Event::Epoch { loss, .. } = progress.event {
                    losses.push(loss);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        (network, losses)
    };
    let weighted = fit(Samples::new(&input, &target).unwrap().weighted(&weights).unwrap());
    assert_eq!(weighted, fit(Samples::new(&others, &other_targets).unwrap()));
}

#[test]
fn exclusive_or_is_learned_from_every_seed() {
    let input = Matrix::from_columns(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let target = Matrix::from_columns(&[[0.0], [1.0], [1.0], [0.0]]);
    for seed in 0..20 {
        let mut network = network(&[2, 8, 1], seed);
        let samples = Samples::new(&input, &target).unwrap();
        trainer(BinaryCrossEntropy, 0.5)
            .fit(&mut network, samples, FitOptions::epochs(1000))
            .unwrap();
        let logits = network.predict(&input).into_vec();
        let right = logits
            .iter()
            .zip(target.to_vec())
            .all(|(&logit, y)| (logit > 0.0) == (y > 0.5));
        assert!(right, "seed {seed}: logits {logits:?}");
    }
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let zeros = Matrix::<f64>::zeros;
    let new = |input: &Matrix<f64>, target: &Matrix<f64>| Samples::<Matrix<f64>>::new(input, target).map(|_| ());
    let error = new(&zeros(2, 3), &zeros(1, 2)).unwrap_err();
    assert_eq!(
        error,
        DataError::Count {
            what: "target",
            of: "samples, as many as the input has columns",
            expected: 3,
            got: 2
        }
        .clone()
    );
    assert_message(
        &error,
        "target: expected 3 samples, as many as the input has columns, got 2",
    );
    let error = new(&zeros(2, 0), &zeros(1, 0)).unwrap_err();
    assert_eq!(error, DataError::Empty);
    assert_message(&error, "samples: expected at least one with a weight above 0, got none");

    let (input, target) = data(3);
    let weighted = |weights: &Matrix<f64>| {
        Samples::<Matrix<f64>>::new(&input, &target)?
            .weighted(weights)
            .map(|_| ())
    };
    for (weights, message) in [
        (
            zeros(2, 3),
            "sample weights: expected 1 row (a column is a sample), got 2",
        ),
        (
            zeros(1, 4),
            "sample weights: expected 3 samples, as many as the input has columns, got 4",
        ),
        (
            zeros(1, 3),
            "samples: expected at least one with a weight above 0, got none",
        ),
        (
            Matrix::from_columns(&[[1.0], [-0.5], [1.0]]),
            "sample weights: expected a finite number of at least 0 for sample 1, got -0.5",
        ),
        (
            Matrix::from_columns(&[[1.0], [1.0], [f64::NAN]]),
            "sample weights: expected a finite number of at least 0 for sample 2, got NaN",
        ),
        (
            Matrix::from_columns(&[[f64::INFINITY], [1.0], [1.0]]),
            "sample weights: expected a finite number of at least 0 for sample 0, got inf",
        ),
    ] {
        assert_message(&weighted(&weights).unwrap_err(), message);
    }
    assert_eq!(weighted(&Matrix::from_columns(&[[0.0], [0.5], [0.0]])), Ok(()));

    fn refused<L: Loss>(loss: L, (inputs, targets): (usize, usize), message: &str) {
        let (input, target) = (Matrix::zeros(inputs, 3), Matrix::zeros(targets, 3));
        let samples = Samples::new(&input, &target).unwrap();
        let before = network(&[2, 4, 3], 1);
        let mut after = before.clone();
        let error = trainer(loss.clone(), 0.1)
            .fit(&mut after, samples, FitOptions::epochs(1))
            .unwrap_err();
        assert!(matches!(error, TrainError::Data(DataError::Count { .. })), "{error:?}");
        assert_message(&error, message);
        assert_eq!(trainer(loss, 0.1).step(&mut after, samples).unwrap_err(), error);
        assert_eq!(after, before);
    }
    refused(HalfMse, (3, 3), "input: expected 2 rows (a column is a sample), got 3");
    refused(HalfMse, (2, 1), "target: expected 3 rows (a column is a sample), got 1");
    refused(
        SoftmaxCrossEntropy::for_classes(),
        (2, 3),
        "target: expected 1 row (a column is a sample), got 3",
    );
}

#[test]
fn a_batch_size_of_0_is_refused() {
    let (input, target) = data(3);
    let mut network = network(&[2, 4, 1], 1);
    let samples = Samples::new(&input, &target).unwrap();
    let options = FitOptions::epochs(1).batch_size(0);
    let error = trainer(HalfMse, 0.1).fit(&mut network, samples, options).unwrap_err();
    assert_eq!(error, TrainError::BatchSize);
    assert_message(&error, "batch size: expected at least 1, got 0");
}

/// Trains until divergence. Asserts that it comes within `epochs`, and that the network stays as it was before the
/// step that failed.
fn diverge(mut network: Network, samples: Samples<'_, Matrix<f64>>, learning_rate: f64, epochs: u64) -> Diverged {
    let (mut before, mut seen, mut last_loss) = (network.clone(), 0, None);
    let result =
        trainer(HalfMse, learning_rate).fit_with(&mut network, samples, FitOptions::epochs(epochs), |progress| {
            if let Event::Epoch { loss, .. } = progress.event {
                before = progress.network.clone();
                seen += 1;
                last_loss = Some(loss);
            }
            ControlFlow::Continue(())
        });
    let Err(TrainError::Diverged(error)) = result else {
        panic!("learning rate {learning_rate}: {result:?}")
    };
    assert!(
        flatten(network.layers()).iter().flatten().all(|p| p.is_finite()),
        "{error}"
    );
    assert_eq!(network, before, "parameters are those from before the step that failed");
    assert_eq!(
        (error.epoch, error.batch, error.learning_rate),
        (seen, 0, learning_rate),
        "{error}"
    );
    let finite = Some(error.loss).filter(|loss| loss.is_finite());
    assert_eq!(error.last_finite_loss, finite.or(last_loss), "{error}");
    error
}

#[test]
fn divergence_keeps_the_last_finite_parameters() {
    let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
    let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
    let samples = Samples::new(&input, &target).unwrap();
    for learning_rate in [10.0, 1e6, 1e30, 1e300] {
        for seed in 0..10 {
            // All layers are linear, so nothing stops the numbers from growing.
            let linear = LeakyRelu::new(1.0).unwrap();
            let initializer = Initializer::Normal {
                standard_deviation: 0.1,
            };
            let builder = Mlp::builder(&[1, 4, 3, 1]).hidden(linear).initializer(initializer);
            let error = diverge(builder.seed(seed).build().unwrap(), samples, learning_rate, 1000);
            assert!(
                error.epoch > 0 || learning_rate > 1e200,
                "the first step is finite: {error}"
            );
        }
    }
}

#[test]
fn divergence_says_where() {
    let layer = |weight: f64| Dense {
        weights: Matrix::from_rows(&[[weight]]),
        bias: Matrix::zeros(1, 1),
    };
    let network = |first: f64, second: f64| -> Network {
        Mlp::from_layers(vec![
            (layer(first), LeakyRelu::default().into()),
            (layer(second), mlp_core::activations::Identity.into()),
        ])
        .unwrap()
    };
    let one = Matrix::from_columns(&[[1.0]]);
    let of = |input: f64, target: f64| (Matrix::from_columns(&[[input]]), Matrix::from_columns(&[[target]]));
    let diverge = |network: Network, (input, target): (Matrix<f64>, Matrix<f64>), learning_rate| {
        diverge(network, Samples::new(&input, &target).unwrap(), learning_rate, 3)
    };

    let error = diverge(network(1e200, 1.0), of(1e200, 1.0), 0.1);
    assert_eq!((error.layer, error.last_finite_loss), (Some(0), None));
    assert_eq!(error.likely_cause, LikelyCause::Data);
    assert_message(
        &error,
        "training diverged in epoch 0, batch 0: the loss is inf (layer 0 is the first with output that is not \
         finite); the data or the weights probably contain numbers that are too large",
    );
    let error = diverge(network(1e200, 1e200), (one.clone(), one.clone()), 0.1);
    assert_eq!(
        (error.layer, error.loss),
        (Some(1), f64::INFINITY),
        "the second layer overflows"
    );
    let error = diverge(network(1.0, 1.0), of(1.0, 1e200), 0.1);
    assert_eq!(
        (error.layer, error.loss),
        (None, f64::INFINITY),
        "the outputs are finite, but the loss is not"
    );
    assert_message(
        &error,
        "training diverged in epoch 0, batch 0: the loss is inf; the data or the \
         weights probably contain numbers that are too large",
    );

    // The loss is finite, but the step is not: (3 - 1) 1e308 for the last bias.
    let error = diverge(network(1.0, 1.0), of(3.0, 1.0), 1e308);
    assert_eq!(
        (error.layer, error.loss, error.last_finite_loss),
        (Some(0), 2.0, Some(2.0))
    );
    assert_eq!(error.likely_cause, LikelyCause::LearningRate);
    assert_message(
        &error,
        &format!(
            "training diverged in epoch 0, batch 0: the parameters of layer 0 would no longer be finite; the last \
             finite loss was 2e0; the learning rate, {}, is probably too large",
            1e308
        ),
    );
    let error = diverge(network(0.0, 1.0), of(0.0, 1e8), 1e301);
    assert_eq!(
        error.layer,
        Some(1),
        "1e309 for the last bias, a hundredth of it for the first"
    );
    let error = diverge(network(0.0, 1.0), of(0.0, 1e8), 1e303);
    assert_eq!(error.layer, Some(0), "1e309 for the first bias too");
    let error = diverge(network(0.0, 0.0), of(0.0, 1e8), 1e301);
    assert_eq!(
        error.layer,
        Some(1),
        "a weight of 0 lets no gradient through to the first layer"
    );
}

/// The error names the batch that failed within the epoch, whatever earlier batches did.
#[test]
fn divergence_names_the_batch() {
    let (input, mut target) = data(7);
    target[(0, 5)] = 1e200;
    let samples = Samples::new(&input, &target).unwrap();
    let (mut fitted, mut stepped) = (network(&[2, 5, 1], 1), network(&[2, 5, 1], 1));
    stepped = carry::<_, Matrix<f64>, _>(&stepped);
    let mut by_hand = trainer(HalfMse, 0.1);
    let first = by_hand.step(&mut stepped, samples.slice(0..2)).unwrap();
    let second = by_hand.step(&mut stepped, samples.slice(2..4)).unwrap();
    assert_ne!(first, second);

    let options = FitOptions::epochs(2).batch_size(2);
    let error = trainer(HalfMse, 0.1)
        .fit_with(&mut fitted, samples, options, |progress| {
            if let Event::Epoch { .. } = progress.event {
                panic!("no epoch ends");
            }
            ControlFlow::Continue(())
        })
        .unwrap_err();
    let TrainError::Diverged(error) = error else {
        panic!("{error:?}")
    };
    assert_eq!((error.epoch, error.batch, error.last_finite_loss), (0, 2, Some(second)));
    assert_eq!(error.likely_cause, LikelyCause::Data, "{error}");
    assert_eq!(fitted, stepped, "the two batches before it were steps");
}

#[test]
fn divergence_in_a_later_group_is_found() {
    // 2,000 samples are divided into groups; the last sample is in the last group.
    let (mut input, target) = data(2000);
    input[(0, 1999)] = f64::MAX;
    let large = Dense {
        weights: Matrix::from_rows(&[[2.0, 0.0]]),
        bias: Matrix::zeros(1, 1),
    };
    let network = Network::from_layers(vec![(large, Relu.into())]).unwrap();
    let error = diverge(network, Samples::new(&input, &target).unwrap(), 0.1, 1);
    assert_eq!(error.layer, Some(0));
}

#[test]
fn networks_that_cannot_be_built_are_refused() {
    let build = |layer_sizes: &[usize]| {
        Mlp::<Matrix<f64>>::builder(layer_sizes)
            .build()
            .map(|_| ())
            .unwrap_err()
    };
    assert_eq!(build(&[]), BuildError::TooFewLayers { got: 0 });
    assert_message(
        &build(&[3]),
        "layer sizes: expected at least 2 (inputs, outputs), got 1",
    );
    assert_eq!(build(&[0, 1]), BuildError::EmptyLayer { position: 0 });
    assert_message(
        &build(&[3, 4, 0]),
        "layer sizes: expected at least 1 at position 2, got 0",
    );

    // 2 10^7 + (10^7 + 1) 10^7 + 10^7 + 1 numbers of 8 bytes, and the numbers of the second layer again for drawing
    // them.
    let bytes = 8 * (20_000_000 + 2 * 10_000_001 * 10_000_000 + 10_000_001_u64);
    let error = build(&[1, 10_000_000, 10_000_000, 1]);
    assert_message(
        &error,
        &format!("building the network needs {bytes} bytes, more than can be allocated"),
    );
    assert_message(
        &build(&[usize::MAX, usize::MAX]),
        &format!(
            "building the network needs {} bytes, more than can be allocated",
            u128::MAX
        ),
    );
    let BuildError::OutOfMemory(error) = build(&[1, usize::MAX]) else {
        panic!("expected an out-of-memory error")
    };
    assert_eq!(
        (error.purpose, error.bytes),
        ("building the network", 32 * usize::MAX as u128)
    );
    let error = Workspace::new(&network(&[2, 4, 1], 1), usize::MAX / 2).unwrap_err();
    assert_eq!(
        (error.purpose, error.bytes),
        ("the workspace", 8 * (17 + 3 * 5 * (usize::MAX / 2) as u128))
    );
}

#[test]
fn layers_that_do_not_chain_are_refused() {
    type Shape = (usize, usize);
    let from = |layers: &[(Shape, Shape)]| {
        let dense = |&((rows, columns), (bias_rows, bias_columns)): &(Shape, Shape)| Dense {
            weights: Matrix::<f64>::zeros(rows, columns),
            bias: Matrix::zeros(bias_rows, bias_columns),
        };
        Mlp::<Matrix<f64>>::from_layers(layers.iter().map(|layer| (dense(layer), Relu.into())).collect())
    };
    let network = from(&[((3, 2), (3, 1)), ((1, 3), (1, 1))]).unwrap();
    assert_eq!((network.layer_sizes(), network.parameter_count()), (vec![2, 3, 1], 13));
    assert_eq!(from(&[]).unwrap_err(), BuildError::TooFewLayers { got: 0 });
    for (layers, message) in [
        (
            [((3, 2), (3, 1)), ((2, 4), (2, 1))],
            "layer 1: expected weights of 2 x 3, got 2 x 4",
        ),
        (
            [((3, 2), (4, 1)), ((2, 3), (2, 1))],
            "layer 0: expected bias of 3 x 1, got 4 x 1",
        ),
        (
            [((3, 2), (3, 1)), ((2, 3), (2, 2))],
            "layer 1: expected bias of 2 x 1, got 2 x 2",
        ),
        (
            [((3, 0), (3, 1)), ((2, 3), (2, 1))],
            "layer sizes: expected at least 1 at position 0, got 0",
        ),
        (
            [((3, 2), (3, 1)), ((0, 3), (0, 1))],
            "layer sizes: expected at least 1 at position 2, got 0",
        ),
    ] {
        assert_message(&from(&layers).unwrap_err(), message);
    }
}

/// A programmer's mistakes panic with a message that names the mismatch, at the line of the call.
#[test]
fn steps_that_do_not_fit_panic() {
    let network = network(&[2, 4, 1], 1);
    let workspace = |network: &Network| Workspace::new(network, 3).unwrap();
    let deeper: Network = Mlp::builder(&[2, 4, 4, 1]).build().unwrap();
    let (input, target) = data(3);
    let other = "forward: expected a workspace for layer sizes [2, 4, 1], got one for [2, 4, 4, 1]; make one by \
                 `Workspace::new(&network, 3)`";
    assert_panic(other, || network.forward(&input, &mut workspace(&deeper)));
    let linear: Network = Mlp::builder(&[2, 4, 1]).hidden(Identity).build().unwrap();
    let other = "forward: expected a workspace for this network, got one for the same layer sizes and other linear layers; \
                 make one by `Workspace::new(&network, 3)`";
    assert_panic(other, || network.forward(&input, &mut workspace(&linear)));
    assert_panic("forward: expected input of 2 x 3, got 1 x 3", || {
        network.forward(&target, &mut workspace(&network));
    });
    let small = "forward: expected a workspace for 5 samples, got one for 3; make one by `Workspace::new(&network, 5)`";
    assert_panic(small, || network.forward(&data(5).0, &mut workspace(&network)));
    let none = |pass| format!("{pass}: expected a `forward` pass of at least one sample before it, got none");
    assert_panic(&none("loss"), || {
        network.loss(&HalfMse, &target, &mut workspace(&network));
    });
    assert_panic(&none("backward"), || network.backward(&mut workspace(&network)));
    assert_panic(&none("gradient"), || network.gradient(&input, &mut workspace(&network)));
    assert_panic("gradient: expected input of 2 x 3, got 1 x 3", || {
        let mut workspace = workspace(&network);
        network.forward(&input, &mut workspace);
        network.gradient(&target, &mut workspace);
    });
    assert_panic("predict: expected input of 2 x 3, got 1 x 3", || {
        network.predict(&target);
    });
    let other = "predict: expected a workspace for layer sizes [2, 4, 1], got one for hidden layers of [4, 4]; make one \
                 by `InferenceWorkspace::new(&network, 3)`";
    assert_panic(other, || {
        network.predict_into(
            &input,
            &mut InferenceWorkspace::new(&deeper, 3),
            &mut Matrix::zeros(1, 3),
        );
    });
    assert_panic("loss: expected target of 1 x 3, got 2 x 3", || {
        let mut workspace = workspace(&network);
        network.forward(&input, &mut workspace);
        network.loss(&HalfMse, &input, &mut workspace);
    });
    assert_panic("loss: expected at least one sample, got none", || {
        let mut workspace = workspace(&network);
        network.forward(&Matrix::zeros(2, 0), &mut workspace);
        network.loss(&HalfMse, &Matrix::zeros(1, 0), &mut workspace);
    });
}

/// The numbers of each step are accessible, and their shapes have N columns, not the number of columns of the
/// workspace.
#[test]
fn a_workspace_shows_the_last_pass() {
    let network: Mlp<Matrix<f64>, NoCustom> = network(&[2, 4, 1], 1);
    let (input, target) = data(3);
    let mut workspace = Workspace::new(&network, 10).unwrap();
    assert_eq!(workspace.batch(), 10);
    network.forward(&input, &mut workspace);
    network.loss(&HalfMse, &target, &mut workspace);
    network.backward(&mut workspace);
    network.gradient(&input, &mut workspace);
    assert_eq!(
        (workspace.activation(0).shape(), workspace.delta(0).shape()),
        ((4, 3), (4, 3))
    );
    assert_eq!(
        workspace.derivative(0).map(|derivative| derivative.shape()),
        Some((4, 3))
    );
    assert!(workspace.derivative(1).is_none(), "a linear layer has none");
    assert_eq!(
        values::<Matrix<f64>>(workspace.prediction()),
        network.predict(&input).into_vec()
    );
    assert_eq!(
        (
            workspace.gradient()[0].weights.shape(),
            workspace.gradient()[1].bias.shape()
        ),
        ((4, 2), (1, 1))
    );
    // dL/dz of the last layer is (y^ - y) / N.
    let errors = workspace
        .prediction()
        .to_vec()
        .into_iter()
        .zip(target.to_vec())
        .map(|(p, y)| (p - y) / 3.0);
    for (got, expected) in workspace.delta(1).to_vec().iter().zip(errors) {
        assert!((got - expected).abs() < 1e-16, "got {got}, expected {expected}");
    }
}

#[test]
fn classes_that_do_not_exist_are_refused() {
    let mut network: Mlp<Matrix<f64>> = Mlp::builder(&[1, 3]).build().unwrap();
    let before = network.clone();
    let input = Matrix::from_columns(&[[0.5], [1.5]]);
    for bad in [3.0, -1.0, 0.5, f64::NAN] {
        let target = Matrix::from_columns(&[[2.0], [bad]]);
        let samples = Samples::new(&input, &target).unwrap();
        let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.1).unwrap());
        let step = trainer.step(&mut network, samples).unwrap_err();
        let fit = trainer
            .fit(&mut network, samples, FitOptions::epochs(1).shuffle(1))
            .unwrap_err();
        for error in [step, fit] {
            let expected = format!("target: expected a class index from 0 to 2 for sample 1, got {bad}");
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(network, before);
        // With weight 0 the sample is ignored.
        let weights = Matrix::from_columns(&[[1.0], [0.0]]);
        let step = |samples| {
            let mut network = network.clone();
            let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.1).unwrap());
            (trainer.step(&mut network, samples).unwrap(), network)
        };
        assert_eq!(step(samples.weighted(&weights).unwrap()), step(samples.slice(0..1)));
    }
}

#[test]
fn weights_whose_sum_cannot_be_divided_by_are_refused() {
    let input = Matrix::from_columns(&[[0.5], [1.5]]);
    let error = |weight| {
        let weights = Matrix::from_columns(&[[weight], [weight]]);
        let samples = Samples::<Matrix<f64>>::new(&input, &input).unwrap();
        samples.weighted(&weights).unwrap_err()
    };
    assert_message(
        &error(f64::MAX),
        "sample weights: expected a sum whose square is finite, got inf; only their ratios matter",
    );
    assert_message(
        &error(5e-324),
        "sample weights: expected 0 or a number whose inverse is finite for sample 0, got 5e-324",
    );
}

#[test]
fn an_initializer_needs_a_standard_deviation() {
    for standard_deviation in [f64::NAN, f64::INFINITY, -0.1] {
        let builder = Mlp::<Matrix<f64>>::builder(&[1, 1]);
        let error = builder
            .initializer(Initializer::Normal { standard_deviation })
            .build()
            .unwrap_err();
        let expected = format!("standard deviation: expected a finite number of at least 0, got {standard_deviation}");
        assert_eq!(error.to_string(), expected);
    }
}

/// Asserts that `mistake` panics with `message`.
fn assert_panics(message: &str, mistake: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(mistake)).expect_err("expected a panic");
    assert_eq!(*panic.downcast::<String>().expect("a message"), message);
}

#[test]
fn gradients_that_do_not_fit_panic() {
    let network: Mlp<Matrix<f64>> = Mlp::builder(&[2, 4, 1]).build().unwrap();
    let mut workspace = Workspace::new(&network, 5).unwrap();
    network.forward(&Matrix::zeros(2, 3), &mut workspace);
    assert_panics("gradient: expected input of 2 x 3, got 2 x 5", || {
        network.gradient(&Matrix::zeros(2, 5), &mut workspace.clone());
    });
    let mut descent = GradientDescent::new(0.1).unwrap();
    let mut update = |gradient: &mut [Dense<Matrix<f64>>]| {
        let _ = descent.update(network.clone().layers_mut(), gradient);
    };
    assert_panics("update: expected gradients of layers of 2 x 1, got 1 x 1", || {
        update(&mut workspace.gradient_mut()[1..]);
    });
    let mut gradient = workspace.gradient().to_vec();
    gradient[0].bias = Matrix::zeros(4, 2);
    assert_panics("update: expected a bias gradient of 4 x 1, got 4 x 2", || {
        update(&mut gradient);
    });
    let mut output = [0.0; 3];
    assert_panics("loss: expected target of 3 x 1, got 2 x 1", || {
        let _ = HalfMse.value_and_gradient(&[1.0, 2.0, 3.0], &[1.0, 2.0], &mut output);
    });
    assert_panics("loss: expected gradient of 3 x 1, got 1 x 1", || {
        let classes = SoftmaxCrossEntropy::for_classes();
        let _ = classes.value_and_gradient(&[1.0, 2.0, 3.0], &[1.0], &mut output[..1]);
    });
}

/// In `f32`, summing 100,000 losses of about 1/2 one after the other would leave three correct digits.
#[test]
fn many_small_losses_are_not_lost_beside_a_large_sum() {
    let samples = 100_000;
    let mut network: Mlp<Matrix<f32>> = Mlp::builder(&[1, 1]).build().unwrap();
    let input = Matrix::from_fn(1, samples, |_, j| (j % 17) as f32 / 17.0);
    let target = Matrix::from_fn(1, samples, |_, j| (j % 23) as f32 / 23.0);
    let weight = f64::from(network.layers()[0].weights[(0, 0)]);
    let square = |j: usize| (weight * f64::from(input[(0, j)]) - f64::from(target[(0, j)])).powi(2);
    let expected = (0..samples).map(square).sum::<f64>() / 2.0 / samples as f64;
    let mut workspace = Workspace::new(&network, samples).unwrap();
    network.forward(&input, &mut workspace);
    let whole = network.loss(&HalfMse, &target, &mut workspace);
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    let step = trainer
        .step(&mut network, Samples::new(&input, &target).unwrap())
        .unwrap();
    for got in [whole, step] {
        assert!((got / expected - 1.0).abs() < 2e-5, "got {got}, expected {expected}");
    }
}

#[test]
fn a_step_on_samples_that_are_not_finite_says_which() {
    let (mut input, target) = data(4);
    let mut network = network(&[2, 5, 1], 1);
    let mut trainer = trainer(HalfMse, 0.1);
    trainer
        .step(&mut network, Samples::new(&input, &target).unwrap())
        .unwrap();
    let before = network.clone();
    input[(1, 2)] = f64::NAN;
    let error = trainer
        .step(&mut network, Samples::new(&input, &target).unwrap())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "input: expected a finite number in row 1, column 2 (a column is a sample), got NaN"
    );
    assert_eq!(network, before);
}
