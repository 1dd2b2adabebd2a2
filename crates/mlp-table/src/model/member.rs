//! One network of a model, with the preprocessing of its training rows.

use crate::network::Network;
use crate::{EpochReport, Features, Preprocessing};
use mlp_core::{Classes, OutputTransform};

/// A network and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// The fold whose rows it was not trained on.
    pub(crate) fold: usize,
    pub(crate) preprocessing: Preprocessing,
    pub(crate) network: Network,
    pub(crate) curve: Vec<EpochReport>,
}

impl Member {
    /// Returns the number of each row, or its logits, row after row.
    pub(crate) fn outputs(&self, features: &Features) -> Vec<f64> {
        let outputs = self.network.predict(features);
        let (rows, samples) = outputs.shape();
        let target = self.preprocessing.target();
        let values = (0..samples).flat_map(|sample| outputs.column(sample));
        match target.classes() {
            Some(_) => {
                let mut logits = Vec::with_capacity(rows * samples);
                logits.extend(values.map(|&logit| f64::from(logit)));
                logits
            }
            None => values.map(|&output| target.decode(output)).collect(),
        }
    }
}

/// Combines the outputs of several networks for the same rows: the mean of their numbers, or the mean of their
/// probabilities, softmax(logits / temperature).
pub(crate) fn combined(outputs: &[Vec<f64>], classes: Option<&Classes>, temperature: f64) -> Vec<f64> {
    let mut sums = vec![0.0; outputs.first().map_or(0, Vec::len)];
    for outputs in outputs {
        let mut outputs = outputs.clone();
        if let Some(classes) = classes {
            outputs.iter_mut().for_each(|logit| *logit /= temperature);
            for row in outputs.chunks_exact_mut(classes.len()) {
                OutputTransform::Softmax.apply(row);
            }
        }
        sums.iter_mut().zip(&outputs).for_each(|(sum, value)| *sum += value);
    }
    sums.iter_mut().for_each(|sum| *sum /= outputs.len() as f64);
    sums
}
