use crate::backend::Tensor;
use crate::error::{error_by_message, from_variant};
use crate::{Dense, HyperParameterError, Scalar};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Everything an optimizer must remember between steps. It consists of named numbers (such as the learning rate or the
/// number of steps) and named values with the shapes of a network's parameters (such as a velocity or a moment), and
/// can be saved in a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptimizerState<B> {
    /// The kind of optimizer, such as `gradient_descent`.
    pub kind: String,
    /// Numbers by name.
    pub numbers: Vec<(String, f64)>,
    /// Values with the shapes of the parameters, by name.
    pub tensors: Vec<(String, Vec<Dense<B>>)>,
}

impl<B> OptimizerState<B> {
    /// Creates the state of an optimizer that remembers nothing.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            numbers: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// Adds a number.
    #[must_use]
    pub fn with_number(mut self, name: &str, value: f64) -> Self {
        self.numbers.push((name.to_owned(), value));
        self
    }

    /// Adds values with the shapes of the parameters.
    #[must_use]
    pub fn with_tensors(mut self, name: &str, value: Vec<Dense<B>>) -> Self {
        self.tensors.push((name.to_owned(), value));
        self
    }

    /// Checks that the state belongs to the given kind of optimizer.
    ///
    /// # Errors
    /// Returns an error if it belongs to another kind.
    pub fn expect_kind(&self, kind: &'static str) -> Result<(), StateError> {
        if self.kind == kind {
            Ok(())
        } else {
            Err(StateError::Kind {
                expected: kind,
                got: self.kind.clone(),
            })
        }
    }

    /// Removes the number `name` and returns it.
    ///
    /// # Errors
    /// Returns an error if there is no number of that name.
    pub fn take_number(&mut self, name: &str) -> Result<f64, StateError> {
        take(&mut self.numbers, name)
    }

    /// Removes the values `name` and returns them. They are any number of sets with the shapes of the parameters
    /// `layers`, one after the other.
    ///
    /// # Errors
    /// Returns an error if there are no values of that name, if they have other shapes, or if a number is not finite.
    pub fn take_tensors(&mut self, name: &str, layers: &[Dense<B>]) -> Result<Vec<Dense<B>>, StateError>
    where
        B: Tensor,
    {
        let tensors = take(&mut self.tensors, name)?;
        let shapes = |dense: &Dense<B>| (dense.weights.shape(), dense.bias.shape());
        let fits = tensors.len() % layers.len().max(1) == 0
            && tensors
                .iter()
                .zip(layers.iter().cycle())
                .all(|(got, expected)| shapes(got) == shapes(expected));
        if !fits {
            return Err(StateError::Shape { name: name.to_owned() });
        }
        check_numbers(name, &tensors, "finite numbers", f64::is_finite)?;
        Ok(tensors)
    }

    /// Checks that all entries have been taken out.
    ///
    /// # Errors
    /// Returns an error if an entry is left.
    pub fn expect_empty(&self) -> Result<(), StateError> {
        let mut left = self
            .numbers
            .iter()
            .map(|(name, _)| name)
            .chain(self.tensors.iter().map(|(name, _)| name));
        left.next()
            .map_or(Ok(()), |name| Err(StateError::Unexpected { name: name.clone() }))
    }
}

/// Checks that `holds` returns true for each number of `tensors`. An error gives their `name` and what was `expected`.
pub(crate) fn check_numbers<B: Tensor>(
    name: &str,
    tensors: &[Dense<B>],
    expected: &'static str,
    holds: impl Fn(f64) -> bool,
) -> Result<(), StateError> {
    let mut values = Vec::new();
    for tensor in tensors.iter().flat_map(|layer| [&layer.weights, &layer.bias]) {
        values.clear();
        B::read(tensor.into(), &mut values);
        if let Some(got) = values.iter().map(|value| value.to_f64()).find(|&value| !holds(value)) {
            let name = name.to_owned();
            return Err(StateError::Number { name, expected, got });
        }
    }
    Ok(())
}

fn take<V>(entries: &mut Vec<(String, V)>, name: &str) -> Result<V, StateError> {
    let position = entries
        .iter()
        .position(|(n, _)| n == name)
        .ok_or_else(|| StateError::Missing { name: name.to_owned() })?;
    Ok(entries.swap_remove(position).1)
}

/// Why an optimizer or a trainer cannot continue from a state.
#[derive(Clone)]
#[non_exhaustive]
pub enum StateError {
    /// The state belongs to another kind of optimizer.
    Kind {
        /// The kind of this optimizer.
        expected: &'static str,
        /// The kind in the state.
        got: String,
    },
    /// An entry is missing.
    Missing {
        /// The name of the entry.
        name: String,
    },
    /// An entry is unknown.
    Unexpected {
        /// The name of the entry.
        name: String,
    },
    /// The shapes of an entry differ from those of the parameters.
    Shape {
        /// The name of the entry.
        name: String,
    },
    /// An entry with the shapes of the parameters contains a number that no run can produce.
    Number {
        /// The name of the entry.
        name: String,
        /// The range it must lie in.
        expected: &'static str,
        /// The number.
        got: f64,
    },
    /// A number is out of its range.
    HyperParameter(HyperParameterError),
    /// A part of the trainer's state, outside the optimizer's state, is not valid.
    Trainer {
        /// The part.
        what: &'static str,
        /// The value or range that is needed.
        expected: String,
        /// The value in the state.
        got: String,
    },
}

impl StateError {
    pub(crate) fn trainer(what: &'static str, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::Trainer {
            what,
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { expected, got } => write!(f, "optimizer state: expected kind `{expected}`, got `{got}`"),
            Self::Missing { name } => write!(f, "optimizer state: `{name}` is missing"),
            Self::Shape { name } => write!(
                f,
                "optimizer state: `{name}` does not have the shapes of the parameters"
            ),
            Self::Number { name, expected, got } => {
                write!(f, "optimizer state: `{name}`: expected {expected}, got {got}")
            }
            Self::Unexpected { name } => write!(f, "optimizer state: unknown entry `{name}`"),
            Self::HyperParameter(error) => write!(f, "optimizer state: {error}"),
            Self::Trainer { what, expected, got } => {
                write!(f, "trainer state: {what}: expected {expected}, got {got}")
            }
        }
    }
}

error_by_message! { StateError }

from_variant! { StateError [] HyperParameter(HyperParameterError) }
