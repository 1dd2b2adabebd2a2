//! An environment variable that the crate reads.

use core::fmt;
use std::env;

/// An environment variable with a value that cannot be used.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvironmentError {
    /// The name of the variable: `MLP_NUM_THREADS` or `MLP_SIMD`.
    pub variable: &'static str,
    /// What it may be.
    pub expected: String,
    /// The value found. Bytes that are not UTF-8 are replaced.
    pub got: String,
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            expected,
            got,
        } = self;
        write!(f, "{variable}: expected {expected}, got `{got}`")
    }
}

impl fmt::Debug for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for EnvironmentError {}

/// Returns the parsed value of the variable, if it is set.
///
/// # Errors
/// Returns an error if `parse` does not accept the value.
pub(crate) fn parsed<V>(
    variable: &'static str,
    expected: impl FnOnce() -> String,
    parse: impl FnOnce(&str) -> Option<V>,
) -> Result<Option<V>, EnvironmentError> {
    let Some(value) = env::var_os(variable) else {
        return Ok(None);
    };
    match value.to_str().and_then(parse) {
        Some(value) => Ok(Some(value)),
        None => Err(EnvironmentError {
            variable,
            expected: expected(),
            got: value.to_string_lossy().into_owned(),
        }),
    }
}
