use crate::backend::Tensor;
use crate::block::{Tangent, Units};
use crate::error::check_memory;
use crate::mlp::parameter_count;
use crate::optimizer::vector::zeros_like;
use crate::{Activation, ActivationKind, Dense, Mlp, OutOfMemory};
use alloc::vec::Vec;
use core::fmt;

/// The buffers that a training pass writes, for up to a given number of samples: each layer's activation a, derivative
/// f'(z) and delta dL/dz, and the gradient of all parameters. They are allocated once; the passes allocate nothing.
///
/// Layers are numbered from 0, the first hidden layer.
///
/// ```
/// use mlp_core::{HalfMse, Mlp, Workspace};
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?;
/// let mut workspace = Workspace::new(&network, 2)?;
/// let input = Matrix::from_columns(&[[2.0], [-1.0]]);
/// network.forward(&input, &mut workspace);
/// assert_eq!(workspace.activation(0).shape(), (4, 2));
/// assert_eq!(workspace.derivative(1), None); // the output layer is linear
///
/// network.loss(&HalfMse, &Matrix::from_columns(&[[3.0], [1.0]]), &mut workspace);
/// network.backward(&mut workspace);
/// network.gradient(&input, &mut workspace);
/// println!("dL/dz:\n{}\ndL/dW:\n{}", workspace.delta(0), workspace.gradient()[0].weights);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workspace<B: Tensor> {
    /// The number of samples in the last forward pass.
    pub(crate) samples: usize,
    pub(crate) deltas: Deltas,
    pub(crate) layers: Vec<LayerBuffers<B>>,
    pub(crate) gradient: Vec<Dense<B>>,
    /// What a pushforward writes, layer by layer. Empty before the first one.
    pub(crate) tangents: Vec<Tangent<B>>,
    /// Memory to read a sample's numbers from a tensor, or to draw the factors of dropout.
    pub(crate) values: Vec<B::Scalar>,
    /// The memory of [`Mlp::jacobian`].
    pub(crate) units: Option<Units<B>>,
}

/// Which deltas belong to the last forward pass. The others are those of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) enum Deltas {
    None,
    Last,
    All,
}

/// The buffers of one layer, n_out x batch each.
#[derive(Clone, Debug)]
pub(crate) struct LayerBuffers<B> {
    pub(crate) activation: B,
    /// f'(z). `None` for a linear layer, where it is 1 everywhere, unless the layer has a mask.
    pub(crate) derivative: Option<B>,
    pub(crate) delta: B,
    /// The factors of dropout, which become part of activation and derivative. The first pass with dropout allocates it.
    pub(crate) mask: Option<B>,
}

impl<B: Tensor> Workspace<B> {
    /// Allocates the buffers for passing up to `batch` samples at a time through `network`.
    ///
    /// # Errors
    /// If the buffers need more memory than is available.
    pub fn new<C: Activation>(network: &Mlp<B, C>, batch: usize) -> Result<Self, OutOfMemory> {
        Self::of_layers(network.layers(), network.activations(), batch)
    }

    /// Does the work of [`new`](Self::new) for a network with these layers.
    pub(crate) fn of_layers<C: Activation>(
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        batch: usize,
    ) -> Result<Self, OutOfMemory> {
        let neurons: u128 = layers.iter().map(|layer| layer.outputs() as u128).sum();
        let numbers = parameter_count(layers) as u128 + 3 * neurons * batch as u128;
        check_memory::<B::Scalar>("the workspace", numbers)?;
        let buffers = |(layer, activation): (&Dense<B>, &ActivationKind<C>)| {
            let zeros = || B::zeros(layer.outputs(), batch);
            LayerBuffers {
                activation: zeros(),
                derivative: (!is_linear(activation)).then(zeros),
                delta: zeros(),
                mask: None,
            }
        };
        let widest = layers.iter().map(|layer| layer.inputs().max(layer.outputs())).max();
        Ok(Self {
            samples: 0,
            deltas: Deltas::None,
            layers: layers.iter().zip(activations).map(buffers).collect(),
            gradient: zeros_like(layers),
            tangents: Vec::new(),
            values: Vec::with_capacity(widest.unwrap_or(0)),
            units: None,
        })
    }

    /// Makes sure that there is memory for dropout.
    pub(crate) fn reserve_masks(&mut self) {
        let (_, hidden) = self.layers.split_last_mut().expect("a network has a layer");
        for buffers in hidden {
            let (rows, columns) = buffers.activation.shape();
            buffers.mask.get_or_insert_with(|| B::zeros(rows, columns));
            // Even a linear layer needs a derivative, because the mask is part of it.
            buffers.derivative.get_or_insert_with(|| B::zeros(rows, columns));
        }
    }

