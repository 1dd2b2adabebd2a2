//! An optimizer that evaluates the gradient once per step consists of a learning rate, a [`Rule`] and a [`Memory`].

use super::first_order::Memory;
use super::{NonFinite, OptimizerState, StateError};
use crate::backend::Tensor;
use crate::error::not_negative;
use crate::{Dense, HyperParameterError};

/// The hyper-parameters of an optimizer except the learning rate, and the formula of a step. The optimizer keeps up to
/// N values for each parameter in memory.
pub(super) trait Rule<const N: usize>: Sized {
    /// The stable name of this kind of optimizer.
    const KIND: &'static str;

    /// The name of the values that are a sum or a mean of squares, and therefore never negative, if there are any.
    const SQUARES: Option<&'static str>;

    /// Returns the stable names of the values that these hyper-parameters need, in the order in which the formula takes
    /// them.
    fn names(&self) -> &'static [&'static str];

    /// Applies the formula by a [`Memory::update`].
    fn update<B: Tensor>(
        &mut self,
        learning_rate: f64,
        memory: &mut Memory<B, N>,
        layers: &mut [Dense<B>],
        gradient: &mut [Dense<B>],
    ) -> Result<(), NonFinite>;

    /// Adds the hyper-parameters to `state`.
    fn save<B>(&self, state: OptimizerState<B>) -> OptimizerState<B>;

    /// Takes the entries that [`save`](Self::save) added out of `state`.
    fn take<B>(state: &mut OptimizerState<B>) -> Result<Self, StateError>;
}

/// Implements `Optimizer` for a type whose fields are `learning_rate`, `rule` and `memory`.
macro_rules! impl_optimizer {
    ($optimizer:ident, $rule:ty) => {
        impl<B: $crate::backend::Tensor> $optimizer<B> {
            /// Updates the parameters with a gradient that you computed. It uses up the gradient: afterwards `gradient`
            /// holds the old parameters.
            ///
            /// # Errors
            /// Returns [`NonFinite::Parameters`]($crate::NonFinite::Parameters) if a parameter would no longer be
            /// finite. `layers` are then unchanged.
            ///
            /// # Panics
            /// Panics if the shapes of `layers` and `gradient` differ, or differ from those of the updates before.
            pub fn update(
                &mut self,
                layers: &mut [$crate::Dense<B>],
                gradient: &mut [$crate::Dense<B>],
            ) -> Result<(), $crate::NonFinite> {
                use $crate::optimizer::rule::Rule as _;
                self.rule
                    .update(self.learning_rate, &mut self.memory, layers, gradient)
            }
        }

        impl<B: $crate::backend::Tensor> $crate::Optimizer<B> for $optimizer<B> {
            fn step(
                &mut self,
                layers: &mut [$crate::Dense<B>],
                objective: &mut dyn $crate::backend::Objective<B>,
            ) -> Result<f64, $crate::NonFinite> {
                $crate::optimizer::first_order::step(layers, objective, |layers, gradient| {
                    self.update(layers, gradient)
                })
            }

            fn learning_rate(&self) -> f64 {
                self.learning_rate
            }

            fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), $crate::HyperParameterError> {
                self.learning_rate = $crate::optimizer::rule::scheduled(learning_rate)?;
                Ok(())
            }

            fn state(&self) -> $crate::state::OptimizerState<B> {
                let state =
                    $crate::state::OptimizerState::new(<$rule>::KIND).with_number("learning_rate", self.learning_rate);
                self.memory.save(self.rule.save(state), self.rule.names())
            }

            fn restore(
                &mut self,
                mut state: $crate::state::OptimizerState<B>,
                layers: &[$crate::Dense<B>],
            ) -> Result<(), $crate::state::StateError> {
                state.expect_kind(<$rule>::KIND)?;
                let learning_rate = $crate::optimizer::rule::scheduled(state.take_number("learning_rate")?)?;
                let rule = <$rule>::take(&mut state)?;
                let memory = Memory::take(&mut state, rule.names(), <$rule>::SQUARES, layers)?;
                state.expect_empty()?;
                *self = Self {
                    learning_rate,
                    rule,
                    memory,
                };
                Ok(())
            }
        }
    };
}
pub(super) use impl_optimizer;

/// Returns `learning_rate` if it is finite and at least 0. A schedule may end at 0.
pub(super) fn scheduled(learning_rate: f64) -> Result<f64, HyperParameterError> {
    not_negative("learning rate", learning_rate)
}

/// Returns `value` as a flag, if it is 1 (true) or 0 (false).
pub(super) fn flag(name: &'static str, value: f64) -> Result<bool, HyperParameterError> {
    if value == 0.0 || value == 1.0 {
        Ok(value == 1.0)
    } else {
        Err(HyperParameterError::new(name, "0 or 1", value))
    }
}
