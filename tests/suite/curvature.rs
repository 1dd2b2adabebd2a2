//! Tests the products with second derivatives of a training loss against JAX, and against differences of gradients.

use mlp_core::activations::{Relu, Tanh};
use mlp_core::{
    ActivationKind, Curvature, Dense, Dropout, ElementLoss, GaussNewton, GradientDescent, HalfMse, Loss, LossKind, Mlp,
    Mse, Penalty, Samples, Scalar, Trainer, hessian_vector_product,
};
use mlp_cpu::{Element, Matrix};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case of the golden file.
#[derive(Deserialize)]
struct Case {
    layers: Vec<usize>,
    activation: String,
    loss: String,
    l2: f64,
    sample_weights: Option<Vec<f64>>,
    inputs: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    #[serde(flatten)]
    parameters: Layers,
    direction: Layers,
    hessian: Layers,
    gauss_newton: Layers,
}

#[derive(Deserialize)]
struct Layers {
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
}

impl Layers {
    fn dense(&self) -> Vec<Dense<Matrix<f64>>> {
        let layers = self.weights.iter().zip(&self.biases);
        let dense = |(weights, bias): (&Vec<Vec<f64>>, &Vec<f64>)| Dense {
            weights: Matrix::from_fn(weights.len(), weights[0].len(), |i, j| weights[i][j]),
            bias: Matrix::from_columns(&[bias]),
        };
        layers.map(dense).collect()
    }
}

fn numbers<T: Element>(layers: &[Dense<Matrix<T>>]) -> Vec<f64> {
    let tensors = layers.iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    tensors.flat_map(Matrix::to_vec).map(Scalar::to_f64).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Checks that `got` is `expected` up to `tolerance` of its length.
#[track_caller]
fn assert_close(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    let error: Vec<_> = got.iter().zip(expected).map(|(got, expected)| got - expected).collect();
    let (error, length) = (dot(&error, &error).sqrt(), dot(expected, expected).sqrt());
    assert!(
        error <= tolerance * length && got.len() == expected.len(),
        "{what}: {error:e} of {length:e}"
    );
}

#[test]
fn products_are_those_of_jax() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/derivatives.json")).unwrap();
    assert_eq!(cases.len(), 60);
    for (i, case) in cases.iter().enumerate() {
        let hidden: ActivationKind = case.activation.parse().unwrap();
        let mut network = Mlp::<Matrix<f64>>::builder(&case.layers)
            .hidden(hidden)
            .build()
            .unwrap();
        network.layers_mut().clone_from_slice(&case.parameters.dense());
        let (input, target) = (Matrix::from_columns(&case.inputs), Matrix::from_columns(&case.targets));
        let weights = case
            .sample_weights
            .as_ref()
            .map(|weights| Matrix::from_rows(&[weights]));
        let mut samples = Samples::new(&input, &target).unwrap();
        if let Some(weights) = &weights {
            samples = samples.weighted(weights).unwrap();
        }
        let loss = match case.loss.as_str() {
            "softmax_cross_entropy" => mlp_core::SoftmaxCrossEntropy::for_probabilities().into(),
            other => other.parse::<LossKind>().unwrap(),
        };
        let direction = case.direction.dense();
        let mut curvature = Curvature::new(loss).penalty(Penalty::l2(case.l2).unwrap());
        let what = format!("case {i}: {:?}, {}, {}", case.layers, case.activation, case.loss);
        let got = numbers(curvature.hessian_vector_product(&network, samples, &direction).unwrap());
        assert_close(&what, &got, &numbers(&case.hessian.dense()), 1e-10);
        if case.l2 == 0.0 {
            let once = hessian_vector_product(&network, &loss, samples, &direction).unwrap();
            assert_eq!(numbers(&once), got, "{what}");
        }
        let got = numbers(curvature.gauss_newton_product(&network, samples, &direction).unwrap());
        assert_close(&what, &got, &numbers(&case.gauss_newton.dense()), 1e-10);
    }
}

/// A network, and samples with weights.
struct Problem {
    network: Mlp<Matrix<f64>>,
    input: Matrix<f64>,
    target: Matrix<f64>,
    weights: Matrix<f64>,
}

