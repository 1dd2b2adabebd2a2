//! Checks that the numbers of a tensor are finite.

use crate::{LoadError, LoadErrorKind, Number};

/// Examines the numbers of a tensor, in the order of the file.
#[derive(Default)]
pub(super) struct Finite {
    seen: usize,
    /// The place and the value of the first number that is not finite.
    found: Option<(usize, f64)>,
}

impl Finite {
    /// Examines the next numbers.
    pub(super) fn look<T: Number>(&mut self, numbers: &[T::Bytes]) {
        // This examines all numbers instead of stopping at the first bad one, so that the loop vectorizes.
        let finite = numbers
            .iter()
            .fold(true, |finite, &bytes| finite & T::decode(bytes).is_finite());
        if !finite && self.found.is_none() {
            self.found = (self.seen..)
                .zip(numbers)
                .map(|(place, &bytes)| (place, T::decode(bytes)))
                .find(|(_, value)| !value.is_finite())
                .map(|(place, value)| (place, value.to_f64()));
        }
        self.seen = self.seen.saturating_add(numbers.len());
    }

    /// Returns an error if a number of the tensor named `tensor`, which has `columns` columns, was not finite.
    pub(super) fn finish(self, tensor: &str, columns: usize) -> Result<(), LoadError> {
        let Some((place, got)) = self.found else {
            return Ok(());
        };
        let row = place.checked_div(columns).unwrap_or(0);
        let column = place.checked_rem(columns).unwrap_or(0);
        Err(not_finite(tensor, got, row, column))
    }
}

pub(super) fn not_finite(tensor: &str, got: f64, row: usize, column: usize) -> LoadError {
    let problem = format!("expected finite numbers, got {got} in row {row}, column {column}");
    LoadError::tensor(LoadErrorKind::NotFinite, tensor, problem)
}
