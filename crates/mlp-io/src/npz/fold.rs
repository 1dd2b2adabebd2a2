//! Works the scalings of a model into its first and its last layer.

use crate::Number;
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Model, Scalar as _};

/// Returns the weights, column after column, and the bias of a layer that takes and gives numbers without scaling:
/// W (x - offset) / scale + b is (W / scale) x + b - W (offset / scale), and (W a + b) scale + offset is
/// (scale W) a + scale b + offset.
///
/// The new bias is about offset / scale times as large as the sum in which it cancels. The numbers are therefore `f64`,
/// whatever the type of the model: in `f32` an offset of 1e5 times the scale would leave two correct digits.
pub(super) fn folded<B: Tensor<Scalar: Number>, C: Activation>(
    model: &Model<B, C>,
    layer: usize,
) -> (Vec<f64>, Vec<f64>) {
    let layers = model.network().layers();
    let Some(dense) = layers.get(layer) else {
        return Default::default();
    };
    let [mut weights, mut bias] = [&dense.weights, &dense.bias].map(|part| {
        let mut values = Vec::new();
        B::read(part.into(), &mut values);
        values.iter().map(|value| value.to_f64()).collect::<Vec<_>>()
    });
    let outputs = bias.len().max(1);
    if let Some(scaling) = model.input_scaling().filter(|_| layer == 0) {
        let columns = weights.chunks_exact_mut(outputs);
        for (column, (&offset, &scale)) in columns.zip(scaling.offset().iter().zip(scaling.scale())) {
            for (weight, bias) in column.iter_mut().zip(&mut bias) {
                *bias -= *weight * (offset / scale);
                *weight /= scale;
            }
        }
    }
    if let Some(scaling) = model
        .target_scaling()
        .filter(|_| layer.saturating_add(1) == layers.len())
    {
        for column in weights.chunks_exact_mut(outputs) {
            for (weight, scale) in column.iter_mut().zip(scaling.scale()) {
                *weight *= scale;
            }
        }
        for (bias, (offset, scale)) in bias.iter_mut().zip(scaling.offset().iter().zip(scaling.scale())) {
            *bias = *bias * scale + offset;
        }
    }
    (weights, bias)
}