impl Problem {
    fn new(sizes: &[usize], samples: usize) -> Self {
        let number = |i: usize, j: usize| ((3 * i + 5 * j + 1) as f64).sin();
        Self {
            network: Mlp::builder(sizes).hidden(Tanh).seed(1).build().unwrap(),
            input: Matrix::from_fn(sizes[0], samples, number),
            target: Matrix::from_fn(sizes[sizes.len() - 1], samples, |i, j| number(j, i)),
            weights: Matrix::from_fn(1, samples, |_, j| (j % 3) as f64),
        }
    }

    fn samples(&self) -> Samples<'_, Matrix<f64>> {
        Samples::new(&self.input, &self.target)
            .unwrap()
            .weighted(&self.weights)
            .unwrap()
    }

    fn direction(&self, seed: u64) -> Vec<Dense<Matrix<f64>>> {
        let network = Mlp::<Matrix<f64>>::builder(&self.network.layer_sizes())
            .seed(seed)
            .build()
            .unwrap();
        network.layers().to_vec()
    }

    /// Returns the gradient in the first training step of the network moved by `step` along `direction`.
    fn gradient(&self, direction: &[Dense<Matrix<f64>>], step: f64) -> Vec<f64> {
        let mut network = self.network.clone();
        for (layer, direction) in network.layers_mut().iter_mut().zip(direction) {
            let moved = |a: &Matrix<f64>, v: &Matrix<f64>| {
                let (rows, columns) = a.shape();
                Matrix::from_fn(rows, columns, |i, j| a[(i, j)] + step * v[(i, j)])
            };
            layer.weights = moved(&layer.weights, &direction.weights);
            layer.bias = moved(&layer.bias, &direction.bias);
        }
        let before = numbers(network.layers());
        let mut trainer = Trainer::new(Mse, GradientDescent::new(1.0).unwrap())
            .penalty(penalty())
            .dropout(dropout());
        trainer.step(&mut network, self.samples()).unwrap();
        before
            .iter()
            .zip(numbers(network.layers()))
            .map(|(before, after)| before - after)
            .collect()
    }
}

fn penalty() -> Penalty {
    Penalty::elastic_net(0.01, 0.1).unwrap().penalize_biases(true)
}

fn dropout() -> Dropout {
    Dropout::new(0.25, 7).unwrap()
}

/// Returns layers of these shapes with random numbers from -1 to 1.
fn random_like(layers: &[Dense<Matrix<f64>>], random: &mut Xoshiro256PlusPlus) -> Vec<Dense<Matrix<f64>>> {
    let mut matrix = |like: &Matrix<f64>| {
        let (rows, columns) = like.shape();
        Matrix::from_fn(rows, columns, |_, _| random.random_range(-1.0..1.0))
    };
    let random = |layer: &Dense<Matrix<f64>>| Dense {
        weights: matrix(&layer.weights),
        bias: matrix(&layer.bias),
    };
    layers.iter().map(random).collect()
}

/// 60 random networks, with dropout, penalty and sample weights. The batches have one block, several blocks, and several
/// groups.
#[test]
fn the_hessian_is_symmetric_and_the_derivative_of_the_gradient() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut other_masks = 0;
    for case in 0..60 {
        let sizes: Vec<usize> = (0..2 + case % 4).map(|_| random.random_range(1..8)).collect();
        let kind = ["tanh", "sigmoid", "softplus", "silu", "gelu", "mish", "softsign"][case % 7];
        let mut problem = Problem::new(&sizes, [2 + case % 16, 200, 600][case % 3]);
        let hidden: ActivationKind = kind.parse().unwrap();
        problem.network = Mlp::builder(&sizes).hidden(hidden).build().unwrap();
        let parameters = random_like(problem.network.layers(), &mut random);
        problem.network.layers_mut().clone_from_slice(&parameters);
        let [u, v] = [(); 2].map(|()| random_like(&parameters, &mut random));

        let product = |direction: &[_], step| {
            let mut curvature = Curvature::new(Mse).penalty(penalty()).dropout(dropout(), step);
            let product = curvature.hessian_vector_product(&problem.network, problem.samples(), direction);
            numbers(product.unwrap())
        };
        let (hu, hv) = (product(&u, 0), product(&v, 0));
        let ends = [1e-5, -1e-5].map(|step| problem.gradient(&v, step));
        let quotient: Vec<_> = ends[0].iter().zip(&ends[1]).map(|(a, b)| (a - b) / 2e-5).collect();
        let what = format!("case {case}: {sizes:?}, {kind}, difference of gradients");
        assert_close(&what, &hv, &quotient, 1e-6);
        let symmetric = (dot(&numbers(&u), &hv), dot(&numbers(&v), &hu));
        assert!(
            (symmetric.0 - symmetric.1).abs() < 1e-12 * symmetric.0.abs().max(1.0),
            "case {case}: {sizes:?}, {kind}: {symmetric:?}"
        );
        // Another step drops other neurons.
        other_masks += usize::from(product(&v, 1) != hv);
    }
    assert!(other_masks > 30, "{other_masks}");
}

