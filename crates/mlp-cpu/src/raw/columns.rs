//! Columns of known length.

/// The first K elements of each of `count` columns that begin `stride` apart in `values`.
///
/// # Panics
/// If a column is shorter, or there are fewer.
#[inline(always)]
pub(crate) fn columns<const K: usize, T>(
    values: &[T],
    stride: usize,
    count: usize,
) -> impl ExactSizeIterator<Item = &[T; K]> {
    if K == 1 {
        // As all columns of one element do; what is known here need not be multiplied with below.
        assert!(stride == 1, "columns of one element lie side by side");
    }
    // Once for all of them.
    assert!(
        K <= stride && count.checked_mul(stride).is_some_and(|length| length <= values.len()),
        "a matrix holds its columns"
    );
    let first = values.as_ptr();
    (0..count).map(move |j| {
        // SAFETY: j < `count`, so that j `stride` + `stride` <= `count` `stride`, which is within `values`.
        let column = unsafe { first.add(j * stride) };
        // SAFETY: K <= `stride` elements from there on are within `values`, too, which is borrowed for as long as the
        // array; an array is aligned as its elements are.
        unsafe { &*column.cast::<[T; K]>() }
    })
}
