//! Tests that the gradient of a whole network is its derivative: random networks of every activation and loss, every
//! parameter, against the forward pass in dual numbers, against differences, and in `f32` against `f64`.

pub(crate) mod cases;

use self::cases::{ACTIVATIONS, AnyLoss, Batch, Case, LOSSES, cases, run, with_loss};
use crate::is_exhaustive;
use crate::naive::{Naive, carry, tensor, values};
use mlp_core::backend::{Objective, Tensor};
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{
    ActivationKind, Dense, Dual, HyperParameterError, InferenceWorkspace, Loss, Mlp, NonFinite, Optimizer, Scalar,
    Trainer, Workspace,
};
use mlp_cpu::Matrix;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;

/// An optimizer that records the gradient and leaves the parameters unchanged.
#[derive(Debug)]
pub(crate) struct Probe<B>(pub(crate) Vec<Dense<B>>);

impl<B> Default for Probe<B> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<B: Tensor> Optimizer<B> for Probe<B> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let loss = objective.evaluate(layers);
        self.0 = objective.gradient_mut().to_vec();
        Ok(loss)
    }

    fn learning_rate(&self) -> f64 {
        1.0
    }

    fn set_learning_rate(&mut self, _: f64) -> Result<(), HyperParameterError> {
        Ok(())
    }

    fn reset(&mut self) {}

    fn state(&self) -> OptimizerState<B> {
        OptimizerState::new("probe")
    }

    fn restore(&mut self, _: OptimizerState<B>, _: &[Dense<B>]) -> Result<(), StateError> {
        Ok(())
    }
}

/// One list of numbers for each tensor of parameters: the weights and the bias of the first layer, of the second, ...
pub(crate) type Gradient<T> = Vec<Vec<T>>;

pub(crate) fn flatten<B: Tensor>(layers: &[Dense<B>]) -> Gradient<B::Scalar> {
    layers
        .iter()
        .flat_map(|layer| [&layer.weights, &layer.bias])
        .map(|part| values::<B>(part.into()))
        .collect()
}

/// Computes loss and gradient by backpropagation: with sample weights by the trainer, without weights also by the
/// network's own steps. Computes each twice, which must give the same bits every time.
fn backpropagation<B: Tensor, L: Loss>(network: &Mlp<B>, batch: &Batch<B>, loss: &L) -> (f64, Gradient<B::Scalar>) {
    let mut trainer = Trainer::new(loss.clone(), Probe::default());
    let mut by_trainer = || {
        let loss = trainer.step(&mut network.clone(), batch.samples()).expect("a step");
        (loss, flatten(&trainer.optimizer().0))
    };
    let first = by_trainer();
    assert_eq!(first, by_trainer(), "the trainer's gradient, taken twice");
    if batch.weights.is_none() {
        let mut workspace = Workspace::new(network, batch.input.shape().1).expect("memory");
        for _ in 0..2 {
            network.forward(&batch.input, &mut workspace);
            let value = network.loss(loss, &batch.target, &mut workspace);
            network.backward(&mut workspace);
            network.gradient(&batch.input, &mut workspace);
            assert_eq!(
                (value, flatten(workspace.gradient())),
                first,
                "the steps one by one, and the trainer's"
            );
        }
    }
    first
}

