//! Tests the losses: value and gradient against arbitrary precision, with and without sample weights, in both
//! formats; the message for a target that is not a class; and a user's own losses in a trainer.

use crate::activations::Float;
use mlp_core::activations::{Identity, Tanh, softmax};
use mlp_core::backend::Tensor;
use mlp_core::{
    BinaryCrossEntropy, Dense, Dual, ElementLoss, GradientDescent, HalfMse, Huber, Loss, Mae, Mlp, Mse, OverOutputs,
    Pinball, Samples, Scalar, SoftmaxCrossEntropy, TargetKind, Trainer, Workspace,
};
use mlp_cpu::Matrix;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case of the golden file.
#[derive(Clone, Debug, Deserialize)]
struct Case {
    loss: String,
    parameters: Parameters,
    outputs: usize,
    samples: usize,
    sample_weights: Option<Vec<f64>>,
    predictions: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    value: f64,
    gradient: Vec<Vec<f64>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    delta: Option<f64>,
    target: Option<String>,
    label_smoothing: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
}

impl Case {
    /// Returns a description of the case for the message of a failure.
    fn name(&self, index: usize) -> String {
        let Self {
            loss,
            parameters,
            outputs,
            samples,
            sample_weights,
            ..
        } = self;
        let weighted = if sample_weights.is_some() { ", weighted" } else { "" };
        format!("case {index}: {loss} {parameters:?}, {outputs} x {samples}{weighted}")
    }

    fn weight(&self, sample: usize) -> f64 {
        self.sample_weights.as_ref().map_or(1.0, |weights| weights[sample])
    }

    fn total_weight(&self) -> f64 {
        (0..self.samples).map(|sample| self.weight(sample)).sum()
    }

    /// Returns a bound for each prediction. A gradient of a cross-entropy or of a quantile is a difference of two numbers
    /// of about this size; for the other losses the bound is 0.
    fn gradient_bounds(&self) -> Vec<f64> {
        let factor = match self.loss.as_str() {
            "softmax_cross_entropy" => 1.0,
            "binary_cross_entropy" | "pinball" => 1.0 / self.outputs as f64,
            _ => 0.0,
        };
        let shares = (0..self.samples).map(|sample| factor * self.weight(sample) / self.total_weight());
        shares.flat_map(|share| vec![share; self.outputs]).collect()
    }
}

fn golden() -> Vec<Case> {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../fixtures/losses.json")).expect("the golden file is valid");
    assert_eq!(cases.len(), 216);
    cases
}

/// An action on a loss of any type.
trait Visitor {
    fn visit<L: Loss>(&mut self, loss: &L);
}

/// Calls the visitor with the loss of a case.
fn visit(case: &Case, visitor: &mut impl Visitor) {
    let parameters = &case.parameters;
    let smoothing = parameters.label_smoothing.unwrap_or(0.0);
    let smoothed = |loss: SoftmaxCrossEntropy| loss.smoothing(smoothing).unwrap();
    match (case.loss.as_str(), parameters.target.as_deref()) {
        ("half_squared_error", None) => visitor.visit(&HalfMse),
        ("mean_squared_error", None) => visitor.visit(&Mse),
        ("mean_absolute_error", None) => visitor.visit(&Mae),
        ("huber", None) => visitor.visit(&Huber::new(parameters.delta.unwrap()).unwrap()),
        ("pinball", None) => {
            let quantiles = (parameters.low.unwrap(), parameters.high.unwrap());
            visitor.visit(&Pinball::between(quantiles.0, quantiles.1).unwrap());
        }
        ("softmax_cross_entropy", Some("class_index")) => visitor.visit(&smoothed(SoftmaxCrossEntropy::for_classes())),
        ("softmax_cross_entropy", Some("probabilities")) => {
            visitor.visit(&smoothed(SoftmaxCrossEntropy::for_probabilities()));
        }
        ("binary_cross_entropy", None) => visitor.visit(&BinaryCrossEntropy),
        other => panic!("unknown loss {other:?} in the golden file"),
    }
}

