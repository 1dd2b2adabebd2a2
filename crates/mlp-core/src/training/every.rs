use super::Position;
use crate::Schedule;

/// The unit in which the time of a [`Schedule`] is counted.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Time is counted in epochs.
    Epoch,
    /// Time is counted in steps, over all epochs.
    Batch,
}

impl Every {
    /// Returns the factor of the step at `position`.
    pub(super) fn factor(self, schedule: &Schedule, position: &Position) -> f64 {
        schedule.factor(match self {
            Self::Epoch => position.epoch,
            Self::Batch => position.steps,
        })
    }
}