/// Computes loss and gradient by dual numbers: for each parameter, the forward pass and the value of the loss with
/// respect to it. Layers before the parameter do not depend on it and run once.
fn dual_numbers<L: Loss>(network: &Mlp<Matrix<f64>>, batch: &Batch<Matrix<f64>>, loss: &L) -> (f64, Gradient<f64>) {
    type Numbers = Naive<Dual<f64>>;
    let network: Mlp<Numbers> = carry(network);
    let batch: Batch<Numbers> = batch.carry();
    let samples = batch.input.shape().1;
    let target = values::<Numbers>((&batch.target).into());
    let weights = batch.weights.as_ref().map(|weights| values::<Numbers>(weights.into()));
    let (rows, outputs) = (target.len() / samples, network.outputs());
    let mean_loss = |prediction: &Numbers| {
        let prediction = values::<Numbers>(prediction.into());
        let (mut sum, mut total) = (Dual::constant(0.0), 0.0);
        for j in 0..samples {
            let weight = weights.as_ref().map_or(1.0, |weights| weights[j].value);
            let value = loss.value(&prediction[j * outputs..][..outputs], &target[j * rows..][..rows]);
            sum += Dual::constant(weight) * value;
            total += weight;
        }
        sum / Dual::constant(total)
    };

    let mut gradient = Vec::new();
    let mut input = batch.input;
    let mut output = Numbers::zeros(outputs, samples);
    for l in 0..network.layers().len() {
        let mut rest = layers(&network, l..network.layers().len());
        let mut workspace = InferenceWorkspace::new(&rest, samples);
        for part in parts() {
            let mut parameters = values::<Numbers>((&*part(&mut rest.layers_mut()[0])).into());
            let derivatives = (0..parameters.len()).map(|i| {
                parameters[i] = Dual::variable(parameters[i].value);
                part(&mut rest.layers_mut()[0]).write(&parameters);
                rest.predict_into(&input, &mut workspace, &mut output);
                parameters[i] = Dual::constant(parameters[i].value);
                mean_loss(&output).derivative
            });
            gradient.push(derivatives.collect());
            part(&mut rest.layers_mut()[0]).write(&parameters);
        }
        input = layers(&network, l..l + 1).predict(&input);
    }
    (mean_loss(&input).value, gradient)
}

/// The two tensors of a layer's parameters, to be visited in turn.
fn parts<B>() -> [fn(&mut Dense<B>) -> &mut B; 2] {
    [|layer| &mut layer.weights, |layer| &mut layer.bias]
}

/// Returns some layers of a network as a network.
fn layers<B: Tensor>(network: &Mlp<B>, range: std::ops::Range<usize>) -> Mlp<B> {
    let layers = network.layers()[range.clone()].iter().cloned();
    Mlp::from_layers(layers.zip(network.activations()[range].iter().cloned()).collect()).expect("layers of a network")
}

/// Returns the side of each kink on which every pre-activation lies, and, if the loss has a kink at 0, every error.
fn sides<B: Tensor>(network: &Mlp<B>, batch: &Batch<B>, loss: AnyLoss) -> Vec<bool> {
    let samples = batch.input.shape().1;
    let mut workspace = Workspace::new(network, samples).expect("memory");
    network.forward(&batch.input, &mut workspace);
    let mut sides = Vec::new();
    for (l, (layer, activation)) in network.layers().iter().zip(network.activations()).enumerate() {
        let kinks: &[f64] = match activation {
            ActivationKind::Relu(_)
            | ActivationKind::LeakyRelu(_)
            | ActivationKind::Elu(_)
            | ActivationKind::Selu(_) => &[0.0],
            ActivationKind::HardTanh(_) => &[-1.0, 1.0],
            _ => &[],
        };
        let mut z = B::zeros(layer.outputs(), samples);
        match l {
            0 => layer.pre_activation(&batch.input, &mut z),
            _ => layer.pre_activation(workspace.activation(l - 1), &mut z),
        }
        let z = values::<B>((&z).into());
        sides.extend(kinks.iter().flat_map(|&kink| z.iter().map(move |z| z.to_f64() > kink)));
    }
    if loss == AnyLoss::MeanAbsolute {
        let prediction = values::<B>(workspace.prediction());
        let errors = prediction
            .iter()
            .zip(values::<B>((&batch.target).into()))
            .map(|(p, y)| p.to_f64() - y.to_f64());
        sides.extend(errors.flat_map(|error| [error > 0.0, error < 0.0]));
    }
    sides
}

/// The statistics over all cases.
#[derive(Debug, Default)]
struct Seen {
    networks: usize,
    parameters: usize,
    skipped: usize,
    largest_error: f64,
    without_gradient: usize,
    widths: HashSet<usize>,
    batches: HashSet<usize>,
    pairs: HashSet<(usize, AnyLoss)>,
}

impl Seen {
    fn count(&mut self, case: &Case, parameters: usize) {
        self.networks += 1;
        self.parameters += parameters;
        self.widths.extend(&case.sizes);
        self.batches.insert(case.batch);
        self.pairs
            .extend(case.activations.iter().map(|&activation| (activation, case.loss)));
    }

