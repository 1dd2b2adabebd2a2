//! Tests of a network as a block: pullback and pushforward are each other's transposes and agree with dual numbers.

use crate::determinism::{bits, random};
use crate::naive::{Naive, carry, carry_tensor, values};
use crate::network_gradient::cases::{ACTIVATIONS, Case, LOSSES, cases, run};
use crate::network_gradient::flatten;
use crate::panics::assert_panic;
use mlp_core::activations::{Relu, Sigmoid, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::{Dense, Dropout, Dual, GradientDescent, HalfMse, Mlp, Samples, Trainer, Workspace};
use mlp_cpu::{Element, Matrix};
use proptest::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// Returns a . b, and the sum of the absolute values of its terms.
fn dot<B: Tensor>(a: &B, b: &B) -> [f64; 2] {
    use mlp_core::Scalar;
    let products = values::<B>(a.into()).into_iter().zip(values::<B>(b.into()));
    products.fold([0.0; 2], |[sum, size], (a, b)| {
        let product = a.to_f64() * b.to_f64();
        [sum + product, size + product.abs()]
    })
}

fn dot_layers<B: Tensor>(a: &[Dense<B>], b: &[Dense<B>]) -> [f64; 2] {
    a.iter().zip(b).fold([0.0; 2], |[sum, size], (a, b)| {
        let ([w, w_size], [b, b_size]) = (dot(&a.weights, &b.weights), dot(&a.bias, &b.bias));
        [sum + w + b, size + w_size + b_size]
    })
}

fn owned<T: Element>(columns: mlp_cpu::MatrixRef<'_, T>) -> Matrix<T> {
    let (rows, samples) = columns.shape();
    Matrix::from_fn(rows, samples, |i, j| columns.column(j)[i])
}

/// A direction for each parameter.
fn direction<T: Element>(network: &Mlp<Matrix<T>>, seed: u64) -> Vec<Dense<Matrix<T>>> {
    let layers = network.layers().iter().zip(seed..);
    let random = |layer: &Dense<Matrix<T>>, seed| Dense {
        weights: random(layer.outputs(), layer.inputs(), seed),
        bias: random(layer.outputs(), 1, seed + 100),
    };
    layers.map(|(layer, seed)| random(layer, seed)).collect()
}

fn all_cases() -> impl Strategy<Value = Case> {
    cases((0..ACTIVATIONS.len()).collect(), LOSSES[..1].to_vec())
}

/// Asserts that <u, J v> = <J^T u, v>, once with v a direction of the inputs and once of the parameters.
fn assert_transposed<T: Element>(
    network: &Mlp<Matrix<T>>,
    input: &Matrix<T>,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let samples = input.columns();
    let (u, dx) = (
        random::<T>(network.outputs(), samples, 1),
        random(network.inputs(), samples, 2),
    );
    let dw = direction(network, 3);
    let mut workspace = Workspace::new(network, samples + 2).unwrap();
    network.forward(input, &mut workspace);
    network.pullback(input, &u, &mut workspace);
    let mut of_input = Matrix::zeros(network.inputs(), samples);
    network.input_gradient(&workspace, &mut of_input);
    let of_parameters = workspace.gradient().to_vec();

    for (pulled, pushed) in [
        (dot(&of_input, &dx), owned(network.pushforward(&dx, &mut workspace))),
        (
            dot_layers(&of_parameters, &dw),
            owned(network.pushforward_parameters(input, &dw, &mut workspace)),
        ),
    ] {
        let ([left, size], [right, other_size]) = (pulled, dot(&u, &pushed));
        let bound = tolerance * size.max(other_size);
        prop_assert!((left - right).abs() <= bound, "{left:e} {right:e} {bound:e}");
    }
    Ok(())
}

#[test]
fn pushforward_and_pullback_are_transposed() {
    run(1500, &all_cases(), |case| {
        let (network, batch) = case.build();
        assert_transposed(&network, &batch.input, 1e-12)?;
        let (network, input) = (
            carry::<_, Matrix<f32>, _>(&network),
            carry_tensor::<_, Matrix<f32>>(&batch.input),
        );
        assert_transposed(&network, &input, 1e-5)
    });
}

#[test]
fn pushforward_is_the_forward_pass_of_dual_numbers() {
    run(300, &all_cases(), |case| {
        let (network, batch) = case.build();
        let samples = batch.input.columns();
        let (dx, dw) = (random(network.inputs(), samples, 1), direction(&network, 2));
        let lift = |value: &Matrix<f64>, tangent: &Matrix<f64>| {
            let (rows, columns) = value.shape();
            let mut lifted = Naive::<Dual<f64>>::zeros(rows, columns);
            let numbers = value.to_vec().into_iter().zip(tangent.to_vec());
            lifted.write(
                &numbers
                    .map(|(value, derivative)| Dual { value, derivative })
                    .collect::<Vec<_>>(),
            );
            lifted
        };
        let mut workspace = Workspace::new(&network, samples).unwrap();
        network.forward(&batch.input, &mut workspace);
        let along_input = owned(network.pushforward(&dx, &mut workspace));
        let along_parameters = owned(network.pushforward_parameters(&batch.input, &dw, &mut workspace));

        let duals: Mlp<Naive<Dual<f64>>> = carry(&network);
        let y = duals.predict(&lift(&batch.input, &dx));
        assert_tangents(&y, &along_input)?;
        let mut duals = duals;
        for ((lifted, layer), dw) in duals.layers_mut().iter_mut().zip(network.layers()).zip(&dw) {
            lifted.weights = lift(&layer.weights, &dw.weights);
            lifted.bias = lift(&layer.bias, &dw.bias);
        }
        assert_tangents(
            &duals.predict(&carry_tensor::<_, Naive<Dual<f64>>>(&batch.input)),
            &along_parameters,
        )
    });
}

fn assert_tangents(expected: &Naive<Dual<f64>>, got: &Matrix<f64>) -> Result<(), TestCaseError> {
    let expected = values::<Naive<Dual<f64>>>(expected.into());
    let size = expected.iter().fold(1.0, |size: f64, y| size.max(y.derivative.abs()));
    for (expected, got) in expected.iter().zip(got.to_vec()) {
        prop_assert!((expected.derivative - got).abs() <= 1e-12 * size, "{expected:?} {got}");
    }
    Ok(())
}

/// The Jacobian, by pushforwards and by pullbacks.
#[test]
fn jacobian_has_the_directional_derivatives_as_columns() {
    for sizes in [[3, 7, 5], [5, 7, 3], [1, 9, 4], [6, 9, 1]] {
        let network = Mlp::<Matrix<f64>>::builder(&sizes)
            .hidden(Tanh)
            .output(Sigmoid)
            .seed(1)
            .build()
            .unwrap();
        let [inputs, _, outputs] = sizes;
        let mut workspace = Workspace::new(&network, 6).unwrap();
        for samples in [4, 1, 6] {
            let input = random(inputs, samples, 2);
            let mut jacobian = Matrix::zeros(outputs, inputs * samples);
            network.jacobian(&input, &mut workspace, &mut jacobian);
            for i in 0..inputs {
                let unit = Matrix::from_fn(inputs, samples, |row, _| f64::from(u8::from(row == i)));
                let expected = owned(network.pushforward(&unit, &mut workspace));
                for sample in 0..samples {
                    for o in 0..outputs {
                        let (got, expected) = (jacobian[(o, sample * inputs + i)], expected[(o, sample)]);
                        assert!((got - expected).abs() < 1e-14, "{sizes:?}: {got} {expected}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_loss_is_one_way_to_seed_a_pullback() {
    let network = Mlp::<Matrix<f64>>::builder(&[3, 9, 2])
        .hidden(Tanh)
        .output(Sigmoid)
        .seed(1)
        .build()
        .unwrap();
    let (input, target) = (random(3, 4, 1), random::<f64>(2, 4, 2));
    let mut by_loss = Workspace::new(&network, 4).unwrap();
    network.forward(&input, &mut by_loss);
    network.loss(&HalfMse, &target, &mut by_loss);
    network.backward(&mut by_loss);
    network.gradient(&input, &mut by_loss);

    let mut by_seed = Workspace::new(&network, 4).unwrap();
    network.forward(&input, &mut by_seed);
    // The gradient of half the squared error, and the mean over the 4 samples.
    let y = owned(by_seed.prediction());
    let seed = Matrix::from_fn(2, 4, |i, j| (y[(i, j)] - target[(i, j)]) * 0.25);
    network.pullback(&input, &seed, &mut by_seed);
    assert_eq!(flatten(by_seed.gradient()), flatten(by_loss.gradient()));

    // A sum of two equal terms.
    network.add_pullback(&input, &seed, &mut by_seed);
    let pairs = flatten(by_seed.gradient())
        .concat()
        .into_iter()
        .zip(flatten(by_loss.gradient()).concat());
    for (sum, term) in pairs {
        assert!((sum - 2.0 * term).abs() <= 1e-15, "{sum} {term}");
    }
}

/// Two towers whose outputs are multiplied: the gradient of all parameters against that of the product in dual numbers.
#[test]
fn two_towers_train_together() {
    let tower = |seed| {
        Mlp::<Matrix<f64>>::builder(&[2, 8, 3])
            .hidden(Tanh)
            .seed(seed)
            .build()
            .unwrap()
    };
    let (mut towers, mut random) = ([tower(1), tower(2)], Xoshiro256PlusPlus::seed_from_u64(3));
    let mut number = |_, _| random.random_range(-1.0..1.0);
    let inputs: [Matrix<f64>; 2] = [(); 2].map(|()| Matrix::from_fn(2, 16, &mut number));
    // The score of a pair is the product of its first features.
    let target: Vec<_> = (0..16).map(|j| inputs[0][(0, j)] * inputs[1][(0, j)]).collect();
    let mut workspaces = towers.each_ref().map(|tower| Workspace::new(tower, 16).unwrap());
    let mut optimizers = [(); 2].map(|()| GradientDescent::new(0.5).unwrap());
    let mut losses = Vec::new();
    for _ in 0..2000 {
        for ((tower, input), workspace) in towers.iter().zip(&inputs).zip(&mut workspaces) {
            tower.forward(input, workspace);
        }
        let [u, v] = workspaces.each_ref().map(|workspace| owned(workspace.prediction()));
        let errors: Vec<f64> = (0..16)
            .map(|j| (0..3).map(|i| u[(i, j)] * v[(i, j)]).sum::<f64>() - target[j])
            .collect();
        losses.push(errors.iter().map(|e| e * e).sum::<f64>() / 32.0);
        for (t, other) in [&v, &u].into_iter().enumerate() {
            let seed = Matrix::from_fn(3, 16, |i, j| errors[j] * other[(i, j)] / 16.0);
            towers[t].pullback(&inputs[t], &seed, &mut workspaces[t]);
            optimizers[t]
                .update(towers[t].layers_mut(), workspaces[t].gradient_mut())
                .unwrap();
        }
    }
    assert!(
        losses[1999] < 1e-4 && losses[0] > 0.01,
        "{} {}",
        losses[0],
        losses[1999]
    );
}

#[test]
fn not_a_number_goes_through() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 2, 1])
        .hidden(Relu)
        .seed(1)
        .build()
        .unwrap();
    let input = Matrix::from_columns(&[[f64::NAN], [1.0]]);
    let ones = Matrix::from_columns(&[[1.0], [1.0]]);
    network.layers_mut()[0].weights = Matrix::from_rows(&[[1.0], [1.0]]);
    let mut workspace = Workspace::new(&network, 2).unwrap();
    network.forward(&input, &mut workspace);
    let along = owned(network.pushforward(&ones, &mut workspace));
    assert!(along[(0, 0)].is_nan() && along[(0, 1)].is_finite());
    network.pullback(&input, &ones, &mut workspace);
    assert!(workspace.gradient()[0].weights.to_vec().iter().all(|g| g.is_nan()));
    let infinite = Matrix::from_columns(&[[0.0], [f64::INFINITY]]);
    assert!(!owned(network.pushforward(&infinite, &mut workspace))[(0, 1)].is_finite());
}

#[test]
fn a_pullback_in_between_does_not_change_a_trainer() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 5, 1])
        .hidden(Tanh)
        .seed(1)
        .build()
        .unwrap();
    let (input, target) = (random(2, 8, 1), random(1, 8, 2));
    let samples = Samples::new(&input, &target).unwrap();
    let mut other = network.clone();
    let mut trainers = [(); 2].map(|()| Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap()));
    let mut workspace = Workspace::new(&network, 8).unwrap();
    for _ in 0..3 {
        trainers[0].step(&mut network, samples).unwrap();
        trainers[1].step(&mut other, samples).unwrap();
        network.forward(&input, &mut workspace);
        network.pullback(&input, &target, &mut workspace);
    }
    assert_eq!(bits(&network), bits(&other));
}

