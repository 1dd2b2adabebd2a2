//! The parameters of a product.

use crate::{Matrix, MatrixRef};

/// A factor of a product: a matrix or its transpose, which is read in place.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a, T> Operand<'a, T> {
    /// Returns the matrix of `rows` x `columns` whose columns follow each other in `values`.
    #[inline(always)]
    pub(crate) fn packed(values: &'a [T], rows: usize, columns: usize) -> Self {
        Self {
            values,
            rows,
            columns,
            row_stride: 1,
            column_stride: rows,
        }
    }

    /// Returns the transpose.
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

    /// Returns whether the last element, if there is one, lies within the slice.
    #[inline(always)]
    pub(crate) fn is_within(&self) -> bool {
        let Self { rows, columns, .. } = *self;
        rows == 0
            || columns == 0
            || (rows - 1)
                .checked_mul(self.row_stride)
                .zip((columns - 1).checked_mul(self.column_stride))
                .and_then(|(row, column)| row.checked_add(column))
                .is_some_and(|last| last < self.values.len())
    }

    /// Returns whether each column has `rows` values, whatever they belong to, before the slice ends.
    #[inline(always)]
    pub(crate) fn spans(self, rows: usize) -> bool {
        self.columns.saturating_sub(1) * self.column_stride + rows <= self.values.len()
    }

    /// Returns up to `most` rows from `start` on.
    #[inline(always)]
    pub(crate) fn rows(self, start: usize, most: usize) -> Self {
        Self {
            values: self.values.get(start * self.row_stride..).unwrap_or_default(),
            rows: self.rows.saturating_sub(start).min(most),
            ..self
        }
    }

    /// Returns up to `most` columns from `start` on.
    #[inline(always)]
    pub(crate) fn columns(self, start: usize, most: usize) -> Self {
        self.transposed().rows(start, most).transposed()
    }
}

impl<'a, T> From<MatrixRef<'a, T>> for Operand<'a, T> {
    fn from(matrix: MatrixRef<'a, T>) -> Self {
        let (rows, columns) = matrix.shape();
        Self {
            values: matrix.storage(),
            rows,
            columns,
            row_stride: 1,
            column_stride: matrix.stride(),
        }
    }
}

impl<'a, T: Copy> From<&'a Matrix<T>> for Operand<'a, T> {
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.view().into()
    }
}

/// The initial value that a product is added to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Initial<'a, T> {
    /// Zero. The existing values are ignored.
    Zero,
    /// The existing values.
    Present,
    /// This column, for every column of the product.
    Column(&'a [T]),
}

impl<T> Initial<'_, T> {
    /// Returns the initial value of a product that is added to the existing values if `accumulate`.
    pub(crate) fn sum(accumulate: bool) -> Self {
        if accumulate { Self::Present } else { Self::Zero }
    }

    /// Returns the initial value of the rows from `row` on.
    #[inline(always)]
    pub(crate) fn rows_from(self, row: usize) -> Self {
        match self {
            Self::Column(bias) => Self::Column(&bias[row..]),
            Self::Zero | Self::Present => self,
        }
    }
}

/// A product C = initial + A B. A is m x k, B is k x n, and C is m x n with columns `c_stride` apart.
#[doc(hidden)]
#[derive(Debug)]
pub struct Product<'a, T> {
    pub(crate) a: Operand<'a, T>,
    pub(crate) b: Operand<'a, T>,
    pub(crate) c: &'a mut [T],
    pub(crate) c_stride: usize,
    pub(crate) initial: Initial<'a, T>,
}

impl<T: Copy> Product<'_, T> {
    /// Returns the product of `a` and `b`, parts of the operands, into C from `row` and `column` on.
    #[inline(always)]
    pub(crate) fn part<'s>(
        &'s mut self,
        a: Operand<'s, T>,
        b: Operand<'s, T>,
        row: usize,
        column: usize,
    ) -> Product<'s, T> {
        Product {
            a,
            b,
            c: &mut self.c[row + column * self.c_stride..],
            c_stride: self.c_stride,
            initial: self.initial.rows_from(row),
        }
    }
}
