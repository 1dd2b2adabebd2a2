//! A checked wrapper around the `matrixmultiply` crate, which computes products of large layers at the baseline level
//! ([`Engine::Matrixmultiply`](crate::plan::Engine)).
//!
//! It is an exception to two rules of this crate:
//! - It allocates memory for the copies of its operands on each call, so a training step of such a layer allocates.
//! - It chooses its instructions itself, whatever `MLP_SIMD` says: AVX2 and FMA if the processor has them.

use crate::gemm::product::{Initial, Operand, Product};
use num_traits::{One, Zero};

/// C = alpha A B + beta C. The parameters are m, k, n, alpha, A and its row and column strides, B and its strides, beta,
/// C and its strides.
type Gemm<T> =
    unsafe fn(usize, usize, usize, T, *const T, isize, isize, *const T, isize, isize, T, *mut T, isize, isize);

/// An element type that the crate multiplies.
pub trait Packed: Sized {
    /// The crate's product.
    ///
    /// # Safety
    /// A is m x k, B is k x n and C is m x n. The address of an element is pointer + i row stride + j column stride.
    /// For each of the three matrices, all addresses must lie in one allocation and be readable; those of C must be
    /// writable. C's elements must be distinct and must not overlap those of A or B. C need not be initialized if beta
    /// is 0.
    #[doc(hidden)]
    const GEMM: Gemm<Self>;
}

impl Packed for f32 {
    const GEMM: Gemm<Self> = matrixmultiply::sgemm;
}

impl Packed for f64 {
    const GEMM: Gemm<Self> = matrixmultiply::dgemm;
}

/// Computes C = initial + A B.
///
/// # Panics
/// Panics if elements of an operand or of C lie outside their slice, or if C's columns overlap.
pub(crate) fn run<T: Packed + Copy + Zero + One>(product: &mut Product<'_, T>) {
    let (a, b, c_stride) = (product.a, product.b, product.c_stride);
    let c = &mut *product.c;
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert_eq!(b.rows, k, "gemm: cannot multiply A, {m} x {k}, by B, {} x {n}", b.rows);
    assert!(
        m <= c_stride,
        "gemm: columns of {m} elements that are {c_stride} apart overlap"
    );
    let ((a_row, a_column), (b_row, b_column)) = (strides(&a), strides(&b));
    // alpha is 1 and beta is 0 or 1, because with other values, tiles at the edges would round differently from those
    // inside.
    let beta = match product.initial {
        Initial::Zero => T::zero(),
        Initial::Present => T::one(),
        Initial::Column(column) => {
            for c in c.chunks_mut(c_stride.max(1)).take(n) {
                c[..m].copy_from_slice(&column[..m]);
            }
            T::one()
        }
    };
    let (c_row, c_column) = strides(&Operand {
        values: c,
        rows: m,
        columns: n,
        row_stride: 1,
        column_stride: c_stride,
    });
    // SAFETY: `strides` checked that every element of A, B and C lies within its slice and that all strides fit into
    // isize. C's elements are distinct, as the assertion on `c_stride` shows that its columns do not overlap. C's slice
    // is borrowed exclusively, so it overlaps neither A nor B.
    unsafe {
        (T::GEMM)(
            m,
            k,
            n,
            T::one(),
            a.values.as_ptr(),
            a_row,
            a_column,
            b.values.as_ptr(),
            b_row,
            b_column,
            beta,
            c.as_mut_ptr(),
            c_row,
            c_column,
        );
    }
}

/// Returns the operand's row and column strides, after checking that its last element lies within its slice.
fn strides<T>(operand: &Operand<'_, T>) -> (isize, isize) {
    let (rows, columns) = (operand.rows, operand.columns);
    let (row_stride, column_stride) = (operand.row_stride, operand.column_stride);
    assert!(
        operand.is_within(),
        "gemm: a {rows} x {columns} operand with strides {row_stride} and {column_stride} exceeds its {} elements",
        operand.values.len()
    );
    let isize = |stride: usize| isize::try_from(stride).expect("gemm: a stride does not fit into isize");
    (isize(row_stride), isize(column_stride))
}