#[test]
fn mistakes_are_told_with_both_shapes() {
    let network = Mlp::<Matrix<f64>>::builder(&[2, 3, 1]).build().unwrap();
    let other = Mlp::<Matrix<f64>>::builder(&[2, 3, 3, 1]).build().unwrap();
    let input = random(2, 4, 1);
    let mut workspace = Workspace::new(&network, 4).unwrap();
    network.forward(&input, &mut workspace);
    network.pullback(&input, &random(1, 4, 2), &mut workspace);
    let m = Matrix::<f64>::zeros;
    for (expected, mistake) in [
        (
            "pullback: expected the gradient of the outputs of 1 x 4, got 1 x 3",
            &(|w: &mut _| network.pullback(&input, &m(1, 3), w)) as &dyn Fn(&mut _),
        ),
        ("pullback: expected input of 2 x 4, got 2 x 3", &|w| {
            network.pullback(&m(2, 3), &m(1, 4), w);
        }),
        (
            "pushforward: expected the tangent of the input of 2 x 4, got 2 x 5",
            &|w| {
                network.pushforward(&m(2, 5), w);
            },
        ),
        (
            "pushforward_parameters: expected a direction with layers of 2 x 1, got 3 x 1",
            &|w| {
                network.pushforward_parameters(&input, other.layers(), w);
            },
        ),
        ("pushforward_parameters: expected input of 2 x 4, got 2 x 3", &|w| {
            network.pushforward_parameters(&m(2, 3), network.layers(), w);
        }),
        (
            "input_gradient: expected the gradient of the input of 2 x 4, got 3 x 4",
            &|w| network.input_gradient(w, &mut m(3, 4)),
        ),
        (
            "input_gradient: expected the gradient of the input of 2 x 4, got 2 x 3",
            &|w| network.input_gradient(w, &mut m(2, 3)),
        ),
        ("jacobian: expected the jacobian of 1 x 8, got 1 x 10", &|w| {
            network.jacobian(&input, w, &mut m(1, 10));
        }),
        ("jacobian: expected the jacobian of 1 x 8, got 1 x 7", &|w| {
            network.jacobian(&input, w, &mut m(1, 7));
        }),
        (
            "add_pullback: expected the gradient of the outputs of 1 x 4, got 1 x 5",
            &|w| network.add_pullback(&input, &m(1, 5), w),
        ),
        ("add_pullback: expected input of 2 x 4, got 1 x 4", &|w| {
            network.add_pullback(&m(1, 4), &m(1, 4), w);
        }),
    ] {
        assert_panic(expected, || mistake(&mut workspace));
    }
    // Neither a pass of no sample nor a workspace without a pass has anything to derive.
    let mut empty = Workspace::new(&network, 4).unwrap();
    for _ in 0..2 {
        assert_panic(
            "pullback: expected a `forward` pass of at least one sample before it, got none",
            || network.pullback(&m(2, 0), &m(1, 0), &mut empty),
        );
        network.forward(&m(2, 0), &mut empty);
    }
    assert_panic(
        "jacobian: expected a `forward` pass of at least one sample before it, got none",
        || network.jacobian(&m(2, 0), &mut empty, &mut m(1, 0)),
    );
    let unused = "pullback: expected a workspace for layer sizes [2, 3, 1], got one for [2, 3, 3, 1]; make one by \
                  `Workspace::new(&network, 6)`";
    assert_panic(unused, || {
        let mut of_other = Workspace::new(&other, 6).unwrap();
        network.pullback(&input, &m(1, 4), &mut of_other);
    });
}

