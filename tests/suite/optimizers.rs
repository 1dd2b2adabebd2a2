//! Tests gradient descent, and properties of every optimizer. Also tests that the `Optimizer` trait supports other
//! optimizers: an L-BFGS is written here, outside the crate, with nothing but its public items.

use mlp_core::activations::Tanh;
use mlp_core::backend::{Objective, Tensor, ZipFormula};
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{
    Adagrad, Adam, AdamW, Dense, GradientDescent, HalfMse, HyperParameterError, Mlp, Momentum, NAdam, NonFinite,
    Optimizer, OptimizerKind, RmsProp, Samples, Scalar, TrainError, Trainer, Workspace,
};
use mlp_cpu::Matrix;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Returns the learning rate if it is valid.
fn checked(learning_rate: f64) -> Result<f64, HyperParameterError> {
    GradientDescent::<Matrix<f64>>::new(learning_rate)?;
    Ok(learning_rate)
}

/// L-BFGS with a backtracking line search. The direction comes from the last pairs of (change of the parameters,
/// change of the gradient); the objective is evaluated until the loss falls enough.
///
/// Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), algorithms 7.4 and 3.1.
#[derive(Clone, Debug)]
struct Lbfgs<B> {
    /// The first length tried along a direction.
    learning_rate: f64,
    /// The pairs, oldest first.
    pairs: Vec<[Vec<Dense<B>>; 2]>,
}

/// The number of pairs that it remembers.
const PAIRS: usize = 5;

/// Computes own + factor other.
struct AddScaled {
    factor: f64,
}

impl ZipFormula<0> for AddScaled {
    fn apply<T: Scalar>(&self, own: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        (own + T::from_f64(self.factor) * other, [])
    }
}

/// Computes factor own.
struct Scale {
    factor: f64,
}

impl ZipFormula<0> for Scale {
    fn apply<T: Scalar>(&self, own: T, _: T, []: [T; 0]) -> (T, [T; 0]) {
        (T::from_f64(self.factor) * own, [])
    }
}

/// Applies a formula to all parameters as if they were one vector. Returns whether all new parameters are finite.
fn zip_all<B: Tensor>(own: &mut [Dense<B>], other: &[Dense<B>], formula: &impl ZipFormula<0>) -> bool {
    own.iter_mut().zip(other).fold(true, |finite, (own, other)| {
        let weights = own.weights.zip((&other.weights).into(), [], formula);
        own.bias.zip((&other.bias).into(), [], formula) && weights && finite
    })
}

fn dot<B: Tensor>(a: &[Dense<B>], b: &[Dense<B>]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.weights.dot(&b.weights) + a.bias.dot(&b.bias))
        .sum()
}

fn zeros_like<B: Tensor>(layers: &[Dense<B>]) -> Vec<Dense<B>> {
    layers.iter().map(Dense::zeros_like).collect()
}

fn finite_loss(loss: f64) -> Result<f64, NonFinite> {
    if loss.is_finite() {
        Ok(loss)
    } else {
        Err(NonFinite::Loss { loss })
    }
}

impl<B: Tensor> Lbfgs<B> {
    fn new() -> Self {
        Self {
            learning_rate: 1.0,
            pairs: Vec::new(),
        }
    }

    /// Computes -H `gradient`, where H is the approximate inverse of the second derivatives.
    fn direction(&self, gradient: &[Dense<B>]) -> Vec<Dense<B>> {
        let mut direction = gradient.to_vec();
        let mut shares = Vec::new();
        for [s, y] in self.pairs.iter().rev() {
            let share = dot(s, &direction) / dot(s, y);
            zip_all(&mut direction, y, &AddScaled { factor: -share });
            shares.push(share);
        }
        if let Some([s, y]) = self.pairs.last() {
            let factor = dot(s, y) / dot(y, y);
            zip_all(&mut direction, gradient, &Scale { factor });
        }
        for ([s, y], share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let factor = share - dot(y, &direction) / dot(s, y);
            zip_all(&mut direction, s, &AddScaled { factor });
        }
        zip_all(&mut direction, gradient, &Scale { factor: -1.0 });
        direction
    }
}

