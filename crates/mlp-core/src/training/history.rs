use super::Evaluation;
use crate::Metric;
use crate::error::same;
use alloc::vec::Vec;

/// The course of training, as columns to plot or to write to a file. Entry i of each column belongs to epoch i.
///
/// ```
/// use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1)?);
/// trainer.fit(&mut network, Samples::new(&input, &input)?, FitOptions::epochs(20))?;
/// let history = trainer.history();
/// assert_eq!(history.epochs(), 20);
/// assert!(history.loss[19] < history.loss[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct History {
    /// The learning rate of the epoch's last step.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub learning_rate: Vec<f64>,
    /// The training loss: the mean over the epoch's batches, each taken before its update and weighted by its number of
    /// samples (or by their weights). It includes the penalty, if there is one. With full-batch training, it is the
    /// loss before the update.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub loss: Vec<f64>,
    /// The loss of the validation samples after the epoch, without penalty; NaN for an epoch without validation
    /// samples.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub validation_loss: Vec<f64>,
    /// The metrics of the validation samples after the epoch; NaN for epochs before the metric was requested.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub metrics: Vec<(Metric, Vec<f64>)>,
}

impl History {
    /// Returns the number of epochs so far.
    pub fn epochs(&self) -> usize {
        self.loss.len()
    }

    /// Returns the values of `metric`, if it was requested.
    pub fn metric(&self, metric: Metric) -> Option<&[f64]> {
        let mut metrics = self.metrics.iter();
        metrics
            .find(|(known, _)| *known == metric)
            .map(|(_, values)| values.as_slice())
    }

    /// Returns all columns.
    pub(super) fn columns(&self) -> impl Iterator<Item = &[f64]> {
        let losses = [&self.learning_rate, &self.loss, &self.validation_loss];
        let metrics = self.metrics.iter().map(|(_, values)| values);
        losses.into_iter().chain(metrics).map(Vec::as_slice)
    }

    /// Reserves memory for `epochs` more epochs, but for at most 2^16.
    pub(super) fn reserve(&mut self, epochs: u64) {
        let losses = [&mut self.learning_rate, &mut self.loss, &mut self.validation_loss];
        let metrics = self.metrics.iter_mut().map(|(_, values)| values);
        losses
            .into_iter()
            .chain(metrics)
            .for_each(|column| column.reserve(epochs.min(1 << 16) as usize));
    }

    /// Sets the metrics to record from now on. A new metric is NaN for past epochs.
    pub(super) fn set_metrics(&mut self, metrics: &[Metric]) {
        let column = |&metric| {
            let known = self.metric(metric).map(<[f64]>::to_vec);
            (metric, known.unwrap_or_else(|| alloc::vec![f64::NAN; self.epochs()]))
        };
        self.metrics = metrics.iter().map(column).collect();
    }

    /// Adds an epoch.
    pub(super) fn push(&mut self, learning_rate: f64, loss: f64, validation: Option<&Evaluation>) {
        self.learning_rate.push(learning_rate);
        self.loss.push(loss);
        self.validation_loss.push(validation.map_or(f64::NAN, |it| it.loss));
        for (i, (_, values)) in self.metrics.iter_mut().enumerate() {
            values.push(validation.map_or(f64::NAN, |it| it.metrics[i]));
        }
    }
}

/// Two histories are equal if they have the same metrics and numbers, where NaN equals NaN.
impl PartialEq for History {
    fn eq(&self, other: &Self) -> bool {
        let metrics = |history: &Self| history.metrics.iter().map(|(metric, _)| *metric).collect::<Vec<_>>();
        metrics(self) == metrics(other) && self.columns().zip(other.columns()).all(|(a, b)| same(a, b))
    }
}

// All columns must have one value per epoch.
#[cfg(feature = "serde")]
crate::serialize::checked!(
    History {
        #[serde(with = "crate::state::numbers")]
        learning_rate: Vec<f64>,
        #[serde(with = "crate::state::numbers")]
        loss: Vec<f64>,
        #[serde(with = "crate::state::numbers")]
        validation_loss: Vec<f64>,
        #[serde(with = "crate::state::numbers")]
        metrics: Vec<(Metric, Vec<f64>)>,
    },
    |it| {
        let metrics = it.metrics.iter().map(|(_, values)| values);
        let columns = [&it.learning_rate, &it.validation_loss].into_iter().chain(metrics);
        let expected = it.epochs();
        let other = columns.map(Vec::len).find(|&got| got != expected);
        match other {
            Some(got) => Err(alloc::format!(
                "history: expected columns of {expected} epochs, got {got}"
            )),
            None => Ok(it),
        }
    }
);
