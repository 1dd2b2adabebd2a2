use super::{Dropout, Every, History};
use crate::backend::Tensor;
use crate::error::not_negative;
use crate::optimizer::check_numbers;
use crate::state::{OptimizerState, PlateauState, StateError};
use crate::{Dense, Schedule};
use alloc::vec::Vec;
use core::fmt;

/// Everything a [`Trainer`](super::Trainer) must remember to continue later exactly as if it had not stopped, except
/// the network's parameters. It is plain data that can be saved in a file.
///
/// It contains the seeds of random number generators, but not the generators: the numbers drawn depend only on the seed
/// and the position.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerState<B> {
    /// The state of the optimizer.
    pub optimizer: OptimizerState<B>,
    /// The learning rate that the factors of the schedule and the plateau multiply.
    pub initial_learning_rate: f64,
    /// The schedule, and what its time counts.
    pub schedule: Option<(Schedule, Every)>,
    /// The weight decay that the factor of its schedule multiplies, the schedule, and what its time counts.
    pub weight_decay: Option<(f64, Schedule, Every)>,
    /// The state of the learning rate reduction on a plateau.
    pub plateau: Option<PlateauState>,
    /// The state of early stopping.
    pub stopping: Option<StoppingState<B>>,
    /// Dropout, if it is used.
    pub dropout: Option<Dropout>,
    /// How far training has come.
    pub position: Position,
    /// The history of all epochs so far.
    pub history: History,
}

impl<B: Tensor> TrainerState<B> {
    /// Checks that the state is consistent with itself and with the shapes of `layers`.
    pub(super) fn check(&self, layers: &[Dense<B>]) -> Result<(), StateError> {
        let epoch = self.position.epoch;
        self.position.check()?;
        not_negative("initial learning rate", self.initial_learning_rate)?;
        if let Some((initial, ..)) = self.weight_decay {
            not_negative("initial weight decay", initial)?;
        }
        for got in self.history.columns().map(<[f64]>::len) {
            check("epochs in the history", epoch, got, got as u64 == epoch)?;
        }
        if let Some(plateau) = &self.plateau {
            check_plateau(plateau, epoch)?;
        }
        match &self.stopping {
            Some(stopping) => stopping.check(epoch, layers),
            None => Ok(()),
        }
    }
}

fn check_plateau(plateau: &PlateauState, epoch: u64) -> Result<(), StateError> {
    let PlateauState { factor, bad_epochs, .. } = *plateau;
    let best = plateau.best.unwrap_or_default();
    let within = (0.0..=1.0).contains(&factor);
    check("factor of the plateau", "a number from 0 to 1", factor, within)?;
    check("best value of the plateau", "a finite number", best, best.is_finite())?;
    let expected = format_args!("at most {epoch}");
    check("bad epochs of the plateau", expected, bad_epochs, bad_epochs <= epoch)
}

/// Returns an error about `what` unless `holds` is true.
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

/// How far training has come.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Position {
    /// The epoch that is under way, or the next one.
    pub epoch: u64,
    /// The number of its batches that are done.
    pub batch: usize,
    /// The total number of steps.
    pub steps: u64,
    /// The weighted mean of the losses of the batches done; 0 before the first batch. (It is a mean because the sum of
    /// finite losses may be infinite.)
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub loss: f64,
    /// The sum of the weights of the batches done.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub weight: f64,
    /// The loss of the last batch whose loss was finite.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub last_finite_loss: Option<f64>,
    /// How the epoch goes through the samples, if it is under way.
    pub pass: Option<Pass>,
}

impl Position {
    fn check(&self) -> Result<(), StateError> {
        let Self {
            batch, loss, weight, ..
        } = *self;
        let batches = match self.pass {
            Some(pass) if pass.batch_size > 0 => pass.samples.div_ceil(pass.batch_size),
            Some(_) => return Err(StateError::trainer("samples in a batch", "at least 1", 0)),
            None => 0,
        };
        let expected = format_args!("at most {batches}");
        check("batches done", expected, batch, batch <= batches)?;
        let exact = self.steps < 1 << f64::MANTISSA_DIGITS;
        check("steps", "less than 2^53", self.steps, exact)?;
        let what = "loss and weight of the epoch";
        let got = format_args!("{loss} and {weight}");
        let finite = loss.is_finite() && weight.is_finite() && weight >= 0.0;
        check(what, "finite numbers", got, finite)?;
        // Batches whose samples all have weight 0 are skipped, but no epoch consists of such batches only.
        let fits = if weight > 0.0 {
            batch > 0
        } else {
            loss == 0.0 && (batch == 0 || batch < batches)
        };
        let expected = format_args!("values that fit {batch} finished batches");
        check(what, expected, got, fits)?;
        let loss = self.last_finite_loss.unwrap_or_default();
        check("last finite loss", "a finite number", loss, loss.is_finite())
    }
}

/// How an epoch goes through the samples. It must stay the same until the epoch ends.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The number of samples.
    pub samples: usize,
    /// The number of samples in a batch.
    pub batch_size: usize,
    /// The seed of the random order, if the samples are shuffled.
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
    /// The epoch of the best value.
    pub best_epoch: u64,
    /// The number of epochs since then, none of which was better.
    pub epochs_since: u64,
    /// The parameters of the best epoch; empty if there is none yet.
    pub best_layers: Vec<Dense<B>>,
}

impl<B: Tensor> StoppingState<B> {
    fn check(&self, epoch: u64, layers: &[Dense<B>]) -> Result<(), StateError> {
        let (best, best_epoch, since) = (self.best.unwrap_or_default(), self.best_epoch, self.epochs_since);
        check(
            "best value of early stopping",
            "a finite number",
            best,
            best.is_finite(),
        )?;
        // Early stopping observes every epoch, starting with the one in which it was set up.
        let what = "epochs since the best one";
        if self.best.is_some() {
            let expected = format_args!("an epoch before {epoch}");
            check("best epoch", expected, best_epoch, best_epoch < epoch)?;
            let expected = epoch - 1 - best_epoch;
            check(what, expected, since, since == expected)?;
        } else {
            check(what, format_args!("at most {epoch}"), since, since <= epoch)?;
        }
        let shapes = |layer: &Dense<B>| (layer.weights.shape(), layer.bias.shape());
        let (what, layers) = ("the best parameters", layers.iter().map(shapes));
        if !self.best_layers.is_empty() && !self.best_layers.iter().map(shapes).eq(layers) {
            return Err(StateError::Shape { name: what.into() });
        }
        check_numbers(what, &self.best_layers, "finite numbers", f64::is_finite)
    }
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
