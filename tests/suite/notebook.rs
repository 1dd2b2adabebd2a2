//! Tests the notebook's experiment: the 40 losses it printed, its gradient written out by hand, and parity with NumPy
//! on five other networks.

use core::ops::ControlFlow;
use mlp_core::activations::{Identity, LeakyRelu};
use mlp_core::{ActivationKind, Dense, Event, FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer, Workspace};
use mlp_cpu::Matrix;
use mlp_demo::notebook::{Experiment, experiments};
use serde::Deserialize;

/// Returns x and y of the three samples.
const INPUT: [f64; 3] = [2.0, -1.0, 3.0];
const TARGET: [f64; 3] = [3.0, 1.0, 5.0];
const LEARNING_RATE: f64 = 0.1;
const NEGATIVE_SLOPE: f64 = 0.01;

/// Returns a network with these weights (layer, n_out rows of n_in) and biases: leaky ReLU in the hidden layers, linear
/// output.
fn network(weights: &[Vec<Vec<f64>>], biases: &[Vec<f64>], negative_slope: f64) -> Mlp<Matrix<f64>> {
    let last = weights.len() - 1;
    let layers = weights.iter().zip(biases).enumerate().map(|(l, (weights, bias))| {
        let dense = Dense {
            weights: Matrix::from_rows(weights),
            bias: Matrix::from_columns(&[bias]),
        };
        let activation: ActivationKind = if l == last {
            Identity.into()
        } else {
            LeakyRelu::new(negative_slope).unwrap().into()
        };
        (dense, activation)
    });
    Mlp::from_layers(layers.collect()).unwrap()
}

fn network_of(experiment: &Experiment) -> Mlp<Matrix<f64>> {
    experiment.network(NEGATIVE_SLOPE).unwrap()
}

fn row(values: &[f64]) -> Matrix<f64> {
    Matrix::from_vec(1, values.len(), values.to_vec())
}

fn gradient_descent() -> GradientDescent<Matrix<f64>> {
    GradientDescent::new(LEARNING_RATE).unwrap()
}

