//! Reads networks that PyTorch saved.

mod order;
mod plan;

use crate::container::{Opened, Shape};
use crate::{LoadError, LoadErrorKind, Number};
use mlp_core::backend::{Tensor, check_memory};
use mlp_core::{ActivationKind, Dense, Mlp};
pub(super) use plan::{Plan, check_whole};
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// Loads a network that PyTorch saved with `safetensors.torch.save_file(network.state_dict(), path)` or `save_model`,
/// where `network` applies `nn.Linear` layers one after the other, with activations between them. The file does not
/// name the activations, so the caller does.
///
/// The layers may have any names: `0.weight` and `2.weight` of an `nn.Sequential`, `net.0.0.weight`, `fc1.weight`,
/// `layers.3.linear.weight`. Numbers in the names give the order of the layers. Where the words differ (`net.0.weight`,
/// `out.weight`), the shapes must leave one order only, since PyTorch sorts the tensors of a file by their names; a file
/// whose tensors are not sorted is read in its own order. [`PytorchOptions::layers`] gives the order where the file does
/// not.
///
/// A layer without a bias (`nn.Linear(.., bias=False)`) gets a bias of zeros. A layer that PyTorch uses several times,
/// and `save_model` writes once, is read as often as it is used. Other metadata is ignored.
///
/// ```
/// use mlp_core::activations::{Identity, Tanh};
/// use mlp_cpu::Matrix;
/// use mlp_io::load_pytorch;
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch_f32.safetensors");
/// let network = load_pytorch::<Matrix<f32>>(path, Tanh, Identity)?;
/// assert_eq!(network.layer_sizes(), [3, 5, 4, 2]);
/// # Ok::<(), mlp_io::LoadError>(())
/// ```
///
/// # Errors
/// Returns an error if the file cannot be read; is a model, a checkpoint or a part of a network; has layers that are not
/// `nn.Linear`, which the message names with what to do; has numbers of another type; or if the order of the layers is
/// not certain or the inputs of a layer are not the outputs of the layer before it.
pub fn load_pytorch<B: Tensor<Scalar: Number>>(
    path: impl AsRef<Path>,
    hidden: impl Into<ActivationKind>,
    output: impl Into<ActivationKind>,
) -> Result<Mlp<B>, LoadError> {
    PytorchOptions::new(hidden, output).load(path)
}

/// Loads a network like [`load_pytorch`], from the bytes of the file.
///
/// # Errors
/// The errors of [`load_pytorch`].
pub fn pytorch_from_bytes<B: Tensor<Scalar: Number>>(
    bytes: &[u8],
    hidden: impl Into<ActivationKind>,
    output: impl Into<ActivationKind>,
) -> Result<Mlp<B>, LoadError> {
    PytorchOptions::new(hidden, output).load_bytes(bytes)
}

/// How to read a network that PyTorch saved, where [`load_pytorch`] needs to be told more.
///
/// ```
/// use mlp_core::activations::{Identity, Tanh};
/// use mlp_cpu::Matrix;
/// use mlp_io::PytorchOptions;
///
/// let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pytorch_f32.safetensors");
/// let options = PytorchOptions::new(Tanh, Identity).layers(["0", "2", "4"]).convert();
/// assert_eq!(options.load::<Matrix<f64>>(path)?.layer_sizes(), [3, 5, 4, 2]);
/// # Ok::<(), mlp_io::LoadError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PytorchOptions {
    hidden: ActivationKind,
    output: ActivationKind,
    layers: Option<Vec<String>>,
    convert: bool,
}

impl PytorchOptions {
    /// Creates the options of [`load_pytorch`]: the activations of the hidden layers and of the last layer.
    pub fn new(hidden: impl Into<ActivationKind>, output: impl Into<ActivationKind>) -> Self {
        Self {
            hidden: hidden.into(),
            output: output.into(),
            layers: None,
            convert: false,
        }
    }

    /// Sets the names of the layers (`fc1` for `fc1.weight` and `fc1.bias`) in the order in which the network applies
    /// them. All layers of the file must be listed. A layer may be listed several times.
    #[must_use]
    pub fn layers(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let layers = Some(names.into_iter().map(Into::into).collect());
        Self { layers, ..self }
    }

    /// Converts numbers of other types, `F16` and `BF16`, and `F32` to `f64`. All of these conversions are exact.
    /// `F64` is not converted to `f32`. The memory for the converted numbers, instead of those of the file, counts for
    /// the limit of [`load_model`](crate::load_model).
    #[must_use]
    pub fn convert(self) -> Self {
        let convert = true;
        Self { convert, ..self }
    }

    /// Loads a network.
    ///
    /// # Errors
    /// The errors of [`load_pytorch`].
    pub fn load<B: Tensor<Scalar: Number>>(&self, path: impl AsRef<Path>) -> Result<Mlp<B>, LoadError> {
        let path = path.as_ref();
        check_whole(path)
            .and_then(|()| self.read(Opened::file(path)?))
            .map_err(|e| e.in_file(path))
    }

    /// Loads a network from the bytes of a file.
    ///
    /// # Errors
    /// The errors of [`load_pytorch`].
    pub fn load_bytes<B: Tensor<Scalar: Number>>(&self, bytes: &[u8]) -> Result<Mlp<B>, LoadError> {
        self.read(Opened::bytes(bytes)?)
    }

    fn read<B: Tensor<Scalar: Number>, R: Read + Send>(&self, opened: Opened<R>) -> Result<Mlp<B>, LoadError> {
        let plan = Plan::new(opened.header(), "a PyTorch network", self.layers.as_deref())?;
        plan.check_dtypes(opened.header(), B::Scalar::DTYPE, self.convert)?;
        // Tied layers take more memory than the file has numbers.
        let numbers = plan.numbers().saturating_mul(2);
        if plan.tied && check_memory::<B::Scalar>("the network", numbers as u128).is_err() {
            let message = format!("{numbers} numbers are more than can be allocated");
            return Err(LoadError::new(LoadErrorKind::OutOfMemory, message));
        }
        let mut tensors = if self.convert {
            opened.converted_tensors()?
        } else {
            opened.tensors()?
        };
        let mut layers: Vec<(Dense<B>, ActivationKind)> = Vec::with_capacity(plan.layers.len());
        // The layer that took a tensor, from which later ones copy it.
        let (mut weights_of, mut biases_of) = (HashMap::new(), HashMap::new());
        let last = plan.layers.len().saturating_sub(1);
        for (number, layer) in plan.layers.into_iter().enumerate() {
            let earlier = |of: &HashMap<String, usize>, name: &String| {
                of.get(name)
                    .and_then(|&number| layers.get(number))
                    .map(|(dense, _)| dense)
            };
            let weights = match earlier(&weights_of, &layer.weight) {
                Some(dense) => dense.weights.clone(),
                None => tensors.take(&layer.weight, Shape::Matrix(layer.outputs, layer.inputs))?,
            };
            let bias = match &layer.bias {
                Some(name) => match earlier(&biases_of, name) {
                    Some(dense) => dense.bias.clone(),
                    None => tensors.take(name, Shape::Vector(layer.outputs))?,
                },
                None => B::zeros(layer.outputs, 1),
            };
            if plan.tied {
                weights_of.entry(layer.weight).or_insert(number);
                biases_of.extend(layer.bias.map(|name| (name, number)));
            }
            let activation = if number == last { &self.output } else { &self.hidden };
            layers.push((Dense { weights, bias }, activation.clone()));
        }
        tensors.finish()?;
        Mlp::from_layers(layers).map_err(LoadError::network)
    }
}