    #[allow(clippy::print_stdout, reason = "figures that --nocapture shows")]
    fn report(&self, what: &str) {
        println!(
            "{what}: {} networks, {} parameters, largest error {:e}, {} parameters skipped at kinks, {} networks without \
             a gradient",
            self.networks, self.parameters, self.largest_error, self.skipped, self.without_gradient
        );
    }

    /// Records the distance of `got` from `expected`, relative to the largest element of each tensor of parameters,
    /// or to 0.1 if all elements are smaller than that.
    fn compare(
        &mut self,
        case: &Case,
        got: &Gradient<f64>,
        expected: &Gradient<f64>,
        tolerance: f64,
    ) -> Result<(), TestCaseError> {
        for (part, (got, expected)) in got.iter().zip(expected).enumerate() {
            prop_assert_eq!(got.len(), expected.len());
            let scale = expected.iter().fold(0.1, |max: f64, e| max.max(e.abs()));
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                let error = (got - expected).abs() / scale;
                let (layer, name) = (part / 2, ["weights", "bias"][part % 2]);
                prop_assert!(
                    error <= tolerance,
                    "layer {layer}, {name}, element {i}: got {got:e}, expected {expected:e}, error {error:e} of {case:?}"
                );
                self.largest_error = self.largest_error.max(error);
            }
        }
        Ok(())
    }
}

/// Returns the number of random networks.
fn networks() -> u32 {
    if is_exhaustive() { 1500 } else { 500 }
}

#[test]
fn backpropagation_is_the_derivative() {
    let seen = RefCell::new(Seen::default());
    run(
        networks(),
        &cases((0..ACTIVATIONS.len()).collect(), LOSSES.to_vec()),
        |case| {
            let (network, batch) = case.build();
            let mut seen = seen.borrow_mut();
            seen.count(case, network.parameter_count());
            let naive: Mlp<Naive<f64>> = carry(&network);
            if sides(&network, &batch, case.loss) != sides(&naive, &batch.carry(), case.loss) {
                seen.skipped += network.parameter_count();
                return Ok(());
            }
            with_loss!(case.loss, loss => {
                let (value, gradient) = backpropagation(&network, &batch, &loss);
                let (expected_value, expected) = dual_numbers(&network, &batch, &loss);
                let error = (value - expected_value).abs();
                prop_assert!(error <= 1e-13 * expected_value.abs().max(1.0), "loss: got {value}, expected {expected_value}");
                seen.without_gradient += usize::from(gradient.iter().flatten().all(|&g| g == 0.0));
                seen.compare(case, &gradient, &expected, 1e-12)
            })
        },
    );
    let seen = seen.into_inner();
    seen.report("backpropagation against dual numbers");
    assert!(
        seen.skipped * 100 < seen.parameters,
        "of {} parameters, {} skipped",
        seen.parameters,
        seen.skipped
    );
    assert!(
        seen.without_gradient * 20 < seen.networks,
        "{} gradients are zero",
        seen.without_gradient
    );
    if seen.networks >= 1500 {
        assert_eq!(
            seen.pairs.len(),
            ACTIVATIONS.len() * LOSSES.len(),
            "every activation with every loss"
        );
        assert_eq!(
            (seen.widths.len(), seen.batches.len()),
            (33, 17),
            "every width, every size of a batch"
        );
    }
}

