//! Tests losses on outputs and their derivatives: gradients and Gauss-Newton products from JAX, kinks, numbers that are
//! not finite, panics, and optimizers that solve an equation.

use crate::determinism::{bits, fingerprint};
use crate::naive::{Naive, tensor, values};
use crate::panics::assert_panic;
use mlp_core::activations::{Relu, Tanh};
use mlp_core::backend::{Objective, Tensor};
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{ActivationKind, Adam, Dense, GaussNewton, Lbfgs, Mlp, NonFinite, Optimizer, Scalar};
use mlp_cpu::{Element, Matrix};
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A case of `fixtures/equations.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    layers: Vec<usize>,
    activations: Vec<String>,
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
    points: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    directions: Vec<Along>,
    weight: f64,
    direction_weights: Vec<Vec<Vec<f64>>>,
    direction_biases: Vec<Vec<f64>>,
    value: f64,
    gradient_weights: Vec<Vec<Vec<f64>>>,
    gradient_biases: Vec<Vec<f64>>,
    product_weights: Vec<Vec<Vec<f64>>>,
    product_biases: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Along {
    vector: Vec<f64>,
    second: bool,
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

/// Returns the matrix of these columns, `repeat` times one after the other.
fn columns<B: Tensor>(columns: &[Vec<f64>], repeat: usize) -> B {
    tensor(
        (columns[0].len(), columns.len() * repeat),
        &columns.concat().repeat(repeat),
    )
}

/// Returns all parameters: layer after layer, weights column after column, then the bias.
fn flat<B: Tensor>(layers: &[Dense<B>]) -> Vec<f64> {
    let tensors = layers.iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    tensors
        .flat_map(|tensor| values::<B>(tensor.into()))
        .map(Scalar::to_f64)
        .collect()
}

#[track_caller]
fn assert_near(what: &str, got: &[f64], expected: &[f64], tolerance: f64) {
    let size = expected.iter().fold(1e-3_f64, |size, x| size.max(x.abs()));
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let near = (got - expected).abs() <= tolerance * size;
        assert!(near, "{what}, {i}: expected {expected}, got {got} (largest: {size})");
    }
}

/// The residuals of the fixture, which are functions of all that a point has.
#[derive(Debug)]
struct Everything(Vec<Along>);

impl Equation<2> for Everything {
    fn directions(&self) -> Vec<Direction> {
        let direction = |along: &Along| {
            let axis = along.vector.iter().position(|&x| x == 1.0);
            let direction = match axis {
                Some(axis) if along.vector.iter().sum::<f64>() == 1.0 => Direction::axis(axis),
                _ => Direction::along(&along.vector),
            };
            if along.second { direction.second() } else { direction }
        };
        self.0.iter().map(direction).collect()
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        let (u, last, directions) = (at.u(), at.u().len() - 1, 0..self.0.len());
        let number = |number: usize| T::from_f64(number as f64);
        let curvature = |output: usize| {
            let seconds = directions.clone().filter(|&d| self.0[d].second);
            seconds.fold(T::zero(), |sum, d| sum + at.ddu(d)[output])
        };
        let mut r0 = -at.target()[0];
        for (k, &value) in u.iter().enumerate() {
            let slopes = directions
                .clone()
                .fold(T::zero(), |sum, d| sum + number(d + 1) * at.du(d)[k]);
            r0 += number(k + 1) * (value + slopes + T::from_f64(0.5) * value * curvature(k));
        }
        let slopes = directions.clone().fold(T::zero(), |sum, d| sum + at.du(d)[0]);
        let x = at.x()[0];
        [r0, u[0] * (-u[last] * u[last]).exp() + x * x * slopes + curvature(last)]
    }
}

impl Case {
    fn network<B: Tensor>(&self) -> Mlp<B> {
        let kinds = self.activations.iter().map(|name| name.parse().unwrap());
        let layers = layers(&self.weights, &self.biases).into_iter();
        Mlp::from_layers(layers.zip(kinds).collect()).unwrap()
    }

    /// Repeats the points, which changes neither the loss nor its gradient.
    fn equations<B: Tensor>(&self, network: &Mlp<B>, repeat: usize) -> Equations<B> {
        let term = Term::new(Everything(self.directions.clone()), columns(&self.points, repeat))
            .targets(&columns::<B>(&self.targets, repeat))
            .weight(self.weight)
            .unwrap();
        Equations::new(network, [term])
    }

    fn check<B: Tensor>(&self, repeat: usize, tolerance: f64) {
        let network = self.network::<B>();
        assert_eq!(network.layer_sizes(), self.layers);
        let mut equations = self.equations(&network, repeat);
        let what = format!("{:?} {:?} {:?}", self.layers, self.activations, self.directions);
        assert_near(&what, &[equations.evaluate(network.layers())], &[self.value], tolerance);
        let gradient = flat::<Naive<f64>>(&layers(&self.gradient_weights, &self.gradient_biases));
        assert_near(&what, &flat(equations.gradient_mut()), &gradient, tolerance);

        let direction = layers(&self.direction_weights, &self.direction_biases);
        let mut product = layers(&self.weights, &self.biases);
        equations.gauss_newton_product(network.layers(), &direction, &mut product);
        let expected = flat::<Naive<f64>>(&layers(&self.product_weights, &self.product_biases));
        assert_near(&what, &flat(&product), &expected, tolerance);
        assert_eq!(
            equations.evaluate(network.layers()),
            equations.evaluate(network.layers()),
            "{what}"
        );
        assert_near(&what, &flat(equations.gradient_mut()), &gradient, tolerance);
    }
}

#[test]
fn losses_of_derivatives_have_the_gradients_of_jax() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../fixtures/equations.json")).unwrap();
    assert!(cases.len() >= 40);
    for case in &cases {
        case.check::<Matrix<f64>>(1, 1e-10);
        case.check::<Naive<f64>>(1, 1e-10);
        case.check::<Matrix<f32>>(1, 2e-4);
        // Several blocks and groups.
        case.check::<Matrix<f64>>(200, 1e-10);
    }
}

/// u'' + u = 0.
#[derive(Debug)]
struct Oscillator;

impl Equation for Oscillator {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.ddu(0)[0] + at.u()[0]]
    }
}

/// u = 0 and u' = 1.
#[derive(Debug)]
struct Start;

impl Equation<2> for Start {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        [at.u()[0], at.du(0)[0] - T::one()]
    }
}

/// u'' = 0.
#[derive(Debug)]
struct Straight;

impl Equation for Straight {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.ddu(0)[0]]
    }
}

fn network<T: Element>(hidden: impl Into<ActivationKind>) -> Mlp<Matrix<T>> {
    let hidden = hidden.into();
    Mlp::builder(&[1, 8, 8, 1]).hidden(hidden).seed(1).build().unwrap()
}

fn line<T: Element>(points: usize, end: f64) -> Matrix<T> {
    Matrix::from_fn(1, points, |_, i| T::from_f64(end * i as f64 / (points - 1) as f64))
}

fn oscillator<T: Element>(network: &Mlp<Matrix<T>>) -> Equations<Matrix<T>> {
    let start = Term::new(Start, Matrix::zeros(1, 1)).weight(10.0).unwrap();
    Equations::new(network, [Term::new(Oscillator, line(31, 3.0)), start])
}

#[test]
fn every_optimizer_solves_an_equation() {
    fn error<T: Element>(mut optimizer: impl Optimizer<Matrix<T>>, steps: usize) -> f64 {
        let mut network = network::<T>(Tanh);
        let mut equations = oscillator(&network);
        for _ in 0..steps {
            optimizer.step(network.layers_mut(), &mut equations).unwrap();
        }
        let points: [f64; 4] = [0.5, 1.0, 2.0, 3.0];
        let errors = points.map(|x| (network.predict_one(&[T::from_f64(x)])[0].to_f64() - x.sin()).abs());
        errors.into_iter().fold(0.0, f64::max)
    }
    let adam = error::<f64>(Adam::new(0.01).unwrap(), 2000);
    let lbfgs = error::<f64>(Lbfgs::new(1.0).unwrap(), 300);
    let gauss_newton = error::<f64>(GaussNewton::new(1.0).unwrap(), 50);
    assert!(
        adam < 0.02 && lbfgs < 0.005 && gauss_newton < 1e-3,
        "{adam} {lbfgs} {gauss_newton}"
    );
    let gauss_newton = error::<f32>(GaussNewton::new(1.0).unwrap(), 30);
    assert!(gauss_newton < 0.02, "{gauss_newton}");
}

/// Takes steps on more points than one group has. Returns the fingerprint of losses and parameters.
pub(crate) fn train<T: Element>() -> u64 {
    let mut network = network::<T>(Tanh);
    let start = Term::new(Start, Matrix::zeros(1, 1));
    let mut equations = Equations::new(&network, [Term::new(Oscillator, line(700, 3.0)), start]);
    let mut optimizer = Lbfgs::new(1.0).unwrap();
    let losses: Vec<_> = (0..20)
        .map(|_| optimizer.step(network.layers_mut(), &mut equations).unwrap())
        .collect();
    assert!(losses[19] < 0.5 * losses[0], "{losses:?}");
    fingerprint(losses.into_iter().map(f64::to_bits).chain(bits(&network)))
}

#[test]
fn terms_add_up_with_their_weights() {
    let network = network::<f64>(Tanh);
    let start = |weight| Term::new(Start, line(3, 1.0)).weight(weight).unwrap();
    let interior = || Term::new(Oscillator, line(300, 3.0));
    let evaluate = |terms: Vec<_>| {
        let mut equations = Equations::new(&network, terms);
        (equations.evaluate(network.layers()), flat(equations.gradient_mut()))
    };
    let (a, b, both) = (
        evaluate(vec![interior()]),
        evaluate(vec![start(1.0)]),
        evaluate(vec![interior(), start(2.5)]),
    );
    assert_near("loss", &[both.0], &[a.0 + 2.5 * b.0], 1e-14);
    let sum: Vec<_> = a.1.iter().zip(&b.1).map(|(a, b)| a + 2.5 * b).collect();
    assert_near("gradient", &both.1, &sum, 1e-14);
    // A term of weight 0 is left out, whatever its residuals.
    let infinite = || {
        let along = vec![Along {
            vector: vec![1.0],
            second: true,
        }];
        let targets = Matrix::from_columns(&[[f64::INFINITY]]);
        let term = Term::new(Everything(along), Matrix::zeros(1, 1)).targets(&targets);
        term.weight(0.0).unwrap()
    };
    assert_eq!(evaluate(vec![infinite(), interior()]), a);
    assert_eq!(evaluate(vec![interior(), infinite()]), a);
    let mut alone = Equations::new(&network, [infinite()]);
    let mut product = network.layers().to_vec();
    alone.gauss_newton_product(network.layers(), network.layers(), &mut product);
    assert_eq!(alone.evaluate(network.layers()), 0.0);
    for zeros in [flat(&product), flat(alone.gradient_mut())] {
        assert!(zeros.iter().all(|&x| x == 0.0));
    }
}

/// u - sin x, and the number of its evaluations.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Equation for Counted {
    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        self.0.fetch_add(1, Ordering::Relaxed);
        [at.u()[0] - at.x()[0].sin()]
    }
}

#[test]
fn products_of_a_few_points_keep_the_residuals_of_the_evaluation() {
    let network = network::<f64>(Tanh);
    let count = Arc::new(AtomicUsize::new(0));
    let mut equations = Equations::new(&network, [Term::new(Counted(count.clone()), line(3, 1.0))]);
    count.store(0, Ordering::Relaxed);
    equations.evaluate(network.layers());
    assert_eq!(count.load(Ordering::Relaxed), 3);
    let mut product = network.layers().to_vec();
    equations.gauss_newton_product(network.layers(), network.layers(), &mut product);
    assert_eq!(count.load(Ordering::Relaxed), 3);
}

#[test]
fn the_loss_of_each_term_and_each_residual_can_be_read() {
    let mut network = network::<f64>(Tanh);
    let interior = |points| Term::new(Oscillator, line(points, 3.0));
    let start = || Term::new(Start, Matrix::zeros(1, 1));
    let terms = || {
        [
            interior(700),
            start().weight(2.5).unwrap(),
            start().weight(0.0).unwrap(),
        ]
    };
    let mut equations = Equations::new(&network, terms());
    assert!(equations.losses().iter().all(|loss| loss.is_nan()));
    for _ in 0..2 {
        let residuals = |term: Term<Matrix<f64>>| term.residuals(&network).to_vec();
        let half_mean =
            |residuals: Vec<f64>, points: f64| residuals.iter().map(|r| r * r).sum::<f64>() / (2.0 * points);
        let expected = [
            half_mean(residuals(interior(700)), 700.0),
            half_mean(residuals(start()), 1.0),
        ];
        let loss = equations.evaluate(network.layers());
        // A product does not change them.
        equations.gauss_newton_product(network.layers(), network.layers(), &mut network.layers().to_vec());
        assert_near("losses", &equations.losses()[..2], &expected, 1e-13);
        assert_near("their sum", &[loss], &[expected[0] + 2.5 * expected[1]], 1e-13);
        assert!(equations.losses()[2].is_nan(), "a term of weight 0 is left out");
        network.layers_mut()[2].bias[(0, 0)] += 0.5;
    }
    // u(0) = b and u'(0) = 0 where the weights of the last layer are 0.
    network.layers_mut()[2].weights = Matrix::zeros(1, 8);
    let bias = network.layers()[2].bias[(0, 0)];
    assert_eq!(start().residuals(&network), Matrix::from_columns(&[[bias, -1.0]]));
}

#[test]
fn the_second_derivative_of_relu_is_0_everywhere() {
    let mut network = network::<f64>(Relu);
    let mut points = line(41, 4.0);
    for i in 0..41 {
        points[(0, i)] -= 2.0; // 0, where the biases put every kink, is one of the points
    }
    let mut equations = Equations::new(&network, [Term::new(Straight, points)]);
    assert_eq!(equations.evaluate(network.layers()), 0.0);
    assert!(flat(equations.gradient_mut()).iter().all(|&x| x == 0.0));
    let before = network.clone();
    Adam::new(0.1)
        .unwrap()
        .step(network.layers_mut(), &mut equations)
        .unwrap();
    assert_eq!(network, before);
}

#[test]
fn numbers_that_are_not_finite_propagate() {
    for number in [f64::NAN, f64::INFINITY] {
        for tail in [false, true] {
            let mut network = network::<f64>(Tanh);
            let mut points = line(300, 3.0);
            let mut targets = Matrix::zeros(1, 300);
            if tail {
                targets[(0, 299)] = number;
            } else {
                points[(0, 0)] = number;
            }
            let along = vec![Along {
                vector: vec![1.0],
                second: true,
            }];
            let term = Term::new(Everything(along), points).targets(&targets);
            let mut equations = Equations::new(&network, [term]);
            let before = network.clone();
            let error = Adam::new(0.1)
                .unwrap()
                .step(network.layers_mut(), &mut equations)
                .unwrap_err();
            assert!(matches!(error, NonFinite::Loss { .. }), "{error}");
            assert_eq!(network, before);
            assert!(!equations.losses()[0].is_finite());
        }
    }
    let mut infinite = network::<f64>(Tanh);
    infinite.layers_mut()[1].weights[(0, 0)] = f64::NAN;
    assert!(oscillator(&infinite).evaluate(infinite.layers()).is_nan());
}

#[test]
fn the_last_evaluation_is_remembered() {
    let count = Arc::new(AtomicUsize::new(0));
    let evaluations = || count.swap(0, Ordering::Relaxed) / 31;
    let mut network = network::<f64>(Tanh);
    let mut equations = Equations::new(&network, [Term::new(Counted(count.clone()), line(31, 3.0))]);
    evaluations();
    let mut evaluate = |layers: &[Dense<Matrix<f64>>]| {
        let loss = equations.evaluate(layers);
        let gradient = flat(equations.gradient_mut());
        // An optimizer may overwrite it, and so does a product.
        equations.gradient_mut()[0].weights[(0, 0)] = 7.0;
        equations.gauss_newton_product(layers, layers, &mut layers.to_vec());
        (loss, gradient)
    };
    let first = evaluate(network.layers());
    assert_eq!((evaluate(network.layers()), evaluations()), (first.clone(), 1));
    assert_eq!((evaluate(network.layers()), evaluations()), (first.clone(), 0));
    let before = network.clone();
    network.layers_mut()[2].bias[(0, 0)] += 1e-15;
    let second = evaluate(network.layers());
    assert!(second != first && evaluations() == 1);
    assert_eq!((evaluate(before.layers()), evaluations()), (first, 1));
    network.layers_mut()[2].bias[(0, 0)] = f64::NAN;
    for _ in 0..2 {
        assert!(evaluate(network.layers()).0.is_nan() && evaluations() == 1);
    }

    // L-BFGS begins where it ended. The first step searches for a length.
    let mut network = before;
    let mut optimizer = Lbfgs::new(1.0).unwrap();
    optimizer.step(network.layers_mut(), &mut equations).unwrap();
    evaluations();
    let steps: Vec<_> = (0..20)
        .map(|_| {
            optimizer.step(network.layers_mut(), &mut equations).unwrap();
            evaluations()
        })
        .collect();
    assert!(steps.iter().filter(|&&count| count == 1).count() > 10, "{steps:?}");
}

/// Panics at the last point.
#[derive(Debug)]
struct Faulty;

impl Equation for Faulty {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        assert!(at.x()[0].to_f64() < 2.9, "beyond the range");
        [at.ddu(0)[0]]
    }
}

#[test]
fn a_panic_in_a_formula_leaves_parameters_unchanged() {
    fn check(mut optimizer: impl Optimizer<Matrix<f64>>) {
        let mut network = network::<f64>(Tanh);
        let before = network.clone();
        let mut equations = Equations::new(&network, [Term::new(Faulty, line(300, 3.0))]);
        let layers = network.layers_mut();
        catch_unwind(AssertUnwindSafe(|| optimizer.step(layers, &mut equations))).unwrap_err();
        assert_eq!(network, before);
    }
    check(Adam::new(0.1).unwrap());
    check(Lbfgs::new(1.0).unwrap());
    check(GaussNewton::new(1.0).unwrap());
}

/// Asks for an argument that it does not have.
#[derive(Debug)]
struct Unasked(&'static str);

impl Equation for Unasked {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [match self.0 {
            "du" => at.du(1)[0],
            "ddu" => at.ddu(0)[0],
            _ => at.u()[1],
        }]
    }
}

#[test]
fn mistakes_panic_with_what_was_expected() {
    let network = network::<f64>(Tanh);
    let points = || line::<f64>(3, 1.0);
    let along = |vector: &[f64]| {
        Everything(vec![Along {
            vector: vector.to_vec(),
            second: true,
        }])
    };
    let all = |term| drop(Equations::new(&network, [term]));
    assert_panic("Term::new: expected at least one point, got none", || {
        drop(Term::new(Start, Matrix::<f64>::zeros(1, 0)));
    });
    assert_panic("Equations::new: expected at least one term, got none", || {
        drop(Equations::new(&network, []));
    });
    assert_panic("Equations::new: expected points of 1 x 3, got 2 x 3", || {
        all(Term::new(Start, Matrix::zeros(2, 3)));
    });
    assert_panic("Term::targets: expected targets of 2 x 3, got 2 x 4", || {
        drop(Term::new(Start, points()).targets(&Matrix::zeros(2, 4)));
    });
    assert_panic("Equations::new: expected a direction of 1 x 1, got 2 x 1", || {
        all(Term::new(along(&[0.5, 1.5]), points()));
    });
    assert_panic(
        "Equations::new: expected a direction below 1, the number of inputs, got 1",
        || {
            all(Term::new(along(&[0.0, 1.0]), points()));
        },
    );
    let other = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).build().unwrap();
    assert_panic("Equations: expected a network with layers of 3 x 1, got 2 x 1", || {
        oscillator(&network).evaluate(other.layers());
    });
    assert_panic("Term::residuals: expected points of 1 x 3, got 2 x 3", || {
        drop(Term::new(Start, Matrix::zeros(2, 3)).residuals(&network));
    });
    for (argument, expected) in [
        (
            "du",
            "du: expected a direction below 1, the number of `directions`, got 1",
        ),
        ("ddu", "ddu: expected direction 0 to be a `.second()` one"),
        ("u", "index out of bounds: the len is 1 but the index is 1"),
    ] {
        assert_panic(expected, || all(Term::new(Unasked(argument), points())));
    }
    let error = Term::new(Start, points()).weight(-1.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "weight of a term: expected a finite number of at least 0, got -1"
    );
}
