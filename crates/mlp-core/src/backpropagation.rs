//! The passes through a network. The functions take its parameters and activations as separate arguments, so that an
//! optimizer can change the parameters while it evaluates the activations.
//!
//! With z_l = W_l a_(l-1) + b_l, a_l = f_l(z_l), a_0 the input and delta_l = dL/dz_l, the chain rule gives
//!
//! - delta_last = dL/da_last * f'(z_last),
//! - delta_l = (W_(l+1)^T delta_(l+1)) * f'(z_l),
//! - dL/dW_l = delta_l a_(l-1)^T, dL/db_l = the sum of delta_l over the samples,
//!
//! where the product * is element by element. Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, *Learning
//! representations by back-propagating errors* (Nature 323, 1986).

use crate::backend::{Columns, Tensor};
use crate::error::check_shape;
use crate::tensor::Product;
use crate::workspace::{Deltas, LayerBuffers, columns};
use crate::{Activation, ActivationKind, Dense, Loss, Mlp, Scalar, Workspace};

/// The steps of backpropagation, which write to a [`Workspace`].
impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Runs the forward pass: z = W a_prev + b, a = f(z) through all layers, for each column of `input` (n_in x N).
    /// Afterwards `workspace` holds every layer's [`activation`](Workspace::activation) and
    /// [`derivative`](Workspace::derivative) f'(z).
    ///
    /// # Panics
    /// If `input` does not have n_in rows or has more columns than the workspace, or if the workspace does not fit
    /// the network.
    #[track_caller]
    pub fn forward<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        let input = input.into();
        self.begin_forward(input, workspace);
        B::with_float_environment(|| forward(self.layers(), self.activations(), input, workspace, |_, _, _| ()));
    }

    /// Panics unless `input` and `workspace` fit the network. The deltas are then those of an earlier pass.
    #[track_caller]
    pub(crate) fn begin_forward(&self, input: B::Columns<'_>, workspace: &mut Workspace<B>) {
        let samples = input.shape().1;
        check_shape("forward", "input", (self.inputs(), samples), input.shape());
        workspace.check("forward", self, samples);
        workspace.deltas = Deltas::None;
    }

    /// Returns the loss, the mean over the samples of l(prediction, target), and writes the last layer's
    /// [`delta`](Workspace::delta) dL/dz to `workspace`. `target` has [`Loss::target_rows`] rows and as many columns as
    /// the input of the preceding [`forward`](Self::forward).
    ///
    /// # Panics
    /// If `target` has another shape, or is empty, or if the workspace does not fit the network.
    #[track_caller]
    pub fn loss<'a, L: Loss>(&self, loss: &L, target: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) -> f64 {
        let target = target.into();
        let samples = target.shape().1;
        assert!(samples > 0, "loss: expected at least one sample, got none");
        workspace.check_passed("loss", self);
        let expected = (loss.target_rows(self.outputs()), workspace.samples);
        check_shape("loss", "target", expected, target.shape());
        workspace.deltas = Deltas::Last;
        let sum = || self::loss(loss, target, None, samples as f64, workspace);
        B::with_float_environment(sum) / samples as f64
    }

    /// Runs the backward pass: computes the [`delta`](Workspace::delta) dL/dz = (W_next^T delta_next) * f'(z) of every
    /// hidden layer, from the last to the first.
    ///
    /// # Panics
    /// If the workspace does not fit the network, or there was no loss of the last forward pass.
    #[track_caller]
    pub fn backward(&self, workspace: &mut Workspace<B>) {
        workspace.check_passed("backward", self);
        assert!(
            workspace.deltas >= Deltas::Last,
            "backward: expected a loss of the last `forward` pass, got none; call `loss` first"
        );
        B::with_float_environment(|| backward(self.layers(), workspace));
        workspace.deltas = Deltas::All;
    }

    /// Computes the gradient of every layer, dL/dW = delta a_prev^T and dL/db = the sum of delta's columns, from the
    /// deltas of [`backward`](Self::backward). `input` is the same as in [`forward`](Self::forward).
    ///
    /// # Panics
    /// If the shape of `input` differs from that in `forward`, if there was no backward pass after it, or if the workspace
    /// does not fit the network.
    #[track_caller]
    pub fn gradient<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>) {
        let input = input.into();
        workspace.check_passed("gradient", self);
        check_shape("gradient", "input", (self.inputs(), workspace.samples), input.shape());
        workspace.check_deltas("gradient");
        B::with_float_environment(|| gradient(input, workspace, false));
    }
}

