//! Writes a model as the entries of an archive.

use super::archive::{END_LENGTH, MAX_ENTRIES, Writer};
use super::fold::folded;
use super::{ACTIVATION, HIDDEN_NAMES, OUT_ACTIVATION, npy};
use crate::number::Coded as _;
use crate::parameters::parameters;
use crate::{Number, SaveError, SaveErrorKind};
use mlp_core::backend::{Tensor, check_layers};
use mlp_core::{Activation, ActivationKind, Model, OutputTransform};
use std::io::{self, Write};

/// The longest file. For longer ones Python writes lengths and offsets in 64 bits.
const MAX_LENGTH: u64 = (1 << 31) - 1;
/// An upper bound on the bytes of the headers of an entry and of its array.
const OVERHEAD: u64 = 512;

/// Checks that the format can express the model and that the file can be read back.
pub(super) fn check<B: Tensor<Scalar: Number>, C: Activation>(model: &Model<B, C>) -> Result<(), SaveError> {
    hidden_name(model)?;
    let (scaled, mut size) = (is_scaled(model), B::Scalar::SIZE);
    if scaled {
        size = f64::SIZE;
    }
    let layers = model.network().layers();
    check_layers(layers).map_err(|e| SaveError::refused(e.to_string()))?;
    let mut length = END_LENGTH as u64;
    for (layer, dense) in layers.iter().enumerate() {
        for (what, part) in [("weights", &dense.weights), ("bias", &dense.bias)] {
            let bytes = parameters(layer, what, part)?.len().saturating_mul(size);
            length = length.saturating_add(bytes as u64).saturating_add(OVERHEAD);
        }
        let (weights, bias) = if scaled {
            folded(model, layer)
        } else {
            Default::default()
        };
        if let Some(got) = weights.iter().chain(&bias).find(|number| !number.is_finite()) {
            let message = format!("layer {layer}: expected finite numbers after scaling, got {got}");
            return Err(SaveError::new(SaveErrorKind::NotFinite, message));
        }
    }
    let entries = layers.len().saturating_mul(2).saturating_add(2);
    if length > MAX_LENGTH || entries > MAX_ENTRIES {
        let message = "the model is too large for an .npz file: the limits are 2 GiB and 4,096 entries";
        return Err(SaveError::refused(message));
    }
    Ok(())
}

fn is_scaled<B: Tensor, C: Activation>(model: &Model<B, C>) -> bool {
    model.input_scaling().or(model.target_scaling()).is_some()
}

/// scikit-learn's networks cannot express a part of the model.
fn inexpressible(what: &str, expected: &str, got: &str) -> SaveError {
    SaveError::refused(format!(
        "scikit-learn cannot express this network: {what}: expected {expected}, got {got}"
    ))
}

/// Returns scikit-learn's name for the activation of the hidden layers.
fn hidden_name<B: Tensor, C: Activation>(model: &Model<B, C>) -> Result<&'static str, SaveError> {
    let inexpressible = |layer: usize, expected: &str, got: &ActivationKind<C>| {
        inexpressible(&format!("layer {layer}"), expected, got.name())
    };
    let mut activations = model.network().activations().iter().enumerate();
    if let Some((layer, last)) = activations.next_back()
        && !matches!(last, ActivationKind::Identity(_))
    {
        return Err(inexpressible(layer, "a linear last layer", last));
    }
    let mut hidden = None;
    for (layer, activation) in activations {
        let name = match activation {
            ActivationKind::Identity(_) => "identity",
            ActivationKind::Sigmoid(_) => "logistic",
            ActivationKind::Tanh(_) => "tanh",
            ActivationKind::Relu(_) => "relu",
            _ => return Err(inexpressible(layer, &format!("one of {HIDDEN_NAMES}"), activation)),
        };
        if *hidden.get_or_insert(name) != name {
            return Err(inexpressible(layer, "the activation of layer 0", activation));
        }
    }
    // Without hidden layers any name would do. This one is scikit-learn's default.
    Ok(hidden.unwrap_or("relu"))
}

/// Writes the archive to `output`, entry after entry. The model must have passed [`check`].
pub(super) fn write<B: Tensor<Scalar: Number>, C: Activation>(
    model: &Model<B, C>,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut archive = Writer::new(output);
    for (layer, dense) in model.network().layers().iter().enumerate() {
        let (outputs, inputs) = dense.weights.shape();
        let [coefs, intercepts] = if is_scaled(model) {
            let (weights, bias) = folded(model, layer);
            [array(&weights, &[inputs, outputs]), array(&bias, &[outputs])]
        } else {
            let [mut weights, mut bias] = [Vec::new(), Vec::new()];
            B::read((&dense.weights).into(), &mut weights);
            B::read((&dense.bias).into(), &mut bias);
            [array(&weights, &[inputs, outputs]), array(&bias, &[outputs])]
        };
        archive.entry(&format!("coefs_{layer}"), &coefs)?;
        archive.entry(&format!("intercepts_{layer}"), &intercepts)?;
    }
    archive.entry(ACTIVATION, &text(hidden_name(model).unwrap_or("relu")))?;
    let out_activation = match model.output() {
        OutputTransform::Identity => "identity",
        OutputTransform::Softmax => "softmax",
        OutputTransform::Sigmoid => "logistic",
    };
    archive.entry(OUT_ACTIVATION, &text(out_activation))?;
    archive.finish()
}

/// Returns an array of numbers that stand column after column. These are the rows of the array, whose shape is
/// transposed.
fn array<T: Number>(values: &[T], shape: &[usize]) -> Vec<u8> {
    let mut bytes = npy::header(T::DESCR, shape);
    bytes.reserve_exact(values.len().saturating_mul(T::SIZE));
    for &value in values {
        value.put_le(&mut bytes);
    }
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = npy::header(&format!("<U{}", text.len()), &[]);
    bytes.extend(text.chars().flat_map(|letter| u32::from(letter).to_le_bytes()));
    bytes
}
