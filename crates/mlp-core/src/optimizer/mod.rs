//! Optimizers, which compute new parameters from a loss and its gradient.

mod adagrad;
mod adam;
mod adamw;
mod factors;
mod first_order;
mod gauss_newton;
mod gradient;
mod gradient_descent;
mod kind;
mod lbfgs;
mod momentum;
mod nadam;
mod rms_prop;
mod rule;
mod state;
pub(crate) mod vector;

pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamw::AdamW;
pub use factors::Factors;
pub use gauss_newton::GaussNewton;
pub use gradient::Gradient;
pub(crate) use gradient::Pending;
pub use gradient_descent::GradientDescent;
pub use kind::OptimizerKind;
pub use lbfgs::Lbfgs;
pub use momentum::Momentum;
pub use nadam::NAdam;
pub use rms_prop::RmsProp;
pub(crate) use state::check_numbers;
pub use state::{OptimizerState, StateError};

use crate::backend::Tensor;
use crate::error::error_by_message;
use crate::{Dense, HyperParameterError};
use alloc::boxed::Box;
use core::fmt;

/// The loss of a batch as a function of a network's parameters.
pub trait Objective<B: Tensor> {
    /// Computes the loss at `layers`. Afterwards [`gradient_mut`](Self::gradient_mut) returns the gradient at `layers`.
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64;

    /// Returns the gradient of the last [`evaluate`](Self::evaluate), layer by layer. An optimizer may overwrite it.
    fn gradient_mut(&mut self) -> &mut [Dense<B>];

    /// Returns the same gradient, which may still be pending. The default returns
    /// [`gradient_mut`](Self::gradient_mut).
    fn gradient(&mut self) -> Gradient<'_, B> {
        self.gradient_mut().into()
    }

    /// Sets `product` to G `direction`, where G = J^T H J is the Gauss-Newton matrix at `layers`, the parameters of the
    /// last [`evaluate`](Self::evaluate): J are the derivatives of the predictions with respect to the parameters, and H
    /// the second derivatives of the loss with respect to the predictions. All three have the same shapes.
    ///
    /// Afterwards [`gradient_mut`](Self::gradient_mut) may return anything. Only [`GaussNewton`] needs this operation.
    ///
    /// # Panics
    /// The default panics: it says that the objective does not have this product.
    fn gauss_newton_product(&mut self, layers: &[Dense<B>], direction: &[Dense<B>], product: &mut [Dense<B>]) {
        let _ = (layers, direction, product);
        panic!("gauss_newton_product: this objective does not implement it, and `GaussNewton` needs it");
    }
}

/// An optimizer changes parameters so that the loss falls. It owns its state, which has the shapes of the parameters.
///
/// The trait is object safe: `Box<dyn Optimizer<B>>` is an optimizer whose type is chosen at run time, see
/// [`OptimizerKind`].
///
/// It may evaluate the objective as often as it needs to. Gradient descent and its variants evaluate it once per step,
/// and a line search more often. [`Tensor::zip`] is the pass over a parameter matrix that updates it.
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
/// let state = optimizer.state();
/// halve(&mut optimizer)?;
/// assert_eq!(optimizer, GradientDescent::new(0.05)?);
/// optimizer.restore(state, network.layers())?;
/// assert_eq!(optimizer, GradientDescent::new(0.1)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Optimizer<B: Tensor>: fmt::Debug {
    /// Takes one step. Returns the loss at the parameters before the step. A trainer calls it within
    /// [`Tensor::with_float_environment`].
    ///
    /// # Errors
    /// Returns an error if the loss, its gradient or a parameter after the step is not finite. `layers` are then
    /// unchanged, but the optimizer's own state may have changed. [`restore`](Self::restore) an earlier state to
    /// continue.
    ///
    /// # Panics
    /// Panics if the shapes of `layers` differ from those of the gradient, or of the state from earlier steps.
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite>;

    /// Returns the learning rate eta.
    fn learning_rate(&self) -> f64;

    /// Changes the learning rate, as a schedule does between steps. A schedule may end at 0, where parameters no longer
    /// change, although an optimizer is usually created with a learning rate above 0.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number of at least 0. The learning rate is then unchanged.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError>;

    /// Changes the weight decay, as a schedule does between steps.
    ///
    /// # Errors
    /// Returns an error if `weight_decay` is not a finite number of at least 0, or if this kind of optimizer has no
    /// weight decay, which is the default.
    fn set_weight_decay(&mut self, weight_decay: f64) -> Result<(), HyperParameterError> {
        Err(no_weight_decay(weight_decay))
    }

    /// Forgets all steps, and the network with them. The hyper-parameters stay, the learning rate included.
    fn reset(&mut self);

    /// Returns everything the optimizer needs to continue later exactly as if it had not stopped.
    fn state(&self) -> OptimizerState<B>;

    /// Continues from `state` with the parameters `layers`.
    ///
    /// # Errors
    /// Returns an error if `state` belongs to another kind of optimizer, if its values do not have the shapes of
    /// `layers`, or if a number is missing or out of range. The optimizer is then unchanged.
    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError>;
}

/// An optimizer on the heap is an optimizer as well, so that its type can be chosen at run time; see [`OptimizerKind`].
impl<B: Tensor, O: Optimizer<B> + ?Sized> Optimizer<B> for Box<O> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        (**self).step(layers, objective)
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        (**self).set_learning_rate(learning_rate)
    }

    fn set_weight_decay(&mut self, weight_decay: f64) -> Result<(), HyperParameterError> {
        (**self).set_weight_decay(weight_decay)
    }

    fn reset(&mut self) {
        (**self).reset();
    }

    fn state(&self) -> OptimizerState<B> {
        (**self).state()
    }

    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        (**self).restore(state, layers)
    }
}

/// Returns the error of an optimizer whose weight decay is set, but which has none.
fn no_weight_decay(got: f64) -> HyperParameterError {
    HyperParameterError::new("weight decay", "an optimizer that has it, such as AdamW", got)
}

/// Why a step was not taken.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum NonFinite {
    /// The loss before the step is infinite or NaN.
    Loss {
        /// The loss.
        loss: f64,
    },
    /// The gradient, or the sum of its squares, is infinite or NaN.
    Gradient {
        /// The first layer, from 0, whose gradient makes it so.
        layer: usize,
    },
    /// A weight or a bias would be infinite or NaN after the step.
    Parameters {
        /// The layer of the parameter. 0 is the first hidden layer.
        layer: usize,
    },
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { loss } => write!(f, "the loss is {loss}"),
            Self::Gradient { layer } => {
                write!(
                    f,
                    "the gradient of layer {layer}, or the sum of its squares, is not finite"
                )
            }
            Self::Parameters { layer } => write!(f, "a parameter of layer {layer} would no longer be finite"),
        }
    }
}

error_by_message! { NonFinite }

#[cfg(test)]
mod tests;
