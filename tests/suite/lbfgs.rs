//! Tests L-BFGS: it follows PyTorch step by step, finds the least squares, keeps the Wolfe conditions, and recovers
//! from numbers that are not finite.

use crate::naive::{Naive, tensor, values};
use mlp_core::activations::{Identity, Relu, Softsign, Tanh};
use mlp_core::backend::{Objective, Tensor};
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{
    ActivationKind, Dense, HalfMse, HyperParameterError, Lbfgs, Mlp, NonFinite, Optimizer, Samples, Scalar, Trainer,
};
use mlp_cpu::{Element, Matrix};
use serde::Deserialize;

/// A run of `fixtures/lbfgs.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    layers: Vec<usize>,
    inputs: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
    steps: usize,
    history_size: usize,
    tolerance_grad: f64,
    tolerance_change: f64,
    learning_rates: Vec<(usize, f64)>,
    /// A step, and from this step on the first sample and the end of the samples.
    samples: Vec<(usize, usize, usize)>,
    losses: Vec<f64>,
    evaluations: Vec<usize>,
    final_weights: Vec<Vec<Vec<f64>>>,
    final_biases: Vec<Vec<f64>>,
}

fn layers<B: Tensor>(weights: &[Vec<Vec<f64>>], biases: &[Vec<f64>]) -> Vec<Dense<B>> {
    let layer = |(rows, bias): (&Vec<Vec<f64>>, &Vec<f64>)| {
        let columns = rows[0].len();
        let by_column: Vec<f64> = (0..columns).flat_map(|j| rows.iter().map(move |row| row[j])).collect();
        Dense {
            weights: tensor((rows.len(), columns), &by_column),
            bias: tensor((bias.len(), 1), bias),
        }
    };
    weights.iter().zip(biases).map(layer).collect()
}

/// Returns all parameters: layer after layer, weights column after column, then the bias.
fn flat<B: Tensor>(layers: &[Dense<B>]) -> Vec<f64> {
    let tensors = layers.iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    tensors
        .flat_map(|tensor| values::<B>(tensor.into()))
        .map(Scalar::to_f64)
        .collect()
}

fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * expected.abs(),
        "{what}: expected {expected}, got {got}"
    );
}

/// An optimizer that counts its evaluations.
#[derive(Debug)]
struct Counting<O> {
    optimizer: O,
    evaluations: usize,
}

struct Counted<'a, B> {
    objective: &'a mut dyn Objective<B>,
    evaluations: &'a mut usize,
}

impl<B: Tensor> Objective<B> for Counted<'_, B> {
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64 {
        *self.evaluations += 1;
        self.objective.evaluate(layers)
    }
    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        self.objective.gradient_mut()
    }
}

impl<B: Tensor, O: Optimizer<B>> Optimizer<B> for Counting<O> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        self.evaluations = 0;
        let evaluations = &mut self.evaluations;
        self.optimizer.step(layers, &mut Counted { objective, evaluations })
    }
    fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate()
    }
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.optimizer.set_learning_rate(learning_rate)
    }
    fn reset(&mut self) {
        self.optimizer.reset();
    }
    fn state(&self) -> OptimizerState<B> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        self.optimizer.restore(state, layers)
    }
}

