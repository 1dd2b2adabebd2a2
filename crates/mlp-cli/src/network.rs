//! Networks without a table: those that this library or PyTorch saved. Their inputs are numbers.

use crate::error::{Error, say};
use crate::text::counted;
use arrow_array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray};
use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use mlp_io::quoted;
use mlp_table::Table;
use std::path::Path;
use std::sync::Arc;

/// Finds the columns of the inputs in a table: by name, if the model keeps names, else all but those in `keep`.
pub(crate) fn columns<T: Element>(
    model: &Model<Matrix<T>>,
    path: &Path,
    table: &Table,
    data: &Path,
    keep: &[String],
) -> Result<Vec<String>, Error> {
    let (path, data) = (path.display(), data.display());
    let others = |names: &[String]| -> Vec<String> {
        let others = table.names().filter(|name| !names.iter().any(|other| other == name));
        others.map(str::to_owned).collect()
    };
    if let Some(names) = model.feature_names() {
        let unused = others(&[names, keep].concat());
        if !unused.is_empty() {
            let unused = listed(&unused);
            say(format_args!(
                "warning: {data}: columns that {path} does not use are ignored: {unused}"
            ));
        }
        return Ok(names.to_vec());
    }
    // A first row that is taken for a header would silently be lost.
    if let Some(name) = table.names().find(|name| name.parse::<f64>().is_ok()) {
        let expected = "a header with names, which are not numbers";
        return Err(Error::unexpected(data, expected, quoted(name)));
    }
    let (columns, inputs) = (others(keep), model.network().inputs());
    if columns.len() != inputs {
        let expected = format_args!("{}, one per input of {path}", counted(inputs, "column"));
        let got = format_args!("{}: {}", columns.len(), listed(&columns));
        return Err(Error::unexpected(data, expected, got));
    }
    Ok(columns)
}

/// Predicts the rows of a table. `place` names a row, counted from 0, in messages.
pub(crate) fn predict<T: Number>(
    model: &Model<Matrix<T>>,
    table: &Table,
    columns: &[String],
    place: impl Fn(usize) -> String,
) -> Result<RecordBatch, Error> {
    let input = table.numbers::<T>(columns)?;
    let outputs = model.predict(&input);
    for (row, output) in outputs.iter_columns().enumerate() {
        if let Some(value) = output.iter().find(|value| !value.is_finite()) {
            let expected = "numbers for which the outputs of the model are finite";
            return Err(Error::unexpected(
                place(row),
                expected,
                format_args!("an output of {value}"),
            ));
        }
    }
    let mut columns: Vec<(String, ArrayRef)> = vec![];
    let classes = model.classes();
    // In a multilabel model the labels are independent, so there is no single class.
    if let Some(classes) = classes.filter(|_| model.is_classifier()) {
        let name = |class: Option<usize>| class.map(|class| classes.names()[class].as_str());
        let names: StringArray = model.classify(&input).into_iter().map(name).collect();
        columns.push(("prediction".into(), Arc::new(names)));
    }
    for output in 0..outputs.rows() {
        let name = match classes {
            Some(classes) if classes.len() == outputs.rows() => format!("probability:{}", classes.names()[output]),
            // A single output for two classes is the probability of the second class.
            Some(classes) => format!("probability:{}", classes.names()[1]),
            None if outputs.rows() == 1 => "prediction".to_owned(),
            None => format!("output {}", output + 1),
        };
        columns.push((name, T::column(outputs.iter_columns().map(|column| column[output]))));
    }
    Ok(RecordBatch::try_from_iter(columns).expect("the columns are of equal length"))
}

/// A type of numbers that Arrow has columns of.
pub(crate) trait Number: Element {
    fn column(numbers: impl Iterator<Item = Self>) -> ArrayRef;
}

impl Number for f32 {
    fn column(numbers: impl Iterator<Item = Self>) -> ArrayRef {
        Arc::new(Float32Array::from_iter_values(numbers))
    }
}

impl Number for f64 {
    fn column(numbers: impl Iterator<Item = Self>) -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(numbers))
    }
}

/// Lists names for a message. Names that would be too many to read are left out.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(10).map(|name| quoted(name)).collect();
    shown.join(", ") + if names.len() > 10 { ", .." } else { "" }
}
