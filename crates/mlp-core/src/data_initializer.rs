//! Initial parameters that depend on data.

use crate::backend::{Columns, Tensor};
use crate::dense::IDENTITY;
use crate::error::check_shape;
use crate::workspace::{columns, elements};
use crate::{Activation, Dense, Mlp, Scalar};
use alloc::vec::Vec;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};

/// The number of samples of which the mean is the zero of a neuron.
const POINTS: usize = 5;

/// Initial parameters that depend on data.
impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Adapts new weights and biases to the samples `input` (n_in x N), layer after layer. For each neuron with z = W
    /// a_prev,
    ///
    /// ```text
    /// W <- W / std(z)             the population standard deviation over the samples
    /// b <- -sum_k s_k z_k         over 5 random samples k, with z by the new weights
    /// ```
    ///
    /// The weights s_k are random numbers of at least 0 with sum 1 (Exp(1) numbers divided by their sum). So each
    /// pre-activation has deviation 1, and is 0 somewhere amid the samples, where an activation bends. A neuron whose z
    /// is the same for all samples keeps its weights.
    ///
    /// The same seed gives the same biases. All samples are in memory at once, with the activations of one layer; some
    /// thousand samples of a larger set are enough.
    ///
    /// Sources: P. Kraehenbuehl et al., *Data-dependent Initializations of Convolutional Neural Networks* (ICLR 2016)
    /// for the weights; I. Steinwart, *A Sober Look at Neural Network Initializations* (arXiv:1903.11482, 2019) for the
    /// biases. Both together start RealMLP (see [`Schedule::flat_cosine`](crate::Schedule::flat_cosine)).
    ///
    /// ```
    /// use mlp_core::{Initializer, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// // Features of very different sizes.
    /// let input = Matrix::from_fn(2, 100, |i, j| [1e3, 1e-3][i] * ((7 * j + i) % 100) as f64);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[2, 64, 1]).initializer(Initializer::HeNormal).build()?;
    /// network.initialize_from_data(&input, 1);
    ///
    /// let output = network.predict(&input).to_vec();
    /// let mean = output.iter().sum::<f64>() / 100.0;
    /// let variance = output.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 100.0;
    /// assert!((variance - 1.0).abs() < 1e-12);
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `input` does not have n_in rows, or is empty.
    #[track_caller]
    pub fn initialize_from_data<'a>(&mut self, input: impl Into<B::Columns<'a>>, seed: u64) {
        let input = input.into();
        let samples = input.shape().1;
        let operation = "initialize_from_data";
        check_shape(operation, "input", (self.inputs(), samples), input.shape());
        assert!(samples > 0, "{operation}: expected at least one sample, got none");
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (layers, activations) = self.parts_mut();
        B::with_float_environment(|| {
            let mut last: Option<B> = None;
            for (layer, kind) in layers.iter_mut().zip(activations) {
                let before = last
                    .as_ref()
                    .map_or_else(|| B::slice(input, 0..samples), |last| columns(last, samples));
                let (outputs, no_bias) = (layer.outputs(), B::zeros(layer.outputs(), 1));
                let mut z = B::zeros(outputs, samples);
                z.forward(None, &layer.weights, &no_bias, before, &IDENTITY);
                adapt(layer, &z, &mut rng);
                z.forward(None, &layer.weights, &layer.bias, before, kind);
                last = Some(z);
            }
        });
    }
}

/// Changes the parameters of a layer, of which `z` are the products of weights and inputs.
fn adapt<B: Tensor>(layer: &mut Dense<B>, z: &B, rng: &mut impl Rng) {
    let outputs = layer.outputs();
    let z = elements::<B>(z.into());
    let mut weights = elements::<B>((&layer.weights).into());
    let mut bias = Vec::with_capacity(outputs);
    for neuron in 0..outputs {
        let z: Vec<f64> = z[neuron..].iter().step_by(outputs).map(|z| z.to_f64()).collect();
        let deviation = deviation(&z);
        for weight in weights[neuron..].iter_mut().step_by(outputs) {
            *weight = B::Scalar::from_f64(weight.to_f64() / deviation);
        }
        let (mut sum, mut total) = (0.0, 0.0);
        for _ in 0..POINTS {
            let sample = rng.random_range(0..z.len() as u64) as usize;
            let share = -Scalar::ln(1.0 - rng.random::<f64>());
            sum += share * z[sample];
            total += share;
        }
        bias.push(B::Scalar::from_f64(-sum / total / deviation));
    }
    layer.weights.write(&weights);
    layer.bias.write(&bias);
}

/// Returns the population standard deviation, or 1 if it is 0 or not finite.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    // From the first value, so that equal values have the deviation 0 in spite of rounding.
    let from = values[0];
    let mean = values.iter().map(|value| value - from).sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - from) - mean)
        .map(|d| d * d)
        .sum::<f64>()
        / count;
    let deviation = Scalar::sqrt(variance);
    if deviation > 0.0 && deviation.is_finite() {
        deviation
    } else {
        1.0
    }
}
