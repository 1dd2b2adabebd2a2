//! `mlp-demo predict`: prints what a model predicts for the samples of a file.

use std::fs;
use std::io::Write;
use std::iter;
use std::path::Path;

use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use serde::Serialize;

use super::{aligned, cells, predicted};
use crate::cli::{Format, PredictArgs};
use crate::dtype::Dtype;
use crate::error::{Error, counted, one_line};
use crate::model::{self, AnyModel};
use crate::output::Output;
use crate::table::Table;

/// Prints the predictions of a model.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written.
pub(crate) fn run<W: Write>(args: &PredictArgs, output: &mut Output<W>) -> Result<(), Error> {
    match model::load(&args.model.path, args.model.activation.as_ref())? {
        AnyModel::F32(model) => predict(&model, Dtype::F32, args, output),
        AnyModel::F64(model) => predict(&model, Dtype::F64, args, output),
    }
}

fn predict<T: Element + Serialize, W: Write>(
    model: &Model<Matrix<T>>,
    dtype: Dtype,
    args: &PredictArgs,
    output: &mut Output<W>,
) -> Result<(), Error> {
    let input = samples::<T>(&args.data, model.network().inputs(), dtype, &args.model.path)?;
    let predictions = model.predict(&input);
    for (sample, outputs) in predictions.iter_columns().enumerate() {
        if let Some(value) = outputs.iter().find(|value| !value.is_finite()) {
            return Err(Error::unexpected(
                format_args!("{}: sample {}", args.data.display(), sample + 1),
                "features for which the outputs of the model are finite",
                format_args!("an output of {value}"),
            ));
        }
    }
    // In a multilabel model the labels are independent, so there is no single class.
    let classes = model.classes().filter(|_| model.is_classifier());
    let names: Option<Vec<&str>> = classes.map(|classes| {
        let names = classes.names();
        let predicted = model.classify(&input);
        let name = |class: usize| names[class].as_str();
        // The predictions are finite, so every sample has a class.
        predicted.into_iter().flatten().map(name).collect()
    });
    match args.format {
        Format::Text => text(model, &predictions, names.as_deref(), output),
        Format::Json => json(&predictions, names.as_deref(), output),
    }
}

/// Reads the features of all samples, `inputs` x n.
fn samples<T: Element>(path: &Path, inputs: usize, dtype: Dtype, model: &Path) -> Result<Matrix<T>, Error> {
    let csv = fs::read(path).map_err(Error::read(path))?;
    let example = if inputs == 1 { "`x`" } else { "`x1,x2`" };
    let table = Table::parse(path, &csv, dtype, example, |header, place| {
        if header.len() == inputs {
            return Ok(());
        }
        let expected = format!("{}, one per input of {}", counted(inputs, "column"), model.display());
        Err(Error::unexpected(place.line(), expected, header.len()))
    })?;
    let values = table.rows().flatten().map(|&value| T::from_f64(value)).collect();
    Ok(Matrix::from_vec(inputs, table.rows().len(), values))
}

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a, T> {
    outputs: &'a [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
}

fn json<T: Element + Serialize, W: Write>(
    predictions: &Matrix<T>,
    classes: Option<&[&str]>,
    output: &mut Output<W>,
) -> Result<(), Error> {
    for (i, outputs) in predictions.iter_columns().enumerate() {
        let class = classes.map(|classes| classes[i]);
        let line = serde_json::to_string(&Line { outputs, class }).expect("numbers and a text are valid JSON");
        output.line(format_args!("{line}"))?;
    }
    Ok(())
}

/// Prints a row per sample: its number, its class if there are classes, and its outputs. Outputs that would be too many
/// to read are left out.
fn text<T: Element, W: Write>(
    model: &Model<Matrix<T>>,
    predictions: &Matrix<T>,
    classes: Option<&[&str]>,
    output: &mut Output<W>,
) -> Result<(), Error> {
    const MOST_NUMBERS: usize = 10;
    let outputs = predictions.rows();
    let name = |i: usize| match model.classes() {
        Some(classes) if classes.len() == outputs => one_line(&classes.names()[i]),
        // A single output for two classes is the probability of the second class.
        Some(classes) => one_line(&classes.names()[1]),
        None if outputs == 1 => "output".to_owned(),
        None => format!("output {}", i + 1),
    };
    let row = |sample: String, class: Option<String>, outputs: Vec<String>| -> Vec<String> {
        iter::once(sample).chain(class).chain(outputs).collect()
    };
    let header = row(
        "sample".into(),
        classes.map(|_| "class".into()),
        cells((0..outputs).map(name), MOST_NUMBERS),
    );
    let rows = predictions.iter_columns().enumerate().map(|(i, outputs)| {
        row(
            (i + 1).to_string(),
            classes.map(|classes| one_line(classes[i])),
            cells(outputs.iter().map(|value| predicted(value.to_f64())), MOST_NUMBERS),
        )
    });
    for line in aligned(&iter::once(header).chain(rows).collect::<Vec<_>>()) {
        output.line(format_args!("{line}"))?;
    }
    Ok(())
}
