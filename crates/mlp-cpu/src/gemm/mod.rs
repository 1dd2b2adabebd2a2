//! The product of two matrices.

mod direct;
mod packed;

pub(crate) use packed::Gemm;

use crate::{Element, Matrix, MatrixRef};
use mlp_core::shape_mismatch;

/// A factor of a product: a matrix or its transpose, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<T: Copy> Operand<'_, T> {
    #[inline(always)]
    fn element(&self, i: usize, j: usize) -> T {
        self.values[i * self.row_stride + j * self.column_stride]
    }
}

impl<T> Operand<'_, T> {
    /// The transpose.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

impl<'a, T> From<MatrixRef<'a, T>> for Operand<'a, T> {
    fn from(matrix: MatrixRef<'a, T>) -> Self {
        let (rows, columns) = matrix.shape();
        Self {
            values: matrix.as_slice(),
            rows,
            columns,
            row_stride: 1,
            column_stride: rows,
        }
    }
}

impl<'a, T: Copy> From<&'a Matrix<T>> for Operand<'a, T> {
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.view().into()
    }
}

/// How a product is computed. The two round differently: a caller for whom bits must not depend on some dimension
/// chooses by the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Routine {
    /// Loops over the operands where they lie.
    Direct,
    /// The `matrixmultiply` crate: the processor's best instructions, at the price of packing and an allocation.
    Packed,
}

impl Routine {
    /// For products with a layer's weights (n_out x n_in) or into their gradient, over any number of samples.
    pub(crate) fn for_layer(outputs: usize, inputs: usize) -> Self {
        // Measured, in f32 and f64: at 8 x 8 weights the direct loops take 0.1 to 0.3 of the other's time for one
        // sample, 0.2 to 0.8 for three and about as long for 32; with more weights, large batches suffer.
        const DIRECT: usize = 8 * 8;
        if outputs * inputs <= DIRECT {
            Self::Direct
        } else {
            Self::Packed
        }
    }
}

/// C = A B, or C += A B if `accumulate`: `a` m x k, `b` k x n, C the first n columns of `c`, which has m rows. Without
/// `accumulate`, C may hold anything before, NaN included.
///
/// Each element is summed over k in ascending order (by `matrixmultiply`, in blocks of 256), whatever m and n are.
///
/// # Panics
/// If the shapes do not fit.
///
/// ```
/// use mlp_cpu::{Matrix, Operand, gemm};
///
/// let a = Matrix::from_rows(&[[1.0, 2.0], [3.0, 4.0]]);
/// let mut c = Matrix::zeros(2, 2);
/// gemm(Operand::from(&a), Operand::from(&a).transposed(), &mut c, false);
/// assert_eq!(c, Matrix::from_rows(&[[5.0, 11.0], [11.0, 25.0]]));
/// ```
pub fn gemm<T: Element>(a: Operand<'_, T>, b: Operand<'_, T>, c: &mut Matrix<T>, accumulate: bool) {
    let initial = if accumulate { Initial::Present } else { Initial::Zero };
    gemm_by(Routine::for_layer(a.rows, a.columns), a, b, c, initial);
}

/// What a product is added to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Initial<'a, T> {
    /// 0, whatever is there.
    Zero,
    /// What is there.
    Present,
    /// Every column: this one.
    Column(&'a [T]),
}

pub(crate) fn gemm_by<T: Element>(
    routine: Routine,
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: &mut Matrix<T>,
    initial: Initial<'_, T>,
) {
    if a.columns != b.rows {
        shape_mismatch("gemm", "B", (a.columns, b.columns), (b.rows, b.columns));
    }
    if c.rows() != a.rows || c.columns() < b.columns {
        shape_mismatch("gemm", "C", (a.rows, b.columns), c.shape());
    }
    let c = c.first_columns_mut(b.columns);
    match routine {
        Routine::Direct => direct::gemm(a, b, c, initial),
        Routine::Packed => packed::gemm(a, b, c, initial),
    }
}
