use super::{DataError, Pass};
use crate::{HyperParameterError, Metric, OutOfMemory, TargetKind};
use core::fmt;

/// Why training stopped, or did not begin.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrainError {
    /// The data do not fit the network or the loss.
    Data(DataError),
    /// A batch size of 0.
    BatchSize,
    /// A metric that the targets of this loss do not have.
    Metric {
        /// The metric.
        metric: Metric,
        /// What the loss takes as target.
        target_kind: TargetKind,
    },
    /// A metric of a class that the network does not tell apart from others.
    MetricClass {
        /// The metric.
        metric: Metric,
        /// How many classes there are; for multilabel targets, how many labels.
        classes: usize,
    },
    /// A metric was asked for, and there are no validation samples to have it of.
    NoValidation {
        /// The metric.
        metric: Metric,
    },
    /// An epoch that is under way cannot go on with other samples or in another order.
    Pass {
        /// How it went so far.
        expected: Pass,
        /// How it was to go on.
        got: Pass,
    },
    /// A weight or a bias of the network is infinite or NaN before training.
    Parameters {
        /// Its layer, from 0, the first hidden layer.
        layer: usize,
        /// The number.
        got: f64,
    },
    /// The learning rate that follows from the schedule is out of its range.
    LearningRate(HyperParameterError),
    /// The memory for a batch cannot be had.
    OutOfMemory(OutOfMemory),
    /// The loss or a parameter stopped being finite.
    Diverged(Diverged),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::BatchSize => f.write_str("batch size: expected at least 1, got 0"),
            Self::Metric {
                metric: metric @ Metric::TopK(0),
                ..
            } => write!(f, "metric {metric}: expected the best 1 or more, got the best 0"),
            Self::Metric { metric, target_kind } => {
                write!(
                    f,
                    "metric {metric}: expected targets that it is defined for, got a loss of {target_kind:?} targets"
                )
            }
            Self::MetricClass { metric, classes } => {
                write!(f, "metric {metric}: expected a class from 0 to {}", classes - 1)
            }
            Self::NoValidation { metric } => {
                write!(
                    f,
                    "metric {metric}: expected validation samples to have it of, got none"
                )
            }
            Self::Pass { expected, got } => {
                write!(
                    f,
                    "an epoch is under way: expected {expected}, got {got}; end it that way, or begin it anew after \
                     `Trainer::abandon_epoch`"
                )
            }
            Self::Parameters { layer, got } => {
                write!(f, "parameters: expected finite numbers in layer {layer}, got {got}")
            }
            Self::LearningRate(error) => error.fmt(f),
            Self::OutOfMemory(error) => error.fmt(f),
            Self::Diverged(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TrainError {}

impl From<DataError> for TrainError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}

impl From<HyperParameterError> for TrainError {
    fn from(error: HyperParameterError) -> Self {
        Self::LearningRate(error)
    }
}

impl From<OutOfMemory> for TrainError {
    fn from(error: OutOfMemory) -> Self {
        Self::OutOfMemory(error)
    }
}

/// Training that ended in numbers that are not finite. The network holds the last parameters that were: those from
/// before the step that failed.
///
/// The trainer has abandoned the epoch ([`Trainer::abandon_epoch`](super::Trainer::abandon_epoch)), so that `fit` may
/// be called again, with other options and another [learning rate](super::Trainer::set_learning_rate), and begins it
/// anew. The state of an optimiser that has one (momentum, moments) holds the step that failed: there,
/// [`restore`](super::Trainer::restore) an earlier state, or begin with a new trainer.
///
/// ```
/// use mlp_core::{FitOptions, GradientDescent, HalfSquaredError, Identity, Mlp, Samples, TrainError, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let mut trainer = Trainer::new(HalfSquaredError, GradientDescent::new(1e3)?);
/// let result = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(1000));
/// let Err(TrainError::Diverged(diverged)) = result else { panic!("no divergence") };
/// assert_eq!((diverged.batch, diverged.learning_rate), (0, 1e3));
/// assert!(network.layers()[0].weights[(0, 0)].is_finite());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diverged {
    /// The step, from 0, among all that the trainer made.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch within the epoch, from 0.
    pub batch: usize,
    /// How the epoch goes through the samples; `None` in a [`step`](super::Trainer::step) by itself, where epoch and
    /// batch are those that `fit` would go on with.
    pub pass: Option<Pass>,
    /// The first layer, from 0, whose output (or, if `loss` is finite, whose gradient or parameters) is not finite;
    /// `None` if all outputs are and only the loss of them is not.
    pub layer: Option<usize>,
    /// If the loss is finite, and the gradient in that layer, or the sum of its squares up to there, is not.
    pub gradient: bool,
    /// The loss of the batch.
    pub loss: f64,
    /// The loss of the last batch that had a finite one.
    pub last_finite_loss: Option<f64>,
    /// The learning rate.
    pub learning_rate: f64,
    /// What probably led to it.
    pub likely_cause: LikelyCause,
}

/// What probably made training diverge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LikelyCause {
    /// The learning rate is too large: losses were finite before, and nothing speaks for [`Data`](Self::Data).
    LearningRate,
    /// The data, or the initial weights, are too large: no loss ever was finite, the gradient of a finite one is not,
    /// or the batch has a number whose square is not.
    Data,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pass {
            Some(_) => write!(f, "training diverged in epoch {}, batch {}: ", self.epoch, self.batch)?,
            None => write!(f, "training diverged in step {}: ", self.step)?,
        }
        match (self.layer, self.loss.is_finite()) {
            (Some(layer), true) if self.gradient => write!(
                f,
                "the gradient of layer {layer}, or the sum of its squares, is not finite"
            )?,
            (Some(layer), true) => write!(f, "the parameters of layer {layer} would stop being finite")?,
            (Some(layer), false) => write!(f, "the loss is {} (first in the output of layer {layer})", self.loss)?,
            (None, _) => write!(f, "the loss is {}", self.loss)?,
        }
        if let Some(loss) = self.last_finite_loss {
            write!(f, "; the last finite loss was {loss:e}")?;
        }
        match self.likely_cause {
            LikelyCause::LearningRate => {
                write!(f, "; the learning rate, {}, is probably too large", self.learning_rate)
            }
            LikelyCause::Data => f.write_str("; the data or the weights probably hold numbers that are too large"),
        }
    }
}

impl core::error::Error for Diverged {}