impl Run {
    fn follow<B: Tensor>(&self, run: usize, tolerance: f64) {
        let last = self.weights.len() - 1;
        let start = layers(&self.weights, &self.biases).into_iter().enumerate();
        let start = start.map(|(l, layer)| {
            let activation: ActivationKind = if l == last { Identity.into() } else { Softsign.into() };
            (layer, activation)
        });
        let mut network = Mlp::<B>::from_layers(start.collect()).unwrap();
        assert_eq!(network.layer_sizes(), self.layers, "run {run}");
        assert_eq!((self.losses.len(), self.evaluations.len()), (self.steps, self.steps));
        let optimizer = Lbfgs::new(1.0)
            .and_then(|optimizer| optimizer.history_size(self.history_size))
            .and_then(|optimizer| optimizer.tolerances(self.tolerance_grad, self.tolerance_change));
        let mut trainer = Trainer::new(
            HalfMse,
            Counting {
                optimizer: optimizer.unwrap(),
                evaluations: 0,
            },
        );
        let (mut first, mut end) = (0, 0);
        for step in 1..=self.steps {
            if let Some(&(_, rate)) = self.learning_rates.iter().find(|change| change.0 == step) {
                trainer.optimizer_mut().set_learning_rate(rate).unwrap();
            }
            if let Some(change) = self.samples.iter().find(|change| change.0 == step) {
                (first, end) = (change.1, change.2);
            }
            let columns = |samples: &[Vec<f64>]| -> B {
                let samples = &samples[first..end];
                tensor((samples[0].len(), samples.len()), &samples.concat())
            };
            let (input, target) = (columns(&self.inputs), columns(&self.targets));
            let loss = trainer
                .step(&mut network, Samples::new(&input, &target).unwrap())
                .unwrap();
            let what = format!("run {run}, step {step}");
            assert_near(&what, loss, self.losses[step - 1], tolerance);
            assert_eq!(
                trainer.optimizer().evaluations,
                self.evaluations[step - 1],
                "{what}: evaluations"
            );
        }
        let expected = flat::<Naive<f64>>(&layers(&self.final_weights, &self.final_biases));
        let got = flat(network.layers());
        assert_eq!(got.len(), expected.len(), "run {run}");
        for (p, (got, expected)) in got.into_iter().zip(expected).enumerate() {
            assert_near(&format!("run {run}: parameter {p}"), got, expected, tolerance);
        }
    }
}

#[test]
fn a_hundred_steps_follow_pytorch() {
    let golden: Vec<Run> = serde_json::from_str(include_str!("../fixtures/lbfgs.json")).expect("the file is valid");
    assert!(golden.iter().filter(|run| run.steps == 100).count() >= 10);
    for (i, run) in golden.iter().enumerate() {
        run.follow::<Matrix<f64>>(i, 1e-12);
        run.follow::<Naive<f64>>(i, 1e-12);
    }
}

/// Returns 20 samples of 3 features.
fn data<T: Element>() -> (Matrix<T>, Matrix<T>) {
    let input = Matrix::from_fn(3, 20, |i, j| T::from_f64((((3 * i + 2) * (j + 1)) as f64).sin()));
    let target = Matrix::from_fn(2, 20, |i, j| T::from_f64(((2 * i + 7 * j) as f64).cos() + i as f64));
    (input, target)
}

/// Compares a linear network with the least squares from the normal equations, solved by elimination.
#[test]
fn a_linear_network_reaches_the_least_squares() {
    let (input, target) = data::<f64>();
    let mut network = Mlp::<Matrix<f64>>::builder(&[3, 2]).seed(4).build().unwrap();
    let optimizer = Lbfgs::new(1.0).unwrap().tolerances(0.0, 0.0).unwrap();
    let mut trainer = Trainer::new(HalfMse, optimizer);
    for _ in 0..25 {
        trainer
            .step(&mut network, Samples::new(&input, &target).unwrap())
            .unwrap();
    }
    // x with an additional 1 for the bias.
    let feature = |i: usize, j: usize| if i < 3 { input[(i, j)] } else { 1.0 };
    for output in 0..2 {
        let sum = |term: &dyn Fn(usize) -> f64| (0..20).map(term).sum::<f64>();
        let mut rows: Vec<Vec<f64>> = (0..4)
            .map(|i| {
                let products = (0..4).map(|k| sum(&|j| feature(i, j) * feature(k, j)));
                products
                    .chain([sum(&|j| feature(i, j) * target[(output, j)])])
                    .collect()
            })
            .collect();
        for i in 0..4 {
            let pivot = rows[i].clone();
            for (k, row) in rows.iter_mut().enumerate().filter(|(k, _)| *k != i) {
                let share = row[i] / pivot[i];
                assert!(share.is_finite(), "row {k}");
                row.iter_mut().zip(&pivot).for_each(|(a, b)| *a -= share * b);
            }
        }
        for (i, row) in rows.iter().enumerate() {
            let layer = &network.layers()[0];
            let got = if i < 3 {
                layer.weights[(output, i)]
            } else {
                layer.bias[(output, 0)]
            };
            let expected = row[4] / row[i];
            assert!(
                (got - expected).abs() < 1e-7,
                "{output}, {i}: expected {expected}, got {got}"
            );
        }
    }
}

