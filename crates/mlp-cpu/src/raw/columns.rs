//! Iteration over columns whose length is known at compile time.

/// Returns the first K elements of each of `count` columns, which begin `stride` apart in `values`.
///
/// # Panics
/// Panics if a column has fewer than K elements, or if `values` has fewer than `count` columns. If K is 1, also panics
/// if the stride is not 1.
#[inline(always)]
pub(crate) fn columns<const K: usize, T>(
    values: &[T],
    stride: usize,
    count: usize,
) -> impl ExactSizeIterator<Item = &[T; K]> {
    if K == 1 {
        // All columns of one element have this stride. Once it is known, the code below needs no multiplication.
        assert!(stride == 1, "columns of one element must be adjacent");
    }
    // One check for all columns.
    assert!(
        K <= stride && count.checked_mul(stride).is_some_and(|length| length <= values.len()),
        "the columns do not fit into the values"
    );
    let first = values.as_ptr();
    (0..count).map(move |j| {
        // SAFETY: j < `count`, so j `stride` + `stride` <= `count` `stride`, which the assertion found to be within
        // `values`.
        let column = unsafe { first.add(j * stride) };
        // SAFETY: the assertion found K <= `stride`, so the K elements from there on lie within `values`, too. The
        // array borrows `values`, and an array has the alignment of its elements.
        unsafe { &*column.cast::<[T; K]>() }
    })
}
