use super::{Initial, Operand};
use crate::Element;

/// C = initial + A B, with C contiguous, each element summed over k in ascending order beginning with the initial
/// value, in loops along the direction in which A's elements lie side by side.
pub(super) fn gemm<T: Element>(a: Operand<'_, T>, b: Operand<'_, T>, c: &mut [T], initial: Initial<'_, T>) {
    if a.row_stride == 1 {
        combine_columns(a, b, c, initial);
    } else {
        multiply_rows(a, b, c, initial);
    }
}

/// Each column of C is a combination of A's columns, summed in tiles of rows that stay in registers.
fn combine_columns<T: Element>(a: Operand<'_, T>, b: Operand<'_, T>, c: &mut [T], initial: Initial<'_, T>) {
    const ROWS: usize = 8;
    let whole = a.rows - a.rows % ROWS;
    for first in (0..whole).step_by(ROWS) {
        combine_tile::<T, ROWS>(a, first, b, c, initial);
    }
    // The number of rows left as a constant, so that the loop over them is unrolled too.
    match a.rows - whole {
        1 => combine_tile::<T, 1>(a, whole, b, c, initial),
        2 => combine_tile::<T, 2>(a, whole, b, c, initial),
        3 => combine_tile::<T, 3>(a, whole, b, c, initial),
        4 => combine_tile::<T, 4>(a, whole, b, c, initial),
        5 => combine_tile::<T, 5>(a, whole, b, c, initial),
        6 => combine_tile::<T, 6>(a, whole, b, c, initial),
        7 => combine_tile::<T, 7>(a, whole, b, c, initial),
        _ => {}
    }
}

/// Rows `first` to `first` + R of C.
#[inline(always)]
fn combine_tile<T: Element, const R: usize>(
    a: Operand<'_, T>,
    first: usize,
    b: Operand<'_, T>,
    c: &mut [T],
    initial: Initial<'_, T>,
) {
    for (j, c) in c.chunks_mut(a.rows).enumerate() {
        let c = &mut c[first..first + R];
        let mut sums = [T::zero(); R];
        match initial {
            Initial::Zero => {}
            Initial::Present => sums.copy_from_slice(c),
            Initial::Column(column) => sums.copy_from_slice(&column[first..first + R]),
        }
        for p in 0..a.columns {
            let factor = b.element(p, j);
            let column = &a.values[p * a.column_stride + first..][..R];
            for (sum, &a) in sums.iter_mut().zip(column) {
                *sum += a * factor;
            }
        }
        c.copy_from_slice(&sums);
    }
}

/// Each element of C is the dot product of a row of A, whose elements lie side by side, with a column of B; four
/// columns at a time, so that their additions do not wait for each other.
fn multiply_rows<T: Element>(a: Operand<'_, T>, b: Operand<'_, T>, c: &mut [T], initial: Initial<'_, T>) {
    const COLUMNS: usize = 4;
    let whole = b.columns - b.columns % COLUMNS;
    let (blocks, rest) = c.split_at_mut(whole * a.rows);
    for (block, c) in blocks.chunks_mut((COLUMNS * a.rows).max(1)).enumerate() {
        multiply_rows_by::<T, COLUMNS>(a, b, block * COLUMNS, c, initial);
    }
    for (j, c) in rest.chunks_mut(a.rows.max(1)).enumerate() {
        multiply_rows_by::<T, 1>(a, b, whole + j, c, initial);
    }
}

/// Columns `first` to `first` + N of C.
#[inline(always)]
fn multiply_rows_by<T: Element, const N: usize>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    first: usize,
    c: &mut [T],
    initial: Initial<'_, T>,
) {
    for i in 0..a.rows {
        let mut sums: [T; N] = core::array::from_fn(|j| match initial {
            Initial::Zero => T::zero(),
            Initial::Present => c[i + j * a.rows],
            Initial::Column(column) => column[i],
        });
        for (p, &a) in a.values[i * a.row_stride..][..a.columns].iter().enumerate() {
            for (j, sum) in sums.iter_mut().enumerate() {
                *sum += a * b.element(p, first + j);
            }
        }
        for (j, &sum) in sums.iter().enumerate() {
            c[i + j * a.rows] = sum;
        }
    }
}
