//! Errors for unusable values from outside, and panics for programming mistakes.

use core::fmt;

/// Converts a type into the variant of an enum that holds it.
macro_rules! from_variant {
    ($kind:ident [$($generics:tt)*] $variant:ident($type:ident)) => {
        impl $($generics)* From<$type> for $kind $($generics)* {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    };
}
pub(crate) use from_variant;

/// Implements `PartialEq` by comparing what `Debug` writes. A value equals itself then even if it contains NaN, which
/// would make a derived comparison false.
macro_rules! eq_by_debug {
    ($($type:ty),+) => {$(
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                alloc::format!("{self:?}") == alloc::format!("{other:?}")
            }
        }

        impl Eq for $type {}
    )+};
}
pub(crate) use eq_by_debug;

/// Makes an error of a type with `Display`, whose message says everything: `Debug` writes the message too, so that a
/// `main` that returns the error prints a sentence, and errors are equal if their messages are.
macro_rules! error_by_message {
    ($type:ident) => {
        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }

        impl core::error::Error for $type {}

        crate::error::eq_by_debug! { $type }
    };
}
pub(crate) use error_by_message;

/// Returns whether the numbers are the same, one by one: equal, or both NaN.
pub(crate) fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

/// A hyper-parameter outside its range.
#[derive(Clone)]
#[non_exhaustive]
pub struct HyperParameterError {
    /// The name of the hyper-parameter, such as `learning rate`.
    pub name: &'static str,
    /// The range it must lie in.
    pub expected: &'static str,
    /// The value given.
    pub got: f64,
}

impl HyperParameterError {
    /// Creates an error for the hyper-parameter `name`, which must be `expected` but is `got`.
    #[must_use]
    pub fn new(name: &'static str, expected: &'static str, got: f64) -> Self {
        Self { name, expected, got }
    }
}

impl fmt::Display for HyperParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.name, self.expected, self.got)
    }
}

error_by_message! { HyperParameterError }

/// Returns `value` if its range, `expected`, contains it.
pub(crate) fn in_range(
    name: &'static str,
    expected: &'static str,
    value: f64,
    contains: bool,
) -> Result<f64, HyperParameterError> {
    contains
        .then_some(value)
        .ok_or(HyperParameterError::new(name, expected, value))
}

/// Returns `value` if it is finite.
pub(crate) fn finite(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    in_range(name, "a finite number", value, value.is_finite())
}

/// Returns `value` if it is finite and not below zero.
pub(crate) fn not_negative(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    let contains = value.is_finite() && value >= 0.0;
    in_range(name, "a finite number of at least 0", value, contains)
}

/// Returns `value` if it is finite and above zero.
pub(crate) fn positive(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    let contains = value.is_finite() && value > 0.0;
    in_range(name, "a finite number above 0", value, contains)
}

/// Returns `value` as a count if it is a whole number of at least 1.
pub(crate) fn at_least_one(name: &'static str, value: f64) -> Result<usize, HyperParameterError> {
    let count = value as usize;
    let contains = count >= 1 && count as f64 == value;
    in_range(name, "a whole number of at least 1", value, contains)?;
    Ok(count)
}

/// Returns `value` if it is at least zero and below one.
pub(crate) fn below_one(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    let contains = (0.0..1.0).contains(&value);
    in_range(name, "a number of at least 0 and below 1", value, contains)
}

/// Returns `value` if it is from 0 to 1.
pub(crate) fn share(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    in_range(name, "a number from 0 to 1", value, (0.0..=1.0).contains(&value))
}

/// Returns `value` if it is 0 or 1, which stand for false and true.
pub(crate) fn flag(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    in_range(name, "0 or 1", value, value == 0.0 || value == 1.0)
}

