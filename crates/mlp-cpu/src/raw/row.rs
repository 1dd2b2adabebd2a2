//! The product of a single row and a matrix: a layer of one output, as regressions end with.

use super::simd::{Isa, Kernel, Vector};
use crate::Element;
use crate::gemm::product::{Initial, Product};
use core::array;

/// Computes C = initial + A B for a single row A, with the same bits as tiles. A tile has its rows in vectors, of which
/// this product would use one lane. Here a vector has the four sums of an element, and runs along a column of B.
pub(crate) struct Row<'a, T>(pub(crate) Product<'a, T>);

impl<T> Row<'_, T> {
    /// Returns whether A is a row, and A, C and the columns of B are contiguous. A single column of B is not worth it.
    #[inline(always)]
    pub(crate) fn fits(Product { a, b, c_stride, .. }: &Product<'_, T>) -> bool {
        a.rows == 1 && [a.column_stride, b.row_stride, *c_stride] == [1; 3] && b.columns > 1
    }
}

impl<T: Element> Kernel for Row<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Product { a, b, c, initial, .. } = self.0;
        assert!(b.is_within() && a.columns == b.rows, "B exceeds its slice");
        let a = &a.values[..a.columns];
        let isa = I::Narrow::from(isa);
        let mut column = b.values.as_ptr();
        let (groups, rest) = c[..b.columns].as_chunks_mut::<4>();
        for c in groups {
            // SAFETY: B lies within its slice, and has four more columns, each with as many numbers as A.
            *c = unsafe { group(isa, a, column, b.column_stride, initial, *c) };
            column = column.wrapping_add(4 * b.column_stride);
        }
        for c in rest {
            // SAFETY: B lies within its slice, and has one more column, which counts as four.
            [*c, ..] = unsafe { group(isa, a, column, 0, initial, [*c; 4]) };
            column = column.wrapping_add(b.column_stride);
        }
    }
}

/// Returns four elements of `initial` + A B, for the row `a` and the columns that begin at `first`, `stride` apart. `c`
/// are their present values.
///
/// # Safety
/// Each column must have as many numbers as `a`.
#[inline(always)]
unsafe fn group<T: Element, I: Isa>(
    _: I,
    a: &[T],
    first: *const T,
    stride: usize,
    initial: Initial<'_, T>,
    mut c: [T; 4],
) -> [T; 4] {
    const { assert!(<T::Four<I> as Vector<T>>::LANES == 4, "four sums fill a vector") };
    // SAFETY: the value of `I` proves that the processor has the instructions, here and below. An array of four numbers
    // is as long as a vector.
    let load = |numbers: [T; 4]| unsafe { T::Four::<I>::load(numbers.as_ptr()) };
    // SAFETY: see above.
    let add = |a: T::Four<I>, b| unsafe { a.add(b) };
    let mut sums = [load([T::zero(); 4]); 4];
    let whole = a.len() - a.len() % 4;
    for k in (0..whole).step_by(4) {
        // SAFETY: k + 4 is at most the number of elements of `a`.
        let a = unsafe { T::Four::<I>::load(a.as_ptr().wrapping_add(k)) };
        for (j, sum) in sums.iter_mut().enumerate() {
            // SAFETY: column j has as many.
            let b = unsafe { T::Four::<I>::load(first.wrapping_add(k + j * stride)) };
            // SAFETY: see above.
            *sum = unsafe { a.multiply_add(b, *sum) };
        }
    }
    let mut rows = [[T::zero(); 4]; 4];
    for (row, sum) in rows.iter_mut().zip(sums) {
        // SAFETY: the row has four numbers.
        unsafe { sum.store(row.as_mut_ptr()) };
    }
    let mut sums = T::transposed(rows).map(load);
    for (s, sum) in sums.iter_mut().enumerate() {
        let k = whole + s;
        if k < a.len() {
            // SAFETY: column j has as many numbers as `a`.
            let b = array::from_fn(|j| unsafe { first.wrapping_add(k + j * stride).read() });
            // SAFETY: see above.
            *sum = unsafe { load([a[k]; 4]).multiply_add(load(b), *sum) };
        }
    }
    let product = add(add(sums[0], sums[2]), add(sums[1], sums[3]));
    let sum = match initial {
        Initial::Zero => product,
        Initial::Present => add(load(c), product),
        Initial::Column(bias) => add(load([bias[0]; 4]), product),
    };
    // SAFETY: see above.
    unsafe { sum.store(c.as_mut_ptr()) };
    c
}
