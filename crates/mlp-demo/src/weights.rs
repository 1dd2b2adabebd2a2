//! The weights and biases of a network as JSON.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use mlp_core::activations::{Identity, LeakyRelu};
use mlp_core::{Dense, Mlp};
use mlp_cpu::{Element, Matrix};
use mlp_io::one_line;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::number::finite;
use crate::text::{counted, list};

/// The weights and biases of a network, `{"weights": [[[..row..],..],..], "biases": [[..],..]}`. Only the syntax of a
/// file has been checked; [`network`](Self::network) checks the rest.
///
/// Layer l (from 0) maps n_in values to n_out values: `weights[l]` is n_out rows of n_in numbers, and `biases[l]` is
/// n_out numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The weights of each layer.
    pub weights: Vec<Vec<Vec<f64>>>,
    /// The biases of each layer. If there are none, all biases are zero.
    pub biases: Option<Vec<Vec<f64>>>,
}

impl Weights {
    /// Reads a JSON file. Any other key than `weights` and `biases` is an error.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, or if it is not JSON of this form. The message names the line and
    /// the column.
    pub fn read(path: &Path) -> Result<Self, Error> {
        from_json(path.display(), &fs::read(path).map_err(Error::read(path))?)
    }

    /// Parses a JSON text as [`read`](Self::read) does; `source` names the text in messages.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`read`](Self::read) that concern the content of the file.
    pub fn from_json(source: impl Display, json: &[u8]) -> Result<Self, Error> {
        from_json(source, json)
    }

    /// Returns the current weights and biases of a network. `f32` numbers become the `f64` numbers of the same value.
    #[must_use]
    pub fn of<T: Element>(network: &Mlp<Matrix<T>>) -> Self {
        let columns = |matrix: &Matrix<T>| -> Vec<Vec<f64>> {
            let columns = matrix.iter_columns();
            columns
                .map(|column| column.iter().map(|value| value.to_f64()).collect())
                .collect()
        };
        let layers = network.layers().iter();
        Self {
            weights: layers
                .clone()
                .map(|layer| columns(&layer.weights.transposed()))
                .collect(),
            biases: Some(layers.flat_map(|layer| columns(&layer.bias)).collect()),
        }
    }

    /// Builds the network that has these weights, with the activation `hidden` in the hidden layers and linear outputs.
    /// `source` names the weights in messages.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no layer, if a layer has no rows, if a row is empty or ragged, if the number of
    /// inputs of a layer is not the number of outputs of the layer before, if a number is not finite in `T`, or if the
    /// biases are not one list per layer with one number per row. The message names the layer, counted from 1, and its
    /// place in the file.
    pub fn network<T: Element>(&self, source: impl Display, hidden: LeakyRelu) -> Result<Mlp<Matrix<T>>, Error> {
        let Self { weights, biases } = self;
        let mut matrices = vec![];
        for (l, rows) in weights.iter().enumerate() {
            matrices.push(matrix::<T>(&source, l, rows, matrices.last())?);
        }
        if matrices.is_empty() {
            let at = format!("{source}: `weights`");
            return Err(Error::unexpected(at, "at least one layer", "none"));
        }
        if let Some(got) = biases.as_ref().map(Vec::len).filter(|&got| got != weights.len()) {
            let expected = counted(weights.len(), "list") + ", one per layer";
            return Err(Error::unexpected(format_args!("{source}: `biases`"), expected, got));
        }
        let mut layers = vec![];
        for (l, weights) in matrices.into_iter().enumerate() {
            let bias = match biases {
                None => Matrix::zeros(weights.rows(), 1),
                Some(biases) => {
                    let at = format!("{source}: layer {} (`biases[{l}]`)", l + 1);
                    let bias = numbers(&at, &biases[l], weights.rows(), "one per row of its weights")?;
                    Matrix::from_columns(&[bias])
                }
            };
            let last = l + 1 == self.weights.len();
            let activation = if last { Identity.into() } else { hidden.into() };
            layers.push((Dense { weights, bias }, activation));
        }
        Ok(Mlp::from_layers(layers)?)
    }
}

