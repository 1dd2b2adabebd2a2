use super::{History, TrainerState};
use crate::Mlp;
use crate::error::eq_by_debug;
use core::fmt;

/// What has just happened in training.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A step on a batch was taken.
    Batch {
        /// The number of the epoch, from 0. A trainer that continues also continues to count.
        epoch: u64,
        /// The batch within the epoch, from 0.
        batch: usize,
        /// The number of batches in the epoch.
        batches: usize,
        /// The loss of the batch, before the update.
        loss: f64,
        /// The learning rate of the update.
        learning_rate: f64,
    },
    /// An epoch has ended.
    Epoch {
        /// The number of the epoch, from 0.
        epoch: u64,
        /// The loss of the epoch, as in [`History::loss`].
        loss: f64,
        /// The loss of the validation samples after the epoch, if there are any.
        validation_loss: Option<f64>,
    },
    /// The value that early stopping monitors is better than ever before.
    Improvement {
        /// The epoch.
        epoch: u64,
        /// The new best value.
        best: f64,
    },
    /// Training has ended. This is always the last event, even if an error follows, unless `fit` rejects its arguments
    /// and sends no events.
    Stop(StopReason),
}

eq_by_debug! { Event }

/// Why training has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// All requested epochs are done.
    Epochs,
    /// The monitored value has not improved for as long as early stopping waits.
    Patience {
        /// The best epoch; `None` if the monitored value was never finite.
        best_epoch: Option<u64>,
    },
    /// The observer ended the training.
    Observer,
    /// Training diverged, or cannot continue for another reason. `fit` returns the error.
    Error,
}

/// An [`Event`] together with the state of training. An observer receives it.
///
/// It contains what is needed to draw a progress bar or a plot, to write a log, or to save a checkpoint.
#[non_exhaustive]
pub struct Progress<'a, B, C> {
    /// What happened.
    pub event: Event,
    /// The network in its current state.
    pub network: &'a Mlp<B, C>,
    /// The history of all epochs so far.
    pub history: &'a History,
    pub(super) snapshot: &'a dyn Fn() -> TrainerState<B>,
}

impl<B: fmt::Debug, C: fmt::Debug> fmt::Debug for Progress<'_, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("event", &self.event)
            .field("network", &self.network)
            .field("history", &self.history)
            .finish_non_exhaustive()
    }
}

impl<B, C> Progress<'_, B, C> {
    /// Returns the current [`Trainer::state`](super::Trainer::state). Together with the network, it is everything
    /// needed to continue from here later.
    pub fn state(&self) -> TrainerState<B> {
        (self.snapshot)()
    }
}
