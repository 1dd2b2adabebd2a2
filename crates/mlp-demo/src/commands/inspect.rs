//! `mlp-demo inspect`: prints what a model file records.

use mlp_core::{Model, OutputTransform, Scaling};
use mlp_cpu::{Element, Matrix};
use mlp_io::one_line;

use crate::error::Error;
use crate::model::{self, AnyModel};
use crate::options::{InspectArgs, ModelArgs};
use crate::printer::Printer;
use crate::text::{counted, exact};

/// Prints layers, activations, number of parameters, loss, names, preprocessing, classes and provenance.
///
/// # Errors
///
/// Returns an error if the file is not a model, or if an activation is given for a model that records its own.
pub(crate) fn run(args: &InspectArgs, printer: &mut Printer) -> Result<(), Error> {
    let ModelArgs { path, activation } = &args.model;
    let summary = mlp_io::inspect(path)?;
    let sizes = &summary.layer_sizes;
    let dtype = summary.dtype.to_string().to_lowercase();
    let mut lines = vec![format!(
        "Network {sizes:?}: {} in {dtype}",
        counted(summary.parameters, "parameter")
    )];
    if summary.is_model || activation.is_some() {
        match model::load(path, activation.as_ref())? {
            AnyModel::F32(model) => describe(&model, summary.is_model, &mut lines),
            AnyModel::F64(model) => describe(&model, summary.is_model, &mut lines),
        }
    } else {
        lines.extend(layers(sizes, |_| String::new()));
    }
    if !summary.is_model {
        let missing = "the file does not record activations, loss, preprocessing, classes or provenance";
        lines.push(format!("A network saved by PyTorch: {missing}"));
    }
    lines.iter().try_for_each(|line| writeln!(printer, "{line}"))
}

/// Adds the lines about a model's layers and, if it is not only a network, about the rest of it.
fn describe<T: Element>(model: &Model<Matrix<T>>, whole: bool, lines: &mut Vec<String>) {
    let network = model.network();
    lines.extend(layers(&network.layer_sizes(), |layer| {
        let activation = &network.activations()[layer];
        format!(", {}", with_parameters(activation.name(), &activation.parameters()))
    }));
    if !whole {
        return;
    }
    let predictions = match model.output() {
        OutputTransform::Identity if model.target_scaling().is_some() => {
            "the outputs of the last layer, converted to the units of the targets"
        }
        OutputTransform::Identity => "the outputs of the last layer",
        OutputTransform::Softmax => "probabilities, by softmax",
        OutputTransform::Sigmoid => "probabilities, each by a sigmoid",
    };
    let loss = with_parameters(model.loss().name(), &model.loss().parameters());
    let names = |names: &[String]| one_line(&names.join(", "));
    let classes = model.classes().map(|classes| names(classes.names()));
    let features = model.feature_names().map(|it| format!("Features: {}", names(it)));
    let targets = model.target_names().map(|it| format!("Targets: {}", names(it)));
    let provenance = model.provenance();
    let seed = provenance.seed.map(|seed| seed.to_string());
    let data = provenance.data.as_deref().map(one_line);
    let or = |value: Option<String>, missing: &str| value.unwrap_or_else(|| missing.to_owned());
    lines.extend([format!("Loss: {loss}"), format!("Predictions: {predictions}")]);
    lines.extend(features.into_iter().chain(targets));
    lines.extend([
        format!("Input scaling: {}", or(model.input_scaling().map(scaling), "none")),
        format!("Target scaling: {}", or(model.target_scaling().map(scaling), "none")),
        format!("Classes: {}", or(classes, "not named")),
        format!("Version: {}", one_line(&provenance.version)),
        format!("Seed: {}", or(seed, "not known")),
        format!("Training data: {}", or(data, "not known")),
    ]);
    let note = provenance.note.as_deref();
    lines.extend(note.map(|note| format!("Note: {}", one_line(note))));
}

/// Returns a line per layer, numbered like the tensors of the file, with the text that `more` adds to it.
fn layers(sizes: &[usize], more: impl Fn(usize) -> String) -> Vec<String> {
    let layers = sizes.windows(2).enumerate();
    layers
        .map(|(layer, pair)| format!("Layer {layer}: {} -> {}{}", pair[0], pair[1], more(layer)))
        .collect()
}

/// Formats a name and its parameters, such as `elu (alpha 0.5)`.
fn with_parameters(name: &str, parameters: &[(&str, f64)]) -> String {
    if parameters.is_empty() {
        return name.to_owned();
    }
    let parameters: Vec<_> = parameters
        .iter()
        .map(|&(name, value)| format!("{name} {}", exact(value)))
        .collect();
    format!("{name} ({})", parameters.join(", "))
}

/// Formats a scaling, such as `standard, (x - offset) / scale, offset 1.5, scale 2`. If all features have the same
/// offset or scale, it is one number; otherwise it is a range from the least to the greatest.
fn scaling(scaling: &Scaling) -> String {
    let range = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if least == greatest {
            exact(least)
        } else {
            format!("{} to {}", exact(least), exact(greatest))
        }
    };
    format!(
        "{}, (x - offset) / scale, offset {}, scale {}",
        scaling.kind().name(),
        range(scaling.offset()),
        range(scaling.scale())
    )
}
