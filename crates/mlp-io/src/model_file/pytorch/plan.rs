//! Which tensors of a file belong to which layer.

use super::order::{Layer, Layers, sort};
use crate::container::{Entry, Header, KINDS, Shape, missing, other_dtype, other_shape, unexpected};
use crate::error::quoted;
use crate::{Dtype, LoadError, LoadErrorKind};
use std::collections::BTreeMap;
use std::path::Path;

/// The layers of a file, in the order in which the network applies them.
#[derive(Debug)]
pub(in crate::model_file) struct Plan {
    pub(in crate::model_file) dtype: Dtype,
    pub(super) layers: Layers,
    /// Whether a tensor may belong to several layers.
    pub(super) tied: bool,
}

impl Plan {
    /// Plans the layers of a file that should be `expected`, in the order of `names` if there are any.
    pub(in crate::model_file) fn new(
        header: &Header,
        expected: &str,
        names: Option<&[String]>,
    ) -> Result<Self, LoadError> {
        let is_kind = |kind: &str| header.metadata().iter().any(|(key, _)| key == kind);
        if let Some((_, got)) = KINDS.iter().find(|(kind, _)| is_kind(kind)) {
            let message = format!("expected {expected}, got {got}");
            return Err(LoadError::new(LoadErrorKind::OtherKind, message));
        }
        let Some(first) = header.entries().first() else {
            return Err(missing("0.weight"));
        };
        let aliases = aliases(header)?;
        let mut layers = grouped(header, &aliases)?;
        // PyTorch sorts tensors by their type, then by their name.
        let mut neighbors = header.entries().windows(2);
        let alphabetic = neighbors.all(|pair| !matches!(pair, [a, b] if a.dtype == b.dtype && a.name > b.name));
        match names {
            Some(names) => layers = listed(layers, names)?,
            None => sort(&mut layers, alphabetic || !aliases.is_empty())?,
        }
        let tied = !aliases.is_empty() || names.is_some();
        let dtype = first.dtype;
        let plan = Self { dtype, layers, tied };
        plan.check_shapes(header)?;
        plan.check_copies(header)?;
        Ok(plan)
    }

    /// Checks that the inputs of each layer are the outputs of the layer before it, and that its bias has one number
    /// per output.
    fn check_shapes(&self, header: &Header) -> Result<(), LoadError> {
        let mut before: Option<&Layer> = None;
        for layer in &self.layers {
            let got = layer.inputs;
            if let Some(before) = before.filter(|before| before.outputs != got) {
                let expected = before.outputs;
                let mut problem = format!("expected {expected} columns, one per output of the layer before, got {got}");
                if before.bias.is_none() && before.inputs == got {
                    let name = quoted(&before.name);
                    problem = format!("{problem}; is layer {name} an Embedding? Only Linear layers are read");
                }
                return Err(LoadError::tensor(LoadErrorKind::DoesNotFit, &layer.weight, problem));
            }
            let expected = Shape::Vector(layer.outputs);
            let bias = layer.bias.as_ref().and_then(|bias| header.entry(bias));
            if let Some(bias) = bias.filter(|bias| bias.shape != expected) {
                return Err(other_shape(&bias.name, expected, bias.shape));
            }
            before = Some(layer.as_ref());
        }
        Ok(())
    }

    /// Bounds the memory that tied layers take in a network, compared with the file.
    fn check_copies(&self, header: &Header) -> Result<(), LoadError> {
        /// A file whose tensors are used more often is a way to take memory rather than a network.
        const COPIES: usize = 64;
        let elements = header.entries().iter().map(|entry| entry.shape.elements().unwrap_or(0));
        let limit = elements.fold(0, usize::saturating_add).saturating_mul(COPIES);
        let got = self.numbers();
        if got <= limit {
            return Ok(());
        }
        let message = format!("expected tied layers of at most {limit} numbers, {COPIES} times the file's, got {got}");
        Err(LoadError::new(LoadErrorKind::Unsupported, message))
    }

    /// Returns the number of weights and biases.
    pub(super) fn numbers(&self) -> usize {
        let numbers = |layer: &Layer| layer.inputs.saturating_add(1).saturating_mul(layer.outputs);
        self.layers
            .iter()
            .map(|layer| numbers(layer))
            .fold(0, usize::saturating_add)
    }

    /// Checks that the tensors have the type `expected`, or can be converted to it.
    pub(super) fn check_dtypes(&self, header: &Header, expected: Dtype, convert: bool) -> Result<(), LoadError> {
        let fits = |got: Dtype| got == expected || (convert && got.fits(expected));
        let others = header.entries().iter().filter(|entry| !fits(entry.dtype));
        // A weight says more than the bias before it.
        match others.min_by_key(|entry| !entry.name.ends_with("weight")) {
            Some(entry) => {
                let mut error = other_dtype(&entry.name, expected, entry.dtype);
                if matches!(entry.dtype, Dtype::F16 | Dtype::BF16) && !convert {
                    error.message += ": PytorchOptions::convert converts it";
                }
                Err(error)
            }
            None => Ok(()),
        }
    }

