//! The tensors of layers: their names, shapes and order in a file.

use super::read::{Tensors, other_shape};
use super::{Contents, Shape};
use crate::{LoadError, Number};
use mlp_core::Dense;
use mlp_core::backend::Tensor;

/// Returns the name and shape of each tensor of `count` layers: the weights of layer 0, its bias, and so on. They are
/// the layers of a network of these sizes, repeated if there are more.
pub(crate) fn layer_tensors<'a>(
    prefix: &'a str,
    layer_sizes: &'a [usize],
    count: usize,
) -> impl Iterator<Item = (String, Shape)> + 'a {
    let sizes = layer_sizes.iter().zip(layer_sizes.iter().skip(1)).cycle();
    (0..count).zip(sizes).flat_map(move |(layer, (&inputs, &outputs))| {
        [
            (format!("{prefix}.{layer}.weight"), Shape::Matrix(outputs, inputs)),
            (format!("{prefix}.{layer}.bias"), Shape::Vector(outputs)),
        ]
    })
}

/// Checks that `layers` have the shapes of [`layer_tensors`].
pub(crate) fn check_shapes<B: Tensor>(
    prefix: &str,
    layer_sizes: &[usize],
    layers: &[Dense<B>],
) -> Result<(), LoadError> {
    let tensors = layers.iter().flat_map(|dense| [&dense.weights, &dense.bias]);
    for (tensor, (name, expected)) in tensors.zip(layer_tensors(prefix, layer_sizes, layers.len())) {
        if tensor.shape() != expected.dimensions() {
            let (rows, columns) = tensor.shape();
            let got = match expected {
                Shape::Vector(_) if columns == 1 => Shape::Vector(rows),
                _ => Shape::Matrix(rows, columns),
            };
            return Err(other_shape(&name, expected, got));
        }
    }
    Ok(())
}

impl<'a> Contents<'a> {
    /// Adds the parameters of layers as `PREFIX.0.weight`, `PREFIX.0.bias` and so on.
    pub(crate) fn layers<B: Tensor<Scalar: Number>>(&mut self, prefix: &str, layers: &'a [Dense<B>]) {
        for (layer, dense) in layers.iter().enumerate() {
            self.matrix(format!("{prefix}.{layer}.weight"), &dense.weights);
            self.vector(format!("{prefix}.{layer}.bias"), &dense.bias);
        }
    }
}

impl<B: Tensor<Scalar: Number>> Tensors<B> {
    /// Takes the tensors of [`layer_tensors`].
    pub(crate) fn take_layers(
        &mut self,
        prefix: &str,
        layer_sizes: &[usize],
        count: usize,
    ) -> Result<Vec<Dense<B>>, LoadError> {
        let mut tensors = layer_tensors(prefix, layer_sizes, count);
        let mut layers = Vec::new();
        // The first missing layer ends the loop, so that no more layers are made than the file has.
        while let (Some((weights, shape)), Some((bias, length))) = (tensors.next(), tensors.next()) {
            let (weights, bias) = (self.take(&weights, shape)?, self.take(&bias, length)?);
            layers.push(Dense { weights, bias });
        }
        Ok(layers)
    }
}
