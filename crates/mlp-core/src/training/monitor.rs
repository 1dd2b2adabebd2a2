use super::History;
use crate::Metric;

/// The value that early stopping or a reduction on a plateau watches. It has one value per epoch.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Monitor {
    /// The loss of the validation samples or, if there are none, of the training samples.
    #[default]
    Loss,
    /// The loss of the training samples.
    TrainingLoss,
    /// A metric of the validation samples.
    Metric(Metric),
}

impl From<Metric> for Monitor {
    fn from(metric: Metric) -> Self {
        Self::Metric(metric)
    }
}

impl Monitor {
    /// Returns true if higher values are better.
    pub(super) fn rises(self) -> bool {
        matches!(self, Self::Metric(metric) if metric.higher_is_better())
    }

    /// Returns the value of the last epoch. `validated` says whether there are validation samples.
    pub(super) fn last_value(self, history: &History, validated: bool) -> f64 {
        let values = match self {
            Self::Loss if validated => &history.validation_loss,
            Self::Loss | Self::TrainingLoss => &history.loss,
            Self::Metric(metric) => history.metric(metric).unwrap_or_default(),
        };
        values.last().copied().unwrap_or(f64::NAN)
    }
}