/// A function of one layer's numbers that may not be finite everywhere.
struct Function<F> {
    function: F,
    evaluations: usize,
    gradient: Vec<Dense<Matrix<f64>>>,
}

/// Returns a layer of one output whose weights and bias are `numbers`.
fn layer(numbers: &[f64]) -> Vec<Dense<Matrix<f64>>> {
    let (bias, weights) = numbers.split_last().unwrap();
    vec![Dense {
        weights: tensor((1, weights.len()), weights),
        bias: tensor((1, 1), &[*bias]),
    }]
}

impl<F: Fn(&[f64]) -> (f64, Vec<f64>)> Function<F> {
    fn new(function: F) -> Self {
        Self {
            function,
            evaluations: 0,
            gradient: Vec::new(),
        }
    }
}

impl<F: Fn(&[f64]) -> (f64, Vec<f64>)> Objective<Matrix<f64>> for Function<F> {
    fn evaluate(&mut self, layers: &[Dense<Matrix<f64>>]) -> f64 {
        self.evaluations += 1;
        let (loss, gradient) = (self.function)(&flat(layers));
        self.gradient = layer(&gradient);
        loss
    }
    fn gradient_mut(&mut self) -> &mut [Dense<Matrix<f64>>] {
        &mut self.gradient
    }
}

/// Checks the values and slopes of Rosenbrock's function (a - 1)^2 + 100 (b - a^2)^2 along each step.
#[test]
fn every_step_meets_the_wolfe_conditions() {
    let rosenbrock = |x: &[f64]| {
        let (a, b) = (x[0], x[1]);
        let c = b - a * a;
        (
            (a - 1.0).powi(2) + 100.0 * c * c,
            vec![2.0 * (a - 1.0) - 400.0 * a * c, 200.0 * c],
        )
    };
    for rate in [1.0, 1e-3, 10.0, 1e6] {
        let mut objective = Function::new(rosenbrock);
        let mut layers = layer(&[-1.2, 1.0]);
        let mut optimizer = Lbfgs::new(rate).unwrap();
        let mut steps = 0;
        loop {
            let before = flat(&layers);
            objective.evaluations = 0;
            let loss = optimizer.step(&mut layers, &mut objective).unwrap();
            let after = flat(&layers);
            let (f0, g0) = rosenbrock(&before);
            let (f1, g1) = rosenbrock(&after);
            assert_eq!(loss, f0);
            assert!((1..=26).contains(&objective.evaluations));
            if after == before {
                assert!(f0 < 1e-9, "rate {rate}, step {steps}: stays at {before:?}");
                break;
            }
            let slope = |g: &[f64]| g[0] * (after[0] - before[0]) + g[1] * (after[1] - before[1]);
            let what = format!("rate {rate}, step {steps}: {before:?} to {after:?}");
            let rounding = 1e-12 * f0;
            assert!(f1 <= f0 + 1e-4 * slope(&g0) + rounding, "{what}");
            assert!(slope(&g1).abs() <= -0.9 * slope(&g0) + rounding, "{what}");
            steps += 1;
            assert!(steps < 100, "{what}");
        }
        assert!(steps > 10, "rate {rate}: {steps}");
    }
}

