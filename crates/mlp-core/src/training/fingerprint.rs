use crate::Dense;
use crate::backend::Tensor;
use alloc::vec::Vec;

/// What a trainer remembers of its network to recognize it: the layer sizes, and the parameters that the last call left.
///
/// The sums of the squares of weights and biases stand for the parameters. Equal parameters have the same bits in these
/// sums, on every machine, and they cost no copy. A network that was cloned, or saved and loaded, is thus recognized.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fingerprint {
    pub(super) layer_sizes: Vec<usize>,
    /// Two sums per layer. Empty while steps change the parameters.
    squares: Vec<f64>,
}

impl Fingerprint {
    pub(super) fn of<B: Tensor>(layers: &[Dense<B>]) -> Self {
        let inputs = layers.iter().map(Dense::inputs).take(1);
        let tensors = layers.iter().flat_map(|layer| [&layer.weights, &layer.bias]);
        Self {
            layer_sizes: inputs.chain(layers.iter().map(Dense::outputs)).collect(),
            squares: tensors.map(|tensor| tensor.dot(tensor)).collect(),
        }
    }

    /// Returns the fingerprint without the parameters, which are about to change.
    pub(super) fn of_sizes(self) -> Self {
        let squares = Vec::new();
        Self { squares, ..self }
    }

    /// Returns whether it stands for certain parameters.
    pub(super) fn has_parameters(&self) -> bool {
        !self.squares.is_empty()
    }

    /// Returns whether a network with the fingerprint `got` may be the one that this fingerprint was taken of.
    pub(super) fn matches(&self, got: &Self) -> bool {
        self.layer_sizes == got.layer_sizes && (!self.has_parameters() || self.squares == got.squares)
    }
}
