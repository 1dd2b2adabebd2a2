use crate::backend::Tensor;
use crate::backpropagation as pass;
use crate::workspace::columns;
use crate::{Dense, Scalar as _, Workspace};

/// The gradient of the parameters. It may be pending: the gradients of weights, which are as large as the network, are
/// then not computed yet, so that an update can compute each part of them when it needs it.
#[derive(Debug)]
pub struct Gradient<'a, B: Tensor>(pub(crate) Result<&'a mut [Dense<B>], Pending<'a, B>>);

/// A gradient that is not computed yet, and what it is computed from.
#[derive(Debug)]
pub(crate) struct Pending<'a, B: Tensor> {
    pub(crate) input: B::Columns<'a>,
    /// The activations and deltas, and memory for the gradient.
    pub(crate) workspace: &'a mut Workspace<B>,
}

impl<'a, B: Tensor> Gradient<'a, B> {
    /// Returns the whole gradient, after computing it if it is pending.
    pub fn whole(self) -> &'a mut [Dense<B>] {
        self.0.unwrap_or_else(|Pending { input, workspace, .. }| {
            pass::gradient(input, workspace, false);
            &mut workspace.gradient
        })
    }
}

impl<'a, B: Tensor> From<&'a mut [Dense<B>]> for Gradient<'a, B> {
    fn from(layers: &'a mut [Dense<B>]) -> Self {
        Self(Ok(layers))
    }
}

impl<B: Tensor> Pending<'_, B> {
    /// Returns a number that no element of the gradient exceeds, nor any part of its sum. It is not finite if one of
    /// the parameters, `layers`, is not.
    pub(super) fn bound(&mut self, layers: &[Dense<B>]) -> f64 {
        let Workspace {
            samples,
            layers: buffers,
            values,
            ..
        } = &mut *self.workspace;
        let samples = *samples;
        // One sample at a time, for which there is memory.
        let mut sum = |columns: B::Columns<'_>| {
            let of_sample = |sample| {
                values.clear();
                B::read(B::slice(columns, sample..sample + 1), values);
                values.iter().map(|value| value.to_f64().abs()).sum::<f64>()
            };
            (0..samples).map(of_sample).sum::<f64>()
        };
        let mut input = B::slice(self.input, 0..samples);
        let mut bound = 0.0;
        for (layer, buffers) in layers.iter().zip(buffers) {
            // The 1 is the factor of the bias.
            bound += sum(columns(&buffers.delta, samples)) * (1.0 + sum(input));
            // A weight that is not finite makes z infinite or NaN, which f may hide. The derivative is not needed any
            // more.
            if let Some(z) = &mut buffers.derivative {
                layer.pre_activation(input, z);
                bound += 0.0 * sum(columns(z, samples));
            }
            input = columns(&buffers.activation, samples);
        }
        bound + 0.0 * sum(input)
    }
}
