//! Checks of the ranges of numbers.

use crate::HyperParameterError;
use crate::error::in_range;
pub(super) use crate::error::share;

/// Returns `value` if it is at least 1.
pub(super) fn count(name: &'static str, value: u64) -> Result<u64, HyperParameterError> {
    in_range(name, "a whole number of at least 1", value as f64, value > 0)?;
    Ok(value)
}

/// Returns `value` if it is finite and at least 1.
pub(super) fn at_least_one(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    let contains = value.is_finite() && value >= 1.0;
    in_range(name, "a finite number of at least 1", value, contains)
}