impl<B: Tensor> Optimizer<B> for Lbfgs<B> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let loss = finite_loss(objective.evaluate(layers))?;
        let gradient = objective.gradient_mut().to_vec();
        let direction = self.direction(&gradient);
        let slope = dot(&gradient, &direction);
        let mut length = self.learning_rate;
        for _ in 0..30 {
            let mut trial = layers.to_vec();
            let finite = zip_all(&mut trial, &direction, &AddScaled { factor: length });
            // NaN fails the comparison.
            if finite && objective.evaluate(&trial) <= loss + 1e-4 * length * slope {
                let mut s = trial.clone();
                zip_all(&mut s, layers, &AddScaled { factor: -1.0 });
                let mut y = objective.gradient_mut().to_vec();
                zip_all(&mut y, &gradient, &AddScaled { factor: -1.0 });
                if dot(&s, &y) > 1e-12 * dot(&y, &y) {
                    self.pairs.push([s, y]);
                    if self.pairs.len() > PAIRS {
                        self.pairs.remove(0);
                    }
                }
                layers.swap_with_slice(&mut trial);
                return Ok(loss);
            }
            length /= 2.0;
        }
        // No descent: forget the pairs from which the direction was computed.
        self.pairs.clear();
        Ok(loss)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.learning_rate = checked(learning_rate)?;
        Ok(())
    }

    fn reset(&mut self) {
        self.pairs.clear();
    }

    /// Stores all pairs under one name, one after the other.
    fn state(&self) -> OptimizerState<B> {
        OptimizerState::new("l_bfgs")
            .with_number("learning_rate", self.learning_rate)
            .with_tensors("pairs", self.pairs.iter().flatten().flatten().cloned().collect())
    }

    fn restore(&mut self, mut state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind("l_bfgs")?;
        let learning_rate = checked(state.take_number("learning_rate")?)?;
        let tensors = state.take_tensors("pairs", layers)?;
        state.expect_empty()?;
        let layers = layers.len();
        let pairs = tensors
            .chunks(2 * layers)
            .map(|pair| [pair[..layers].to_vec(), pair[layers..].to_vec()]);
        *self = Self {
            learning_rate,
            pairs: pairs.collect(),
        };
        Ok(())
    }
}

/// Returns y = x1^2 - x2 on a grid of 25 points.
fn data<T: mlp_cpu::Element>() -> (Matrix<T>, Matrix<T>) {
    let coordinate = |k: usize| k as f64 / 2.0 - 1.0;
    let input = Matrix::from_fn(2, 25, |i, j| {
        T::from_f64(coordinate(if i == 0 { j % 5 } else { j / 5 }))
    });
    let target = Matrix::from_fn(1, 25, |_, j| T::from_f64(coordinate(j % 5).powi(2) - coordinate(j / 5)));
    (input, target)
}

fn network<T: mlp_cpu::Element>() -> Mlp<Matrix<T>> {
    Mlp::builder(&[2, 6, 5, 1]).hidden(Tanh).seed(21).build().unwrap()
}

/// Makes `steps` training steps and returns their losses.
fn train<T: mlp_cpu::Element, O: Optimizer<Matrix<T>>>(
    trainer: &mut Trainer<Matrix<T>, HalfMse, O>,
    network: &mut Mlp<Matrix<T>>,
    steps: usize,
) -> Vec<f64> {
    let (input, target) = data();
    let samples = Samples::new(&input, &target).unwrap();
    (0..steps).map(|_| trainer.step(network, samples).unwrap()).collect()
}

/// Returns the parameters in order, and the gradient at them in the same order.
fn gradient_at(network: &Mlp<Matrix<f64>>) -> (Vec<f64>, Vec<f64>) {
    let (input, target) = data();
    let mut workspace = Workspace::new(network, input.columns()).unwrap();
    network.forward(&input, &mut workspace);
    let _ = network.loss(&HalfMse, &target, &mut workspace);
    network.backward(&mut workspace);
    network.gradient(&input, &mut workspace);
    (flat(network.layers()), flat(workspace.gradient()))
}

