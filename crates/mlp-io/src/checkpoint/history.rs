//! The history as columns of finite numbers: a file's tensors hold no others.

use super::KEY;
use crate::Problem;
use mlp_core::{History, Metric};

/// One column of the history.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// 0 stands for what is not finite.
    pub(super) values: Vec<f64>,
    /// If some are not: which and what, one of [`CODES`] an epoch.
    pub(super) codes: Option<Vec<f64>>,
}

const LEARNING_RATE: &str = "learning_rate";
const LOSS: &str = "loss";
const VALIDATION_LOSS: &str = "validation_loss";
/// Before the name of a metric.
const METRIC: &str = "metric.";

/// What a number is, by its code: itself, or one that is not finite.
const CODES: [Option<f64>; 4] = [None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY)];

/// The columns of `history`.
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

/// The history of columns with these names.
pub(super) fn of_columns(columns: Vec<(String, Vec<f64>)>) -> Result<History, Problem> {
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
                let no_column = || problem(format!("history: no column {}", crate::error::quoted(&name)));
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
        Some((name, _)) => Err(problem(format!("history: {} stands twice", crate::error::quoted(name)))),
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

/// Puts what `codes` say in the place of the zeros of `values`.
pub(super) fn decode(name: &str, values: &mut [f64], codes: &[f64]) -> Result<(), Problem> {
    for (value, &code) in values.iter_mut().zip(codes) {
        let known = CODES.get(code as usize).filter(|_| (code as usize) as f64 == code);
        match known {
            Some(None) => {}
            Some(Some(other)) if *value == 0.0 => *value = *other,
            _ => {
                let name = crate::error::quoted(name);
                return Err(problem(format!(
                    "history: the codes of {name} hold {code} beside {value}"
                )));
            }
        }
    }
    Ok(())
}

fn problem(problem: String) -> Problem {
    Problem::Metadata { key: KEY, problem }
}
