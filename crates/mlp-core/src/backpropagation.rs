//! The passes through a network, over its parameters and activations held apart, so that an optimiser may change the
//! one while it evaluates the other.
//!
//! With z_l = W_l a_(l-1) + b_l, a_l = f_l(z_l), a_0 the input and delta_l = dL/dz_l, the chain rule gives
//!
//! - delta_last = dL/da_last * f'(z_last),
//! - delta_l = (W_(l+1)^T delta_(l+1)) * f'(z_l),
//! - dL/dW_l = delta_l a_(l-1)^T, dL/db_l = the sum of delta_l over the samples,
//!
//! the product * element by element. Source: D. E. Rumelhart, G. E. Hinton, R. J. Williams, *Learning representations
//! by back-propagating errors* (Nature 323, 1986).

use crate::activation::with_activation;
use crate::error::check_shape;
use crate::tensor::Product;
use crate::workspace::columns;
use crate::{Activation, ActivationKind, Columns, Dense, InferenceWorkspace, Loss, Scalar, Tensor, Workspace};

/// a_l and f'(z_l) of every layer.
pub(crate) fn forward<B: Tensor, C: Activation>(
    layers: &[Dense<B>],
    activations: &[ActivationKind<C>],
    input: B::Columns<'_>,
    workspace: &mut Workspace<B>,
) {
    let samples = input.shape().1;
    workspace.samples = samples;
    check_depth("forward", layers.len(), workspace.layers.len());
    for (l, (layer, kind)) in layers.iter().zip(activations).enumerate() {
        let (before, rest) = workspace.layers.split_at_mut(l);
        let input = match before.last() {
            Some(previous) => columns(&previous.activation, samples),
            None => B::slice(input, 0..samples),
        };
        let buffers = &mut rest[0];
        with_activation!(kind, activation => {
            let derivative = buffers.derivative.as_mut();
            buffers.activation.forward(derivative, &layer.weights, &layer.bias, input, activation);
        });
    }
}

/// The sum of w_i l_i over the samples, and delta_last of that sum over `total_weight`.
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

/// delta_l of every hidden layer.
pub(crate) fn backward<B: Tensor>(layers: &[Dense<B>], workspace: &mut Workspace<B>) {
    let samples = workspace.samples;
    check_depth("backward", layers.len(), workspace.layers.len());
    for (l, layer) in layers.iter().enumerate().skip(1).rev() {
        let (before, rest) = workspace.layers.split_at_mut(l);
        let previous = &mut before[l - 1];
        let derivative = previous
            .derivative
            .as_ref()
            .map(|derivative| columns(derivative, samples));
        previous
            .delta
            .backward(&layer.weights, columns(&rest[0].delta, samples), derivative);
    }
}

/// dL/dW_l and dL/db_l of every layer, added to what is there if `accumulate`.
pub(crate) fn gradient<B: Tensor>(input: B::Columns<'_>, workspace: &mut Workspace<B>, accumulate: bool) {
    let samples = workspace.samples;
    let inputs = workspace.gradient[0].inputs();
    check_shape("gradient", "input", (inputs, samples), input.shape());
    for (l, gradient) in workspace.gradient.iter_mut().enumerate() {
        let input = match l {
            0 => B::slice(input, 0..samples),
            _ => columns(&workspace.layers[l - 1].activation, samples),
        };
        let delta = columns(&workspace.layers[l].delta, samples);
        gradient.weights.gradient(&mut gradient.bias, delta, input, accumulate);
    }
}

/// a_last into `output`.
pub(crate) fn infer<B: Tensor, C: Activation>(
    layers: &[Dense<B>],
    activations: &[ActivationKind<C>],
    input: B::Columns<'_>,
    workspace: &mut InferenceWorkspace<B>,
    output: &mut B,
) {
    let samples = input.shape().1;
    check_depth("predict", layers.len(), workspace.hidden.len() + 1);
    for (l, (layer, kind)) in layers.iter().zip(activations).enumerate() {
        let (before, rest) = workspace.hidden.split_at_mut(l);
        let input = match before.last() {
            Some(previous) => columns(previous, samples),
            None => B::slice(input, 0..samples),
        };
        let out = rest.first_mut().unwrap_or(output);
        with_activation!(kind, activation => out.forward(None, &layer.weights, &layer.bias, input, activation));
    }
}

#[track_caller]
#[inline(always)]
fn check_depth(operation: &str, expected: usize, got: usize) {
    check_shape(operation, "a workspace with layers", (expected, 1), (got, 1));
}