/// A forward pass makes the deltas before it those of other samples.
#[test]
fn gradients_of_an_earlier_pass_are_refused() {
    let network = Mlp::<Matrix<f64>>::builder(&[2, 3, 1]).build().unwrap();
    let (input, seed) = (random(2, 4, 1), random(1, 4, 2));
    let mut workspace = Workspace::new(&network, 4).unwrap();
    let refuse = |workspace: &mut Workspace<_>| {
        let older = "expected the deltas of the last `forward` pass, got older ones; call `pullback` first, or `loss` and \
                     `backward`";
        assert_panic(&format!("input_gradient: {older}"), || {
            network.input_gradient(workspace, &mut Matrix::zeros(2, 4));
        });
        assert_panic(&format!("gradient: {older}"), || network.gradient(&input, workspace));
    };
    let no_loss = "backward: expected a loss of the last `forward` pass, got none; call `loss` first";
    let dropout = Dropout::new(0.5, 1).unwrap();
    for with_dropout in [false, false, true] {
        if with_dropout {
            network.forward_with_dropout(&input, &dropout, 0, &mut workspace);
        } else {
            network.forward(&input, &mut workspace);
        }
        refuse(&mut workspace);
        assert_panic(no_loss, || network.backward(&mut workspace));
        network.loss(&HalfMse, &seed, &mut workspace);
        refuse(&mut workspace);
        network.backward(&mut workspace);
        network.gradient(&input, &mut workspace);
        network.input_gradient(&workspace, &mut Matrix::zeros(2, 4));
        network.loss(&HalfMse, &seed, &mut workspace);
        refuse(&mut workspace);
    }
    network.jacobian(&input, &mut workspace, &mut Matrix::zeros(1, 8));
    refuse(&mut workspace); // they would be those of its last pullback
    network.pullback(&input, &seed, &mut workspace);
    network.input_gradient(&workspace, &mut Matrix::zeros(2, 4));
}