/// Minimizes functions with a barrier near the minimum: beyond 1 the function is infinite or NaN, or its gradient is
/// not finite.
#[test]
fn what_is_not_finite_is_too_far() {
    type Bad = fn(f64) -> (f64, f64);
    let kinds: [Bad; 4] = [
        |_| (f64::INFINITY, 1.0),
        |_| (f64::NAN, f64::NAN),
        |_| (f64::NEG_INFINITY, -1.0),
        |x| (-x, f64::NAN),
    ];
    for bad in kinds {
        for rate in [1.0, 100.0, 1e6, 1e12, 1e300] {
            let mut objective = Function::new(|x: &[f64]| {
                assert!(x.iter().all(|x| x.is_finite()), "{x:?}");
                let (a, b) = (x[0], x[1]);
                if a >= 1.0 {
                    let (loss, slope) = bad(a);
                    return (loss, vec![slope, 0.0]);
                }
                // Falls up to 0.9 and then rises.
                ((a - 0.9).powi(2) + b * b, vec![2.0 * (a - 0.9), 2.0 * b])
            });
            let mut layers = layer(&[-3.0, 1.0]);
            let mut optimizer = Lbfgs::new(rate).unwrap();
            let mut losses = Vec::new();
            for _ in 0..30 {
                losses.push(optimizer.step(&mut layers, &mut objective).unwrap());
                assert!(flat(&layers)[0] < 1.0);
            }
            assert!(losses.is_sorted_by(|before, after| after <= before), "{losses:?}");
            assert!(rate > 1e20 || losses[29] < 1e-6, "rate {rate}: {losses:?}");
        }
    }
}

#[test]
fn a_start_that_is_not_finite_is_an_error_and_a_stationary_one_is_not() {
    let mut optimizer = Lbfgs::new(1.0).unwrap();
    let start = || layer(&[0.5, -2.0]);
    let mut layers = start();
    for (loss, gradient) in [(f64::NAN, 1.0), (f64::INFINITY, 1.0)] {
        let error = optimizer.step(&mut layers, &mut Function::new(|_: &[f64]| (loss, vec![gradient; 2])));
        assert!(matches!(error, Err(NonFinite::Loss { .. })), "{error:?}");
    }
    for gradient in [f64::NAN, f64::INFINITY, 1e200] {
        let error = optimizer.step(&mut layers, &mut Function::new(|_: &[f64]| (1.0, vec![0.5, gradient])));
        assert_eq!(error, Err(NonFinite::Gradient { layer: 0 }), "{gradient}");
    }
    for gradient in [0.0, 1e-8, -1e-7, 1e-200] {
        let result = optimizer.step(&mut layers, &mut Function::new(|_: &[f64]| (1.0, vec![gradient; 2])));
        assert_eq!(result, Ok(1.0), "{gradient}");
    }
    // A slope of 1e-10 counts as 0, and a learning rate of 0 takes no step.
    assert_eq!(
        optimizer.step(&mut layers, &mut Function::new(|_: &[f64]| (1.0, vec![1e-5, 0.0]))),
        Ok(1.0)
    );
    optimizer.set_learning_rate(0.0).unwrap();
    assert_eq!(
        optimizer.step(&mut layers, &mut Function::new(|_: &[f64]| (1.0, vec![3.0, 0.0]))),
        Ok(1.0)
    );
    assert_eq!(layers, start());
    let mut new = Lbfgs::new(1.0).unwrap();
    new.set_learning_rate(0.0).unwrap();
    assert_eq!(optimizer, new, "nothing to remember");

    // If the gradient does not belong to the loss, no lower loss is found.
    optimizer.set_learning_rate(1.0).unwrap();
    let mut objective = Function::new(|x: &[f64]| (x[0], vec![-1.0, 0.0]));
    assert_eq!(optimizer.step(&mut layers, &mut objective), Ok(0.5));
    assert_eq!(layers, start());
    assert!(objective.evaluations <= 26, "{}", objective.evaluations);
}