/// The allowed error in ULP. The largest errors in value and gradient are 3.0 and 3.0 in f64, and 1.7 and 2.0 in f32,
/// for sums of up to 80 terms whose order differs from that of the golden file.
const LIMIT: f64 = 3.5;

/// Compares value and gradient. `bounds` are those of [`Case::gradient_bounds`].
fn check<T: Float>(name: &str, got: (T, &[T]), expected: (f64, &[f64]), bounds: &[f64]) {
    let check = |what: &str, got: T, expected: f64, scale: f64| {
        let distance = (got.to_f64() - expected).abs();
        let ulps = if got.to_f64() == expected {
            0.0
        } else {
            distance / T::unit(scale)
        };
        let place = format!("{name}, {}: {what}", T::NAME);
        assert!(
            ulps <= LIMIT,
            "{place}: expected {expected:e}, got {got:e}, {ulps:.2} ULP apart"
        );
    };
    check("value", got.0, expected.0, expected.0);
    assert_eq!(
        (got.1.len(), bounds.len()),
        (expected.1.len(), expected.1.len()),
        "{name}"
    );
    for (i, ((&got, &expected), &bound)) in got.1.iter().zip(expected.1).zip(bounds).enumerate() {
        check(&format!("gradient, element {i}"), got, expected, expected.abs() + bound);
    }
}

/// Returns the columns as a matrix of `T`.
fn matrix<T: Float>(columns: &[Vec<f64>]) -> Matrix<T> {
    let columns: Vec<Vec<T>> = columns
        .iter()
        .map(|c| c.iter().map(|&x| T::from_f64(x)).collect())
        .collect();
    Matrix::from_columns(&columns)
}

/// Calls `Tensor::loss`, which computes the mean over the samples and its gradient.
fn tensor_loss<T: Float, L: Loss>(case: &Case, loss: &L) -> (T, Vec<T>) {
    let predictions = matrix::<T>(&case.predictions);
    let weights = case
        .sample_weights
        .as_ref()
        .map(|weights| matrix::<T>(std::slice::from_ref(weights)).transposed());
    let mut delta = Matrix::from_fn(case.outputs, case.samples, |_, _| T::from_f64(f64::NAN));
    let scale = T::from_f64(1.0 / case.total_weight());
    let weights = weights.as_ref().map(Matrix::view);
    let sum = delta.loss(
        loss,
        predictions.view(),
        matrix::<T>(&case.targets).view(),
        weights,
        scale,
    );
    (T::from_f64(sum.to_f64() / case.total_weight()), delta.into_vec())
}

/// Returns a network that changes nothing: z = I x + 0.
fn identity_network(outputs: usize) -> Mlp<Matrix<f64>> {
    let weights = Matrix::from_fn(outputs, outputs, |i, j| f64::from(u8::from(i == j)));
    Mlp::from_layers(vec![(
        Dense {
            weights,
            bias: Matrix::zeros(outputs, 1),
        },
        Identity.into(),
    )])
    .unwrap()
}

/// Tests `Tensor::loss` on every case in f64; `Mlp::loss` and `Trainer::step` must give the same numbers.
struct Double<'a> {
    index: usize,
    case: &'a Case,
}

