//! What is predicted, and how a network's output becomes it.

use crate::error::near;
use crate::scaler::moments;
use crate::value::Quantity;
use crate::{Columns, Table, TableError};
use mlp_core::Classes;
use mlp_cpu::Matrix;
use mlp_io::quoted;
use serde::{Deserialize, Serialize};

/// The target of a network, fitted to the rows that it is trained on.
///
/// A number y is learned as (y - mean) / deviation, with the population standard deviation. A class is learned as its
/// index among the classes, which are sorted as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record")]
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
    Classes(Classes),
}

impl Target {
    /// Fits the target to the rows of `table`, all of which must have one. The classes are those of all labeled rows that
    /// `columns` describes, so that networks trained on different rows have the same outputs.
    pub(crate) fn fit(table: &Table, columns: &Columns) -> Result<Self, TableError> {
        let (name, missing) = (columns.target().name.clone(), columns.missing());
        let values = match columns.classes() {
            None => {
                let numbers = numbers(table, &name, missing)?;
                let (mean, deviation) = moments(&numbers);
                if !(deviation.is_normal() && mean.is_finite()) {
                    let got = format_args!("only {}", numbers[0]);
                    let error = TableError::unexpected("at least two different values of the target", got);
                    return Err(table.error(error.in_column(&name)));
                }
                Values::Number {
                    mean,
                    deviation,
                    least: numbers.iter().copied().fold(f64::INFINITY, f64::min),
                    greatest: numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                }
            }
            Some(classes) => {
                labels(table, &name, missing)?;
                Values::Classes(classes.clone())
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
            Values::Classes(names) => Some(names),
        }
    }

    /// Returns the numbers of the rows of `table`, or the indices of their classes.
    pub(crate) fn actual(&self, table: &Table, missing: &[String]) -> Result<Vec<f64>, TableError> {
        match &self.values {
            Values::Number { .. } => numbers(table, &self.name, missing),
            Values::Classes(names) => {
                let labels = labels(table, &self.name, missing)?;
                let class = |(row, label): (usize, &String)| match names.index_of(label) {
                    Some(class) => Ok(class as f64),
                    None => {
                        let near = near(label, "classes", names.names().iter().map(String::as_str));
                        let message = format!(
                            "expected a class that was trained on, got {}; there are {near}",
                            quoted(label)
                        );
                        Err(table.cell_error(row, &self.name, message))
                    }
                };
                labels.iter().enumerate().map(class).collect()
            }
        }
    }

    /// Returns the standardized numbers of the rows of `table`, or the indices of their classes, as 1 x N.
    pub(crate) fn encode(&self, table: &Table, missing: &[String]) -> Result<Matrix<f32>, TableError> {
        let actual = self.actual(table, missing)?;
        let (mean, deviation) = match &self.values {
            Values::Number { mean, deviation, .. } => (*mean, *deviation),
            Values::Classes(_) => (0.0, 1.0),
        };
        // A number far from those that the target was fitted to stays finite.
        let encode = |value: &f64| (((value - mean) / deviation) as f32).clamp(f32::MIN, f32::MAX);
        Ok(Matrix::from_vec(1, table.rows(), actual.iter().map(encode).collect()))
    }

    /// Returns the mean, the deviation and the range of the numbers that were trained on.
    ///
    /// # Panics
    /// If the target is a class.
    #[track_caller]
    pub(crate) fn number(&self) -> (f64, f64, [f64; 2]) {
        match self.values {
            Values::Number {
                mean,
                deviation,
                least,
                greatest,
            } => (mean, deviation, [least, greatest]),
            Values::Classes(_) => panic!("Target: expected a number as the target, got classes"),
        }
    }

    /// Returns the number that a network's output stands for: output * deviation + mean, moved into the range of the
    /// numbers that were trained on.
    ///
    /// # Panics
    /// If the target is a class.
    #[track_caller]
    pub fn decode(&self, output: f32) -> f64 {
        let (mean, deviation, [least, greatest]) = self.number();
        (f64::from(output) * deviation + mean).clamp(least, greatest)
    }
}

/// Returns the class with the largest logit or probability, of several the first.
pub(crate) fn largest<T: PartialOrd>(row: &[T]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

/// Returns the numbers of a target. One that is missing is an error.
fn numbers(table: &Table, name: &str, missing: &[String]) -> Result<Vec<f64>, TableError> {
    let numbers = table.quantities(name, Quantity::Number, missing)?;
    match numbers.iter().position(|number| number.is_nan()) {
        Some(row) => Err(unlabeled(table, row, name)),
        None => Ok(numbers),
    }
}

/// Returns the classes of a target. One that is missing is an error.
fn labels(table: &Table, name: &str, missing: &[String]) -> Result<Vec<String>, TableError> {
    let mut labels = vec![];
    table.words(name, false, missing, |_, word| {
        labels.push(word.unwrap_or_default().to_owned());
    })?;
    match labels.iter().position(String::is_empty) {
        Some(row) => Err(unlabeled(table, row, name)),
        None => Ok(labels),
    }
}

fn unlabeled(table: &Table, row: usize, name: &str) -> TableError {
    table.cell_error(row, name, "expected a value of the target, got none; leave the row out")
}

/// The form in files, which may be invalid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    name: String,
    values: Values,
}

impl TryFrom<Record> for Target {
    type Error = String;

    fn try_from(Record { name, values }: Record) -> Result<Self, String> {
        let valid = match values {
            Values::Number {
                mean,
                deviation,
                least,
                greatest,
            } => {
                let finite = [mean, deviation, least, greatest]
                    .iter()
                    .all(|number| number.is_finite());
                finite && deviation > 0.0 && least <= greatest
            }
            Values::Classes(ref names) => names.len() >= 2,
        };
        match valid {
            true => Ok(Self { name, values }),
            false => Err(format!(
                "target {}: expected finite numbers in order, or two classes",
                quoted(&name)
            )),
        }
    }
}
