use super::{Dropout, Every, History};
use crate::backend::Tensor;
use crate::error::not_negative;
use crate::optimizer::check_numbers;
use crate::state::{OptimizerState, PlateauState, StateError};
use crate::{Dense, Schedule};
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

impl<B: Tensor> TrainerState<B> {
    /// That it contradicts neither itself nor the shapes of `layers`.
    pub(super) fn check(&self, layers: &[Dense<B>]) -> Result<(), StateError> {
        let Position {
            epoch,
            batch,
            steps,
            loss,
            weight,
            last_finite_loss,
            pass,
        } = self.position;
        let batches = match pass {
            Some(Pass {
                samples, batch_size, ..
            }) if batch_size > 0 => samples.div_ceil(batch_size),
            Some(_) => return Err(StateError::trainer("samples in a batch", "at least 1", 0)),
            None => 0,
        };
        if batch > batches {
            return Err(StateError::trainer(
                "batches done",
                format_args!("at most {batches}"),
                batch,
            ));
        }
        if steps >= 1 << f64::MANTISSA_DIGITS {
            return Err(StateError::trainer("steps", "less than 2^53", steps));
        }
        if !(loss.is_finite() && weight.is_finite() && weight >= 0.0) {
            return Err(StateError::trainer(
                "loss and weight of the epoch",
                "finite numbers",
                format_args!("{loss} and {weight}"),
            ));
        }
        // Batches without weight are passed over, but not to the end of an epoch.
        let begun = batch > 0;
        if (weight > 0.0 && !begun) || (loss != 0.0 && weight == 0.0) || (weight == 0.0 && begun && batch == batches) {
            return Err(StateError::trainer(
                "loss and weight of the epoch",
                format_args!("those of {batch} batches"),
                format_args!("{loss} and {weight}"),
            ));
        }
        if let Some(loss) = last_finite_loss {
            check("last finite loss", "a finite number", loss, loss.is_finite())?;
        }
        not_negative("initial learning rate", self.initial_learning_rate)?;
        let History {
            learning_rate,
            loss,
            validation_loss,
            metrics,
        } = &self.history;
        let columns = [learning_rate, loss, validation_loss];
        for column in columns.into_iter().chain(metrics.iter().map(|(_, values)| values)) {
            if column.len() as u64 != epoch {
                return Err(StateError::trainer("epochs in the history", epoch, column.len()));
            }
        }
        if let Some(PlateauState {
            factor,
            best,
            bad_epochs,
        }) = self.plateau
        {
            let what = "factor of the plateau";
            check(what, "a number from 0 to 1", factor, (0.0..=1.0).contains(&factor))?;
            let best = best.unwrap_or_default();
            check("best value of the plateau", "a number", best, !best.is_nan())?;
            let expected = format_args!("at most {epoch}");
            check("bad epochs of the plateau", expected, bad_epochs, bad_epochs <= epoch)?;
        }
        if let Some(StoppingState {
            best,
            best_epoch,
            epochs_since,
            best_layers,
        }) = &self.stopping
        {
            let value = best.unwrap_or_default();
            check("best value of early stopping", "a number", value, !value.is_nan())?;
            // Early stopping looks at each epoch from the one on in which it was set up.
            let (what, since) = ("epochs since the best one", *epochs_since);
            if best.is_some() {
                let expected = format_args!("an epoch before {epoch}");
                check("best epoch", expected, best_epoch, *best_epoch < epoch)?;
                let expected = epoch - 1 - best_epoch;
                check(what, expected, since, since == expected)?;
            } else {
                check(what, format_args!("at most {epoch}"), since, since <= epoch)?;
            }
            let shapes = |layer: &Dense<B>| (layer.weights.shape(), layer.bias.shape());
            if !best_layers.is_empty() && !best_layers.iter().map(shapes).eq(layers.iter().map(shapes)) {
                return Err(StateError::Shape {
                    name: "the best parameters".into(),
                });
            }
            check_numbers("the best parameters", best_layers, "finite numbers", f64::is_finite)?;
        }
        Ok(())
    }
}

/// Checks that `holds`, or says what was `expected`.
fn check(
    what: &'static str,
    expected: impl fmt::Display,
    got: impl fmt::Display,
    holds: bool,
) -> Result<(), StateError> {
    if holds {
        Ok(())
    } else {
        Err(StateError::trainer(what, expected, got))
    }
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
    /// The mean of the losses of the batches done, each counted by its weight; 0 before the first. (Their sum may be
    /// infinite where they are not.)
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
