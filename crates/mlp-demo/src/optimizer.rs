//! The optimizers that the command line offers.

use std::fmt;

use clap::ValueEnum;
use mlp_core::backend::{Objective, Tensor};
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{Adam, Dense, GradientDescent, HyperParameterError, NonFinite, Optimizer};
use serde::{Deserialize, Serialize};

/// The kind of optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Subtracts the learning rate times its derivative from each parameter
    GradientDescent,
    /// Takes steps of about the learning rate, however large the derivative
    Adam,
}

impl OptimizerKind {
    /// Returns the name that the command line accepts.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value().expect("every optimizer can be selected");
        value.get_name().to_owned()
    }

    /// Creates the optimizer with this learning rate.
    ///
    /// # Errors
    ///
    /// Returns an error if the learning rate is not a finite number above 0.
    pub fn build<B: Tensor>(self, learning_rate: f64) -> Result<AnyOptimizer<B>, HyperParameterError> {
        Ok(match self {
            Self::GradientDescent => AnyOptimizer::GradientDescent(GradientDescent::new(learning_rate)?),
            Self::Adam => AnyOptimizer::Adam(Adam::new(learning_rate)?),
        })
    }
}

/// Writes `Gradient descent` or `Adam`.
impl fmt::Display for OptimizerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GradientDescent => "Gradient descent",
            Self::Adam => "Adam",
        })
    }
}

/// An optimizer that is selected at run time.
#[derive(Clone, Debug)]
pub enum AnyOptimizer<B> {
    /// Gradient descent.
    GradientDescent(GradientDescent),
    /// Adam.
    Adam(Adam<B>),
}

/// Evaluates `$body` with `$optimizer` bound to the optimizer in `$any`.
macro_rules! with_optimizer {
    ($any:expr, $optimizer:ident => $body:expr) => {
        match $any {
            AnyOptimizer::GradientDescent($optimizer) => $body,
            AnyOptimizer::Adam($optimizer) => $body,
        }
    };
}

impl<B: Tensor> Optimizer<B> for AnyOptimizer<B> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        with_optimizer!(self, optimizer => optimizer.step(layers, objective))
    }

    fn learning_rate(&self) -> f64 {
        with_optimizer!(self, optimizer => Optimizer::<B>::learning_rate(optimizer))
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        with_optimizer!(self, optimizer => Optimizer::<B>::set_learning_rate(optimizer, learning_rate))
    }

    fn state(&self) -> OptimizerState<B> {
        with_optimizer!(self, optimizer => optimizer.state())
    }

    fn restore(&mut self, state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        with_optimizer!(self, optimizer => optimizer.restore(state, layers))
    }
}