fn flat(layers: &[Dense<Matrix<f64>>]) -> Vec<f64> {
    layers
        .iter()
        .flat_map(|layer| [layer.weights.to_vec(), layer.bias.to_vec()].concat())
        .collect()
}

/// Compares 20 steps with a loop over plain numbers.
#[test]
fn gradient_descent_follows_its_formula() {
    let mut network = network::<f64>();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    for step in 1..=20 {
        let (parameters, gradient) = gradient_at(&network);
        train(&mut trainer, &mut network, 1);
        assert_eq!(gradient.len(), 59);
        for (p, ((before, g), got)) in parameters.iter().zip(gradient).zip(flat(network.layers())).enumerate() {
            let want = before - 0.1 * g;
            let near = (got - want).abs() <= 1e-14 * (1.0 + want.abs());
            assert!(near, "step {step}, parameter {p}: expected {want}, got {got}");
        }
    }
}

/// Compares 10 steps with the same steps interrupted by a stop, after which a new optimizer continues with the state
/// of the first. Losses and parameters must have the same bits.
fn check_resumption<T: mlp_cpu::Element, O: Optimizer<Matrix<T>>>(name: &str, make: impl Fn() -> O) {
    let mut whole = network::<T>();
    let expected = train(&mut Trainer::new(HalfMse, make()), &mut whole, 10);

    for stop in [0, 1, 5, 9] {
        let mut parts = network::<T>();
        let mut first = Trainer::new(HalfMse, make());
        let mut got = train(&mut first, &mut parts, stop);
        let state = first.optimizer().state();
        let mut second = Trainer::new(HalfMse, make());
        second.optimizer_mut().restore(state.clone(), parts.layers()).unwrap();
        let restored = second.optimizer().state();
        assert_eq!(restored, state, "{name}, stop after {stop}: the restored state");
        got.extend(train(&mut second, &mut parts, 10 - stop));
        assert_eq!(got, expected, "{name}, stop after {stop}: losses");
        assert_eq!(parts, whole, "{name}, stop after {stop}: parameters");
    }

    // Checks that the test notices a missing state: without it, momentum and the others give other parameters.
    if name != "gradient descent" {
        let mut forgetful = network::<T>();
        train(&mut Trainer::new(HalfMse, make()), &mut forgetful, 5);
        train(&mut Trainer::new(HalfMse, make()), &mut forgetful, 5);
        assert_ne!(forgetful, whole, "{name}: without its state");
    }
}

#[test]
fn resuming_from_a_state_is_not_stopping() {
    fn check<T: mlp_cpu::Element>() {
        check_resumption::<T, _>("gradient descent", || GradientDescent::new(0.1).unwrap());
        check_resumption::<T, _>("momentum", || Momentum::<Matrix<T>>::new(0.05, 0.9).unwrap());
        check_resumption::<T, _>("Nesterov", || {
            Momentum::<Matrix<T>>::new(0.05, 0.9).unwrap().nesterov(true)
        });
        check_resumption::<T, _>("Adam", || Adam::<Matrix<T>>::new(0.01).unwrap());
        check_resumption::<T, _>("AdamW", || AdamW::<Matrix<T>>::new(0.01).unwrap());
        check_resumption::<T, _>("NAdam", || NAdam::<Matrix<T>>::new(0.01).unwrap());
        check_resumption::<T, _>("Adagrad", || Adagrad::<Matrix<T>>::new(0.1).unwrap());
        let rms_prop = || RmsProp::<Matrix<T>>::new(0.01).unwrap();
        check_resumption::<T, _>("RMSprop", rms_prop);
        check_resumption::<T, _>("RMSprop, centered", || rms_prop().centered(true).unwrap());
        check_resumption::<T, _>("RMSprop with momentum", || rms_prop().momentum(0.5).unwrap());
        check_resumption::<T, _>("RMSprop with both", || {
            rms_prop().centered(true).unwrap().momentum(0.5).unwrap()
        });
        check_resumption::<T, _>("L-BFGS", Lbfgs::<Matrix<T>>::new);
    }
    check::<f32>();
    check::<f64>();
}

