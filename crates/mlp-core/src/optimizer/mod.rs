//! Optimisers: how parameters follow from a loss and its gradient.

mod adagrad;
mod adam;
mod adamw;
mod first_order;
mod gradient_descent;
mod lbfgs;
mod momentum;
mod nadam;
mod rms_prop;
mod rule;
mod state;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use gradient_descent::GradientDescent;
pub use lbfgs::Lbfgs;
pub use momentum::Momentum;
pub use nadam::NAdam;
pub use rms_prop::RmsProp;
pub(crate) use state::check_numbers;
pub use state::{OptimizerState, StateError};

use crate::backend::Tensor;
use crate::{Dense, HyperParameterError};
use core::fmt;

/// The loss of a batch as a function of a network's parameters.
pub trait Objective<B: Tensor> {
    /// The loss at `layers`; afterwards [`gradient_mut`](Self::gradient_mut) is its gradient there.
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64;

    /// The gradient of the last [`evaluate`](Self::evaluate), layer by layer. An optimiser may overwrite it.
    fn gradient_mut(&mut self) -> &mut [Dense<B>];
}

/// An optimiser: changes parameters so that the loss falls, and owns its state, which has the parameters' shapes.
///
/// It may evaluate the objective as often as it likes: gradient descent and its kin once a step, a line search more
/// often. The pass over a parameter matrix that changes it is [`Tensor::zip`].
///
/// ```
/// use mlp_core::{GradientDescent, Mlp, Optimizer};
/// use mlp_cpu::Matrix;
///
/// fn halve<O: Optimizer<Matrix<f64>>>(optimizer: &mut O) -> Result<(), mlp_core::HyperParameterError> {
///     optimizer.set_learning_rate(0.5 * optimizer.learning_rate())
/// }
///
/// let network = Mlp::<Matrix<f64>>::builder(&[2, 3, 1]).build()?;
/// let mut optimizer = GradientDescent::new(0.1)?;
/// let state = Optimizer::<Matrix<f64>>::state(&optimizer);
/// halve(&mut optimizer)?;
/// assert_eq!(optimizer, GradientDescent::new(0.05)?);
/// optimizer.restore(state, network.layers())?;
/// assert_eq!(optimizer, GradientDescent::new(0.1)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Optimizer<B: Tensor> {
    /// One step. Returns the loss at the parameters before it.
    ///
    /// # Errors
    /// If the loss, its gradient or a parameter after the step is not finite. `layers` are then what they were before
    /// the step; the optimiser's own state may not be ([`restore`](Self::restore) an earlier one to go on).
    ///
    /// # Panics
    /// If the shapes of `layers` are not those of the gradient, or of the state from earlier steps.
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite>;

    /// The learning rate eta.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate, as a schedule does between steps. It may end in 0, where no parameter changes any
    /// more; an optimiser is made with one above 0.
    ///
    /// # Errors
    /// If it is not a finite number of at least 0. The learning rate is then unchanged.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError>;

    /// All it needs to go on later exactly as if it had not stopped.
    fn state(&self) -> OptimizerState<B>;

    /// Goes on from `state` with the parameters `layers`.
    ///
    /// # Errors
    /// If `state` is not one of this kind of optimiser, its values have not the shapes of `layers`, or a number is none
    /// that it can have. The optimiser is then unchanged.
    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError>;
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum NonFinite {
    /// The loss before the step is infinite or NaN.
    Loss {
        /// The loss.
        loss: f64,
    },
    /// The gradient, or the sum of its squares, is.
    Gradient {
        /// The first layer, from 0, with which it is.
        layer: usize,
        /// The loss before the step.
        loss: f64,
    },
    /// A weight or a bias after the step would be.
    Parameters {
        /// Its layer, from 0, the first hidden layer.
        layer: usize,
        /// The loss before the step.
        loss: f64,
    },
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { loss } => write!(f, "the loss is {loss}"),
            Self::Gradient { layer, .. } => {
                write!(
                    f,
                    "the gradient of layer {layer}, or the sum of its squares, is not finite"
                )
            }
            Self::Parameters { layer, .. } => write!(f, "a parameter of layer {layer} stops being finite"),
        }
    }
}

impl core::error::Error for NonFinite {}

#[cfg(test)]
mod tests;
