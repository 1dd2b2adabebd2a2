//! `mlp-demo inspect`: prints what a model file records.

use std::io::Write;

use mlp_core::{Mlp, Model, Output as Prediction, Scaling};
use mlp_cpu::{Element, Matrix};

use super::exact;
use crate::cli::{InspectArgs, ModelArgs};
use crate::error::{Error, counted, one_line};
use crate::model::{self, AnyModel};
use crate::output::Output;

/// Prints layers, activations, number of parameters, loss, preprocessing, classes and provenance.
///
/// # Errors
///
/// Returns an error if the file is not a model, or if an activation is given for a model that records its own.
pub(crate) fn run<W: Write>(args: &InspectArgs, output: &mut Output<W>) -> Result<(), Error> {
    let ModelArgs { path, activation } = &args.model;
    let summary = mlp_io::inspect(path)?;
    let sizes = &summary.layer_sizes;
    let lines = if summary.is_model {
        match model::load(path, activation.as_ref())? {
            AnyModel::F32(model) => lines(&model),
            AnyModel::F64(model) => lines(&model),
        }
    } else {
        let mut lines = match activation.as_ref().map(|it| model::load(path, Some(it))).transpose()? {
            None => layers(sizes, |_| String::new()),
            Some(AnyModel::F32(model)) => network(model.network()),
            Some(AnyModel::F64(model)) => network(model.network()),
        };
        lines.push(
            "A network saved by PyTorch: the file does not record activations, loss, preprocessing, classes or \
             provenance"
                .to_owned(),
        );
        lines
    };
    let dtype = summary.dtype.to_string().to_lowercase();
    output.line(format_args!(
        "Network {sizes:?}: {} in {dtype}",
        counted(summary.parameters, "parameter")
    ))?;
    lines.iter().try_for_each(|line| output.line(format_args!("{line}")))
}

/// Returns a line per layer, with its activation.
fn network<T: Element>(network: &Mlp<Matrix<T>>) -> Vec<String> {
    layers(&network.layer_sizes(), |layer| {
        let activation = &network.activations()[layer];
        format!(", {}", with_parameters(activation.name(), &activation.parameters()))
    })
}

fn lines<T: Element>(model: &Model<Matrix<T>>) -> Vec<String> {
    let mut lines = network(model.network());
    let predictions = match model.output() {
        Prediction::Identity if model.target_scaling().is_some() => {
            "the outputs of the last layer, converted to the units of the targets"
        }
        Prediction::Identity => "the outputs of the last layer",
        Prediction::Softmax => "probabilities, by softmax",
        Prediction::Sigmoid => "probabilities, each by a sigmoid",
    };
    let loss = with_parameters(model.loss().name(), &model.loss().parameters());
    lines.push(format!("Loss: {loss}"));
    lines.push(format!("Predictions: {predictions}"));
    lines.push(format!("Input scaling: {}", scaling(model.input_scaling())));
    lines.push(format!("Target scaling: {}", scaling(model.target_scaling())));
    let classes = model.classes().map(|classes| one_line(&classes.names().join(", ")));
    lines.push(format!("Classes: {}", classes.as_deref().unwrap_or("not named")));
    let provenance = model.provenance();
    lines.push(format!("Version: {}", one_line(&provenance.version)));
    let seed = provenance.seed.map_or("not known".to_owned(), |seed| seed.to_string());
    lines.push(format!("Seed: {seed}"));
    let data = provenance.data.as_deref().map_or("not known".to_owned(), one_line);
    lines.push(format!("Training data: {data}"));
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
fn scaling(scaling: Option<&Scaling>) -> String {
    let Some(scaling) = scaling else {
        return "none".to_owned();
    };
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
