//! The network and the steps of backpropagation.

use crate::backend::{Columns, Tensor};
use crate::{
    Activation, ActivationKind, BuildError, Dense, InferenceWorkspace, Loss, MlpBuilder, NoCustom, Workspace,
    backpropagation,
};
use alloc::vec::Vec;

/// A multi-layer perceptron: layers a = f(W a_prev + b), one after the other, on the backend `B`.
///
/// It owns its parameters and nothing else: what a pass through it needs lives in a [`Workspace`]. `C` is the type of
/// your own activation, if you have one ([`ActivationKind::Custom`]).
///
/// The steps of training, each by itself; [`Trainer`](crate::Trainer) does all of them at once:
///
/// ```
/// use mlp_core::{GradientDescent, HalfSquaredError, LeakyRelu, Mlp, Workspace};
/// use mlp_cpu::Matrix;
///
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::new(0.01)?).seed(1).build()?;
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
///
/// let mut workspace = Workspace::new(&network, 3)?;
/// network.forward(&input, &mut workspace);
/// let loss = network.loss(&HalfSquaredError, &target, &mut workspace);
/// network.backward(&mut workspace);
/// network.gradient(&input, &mut workspace);
/// GradientDescent::new(0.1)?.update(network.layers_mut(), workspace.gradient_mut())?;
///
/// network.forward(&input, &mut workspace);
/// assert!(network.loss(&HalfSquaredError, &target, &mut workspace) < loss);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mlp<B, C = NoCustom> {
    layers: Vec<Dense<B>>,
    activations: Vec<ActivationKind<C>>,
}

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Describes a network with `layer_sizes` neurons per layer, inputs first, outputs last.
    pub fn builder(layer_sizes: &[usize]) -> MlpBuilder<'_, B, C> {
        MlpBuilder::new(layer_sizes)
    }

    /// A network of given layers, each with the activation that follows it.
    ///
    /// ```
    /// use mlp_core::{Dense, Identity, Mlp, Relu};
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
    /// If there is no layer, a layer is empty, a bias is not n_out x 1, or a layer's inputs are not as many as the
    /// outputs of the layer before it.
    pub fn from_layers(layers: Vec<(Dense<B>, ActivationKind<C>)>) -> Result<Self, BuildError> {
        if layers.is_empty() {
            return Err(BuildError::TooFewLayers { got: 0 });
        }
        let mut outputs = layers[0].0.inputs();
        for (layer, (dense, _)) in layers.iter().enumerate() {
            let (weights, bias) = (dense.weights.shape(), dense.bias.shape());
            if weights.0 == 0 || weights.1 == 0 {
                return Err(BuildError::EmptyLayer {
                    position: layer + usize::from(weights.1 > 0),
                });
            }
            if weights.1 != outputs {
                let expected = (weights.0, outputs);
                return Err(BuildError::LayerShape {
                    layer,
                    what: "weights",
                    expected,
                    got: weights,
                });
            }
            if bias != (weights.0, 1) {
                let expected = (weights.0, 1);
                return Err(BuildError::LayerShape {
                    layer,
                    what: "bias",
                    expected,
                    got: bias,
                });
            }
            outputs = weights.0;
        }
        let (layers, activations) = layers.into_iter().unzip();
        Ok(Self { layers, activations })
    }

    /// The parameters, layer by layer.
    pub fn layers(&self) -> &[Dense<B>] {
        &self.layers
    }

    /// The parameters, to be changed. Their shapes must stay.
    pub fn layers_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.layers
    }

    /// The activation of each layer.
    pub fn activations(&self) -> &[ActivationKind<C>] {
        &self.activations
    }

    /// Neurons per layer, inputs first.
    pub fn layer_sizes(&self) -> Vec<usize> {
        core::iter::once(self.inputs())
            .chain(self.layers.iter().map(Dense::outputs))
            .collect()
    }

    /// The number of input features.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// The number of outputs.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// How many weights and biases there are.
    pub fn parameter_count(&self) -> usize {
        self.layers
            .iter()
            .map(|layer| layer.outputs() * (layer.inputs() + 1))
            .sum()
    }

    /// The layers to change and the activations to read, side by side.
    pub(crate) fn parts_mut(&mut self) -> (&mut [Dense<B>], &[ActivationKind<C>]) {
        (&mut self.layers, &self.activations)
    }

    /// Forward: z = W a_prev + b, a = f(z) through all layers, for each column of `input` (n_in x N). Afterwards
    /// `workspace` holds every layer's [`activation`](Workspace::activation) and
    /// [`derivative`](Workspace::derivative) f'(z).
    ///
    /// # Panics
    /// If `input` has not n_in rows, or more columns than the workspace, or the workspace is of another network.
    pub fn forward<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        backpropagation::forward(&self.layers, &self.activations, input.into(), workspace, |_, _, _| ());
    }

    /// Loss: the mean over the samples of l(prediction, target), returned, and the last layer's
    /// [`delta`](Workspace::delta) dL/dz into `workspace`. `target` has [`Loss::target_rows`] rows and as many
    /// columns as the input of the [`forward`](Self::forward) before.
    ///
    /// # Panics
    /// If `target` has another shape, or is empty.
    pub fn loss<'a, L: Loss>(&self, loss: &L, target: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) -> f64 {
        let target = target.into();
        let samples = target.shape().1;
        assert!(samples > 0, "loss: expected at least one sample, got none");
        backpropagation::loss(loss, target, None, samples as f64, workspace) / samples as f64
    }

    /// Backward: every hidden layer's [`delta`](Workspace::delta) dL/dz = (W_next^T delta_next) * f'(z), from the
    /// last layer's to the first's.
    ///
    /// # Panics
    /// If the workspace is of another network.
    pub fn backward(&self, workspace: &mut Workspace<B>) {
        backpropagation::backward(&self.layers, workspace);
    }

    /// Gradient: dL/dW = delta a_prev^T and dL/db = the sum of delta's columns, for every layer, from the deltas of
    /// [`backward`](Self::backward); `input` as in [`forward`](Self::forward).
    ///
    /// # Panics
    /// If `input` has another shape than in `forward`.
    pub fn gradient<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        backpropagation::gradient(input.into(), workspace, false);
    }

    /// The last layer's activation for each column of `input` (n_in x N): n_out x N.
    ///
    /// A sample's prediction has the same bits alone as among any others. To predict repeatedly without allocating,
    /// keep an [`InferenceWorkspace`] and use [`predict_into`](Self::predict_into).
    ///
    /// # Panics
    /// If `input` has not n_in rows.
    pub fn predict<'a>(&self, input: impl Into<B::Columns<'a>>) -> B {
        /// Samples that go through the network together.
        const BLOCK: usize = 256;
        let input = input.into();
        let samples = input.shape().1;
        let mut output = B::zeros(self.outputs(), samples);
        if samples <= BLOCK {
            self.predict_into(input, &mut InferenceWorkspace::new(self, samples), &mut output);
        } else {
            let mut workspace = InferenceWorkspace::new(self, BLOCK);
            let mut block = B::zeros(self.outputs(), BLOCK);
            let indices: Vec<usize> = (0..BLOCK).collect();
            for start in (0..samples).step_by(BLOCK) {
                let end = samples.min(start + BLOCK);
                self.predict_into(B::slice(input, start..end), &mut workspace, &mut block);
                output.gather(start, (&block).into(), &indices[..end - start]);
            }
        }
        output
    }

    /// As [`predict`](Self::predict), into the first columns of `output` and without allocating.
    ///
    /// # Panics
    /// If `input` has not n_in rows or `output` not n_out, either `workspace` or `output` has fewer columns than
    /// `input`, or the workspace is of another network.
    pub fn predict_into<'a>(
        &self,
        input: impl Into<B::Columns<'a>>,
        workspace: &mut InferenceWorkspace<B>,
        output: &mut B,
    ) {
        backpropagation::infer(&self.layers, &self.activations, input.into(), workspace, output);
    }
}