/// Computes a_l and f'(z_l) of every layer. `after` is called for each layer with its number and the number of samples;
/// the next layer reads what `after` leaves.
#[inline(always)]
pub(crate) fn forward<B: Tensor, C: Activation>(
    layers: &[Dense<B>],
    activations: &[ActivationKind<C>],
    input: B::Columns<'_>,
    workspace: &mut Workspace<B>,
    mut after: impl FnMut(usize, usize, &mut LayerBuffers<B>),
) {
    let samples = input.shape().1;
    workspace.samples = samples;
    let mut input = B::slice(input, 0..samples);
    let buffers = workspace.layers.iter_mut().enumerate();
    for ((layer, kind), (number, buffers)) in layers.iter().zip(activations).zip(buffers) {
        let LayerBuffers {
            activation: output,
            derivative,
            ..
        } = &mut *buffers;
        output.forward(derivative.as_mut(), &layer.weights, &layer.bias, input, kind);
        after(number, samples, buffers);
        input = columns(&buffers.activation, samples);
    }
}

/// Returns the sum of w_i l_i over the samples, and computes delta_last of that sum divided by `total_weight`.
#[inline(always)]
pub(crate) fn loss<B: Tensor, L: Loss>(
    loss: &L,
    target: B::Columns<'_>,
    sample_weights: Option<B::Columns<'_>>,
    total_weight: f64,
    workspace: &mut Workspace<B>,
) -> f64 {
    let samples = workspace.samples;
    let last = workspace.layers.last_mut().expect("a network has a layer");
    let prediction = columns(&last.activation, samples);
    let scale = B::Scalar::from_f64(1.0 / total_weight);
    let sum = last.delta.loss(loss, prediction, target, sample_weights, scale);
    if let Some(derivative) = &last.derivative {
        last.delta.zip(columns(derivative, samples), [], &Product);
    }
    sum.to_f64()
}

/// Computes delta_l of every hidden layer.
#[inline(always)]
pub(crate) fn backward<B: Tensor>(layers: &[Dense<B>], workspace: &mut Workspace<B>) {
    let samples = workspace.samples;
    let (last, hidden) = workspace.layers.split_last_mut().expect("a network has a layer");
    let mut delta = columns(&last.delta, samples);
    for (layer, buffers) in layers.iter().rev().zip(hidden.iter_mut().rev()) {
        let derivative = buffers.derivative.as_ref();
        let derivative = derivative.map(|derivative| columns(derivative, samples));
        buffers.delta.backward(&layer.weights, delta, derivative);
        delta = columns(&buffers.delta, samples);
    }
}

/// Computes dL/dW_l and dL/db_l of every layer, and adds them to the existing values if `accumulate` is set.
#[inline(always)]
pub(crate) fn gradient<B: Tensor>(input: B::Columns<'_>, workspace: &mut Workspace<B>, accumulate: bool) {
    let samples = workspace.samples;
    let mut input = B::slice(input, 0..samples);
    for (gradient, buffers) in workspace.gradient.iter_mut().zip(&workspace.layers) {
        let delta = columns(&buffers.delta, samples);
        gradient.weights.gradient(&mut gradient.bias, delta, input, accumulate);
        input = columns(&buffers.activation, samples);
    }
}

/// Writes a_last to `output`, and the activations of the layers before it to `hidden`.
#[inline(always)]
pub(crate) fn infer<B: Tensor, C: Activation>(
    layers: &[Dense<B>],
    activations: &[ActivationKind<C>],
    input: B::Columns<'_>,
    hidden: &mut [B],
    output: &mut B,
) {
    let samples = input.shape().1;
    let mut input = B::slice(input, 0..samples);
    let outputs = hidden.iter_mut().chain([output]);
    for ((layer, kind), output) in layers.iter().zip(activations).zip(outputs) {
        output.forward(None, &layer.weights, &layer.bias, input, kind);
        input = columns(output, samples);
    }
}
