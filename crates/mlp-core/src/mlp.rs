//! The network.

use crate::backend::Tensor;
use crate::{Activation, ActivationKind, BuildError, Dense, NoCustom};
use alloc::vec::Vec;
use core::fmt;

/// A multi-layer perceptron: layers a = f(W a_prev + b), one after the other, on the backend `B`.
///
/// It owns its parameters and nothing else: the buffers of a pass live in a [`Workspace`](crate::Workspace). `C` is the type of your own
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
        parameter_count(&self.layers)
    }

    /// Returns the layers and their activations.
    pub(crate) fn into_parts(self) -> (Vec<Dense<B>>, Vec<ActivationKind<C>>) {
        (self.layers, self.activations)
    }

    /// Returns the layers for modification together with the activations.
    pub(crate) fn parts_mut(&mut self) -> (&mut [Dense<B>], &[ActivationKind<C>]) {
        (&mut self.layers, &self.activations)
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

/// Returns the number of weights and biases of `layers`.
pub(crate) fn parameter_count<B: Tensor>(layers: &[Dense<B>]) -> usize {
    layers.iter().map(|layer| layer.outputs() * (layer.inputs() + 1)).sum()
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
