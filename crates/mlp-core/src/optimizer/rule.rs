//! An optimizer that evaluates the gradient once per step consists of a [`Rule`] and a
//! [`Memory`](super::first_order::Memory).

use super::factors::{self, Group};
use super::first_order::{Memory, Update, count};
use super::state::check_numbers;
use super::{NonFinite, OptimizerState, StateError, no_weight_decay};
use crate::backend::Tensor;
use crate::{Dense, HyperParameterError};
use alloc::borrow::ToOwned;

/// The hyper-parameters of an optimizer as a list of numbers. `first_order!` implements it.
pub(super) trait Listed: Copy {
    /// The stable name of this kind of optimizer.
    const KIND: &'static str;

    /// Calls `visit` with each hyper-parameter: its name in a saved state, its value and its range. The same list thus
    /// serves to save and to restore.
    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<(), StateError>;

    /// Returns these hyper-parameters with the learning rate of a group of parameters.
    #[must_use]
    fn of_group(self, group: Group) -> Self;
}

/// The hyper-parameters of an optimizer, and the formula of a step. The optimizer keeps up to N values for each
/// parameter in memory.
pub(super) trait Rule<const N: usize>: Listed {
    /// The stable names of the values, in the order in which the formula takes them.
    const NAMES: &'static [&'static str];

    /// The name of the values that are a sum or a mean of squares, and therefore never negative, if there are any.
    const SQUARES: Option<&'static str> = None;

    /// The stable names of the factors, as in [`factors::Lists`].
    const FACTORS: &'static [&'static str] = &[LEARNING_RATE_FACTOR];

    /// Returns the names of the values that these hyper-parameters need.
    fn names(&self) -> &'static [&'static str] {
        Self::NAMES
    }

    /// Changes the weight decay, if there is one.
    fn set_weight_decay(&mut self, weight_decay: f64) -> Result<(), HyperParameterError> {
        Err(no_weight_decay(weight_decay))
    }

    /// Applies the formula of a step by [`Update::apply`].
    fn update<B: Tensor>(&mut self, update: Update<'_, B, N>) -> Result<(), NonFinite>;
}

/// The name of a factor of the learning rate.
pub(super) const LEARNING_RATE_FACTOR: &str = "learning_rate_factor";

/// A function that reads or writes a hyper-parameter, see [`Listed::visit`].
pub(super) type Visit<'a> = dyn FnMut(&'static str, &mut f64, Range) -> Result<(), StateError> + 'a;