impl Visitor for Double<'_> {
    fn visit<L: Loss>(&mut self, loss: &L) {
        let case = self.case;
        let name = case.name(self.index);
        let (value, gradient) = tensor_loss::<f64, L>(case, loss);
        check(
            &name,
            (value, &gradient),
            (case.value, &case.gradient.concat()),
            &case.gradient_bounds(),
        );

        let (input, target) = (matrix::<f64>(&case.predictions), matrix::<f64>(&case.targets));
        let mut network = identity_network(case.outputs);
        if case.sample_weights.is_none() {
            let mut workspace = Workspace::new(&network, case.samples).unwrap();
            network.forward(&input, &mut workspace);
            assert_eq!(workspace.prediction().to_vec(), input.view().to_vec(), "{name}");
            assert_eq!(network.loss(loss, &target, &mut workspace), value, "{name}: Mlp::loss");
            // Networks take numbers below the smallest normal one for zeros.
            let flushed: Vec<_> = gradient
                .iter()
                .map(|&x| if x.is_subnormal() { 0.0 } else { x })
                .collect();
            assert_eq!(workspace.delta(0).to_vec(), flushed, "{name}: delta");
        }
        let weights = case
            .sample_weights
            .clone()
            .map(|weights| Matrix::from_vec(1, case.samples, weights));
        let mut samples = Samples::new(&input, &target).unwrap();
        if let Some(weights) = &weights {
            samples = samples.weighted(weights).unwrap();
        }
        // With a learning rate of 1, the biases become the negated sums of the gradient over the samples.
        let mut trainer = Trainer::new(loss.clone(), GradientDescent::new(1.0).unwrap());
        assert_eq!(trainer.step(&mut network, samples), Ok(value), "{name}: Trainer::step");
        for j in 0..case.outputs {
            let column = || case.gradient.iter().map(|sample| sample[j]);
            let (expected, size) = (-column().sum::<f64>(), column().map(f64::abs).sum::<f64>());
            let got = network.layers()[0].bias[(j, 0)];
            let near = (got - expected).abs() <= 1e-14 * size.max(1e-2);
            assert!(
                near,
                "{name}: bias {j} after Trainer::step: expected {expected}, got {got}"
            );
        }
    }
}

#[test]
fn golden_values_and_gradients_in_f64() {
    for (index, case) in golden().iter().enumerate() {
        visit(case, &mut Double { index, case });
    }
}

/// Compares f32 with f64, both at the numbers rounded to f32.
struct Single<'a> {
    index: usize,
    case: &'a Case,
}

impl Visitor for Single<'_> {
    fn visit<L: Loss>(&mut self, loss: &L) {
        let (value, gradient) = tensor_loss::<f64, L>(self.case, loss);
        let got = tensor_loss::<f32, L>(self.case, loss);
        let case = self.case;
        check(
            &case.name(self.index),
            (got.0, &got.1),
            (value, &gradient),
            &case.gradient_bounds(),
        );
    }
}

#[test]
fn f32_follows_f64() {
    let rounded = |rows: &[Vec<f64>]| {
        rows.iter()
            .map(|r| r.iter().map(|&x| f64::from(x as f32)).collect())
            .collect()
    };
    for (index, case) in golden().into_iter().enumerate() {
        let case = Case {
            predictions: rounded(&case.predictions),
            targets: rounded(&case.targets),
            sample_weights: case.sample_weights.map(|weights| rounded(&[weights]).concat()),
            ..case
        };
        visit(&case, &mut Single { index, case: &case });
    }
}

/// Weight 2 equals the sample twice; weight 0 equals leaving the sample out, whatever it contains.
#[test]
fn weights_count_samples() {
    let predictions = Matrix::from_columns(&[[1.5, -0.25], [f64::NAN, 1e300], [0.5, 2.0]]);
    let targets = Matrix::from_columns(&[[1.0], [0.0], [0.0]]);
    let weights = Matrix::from_vec(1, 3, vec![2.0, 0.0, 1.0]);
    let loss = SoftmaxCrossEntropy::for_classes();
    let mut weighted = Matrix::from_fn(2, 3, |_, _| f64::NAN);
    let sum = weighted.loss(
        &loss,
        predictions.view(),
        targets.view(),
        Some(weights.view()),
        1.0 / 3.0,
    );

    let repeated = Matrix::from_columns(&[predictions.column(0), predictions.column(0), predictions.column(2)]);
    let targets = Matrix::from_columns(&[[1.0], [1.0], [0.0]]);
    let mut plain = Matrix::zeros(2, 3);
    let expected = plain.loss(&loss, repeated.view(), targets.view(), None, 1.0 / 3.0);
    assert!(
        (sum - expected).abs() <= 1e-15 * expected,
        "expected {expected}, got {sum}"
    );
    assert_eq!(weighted.column(1), [0.0, 0.0]);
    for (i, (&got, &half)) in weighted.column(0).iter().zip(plain.column(0)).enumerate() {
        assert_eq!(got, 2.0 * half, "row {i}");
    }
    assert_eq!(weighted.column(2), plain.column(2));
}

