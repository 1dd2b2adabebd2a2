//! How predictions depend on the values of a column.

use super::TableModel;
use super::importance::chosen;
use super::member::combined;
use crate::scaler::quantile;
use crate::value::Quantity;
use crate::{Kind, Table, TableError};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampSecondArray};
use mlp_core::backend::Tensor as _;
use mlp_cpu::Matrix;
use mlp_io::quoted;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The options of [`TableModel::partial_dependence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependenceOptions {
    /// The most values of the column. The default is 20.
    pub points: usize,
    /// The most rows that are used, chosen at random. The default is 300.
    pub rows: usize,
    /// The seed of the choice. The default is 0.
    pub seed: u64,
}

impl Default for DependenceOptions {
    fn default() -> Self {
        Self {
            points: 20,
            rows: 300,
            seed: 0,
        }
    }
}

/// The partial dependence on a column: the mean prediction over the rows of a table, if all of them had the same value
/// in that column.
///
/// Source: J. Friedman, *Greedy Function Approximation: A Gradient Boosting Machine* (Annals of Statistics 29, 2001).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PartialDependence {
    /// The name of the column.
    pub column: String,
    /// The values: of a number or a date equally spaced quantiles, of a category the most frequent words first.
    pub values: Vec<DependenceValue>,
    /// For each value the mean number, or the mean probability of each class.
    pub means: Vec<Vec<f64>>,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DependenceValue {
    /// A number.
    Number(f64),
    /// A date, in seconds since 1970-01-01.
    Date(f64),
    /// A word of a category, or `false` or `true`.
    Category(String),
}

impl fmt::Display for DependenceValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Date(seconds) => match chrono::DateTime::from_timestamp(*seconds as i64, 0) {
                Some(date) => write!(f, "{}", date.naive_utc()),
                None => write!(f, "{seconds}"),
            },
            Self::Category(word) => f.write_str(word),
        }
    }
}

impl TableModel {
    /// Returns the partial dependence of the predictions on a column.
    ///
    /// # Errors
    /// If the model does not use such a column, a column is missing in the table, a value is not of the kind of its
    /// column, or no row has a value in this one.
    pub fn partial_dependence(
        &self,
        table: &Table,
        column: &str,
        options: &DependenceOptions,
    ) -> Result<PartialDependence, TableError> {
        let used = self
            .columns
            .iter()
            .find(|other| other.name == column && other.left_out.is_none());
        let Some(used) = used.filter(|_| column != self.target().name()) else {
            let message = format!("the model does not use a column {}", quoted(column));
            return Err(TableError::new(message));
        };
        let (values, grid) = self.grid(table, column, used.kind, options.points)?;
        let sample = table.take(&chosen(table.rows(), options.rows, options.seed));
        let mut features = vec![];
        for member in &self.members {
            features.push(member.preprocessing.apply(&sample)?);
        }
        let mut means = vec![];
        means.resize_with(values.len(), || None);
        Matrix::<f32>::for_each(&mut means, |point, means| {
            let outputs = self.members.iter().zip(&features).map(|(member, features)| {
                let mut features = features.clone();
                member.preprocessing.replace(&mut features, column, &grid, |_| point)?;
                Ok(member.outputs(&features))
            });
            *means = Some(outputs.collect::<Result<Vec<_>, _>>().map(|outputs: Vec<_>| {
                let values = combined(&outputs, self.classes(), self.temperature());
                let width = self.classes().map_or(1, mlp_core::Classes::len);
                let mean = |output| values.iter().skip(output).step_by(width).sum::<f64>() / sample.rows() as f64;
                (0..width).map(mean).collect()
            }));
        });
        Ok(PartialDependence {
            column: column.to_owned(),
            values,
            means: means.into_iter().flatten().collect::<Result<_, TableError>>()?,
        })
    }

    /// Returns the values of a column, and a table that has them in its rows.
    fn grid(
        &self,
        table: &Table,
        name: &str,
        kind: Kind,
        points: usize,
    ) -> Result<(Vec<DependenceValue>, Table), TableError> {
        let missing = self.members[0].preprocessing.missing();
        let (values, array): (Vec<DependenceValue>, ArrayRef) = match kind.quantity() {
            Some(of) => {
                let mut sorted = table.quantities(name, of, missing)?;
                sorted.retain(|value| !value.is_nan());
                sorted.sort_unstable_by(f64::total_cmp);
                let last = points.saturating_sub(1).max(1) as f64;
                let mut grid: Vec<f64> = match sorted.is_empty() {
                    true => vec![],
                    false => (0..points).map(|i| quantile(&sorted, i as f64 / last)).collect(),
                };
                match of {
                    Quantity::Number => {
                        grid.dedup();
                        let array = Arc::new(Float64Array::from(grid.clone()));
                        (grid.into_iter().map(DependenceValue::Number).collect(), array)
                    }
                    Quantity::Date => {
                        grid.iter_mut().for_each(|date| *date = date.floor());
                        grid.dedup();
                        let seconds: TimestampSecondArray = grid.iter().map(|&date| Some(date as i64)).collect();
                        (grid.into_iter().map(DependenceValue::Date).collect(), Arc::new(seconds))
                    }
                }
            }
            None => {
                let mut counts = HashMap::<String, usize>::new();
                table.words(name, kind == Kind::Boolean, missing, |_, word| {
                    if let Some(word) = word {
                        *counts.entry(word.to_owned()).or_default() += 1;
                    }
                })?;
                let mut words: Vec<(String, usize)> = counts.into_iter().collect();
                words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                words.truncate(points);
                let array: StringArray = words.iter().map(|(word, _)| Some(word)).collect();
                let values = words.into_iter().map(|(word, _)| DependenceValue::Category(word));
                (values.collect(), Arc::new(array))
            }
        };
        if values.is_empty() {
            let error = TableError::new("expected at least one row with a value, got none");
            return Err(table.error(error.in_column(name)));
        }
        let grid = RecordBatch::try_from_iter([(name, array)]).expect("there is one column");
        Ok((values, Table::new(grid)?))
    }
}
