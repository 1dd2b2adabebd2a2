//! The environment variables that the crate reads.

#[cfg(test)]
mod tests;

use crate::SimdLevel;
use crate::raw::simd::supported;
use crate::threads::MOST_THREADS;
use core::fmt;
use core::num::{IntErrorKind, NonZero};
use std::env;

/// An environment variable with a value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl core::error::Error for EnvironmentError {}

/// Checks `MLP_NUM_THREADS` and `MLP_SIMD`, where they are set. [`threads`](crate::threads()) and
/// [`simd_level`](crate::simd_level) cannot fail, so they use the default instead of an unusable value. A program calls
/// this function when it starts, to tell its user.
///
/// ```
/// if let Err(error) = mlp_cpu::check_environment() {
///     eprintln!("{error}; the default is used");
/// }
/// ```
///
/// # Errors
/// Returns an error if `MLP_NUM_THREADS` is not a whole number from 1 on, or if `MLP_SIMD` is not the name of a
/// [`SimdLevel`] that the processor has.
pub fn check_environment() -> Result<(), EnvironmentError> {
    num_threads()?;
    level()?;
    Ok(())
}

/// Returns the number of threads that `MLP_NUM_THREADS` asks for, if it is set.
pub(crate) fn num_threads() -> Result<Option<NonZero<usize>>, EnvironmentError> {
    parsed(
        "MLP_NUM_THREADS",
        || format!("a whole number from 1 on, where more than {MOST_THREADS} count as {MOST_THREADS}"),
        |text| match text.trim().parse::<NonZero<usize>>() {
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(NonZero::<usize>::MAX),
            number => number.ok(),
        },
    )
}

/// Returns the level that `MLP_SIMD` asks for, if it is set.
pub(crate) fn level() -> Result<Option<SimdLevel>, EnvironmentError> {
    let supported = |level: &SimdLevel| supported(*level);
    parsed(
        "MLP_SIMD",
        || {
            let names: Vec<_> = SimdLevel::ALL
                .iter()
                .copied()
                .filter(supported)
                .map(SimdLevel::name)
                .collect();
            format!("one of the levels that this processor has ({})", names.join(", "))
        },
        |name| name.parse().ok().filter(supported),
    )
}

fn parsed<V>(
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