/// A function that returns the value of the named hyper-parameter if it is in its range.
pub(super) type Range = fn(&'static str, f64) -> Result<f64, HyperParameterError>;

/// A type of hyper-parameters. In a saved state, each is a number.
pub(super) trait Parameter: Copy + Into<f64> {
    fn from_number(number: f64) -> Self;
}

impl Parameter for f64 {
    fn from_number(number: f64) -> Self {
        number
    }
}

impl Parameter for bool {
    fn from_number(number: f64) -> Self {
        number == 1.0
    }
}

/// Visits a hyper-parameter.
pub(super) fn visit_parameter<P: Parameter>(
    visit: &mut Visit<'_>,
    name: &'static str,
    parameter: &mut P,
    range: Range,
) -> Result<(), StateError> {
    let mut number = (*parameter).into();
    visit(name, &mut number, range)?;
    *parameter = P::from_number(number);
    Ok(())
}

/// An optimizer is saved as its hyper-parameters and its memory.
impl<B: Tensor, const N: usize> Memory<B, N> {
    /// Returns the state of an optimizer with this rule and memory.
    pub(super) fn save<R: Rule<N>>(&self, rule: &R) -> OptimizerState<B> {
        let mut state = OptimizerState::new(R::KIND);
        let mut save = |name: &str, value: &mut f64, _: Range| {
            state.numbers.push((name.to_owned(), *value));
            Ok(())
        };
        let mut numbers = *rule;
        numbers.visit(&mut save).expect("nothing is checked");
        if Self::COUNTS {
            state = state.with_number("steps", self.steps as f64);
        }
        for (name, tensors) in rule.names().iter().zip(&self.tensors) {
            state = state.with_tensors(name, tensors.clone());
        }
        for (name, factors) in R::FACTORS.iter().zip(&self.factors) {
            state = factors::save(state, name, factors);
        }
        state
    }

    /// Returns the rule and the memory that [`save`](Self::save) saved. `rule` is any rule of the kind.
    pub(super) fn restore<R: Rule<N>>(
        &self,
        mut state: OptimizerState<B>,
        rule: &R,
        layers: &[Dense<B>],
    ) -> Result<(R, Self), StateError> {
        state.expect_kind(R::KIND)?;
        let (mut rule, mut memory) = (*rule, Self::new());
        rule.visit(&mut |name, value, range| {
            *value = range(name, state.take_number(name)?)?;
            Ok(())
        })?;
        if Self::COUNTS {
            memory.steps = count("steps", state.take_number("steps")?)?;
        }
        for (tensors, &name) in memory.tensors.iter_mut().zip(rule.names()) {
            *tensors = state.take_tensors(name, layers)?;
            let fresh = memory.steps == 0 && tensors.is_empty();
            if !fresh && tensors.len() != layers.len() {
                return Err(StateError::Shape { name: name.to_owned() });
            }
            if R::SQUARES == Some(name) {
                check_numbers(name, tensors, "numbers of at least 0", |number| number >= 0.0)?;
            }
        }
        for ((factors, own), name) in memory.factors.iter_mut().zip(&self.factors).zip(R::FACTORS) {
            *factors = factors::restore(&mut state, name, own, layers.len())?;
        }
        state.expect_empty()?;
        Ok((rule, memory))
    }
}

/// Implements `new` for an optimizer that is created with a learning rate only.
macro_rules! impl_new {
    ($optimizer:ident) => {
        impl<B: $crate::backend::Tensor> $optimizer<B> {
            /// Creates the optimizer with learning rate eta.
            ///
            /// # Errors
            /// Returns an error if `learning_rate` is not a finite number above 0.
            pub fn new(learning_rate: f64) -> Result<Self, $crate::HyperParameterError> {
                Ok(Self {
                    rule: HyperParameters::new(learning_rate)?,
                    memory: $crate::optimizer::first_order::Memory::new(),
                })
            }
        }
    };
}

/// Declares an optimizer: its name, the number of values in memory for each parameter, the stable name of its kind, and
/// its hyper-parameters besides the learning rate, each with its default and its range. The hyper-parameters become the
/// struct `HyperParameters`, for which the module implements [`Rule`].
macro_rules! first_order {
    (
        $(#[$attribute:meta])*
        $optimizer:ident, $values:literal, $kind:literal;
        $($(#[$comment:meta])* $parameter:ident: $type:ty = $default:expr, $range:expr;)*
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $optimizer<B> {
            rule: HyperParameters,
            memory: $crate::optimizer::first_order::Memory<B, $values>,
        }

        #[derive(Clone, Copy, Debug, PartialEq)]
        struct HyperParameters {
            learning_rate: f64,
            $($(#[$comment])* $parameter: $type,)*
        }

        impl HyperParameters {
            fn new(learning_rate: f64) -> Result<Self, $crate::HyperParameterError> {
                let learning_rate = $crate::error::positive("learning rate", learning_rate)?;
                Ok(Self { learning_rate, $($parameter: $default),* })
            }
        }

        impl $crate::optimizer::rule::Listed for HyperParameters {
            const KIND: &'static str = $kind;

            fn visit(
                &mut self,
                visit: &mut $crate::optimizer::rule::Visit<'_>,
            ) -> Result<(), $crate::state::StateError> {
                // A schedule may end at the learning rate 0.
                let range = |_, value| $crate::error::not_negative("learning rate", value);
                visit("learning_rate", &mut self.learning_rate, range)?;
                $($crate::optimizer::rule::visit_parameter(
                    visit,
                    stringify!($parameter),
                    &mut self.$parameter,
                    $range,
                )?;)*
                Ok(())
            }

            #[inline(always)]
            fn of_group(mut self, group: $crate::optimizer::factors::Group) -> Self {
                self.learning_rate *= group.learning_rate;
                self
            }
        }

        impl<B: $crate::backend::Tensor> $optimizer<B> {
            /// Multiplies the learning rate eta by a factor for the weights of each layer and by one for its bias: a
            /// parameter with the factor f is updated with the learning rate f eta. By default, all factors are 1. A
            /// parameter with the factor 0 keeps its value.
            ///
            /// `factors` has an entry for each layer. The factors are part of the optimizer's state.
            ///
            /// # Errors
            /// Returns an error if a factor is not a finite number of at least 0.
            pub fn learning_rate_factors(
                mut self,
                factors: &[$crate::Factors],
            ) -> Result<Self, $crate::HyperParameterError> {
                let name = $crate::optimizer::rule::LEARNING_RATE_FACTOR;
                self.memory.factors[0] = $crate::optimizer::factors::checked(name, factors)?;
                Ok(self)
            }

            /// Updates the parameters with a gradient that you computed. It uses up the gradient: afterwards `gradient`
            /// holds the old parameters.
            ///
            /// # Errors
            /// Returns [`NonFinite::Parameters`]($crate::NonFinite::Parameters) if a parameter would no longer be
            /// finite. `layers` are then unchanged.
            ///
            /// # Panics
            /// Panics if the shapes of `layers` and `gradient` differ, or differ from those of the updates before, or if
            /// there are factors for another number of layers.
            pub fn update(
                &mut self,
                layers: &mut [$crate::Dense<B>],
                gradient: &mut [$crate::Dense<B>],
            ) -> Result<(), $crate::NonFinite> {
                use $crate::optimizer::rule::Rule as _;
                B::with_float_environment(|| self.rule.update(self.memory.begin_step(layers, gradient.into())))
            }
        }

        impl<B: $crate::backend::Tensor> $crate::Optimizer<B> for $optimizer<B> {
            fn step(
                &mut self,
                layers: &mut [$crate::Dense<B>],
                objective: &mut dyn $crate::backend::Objective<B>,
            ) -> Result<f64, $crate::NonFinite> {
                use $crate::optimizer::rule::Rule as _;
                let loss = $crate::optimizer::first_order::evaluate(layers, objective)?;
                self.rule.update(self.memory.begin_step(layers, objective.gradient()))?;
                Ok(loss)
            }

            fn learning_rate(&self) -> f64 {
                self.rule.learning_rate
            }

            fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), $crate::HyperParameterError> {
                self.rule.learning_rate = $crate::error::not_negative("learning rate", learning_rate)?;
                Ok(())
            }

            fn set_weight_decay(&mut self, weight_decay: f64) -> Result<(), $crate::HyperParameterError> {
                $crate::optimizer::rule::Rule::set_weight_decay(&mut self.rule, weight_decay)
            }

            fn reset(&mut self) {
                self.memory.reset();
            }

            fn state(&self) -> $crate::state::OptimizerState<B> {
                self.memory.save(&self.rule)
            }

            fn restore(
                &mut self,
                state: $crate::state::OptimizerState<B>,
                layers: &[$crate::Dense<B>],
            ) -> Result<(), $crate::state::StateError> {
                let (rule, memory) = self.memory.restore(state, &self.rule, layers)?;
                *self = Self { rule, memory };
                Ok(())
            }
        }
    };
}
pub(super) use {first_order, impl_new};