/// The state includes a learning rate that a schedule has set.
#[test]
fn a_changed_learning_rate_is_kept() {
    fn check(name: &str, mut optimizer: impl Optimizer<Matrix<f64>>, mut other: impl Optimizer<Matrix<f64>>) {
        optimizer.set_learning_rate(0.025).unwrap();
        assert_eq!(optimizer.learning_rate(), 0.025, "{name}");
        other.restore(optimizer.state(), network::<f64>().layers()).unwrap();
        assert_eq!(other.learning_rate(), 0.025, "{name}");
        assert!(optimizer.set_learning_rate(f64::NAN).is_err(), "{name}");
        assert_eq!(optimizer.learning_rate(), 0.025, "{name}: after an error");
    }
    check(
        "gradient descent",
        GradientDescent::new(0.1).unwrap(),
        GradientDescent::new(0.3).unwrap(),
    );
    check(
        "momentum",
        Momentum::new(0.1, 0.9).unwrap(),
        Momentum::new(0.3, 0.5).unwrap(),
    );
    check("Adam", Adam::new(0.1).unwrap(), Adam::new(0.3).unwrap());
    check("AdamW", AdamW::new(0.1).unwrap(), AdamW::new(0.3).unwrap());
    check("NAdam", NAdam::new(0.1).unwrap(), NAdam::new(0.3).unwrap());
    check("Adagrad", Adagrad::new(0.1).unwrap(), Adagrad::new(0.3).unwrap());
    check("RMSprop", RmsProp::new(0.1).unwrap(), RmsProp::new(0.3).unwrap());
    check("L-BFGS", Lbfgs::new(), Lbfgs::new());
}

#[test]
fn every_optimizer_drives_the_loss_down() {
    fn check<T: mlp_cpu::Element>(name: &str, optimizer: impl Optimizer<Matrix<T>>, steps: usize, share: f64) {
        let losses = train(&mut Trainer::new(HalfMse, optimizer), &mut network::<T>(), steps);
        let (first, last) = (losses[0], losses[steps - 1]);
        assert!(
            last < share * first,
            "{name}: expected less than {share} of {first} after {steps} steps, got {last}"
        );
    }
    check::<f64>("gradient descent", GradientDescent::new(0.1).unwrap(), 500, 0.1);
    check::<f64>("momentum", Momentum::new(0.05, 0.9).unwrap(), 300, 0.05);
    check::<f64>("Nesterov", Momentum::new(0.05, 0.9).unwrap().nesterov(true), 300, 0.05);
    check::<f64>("Adam", Adam::new(0.02).unwrap(), 300, 0.05);
    check::<f64>("AdamW", AdamW::new(0.02).unwrap(), 300, 0.05);
    check::<f64>("NAdam", NAdam::new(0.02).unwrap(), 300, 0.05);
    check::<f64>("Adagrad", Adagrad::new(0.1).unwrap(), 300, 0.05);
    check::<f64>("RMSprop", RmsProp::new(0.005).unwrap(), 300, 0.05);
    check::<f64>("L-BFGS", Lbfgs::new(), 100, 0.001);
    check::<f32>("momentum, f32", Momentum::new(0.05, 0.9).unwrap(), 300, 0.05);
    check::<f32>("Adam, f32", Adam::new(0.02).unwrap(), 300, 0.05);
    check::<f32>("L-BFGS, f32", Lbfgs::new(), 100, 0.01);
}

