//! `mlp inspect`: prints what a model file records.

use crate::error::Error;
use crate::model::{self, AnyModel, load_table, records_its_own};
use crate::options::{Format, InspectArgs, ModelArgs};
use crate::output::print;
use crate::text::{counted, exact};
use mlp_core::{ActivationKind, Model, OutputTransform, Provenance, Scaling};
use mlp_cpu::{Element, Matrix};
use mlp_io::{one_line, quoted};
use mlp_table::TableModel;
use serde_json::{Value, json};
use std::path::Path;

use super::learning::{columns_json, columns_text, scores_json, scores_text, settings};

pub(crate) fn run(args: &InspectArgs) -> Result<(), Error> {
    let ModelArgs { path, activation } = &args.model;
    let lines = match (load_table(path)?, activation) {
        (Some(_), Some(activation)) => return Err(records_its_own(path, activation)),
        (Some(model), None) if args.format == Format::Json => vec![json_of_table(&model).to_string()],
        (Some(model), None) => vec![of_table(&model)],
        (None, _) if args.format == Format::Json => {
            return Err(Error::unexpected("--format", "text for a network", "json"));
        }
        (None, activation) => of_network(path, activation.as_ref())?,
    };
    print(&(lines.join("\n") + "\n"))
}

/// Describes a model of a table.
fn of_table(model: &TableModel) -> String {
    let networks = counted(model.members(), "network");
    let mut text = format!(
        "Model of {}, recipe {}, {networks}\nSettings: {}\n\n",
        quoted(model.target().name()),
        model.recipe(),
        settings(model.overrides())
    );
    text += &columns_text(model.columns(), model.target().name());
    text += &format!("\n{}\n", scores_text(model.scores()));
    for note in model.notes() {
        text += &format!("Note: {}\n", one_line(note));
    }
    text + &origin(model.provenance()).join("\n")
}

/// Describes a model of a table for a program, with the names that `mlp train` and `mlp tune` have for the same things.
fn json_of_table(model: &TableModel) -> Value {
    let (target, provenance) = (model.target().name(), model.provenance());
    json!({
        "target": target,
        "columns": columns_json(model.columns(), target),
        "recipe": model.recipe().to_string(),
        "settings": model.overrides(),
        "networks": model.members(),
        "scores": scores_json(model.scores()),
        "notes": model.notes(),
        "version": provenance.version,
        "seed": provenance.seed,
        "data": provenance.data,
    })
}

/// Describes a network: layers, activations, number of parameters, loss, names, preprocessing, classes and origin.
fn of_network(path: &Path, activation: Option<&ActivationKind>) -> Result<Vec<String>, Error> {
    let summary = mlp_io::inspect(path)?;
    let sizes = &summary.layer_sizes;
    let dtype = summary.dtype.to_string().to_lowercase();
    let mut lines = vec![format!(
        "Network {sizes:?}: {} in {dtype}",
        counted(summary.parameters, "parameter")
    )];
    if summary.is_model || activation.is_some() {
        match model::load(path, activation)? {
            AnyModel::F32(model) => describe(&model, summary.is_model, &mut lines),
            AnyModel::F64(model) => describe(&model, summary.is_model, &mut lines),
            AnyModel::Table(_) => unreachable!("a model of a table is not described by its layers"),
        }
    } else {
        lines.extend(layers(sizes, |_| String::new()));
    }
    if !summary.is_model {
        let missing = "the file does not record activations, loss, preprocessing, classes or provenance";
        lines.push(format!("A network saved by PyTorch: {missing}"));
    }
    Ok(lines)
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
    let or = |value: Option<String>, missing: &str| value.unwrap_or_else(|| missing.to_owned());
    lines.extend([format!("Loss: {loss}"), format!("Predictions: {predictions}")]);
    lines.extend(features.into_iter().chain(targets));
    lines.extend([
        format!("Input scaling: {}", or(model.input_scaling().map(scaling), "none")),
        format!("Target scaling: {}", or(model.target_scaling().map(scaling), "none")),
        format!("Classes: {}", or(classes, "not named")),
    ]);
    lines.extend(origin(model.provenance()));
}

/// Returns the lines about where a model comes from.
fn origin(provenance: &Provenance) -> Vec<String> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "not known".to_owned());
    let mut lines = vec![
        format!("Version: {}", one_line(&provenance.version)),
        format!("Seed: {}", known(provenance.seed.map(|seed| seed.to_string()))),
        format!("Training data: {}", known(provenance.data.as_deref().map(one_line))),
    ];
    lines.extend(
        provenance
            .note
            .as_deref()
            .map(|note| format!("Note: {}", one_line(note))),
    );
    lines
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
