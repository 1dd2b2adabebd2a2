use super::{DataError, Pass};
use crate::error::{error_by_message, from_variant};
use crate::{HyperParameterError, Metric, OutOfMemory};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Why training stopped, or did not begin.
#[derive(Clone)]
#[non_exhaustive]
pub enum TrainError {
    /// The data do not fit the network or the loss.
    Data(DataError),
    /// The batch size is 0.
    BatchSize,
    /// A metric cannot be computed: it is not defined for the targets of this loss, belongs to a class that the network
    /// does not have, or needs validation samples that were not given.
    Metric {
        /// The metric.
        metric: Metric,
        /// What is wrong.
        problem: String,
    },
    /// An epoch is under way and cannot continue with other samples or in another order.
    Pass {
        /// How the epoch has gone through the samples so far.
        expected: Pass,
        /// How this call would continue it.
        got: Pass,
    },
    /// The trainer belongs to another network, see [`Trainer`](super::Trainer). If the layer sizes are equal, the
    /// parameters differ from those that the trainer left.
    OtherNetwork {
        /// The layer sizes of the trainer's network.
        expected: Vec<usize>,
        /// The layer sizes of the network given.
        got: Vec<usize>,
    },
    /// A weight or a bias of the network is infinite or NaN before training.
    Parameters {
        /// The layer of the parameter. 0 is the first hidden layer.
        layer: usize,
        /// The value of the parameter.
        got: f64,
    },
    /// The learning rate or the weight decay that a schedule computes is out of range.
    HyperParameter(HyperParameterError),
    /// The memory for a batch cannot be allocated.
    OutOfMemory(OutOfMemory),
    /// The loss or a parameter stopped being finite.
    Diverged(Diverged),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(error) => error.fmt(f),
            Self::BatchSize => f.write_str("batch size: expected at least 1, got 0"),
            Self::Metric { metric, problem } => write!(f, "metric {metric}: {problem}"),
            Self::Pass { expected, got } => {
                write!(
                    f,
                    "an epoch is under way: expected {expected}, got {got}; finish it with the expected samples and \
                     options, or call `Trainer::abandon_epoch` to start it over"
                )
            }
            Self::OtherNetwork { expected, got } if expected == got => f.write_str(
                "network: expected the parameters that this trainer left or the best ones, got others; call \
                 `Trainer::reset` to train another network, or `Trainer::restore` if you changed the parameters",
            ),
            Self::OtherNetwork { expected, got } => write!(
                f,
                "network: expected the layer sizes {expected:?}, which this trainer has trained, got {got:?}; call \
                 `Trainer::reset` to train another network"
            ),
            Self::Parameters { layer, got } => {
                write!(f, "parameters: expected finite numbers in layer {layer}, got {got}")
            }
            Self::HyperParameter(error) => error.fmt(f),
            Self::OutOfMemory(error) => error.fmt(f),
            Self::Diverged(error) => error.fmt(f),
        }
    }
}

error_by_message! { TrainError }

from_variant! { TrainError [] Data(DataError) }
from_variant! { TrainError [] HyperParameter(HyperParameterError) }
from_variant! { TrainError [] OutOfMemory(OutOfMemory) }

/// Training produced numbers that are not finite. The network holds the last finite parameters, from before the step
/// that failed.
///
/// The trainer has abandoned the epoch ([`Trainer::abandon_epoch`](super::Trainer::abandon_epoch)). The next call of
/// `fit` starts the epoch over, and may use other options and another [learning
/// rate](super::Trainer::set_learning_rate). If the optimizer has a state (momentum, moments), the state already
/// contains the step that failed. In that case, [`restore`](super::Trainer::restore) an earlier state or start with a
/// new trainer.
///
/// ```
/// use mlp_core::activations::Identity;
/// use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Samples, TrainError, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1e3)?);
/// let result = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(1000));
/// let Err(TrainError::Diverged(diverged)) = result else { panic!("no divergence") };
/// assert_eq!((diverged.batch, diverged.learning_rate), (0, 1e3));
/// assert!(network.layers()[0].weights[(0, 0)].is_finite());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Diverged {
    /// The number of the step, from 0, among all steps of the trainer.
    pub step: u64,
    /// The epoch, from 0.
    pub epoch: u64,
    /// The batch within the epoch, from 0.
    pub batch: usize,
    /// How the epoch goes through the samples. `None` if [`step`](super::Trainer::step) was called directly; `epoch`
    /// and `batch` are then those with which `fit` would continue.
    pub pass: Option<Pass>,
    /// The first layer, from 0, whose output is not finite or, if `loss` is finite, whose gradient or parameters are
    /// not. `None` if all outputs are finite and only the loss is not.
    pub layer: Option<usize>,
    /// True if the loss is finite, but the gradient of that layer is not, or the sum of its squares up to that layer.
    pub gradient: bool,
    /// The loss of the batch.
    pub loss: f64,
    /// The loss of the last batch whose loss was finite.
    pub last_finite_loss: Option<f64>,
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// The likely cause.
    pub likely_cause: LikelyCause,
}

/// The likely cause of a divergence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LikelyCause {
    /// The learning rate is too large. Losses were finite before, and nothing points to [`Data`](Self::Data).
    LearningRate,
    /// The data or the initial weights are too large. Either no loss was ever finite, or the loss is finite but its
    /// gradient is not, or the batch contains a number whose square is not finite.
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
            (Some(layer), true) => write!(f, "the parameters of layer {layer} would no longer be finite")?,
            (Some(layer), false) => write!(
                f,
                "the loss is {} (layer {layer} is the first with output that is not finite)",
                self.loss
            )?,
            (None, _) => write!(f, "the loss is {}", self.loss)?,
        }
        if let Some(loss) = self.last_finite_loss {
            write!(f, "; the last finite loss was {loss:e}")?;
        }
        match self.likely_cause {
            LikelyCause::LearningRate => {
                write!(f, "; the learning rate, {}, is probably too large", self.learning_rate)
            }
            LikelyCause::Data => f.write_str("; the data or the weights probably contain numbers that are too large"),
        }
    }
}

error_by_message! { Diverged }
