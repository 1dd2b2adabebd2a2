use super::*;
use crate::Recipe;
use crate::network::front::{COMPONENTS, unbiased};
use mlp_core::activations::{Mish, Selu};
use mlp_cpu::set_threads;
use serde::Deserialize;
use std::num::NonZero;

#[derive(Deserialize)]
struct Golden {
    features: Vec<[f64; 4]>,
    number: Vec<f64>,
    classes: Vec<f64>,
    saved: Vec<usize>,
    batch: usize,
    of_number: Vec<Saved>,
    of_classes: Vec<Saved>,
}

/// The weights as rows.
#[derive(Deserialize)]
struct Saved {
    scaling: Vec<f64>,
    layers: Vec<(Vec<Vec<f64>>, Vec<f64>)>,
}

impl Saved {
    fn layers(&self) -> Vec<Dense<Matrix<f64>>> {
        let layers = self.layers.iter().map(|(weights, bias)| Dense {
            weights: Matrix::from_rows(weights),
            bias: Matrix::from_columns(&[bias]),
        });
        layers.collect()
    }
}

/// `golden.py` trains pytabkit's TD-S.
#[test]
fn td_s_takes_the_steps_of_pytabkit() {
    check_steps(include_str!("golden.json"), |is_class| Settings {
        hidden: vec![6; 3],
        ..Recipe::TdS.settings(64, is_class)
    });
}

/// `tabm.py` trains a TabM-mini of PyTorch's layers.
#[test]
fn tabm_takes_the_steps_of_pytorch() {
    check_steps(include_str!("tabm.json"), |is_class| Settings {
        hidden: vec![6, 5],
        members: 3,
        learning_rate: 0.02,
        ..Recipe::TdS.settings(64, is_class)
    });
}

/// Trains from the first of the saved parameters of a golden file, and compares with the others.
fn check_steps(golden: &str, settings: impl Fn(bool) -> Settings) {
    let golden: Golden = serde_json::from_str(golden).unwrap();
    let features = Matrix::from_columns(&golden.features);
    let data = Data {
        features: features.view(),
        indices: &[],
    };
    for (classes, target, saved) in [
        (None, &golden.number, &golden.of_number),
        (Some(3), &golden.classes, &golden.of_classes),
    ] {
        let settings = settings(classes.is_some());
        let problem = problem(&[true; 4], &[], classes);
        let mut network = Network::new(&settings, &problem, data, 0);
        network.trunk.layers_mut().clone_from_slice(&saved[0].layers());
        let scaling = Matrix::from_vec(4, settings.members, saved[0].scaling.clone());
        network.scaling = Some(unbiased(scaling));
        let steps = *golden.saved.last().unwrap();
        let mut training = Training::new(network, &settings, [golden.batch, steps], 0).unwrap();
        let target = Matrix::from_vec(1, target.len(), target.clone());
        for step in 0..=steps {
            if let Some(place) = golden.saved.iter().position(|&saved| saved == step) {
                let scaling = training.network.scaling.as_ref().unwrap();
                let mut pairs = vec![(scaling.weights.to_vec(), saved[place].scaling.clone())];
                for (ours, theirs) in training.network.trunk.layers().iter().zip(saved[place].layers()) {
                    pairs.push((ours.weights.to_vec(), theirs.weights.to_vec()));
                    pairs.push((ours.bias.to_vec(), theirs.bias.to_vec()));
                }
                for (ours, theirs) in pairs.iter().flat_map(|(ours, theirs)| ours.iter().zip(theirs)) {
                    let is_near = (ours - theirs).abs() < 1e-8;
                    assert!(is_near, "{classes:?}, step {step}: {ours}, not {theirs}");
                }
            }
            let first = step * golden.batch % 64;
            let rows: Vec<usize> = (first..first + golden.batch).collect();
            training.step(data, target.view(), &rows).unwrap();
        }
    }
}

fn problem(numeric: &[bool], embedded: &[usize], classes: Option<usize>) -> Problem {
    Problem {
        numeric: numeric.to_vec(),
        embedded: embedded.to_vec(),
        classes,
    }
}

/// A smooth function of two numbers and two categories.
struct Sample {
    features: Matrix<f32>,
    indices: Vec<Vec<u32>>,
    target: Matrix<f32>,
}

