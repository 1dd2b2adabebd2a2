use crate::backend::Tensor;
use crate::{Dense, HyperParameterError, Scalar};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// What an optimiser must remember between steps, by name, for a file to hold: numbers (the learning rate, a count of
/// steps) and values with the shapes of a network's parameters (a velocity, a moment).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OptimizerState<B> {
    /// The kind of optimiser, such as `gradient_descent`.
    pub kind: String,
    /// Numbers by name.
    pub numbers: Vec<(String, f64)>,
    /// Values with the shapes of the parameters, by name.
    pub tensors: Vec<(String, Vec<Dense<B>>)>,
}

impl<B> OptimizerState<B> {
    /// The state of an optimiser that remembers nothing.
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

    /// Checks the kind.
    ///
    /// # Errors
    /// If it is another.
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

    /// Takes the number `name` out.
    ///
    /// # Errors
    /// If there is none.
    pub fn take_number(&mut self, name: &str) -> Result<f64, StateError> {
        take(&mut self.numbers, name)
    }

    /// Takes the values `name` out: any number of sets with the shapes of the parameters `layers`, one after the
    /// other.
    ///
    /// # Errors
    /// If there are none of that name, they have other shapes, or a number is not finite.
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

    /// Checks that everything was taken out.
    ///
    /// # Errors
    /// If something is left.
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

/// Checks that `holds` holds for each number of `tensors`, which are called `name`.
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

/// A state that an optimiser cannot go on from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StateError {
    /// It belongs to another kind of optimiser.
    Kind {
        /// The kind of this optimiser.
        expected: &'static str,
        /// The kind in the state.
        got: String,
    },
    /// An entry is missing.
    Missing {
        /// Its name.
        name: String,
    },
    /// An entry is not known.
    Unexpected {
        /// Its name.
        name: String,
    },
    /// An entry has other shapes than the parameters.
    Shape {
        /// Its name.
        name: String,
    },
    /// An entry of the parameters' shapes has a number that no run can have.
    Number {
        /// Its name.
        name: String,
        /// What is needed.
        expected: &'static str,
        /// The number.
        got: f64,
    },
    /// A number is out of its range.
    HyperParameter(HyperParameterError),
    /// Something of the trainer's state around the optimiser's is not what it must be.
    Trainer {
        /// What it is.
        what: &'static str,
        /// What is needed.
        expected: String,
        /// What is there.
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
            Self::Kind { expected, got } => write!(f, "optimiser state: expected one of {expected}, got one of {got}"),
            Self::Missing { name } => write!(f, "optimiser state: `{name}` is missing"),
            Self::Shape { name } => write!(f, "optimiser state: `{name}` has not the shapes of the parameters"),
            Self::Number { name, expected, got } => {
                write!(f, "optimiser state: `{name}`: expected {expected}, got {got}")
            }
            Self::Unexpected { name } => write!(f, "optimiser state: `{name}` is not known"),
            Self::HyperParameter(error) => write!(f, "optimiser state: {error}"),
            Self::Trainer { what, expected, got } => {
                write!(f, "trainer state: {what}: expected {expected}, got {got}")
            }
        }
    }
}

impl core::error::Error for StateError {}

impl From<HyperParameterError> for StateError {
    fn from(error: HyperParameterError) -> Self {
        Self::HyperParameter(error)
    }
}
