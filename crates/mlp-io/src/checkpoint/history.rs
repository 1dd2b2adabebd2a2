//! The history as columns of finite numbers, because the tensors of a file may not hold other numbers.

use crate::LoadError;
use crate::container::CHECKPOINT;
use crate::error::quoted;
use mlp_core::{History, Metric};

/// One column of the history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The values, with 0 in place of each number that is not finite.
    pub(super) values: Vec<f64>,
    /// One of [`CODES`] for each epoch, or `None` if all values are finite.
    pub(super) codes: Option<Vec<f64>>,
}

const LEARNING_RATE: &str = "learning_rate";
const LOSS: &str = "loss";
const VALIDATION_LOSS: &str = "validation_loss";
/// The prefix before the name of a metric.
const METRIC: &str = "metric.";

/// The number that each code stands for. Code 0 stands for the value itself, the others for numbers that are not
/// finite.
const CODES: [Option<f64>; 4] = [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY)];

/// Returns the columns of `history`.
pub(super) fn columns(history: &History) -> Vec<Column> {
    let columns = [
        (LEARNING_RATE.to_owned(), &history.learning_rate),
        (LOSS.to_owned(), &history.loss),
        (VALIDATION_LOSS.to_owned(), &history.validation_loss),
    ];
    let metrics = history.metrics.iter();
    let metrics = metrics.map(|(metric, values)| (format!("{METRIC}{metric}"), values));
    columns
        .into_iter()
        .chain(metrics)
        .map(|(name, values)| Column::new(name, values))
        .collect()
}

/// Builds a history from columns with these names.
pub(super) fn of_columns(columns: Vec<(String, Vec<f64>)>) -> Result<History, LoadError> {
    let mut history = History::default();
    let mut seen = Vec::new();
    for (name, values) in columns {
        match name.as_str() {
            LEARNING_RATE => history.learning_rate = values,
            LOSS => history.loss = values,
            VALIDATION_LOSS => history.validation_loss = values,
            _ => {
                let metric = name
                    .strip_prefix(METRIC)
                    .and_then(|metric| metric.parse::<Metric>().ok());
                let no_column = || problem(format!("history: unknown column {}", quoted(&name)));
                history.metrics.push((metric.ok_or_else(no_column)?, values));
            }
        }
        seen.push(name);
    }
    for name in [LEARNING_RATE, LOSS, VALIDATION_LOSS] {
        if !seen.iter().any(|seen| seen == name) {
            return Err(problem(format!("history: the column `{name}` is missing")));
        }
    }
    seen.sort_unstable();
    let mut pairs = seen.iter().zip(seen.iter().skip(1));
    match pairs.find(|(a, b)| a == b) {
        Some((name, _)) => Err(problem(format!("history: the column {} appears twice", quoted(name)))),
        None => Ok(history),
    }
}

impl Column {
    fn new(name: String, values: &[f64]) -> Self {
        let code = |value: &f64| {
            let known = |code: &Option<f64>| code.is_some_and(|known| known.to_bits() == value.to_bits());
            let infinite = CODES.iter().position(known).unwrap_or(1);
            if value.is_finite() { 0.0 } else { infinite as f64 }
        };
        let finite = |&value: &f64| if value.is_finite() { value } else { 0.0 };
        let some = values.iter().any(|value| !value.is_finite());
        Self {
            name,
            values: values.iter().map(finite).collect(),
            codes: some.then(|| values.iter().map(code).collect()),
        }
    }
}

/// Replaces the zeros of `values` with the numbers that `codes` stand for.
pub(super) fn decode(name: &str, values: &mut [f64], codes: &[f64]) -> Result<(), LoadError> {
    for (value, &code) in values.iter_mut().zip(codes) {
        let known = CODES.get(code as usize).filter(|_| (code as usize) as f64 == code);
        match known {
            Some(None) => {}
            Some(Some(other)) if *value == 0.0 => *value = *other,
            _ => {
                let name = quoted(name);
                return Err(problem(format!(
                    "history: the column {name} has the invalid code {code} for the value {value}"
                )));
            }
        }
    }
    Ok(())
}

fn problem(problem: String) -> LoadError {
    LoadError::metadata(CHECKPOINT, problem)
}
