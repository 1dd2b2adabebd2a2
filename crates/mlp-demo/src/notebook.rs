//! The notebook's two runs: their constants, their samples, and the record of their initial weights and printed losses.

use mlp_core::activations::LeakyRelu;
use mlp_core::{BuildError, Dataset, HyperParameterError, Initializer, Mlp};
use mlp_cpu::{Element, Matrix};
use serde::Deserialize;

use crate::weights::Weights;

/// The learning rate eta.
pub const LEARNING_RATE: f64 = 0.1;
/// The slope alpha of the hidden layers' leaky ReLU.
pub const NEGATIVE_SLOPE: f64 = 0.01;
/// The number of epochs.
pub const EPOCHS: u64 = 100;
/// The standard deviation of the normal distribution that weights are drawn from.
pub const STANDARD_DEVIATION: f64 = 0.1;
/// The number of epochs from one recorded loss to the next. The losses of a run were recorded at the epochs 0, 5, 10,
/// ..., before the update.
pub const RECORD_EVERY: u64 = 5;

/// One of the notebook's two runs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The sizes of the network: inputs, then the outputs of each layer.
    pub layers: Vec<usize>,
    /// The initial weights; the biases are zero. The original run was not seeded, so these weights were recovered by
    /// least squares from the losses that it printed.
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
    ///
    /// Returns an error if the slope is not finite.
    ///
    /// # Panics
    ///
    /// Panics only if the library was built with a damaged record.
    pub fn network<T: Element>(&self, negative_slope: f64) -> Result<Mlp<Matrix<T>>, HyperParameterError> {
        let hidden = LeakyRelu::new(negative_slope)?;
        let weights = Weights {
            weights: self.weights.clone(),
            biases: None,
        };
        let network = weights.network("the record", hidden);
        Ok(network.expect("the record has valid weights"))
    }
}

#[derive(Deserialize)]
struct Record {
    experiments: [Experiment; 2],
}

/// Returns the samples: x = (2, -1, 3), y = (3, 1, 5), with one feature and one target each.
pub(crate) fn samples<T: Element>() -> Dataset<Matrix<T>> {
    let row = |numbers: [f64; 3]| Matrix::from_rows(&[numbers.map(T::from_f64)]);
    Dataset::new(row([2.0, -1.0, 3.0]), row([3.0, 1.0, 5.0])).expect("there are as many inputs as targets")
}

/// Returns a network whose weights are drawn with `seed` as the notebook draws them, from N(0, 0.1^2); its biases are
/// zero. The hidden layers have leaky ReLU with this slope.
///
/// # Errors
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
///
/// Panics only if the library was built with a damaged record.
#[must_use]
pub fn experiments() -> [Experiment; 2] {
    let record: Record = serde_json::from_str(include_str!("../data/notebook.json")).expect("the record is valid JSON");
    record.experiments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_runs_are_there() {
        let [small, large] = experiments();
        assert_eq!(small.layers, [1, 1, 1]);
        assert_eq!(small.weights, [[[-0.015_516_39]], [[-0.069_243_318]]]);
        assert_eq!(large.layers, [1, 4, 3, 1]);
        assert_eq!(large.weights[1][2][3], 0.155_096_653);
        let network = large.network::<f64>(NEGATIVE_SLOPE).unwrap();
        assert_eq!(network.layer_sizes(), large.layers);
        assert_eq!(
            small.network::<f64>(NEGATIVE_SLOPE).unwrap().layer_sizes(),
            small.layers
        );
        let biases = Weights::of(&network).biases.unwrap();
        assert_eq!(biases, [vec![0.0; 4], vec![0.0; 3], vec![0.0]]);
    }

    #[test]
    fn twenty_losses_each_are_there() {
        let [small, large] = experiments();
        assert_eq!((small.recorded_losses.len(), large.recorded_losses.len()), (20, 20));
        assert_eq!(
            (small.recorded_losses[0], small.recorded_losses[19]),
            (5.833_616, 0.330_413)
        );
        assert_eq!(
            (large.recorded_losses[0], large.recorded_losses[19]),
            (5.823_733, 0.026_363)
        );
        assert_eq!(
            [0, 1, 5, 95, 100, u64::MAX].map(|epoch| small.recorded_loss(epoch)),
            [Some(5.833_616), None, Some(2.902_166), Some(0.330_413), None, None]
        );
        for experiment in [small, large] {
            assert!(
                experiment.recorded_losses.is_sorted_by(|a, b| a > b),
                "the recorded losses fall"
            );
        }
    }
}