/// Returns the message of the panic of `action`.
fn panic_message(action: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(action)).expect_err("expected a panic");
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => (*payload.downcast::<&str>().expect("a panic has a message")).to_owned(),
    }
}

#[test]
fn a_target_that_is_no_class_panics_and_says_which() {
    let loss = SoftmaxCrossEntropy::for_classes();
    for (target, printed) in [
        (-1.0, "-1"),
        (3.0, "3"),
        (0.5, "0.5"),
        (2.000_000_1, "2.0000001"),
        (1e300, &format!("{}", 1e300)),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
    ] {
        let expected = format!("softmax cross-entropy: expected a class index from 0 to 2, got {printed}");
        let mut gradient = [0.0; 3];
        let message = panic_message(|| {
            let _ = loss.value_and_gradient(&[1.0, 2.0, 3.0], &[target], &mut gradient);
        });
        assert_eq!(message, expected);
        let message = panic_message(|| {
            let _ = loss.value(&[1.0, 2.0, 3.0], &[target]);
        });
        assert_eq!(message, expected);

        // The step of a network panics; a trainer refuses such data before training begins.
        let network = identity_network(3);
        let mut workspace = Workspace::new(&network, 1).unwrap();
        network.forward(&Matrix::from_columns(&[[1.0, 2.0, 3.0]]), &mut workspace);
        let target = Matrix::from_columns(&[[target]]);
        let message = panic_message(|| {
            let _ = network.loss(&loss, &target, &mut workspace);
        });
        assert_eq!(message, expected);
    }
    // Both 0.0 and -0.0 are the first class.
    assert_eq!(loss.value(&[1.0, 2.0], &[0.0]), loss.value(&[1.0, 2.0], &[-0.0]));
}

#[test]
fn what_a_loss_takes_as_target() {
    assert_eq!(Loss::target_kind(&HalfMse), TargetKind::Real);
    assert_eq!(Loss::target_kind(&BinaryCrossEntropy), TargetKind::Probability);
    assert_eq!(SoftmaxCrossEntropy::for_classes().target_kind(), TargetKind::Class);
    assert_eq!(
        SoftmaxCrossEntropy::for_probabilities().target_kind(),
        TargetKind::Distribution
    );
    assert_eq!(SoftmaxCrossEntropy::for_classes().target_rows(10), 1);
    assert_eq!(SoftmaxCrossEntropy::for_probabilities().target_rows(10), 10);
    assert_eq!(BinaryCrossEntropy.target_rows(3), 3);
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            Huber::new(bad).unwrap_err().to_string(),
            format!("Huber delta: expected a finite number above 0, got {bad}")
        );
    }
}

/// A class equals the distribution that has probability 1 for it.
#[test]
fn a_class_is_a_one_hot_distribution() {
    let config = Config {
        rng_seed: RngSeed::Fixed(0x1055),
        failure_persistence: None,
        ..Config::default()
    };
    let strategy =
        prop::collection::vec(-900.0..900.0, 2..12).prop_flat_map(|logits: Vec<f64>| (0..logits.len(), Just(logits)));
    TestRunner::new(config)
        .run(&strategy, |(class, logits)| {
            let one_hot: Vec<f64> = (0..logits.len()).map(|j| f64::from(u8::from(j == class))).collect();
            let (mut by_class, mut by_probability) = (logits.clone(), logits.clone());
            let expected =
                SoftmaxCrossEntropy::for_classes().value_and_gradient(&logits, &[class as f64], &mut by_class);
            let got =
                SoftmaxCrossEntropy::for_probabilities().value_and_gradient(&logits, &one_hot, &mut by_probability);
            prop_assert_eq!(got, expected);
            prop_assert_eq!(&by_probability, &by_class);
            // The gradient is the probability minus the target.
            let mut probabilities = logits.clone();
            softmax(&logits, &mut probabilities);
            for j in 0..logits.len() {
                let expected = probabilities[j] - one_hot[j];
                prop_assert!(
                    (by_class[j] - expected).abs() <= 4.0 * f64::EPSILON,
                    "{j}: {} {expected}",
                    by_class[j]
                );
            }
            prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() <= 1e-15 * logits.len() as f64);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// A user's own loss of one output: the quantile (pinball) loss, max(q e, (q - 1) e) with e = y - p.
#[derive(Clone, Debug)]
struct Quantile {
    q: f64,
}

impl ElementLoss for Quantile {
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let error = target - prediction;
        error.select_gt(
            T::zero(),
            T::from_f64(self.q) * error,
            T::from_f64(self.q - 1.0) * error,
        )
    }
}

/// Another: ln cosh(p - y), summed over the outputs.
#[derive(Clone, Debug)]
struct LogCosh;

impl ElementLoss for LogCosh {
    fn over_outputs(&self) -> OverOutputs {
        OverOutputs::Sum
    }

    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let distance = (prediction - target).abs();
        distance + (T::from_f64(-2.0) * distance).exp().ln_1p() - T::from_f64(core::f64::consts::LN_2)
    }
}

