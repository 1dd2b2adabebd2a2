//! The history as named columns. Its numbers need not be finite: an epoch without validation samples has a loss of NaN.

use crate::container::Tensors;
use crate::{LoadError, Number};
use mlp_core::backend::Tensor;
use mlp_core::{History, Metric};

/// The prefix of the names of all tensors of the history.
pub(super) const PREFIX: &str = "history.";

/// Returns the names and values of the columns.
pub(super) fn columns(history: &History) -> impl Iterator<Item = (String, &Vec<f64>)> {
    let columns = [
        ("history.learning_rate".to_owned(), &history.learning_rate),
        ("history.loss".to_owned(), &history.loss),
        ("history.validation_loss".to_owned(), &history.validation_loss),
    ];
    let metrics = history.metrics.iter();
    columns
        .into_iter()
        .chain(metrics.map(|(metric, values)| (column_of(*metric), values)))
}

fn column_of(metric: Metric) -> String {
    format!("{PREFIX}metric.{metric}")
}

/// Takes the columns of a history with these metrics.
pub(super) fn take<B: Tensor<Scalar: Number>>(
    tensors: &mut Tensors<B>,
    epochs: usize,
    metrics: Vec<Metric>,
) -> Result<History, LoadError> {
    let mut take = |column: &str| match epochs {
        // A tensor has at least one number.
        0 => Ok(Vec::new()),
        _ => tensors.take_vector(column, epochs),
    };
    let mut history = History::default();
    history.learning_rate = take("history.learning_rate")?;
    history.loss = take("history.loss")?;
    history.validation_loss = take("history.validation_loss")?;
    for metric in metrics {
        history.metrics.push((metric, take(&column_of(metric))?));
    }
    Ok(history)
}