/// A line search never increases the loss, and evaluates the objective more than once.
#[test]
fn a_line_search_may_evaluate_as_often_as_it_likes() {
    /// The function (a - 3)^2 + 10 (b + 1)^2 of the weight a and the bias b, with a count of its evaluations.
    struct Quadratic {
        evaluations: usize,
        gradient: Vec<Dense<Matrix<f64>>>,
    }
    impl Objective<Matrix<f64>> for Quadratic {
        fn evaluate(&mut self, layers: &[Dense<Matrix<f64>>]) -> f64 {
            self.evaluations += 1;
            let (a, b) = (layers[0].weights[(0, 0)] - 3.0, layers[0].bias[(0, 0)] + 1.0);
            self.gradient[0].weights[(0, 0)] = 2.0 * a;
            self.gradient[0].bias[(0, 0)] = 20.0 * b;
            a * a + 10.0 * b * b
        }
        fn gradient_mut(&mut self) -> &mut [Dense<Matrix<f64>>] {
            &mut self.gradient
        }
    }
    let mut objective = Quadratic {
        evaluations: 0,
        gradient: vec![Dense::zeros(1, 1)],
    };
    let mut layers = vec![Dense::<Matrix<f64>>::zeros(1, 1)];
    let mut optimizer = Lbfgs::new();
    let mut losses = Vec::new();
    for _ in 0..15 {
        losses.push(optimizer.step(&mut layers, &mut objective).unwrap());
    }
    assert!(losses.is_sorted_by(|before, after| after <= before), "{losses:?}");
    assert!(
        objective.evaluations > 30,
        "{} evaluations in 15 steps",
        objective.evaluations
    );
    let (a, b) = (layers[0].weights[(0, 0)], layers[0].bias[(0, 0)]);
    assert!(
        (a - 3.0).abs() < 1e-6 && (b + 1.0).abs() < 1e-6,
        "expected (3, -1), got ({a}, {b})"
    );
}

/// A step that fails leaves the parameters unchanged; if the gradient was not used, also the state.
#[test]
fn a_step_that_is_not_finite_changes_no_parameter() {
    fn check<O: Optimizer<Matrix<f64>>>(name: &str, mut optimizer: O) {
        optimizer.set_learning_rate(1e308).unwrap();
        let mut network = network::<f64>();
        // The gradient of the last bias is the mean error: some parameter of the last layer overflows.
        network.layers_mut()[2].bias[(0, 0)] = 1e10;
        let before = network.clone();
        let mut trainer = Trainer::new(HalfMse, optimizer);
        let (input, target) = data();
        let error = trainer
            .step(&mut network, Samples::new(&input, &target).unwrap())
            .unwrap_err();
        let TrainError::Diverged(diverged) = error else {
            panic!("{name}: expected divergence, got {error}")
        };
        assert!(
            diverged.loss.is_finite() && diverged.layer.is_some(),
            "{name}: {diverged:?}"
        );
        assert_eq!(diverged.learning_rate, 1e308, "{name}");
        assert_eq!(network, before, "{name}: parameters");

        // A loss that is not finite.
        let state = trainer.optimizer().state();
        network.layers_mut()[2].bias[(0, 0)] = 1e200;
        let error = trainer
            .step(&mut network, Samples::new(&input, &target).unwrap())
            .unwrap_err();
        let TrainError::Diverged(diverged) = error else {
            panic!("{name}: expected divergence, got {error}")
        };
        assert!(
            diverged.loss == f64::INFINITY && diverged.layer.is_none(),
            "{name}: {diverged:?}"
        );
        assert_eq!(trainer.optimizer().state(), state, "{name}: state");
    }
    check("gradient descent", GradientDescent::new(0.1).unwrap());
    check("momentum", Momentum::new(0.1, 0.9).unwrap());
    check("Nesterov", Momentum::new(0.1, 0.9).unwrap().nesterov(true));
    // Adam's steps are no longer than its learning rate, and L-BFGS searches for a step that is short enough.
}