#[test]
fn f32_follows_f64() {
    let seen = RefCell::new(Seen::default());
    run(
        networks(),
        &cases((0..ACTIVATIONS.len()).collect(), LOSSES.to_vec()),
        |case| {
            let (network, batch) = case.build();
            let (small, small_batch): (Mlp<Matrix<f32>>, Batch<Matrix<f32>>) = (carry(&network), batch.carry());
            let mut seen = seen.borrow_mut();
            seen.count(case, network.parameter_count());
            if sides(&network, &batch, case.loss) != sides(&small, &small_batch, case.loss) {
                seen.skipped += network.parameter_count();
                return Ok(());
            }
            let (expected, got) = with_loss!(case.loss, loss => (
                backpropagation(&network, &batch, &loss).1,
                backpropagation(&small, &small_batch, &loss).1,
            ));
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
            let size = norm(&mut expected.iter().flatten().copied());
            let distance = norm(
                &mut expected
                    .iter()
                    .flatten()
                    .zip(got.iter().flatten())
                    .map(|(e, &g)| e - f64::from(g)),
            );
            // A norm below 0.1 remains after larger terms cancel.
            let error = distance / size.max(0.1);
            prop_assert!(
                error <= 1e-5,
                "distance {distance:e} from a gradient of norm {size:e}: {error:e} of {case:?}"
            );
            seen.largest_error = seen.largest_error.max(error);
            Ok(())
        },
    );
    let seen = seen.into_inner();
    seen.report("f32 against f64");
    assert!(
        seen.skipped * 100 < seen.parameters,
        "of {} parameters, {} skipped",
        seen.parameters,
        seen.skipped
    );
}

/// Compares with five-point differences of the loss in `f64`, which do not use dual numbers. Uses smooth functions
/// only.
#[test]
fn backpropagation_follows_differences() {
    let kinked = ["relu", "leaky_relu", "elu", "selu", "hard_tanh", "softsign"];
    let smooth = (0..ACTIVATIONS.len())
        .filter(|&i| !kinked.contains(&ACTIVATIONS[i]))
        .collect();
    let losses = LOSSES
        .into_iter()
        .filter(|loss| !matches!(loss, AnyLoss::MeanAbsolute | AnyLoss::Huber));
    let seen = RefCell::new(Seen::default());
    run(200, &cases(smooth, losses.collect()), |case| {
        let (network, mut batch) = case.build();
        batch.weights = None;
        let mut seen = seen.borrow_mut();
        seen.count(case, network.parameter_count());
        with_loss!(case.loss, loss => {
            let (_, gradient) = backpropagation(&network, &batch, &loss);
            seen.compare(case, &gradient, &differences(network, &batch, &loss), 1e-8)
        })
    });
    seen.into_inner().report("backpropagation against differences");
}

fn differences<L: Loss>(mut network: Mlp<Matrix<f64>>, batch: &Batch<Matrix<f64>>, loss: &L) -> Gradient<f64> {
    // Between the error of the formula, of order h^4, and that of rounding, of order 1/h.
    const STEP: f64 = 2.5e-4;
    let mut workspace = Workspace::new(&network, batch.input.columns()).expect("memory");
    let mut gradient = Vec::new();
    for l in 0..network.layers().len() {
        for part in parts() {
            let parameters = part(&mut network.layers_mut()[l]).to_vec();
            let mut loss_at = |i: usize, step: f64| {
                let mut parameters = parameters.clone();
                parameters[i] += step;
                part(&mut network.layers_mut()[l]).write(&parameters);
                network.forward(&batch.input, &mut workspace);
                network.loss(loss, &batch.target, &mut workspace)
            };
            let mut rise = |i, step| loss_at(i, step) - loss_at(i, -step);
            let difference = |i| (8.0 * rise(i, STEP) - rise(i, 2.0 * STEP)) / (12.0 * STEP);
            gradient.push((0..parameters.len()).map(difference).collect());
            part(&mut network.layers_mut()[l]).write(&parameters);
        }
    }
    gradient
}

/// Targets that equal the predictions give a gradient of exactly zero.
#[test]
fn a_perfect_prediction_has_no_gradient() {
    let network = Mlp::<Matrix<f64>>::builder(&[3, 7, 2])
        .hidden(mlp_core::activations::Tanh)
        .seed(4)
        .build()
        .unwrap();
    let input = tensor::<Matrix<f64>>((3, 5), &(0..15).map(|i| f64::from(i).sin()).collect::<Vec<_>>());
    let batch = Batch {
        target: network.predict(&input),
        input,
        weights: None,
    };
    for loss in [
        AnyLoss::HalfSquared,
        AnyLoss::MeanSquared,
        AnyLoss::MeanAbsolute,
        AnyLoss::Huber,
    ] {
        let (_, gradient) = with_loss!(loss, loss => backpropagation(&network, &batch, &loss));
        assert!(gradient.iter().flatten().all(|&g| g == 0.0), "{loss:?}: {gradient:?}");
    }
}
