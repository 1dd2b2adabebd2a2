//! What is predicted, and how a network's output becomes it.

use crate::error::near;
use crate::scaler::moments;
use crate::{Columns, Kind, Table, TableError, Task};
use mlp_core::Classes;
use mlp_cpu::Matrix;
use mlp_io::quoted;
use serde::{Deserialize, Serialize};

/// The target of a network, fitted to the rows that it is trained on.
///
/// A number y is learned as (y - mean) / deviation. A class is learned as its index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Target {
    name: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Values {
    Number {
        mean: f64,
        deviation: f64,
        least: f64,
        greatest: f64,
    },
    Classes {
        names: Classes,
        booleans: bool,
    },
}

impl Target {
    /// Fits the target to the rows of `table`, all of which must have one.
    pub(crate) fn fit(table: &Table, columns: &Columns) -> Result<Self, TableError> {
        let (column, missing) = (columns.target(), columns.missing());
        let name = column.name.clone();
        let values = match columns.task() {
            Task::Regression => {
                let numbers = table.numbers(&name, missing)?;
                if let Some(row) = numbers.iter().position(|number| number.is_nan()) {
                    return Err(unlabeled(table, row, &name));
                }
                let (mean, deviation) = moments(&numbers);
                if !(deviation.is_normal() && mean.is_finite()) {
                    let expected = "at least two different values of the target";
                    let error = TableError::unexpected(expected, format_args!("only {}", numbers[0]));
                    return Err(table.error(error.in_column(&name)));
                }
                Values::Number {
                    mean,
                    deviation,
                    least: numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    greatest: numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                }
            }
            Task::Classification => {
                let (mut labels, booleans) = (vec![], column.kind == Kind::Boolean);
                let mut empty = None;
                table.words(&name, booleans, missing, |row, word| match word {
                    Some(word) => labels.push(word.to_owned()),
                    None => empty = empty.or(Some(row)),
                })?;
                if let Some(row) = empty {
                    return Err(unlabeled(table, row, &name));
                }
                let names = Classes::of_labels(&labels).expect("no label is empty");
                if names.len() < 2 {
                    let expected = "at least two classes";
                    let error = TableError::unexpected(expected, format_args!("only {}", quoted(&names.names()[0])));
                    return Err(table.error(error.in_column(&name)));
                }
                Values::Classes { names, booleans }
            }
        };
        Ok(Self { name, values })
    }

    /// Returns the name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the classes, in the order of the network's outputs, or `None` if the target is a number.
    pub fn classes(&self) -> Option<&Classes> {
        match &self.values {
            Values::Number { .. } => None,
            Values::Classes { names, .. } => Some(names),
        }
    }

    /// Returns the standardized numbers of the rows of `table`, or the indices of their classes, as 1 x N.
    ///
    /// # Errors
    /// If there is no such column, a row has no target, or it has another class than the rows of the fit.
    pub(crate) fn encode(&self, table: &Table, missing: &[String]) -> Result<Matrix<f32>, TableError> {
        let mut encoded = vec![0.0; table.rows()];
        let mut refused = None;
        match &self.values {
            Values::Number { mean, deviation, .. } => {
                for (row, number) in table.numbers(&self.name, missing)?.into_iter().enumerate() {
                    if number.is_nan() {
                        return Err(unlabeled(table, row, &self.name));
                    }
                    encoded[row] = ((number - mean) / deviation) as f32;
                }
            }
            Values::Classes { names, booleans } => {
                table.words(&self.name, *booleans, missing, |row, word| {
                    match word.and_then(|word| names.index_of(word)) {
                        Some(class) => encoded[row] = class as f32,
                        None => refused = refused.take().or(Some((row, word.map(str::to_owned)))),
                    }
                })?;
            }
        }
        match refused {
            None => Ok(Matrix::from_vec(1, table.rows(), encoded)),
            Some((row, None)) => Err(unlabeled(table, row, &self.name)),
            Some((row, Some(word))) => {
                let known = self.classes().map_or(&[][..], Classes::names);
                let near = near(&word, known.iter().map(String::as_str)).replace("columns", "classes");
                let message = format!(
                    "expected a class that was trained on, got {}; there are {near}",
                    quoted(&word)
                );
                Err(table.cell_error(row, &self.name, message))
            }
        }
    }

    /// Returns the number that a network's output stands for: output * deviation + mean, moved into the range of the
    /// numbers that were trained on. For classes it returns the output.
    pub fn decode(&self, output: f32) -> f64 {
        match &self.values {
            Values::Number {
                mean,
                deviation,
                least,
                greatest,
            } => (f64::from(output) * deviation + mean).clamp(*least, *greatest),
            Values::Classes { .. } => output.into(),
        }
    }
}

fn unlabeled(table: &Table, row: usize, name: &str) -> TableError {
    table.cell_error(row, name, "expected a value of the target, got none; leave the row out")
}

/// The form in files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    values: Values,
}

impl From<Target> for Record {
    fn from(Target { name, values }: Target) -> Self {
        Self { name, values }
    }
}

impl TryFrom<Record> for Target {
    type Error = String;

    fn try_from(Record { name, values }: Record) -> Result<Self, String> {
        let valid = match &values {
            Values::Number {
                mean,
                deviation,
                least,
                greatest,
            } => {
                let finite = [mean, deviation, least, greatest]
                    .iter()
                    .all(|number| number.is_finite());
                finite && *deviation > 0.0 && least <= greatest
            }
            Values::Classes { names, .. } => names.len() >= 2,
        };
        match valid && !name.is_empty() {
            true => Ok(Self { name, values }),
            false => Err(format!(
                "target {}: expected finite numbers in order, or two classes",
                quoted(&name)
            )),
        }
    }
}
