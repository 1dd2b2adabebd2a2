//! The classes that targets say.

use super::DataError;
use crate::Scalar;
use crate::loss::class_index;
use alloc::vec::Vec;

/// The class of each of `samples` targets of `rows` numbers: of one row, the number; of several, the row with the 1.
pub(super) fn of_targets<T: Scalar>(values: &[T], rows: usize, samples: usize) -> Result<Vec<usize>, DataError> {
    let label = |sample: usize| {
        let target = &values[sample * rows..(sample + 1) * rows];
        match target {
            // Below the number of which an `f64` tells neighbours apart, on machines with shorter indices too.
            [class] => class_index(class.to_f64(), usize::try_from(1_u64 << 53).unwrap_or(usize::MAX)),
            _ => one_hot(target),
        }
        .ok_or(DataError::Label { sample, rows })
    };
    (0..samples).map(label).collect()
}

/// The row of the 1, if all others are 0.
fn one_hot<T: Scalar>(target: &[T]) -> Option<usize> {
    let class = target.iter().position(T::is_one)?;
    let others_are_zero = target.iter().enumerate().all(|(k, y)| k == class || y.is_zero());
    others_are_zero.then_some(class)
}
