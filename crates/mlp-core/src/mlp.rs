//! The network and the steps of backpropagation.

use crate::backend::{Columns, Tensor};
use crate::inference::column;
use crate::workspace::elements;
use crate::{
    Activation, ActivationKind, BuildError, Dense, InferenceWorkspace, Loss, MlpBuilder, NoCustom, Workspace,
    backpropagation,
};
use alloc::vec::Vec;
use core::fmt;

/// A multi-layer perceptron: layers a = f(W a_prev + b), one after the other, on the backend `B`.
///
/// It owns its parameters and nothing else: the buffers of a pass live in a [`Workspace`]. `C` is the type of your own
/// activation, if you have one ([`ActivationKind::Custom`]).
///
/// The steps of training can be called one by one; [`Trainer`](crate::Trainer) runs all of them:
///
/// ```
/// use mlp_core::activations::LeakyRelu;
/// use mlp_core::{GradientDescent, HalfMse, Mlp, Workspace};
/// use mlp_cpu::Matrix;
///
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::new(0.01)?).seed(1).build()?;
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
///
/// let mut workspace = Workspace::new(&network, 3)?;
/// network.forward(&input, &mut workspace);
/// let loss = network.loss(&HalfMse, &target, &mut workspace);
/// network.backward(&mut workspace);
/// network.gradient(&input, &mut workspace);
/// GradientDescent::new(0.1)?.update(network.layers_mut(), workspace.gradient_mut())?;
///
/// network.forward(&input, &mut workspace);
/// assert!(network.loss(&HalfMse, &target, &mut workspace) < loss);
/// println!("{network}"); // its layers and the number of parameters
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp<B, C = NoCustom> {
    layers: Vec<Dense<B>>,
    activations: Vec<ActivationKind<C>>,
}

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Returns a builder for a network with `layer_sizes` neurons per layer, inputs first, outputs last.
    pub fn builder(layer_sizes: &[usize]) -> MlpBuilder<'_, B, C> {
        MlpBuilder::new(layer_sizes)
    }

    /// Creates a network from the given layers, each with the activation that follows it.
    ///
    /// ```
    /// use mlp_core::activations::{Identity, Relu};
    /// use mlp_core::{Dense, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// let first = Dense { weights: Matrix::from_rows(&[[1.0], [-1.0]]), bias: Matrix::zeros(2, 1) };
    /// let second = Dense { weights: Matrix::from_rows(&[[1.0, 1.0]]), bias: Matrix::zeros(1, 1) };
    /// let absolute = Mlp::<Matrix<f64>>::from_layers(vec![(first, Relu.into()), (second, Identity.into())])?;
    /// assert_eq!(absolute.predict(&Matrix::from_columns(&[[-3.0], [2.0]])).to_vec(), [3.0, 2.0]);
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no layer, a layer is empty, a bias is not n_out x 1, or a layer has more or fewer inputs than the
    /// layer before it has outputs.
    pub fn from_layers(layers: Vec<(Dense<B>, ActivationKind<C>)>) -> Result<Self, BuildError> {
        check_layers(layers.iter().map(|(dense, _)| dense))?;
        let (layers, activations) = layers.into_iter().unzip();
        Ok(Self { layers, activations })
    }

    /// Returns the parameters, layer by layer.
    pub fn layers(&self) -> &[Dense<B>] {
        &self.layers
    }

    /// Returns the parameters for modification, layer by layer. Do not change their shapes.
    pub fn layers_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.layers
    }

    /// Returns the activation of each layer.
    pub fn activations(&self) -> &[ActivationKind<C>] {
        &self.activations
    }

    /// Returns the number of neurons per layer, inputs first.
    pub fn layer_sizes(&self) -> Vec<usize> {
        core::iter::once(self.inputs())
            .chain(self.layers.iter().map(Dense::outputs))
            .collect()
    }

    /// Returns the number of input features.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Returns the number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// Returns the number of weights and biases.
    pub fn parameter_count(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| layer.outputs() * (layer.inputs() + 1))
            .sum()
    }

    /// Returns the layers for modification together with the activations.
    pub(crate) fn parts_mut(&mut self) -> (&mut [Dense<B>], &[ActivationKind<C>]) {
        (&mut self.layers, &self.activations)
    }

    /// Runs the forward pass: z = W a_prev + b, a = f(z) through all layers, for each column of `input` (n_in x N).
    /// Afterwards `workspace` holds every layer's [`activation`](Workspace::activation) and
    /// [`derivative`](Workspace::derivative) f'(z).
    ///
    /// # Panics
    /// If `input` does not have n_in rows or has more columns than the workspace, or if the workspace belongs to
    /// another network.
    pub fn forward<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        let input = input.into();
        B::with_float_environment(|| {
            backpropagation::forward(&self.layers, &self.activations, input, workspace, |_, _, _| ());
        });
    }

    /// Returns the loss, the mean over the samples of l(prediction, target), and writes the last layer's
    /// [`delta`](Workspace::delta) dL/dz to `workspace`. `target` has [`Loss::target_rows`] rows and as many columns as
    /// the input of the preceding [`forward`](Self::forward).
    ///
    /// # Panics
    /// If `target` has another shape, or is empty.
    pub fn loss<'a, L: Loss>(&self, loss: &L, target: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) -> f64 {
        let target = target.into();
        let samples = target.shape().1;
        assert!(samples > 0, "loss: expected at least one sample, got none");
        let sum = || backpropagation::loss(loss, target, None, samples as f64, workspace);
        B::with_float_environment(sum) / samples as f64
    }

    /// Runs the backward pass: computes the [`delta`](Workspace::delta) dL/dz = (W_next^T delta_next) * f'(z) of every
    /// hidden layer, from the last to the first.
    ///
    /// # Panics
    /// If the workspace belongs to another network.
    pub fn backward(&self, workspace: &mut Workspace<B>) {
        B::with_float_environment(|| backpropagation::backward(&self.layers, workspace));
    }

    /// Computes the gradient of every layer, dL/dW = delta a_prev^T and dL/db = the sum of delta's columns, from the
    /// deltas of [`backward`](Self::backward). `input` is the same as in [`forward`](Self::forward).
    ///
    /// # Panics
    /// If the shape of `input` differs from that in `forward`.
    pub fn gradient<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        let input = input.into();
        B::with_float_environment(|| backpropagation::gradient(input, workspace, false));
    }

    /// Returns the last layer's activation for each column of `input` (n_in x N), as n_out x N.
    ///
    /// The bits of a sample's prediction do not depend on the other samples. To predict repeatedly without allocating,
    /// keep an [`InferenceWorkspace`] and use [`predict_into`](Self::predict_into).
    ///
    /// # Panics
    /// If `input` does not have n_in rows.
    pub fn predict<'a>(&self, input: impl Into<B::Columns<'a>>) -> B {
        let input = input.into();
        let samples = input.shape().1;
        let mut output = B::zeros(self.outputs(), samples);
        let mut workspace = InferenceWorkspace::for_samples(self, samples);
        workspace.predict(self, None, input, &mut output);
        output
    }

    /// Returns the last layer's activation for one sample.
    ///
    /// ```
    /// use mlp_core::activations::Identity;
    /// use mlp_core::{Dense, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// let layer = Dense { weights: Matrix::from_rows(&[[1.0, 2.0]]), bias: Matrix::from_rows(&[[0.5]]) };
    /// let network = Mlp::<Matrix<f64>>::from_layers(vec![(layer, Identity.into())])?;
    /// assert_eq!(network.predict_one(&[10.0, 20.0]), [50.5]);
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `features` does not have n_in numbers.
    pub fn predict_one(&self, features: &[B::Scalar]) -> Vec<B::Scalar> {
        elements::<B>((&self.predict(&column::<B>(features))).into())
    }

    /// Like [`predict`](Self::predict), but writes to the first columns of `output`. It does not allocate if `input`
    /// has no more columns than the workspace was made for; see [`InferenceWorkspace`].
    ///
    /// # Panics
    /// If `input` does not have n_in rows, `output` does not have n_out rows or has fewer columns than `input`, or the
    /// workspace belongs to another network.
    pub fn predict_into<'a>(
        &self,
        input: impl Into<B::Columns<'a>>,
        workspace: &mut InferenceWorkspace<B>,
        output: &mut B,
    ) {
        workspace.predict(self, None, input.into(), output);
    }
}