/// Layer sizes, or layers, that do not form a network.
///
/// ```
/// use mlp_core::Mlp;
/// use mlp_cpu::Matrix;
///
/// let error = Mlp::<Matrix<f64>>::builder(&[1, 0, 1]).build().unwrap_err();
/// assert_eq!(error.to_string(), "layer sizes: expected at least 1 at position 1, got 0");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum BuildError {
    /// Fewer than two layer sizes: at least the inputs and the outputs are needed.
    TooFewLayers {
        /// How many sizes were given.
        got: usize,
    },
    /// A layer without neurons.
    EmptyLayer {
        /// The position in the list of layer sizes, from 0 (the inputs).
        position: usize,
    },
    /// Weights that do not fit the layer before them, or a bias that does not fit its weights.
    LayerShape {
        /// The layer, from 0 (the first hidden layer, or the output layer if there is no hidden one).
        layer: usize,
        /// What does not fit: `weights` or `bias`.
        what: &'static str,
        /// The shape that would fit. Where any number of rows or columns would fit, it has the given number.
        expected: (usize, usize),
        /// The shape given.
        got: (usize, usize),
    },
    /// The number of activations given one by one is not the number of hidden layers.
    HiddenActivations {
        /// The number of hidden layers.
        expected: usize,
        /// The number of activations given.
        got: usize,
    },
    /// A hyper-parameter of the initializer is outside its range.
    HyperParameter(HyperParameterError),
    /// The memory for the network cannot be allocated.
    OutOfMemory(OutOfMemory),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewLayers { got } => write!(f, "layer sizes: expected at least 2 (inputs, outputs), got {got}"),
            Self::EmptyLayer { position } => {
                write!(f, "layer sizes: expected at least 1 at position {position}, got 0")
            }
            Self::LayerShape {
                layer,
                what,
                expected,
                got,
            } => write!(
                f,
                "layer {layer}: expected {what} of {} x {}, got {} x {}",
                expected.0, expected.1, got.0, got.1
            ),
            Self::HiddenActivations { expected, got } => {
                write!(
                    f,
                    "activations: expected {expected}, one for each hidden layer, got {got}"
                )
            }
            Self::HyperParameter(error) => error.fmt(f),
            Self::OutOfMemory(error) => error.fmt(f),
        }
    }
}

error_by_message! { BuildError }

from_variant! { BuildError [] HyperParameter(HyperParameterError) }
from_variant! { BuildError [] OutOfMemory(OutOfMemory) }

/// More memory is needed than can be allocated.
#[derive(Clone)]
#[non_exhaustive]
pub struct OutOfMemory {
    /// What the memory was needed for.
    pub purpose: &'static str,
    /// How many bytes are needed.
    pub bytes: u128,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} needs {} bytes, more than can be allocated",
            self.purpose, self.bytes
        )
    }
}

error_by_message! { OutOfMemory }

/// Checks that `numbers` values of type `T` can be allocated in one piece, and frees them again. A network that does
/// not fit into memory thus causes an error now instead of an abort later.
///
/// # Errors
/// If there is not enough memory. The error names the `purpose`.
pub fn check_memory<T>(purpose: &'static str, numbers: u128) -> Result<(), OutOfMemory> {
    let bytes = numbers.saturating_mul(size_of::<T>() as u128);
    let fits =
        usize::try_from(numbers).is_ok_and(|numbers| alloc::vec::Vec::<T>::new().try_reserve_exact(numbers).is_ok());
    if fits {
        Ok(())
    } else {
        Err(OutOfMemory { purpose, bytes })
    }
}

/// Panics unless the shapes are equal; for implementations of [`Tensor`](crate::backend::Tensor).
///
/// # Panics
/// If `got` is not `expected`. The message names `operation`, `what` and both shapes.
#[track_caller]
#[inline(always)]
pub fn check_shape(operation: &str, what: &str, expected: (usize, usize), got: (usize, usize)) {
    if got != expected {
        shape_mismatch(operation, what, expected, got);
    }
}

/// Panics because a shape does not match; for implementations of [`Tensor`](crate::backend::Tensor).
///
/// # Panics
/// Always. The message names `operation`, `what` and both shapes.
#[cold]
#[inline(never)]
#[track_caller]
pub fn shape_mismatch(operation: &str, what: &str, expected: (usize, usize), got: (usize, usize)) -> ! {
    panic!(
        "{operation}: expected {what} of {} x {}, got {} x {}",
        expected.0, expected.1, got.0, got.1
    )
}
