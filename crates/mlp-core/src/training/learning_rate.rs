use super::{Every, Monitor, Position};
use crate::state::PlateauState;
use crate::{ReduceOnPlateau, Schedule};

/// The learning rate with a schedule or a plateau: the initial rate times both factors. Without them, the learning rate
/// is the optimizer's.
#[derive(Clone, Debug, Default)]
pub(super) struct LearningRate {
    pub(super) initial: f64,
    pub(super) schedule: Option<(Schedule, Every)>,
    pub(super) plateau: Option<(ReduceOnPlateau, Monitor, PlateauState)>,
}

impl LearningRate {
    /// Returns whether there is a schedule or a plateau.
    pub(super) fn varies(&self) -> bool {
        self.schedule.is_some() || self.plateau.is_some()
    }

    /// Returns the learning rate of the step at `position`.
    pub(super) fn at(&self, position: &Position) -> f64 {
        let factor = |(schedule, every): &(_, Every)| every.factor(schedule, position);
        let scheduled = self.schedule.as_ref().map_or(1.0, factor);
        let reduced = self.plateau.as_ref().map_or(1.0, |(_, _, state)| state.factor);
        self.initial * scheduled * reduced
    }
}
