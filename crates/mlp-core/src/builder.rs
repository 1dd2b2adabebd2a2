use crate::activations::{Identity, Relu};
use crate::backend::Tensor;
use crate::error::{check_memory, not_negative};
use crate::initializer::mean_square;
use crate::{Activation, ActivationKind, BuildError, Dense, Initializer, Mlp, NoCustom};
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// A builder for a network, from [`Mlp::builder`]. The defaults are ReLU hidden layers, a linear output layer, weights
/// by [`Initializer::MeanSquareGain`], and seed 0.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{Initializer, Mlp};
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f32>>::builder(&[2, 16, 16, 3])
///     .hidden(Tanh)
///     .initializer(Initializer::GlorotUniform)
///     .seed(42)
///     .build()?;
/// assert_eq!(network.layer_sizes(), [2, 16, 16, 3]);
/// assert_eq!(network.parameter_count(), 48 + 272 + 51);
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MlpBuilder<'a, B, C = NoCustom> {
    layer_sizes: &'a [usize],
    /// The activation of each hidden layer.
    hidden: Vec<ActivationKind<C>>,
    output: ActivationKind<C>,
    initializer: Initializer,
    seed: u64,
    backend: PhantomData<B>,
}

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Returns a builder for a network with `layer_sizes` neurons per layer, inputs first, outputs last.
    pub fn builder(layer_sizes: &[usize]) -> MlpBuilder<'_, B, C> {
        MlpBuilder::new(layer_sizes)
    }
}

impl<'a, B: Tensor, C: Activation> MlpBuilder<'a, B, C> {
    pub(crate) fn new(layer_sizes: &'a [usize]) -> Self {
        let builder = Self {
            layer_sizes,
            hidden: Vec::new(),
            output: Identity.into(),
            initializer: Initializer::MeanSquareGain,
            seed: 0,
            backend: PhantomData,
        };
        builder.hidden(Relu)
    }

    /// Sets the activation of every hidden layer.
    pub fn hidden(self, activation: impl Into<ActivationKind<C>>) -> Self {
        let layers = self.layer_sizes.len().saturating_sub(2);
        self.each_hidden(vec![activation.into(); layers])
    }

    /// Sets the activation of each hidden layer by itself, the first one first.
    ///
    /// ```
    /// use mlp_core::activations::{Relu, Tanh};
    /// use mlp_core::{ActivationKind, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// let network = Mlp::<Matrix<f32>>::builder(&[2, 16, 8, 1]).each_hidden([Relu.into(), Tanh.into()]).build()?;
    /// assert_eq!(network.activations()[1], ActivationKind::from(Tanh));
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// [`build`](Self::build) returns an error if there are not as many as hidden layers.
    pub fn each_hidden(mut self, activations: impl IntoIterator<Item = ActivationKind<C>>) -> Self {
        self.hidden = activations.into_iter().collect();
        self
    }

    /// Sets the activation of the output layer. Leave it linear for losses on logits.
    pub fn output(mut self, activation: impl Into<ActivationKind<C>>) -> Self {
        self.output = activation.into();
        self
    }

    /// Sets how the weights are drawn.
    pub fn initializer(self, initializer: Initializer) -> Self {
        Self { initializer, ..self }
    }

    /// Sets the seed of the generator that the weights are drawn from.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Builds the network.
    ///
    /// # Errors
    /// If there are fewer than two layer sizes, one of them is 0, the initializer's standard deviation is negative or
    /// not finite, or the parameters need more memory than is available.
    pub fn build(self) -> Result<Mlp<B, C>, BuildError> {
        if self.layer_sizes.len() < 2 {
            return Err(BuildError::TooFewLayers {
                got: self.layer_sizes.len(),
            });
        }
        if let Some(position) = self.layer_sizes.iter().position(|&size| size == 0) {
            return Err(BuildError::EmptyLayer { position });
        }
        let (expected, got) = (self.layer_sizes.len() - 2, self.hidden.len());
        if expected != got {
            return Err(BuildError::HiddenActivations { expected, got });
        }
        if let Initializer::Normal { standard_deviation } = self.initializer {
            not_negative("standard deviation", standard_deviation)?;
        }
        // Memory for all parameters, and a second copy of the weights of the layer that is being drawn.
        let sizes = self
            .layer_sizes
            .windows(2)
            .map(|pair| (pair[0] as u128 + 1).saturating_mul(pair[1] as u128));
        let numbers = sizes.clone().fold(sizes.max().unwrap_or(0), u128::saturating_add);
        check_memory::<B::Scalar>("building the network", numbers)?;

        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut layers = Vec::with_capacity(expected + 1);
        let mut read_mean_square = 1.0;
        for (pair, activation) in self
            .layer_sizes
            .windows(2)
            .zip(self.hidden.into_iter().chain([self.output]))
        {
            let mut dense = Dense::<B>::zeros(pair[0], pair[1]);
            let weights = self.initializer.sample(pair[0], pair[1], read_mean_square, &mut rng);
            dense.weights.write(&weights);
            // The next layer reads this one's output.
            read_mean_square = mean_square(&activation);
            layers.push((dense, activation));
        }
        Mlp::from_layers(layers)
    }
}