/// Returns the losses of 100 epochs, each before its update.
fn trained_losses(network: &mut Mlp<Matrix<f64>>) -> Vec<f64> {
    let (input, target) = (row(&INPUT), row(&TARGET));
    let mut losses = Vec::new();
    Trainer::new(HalfMse, gradient_descent())
        .fit_with(
            network,
            Samples::new(&input, &target).unwrap(),
            FitOptions::epochs(100),
            |progress| {
                if let Event::Epoch { epoch, loss, .. } = progress.event {
                    assert_eq!(epoch, losses.len() as u64);
                    losses.push(loss);
                }
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    losses
}

#[test]
fn all_40_recorded_losses() {
    let mut compared = 0;
    for experiment in experiments() {
        let losses = trained_losses(&mut network_of(&experiment));
        assert_eq!(losses.len(), 100);
        for (i, recorded) in experiment.recorded_losses.iter().enumerate() {
            let epoch = 5 * i;
            let (got, expected) = (format!("{:.6}", losses[epoch]), format!("{recorded:.6}"));
            assert_eq!(
                got, expected,
                "{:?}, epoch {epoch}: all digits {}",
                experiment.layers, losses[epoch]
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 40);
}

/// Forward, loss, backward, gradient and update, called one by one, give the bits of `Trainer::step` and of
/// `Trainer::fit`.
#[test]
fn the_separate_steps_are_the_training_step() {
    let (input, target) = (row(&INPUT), row(&TARGET));
    for experiment in experiments() {
        let mut by_steps = network_of(&experiment);
        let mut by_trainer = by_steps.clone();
        let mut by_fit = by_steps.clone();
        let fitted = trained_losses(&mut by_fit);
        let mut workspace = Workspace::new(&by_steps, 3).unwrap();
        let mut trainer = Trainer::new(HalfMse, gradient_descent());
        for (epoch, fitted) in fitted.into_iter().enumerate() {
            by_steps.forward(&input, &mut workspace);
            let loss = by_steps.loss(&HalfMse, &target, &mut workspace);
            by_steps.backward(&mut workspace);
            by_steps.gradient(&input, &mut workspace);
            gradient_descent()
                .update(by_steps.layers_mut(), workspace.gradient_mut())
                .unwrap();

            let expected = trainer
                .step(&mut by_trainer, Samples::new(&input, &target).unwrap())
                .unwrap();
            assert_eq!(
                loss.to_bits(),
                expected.to_bits(),
                "{:?}, epoch {epoch}: loss",
                experiment.layers
            );
            assert_eq!(
                fitted.to_bits(),
                expected.to_bits(),
                "{:?}, epoch {epoch}: loss of fit",
                experiment.layers
            );
            assert_eq!(
                by_steps.layers(),
                by_trainer.layers(),
                "{:?}, epoch {epoch}",
                experiment.layers
            );
        }
        assert_eq!(by_fit, by_trainer);
    }
}

/// Handwritten backpropagation for three samples: the expected value of each quantity of a workspace.
struct ByHand {
    /// `[layer][neuron][sample]`.
    activation: Vec<Vec<[f64; 3]>>,
    derivative: Vec<Vec<[f64; 3]>>,
    delta: Vec<Vec<[f64; 3]>>,
    /// `[layer][neuron][input]`.
    weights_gradient: Vec<Vec<Vec<f64>>>,
    bias_gradient: Vec<Vec<f64>>,
    loss: f64,
}

fn by_hand(weights: &[Vec<Vec<f64>>], biases: &[Vec<f64>]) -> ByHand {
    let layers = weights.len();
    let (mut activation, mut derivative) = (Vec::new(), Vec::new());
    let mut before = vec![INPUT];
    for l in 0..layers {
        let (mut a, mut d) = (Vec::new(), Vec::new());
        for (row, bias) in weights[l].iter().zip(&biases[l]) {
            let (mut a_row, mut d_row) = ([0.0; 3], [0.0; 3]);
            for i in 0..3 {
                let mut z = *bias;
                for (w, x) in row.iter().zip(&before) {
                    z += w * x[i];
                }
                let slope = if l == layers - 1 || z > 0.0 {
                    1.0
                } else {
                    NEGATIVE_SLOPE
                };
                (a_row[i], d_row[i]) = (slope * z, slope);
            }
            a.push(a_row);
            d.push(d_row);
        }
        before = a.clone();
        activation.push(a);
        derivative.push(d);
    }

    let mut loss = 0.0;
    let mut delta = vec![Vec::new(); layers];
    let mut last = [0.0; 3];
    for i in 0..3 {
        let error = activation[layers - 1][0][i] - TARGET[i];
        loss += error * error / 6.0; // 1/(2N)
        last[i] = error / 3.0;
    }
    delta[layers - 1] = vec![last];
    for l in (0..layers - 1).rev() {
        for j in 0..weights[l].len() {
            let mut row = [0.0; 3];
            for i in 0..3 {
                for (k, w) in weights[l + 1].iter().enumerate() {
                    row[i] += w[j] * delta[l + 1][k][i];
                }
                row[i] *= derivative[l][j][i];
            }
            delta[l].push(row);
        }
    }

    let (mut weights_gradient, mut bias_gradient) = (Vec::new(), Vec::new());
    for l in 0..layers {
        let input = if l == 0 { vec![INPUT] } else { activation[l - 1].clone() };
        let sum = |d: &[f64; 3], x: &[f64; 3]| d[0] * x[0] + d[1] * x[1] + d[2] * x[2];
        weights_gradient.push(
            delta[l]
                .iter()
                .map(|d| input.iter().map(|x| sum(d, x)).collect())
                .collect(),
        );
        bias_gradient.push(delta[l].iter().map(|d| d.iter().sum()).collect());
    }
    ByHand {
        activation,
        derivative,
        delta,
        weights_gradient,
        bias_gradient,
        loss,
    }
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: f64, relative: f64) {
    let error = (got - expected).abs();
    assert!(
        error <= relative * expected.abs(),
        "{what}: expected {expected}, got {got}"
    );
}

/// Tests every number of a training step, at the start and after 40 epochs (when all weights and biases have changed).
#[test]
fn every_quantity_of_a_step_is_the_one_written_out_by_hand() {
    // Allows a sum of up to four products in any order.
    const TOLERANCE: f64 = 1e-14;
    let [_, experiment] = experiments();
    assert_eq!(experiment.layers, [1, 4, 3, 1]);
    let mut network = network_of(&experiment);
    let (input, target) = (row(&INPUT), row(&TARGET));
    let mut trainer = Trainer::new(HalfMse, gradient_descent());
    for epoch in [0, 40] {
        for _ in 0..epoch {
            trainer
                .step(&mut network, Samples::new(&input, &target).unwrap())
                .unwrap();
        }
        let rows = |m: &Matrix<f64>| m.transposed().iter_columns().map(<[f64]>::to_vec).collect::<Vec<_>>();
        let weights: Vec<_> = network.layers().iter().map(|layer| rows(&layer.weights)).collect();
        let biases: Vec<_> = network.layers().iter().map(|layer| layer.bias.to_vec()).collect();
        let expected = by_hand(&weights, &biases);

        let mut workspace = Workspace::new(&network, 3).unwrap();
        network.forward(&input, &mut workspace);
        let loss = network.loss(&HalfMse, &target, &mut workspace);
        network.backward(&mut workspace);
        network.gradient(&input, &mut workspace);

        assert_near(&format!("epoch {epoch}, loss"), loss, expected.loss, TOLERANCE);
        for (l, layer) in network.layers().iter().enumerate() {
            for j in 0..layer.outputs() {
                let place = |what: &str, i: usize| format!("epoch {epoch}, layer {l}, {what} ({j}, {i})");
                for i in 0..3 {
                    let (a, delta) = (workspace.activation(l)[(j, i)], workspace.delta(l)[(j, i)]);
                    assert_near(&place("activation", i), a, expected.activation[l][j][i], TOLERANCE);
                    assert_near(&place("delta", i), delta, expected.delta[l][j][i], TOLERANCE);
                    match workspace.derivative(l) {
                        Some(d) => assert_eq!(d[(j, i)], expected.derivative[l][j][i], "{}", place("derivative", i)),
                        None => assert!(
                            l == 2 && expected.derivative[l][j][i] == 1.0,
                            "{}",
                            place("derivative", i)
                        ),
                    }
                }
                for i in 0..layer.inputs() {
                    let got = workspace.gradient()[l].weights[(j, i)];
                    let largest = expected.delta[l][j].iter().fold(0.0_f64, |m, d| m.max(d.abs()));
                    let expected = expected.weights_gradient[l][j][i];
                    // The sum over the samples may cancel.
                    let near = (got - expected).abs() <= TOLERANCE * (expected.abs() + largest);
                    assert!(near, "{}: expected {expected}, got {got}", place("weights gradient", i));
                }
                let (got, expected) = (workspace.gradient()[l].bias[(j, 0)], expected.bias_gradient[l][j]);
                assert_near(&place("bias gradient", 0), got, expected, TOLERANCE);
            }
        }
        assert_eq!(workspace.prediction().to_vec(), workspace.activation(2).to_vec());
        assert_eq!(workspace.prediction().to_vec(), network.predict(&input).to_vec());
    }
}

/// A case of `fixtures/notebook_parity.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parity {
    layers: Vec<usize>,
    learning_rate: f64,
    negative_slope: f64,
    epochs: u64,
    inputs: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
    losses: Vec<f64>,
    final_loss: f64,
    final_weights: Vec<Vec<Vec<f64>>>,
    final_biases: Vec<Vec<f64>>,
    final_predictions: Vec<Vec<f64>>,
}

#[test]
fn parity_with_numpy_on_five_networks() {
    const TOLERANCE: f64 = 1e-12;
    let cases: Vec<Parity> =
        serde_json::from_str(include_str!("../fixtures/notebook_parity.json")).expect("the fixture is valid");
    assert_eq!(cases.len(), 5);
    for case in cases {
        let name = format!("{:?}", case.layers);
        let mut network = network(&case.weights, &case.biases, case.negative_slope);
        assert_eq!(network.layer_sizes(), case.layers);
        let (input, target) = (Matrix::from_columns(&case.inputs), Matrix::from_columns(&case.targets));
        let mut losses = Vec::new();
        Trainer::new(HalfMse, GradientDescent::new(case.learning_rate).unwrap())
            .fit_with(
                &mut network,
                Samples::new(&input, &target).unwrap(),
                FitOptions::epochs(case.epochs),
                |progress| {
                    if let Event::Epoch { loss, .. } = progress.event {
                        losses.push(loss);
                    }
                    ControlFlow::Continue(())
                },
            )
            .unwrap();

        assert_eq!((losses.len(), case.losses.len()), (100, 100), "{name}");
        for (epoch, (&got, &expected)) in losses.iter().zip(&case.losses).enumerate() {
            assert_near(&format!("{name}, loss of epoch {epoch}"), got, expected, TOLERANCE);
        }
        let mut workspace = Workspace::new(&network, input.columns()).unwrap();
        network.forward(&input, &mut workspace);
        let final_loss = network.loss(&HalfMse, &target, &mut workspace);
        assert_near(&format!("{name}, final loss"), final_loss, case.final_loss, TOLERANCE);
        for (l, layer) in network.layers().iter().enumerate() {
            for (j, row) in case.final_weights[l].iter().enumerate() {
                for (i, &expected) in row.iter().enumerate() {
                    assert_near(
                        &format!("{name}, layer {l}, weight ({j}, {i})"),
                        layer.weights[(j, i)],
                        expected,
                        TOLERANCE,
                    );
                }
            }
            for (j, &expected) in case.final_biases[l].iter().enumerate() {
                assert_near(
                    &format!("{name}, layer {l}, bias {j}"),
                    layer.bias[(j, 0)],
                    expected,
                    TOLERANCE,
                );
            }
        }
        let predictions = network.predict(&input);
        assert_eq!(predictions.columns(), case.final_predictions.len(), "{name}");
        for (i, sample) in case.final_predictions.iter().enumerate() {
            for (j, &expected) in sample.iter().enumerate() {
                let what = format!("{name}, sample {i}, output {j}");
                assert_near(&what, predictions[(j, i)], expected, TOLERANCE);
            }
        }
    }
}