    pub(in crate::model_file) fn layer_sizes(&self) -> Vec<usize> {
        let inputs = self.layers.first().map(|layer| layer.inputs);
        let outputs = self.layers.iter().map(|layer| layer.outputs);
        inputs.into_iter().chain(outputs).collect()
    }
}

/// Returns the tensors that the file has under another name, as `safetensors.torch.save_model` writes a module that is
/// used twice: the metadata has the second name as a key, and the name of the tensor under it.
fn aliases(header: &Header) -> Result<Vec<(&str, &Entry)>, LoadError> {
    let entries = header.entries_by_name();
    let find = |name: &String| {
        let place = entries.binary_search_by_key(&name, |entry| &entry.name);
        place.ok().and_then(|place| entries.get(place).copied())
    };
    let is_parameter = |name: &str| name.ends_with("weight") || name.ends_with("bias");
    let mut aliases = Vec::new();
    for (name, of) in header.metadata().iter().filter(|(name, of)| name != of) {
        let (shown, shown_of) = (quoted(name), quoted(of));
        let problem = match (find(name), find(of)) {
            (None, Some(entry)) => {
                aliases.push((name.as_str(), entry));
                continue;
            }
            (Some(_), Some(_)) => format!("{shown} is a tensor of its own"),
            (None, None) if is_parameter(name) && is_parameter(of) => {
                format!("the tensor {shown_of} is missing: the file is only a part of a network")
            }
            _ => continue,
        };
        let message = format!("metadata: {shown} is tied to {shown_of}, but {problem}");
        return Err(LoadError::new(LoadErrorKind::DoesNotFit, message));
    }
    Ok(aliases)
}

/// Returns the layers, in the order of the file.
fn grouped(header: &Header, aliases: &[(&str, &Entry)]) -> Result<Layers, LoadError> {
    let own = header.entries().iter().map(|entry| (entry.name.as_str(), entry));
    let mut layers = Layers::new();
    let mut numbers = BTreeMap::new();
    for (name, entry) in own.chain(aliases.iter().copied()) {
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", name));
        let number = *numbers.entry(layer).or_insert(layers.len());
        if number == layers.len() {
            let name = layer.to_owned();
            layers.push(Box::new(Layer {
                name,
                ..Layer::default()
            }));
        }
        match (layers.get_mut(number), part, entry.shape) {
            (Some(layer), "weight", Shape::Matrix(outputs, inputs)) => {
                layer.weight.clone_from(&entry.name);
                (layer.inputs, layer.outputs) = (inputs, outputs);
            }
            (Some(layer), "bias", Shape::Vector(_)) => layer.bias = Some(entry.name.clone()),
            _ => return Err(unexpected(name)),
        }
    }
    match layers.iter().find(|layer| layer.weight.is_empty()) {
        Some(layer) => Err(missing(&format!("{}.weight", layer.name))),
        None => Ok(layers),
    }
}

/// Returns the layers in the order of `names`, which lists each of them.
fn listed(layers: Layers, names: &[String]) -> Result<Layers, LoadError> {
    let mut places = BTreeMap::new();
    for (place, layer) in layers.iter().enumerate() {
        places.insert(layer.name.as_str(), place);
    }
    let mut left = places.clone();
    let find = |name: &String| {
        left.remove(name.as_str());
        let layer = places.get(name.as_str()).and_then(|&place| layers.get(place));
        layer.cloned().ok_or_else(|| missing(&format!("{name}.weight")))
    };
    let found = names.iter().map(find).collect::<Result<_, _>>()?;
    match left.first_key_value().and_then(|(_, &place)| layers.get(place)) {
        Some(layer) => Err(unexpected(&layer.weight)),
        None => Ok(found),
    }
}

/// Checks that the name of the file is not that of one part of a network, such as `model-00001-of-00002.safetensors`.
pub(in crate::model_file) fn check_whole(path: &Path) -> Result<(), LoadError> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let part = name.replace('_', "-").rsplit_once("-of-").and_then(|(before, count)| {
        let part = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
        Some((part.parse::<u32>().ok()?, count.parse::<u32>().ok()?))
    });
    match part {
        Some((part, count)) if count > 1 => {
            let message = format!("part {part} of {count}: a network must be in one file");
            Err(LoadError::new(LoadErrorKind::OtherKind, message))
        }
        _ => Ok(()),
    }
}