    /// Returns whether the buffers are those of a network with these layers.
    pub(crate) fn fits<C: Activation>(&self, layers: &[Dense<B>], activations: &[ActivationKind<C>]) -> bool {
        let buffers = self.gradient.iter().zip(&self.layers);
        self.layers.len() == layers.len()
            && layers
                .iter()
                .zip(activations)
                .zip(buffers)
                .all(|((layer, activation), (gradient, buffers))| {
                    let linear = is_linear(activation) && buffers.mask.is_none();
                    gradient.weights.shape() == layer.weights.shape() && buffers.derivative.is_none() == linear
                })
    }

    /// Panics unless the workspace fits `network` and has room for `samples` samples.
    #[track_caller]
    pub(crate) fn check<C: Activation>(&self, operation: &str, network: &Mlp<B, C>, samples: usize) {
        if !self.fits(network.layers(), network.activations()) {
            let sizes = self.gradient.iter().map(Dense::outputs);
            let sizes: Vec<_> = [self.gradient[0].inputs()].into_iter().chain(sizes).collect();
            let (expected, samples) = (network.layer_sizes(), samples.max(self.batch()));
            if sizes == expected {
                let got = format_args!("one for the same layer sizes and other linear layers");
                unsuited("Workspace", operation, format_args!("this network"), got, samples);
            }
            let got = format_args!("one for {sizes:?}");
            unsuited(
                "Workspace",
                operation,
                format_args!("layer sizes {expected:?}"),
                got,
                samples,
            );
        }
        if samples > self.batch() {
            let got = format_args!("one for {}", self.batch());
            unsuited("Workspace", operation, format_args!("{samples} samples"), got, samples);
        }
    }

    /// Panics unless the workspace fits `network` and a forward pass has written to it.
    #[track_caller]
    pub(crate) fn check_passed<C: Activation>(&self, operation: &str, network: &Mlp<B, C>) {
        self.check(operation, network, self.samples);
        assert!(
            self.samples > 0,
            "{operation}: expected a `forward` pass of at least one sample before it, got none"
        );
    }

    /// Panics unless all deltas belong to the last forward pass.
    #[track_caller]
    pub(crate) fn check_deltas(&self, operation: &str) {
        assert!(
            self.deltas == Deltas::All,
            "{operation}: expected the deltas of the last `forward` pass, got older ones; call `pullback` first, or `loss` \
             and `backward`"
        );
    }

    /// Returns the largest number of samples that fit at a time.
    pub fn batch(&self) -> usize {
        self.layers[0].activation.shape().1
    }

    /// Returns the activation a of `layer`, n_out x N, from the last forward pass.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn activation(&self, layer: usize) -> B::Columns<'_> {
        columns(&self.layers[layer].activation, self.samples)
    }

    /// Returns the derivative f'(z) of `layer`, n_out x N, from the last forward pass, or `None` for a linear layer,
    /// where it is 1. Dropout multiplies it by its factors, also in a linear layer.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn derivative(&self, layer: usize) -> Option<B::Columns<'_>> {
        self.layers[layer]
            .derivative
            .as_ref()
            .map(|derivative| columns(derivative, self.samples))
    }

    /// Returns the last layer's activation, n_out x N, from the last forward pass.
    pub fn prediction(&self) -> B::Columns<'_> {
        self.activation(self.layers.len() - 1)
    }

    /// Returns dL/dz of `layer`, n_out x N, from the last backward pass. For the last layer, the loss pass before it
    /// writes dL/dz; if that layer is linear, this is dL/dy.
    ///
    /// # Panics
    /// If there is no such layer.
    #[track_caller]
    pub fn delta(&self, layer: usize) -> B::Columns<'_> {
        columns(&self.layers[layer].delta, self.samples)
    }

    /// Returns the gradient of all parameters from the last gradient pass, layer by layer: dL/dW as `weights` and dL/db
    /// as `bias`, with the shapes of the parameters.
    pub fn gradient(&self) -> &[Dense<B>] {
        &self.gradient
    }

    /// Returns the gradient of all parameters, for an optimizer to modify in place.
    pub fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.gradient
    }
}

/// Returns whether f'(z) is 1 everywhere.
pub(crate) fn is_linear<C>(activation: &ActivationKind<C>) -> bool {
    matches!(activation, ActivationKind::Identity(_))
}

/// Panics because a workspace does not fit, and says how to make one that does.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn unsuited(
    kind: &str,
    operation: &str,
    expected: fmt::Arguments<'_>,
    got: fmt::Arguments<'_>,
    samples: usize,
) -> ! {
    panic!(
        "{operation}: expected a workspace for {expected}, got {got}; make one by `{kind}::new(&network, {samples})`"
    )
}

/// Returns the first `samples` columns of `tensor`.
pub(crate) fn columns<B: Tensor>(tensor: &B, samples: usize) -> B::Columns<'_> {
    B::slice(tensor.into(), 0..samples)
}

/// Returns all elements, column after column.
pub(crate) fn elements<B: Tensor>(columns: B::Columns<'_>) -> Vec<B::Scalar> {
    let mut values = Vec::new();
    B::read(columns, &mut values);
    values
}
