//! The notebook's two runs: their constants, their samples, and the record of their initial weights and printed losses.

use mlp_core::activations::{Identity, LeakyRelu};
use mlp_core::{ActivationKind, BuildError, Dataset, Dense, HyperParameterError, Initializer, Mlp};
use mlp_cpu::{Element, Matrix};
use serde::Deserialize;

/// The learning rate eta.
pub const LEARNING_RATE: f64 = 0.1;
/// The slope alpha of the hidden layers' leaky ReLU.
pub const NEGATIVE_SLOPE: f64 = 0.01;
/// The number of epochs.
pub const EPOCHS: u64 = 100;
/// The standard deviation of the normal distribution that weights are drawn from.
pub const STANDARD_DEVIATION: f64 = 0.1;
/// The inputs x of the samples, with one feature.
pub const INPUTS: [f64; 3] = [2.0, -1.0, 3.0];
/// The targets y of the samples.
pub const TARGETS: [f64; 3] = [3.0, 1.0, 5.0];
/// The number of epochs from one recorded loss to the next. The losses of a run were recorded at the epochs 0, 5, 10,
/// ..., before the update.
pub const RECORD_EVERY: u64 = 5;

/// One of the notebook's two runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The sizes of the network: inputs, then the outputs of each layer.
    pub layers: Vec<usize>,
    /// The initial weights, for each layer a row per output; the biases are zero. The original run was not seeded, so
    /// these weights were recovered by least squares from the losses that it printed.
    pub weights: Vec<Vec<Vec<f64>>>,
    /// The losses at the epochs 0, 5, ..., 95, to six decimals.
    #[serde(rename = "recorded_losses_every_5_epochs")]
    pub recorded_losses: Vec<f64>,
}

impl Experiment {
    /// Returns the loss that was recorded at `epoch`, if there is one.
    #[must_use]
    pub fn recorded_loss(&self, epoch: u64) -> Option<f64> {
        let place = usize::try_from(epoch / RECORD_EVERY).ok()?;
        let recorded = self.recorded_losses.get(place).copied();
        recorded.filter(|_| epoch.is_multiple_of(RECORD_EVERY))
    }

    /// Returns the network before the first epoch, with this slope alpha of the leaky ReLU.
    ///
    /// # Errors
    /// Returns an error if the slope is not finite.
    ///
    /// # Panics
    /// Panics only if the library was built with a damaged record.
    pub fn network<T: Element>(&self, negative_slope: f64) -> Result<Mlp<Matrix<T>>, HyperParameterError> {
        let hidden = LeakyRelu::new(negative_slope)?;
        let last = self.weights.len() - 1;
        let layers = self.weights.iter().enumerate().map(|(l, rows)| {
            let dense = Dense {
                weights: Matrix::from_fn(rows.len(), rows[0].len(), |i, j| T::from_f64(rows[i][j])),
                bias: Matrix::zeros(rows.len(), 1),
            };
            let activation: ActivationKind = if l < last { hidden.into() } else { Identity.into() };
            (dense, activation)
        });
        Ok(Mlp::from_layers(layers.collect()).expect("the record has valid weights"))
    }
}

#[derive(Deserialize)]
struct Record {
    experiments: [Experiment; 2],
}

/// Returns the samples.
pub(crate) fn samples<T: Element>() -> Dataset<Matrix<T>> {
    let row = |numbers: [f64; 3]| Matrix::from_rows(&[numbers.map(T::from_f64)]);
    Dataset::new(row(INPUTS), row(TARGETS)).expect("there are as many inputs as targets")
}

/// Returns a network whose weights are drawn with `seed` as the notebook draws them, from N(0, 0.1^2); its biases are
/// zero. The hidden layers have leaky ReLU with this slope.
///
/// Returns an error if the slope is not finite, or if the network is empty or too large for the memory.
pub(crate) fn drawn<T: Element>(
    layers: &[usize],
    seed: u64,
    negative_slope: f64,
) -> Result<Mlp<Matrix<T>>, BuildError> {
    let standard_deviation = STANDARD_DEVIATION;
    Mlp::builder(layers)
        .hidden(LeakyRelu::new(negative_slope)?)
        .initializer(Initializer::Normal { standard_deviation })
        .seed(seed)
        .build()
}

/// Returns the two runs, of the networks `[1, 1, 1]` and `[1, 4, 3, 1]`, from the record that is embedded in this
/// library (`data/notebook.json`).
///
/// # Panics
/// Panics only if the library was built with a damaged record.
#[must_use]
pub fn experiments() -> [Experiment; 2] {
    let record: Record = serde_json::from_str(include_str!("../data/notebook.json")).expect("the record is valid JSON");
    record.experiments
}

#[cfg(test)]
mod tests;
