use crate::error::error_by_message;
use alloc::string::{String, ToString};
use core::fmt;

/// Data that cannot be used: samples, targets, weights, classes or scalings that are not what they must be.
///
/// ```
/// let error = mlp_core::Classes::new(["yes", "no", "yes"]).unwrap_err();
/// assert_eq!(error.to_string(), "classes: expected each name once, got `yes` at positions 0 and 2");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum DataError {
    /// There are no samples, or none with a weight above 0.
    Empty,
    /// There are more or fewer rows, samples or others than needed.
    Count {
        /// What has the wrong number of them, such as `target`.
        what: &'static str,
        /// What is counted, such as `samples`.
        of: &'static str,
        /// The number needed.
        expected: usize,
        /// The number given.
        got: usize,
    },
    /// A number is infinite or NaN.
    NotFinite {
        /// What the number belongs to, such as `input`.
        what: &'static str,
        /// The sample: the column, or the row in a table that has one sample per row.
        sample: usize,
        /// The feature or the output: the row.
        row: usize,
        /// The number given.
        got: f64,
    },
    /// Something else is wrong with the data.
    Invalid {
        /// The part that is wrong, such as `sample weights`.
        what: &'static str,
        /// The value that is needed, and where.
        expected: String,
        /// The value given.
        got: String,
    },
}

impl DataError {
    pub(crate) fn invalid(what: &'static str, expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::Invalid {
            what,
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }

    /// Returns an error unless the numbers are equal.
    pub(crate) fn check_count(
        what: &'static str,
        of: &'static str,
        expected: usize,
        got: usize,
    ) -> Result<(), DataError> {
        if expected == got {
            Ok(())
        } else {
            Err(Self::Count {
                what,
                of,
                expected,
                got,
            })
        }
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("samples: expected at least one with a weight above 0, got none"),
            Self::Count {
                what,
                of,
                expected,
                got,
            } => write!(f, "{what}: expected {expected} {of}, got {got}"),
            Self::NotFinite { what, sample, row, got } => write!(
                f,
                "{what}: expected a finite number in row {row}, column {sample} (a column is a sample), got {got}"
            ),
            Self::Invalid { what, expected, got } => write!(f, "{what}: expected {expected}, got {got}"),
        }
    }
}

error_by_message! { DataError }