/// Trains 20 networks with a learning rate of 1e6.
#[test]
fn a_learning_rate_that_is_far_too_large_ruins_nothing() {
    fn check<T: Element>(name: &str) {
        let input = Matrix::from_fn(13, 32, |i, j| T::from_f64(((7 * i + 3 * j) as f64).sin()));
        let target = Matrix::from_fn(1, 32, |_, j| T::from_f64((11.0 * j as f64).cos()));
        for seed in 0..20 {
            let network = Mlp::<Matrix<T>>::builder(&[13, 64, 64, 1])
                .hidden(Relu)
                .seed(seed)
                .build();
            let mut network = network.unwrap();
            let mut trainer = Trainer::new(HalfMse, Lbfgs::new(1e6).unwrap());
            let mut losses = Vec::new();
            for _ in 0..30 {
                let samples = Samples::new(&input, &target).unwrap();
                losses.push(trainer.step(&mut network, samples).unwrap());
                assert!(
                    flat(network.layers()).iter().all(|p| p.is_finite()),
                    "{name}, seed {seed}"
                );
            }
            assert!(
                losses.is_sorted_by(|before, after| after <= before),
                "{name}, {seed}: {losses:?}"
            );
            assert!(losses[29] < 0.5 * losses[0], "{name}, seed {seed}: {losses:?}");
        }
    }
    check::<f64>("f64");
    check::<f32>("f32");
}

fn train<T: Element>(
    optimizer: Lbfgs<Matrix<T>>,
    network: &mut Mlp<Matrix<T>>,
    steps: usize,
) -> (Vec<f64>, Lbfgs<Matrix<T>>) {
    let (input, target) = data();
    let mut trainer = Trainer::new(HalfMse, optimizer);
    let losses = (0..steps).map(|_| trainer.step(network, Samples::new(&input, &target).unwrap()).unwrap());
    let losses = losses.collect();
    (losses, trainer.optimizer().clone())
}

fn small<T: Element>() -> (Lbfgs<Matrix<T>>, Mlp<Matrix<T>>) {
    let network = Mlp::builder(&[3, 5, 2]).hidden(Tanh).seed(2).build().unwrap();
    (
        Lbfgs::new(0.75)
            .unwrap()
            .history_size(3)
            .unwrap()
            .tolerances(1e-9, 1e-8)
            .unwrap(),
        network,
    )
}

