//! An optimizer that evaluates the gradient once per step consists of a [`Rule`] and a
//! [`Memory`](super::first_order::Memory).

use super::first_order::Update;
use super::{NonFinite, StateError};
use crate::HyperParameterError;
use crate::backend::Tensor;
use crate::error::{flag, not_negative};

/// The hyper-parameters of an optimizer, and the formula of a step. The optimizer keeps up to N values for each
/// parameter in memory.
pub(super) trait Rule<const N: usize>: Clone {
    /// The stable name of this kind of optimizer.
    const KIND: &'static str;

    /// The stable names of the values, in the order in which the formula takes them.
    const NAMES: &'static [&'static str];

    /// The name of the values that are a sum or a mean of squares, and therefore never negative, if there are any.
    const SQUARES: Option<&'static str> = None;

    /// Returns the names of the values that these hyper-parameters need.
    fn names(&self) -> &'static [&'static str] {
        Self::NAMES
    }

    /// Calls `visit` with each hyper-parameter: its name in a saved state, its value and its range. The same list thus
    /// serves to save and to restore.
    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<(), StateError>;

    /// Applies the formula of a step by [`Update::apply`].
    fn update<B: Tensor>(&mut self, update: Update<'_, B, N>) -> Result<(), NonFinite>;
}

/// A function that reads or writes a hyper-parameter, see [`Rule::visit`].
pub(super) type Visit<'a> = dyn FnMut(&'static str, &mut f64, Range) -> Result<(), StateError> + 'a;

/// A function that returns the value of the named hyper-parameter if it is in its range.
pub(super) type Range = fn(&'static str, f64) -> Result<f64, HyperParameterError>;

/// Visits a learning rate. A schedule may end at 0.
pub(super) fn visit_learning_rate(visit: &mut Visit<'_>, learning_rate: &mut f64) -> Result<(), StateError> {
    visit("learning_rate", learning_rate, |_, value| {
        not_negative("learning rate", value)
    })
}

/// Visits a hyper-parameter that is true or false, saved as 1 or 0.
pub(super) fn visit_flag(visit: &mut Visit<'_>, name: &'static str, is_set: &mut bool) -> Result<(), StateError> {
    let mut value = f64::from(*is_set);
    visit(name, &mut value, flag)?;
    *is_set = value == 1.0;
    Ok(())
}

/// Implements `new` for an optimizer that is created with a learning rate only; the other hyper-parameters have these
/// defaults.
macro_rules! impl_new {
    ($optimizer:ident, $rule:ident { $($parameter:ident: $default:expr),* }) => {
        impl<B: $crate::backend::Tensor> $optimizer<B> {
            /// Creates the optimizer with learning rate eta.
            ///
            /// # Errors
            /// Returns an error if `learning_rate` is not a finite number above 0.
            pub fn new(learning_rate: f64) -> Result<Self, $crate::HyperParameterError> {
                let learning_rate = $crate::error::positive("learning rate", learning_rate)?;
                Ok(Self {
                    rule: $rule { learning_rate, $($parameter: $default),* },
                    memory: Memory::new(),
                })
            }
        }
    };
}

/// Implements `Optimizer` for a type whose fields are `rule`, with a field `learning_rate`, and `memory`.
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
                B::with_float_environment(|| self.rule.update(self.memory.begin_step(layers, gradient)))
            }
        }

        impl<B: $crate::backend::Tensor> $crate::Optimizer<B> for $optimizer<B> {
            fn step(
                &mut self,
                layers: &mut [$crate::Dense<B>],
                objective: &mut dyn $crate::backend::Objective<B>,
            ) -> Result<f64, $crate::NonFinite> {
                let loss = $crate::optimizer::first_order::evaluate(layers, objective)?;
                self.update(layers, objective.gradient_mut())?;
                Ok(loss)
            }

            fn learning_rate(&self) -> f64 {
                self.rule.learning_rate
            }

            fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), $crate::HyperParameterError> {
                self.rule.learning_rate = $crate::error::not_negative("learning rate", learning_rate)?;
                Ok(())
            }

            fn state(&self) -> $crate::state::OptimizerState<B> {
                self.memory.save(&self.rule)
            }

            fn restore(
                &mut self,
                state: $crate::state::OptimizerState<B>,
                layers: &[$crate::Dense<B>],
            ) -> Result<(), $crate::state::StateError> {
                let (rule, memory) = Memory::restore(state, &self.rule, layers)?;
                *self = Self { rule, memory };
                Ok(())
            }
        }
    };
}
pub(super) use {impl_new, impl_optimizer};