/// v.G v is positive for a convex loss, and G is the Hessian of a network without hidden layers.
#[test]
fn gauss_newton_products_are_positive_and_equal_the_hessian_of_a_linear_network() {
    for samples in [5, 200, 600] {
        let problem = Problem::new(&[3, 6, 2], samples);
        let v = problem.direction(2);
        let mut curvature = Curvature::new(Mse).dropout(dropout(), 0);
        let product = curvature
            .gauss_newton_product(&problem.network, problem.samples(), &v)
            .unwrap();
        assert!(dot(&numbers(product), &numbers(&v)) > 0.0);
        let linear = Problem::new(&[3, 2], samples);
        let v = linear.direction(2);
        let mut curvature = Curvature::new(Mse).penalty(penalty());
        let hv = numbers(
            curvature
                .hessian_vector_product(&linear.network, linear.samples(), &v)
                .unwrap(),
        );
        let gv = curvature
            .gauss_newton_product(&linear.network, linear.samples(), &v)
            .unwrap();
        assert_close("linear", &numbers(gv), &hv, 1e-14);
    }
}

/// y = relu(w x + b) is linear on either side of its kink, and at it.
#[test]
fn the_second_derivative_of_relu_is_0_everywhere() {
    for (input, active) in [(-1.0, false), (0.0, false), (1.0, true)] {
        let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).output(Relu).build().unwrap();
        network.layers_mut()[0].weights[(0, 0)] = 1.0;
        network.layers_mut()[0].bias[(0, 0)] = 0.0;
        let (input, target) = (Matrix::from_columns(&[[input]]), Matrix::from_columns(&[[5.0]]));
        let samples = Samples::new(&input, &target).unwrap();
        let direction = network.layers().to_vec();
        let product = hessian_vector_product(&network, &HalfMse, samples, &direction).unwrap();
        assert_eq!(numbers(&product), [f64::from(u8::from(active)); 2]);
    }
}

#[test]
fn numbers_that_are_not_finite_propagate() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut problem = Problem::new(&[1, 2, 1], 2);
        problem.target[(0, 1)] = bad;
        let v = problem.direction(2);
        let product = hessian_vector_product(&problem.network, &Mse, problem.samples(), &v).unwrap();
        assert!(
            !numbers(&product).iter().all(|number| number.is_finite()),
            "{bad} in a target"
        );
        let mut problem = Problem::new(&[1, 2, 1], 2);
        problem.network.layers_mut()[0].weights[(0, 0)] = f64::NAN;
        let mut curvature = Curvature::new(Mse);
        let product = curvature
            .hessian_vector_product(&problem.network, problem.samples(), &v)
            .unwrap();
        assert!(numbers(product).iter().any(|number| number.is_nan()));
        let product = curvature
            .gauss_newton_product(&problem.network, problem.samples(), &v)
            .unwrap();
        assert!(numbers(product).iter().any(|number| number.is_nan()));
    }
}