/// Training is stopped before and after the memory is full, and another optimizer continues. The bits are the same.
#[test]
fn its_state_is_all_it_needs() {
    fn check<T: Element>() {
        let (optimizer, mut whole) = small::<T>();
        let (expected, end) = train(optimizer, &mut whole, 12);
        for stop in [0, 1, 2, 3, 4, 7, 11] {
            let (optimizer, mut network) = small::<T>();
            let (mut losses, optimizer) = train(optimizer, &mut network, stop);
            let mut other = Lbfgs::new(1.0).unwrap();
            other.restore(optimizer.state(), network.layers()).unwrap();
            assert_eq!(other, optimizer);
            assert_eq!(other.state(), optimizer.state());
            let (rest, other) = train(other, &mut network, 12 - stop);
            losses.extend(rest);
            assert_eq!(losses, expected, "stop after {stop}");
            assert_eq!(network, whole, "stop after {stop}");
            assert_eq!(other, end, "stop after {stop}");
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn states_it_cannot_go_on_from_are_errors() {
    let (optimizer, mut network) = small::<f64>();
    let (_, optimizer) = train(optimizer, &mut network, 6);
    let state = optimizer.state();
    let mut other = Lbfgs::new(1.0).unwrap();
    let mut check = |state: OptimizerState<Matrix<f64>>, message: &str| {
        let error = other.restore(state, network.layers()).unwrap_err();
        assert_eq!(error.to_string(), format!("optimizer state: {message}"));
        assert_eq!(other, Lbfgs::new(1.0).unwrap(), "{message}: unchanged");
    };
    let mut kind = state.clone();
    kind.kind = "adam".to_owned();
    check(kind, "expected kind `lbfgs`, got `adam`");
    check(state.clone().with_number("more", 1.0), "unknown entry `more`");
    for i in 0..state.numbers.len() {
        let mut changed = state.clone();
        let name = changed.numbers.remove(i).0;
        check(changed, &format!("`{name}` is missing"));
    }
    for i in 0..state.tensors.len() {
        let mut changed = state.clone();
        let name = changed.tensors.remove(i).0;
        check(changed, &format!("`{name}` is missing"));
        let mut changed = state.clone();
        changed.tensors[i].1.pop();
        check(changed, &format!("`{name}` does not have the shapes of the parameters"));
        let mut changed = state.clone();
        changed.tensors[i].1.reverse();
        check(changed, &format!("`{name}` does not have the shapes of the parameters"));
        // One set too many, and none.
        let mut changed = state.clone();
        let more = changed.tensors[i].1[..2].to_vec();
        changed.tensors[i].1.extend(more);
        check(changed, &format!("`{name}` does not have the shapes of the parameters"));
        if i % 2 == 1 {
            let mut changed = state.clone();
            changed.tensors[i].1.clear();
            check(changed, &format!("`{name}` does not have the shapes of the parameters"));
        }
    }
    let number = |name: &str, value: f64| {
        let mut state = state.clone();
        state.numbers.iter_mut().find(|entry| entry.0 == name).unwrap().1 = value;
        state
    };
    check(
        number("learning_rate", -1.0),
        "learning rate: expected a finite number of at least 0, got -1",
    );
    check(
        number("history_size", 0.5),
        "history size: expected a whole number of at least 1, got 0.5",
    );
    check(
        number("history_size", f64::NAN),
        "history size: expected a whole number of at least 1, got NaN",
    );
    check(
        number("history_size", 2.0),
        "`changes` does not have the shapes of the parameters",
    );
    check(
        number("tolerance_change", f64::INFINITY),
        "tolerance of a change: expected a finite number of at least 0, got inf",
    );
    let mut flat = state.clone();
    for layer in &mut flat.tensors[3].1 {
        *layer = layer.zeros_like();
    }
    check(
        flat,
        "curvature of a pair of changes: expected a finite number above 0, got 0",
    );
}

#[test]
fn hyper_parameters_out_of_range_are_errors() {
    type L = Lbfgs<Matrix<f64>>;
    let range = "a finite number of at least 0";
    for (value, printed) in [(-0.5, "-0.5"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let message = |error: HyperParameterError| error.to_string();
        assert_eq!(
            message(L::new(value).unwrap_err()),
            format!("learning rate: expected a finite number above 0, got {printed}")
        );
        let mut optimizer = L::new(1.0).unwrap();
        assert!(optimizer.set_learning_rate(value).is_err());
        let error = optimizer.clone().tolerances(value, 0.0).unwrap_err();
        assert_eq!(
            message(error),
            format!("tolerance of the gradient: expected {range}, got {printed}")
        );
        let error = optimizer.tolerances(0.0, value).unwrap_err();
        assert_eq!(
            message(error),
            format!("tolerance of a change: expected {range}, got {printed}")
        );
    }
    let error = L::new(1.0).unwrap().history_size(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "history size: expected a whole number of at least 1, got 0"
    );
}

#[test]
#[should_panic(expected = "update: expected a state of weights of 1 x 2, got 1 x 1")]
fn an_optimizer_that_goes_to_another_network_panics() {
    let mut optimizer = Lbfgs::new(1.0).unwrap();
    let norm = |x: &[f64]| (x.iter().map(|x| x * x).sum(), x.iter().map(|x| 2.0 * x).collect());
    optimizer
        .step(&mut layer(&[1.0, 2.0]), &mut Function::new(norm))
        .unwrap();
    let _ = optimizer.step(&mut layer(&[1.0, 2.0, 3.0]), &mut Function::new(norm));
}
