//! `mlp-demo predict`: prints what a model predicts for the samples of a file.

use std::fs;
use std::iter;

use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use mlp_io::one_line;
use serde::Serialize;

use crate::error::{Error, warn};
use crate::model::{self, AnyModel};
use crate::options::{Format, PredictArgs};
use crate::printer::Printer;
use crate::table::{self, listed};
use crate::text::{aligned, cells, counted, predicted};

/// Prints the predictions of a model.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written.
pub(crate) fn run(args: &PredictArgs, printer: &mut Printer) -> Result<(), Error> {
    match model::load(&args.model.path, args.model.activation.as_ref())? {
        AnyModel::F32(model) => predict(&model, args, printer),
        AnyModel::F64(model) => predict(&model, args, printer),
    }
}

fn predict<T: Element + Serialize>(
    model: &Model<Matrix<T>>,
    args: &PredictArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let (input, ignored) = samples::<T>(args, model.network().inputs(), model.feature_names())?;
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
        let name = |class: usize| classes.names()[class].as_str();
        // The predictions are finite, so every sample has a class.
        model.classify(&input).into_iter().flatten().map(name).collect()
    });
    if !ignored.is_empty() {
        let (data, model) = (args.data.display(), args.model.path.display());
        let ignored = listed(ignored);
        warn(format_args!(
            "{data}: columns that {model} does not use are ignored: {ignored}"
        ));
    }
    let lines = match args.format {
        Format::Text => table(model, &predictions, names.as_deref()),
        Format::Json => json(&predictions, names.as_deref()),
    };
    lines.iter().try_for_each(|line| writeln!(printer, "{line}"))
}

/// Reads the features of all samples, `inputs` x n, by the `names` of their columns if the model has them. Also returns
/// the names of the columns that it does not use.
fn samples<T: Element>(
    args: &PredictArgs,
    inputs: usize,
    names: Option<&[String]>,
) -> Result<(Matrix<T>, Vec<String>), Error> {
    let csv = fs::read(&args.data).map_err(Error::read(&args.data))?;
    let example = if inputs == 1 { "`x`" } else { "`x1,x2`" };
    let model = args.model.path.display();
    let mut ignored = vec![];
    let input = table::parse(&args.data, &csv, example, |header| {
        if let Some(names) = names {
            let (columns, others) = table::columns_named(names, header, &model.to_string())?;
            ignored = others;
            return Ok(columns);
        }
        table::check_names(header, example)?;
        let got = header.cells.len();
        if got != inputs {
            let expected = format!("{}, one per input of {model}", counted(inputs, "column"));
            return Err(header.unexpected(expected, format_args!("{got}: {}", header.shown())));
        }
        Ok((0..inputs).collect())
    })?;
    Ok((input, ignored))
}

/// A line of `--format json`.
#[derive(Serialize)]
struct Line<'a, T> {
    outputs: &'a [T],
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
}

fn json<T: Element + Serialize>(predictions: &Matrix<T>, classes: Option<&[&str]>) -> Vec<String> {
    let line = |(i, outputs)| {
        let class = classes.map(|classes| classes[i]);
        serde_json::to_string(&Line { outputs, class }).expect("numbers and a text are valid JSON")
    };
    predictions.iter_columns().enumerate().map(line).collect()
}

/// Formats a row per sample: its number, its class if there are classes, and its outputs. Outputs that would be too
/// many to read are left out.
fn table<T: Element>(model: &Model<Matrix<T>>, predictions: &Matrix<T>, classes: Option<&[&str]>) -> Vec<String> {
    const MOST_NUMBERS: usize = 10;
    let outputs = predictions.rows();
    let name = |i: usize| match model.classes() {
        Some(classes) if classes.len() == outputs => one_line(&classes.names()[i]),
        // A single output for two classes is the probability of the second class.
        Some(classes) => one_line(&classes.names()[1]),
        None if outputs == 1 => "output".to_owned(),
        None => format!("output {}", i + 1),
    };
    let class = classes.map(|_| "class".to_owned());
    let header = iter::once("sample".to_owned()).chain(class);
    let mut rows = vec![header.chain(cells((0..outputs).map(name), MOST_NUMBERS)).collect()];
    for (i, outputs) in predictions.iter_columns().enumerate() {
        let class = classes.map(|classes| one_line(classes[i]));
        let outputs = outputs.iter().map(|value| predicted(value.to_f64()));
        let row = iter::once((i + 1).to_string()).chain(class);
        rows.push(row.chain(cells(outputs, MOST_NUMBERS)).collect());
    }
    aligned(&rows)
}
