use super::rule::scheduled;
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError, first_order};
use crate::backend::{Tensor, ZipFormula};
use crate::error::positive;
use crate::{Dense, HyperParameterError, Scalar};

/// Plain gradient descent: W <- W - eta dL/dW, b <- b - eta dL/db. Its only state is the learning rate eta.
///
/// ```
/// use mlp_core::GradientDescent;
///
/// let error = GradientDescent::new(-1.0).unwrap_err();
/// assert_eq!(error.to_string(), "learning rate: expected a finite number above 0, got -1");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientDescent {
    learning_rate: f64,
}

impl GradientDescent {
    /// Creates the optimizer with learning rate eta.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0.
    pub fn new(learning_rate: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            learning_rate: positive("learning rate", learning_rate)?,
        })
    }

    /// Updates the parameters with a gradient that you computed. It uses up the gradient: afterwards `gradient` holds
    /// the old parameters.
    ///
    /// # Errors
    /// Returns [`NonFinite::Parameters`] if a parameter would no longer be finite. `layers` are then unchanged.
    ///
    /// # Panics
    /// Panics if the shapes of `layers` and `gradient` differ.
    pub fn update<B: Tensor>(&self, layers: &mut [Dense<B>], gradient: &mut [Dense<B>]) -> Result<(), NonFinite> {
        first_order::update(layers, gradient, [], self, self)
    }
}

/// Replaces dL/dW by W - eta dL/dW.
impl ZipFormula<0> for GradientDescent {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, []: [T; 0]) -> (T, [T; 0]) {
        (parameter - T::from_f64(self.learning_rate) * gradient, [])
    }
}

impl<B: Tensor> Optimizer<B> for GradientDescent {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        first_order::step(layers, objective, |layers, gradient| self.update(layers, gradient))
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.learning_rate = scheduled(learning_rate)?;
        Ok(())
    }

    fn state(&self) -> OptimizerState<B> {
        OptimizerState::new("gradient_descent").with_number("learning_rate", self.learning_rate)
    }

    fn restore(&mut self, mut state: OptimizerState<B>, _: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind("gradient_descent")?;
        let learning_rate = scheduled(state.take_number("learning_rate")?)?;
        state.expect_empty()?;
        *self = Self { learning_rate };
        Ok(())
    }
}