/// `GradientDescent::update` computes W - eta g, rounded twice, for any numbers.
#[test]
fn the_update_is_its_formula() {
    let config = Config {
        rng_seed: RngSeed::Fixed(0x0b71),
        failure_persistence: None,
        ..Config::default()
    };
    let number = || (-10.0..10.0, -150..150).prop_map(|(x, exponent)| x * 10.0_f64.powi(exponent));
    let strategy = (1e-6..10.0, prop::collection::vec((number(), number()), 2..40));
    TestRunner::new(config)
        .run(&strategy, |(learning_rate, numbers)| {
            let n = numbers.len() - 1;
            let dense = |values: Vec<f64>| Dense {
                weights: Matrix::from_vec(1, n, values[..n].to_vec()),
                bias: Matrix::from_vec(1, 1, vec![values[n]]),
            };
            let mut layers = vec![dense(numbers.iter().map(|pair| pair.0).collect())];
            let mut gradient = vec![dense(numbers.iter().map(|pair| pair.1).collect())];
            let before = layers.clone();
            let mut optimizer = GradientDescent::new(learning_rate).unwrap();
            prop_assert_eq!(optimizer.update(&mut layers, &mut gradient), Ok(()));
            let expected: Vec<f64> = numbers.iter().map(|(p, g)| p - learning_rate * g).collect();
            prop_assert_eq!(flat(&layers), expected);
            prop_assert_eq!(gradient, before, "the gradient must hold the old parameters");
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn an_update_that_is_not_finite_names_its_layer_and_changes_nothing() {
    for (layer, bad) in [(0, f64::NAN), (1, f64::INFINITY), (2, f64::MAX)] {
        let mut network = network::<f64>();
        let before = network.clone();
        let mut gradient = zeros_like(network.layers());
        gradient[layer].bias[(0, 0)] = bad;
        let result = GradientDescent::new(10.0)
            .unwrap()
            .update(network.layers_mut(), &mut gradient);
        assert_eq!(result, Err(NonFinite::Parameters { layer }), "gradient {bad}");
        assert_eq!(network, before, "gradient {bad}");
    }
}

#[test]
fn a_loop_by_hand_gives_the_bits_of_the_trainer() {
    type Layers<'a> = &'a mut [Dense<Matrix<f64>>];
    fn check<O: Optimizer<Matrix<f64>>>(
        name: &str,
        optimizer: O,
        mut update: impl FnMut(Layers<'_>, Layers<'_>) -> Result<(), NonFinite>,
    ) {
        let input = Matrix::from_fn(2, 7, |i, j| (i + 1) as f64 * (j as f64 - 3.0) / 4.0);
        let target = Matrix::from_fn(1, 7, |_, j| (j as f64 - 2.0) / 3.0);
        let build = || Mlp::<Matrix<f64>>::builder(&[2, 5, 1]).seed(3).build().unwrap();
        let (mut by_hand, mut by_trainer) = (build(), build());
        let mut trainer = Trainer::new(HalfMse, optimizer);
        let mut workspace = Workspace::new(&by_hand, 7).unwrap();
        for step in 0..20 {
            by_hand.forward(&input, &mut workspace);
            let loss = by_hand.loss(&HalfMse, &target, &mut workspace);
            by_hand.backward(&mut workspace);
            by_hand.gradient(&input, &mut workspace);
            update(by_hand.layers_mut(), workspace.gradient_mut()).unwrap();
            let samples = Samples::new(&input, &target).unwrap();
            assert_eq!(trainer.step(&mut by_trainer, samples), Ok(loss), "{name}, step {step}");
            assert_eq!(by_hand, by_trainer, "{name}, step {step}");
        }
        assert_ne!(by_hand, build(), "{name} changed nothing");
    }
    macro_rules! check {
        ($optimizer:expr) => {{
            let mut optimizer = $optimizer.unwrap();
            check(stringify!($optimizer), optimizer.clone(), |layers, gradient| {
                optimizer.update(layers, gradient)
            });
        }};
    }
    check!(GradientDescent::new(0.1));
    check!(Momentum::new(0.1, 0.9));
    check!(RmsProp::new(0.01));
    check!(RmsProp::new(0.01).and_then(|rms_prop| rms_prop.centered(true)));
    check!(Adagrad::new(0.1));
    check!(Adam::new(0.01));
    check!(AdamW::new(0.01));
    check!(NAdam::new(0.01));
}

#[test]
fn learning_rates_out_of_range_are_errors() {
    for (bad, printed) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (-0.1, "-0.1"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let expected = format!("learning rate: expected a finite number above 0, got {printed}");
        assert_eq!(
            GradientDescent::<Matrix<f64>>::new(bad).unwrap_err().to_string(),
            expected
        );
    }
    assert!(
        GradientDescent::<Matrix<f64>>::new(f64::MIN_POSITIVE).is_ok()
            && GradientDescent::<Matrix<f64>>::new(f64::MAX).is_ok()
    );
}

#[test]
fn states_that_do_not_fit_are_errors_and_change_nothing() {
    type State = OptimizerState<Matrix<f64>>;
    let good = || State::new("gradient_descent").with_number("learning_rate", 0.5);
    let cases: [(State, StateError, &str); 6] = [
        (
            Momentum::new(0.1, 0.9).unwrap().state(),
            StateError::Kind {
                expected: "gradient_descent",
                got: "momentum".to_owned(),
            },
            "optimizer state: expected kind `gradient_descent`, got `momentum`",
        ),
        (
            State::new("gradient_descent"),
            StateError::Missing {
                name: "learning_rate".to_owned(),
            },
            "optimizer state: `learning_rate` is missing",
        ),
        (
            good().with_number("momentum", 0.9),
            StateError::Unexpected {
                name: "momentum".to_owned(),
            },
            "optimizer state: unknown entry `momentum`",
        ),
        (
            good().with_tensors("velocity", Vec::new()),
            StateError::Unexpected {
                name: "velocity".to_owned(),
            },
            "optimizer state: unknown entry `velocity`",
        ),
        (
            good().with_number("learning_rate", 0.5),
            StateError::Unexpected {
                name: "learning_rate".to_owned(),
            },
            "optimizer state: unknown entry `learning_rate`",
        ),
        (
            State::new("gradient_descent").with_number("learning_rate", -1.0),
            StateError::HyperParameter(HyperParameterError::new(
                "learning rate",
                "a finite number of at least 0",
                -1.0,
            )),
            "optimizer state: learning rate: expected a finite number of at least 0, got -1",
        ),
    ];
    for (state, error, text) in cases {
        let mut optimizer = GradientDescent::new(0.1).unwrap();
        let got = optimizer.restore(state, network::<f64>().layers()).unwrap_err();
        assert_eq!(got, error);
        assert_eq!(got.to_string(), text);
        assert_eq!(optimizer, GradientDescent::new(0.1).unwrap(), "after `{text}`");
    }
}

/// A state may have any number of sets of values under one name, as L-BFGS stores its pairs.
#[test]
fn sets_of_values_have_the_shapes_of_the_parameters() {
    let network = network::<f64>();
    let layers = network.layers();
    let take = |values: Vec<Dense<Matrix<f64>>>| {
        let mut state = OptimizerState::new("l_bfgs").with_tensors("pairs", values);
        state.take_tensors("pairs", layers)
    };
    for sets in [0, 1, 2, 4] {
        let values = vec![layers; sets].concat();
        assert_eq!(take(values.clone()), Ok(values), "{sets} sets");
    }
    let twice = [layers, layers].concat();
    let mut turned = twice.clone();
    turned[3].weights = turned[3].weights.transposed();
    for (what, wrong) in [
        ("a set that is not whole", twice[1..].to_vec()),
        ("turned weights in the second set", turned),
    ] {
        let name = "pairs".to_owned();
        assert_eq!(take(wrong), Err(StateError::Shape { name }), "{what}");
    }
}

#[test]
fn gradient_descent_round_trips() {
    let original = GradientDescent::new(0.123_456_789).unwrap();
    let state = original.state();
    let mut restored = GradientDescent::new(1.0).unwrap();
    restored.restore(state, network::<f64>().layers()).unwrap();
    assert_eq!(restored, original);
}

/// Trains with the optimizer that `kind` builds and with the same one of its own type, and compares all bits.
fn check_boxed<O: Optimizer<Matrix<f64>>>(kind: &str, concrete: O) {
    let kind: OptimizerKind = kind.parse().unwrap();
    assert_eq!(concrete.state().kind, kind.name());
    let build = || -> Box<dyn Optimizer<Matrix<f64>> + Send + Sync> { kind.build(0.05).unwrap() };
    let (mut by_kind, mut by_type) = (network::<f64>(), network::<f64>());
    let mut boxed = Trainer::new(HalfMse, build());
    let mut concrete = Trainer::new(HalfMse, concrete);
    assert_eq!(
        train(&mut boxed, &mut by_kind, 5),
        train(&mut concrete, &mut by_type, 5),
        "{kind}"
    );
    assert_eq!(boxed.optimizer().state(), concrete.optimizer().state(), "{kind}");

    // The state of one goes on in the other.
    boxed.optimizer_mut().set_learning_rate(0.025).unwrap();
    concrete.restore(boxed.state(), by_type.layers()).unwrap();
    assert_eq!(concrete.optimizer().learning_rate(), 0.025, "{kind}");
    let mut resumed = Trainer::new(HalfMse, build());
    resumed.restore(concrete.state(), by_kind.layers()).unwrap();
    assert_eq!(
        train(&mut resumed, &mut by_kind, 5),
        train(&mut concrete, &mut by_type, 5),
        "{kind}"
    );
    assert_eq!(by_kind, by_type, "{kind}");

    let other = if kind == OptimizerKind::Adam {
        OptimizerKind::Lbfgs
    } else {
        OptimizerKind::Adam
    };
    let mut other = Trainer::new(HalfMse, other.build(0.05).unwrap());
    let error = other.restore(resumed.state(), by_kind.layers()).unwrap_err();
    assert!(matches!(error, StateError::Kind { .. }), "{kind}: {error}");
}

#[test]
fn an_optimizer_chosen_by_name_is_the_one_of_that_type() {
    assert_eq!(OptimizerKind::NAMES.len(), 9);
    check_boxed("gradient_descent", GradientDescent::new(0.05).unwrap());
    check_boxed("momentum", Momentum::new(0.05, 0.9).unwrap());
    check_boxed("rms_prop", RmsProp::new(0.05).unwrap());
    check_boxed("adagrad", Adagrad::new(0.05).unwrap());
    check_boxed("adam", Adam::new(0.05).unwrap());
    check_boxed("adamw", AdamW::new(0.05).unwrap());
    check_boxed("nadam", NAdam::new(0.05).unwrap());
    check_boxed("lbfgs", mlp_core::Lbfgs::new(0.05).unwrap());
    check_boxed("gauss_newton", mlp_core::GaussNewton::new(0.05).unwrap());
}

/// A schedule may end at 0, so only `new` refuses it.
#[test]
fn every_optimizer_refuses_a_learning_rate_of_0_when_it_is_created() {
    for name in OptimizerKind::NAMES {
        let kind: OptimizerKind = name.parse().unwrap();
        for bad in [0.0, -0.0, -1.0, f64::INFINITY, f64::NAN] {
            let error = kind.build::<Matrix<f64>>(bad).unwrap_err();
            let expected = format!("learning rate: expected a finite number above 0, got {bad}");
            assert_eq!(error.to_string(), expected, "{name}");
        }
        let mut optimizer = kind.build::<Matrix<f64>>(0.1).unwrap();
        optimizer.set_learning_rate(0.0).unwrap();
        let state = optimizer.state();
        kind.build::<Matrix<f64>>(0.1)
            .unwrap()
            .restore(state, network::<f64>().layers())
            .unwrap();
    }
}

#[test]
fn options_that_change_the_memory_are_refused_after_the_first_step() {
    let mut trainer = Trainer::new(HalfMse, RmsProp::new(0.01).unwrap());
    train(&mut trainer, &mut network::<f64>(), 1);
    let used = trainer.optimizer().clone();
    assert_eq!(
        used.clone().centered(true).unwrap_err().to_string(),
        "centered: expected its value to be set before the first step, got 1"
    );
    assert_eq!(
        used.clone().momentum(0.5).unwrap_err().to_string(),
        "momentum: expected its value to be set before the first step, got 0.5"
    );
    assert!(used.rho(0.5).unwrap().epsilon(1e-6).is_ok());
}