impl Sample {
    fn new(rows: usize, is_class: bool) -> Self {
        let at = |i: usize, step: f64| ((i as f64 * step) % 1.0) * 4.0 - 2.0;
        let features = Matrix::from_fn(3, rows, |feature, i| match feature {
            0 => at(i, 0.618_034) as f32,
            1 => at(i, 0.414_214) as f32,
            _ => (i % 2) as f32,
        });
        let indices = vec![(0..rows).map(|i| (i * i % 5) as u32).collect()];
        let target = Matrix::from_fn(1, rows, |_, i| {
            let shift = [0.0, -0.5, 0.5, 0.2, -0.2][i * i % 5];
            let y = (1.5 * at(i, 0.618_034)).sin() + 0.5 * at(i, 0.414_214) * (i % 2) as f64 + shift;
            if is_class {
                f32::from(u8::from(y > -0.4) + u8::from(y > 0.4))
            } else {
                y as f32
            }
        });
        Self {
            features,
            indices,
            target,
        }
    }

    fn problem(is_class: bool) -> Problem {
        problem(&[true, true, false], &[5], is_class.then_some(3))
    }

    fn features(&self) -> Features {
        Features {
            dense: self.features.clone(),
            indices: self.indices.clone(),
            unknown: vec![],
        }
    }
}

/// Trains with 300 rows for some epochs and returns the network, its error for other rows, and that of the best constant.
fn trained(recipe: Recipe, is_class: bool, epochs: usize) -> (Network, f64, f64) {
    let [train, validation] = [300, 100].map(|rows| Sample::new(rows, is_class));
    let (features, held_out) = (train.features(), validation.features());
    let rows = |features, target| Rows { features, target };
    let validation_rows = rows(&held_out, &validation.target);
    let network = Network::train(
        &recipe.settings(300, is_class),
        &Sample::problem(is_class),
        rows(&features, &train.target),
        validation_rows,
        1,
        &mut |report| match report.epoch == epochs {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        },
    )
    .unwrap();
    let target = validation.target.to_vec();
    let constant = if is_class {
        let most = (0..3)
            .map(|class| target.iter().filter(|&&own| own == class as f32).count())
            .max()
            .unwrap();
        1.0 - most as f64 / 100.0
    } else {
        let mean = target.iter().sum::<f32>() / 100.0;
        f64::from(target.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / 100.0).sqrt()
    };
    let error = network.error(validation_rows);
    (network, error, constant)
}

#[test]
fn every_recipe_is_better_than_a_constant() {
    for recipe in Recipe::ALL {
        for is_class in [false, true] {
            let (_, error, constant) = trained(recipe, is_class, 20);
            assert!(error < 0.9 * constant, "{recipe} {is_class}: {error} of {constant}");
        }
    }
}

#[test]
fn one_thread_gives_the_bits_of_two_and_a_task_those_outside() {
    for recipe in [Recipe::Td, Recipe::Tabm] {
        let networks = [1, 2].map(|threads| {
            set_threads(NonZero::new(threads).unwrap());
            trained(recipe, true, 2).0
        });
        let mut members = [None, None];
        Matrix::<f32>::for_each(&mut members, |_, member| *member = Some(trained(recipe, true, 2).0));
        assert_eq!(networks[0], networks[1]);
        assert_eq!(members, networks.map(Some));
    }
}

#[test]
fn a_network_comes_back_from_its_parts() {
    for recipe in Recipe::ALL {
        let (network, ..) = trained(recipe, true, 1);
        let (record, tensors) = network.to_parts();
        let problem = Sample::problem(true);
        let back = |tensors| Network::from_parts(record.clone(), tensors, &problem);
        assert_eq!(back(tensors.clone()).unwrap(), network, "{recipe}");
        for place in 0..tensors.len() {
            let mut fewer = tensors.clone();
            let (name, tensor) = fewer.remove(place);
            let message = back(fewer).unwrap_err();
            assert!(message.contains("expected tensor"), "{message}");
            let mut wide = tensors.clone();
            wide[place].1 = Matrix::zeros(tensor.rows(), tensor.columns() + 1);
            let message = back(wide).unwrap_err();
            assert!(message.starts_with(&format!("tensor `{name}`: expected ")), "{message}");
        }
        let mut more = tensors.clone();
        more.push(("more".to_owned(), Matrix::zeros(1, 1)));
        assert_eq!(back(more).unwrap_err(), "expected no more tensors, got `more`");
    }
}