#[test]
fn networks_of_other_sizes_may_follow() {
    let mut curvature = Curvature::new(Mse);
    for sizes in [[2, 3, 1], [3, 5, 2]] {
        let problem = Problem::new(&sizes, 5);
        let v = problem.direction(2);
        let once = hessian_vector_product(&problem.network, &Mse, problem.samples(), &v).unwrap();
        let product = curvature.hessian_vector_product(&problem.network, problem.samples(), &v);
        assert_eq!(numbers(product.unwrap()), numbers(&once));
    }
}

#[test]
fn data_and_directions_that_do_not_fit_are_refused() {
    let problem = Problem::new(&[2, 3, 1], 4);
    let wide = Problem::new(&[3, 3, 1], 4);
    let mut curvature = Curvature::new(Mse);
    let error = curvature
        .hessian_vector_product(&problem.network, wide.samples(), &problem.direction(2))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "input: expected 2 rows (a column is a sample), got 3"
    );
    let error = curvature
        .gauss_newton_product(&problem.network, wide.samples(), &problem.direction(2))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "input: expected 2 rows (a column is a sample), got 3"
    );
    let message = |direction: &[Dense<Matrix<f64>>]| {
        let mut curvature = Curvature::new(Mse);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _ = curvature.hessian_vector_product(&problem.network, problem.samples(), direction);
        }));
        panic.unwrap_err().downcast_ref::<String>().unwrap().clone()
    };
    let text = message(&wide.direction(2));
    assert!(
        text.contains("a direction of weights") && text.contains("3 x 2") && text.contains("3 x 3"),
        "{text}"
    );
    assert!(message(&problem.direction(2)[..1]).contains("a direction with layers"));
    // The memory of one network serves the next.
    for problem in [&problem, &wide, &problem] {
        let v = problem.direction(3);
        let expected = hessian_vector_product(&problem.network, &Mse, problem.samples(), &v).unwrap();
        let got = curvature
            .hessian_vector_product(&problem.network, problem.samples(), &v)
            .unwrap();
        assert_eq!(got, expected);
    }
}

/// A loss that panics where the prediction is dual in two directions, that is, in a second derivative.
#[derive(Clone, Debug)]
struct Failing;

impl ElementLoss for Failing {
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        assert!(size_of::<T>() < 32, "no second derivative");
        (prediction - target) * (prediction - target)
    }
}

#[test]
fn a_panic_in_a_formula_leaves_the_parameters_unchanged() {
    let problem = Problem::new(&[1, 4, 1], 3);
    let mut network = problem.network.clone();
    let mut trainer = Trainer::new(Failing, GaussNewton::new(1.0).unwrap());
    let step = catch_unwind(AssertUnwindSafe(|| trainer.step(&mut network, problem.samples())));
    assert!(step.is_err());
    assert_eq!(network, problem.network);
    assert_eq!(Failing.value(&[1.0], &[3.0]), 4.0);
}

/// sin(3 x) + x^2 / 2: the loss of a small network falls by orders of magnitude, with each convex loss.
#[test]
fn gauss_newton_fits_what_gradient_descent_cannot() {
    fn fit<T: Element>(loss: impl Loss, bound: f64, samples: usize) {
        let input = Matrix::<T>::from_fn(1, samples, |_, j| T::from_f64(2.0 * j as f64 / samples as f64 - 1.0));
        let target = Matrix::from_fn(1, samples, |_, j| {
            let x = input[(0, j)].to_f64();
            T::from_f64((3.0 * x).sin() + 0.5 * x * x)
        });
        let mut network = Mlp::<Matrix<T>>::builder(&[1, 8, 1])
            .hidden(Tanh)
            .seed(1)
            .build()
            .unwrap();
        let mut trainer = Trainer::new(loss, GaussNewton::new(1.0).unwrap());
        let mut last = f64::INFINITY;
        for _ in 0..80 {
            let loss = trainer
                .step(&mut network, Samples::new(&input, &target).unwrap())
                .unwrap();
            assert!(loss <= last, "a step raised the loss");
            last = loss;
        }
        assert!(last < bound, "{last}");
    }
    fit::<f64>(HalfMse, 1e-7, 40);
    fit::<f64>(Mse, 1e-7, 300);
    fit::<f32>(Mse, 1e-5, 40);
    fit::<f64>(mlp_core::Huber::default(), 1e-7, 40);
}
