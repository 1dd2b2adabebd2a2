//! The check of the environment variables.

#[cfg(test)]
mod tests;

use crate::raw::simd::wanted_level;
use crate::threads::wanted_threads;
use crate::variable::EnvironmentError;

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
/// [`SimdLevel`](crate::SimdLevel) that the processor has.
pub fn check_environment() -> Result<(), EnvironmentError> {
    wanted_threads()?;
    wanted_level()?;
    Ok(())
}