/// A user's own loss of a whole sample: 1 - cos of the angle between prediction and target.
#[derive(Clone, Debug)]
struct CosineDistance;

impl CosineDistance {
    /// p.y, |p| and |y|.
    fn products<T: Scalar>(prediction: &[T], target: &[T]) -> (T, T, T) {
        let dot = |a: &[T], b: &[T]| a.iter().zip(b).fold(T::zero(), |sum, (&a, &b)| sum + a * b);
        (
            dot(prediction, target),
            dot(prediction, prediction).sqrt(),
            dot(target, target).sqrt(),
        )
    }
}

impl Loss for CosineDistance {
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        let (product, p, y) = Self::products(prediction, target);
        T::one() - product / (p * y)
    }

    /// d/dp_j = -(y_j - p_j p.y / |p|^2) / (|p| |y|).
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        let (product, p, y) = Self::products(prediction, target);
        for ((g, &a), &b) in gradient.iter_mut().zip(prediction).zip(target) {
            *g = (a * product / (p * p) - b) / (p * y);
        }
        T::one() - product / (p * y)
    }
}

/// Computes the gradient of `loss` at one sample by the dual numbers of its value.
fn dual_gradient<L: Loss>(loss: &L, prediction: &[f64], target: &[f64]) -> Vec<f64> {
    let target: Vec<_> = target.iter().copied().map(Dual::constant).collect();
    (0..prediction.len())
        .map(|j| {
            let mut duals: Vec<_> = prediction.iter().copied().map(Dual::constant).collect();
            duals[j] = Dual::variable(prediction[j]);
            loss.value(&duals, &target).derivative
        })
        .collect()
}

/// Learns two outputs from one input with `loss`, and returns the losses, one per step.
fn train<L: Loss>(loss: L, learning_rate: f64, steps: usize) -> Vec<f64> {
    let input = Matrix::from_fn(1, 20, |_, j| (j as f64 + 0.5) / 10.0 - 1.0);
    let target = Matrix::from_fn(2, 20, |i, j| {
        if i == 0 {
            input[(0, j)].cos()
        } else {
            input[(0, j)].sin()
        }
    });
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 12, 2])
        .hidden(Tanh)
        .seed(8)
        .build()
        .unwrap();
    let mut trainer = Trainer::new(loss, GradientDescent::new(learning_rate).unwrap());
    let samples = Samples::new(&input, &target).unwrap();
    (0..steps)
        .map(|_| trainer.step(&mut network, samples).unwrap())
        .collect()
}

