//! Reads networks that PyTorch saved.

use crate::container::{
    Header, KINDS, Opened, Shape, missing, other_dtype, other_shape, unexpected, unexpected_metadata,
};
use crate::{Dtype, LoadError, LoadErrorKind, Number};
use mlp_core::backend::Tensor;
use mlp_core::{ActivationKind, Dense, Mlp};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Loads a network that PyTorch saved with `safetensors.torch.save_file(network.state_dict(), path)`, where `network`
/// is an `nn.Sequential` of `nn.Linear` layers with activations between them. The file does not name the activations,
/// so the caller does.
///
/// The tensors of the file are `0.weight`, `0.bias`, `2.weight` and so on. A common prefix before the number
/// (`net.0.weight`) is allowed. The layers are ordered by their numbers. A layer without a bias (`nn.Linear(..,
/// bias=False)`) gets a bias of zeros. Metadata that was given to `save_file`, up to 16 keys, is ignored.
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
/// Returns an error if the file cannot be read, is a model or a checkpoint, has a `format` other than `pt`, has tensors
/// that do not belong to such layers, has layers that do not match each other, or has numbers of the other type.
pub fn load_pytorch<B: Tensor<Scalar: Number>>(
    path: impl AsRef<Path>,
    hidden: impl Into<ActivationKind>,
    output: impl Into<ActivationKind>,
) -> Result<Mlp<B>, LoadError> {
    let path = path.as_ref();
    Opened::file(path)
        .and_then(|opened| load(opened, &hidden.into(), &output.into()))
        .map_err(|e| e.in_file(path))
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
    load(Opened::bytes(bytes)?, &hidden.into(), &output.into())
}

fn load<B: Tensor<Scalar: Number>, R: Read + Send>(
    opened: Opened<R>,
    hidden: &ActivationKind,
    output: &ActivationKind,
) -> Result<Mlp<B>, LoadError> {
    let plan = Plan::new(opened.header(), "a PyTorch network")?;
    if plan.dtype != B::Scalar::DTYPE {
        let weight = plan.layers.values().find_map(|layer| layer.weight.as_deref());
        return Err(other_dtype(weight.unwrap_or_default(), B::Scalar::DTYPE, plan.dtype));
    }
    let mut tensors = opened.tensors()?;
    let mut left = plan.layers.len();
    let mut layers = Vec::with_capacity(left);
    for layer in plan.layers.into_values() {
        left = left.saturating_sub(1);
        let weights = layer.weight.unwrap_or_default();
        let weights = tensors.take(&weights, Shape::Matrix(layer.outputs, layer.inputs))?;
        let bias = match layer.bias {
            Some(name) => tensors.take(&name, Shape::Vector(layer.outputs))?,
            None => B::zeros(layer.outputs, 1),
        };
        let activation = if left == 0 { output } else { hidden };
        layers.push((Dense { weights, bias }, activation.clone()));
    }
    tensors.finish()?;
    Mlp::from_layers(layers).map_err(LoadError::network)
}

/// Which tensors of a file belong to which layer.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) dtype: Dtype,
    /// The layers by their numbers.
    layers: BTreeMap<u32, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    weight: Option<String>,
    bias: Option<String>,
    inputs: usize,
    outputs: usize,
}

impl Plan {
    /// Plans the layers of a file that should be `expected`.
    pub(super) fn new(header: &Header, expected: &str) -> Result<Self, LoadError> {
        for (key, text) in header.metadata() {
            if let Some((_, got)) = KINDS.into_iter().find(|(kind, _)| kind == key) {
                let message = format!("expected {expected}, got {got}");
                return Err(LoadError::new(LoadErrorKind::OtherKind, message));
            }
            if key == "format" && text != "pt" {
                return Err(unexpected_metadata(key));
            }
        }
        let Some(first) = header.entries().first() else {
            return Err(missing("0.weight"));
        };
        let (dtype, prefix) = (first.dtype, split(&first.name).map(|(prefix, ..)| prefix));
        let mut layers: BTreeMap<u32, Layer> = BTreeMap::new();
        for entry in header.entries() {
            if entry.dtype != dtype {
                return Err(other_dtype(&entry.name, dtype, entry.dtype));
            }
            let part = split(&entry.name).filter(|(before, ..)| Some(*before) == prefix);
            let layer = part.map(|(_, number, what)| (layers.entry(number).or_default(), what));
            match (layer, entry.shape) {
                (Some((layer, "weight")), Shape::Matrix(outputs, inputs)) => {
                    layer.weight = Some(entry.name.clone());
                    (layer.inputs, layer.outputs) = (inputs, outputs);
                }
                (Some((layer, "bias")), Shape::Vector(_)) => layer.bias = Some(entry.name.clone()),
                _ => return Err(unexpected(&entry.name)),
            }
        }
        let plan = Self { dtype, layers };
        plan.check(header, prefix.unwrap_or_default())?;
        Ok(plan)
    }

    /// Checks that each layer has weights, that its inputs are the outputs of the layer before it, and that its bias
    /// has one number per output.
    fn check(&self, header: &Header, prefix: &str) -> Result<(), LoadError> {
        let mut before = None;
        for (number, layer) in &self.layers {
            let Some(weight) = &layer.weight else {
                return Err(missing(&format!("{prefix}{number}.weight")));
            };
            let got = layer.inputs;
            if let Some(expected) = before.filter(|&outputs| outputs != got) {
                let problem = format!("expected {expected} columns, one per output of the layer before, got {got}");
                return Err(LoadError::tensor(LoadErrorKind::DoesNotFit, weight, problem));
            }
            let expected = Shape::Vector(layer.outputs);
            let bias = layer.bias.as_ref().and_then(|bias| header.entry(bias));
            if let Some(bias) = bias.filter(|bias| bias.shape != expected) {
                return Err(other_shape(&bias.name, expected, bias.shape));
            }
            before = Some(layer.outputs);
        }
        Ok(())
    }

    pub(super) fn layer_sizes(&self) -> Vec<usize> {
        let inputs = self.layers.values().next().map(|layer| layer.inputs);
        inputs
            .into_iter()
            .chain(self.layers.values().map(|layer| layer.outputs))
            .collect()
    }
}

/// Splits a tensor's name into the prefix before the number (with its dot), the number, and the part after it.
fn split(name: &str) -> Option<(&str, u32, &str)> {
    let (layer, what) = name.rsplit_once('.')?;
    let digits = layer.rsplit_once('.').map_or(layer, |(_, digits)| digits);
    let number: u32 = digits.parse().ok()?;
    // This excludes `+1` and `01`, which would give the same layer a second name.
    (number.to_string() == digits).then_some((layer.strip_suffix(digits)?, number, what))
}
