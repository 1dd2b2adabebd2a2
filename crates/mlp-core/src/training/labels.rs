//! The classes that targets encode.

use super::DataError;
use crate::Scalar;
use crate::loss::class_index;
use alloc::vec::Vec;

/// Returns the class of each of the `samples` targets, which have `rows` numbers each. A single number is the class; of
/// several numbers, the row with the 1 is the class.
pub(super) fn of_targets<T: Scalar>(values: &[T], rows: usize, samples: usize) -> Result<Vec<usize>, DataError> {
    let label = |sample: usize| {
        let target = &values[sample * rows..(sample + 1) * rows];
        match target {
            // An `f64` distinguishes neighboring whole numbers only below 2^53. Where indices are shorter, the limit is
            // the largest index.
            [class] => class_index(class.to_f64(), usize::try_from(1_u64 << 53).unwrap_or(usize::MAX)),
            _ => one_hot(target),
        }
        .ok_or_else(|| match target {
            [class] => DataError::invalid(
                "target",
                format_args!("a class index for sample {sample}"),
                class.to_f64(),
            ),
            _ => {
                let expected = format_args!("a one-hot column (one 1, otherwise 0) for sample {sample}");
                DataError::invalid("target", expected, "other numbers")
            }
        })
    };
    (0..samples).map(label).collect()
}

/// Returns the row of the 1, if all other rows are 0.
fn one_hot<T: Scalar>(target: &[T]) -> Option<usize> {
    let class = target.iter().position(T::is_one)?;
    let others_are_zero = target.iter().enumerate().all(|(k, y)| k == class || y.is_zero());
    others_are_zero.then_some(class)
}
