use super::{History, TrainerState};
use crate::Mlp;
use core::fmt;

/// What happened in training just now.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A step on a batch was taken.
    Batch {
        /// The number of the epoch, from 0; a trainer that goes on counts on.
        epoch: u64,
        /// The batch within the epoch, from 0.
        batch: usize,
        /// How many batches the epoch has.
        batches: usize,
        /// The loss of the batch, before the update.
        loss: f64,
        /// The learning rate of the update.
        learning_rate: f64,
    },
    /// An epoch is over.
    Epoch {
        /// Its number, from 0.
        epoch: u64,
        /// Its loss, as in [`History::loss`].
        loss: f64,
        /// The loss of the validation samples after it, if there are any.
        validation_loss: Option<f64>,
    },
    /// What early stopping watches is better than ever before.
    Improvement {
        /// The epoch.
        epoch: u64,
        /// The new best value.
        best: f64,
    },
    /// Training is over: what comes last, also before an error, unless `fit` refuses to begin.
    Stop(StopReason),
}

/// Why training is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// All epochs that were asked for are done.
    Epochs,
    /// There was no improvement for as long as early stopping waits. The network has the parameters of the best epoch
    /// again, if what is watched is a value of validation samples.
    Patience {
        /// The best epoch; `None` if what is watched never was a finite number.
        best_epoch: Option<u64>,
    },
    /// The observer asked for it.
    Observer,
    /// Training diverged, or cannot go on for another reason: `fit` returns the error.
    Error,
}

/// An [`Event`], with the state of training around it: what an observer is given.
///
/// From it a progress bar, a log or a plot is drawn, and a checkpoint written.
#[non_exhaustive]
pub struct Progress<'a, B, C> {
    /// What happened.
    pub event: Event,
    /// The network as it is now.
    pub network: &'a Mlp<B, C>,
    /// All epochs so far.
    pub history: &'a History,
    pub(super) trainer: &'a dyn Snapshot<B>,
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
    /// What [`Trainer::state`](super::Trainer::state) gives now: together with the network, all that is needed to go
    /// on from here later.
    pub fn state(&self) -> TrainerState<B> {
        self.trainer.snapshot()
    }
}

/// A trainer of any loss and optimiser.
pub(super) trait Snapshot<B> {
    fn snapshot(&self) -> TrainerState<B>;
}
