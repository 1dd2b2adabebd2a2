//! Reads the weights and biases of a network from a JSON file.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::dtype::Dtype;
use crate::error::{Error, counted, one_line};

/// The weights and biases of a dense network. They are known to be valid: there is at least one layer, no matrix is
/// empty, the shapes chain, and every number is finite.
///
/// Layer l (from 0) maps n_in values to n_out values: `weights[l]` is n_out rows of n_in numbers, and `biases[l]` is
/// n_out numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
}

/// The content of the file. Only its syntax has been checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    weights: Vec<Vec<Vec<f64>>>,
    biases: Option<Vec<Vec<f64>>>,
}

impl Weights {
    /// Reads a file `{"weights": [[[..row..],..],..], "biases": [[..],..]}`. If `biases` is missing, all biases are
    /// zero. Any other key is an error.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, if it is not JSON of this form (the message names the line and the
    /// column), or if [`Weights::new`] rejects the weights and biases.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(Error::read(path))?;
        Self::from_json(path.display(), &json)
    }

    /// Parses a JSON text as [`Weights::read`] does; `source` names the text in messages.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Weights::read`] that concern the content of the file.
    pub fn from_json(source: impl Display, json: &[u8]) -> Result<Self, Error> {
        let Unchecked { weights, biases } = serde_json::from_slice(json).map_err(|e| json_error(&source, &e))?;
        Self::new(source, weights, biases)
    }

    /// Checks weights and biases; `source` names them in messages. `None` stands for zero biases.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no layer, if a layer has no rows, if a row is empty or ragged, if the number of
    /// inputs of a layer is not the number of outputs of the layer before, if a number is not finite, or if the biases
    /// are not one list per layer with one number per row. The message names the layer, counted from 1, and its place
    /// in the file.
    pub fn new(
        source: impl Display,
        weights: Vec<Vec<Vec<f64>>>,
        biases: Option<Vec<Vec<f64>>>,
    ) -> Result<Self, Error> {
        if weights.is_empty() {
            return Err(Error::unexpected(
                format_args!("{source}: `weights`"),
                "at least one layer",
                "none",
            ));
        }
        let mut outputs_before = None;
        for (l, rows) in weights.iter().enumerate() {
            check_layer(&source, l, rows, outputs_before)?;
            outputs_before = Some(rows.len());
        }
        let biases = biases.unwrap_or_else(|| weights.iter().map(|rows| vec![0.0; rows.len()]).collect());
        if biases.len() != weights.len() {
            let expected = counted(weights.len(), "list") + ", one per layer";
            return Err(Error::unexpected(
                format_args!("{source}: `biases`"),
                expected,
                biases.len(),
            ));
        }
        for (l, (biases, rows)) in biases.iter().zip(&weights).enumerate() {
            let at = format!("{source}: layer {} (`biases[{l}]`)", l + 1);
            check_row(&at, biases, rows.len(), "one per row of its weights")?;
        }
        Ok(Self { weights, biases })
    }

    /// Returns the sizes of the network: its inputs, then the outputs of each layer.
    #[must_use]
    pub fn sizes(&self) -> Vec<usize> {
        let inputs = self.weights.first().and_then(|rows| rows.first()).map_or(0, Vec::len);
        std::iter::once(inputs)
            .chain(self.weights.iter().map(Vec::len))
            .collect()
    }

    /// Returns the weights: `weights()[l]` is n_out rows of n_in numbers.
    #[must_use]
    pub fn weights(&self) -> &[Vec<Vec<f64>>] {
        &self.weights
    }

    /// Returns the biases: `biases()[l]` is n_out numbers.
    #[must_use]
    pub fn biases(&self) -> &[Vec<f64>] {
        &self.biases
    }

    /// Checks that every number is also finite in `dtype`.
    ///
    /// # Errors
    ///
    /// Returns an error that names the layer of the first number that is not finite, and its place in the file.
    pub fn check_dtype(&self, source: impl Display, dtype: Dtype) -> Result<(), Error> {
        let check = |at: &dyn Display, values: &[f64]| match values.iter().position(|&v| !dtype.round(v).is_finite()) {
            Some(i) => {
                let at = format!("{source}: {at}, number {}", i + 1);
                Err(Error::unexpected(
                    at,
                    dtype.finite_number(),
                    format_args!("{:e}", values[i]),
                ))
            }
            None => Ok(()),
        };
        for (l, (rows, biases)) in self.weights.iter().zip(&self.biases).enumerate() {
            for (r, row) in rows.iter().enumerate() {
                check(
                    &format_args!("layer {}, row {} (`weights[{l}][{r}]`)", l + 1, r + 1),
                    row,
                )?;
            }
            check(&format_args!("layer {} (`biases[{l}]`)", l + 1), biases)?;
        }
        Ok(())
    }

    /// Checks that these are the weights of a network with the given sizes, which were requested by `--layers`.
    ///
    /// # Errors
    ///
    /// Returns an error if the number of layers differs, or else for the first layer whose shape differs.
    pub fn check_sizes(&self, source: impl Display, sizes: &[usize]) -> Result<(), Error> {
        let asked = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let layers = sizes.len().saturating_sub(1);
        if self.weights.len() != layers {
            let expected = format!("{} (`--layers {asked}`)", counted(layers, "layer"));
            return Err(Error::unexpected(
                format_args!("{source}: `weights`"),
                expected,
                self.weights.len(),
            ));
        }
        let shape = |pair: &[usize]| format!("{} of {}", counted(pair[1], "row"), counted(pair[0], "number"));
        for (l, (wanted, own)) in sizes.windows(2).zip(self.sizes().windows(2)).enumerate() {
            if wanted != own {
                let at = format!("{source}: layer {} (`weights[{l}]`)", l + 1);
                return Err(Error::unexpected(
                    at,
                    shape(wanted) + &format!(" (`--layers {asked}`)"),
                    shape(own),
                ));
            }
        }
        Ok(())
    }
}