#[test]
fn the_last_of_the_best_epochs_is_kept_and_an_observer_ends_the_training() {
    let sample = Sample::new(64, true);
    // Of the validation rows, the network learns the wrong classes.
    let wrong = Matrix::from_fn(1, 64, |_, i| (sample.target[(0, i)] + 1.0) % 3.0);
    let features = sample.features();
    let rows = |target| Rows {
        features: &features,
        target,
    };
    let run = |last: usize| {
        let mut errors = vec![];
        let mut observe = |report: &EpochReport| {
            errors.push(report.validation);
            match report.epoch == last {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let network = Network::train(
            &Recipe::TdS.settings(64, true),
            &Sample::problem(true),
            rows(&sample.target),
            rows(&wrong),
            3,
            &mut observe,
        )
        .unwrap();
        (network, errors)
    };
    let (network, errors) = run(40);
    assert_eq!(errors.len(), 40);
    let lowest = errors.iter().copied().fold(f64::INFINITY, f64::min);
    let best = 1 + errors.iter().rposition(|&error| error == lowest).unwrap();
    assert!(best < 40, "the last epoch is the best one, which shows nothing");
    assert_eq!(run(best).0, network);
    assert_eq!(network.error(rows(&wrong)), lowest);
}

/// The gradient of all parts against differences of the loss.
#[test]
fn the_gradient_is_that_of_the_loss() {
    for is_class in [false, true] {
        let settings = Settings {
            hidden: vec![5, 4],
            activation: if is_class { Selu.into() } else { Mish.into() },
            members: 2,
            ..Recipe::Td.settings(12, is_class)
        };
        let sample = Sample::new(12, is_class);
        let [features, target] = [&sample.features, &sample.target]
            .map(|matrix| Matrix::from_fn(matrix.rows(), matrix.columns(), |i, j| f64::from(matrix[(i, j)])));
        let data = Data {
            features: features.view(),
            indices: &sample.indices,
        };
        let rows: Vec<usize> = (0..12).rev().collect();
        let network = Network::<f64>::new(&settings, &Sample::problem(is_class), data, 5);
        assert_eq!(network.trunk.inputs(), 3 + 2 * 3 + COMPONENTS);
        let mut training = Training::new(network, &settings, [12, 10], 5).unwrap();
        training.evaluate(data, target.view(), &rows);
        let Training { network, buffers, .. } = &mut training;
        let gradient: Vec<Vec<Dense<Matrix<f64>>>> = parts(network, buffers).map(|(_, own)| own.to_vec()).collect();
        for (part, layers) in gradient.iter().enumerate() {
            for (l, layer) in layers.iter().enumerate() {
                for (kind, gradient) in [&layer.weights, &layer.bias].into_iter().enumerate() {
                    for i in 0..gradient.rows() {
                        for j in 0..gradient.columns() {
                            let mut loss_at = |shift: f64| {
                                let Training { network, buffers, .. } = &mut training;
                                let layer = &mut parts(network, buffers).nth(part).unwrap().0[l];
                                let parameters = if kind == 0 { &mut layer.weights } else { &mut layer.bias };
                                let before = parameters[(i, j)];
                                parameters[(i, j)] += shift;
                                let loss = training.evaluate(data, target.view(), &rows);
                                let Training { network, buffers, .. } = &mut training;
                                let layer = &mut parts(network, buffers).nth(part).unwrap().0[l];
                                let parameters = if kind == 0 { &mut layer.weights } else { &mut layer.bias };
                                parameters[(i, j)] = before;
                                loss
                            };
                            let expected = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
                            let got = gradient[(i, j)];
                            assert!(
                                (got - expected).abs() < 1e-7 * (1.0 + expected.abs()),
                                "part {part}, layer {l}, kind {kind}, {i}, {j}: {got}, not {expected}"
                            );
                        }
                    }
                }
            }
        }
    }
}