#[test]
fn custom_losses_have_the_gradients_of_calculus() {
    let (prediction, target) = ([1.5, -0.5, 0.25], [0.5, 0.75, 0.25]);
    let mut gradient = [f64::NAN; 3];
    let value = Quantile { q: 0.9 }.value_and_gradient(&prediction, &target, &mut gradient);
    // Errors y - p of -1, 1.25 and 0: 0.1 + 1.125 + 0; slopes 1 - q, -q and, at the kink, 1 - q.
    assert!((value - 1.225 / 3.0).abs() < 1e-15, "got {value}");
    for (j, (got, expected)) in gradient.iter().zip([0.1, -0.9, 0.1]).enumerate() {
        assert!(
            (got - expected / 3.0).abs() < 1e-16,
            "quantile, output {j}: expected {}, got {got}",
            expected / 3.0
        );
    }

    let value = LogCosh.value_and_gradient(&prediction, &target, &mut gradient);
    let expected: f64 = [1.0_f64, 1.25, 0.0].iter().map(|e| e.cosh().ln()).sum();
    assert!((value - expected).abs() < 1e-15, "expected {expected}, got {value}");
    for (j, (got, e)) in gradient.iter().zip([1.0_f64, -1.25, 0.0]).enumerate() {
        assert!(
            (got - e.tanh()).abs() < 4e-16,
            "log-cosh, output {j}: expected {}, got {got}",
            e.tanh()
        );
    }

    let value = CosineDistance.value_and_gradient(&prediction, &target, &mut gradient);
    assert_eq!(value, CosineDistance.value(&prediction, &target));
    for (j, (got, expected)) in gradient
        .iter()
        .zip(dual_gradient(&CosineDistance, &prediction, &target))
        .enumerate()
    {
        assert!(
            (got - expected).abs() < 1e-15,
            "cosine distance, output {j}: expected {expected}, got {got}"
        );
    }
}

#[test]
fn custom_losses_train() {
    for (name, losses) in [
        ("quantile", train(Quantile { q: 0.7 }, 0.05, 600)),
        ("log-cosh", train(LogCosh, 0.1, 600)),
        ("cosine distance", train(CosineDistance, 0.1, 600)),
    ] {
        let (first, last) = (losses[0], losses[599]);
        assert!(
            last < 0.2 * first,
            "{name}: expected the loss to fall below a fifth of {first}, got {last}"
        );
    }
}

/// The q-quantile minimizes the quantile loss, so a network with constant input learns it.
#[test]
fn the_quantile_loss_finds_the_quantile() {
    let input = Matrix::zeros(1, 101);
    let target = Matrix::from_fn(1, 101, |_, j| j as f64);
    for q in [0.1, 0.5, 0.9] {
        let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build().unwrap();
        let mut trainer = Trainer::new(Quantile { q }, GradientDescent::new(1.0).unwrap());
        for _ in 0..2_000 {
            trainer
                .step(&mut network, Samples::new(&input, &target).unwrap())
                .unwrap();
        }
        let got = network.layers()[0].bias[(0, 0)];
        assert!(
            (got - 100.0 * q).abs() <= 1.0,
            "q = {q}: expected {}, got {got}",
            100.0 * q
        );
    }
}

/// Compares losses in `f32` of many outputs and samples with sums in `f64`. At most 64 numbers are added in a row,
/// and at most a sixteenth of the outputs of one sample.
#[test]
fn many_terms_lose_nothing_in_f32() {
    for (outputs, samples) in [(1, 20_000), (3, 5000), (10, 1000), (100, 64), (784, 64), (10_000, 3)] {
        let limit = f64::from(f32::EPSILON) / 2.0 * (outputs as f64 / 16.0).max(64.0);
        let number = |seed: usize| move |i: usize, j: usize| ((i * 37 + j * 101 + seed) % 1009) as f32 / 1009.0;
        let (prediction, target) = (
            Matrix::from_fn(outputs, samples, number(1)),
            Matrix::from_fn(outputs, samples, number(500)),
        );
        let squares = |j: usize| {
            let pairs = prediction.column(j).iter().zip(target.column(j));
            pairs.map(|(&p, &t)| f64::from(p - t).powi(2)).sum::<f64>() / outputs as f64
        };
        let expected: f64 = (0..samples).map(squares).sum();
        let mut delta = Matrix::zeros(outputs, samples);
        let got = delta.loss(&Mse, (&prediction).into(), (&target).into(), None, 1.0);
        let error = (f64::from(got) / expected - 1.0).abs();
        assert!(error <= limit, "{outputs} outputs, {samples} samples: off by {error:e}");

        let (value, mut gradient) = (squares(0), vec![0.0; outputs]);
        let got = Mse.value_and_gradient(prediction.column(0), target.column(0), &mut gradient);
        let error = (f64::from(got) / value - 1.0).abs();
        assert!(error <= limit, "{outputs} outputs of one sample: off by {error:e}");
    }
}
