//! Checks of the ranges of numbers.

use crate::HyperParameterError;

/// Returns `value` if it is at least 1.
pub(super) fn count(name: &'static str, value: u64) -> Result<u64, HyperParameterError> {
    if value > 0 {
        Ok(value)
    } else {
        Err(HyperParameterError::new(name, "a whole number of at least 1", 0.0))
    }
}

/// Returns `value` if it is from 0 to 1.
pub(super) fn share(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(HyperParameterError::new(name, "a number from 0 to 1", value))
    }
}

/// Returns `value` if it is finite and at least 1.
pub(super) fn at_least_one(name: &'static str, value: f64) -> Result<f64, HyperParameterError> {
    if value.is_finite() && value >= 1.0 {
        Ok(value)
    } else {
        Err(HyperParameterError::new(name, "a finite number of at least 1", value))
    }
}
