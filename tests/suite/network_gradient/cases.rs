//! Random networks and the batches for testing them.

use crate::naive::carry_tensor;
use mlp_core::backend::Tensor;
use mlp_core::{ActivationKind, Dense, Loss, Mlp, NoCustom, Samples, TargetKind};
use mlp_cpu::Matrix;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

/// A description of a network and a batch; `seed` gives the numbers.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Neurons per layer, inputs first.
    pub(crate) sizes: Vec<usize>,
    /// The activation of each layer, by its position in [`ActivationKind::NAMES`].
    pub(crate) activations: Vec<usize>,
    pub(crate) loss: AnyLoss,
    pub(crate) batch: usize,
    pub(crate) sample_weights: bool,
    /// Whether biases are zero. A layer after dead neurons is then exactly at its kink.
    zero_biases: bool,
    seed: u64,
}

/// One of the built-in losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnyLoss {
    HalfSquared,
    MeanSquared,
    MeanAbsolute,
    Huber,
    Classes,
    Probabilities,
    Binary,
}

pub(crate) const LOSSES: [AnyLoss; 7] = [
    AnyLoss::HalfSquared,
    AnyLoss::MeanSquared,
    AnyLoss::MeanAbsolute,
    AnyLoss::Huber,
    AnyLoss::Classes,
    AnyLoss::Probabilities,
    AnyLoss::Binary,
];

/// Evaluates the body with a loss of its concrete type.
macro_rules! with_loss {
    ($any:expr, $loss:ident => $body:expr) => {
        match $any {
            AnyLoss::HalfSquared => with_loss!(@ mlp_core::HalfMse, $loss => $body),
            AnyLoss::MeanSquared => with_loss!(@ mlp_core::Mse, $loss => $body),
            AnyLoss::MeanAbsolute => with_loss!(@ mlp_core::Mae, $loss => $body),
            AnyLoss::Huber => with_loss!(@ mlp_core::Huber::default(), $loss => $body),
            AnyLoss::Classes => with_loss!(@ mlp_core::SoftmaxCrossEntropy::for_classes(), $loss => $body),
            AnyLoss::Probabilities => with_loss!(@ mlp_core::SoftmaxCrossEntropy::for_probabilities(), $loss => $body),
            AnyLoss::Binary => with_loss!(@ mlp_core::BinaryCrossEntropy, $loss => $body),
        }
    };
    (@ $value:expr, $loss:ident => $body:expr) => {{
        let $loss = $value;
        $body
    }};
}

pub(crate) use with_loss;

/// The names of the activations.
pub(crate) const ACTIVATIONS: &[&str] = ActivationKind::<NoCustom>::NAMES;

/// Generates 1 to 4 layers of 1 to 33 neurons, and batches of 1 to 17 samples. Small networks are more frequent,
/// because the cost of a case grows with the fourth power of the width.
pub(crate) fn cases(activations: Vec<usize>, losses: Vec<AnyLoss>) -> impl Strategy<Value = Case> {
    let width = prop_oneof![9 => 1..=6_usize, 4 => 7..=16_usize, 2 => 17..=33_usize];
    let batch = prop_oneof![2 => 1..=4_usize, 1 => 5..=17_usize];
    let activation = prop::sample::select(activations);
    (
        vec((width.clone(), activation), 1..=4),
        width,
        prop::sample::select(losses),
        batch,
        any::<(bool, bool, u64)>(),
    )
        .prop_map(|(layers, inputs, loss, batch, (sample_weights, zero_biases, seed))| {
            let (outputs, activations): (Vec<_>, _) = layers.into_iter().unzip();
            let sizes = [inputs].into_iter().chain(outputs).collect();
            Case {
                sizes,
                activations,
                loss,
                batch,
                sample_weights,
                zero_biases,
                seed,
            }
        })
}

/// Runs `test` on random cases, which are the same in every run; `PROPTEST_CASES` changes their number.
pub(crate) fn run(
    default_cases: u32,
    strategy: &impl Strategy<Value = Case>,
    test: impl Fn(&Case) -> Result<(), TestCaseError>,
) {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(default_cases);
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(20),
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(strategy, |case| test(&case))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// The samples that a case trains on.
pub(crate) struct Batch<B> {
    pub(crate) input: B,
    pub(crate) target: B,
    pub(crate) weights: Option<B>,
}

impl<B: Tensor> Batch<B> {
    pub(crate) fn carry<C: Tensor>(&self) -> Batch<C> {
        Batch {
            input: carry_tensor(&self.input),
            target: carry_tensor(&self.target),
            weights: self.weights.as_ref().map(carry_tensor),
        }
    }

    pub(crate) fn samples(&self) -> Samples<'_, B> {
        let samples = Samples::new(&self.input, &self.target).expect("samples");
        self.weights
            .as_ref()
            .map_or(samples, |weights| samples.weighted(weights).expect("weights"))
    }
}

impl Case {
    /// Builds the network and its batch. `f32` represents all numbers, so the same network exists in both precisions.
    pub(crate) fn build(&self) -> (Mlp<Matrix<f64>>, Batch<Matrix<f64>>) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut matrix = |rows: usize, columns: usize, low: f32, high: f32| {
            Matrix::from_fn(rows, columns, |_, _| f64::from(rng.random_range(low..high)))
        };
        let layers = self
            .sizes
            .windows(2)
            .zip(&self.activations)
            .map(|(sizes, &activation)| {
                // Variance 2 / n_in: signals neither vanish nor explode in four layers.
                let limit = (6.0 / sizes[0] as f32).sqrt();
                let weights = matrix(sizes[1], sizes[0], -limit, limit);
                let bias = if self.zero_biases {
                    Matrix::zeros(sizes[1], 1)
                } else {
                    matrix(sizes[1], 1, -1.0, 1.0)
                };
                (
                    Dense { weights, bias },
                    ACTIVATIONS[activation].parse().expect("a name from the list"),
                )
            });
        let network = Mlp::from_layers(layers.collect()).expect("sizes that chain");
        let outputs = network.outputs();
        let input = matrix(network.inputs(), self.batch, -2.0, 2.0);
        let target = match with_loss!(self.loss, loss => loss.target_kind()) {
            TargetKind::Probability => matrix(outputs, self.batch, 0.0, 1.0),
            TargetKind::Class => {
                let fractions = matrix(1, self.batch, 0.0, 1.0);
                Matrix::from_fn(1, self.batch, |_, j| (fractions[(0, j)] * outputs as f64).floor())
            }
            TargetKind::Distribution => {
                let masses = matrix(outputs, self.batch, 0.01, 1.0);
                let sum = |j| masses.column(j).iter().sum::<f64>();
                Matrix::from_fn(outputs, self.batch, |i, j| f64::from((masses[(i, j)] / sum(j)) as f32))
            }
            _ => matrix(outputs, self.batch, -2.0, 2.0),
        };
        // 0, 0.5, 1, ...: some samples are left out, but never the first.
        let weights = matrix(1, self.batch, 0.0, 5.0);
        let weight = |j: usize| if j == 0 { 1.5 } else { weights[(0, j)].floor() / 2.0 };
        let weights = self
            .sample_weights
            .then(|| Matrix::from_fn(1, self.batch, |_, j| weight(j)));
        (network, Batch { input, target, weights })
    }
}
