//! The product of a single row and a matrix: a layer of one output, as regressions end with.

use super::simd::{Isa, Kernel, Vector};
use crate::Element;
use crate::gemm::product::{Initial, Operand, Product};

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
        let (groups, rest) = c[..b.columns].as_chunks_mut::<4>();
        let whole = 4 * groups.len();
        for (i, c) in groups.iter_mut().enumerate() {
            *c = group(isa, a, b, initial, 4 * i, *c);
        }
        if !rest.is_empty() {
            let mut c = [T::zero(); 4];
            c[..rest.len()].copy_from_slice(rest);
            rest.copy_from_slice(&group(isa, a, b, initial, whole, c)[..rest.len()]);
        }
    }
}

/// Returns four elements of `initial` + A B, from column `first` on. `c` are their present values. Instead of columns
/// after the last of B, the last is repeated.
#[inline(always)]
fn group<T: Element, I: Isa>(
    isa: I,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    initial: Initial<'_, T>,
    first: usize,
    mut c: [T; 4],
) -> [T; 4] {
    let mut columns = [b.values.as_ptr(); 4];
    for (j, column) in columns.iter_mut().enumerate() {
        *column = column.wrapping_add((first + j).min(b.columns - 1) * b.column_stride);
    }
    // SAFETY: the caller has checked that B lies within its slice. Its rows are contiguous, so each column has as many
    // numbers as A.
    let products = unsafe { products(I::Narrow::from(isa), &a.values[..a.columns], columns) };
    for (c, product) in c.iter_mut().zip(products) {
        *c = match initial {
            Initial::Zero => product,
            Initial::Present => *c + product,
            Initial::Column(bias) => bias[0] + product,
        };
    }
    c
}

/// Returns the products of the row `a` and of four columns.
///
/// # Safety
/// Each column must have as many numbers as `a`.
#[inline(always)]
unsafe fn products<T: Element, I: Isa>(_: I, a: &[T], columns: [*const T; 4]) -> [T; 4] {
    const { assert!(<T::Four<I> as Vector<T>>::LANES == 4, "four sums fill a vector") };
    // SAFETY: the value of `I` proves that the processor has the instructions, here and below.
    let mut sums = [unsafe { T::Four::<I>::splat(T::zero()) }; 4];
    let whole = a.len() - a.len() % 4;
    for k in (0..whole).step_by(4) {
        // SAFETY: k + 4 is at most the number of elements of `a`.
        let a = unsafe { T::Four::<I>::load(a.as_ptr().wrapping_add(k)) };
        for (sum, column) in sums.iter_mut().zip(columns) {
            // SAFETY: the column has as many.
            let b = unsafe { T::Four::<I>::load(column.wrapping_add(k)) };
            // SAFETY: see above.
            *sum = unsafe { a.multiply_add(b, *sum) };
        }
    }
    let mut rows = [[T::zero(); 4]; 4];
    for (row, sum) in rows.iter_mut().zip(sums) {
        // SAFETY: the row has four numbers.
        unsafe { sum.store(row.as_mut_ptr()) };
    }
    let mut sums = T::transposed(rows);
    for (s, sums) in sums.iter_mut().enumerate() {
        let k = whole + s;
        if k < a.len() {
            for (sum, column) in sums.iter_mut().zip(columns) {
                // SAFETY: the column has as many numbers as `a`.
                let b = unsafe { column.wrapping_add(k).read() };
                // Where `multiply_add` is not an instruction, it is a function call.
                *sum = if I::FUSED {
                    a[k].multiply_add(b, *sum)
                } else {
                    a[k] * b + *sum
                };
            }
        }
    }
    let [mut sums, others @ ..] = sums;
    for (j, sum) in sums.iter_mut().enumerate() {
        *sum = (*sum + others[1][j]) + (others[0][j] + others[2][j]);
    }
    sums
}
