use super::History;
use crate::Metric;

/// The value, one an epoch, that early stopping and a schedule watch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Monitor {
    /// The loss of the validation samples; where there are none, that of the training samples.
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
    /// The value of the last epoch, the lower the better; `validated` if there are validation samples.
    pub(super) fn last_value(self, history: &History, validated: bool) -> f64 {
        let last = |values: &[f64]| values.last().copied().unwrap_or(f64::NAN);
        match self {
            Self::Loss if validated => last(&history.validation_loss),
            Self::Loss | Self::TrainingLoss => last(&history.loss),
            Self::Metric(metric) => self.shown(history.metric(metric).map_or(f64::NAN, last)),
        }
    }

    /// The value itself for one that is the lower the better, and the other way round.
    pub(super) fn shown(self, value: f64) -> f64 {
        match self {
            Self::Metric(metric) if metric.higher_is_better() => -value,
            _ => value,
        }
    }
}
