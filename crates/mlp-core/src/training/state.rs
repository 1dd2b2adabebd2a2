use super::{Dropout, Every, History};
use crate::{Dense, OptimizerState, PlateauState, Schedule};
use alloc::vec::Vec;
use core::fmt;

/// All that a [`Trainer`](super::Trainer) must remember to go on later exactly as if it had not stopped; the network's
/// parameters are the network's to remember. Plain data, for a file to hold.
///
/// Generators of random numbers are not in it but their seeds: what is drawn follows from the seed and the position.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerState<B> {
    /// The optimiser's.
    pub optimizer: OptimizerState<B>,
    /// The learning rate that schedule and plateau are factors of.
    pub initial_learning_rate: f64,
    /// The schedule, and what it counts.
    pub schedule: Option<(Schedule, Every)>,
    /// The state of the reduction on a plateau.
    pub plateau: Option<PlateauState>,
    /// The state of early stopping.
    pub stopping: Option<StoppingState<B>>,
    /// Dropout.
    pub dropout: Option<Dropout>,
    /// How far training is.
    pub position: Position,
    /// All epochs so far.
    pub history: History,
}

/// How far training is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// The epoch that is next, or under way.
    pub epoch: u64,
    /// How many of its batches are done.
    pub batch: usize,
    /// How many steps there were in all.
    pub steps: u64,
    /// The sum of the losses of the batches done, each times its weight.
    pub loss: f64,
    /// The sum of their weights.
    pub weight: f64,
    /// The loss of the last batch that had a finite one.
    pub last_finite_loss: Option<f64>,
    /// How the epoch goes through the samples, once it is under way.
    pub pass: Option<Pass>,
}

/// How an epoch goes through the samples: what must stay the same until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The number of samples.
    pub samples: usize,
    /// The samples in a batch.
    pub batch_size: usize,
    /// The seed of the order, if it is drawn.
    pub shuffle: Option<u64>,
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} samples in batches of {}", self.samples, self.batch_size)?;
        match self.shuffle {
            Some(seed) => write!(f, ", shuffled with seed {seed}"),
            None => f.write_str(", in order"),
        }
    }
}

/// What early stopping remembers.
#[derive(Clone, Debug, PartialEq)]
pub struct StoppingState<B> {
    /// The best value so far.
    pub best: Option<f64>,
    /// Its epoch.
    pub best_epoch: u64,
    /// How many epochs there were since, none of them better.
    pub epochs_since: u64,
    /// The parameters of the best epoch; empty before there is one.
    pub best_layers: Vec<Dense<B>>,
}

impl<B> Default for StoppingState<B> {
    fn default() -> Self {
        Self {
            best: None,
            best_epoch: 0,
            epochs_since: 0,
            best_layers: Vec::new(),
        }
    }
}