/// Checks the rows of layer `l`. Each must have one number per output of the layer before.
fn check_layer(source: &impl Display, l: usize, rows: &[Vec<f64>], outputs_before: Option<usize>) -> Result<(), Error> {
    let at = format!("{source}: layer {}", l + 1);
    let Some(first) = rows.first() else {
        return Err(Error::unexpected(
            format_args!("{at} (`weights[{l}]`)"),
            "at least one row",
            "none",
        ));
    };
    if first.is_empty() {
        let at = format!("{at}, row 1 (`weights[{l}][0]`)");
        return Err(Error::unexpected(at, "at least one number", "none"));
    }
    let (inputs, why) = match outputs_before {
        Some(outputs) => (outputs, format!("one per output of layer {l}")),
        None => (first.len(), "as in row 1".to_owned()),
    };
    for (r, row) in rows.iter().enumerate() {
        // A row is ragged if its length differs from that of the first row. If all rows have the same wrong length, the
        // shapes do not chain.
        let (inputs, why) = if row.len() == first.len() {
            (inputs, why.as_str())
        } else {
            (first.len(), "as in row 1")
        };
        check_row(&format!("{at}, row {} (`weights[{l}][{r}]`)", r + 1), row, inputs, why)?;
    }
    Ok(())
}

/// Checks that `row` has `length` numbers and that they are finite; `why` says where the length comes from.
fn check_row(at: &str, row: &[f64], length: usize, why: &str) -> Result<(), Error> {
    if row.len() != length {
        return Err(Error::unexpected(
            at,
            format!("{}, {why}", counted(length, "number")),
            row.len(),
        ));
    }
    match row.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        Some((i, value)) => Err(Error::unexpected(
            format_args!("{at}, number {}", i + 1),
            "a finite number",
            value,
        )),
        None => Ok(()),
    }
}

/// Converts a JSON error to one that names the place before the problem, as all other messages do.
pub(crate) fn json_error(source: &impl Display, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let problem = error.to_string();
    let problem = problem
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&problem);
    Error::Syntax {
        at: format!("{source}: line {line}, column {column}"),
        problem: one_line(problem),
    }
}

#[cfg(test)]
mod tests;