/// The number of parameters, then a line per layer: its inputs, outputs and activation.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::Mlp;
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f32>>::builder(&[2, 16, 3]).hidden(Tanh).build()?;
/// let lines = "network with 99 parameters\nlayer 0: 2 -> 16, tanh\nlayer 1: 16 -> 3, identity";
/// assert_eq!(network.to_string(), lines);
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
impl<B: Tensor, C: Activation> fmt::Display for Mlp<B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "network with {} parameters", self.parameter_count())?;
        for (i, (layer, activation)) in self.layers.iter().zip(&self.activations).enumerate() {
            let (inputs, outputs) = (layer.inputs(), layer.outputs());
            write!(f, "\nlayer {i}: {inputs} -> {outputs}, {}", activation.name())?;
        }
        Ok(())
    }
}

/// Checks that the layers form a network: there is at least one, none is empty, the inputs of each are the outputs of
/// the layer before it, and each bias has one number per output. [`Mlp::from_layers`] requires this; code that changes
/// the layers of a network later may break it.
///
/// # Errors
/// The error of [`Mlp::from_layers`].
pub fn check_layers<'a, B: Tensor + 'a>(layers: impl IntoIterator<Item = &'a Dense<B>>) -> Result<(), BuildError> {
    let mut inputs = None;
    for (layer, dense) in layers.into_iter().enumerate() {
        let (outputs, columns) = dense.weights.shape();
        if outputs == 0 || columns == 0 {
            let position = layer + usize::from(columns > 0);
            return Err(BuildError::EmptyLayer { position });
        }
        for (what, expected, got) in [
            ("weights", (outputs, inputs.unwrap_or(columns)), (outputs, columns)),
            ("bias", (outputs, 1), dense.bias.shape()),
        ] {
            if got != expected {
                return Err(BuildError::LayerShape {
                    layer,
                    what,
                    expected,
                    got,
                });
            }
        }
        inputs = Some(outputs);
    }
    match inputs {
        Some(_) => Ok(()),
        None => Err(BuildError::TooFewLayers { got: 0 }),
    }
}
