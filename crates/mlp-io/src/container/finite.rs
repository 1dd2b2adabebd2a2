//! That the numbers of a tensor are finite.

use crate::{Number, Problem};

/// Looks through a tensor's numbers, in the order of the file.
#[derive(Default)]
pub(super) struct Finite {
    seen: usize,
    /// The first that is not finite, and where it is.
    found: Option<(usize, f64)>,
}

impl Finite {
    /// Looks through the next numbers.
    pub(super) fn look<T: Number>(&mut self, numbers: &[T::Bytes]) {
        // All of them rather than those up to the first, so that many are examined at a time.
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

    /// That all of them were finite, of the tensor of that name with so many columns.
    pub(super) fn finish(self, tensor: &str, columns: usize) -> Result<(), Problem> {
        match self.found {
            None => Ok(()),
            Some((place, got)) => Err(Problem::NonFinite {
                tensor: tensor.to_owned(),
                row: place.checked_div(columns).unwrap_or(0),
                column: place.checked_rem(columns).unwrap_or(0),
                got,
            }),
        }
    }
}