/// Returns the weights of layer `l`. Each row must have one number per output of the layer before.
fn matrix<T: Element>(
    source: &impl Display,
    l: usize,
    rows: &[Vec<f64>],
    before: Option<&Matrix<T>>,
) -> Result<Matrix<T>, Error> {
    let at = format!("{source}: layer {}", l + 1);
    let Some(first) = rows.first() else {
        let at = format!("{at} (`weights[{l}]`)");
        return Err(Error::unexpected(at, "at least one row", "none"));
    };
    if first.is_empty() {
        let at = format!("{at}, row 1 (`weights[{l}][0]`)");
        return Err(Error::unexpected(at, "at least one number", "none"));
    }
    let mut matrix = vec![];
    for (r, row) in rows.iter().enumerate() {
        // If the first row has the wrong length, the shapes do not chain. Any other row is ragged.
        let (length, why) = match before {
            Some(before) if r == 0 => (before.rows(), format!("one per output of layer {l}")),
            _ => (first.len(), "as in row 1".to_owned()),
        };
        let at = format!("{at}, row {} (`weights[{l}][{r}]`)", r + 1);
        matrix.push(numbers(&at, row, length, &why)?);
    }
    Ok(Matrix::from_rows(&matrix))
}

/// Checks that there are `length` numbers and that they are finite in `T`; `why` says where the length comes from.
fn numbers<T: Element>(at: &str, numbers: &[f64], length: usize, why: &str) -> Result<Vec<T>, Error> {
    if numbers.len() != length {
        let expected = format!("{}, {why}", counted(length, "number"));
        return Err(Error::unexpected(at, expected, numbers.len()));
    }
    let checked = |(i, &number): (usize, &f64)| {
        let at = format_args!("{at}, number {i}");
        finite(number).map_err(|expected| Error::unexpected(at, expected, format_args!("{number:e}")))
    };
    (1..).zip(numbers).map(checked).collect()
}

/// Checks that a network has the sizes that `--layers` requested; `source` names the file of its weights.
///
/// # Errors
///
/// Returns an error if the number of layers differs, or else for the first layer whose shape differs.
pub(crate) fn check_sizes(source: impl Display, sizes: &[usize], requested: &[usize]) -> Result<(), Error> {
    let option = format!("(`--layers {}`)", list(requested));
    let layers = |sizes: &[usize]| sizes.len().saturating_sub(1);
    if sizes.len() != requested.len() {
        let expected = format!("{} {option}", counted(layers(requested), "layer"));
        let at = format!("{source}: `weights`");
        return Err(Error::unexpected(at, expected, layers(sizes)));
    }
    let shape = |pair: &[usize]| format!("{} of {}", counted(pair[1], "row"), counted(pair[0], "number"));
    for (l, (expected, got)) in requested.windows(2).zip(sizes.windows(2)).enumerate() {
        if expected != got {
            let at = format!("{source}: layer {} (`weights[{l}]`)", l + 1);
            let expected = format!("{} {option}", shape(expected));
            return Err(Error::unexpected(at, expected, shape(got)));
        }
    }
    Ok(())
}

/// Parses a JSON text. An error names the place before the problem, as all other messages do; `source` names the text.
pub(crate) fn from_json<V: DeserializeOwned>(source: impl Display, json: &[u8]) -> Result<V, Error> {
    serde_json::from_slice(json).map_err(|error| {
        let (line, column, problem) = (error.line(), error.column(), error.to_string());
        let place = format!(" at line {line} column {column}");
        let problem = one_line(problem.strip_suffix(&place).unwrap_or(&problem));
        Error::refused(format_args!("{source}: line {line}, column {column}: {problem}"))
    })
}

#[cfg(test)]
mod tests;
