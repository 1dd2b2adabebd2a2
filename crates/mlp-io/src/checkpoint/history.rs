//! The history as columns of finite numbers, and the gaps between them.

use super::KEY;
use super::number::JsonNumber;
use crate::Problem;
use mlp_core::{History, Metric};
use serde::{Deserialize, Serialize};

/// A run of epochs with the same value, which is not finite: a file's tensors hold finite numbers only.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gap {
    start: u64,
    length: u64,
    value: JsonNumber,
}

/// One column of the history; 0 stands in its gaps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) gaps: Vec<Gap>,
}

const LEARNING_RATE: &str = "learning_rate";
const LOSS: &str = "loss";
const VALIDATION_LOSS: &str = "validation_loss";
/// Before the name of a metric.
const METRIC: &str = "metric.";

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

/// The history of `columns`.
pub(super) fn of_columns(columns: Vec<Column>) -> Result<History, Problem> {
    let mut history = History::default();
    let mut seen = Vec::new();
    for Column { name, values, .. } in columns {
        match name.as_str() {
            LEARNING_RATE => history.learning_rate = values,
            LOSS => history.loss = values,
            VALIDATION_LOSS => history.validation_loss = values,
            _ => {
                let metric = name
                    .strip_prefix(METRIC)
                    .and_then(|metric| metric.parse::<Metric>().ok());
                let metric =
                    metric.ok_or_else(|| problem(format!("history: no column {}", crate::error::quoted(&name))))?;
                history.metrics.push((metric, values));
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
        let mut gaps: Vec<Gap> = Vec::new();
        for (epoch, &value) in (0..).zip(values) {
            if value.is_finite() {
                continue;
            }
            let value = JsonNumber(value);
            match gaps.last_mut() {
                Some(gap) if gap.start.saturating_add(gap.length) == epoch && gap.value == value => {
                    gap.length = gap.length.saturating_add(1);
                }
                _ => gaps.push(Gap {
                    start: epoch,
                    length: 1,
                    value,
                }),
            }
        }
        let finite = |&value: &f64| if value.is_finite() { value } else { 0.0 };
        Self {
            name,
            values: values.iter().map(finite).collect(),
            gaps,
        }
    }

    /// With what belongs into the gaps.
    pub(super) fn filled(name: &str, mut values: Vec<f64>, gaps: &[Gap]) -> Result<Self, Problem> {
        let mut end = 0;
        for gap in gaps {
            let start = usize::try_from(gap.start).ok().filter(|&start| start >= end);
            let length = usize::try_from(gap.length).ok().filter(|&length| length > 0);
            let range = start.zip(length).and_then(|(start, length)| {
                end = start.checked_add(length)?;
                values.get_mut(start..end)
            });
            let Some(range) = range.filter(|_| !gap.value.0.is_finite()) else {
                return Err(problem(format!(
                    "history: a gap of {} is none",
                    crate::error::quoted(name)
                )));
            };
            range.fill(gap.value.0);
        }
        Ok(Self {
            name: name.to_owned(),
            values,
            gaps: gaps.to_vec(),
        })
    }
}

fn problem(problem: String) -> Problem {
    Problem::Metadata { key: KEY, problem }
}
