#[cfg(test)]
mod tests;

use crate::raw::buffer::Buffer;
use core::ops::{Index, IndexMut};
use mlp_core::backend::shape_mismatch;
use num_traits::Zero;

/// A dense column-major matrix.
///
/// ```
/// use mlp_cpu::Matrix;
///
/// let m = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
/// assert_eq!(m.shape(), (2, 3));
/// assert_eq!(m[(1, 0)], 4.0);
/// assert_eq!(m.column(2), [3.0, 6.0]);
/// assert_eq!(m, Matrix::from_columns(&[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]));
/// assert_eq!(m.to_string(), "1  2  3\n4  5  6");
/// ```
///
/// In memory, a column of more than a few elements is padded to whole vectors of the processor, so that kernels need no
/// special code for odd shapes. [`MatrixRef`](crate::MatrixRef) accepts data without padding.
pub struct Matrix<T> {
    /// Column j begins at j `stride`. The space between columns and after the last one may hold any values: kernels
    /// compute with them, but no visible result depends on them.
    values: Buffer<T>,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<T: Copy> Clone for Matrix<T> {
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            ..*self
        }
    }
}

impl<T: Copy + Zero> Matrix<T> {
    /// Returns a matrix of zeros. Either dimension may be 0.
    ///
    /// # Panics
    /// Panics if `rows` x `columns` overflows.
    #[must_use]
    #[track_caller]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let stride = stride(rows);
        Self {
            values: Buffer::filled(padded(stride, columns), T::zero()),
            rows,
            columns,
            stride,
        }
    }

    /// Returns the matrix with the given rows.
    ///
    /// # Panics
    /// Panics if the rows differ in length.
    #[must_use]
    #[track_caller]
    pub fn from_rows<R: AsRef<[T]>>(rows: &[R]) -> Self {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        for (i, row) in rows.iter().enumerate() {
            let length = row.as_ref().len();
            if length != columns {
                shape_mismatch("Matrix::from_rows", &format!("row {i}"), (1, columns), (1, length));
            }
        }
        Self::from_fn(rows.len(), columns, |i, j| rows[i].as_ref()[j])
    }

    /// Returns the matrix with the given columns. A column is a sample.
    ///
    /// # Panics
    /// Panics if the columns differ in length.
    #[must_use]
    #[track_caller]
    pub fn from_columns<C: AsRef<[T]>>(columns: &[C]) -> Self {
        let rows = columns.first().map_or(0, |column| column.as_ref().len());
        let mut matrix = Self::zeros(rows, columns.len());
        for (j, column) in columns.iter().enumerate() {
            let column = column.as_ref();
            if column.len() != rows {
                shape_mismatch(
                    "Matrix::from_columns",
                    &format!("column {j}"),
                    (rows, 1),
                    (column.len(), 1),
                );
            }
            matrix.column_mut(j).copy_from_slice(column);
        }
        matrix
    }

    /// Returns the matrix of `values`, stored column after column (sample after sample). Copies the values;
    /// [`MatrixRef::new`](crate::MatrixRef::new) does not.
    ///
    /// ```
    /// let m = mlp_cpu::Matrix::from_vec(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(m.column(1), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// Panics if the number of values is not `rows` x `columns`.
    #[must_use]
    #[track_caller]
    pub fn from_vec(rows: usize, columns: usize, values: Vec<T>) -> Self {
        if Some(values.len()) != rows.checked_mul(columns) {
            wrong_length("Matrix::from_vec", (rows, columns), values.len());
        }
        let mut matrix = Self::zeros(rows, columns);
        for (j, column) in values.chunks_exact(rows.max(1)).enumerate() {
            matrix.column_mut(j).copy_from_slice(column);
        }
        matrix
    }

    /// Returns the matrix with element (i, j) = `value(i, j)`.
    ///
    /// # Panics
    /// Panics if `rows` x `columns` overflows.
    #[must_use]
    #[track_caller]
    pub fn from_fn(rows: usize, columns: usize, mut value: impl FnMut(usize, usize) -> T) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for j in 0..columns {
            for (i, element) in matrix.column_mut(j).iter_mut().enumerate() {
                *element = value(i, j);
            }
        }
        matrix
    }

    /// Returns the transpose.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self[(j, i)])
    }
}

impl<T: Copy> Matrix<T> {
    /// Returns the elements, column after column.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.to_vec()
    }

    /// Returns the elements, column after column.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.view().to_vec()
    }

    /// Returns the number of rows (features).
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns (samples).
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Returns column `j`, a sample.
    ///
    /// # Panics
    /// Panics if there is no column `j`.
    #[track_caller]
    pub fn column(&self, j: usize) -> &[T] {
        self.view().column(j)
    }

    /// Returns column `j`, a sample.
    ///
    /// # Panics
    /// Panics if there is no column `j`.
    #[track_caller]
    pub fn column_mut(&mut self, j: usize) -> &mut [T] {
        check_column(j, self.columns);
        &mut self.values[j * self.stride..][..self.rows]
    }

    /// Returns the distance between the starts of neighboring columns, in elements.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the whole storage: the elements and the padding between and after the columns.
    pub(crate) fn storage(&self) -> &[T] {
        &self.values
    }

    /// Returns the whole storage: the elements and the padding between and after the columns.
    pub(crate) fn storage_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// Returns the first `columns` columns with the padding between them.
    pub(crate) fn columns_mut(&mut self, columns: usize) -> &mut [T] {
        &mut self.values[..columns * self.stride]
    }
}

impl<T: Copy + PartialEq> PartialEq for Matrix<T> {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

/// Panics unless there is a column `j`.
#[inline(always)]
#[track_caller]
pub(crate) fn check_column(j: usize, columns: usize) {
    assert!(
        j < columns,
        "column {j} is out of bounds for a matrix of {columns} columns"
    );
}

/// Returns the position of element `(i, j)` in the storage.
///
/// # Panics
/// Panics if there is no such element.
#[inline(always)]
#[track_caller]
pub(crate) fn position((rows, columns): (usize, usize), stride: usize, (i, j): (usize, usize)) -> usize {
    assert!(
        i < rows && j < columns,
        "element ({i}, {j}) is out of bounds for a {rows} x {columns} matrix"
    );
    i + j * stride
}

/// Columns are padded to multiples of this many elements, which are whole vectors of any processor.
pub(crate) const PADDING: usize = 16;

/// Returns the distance between the starts of neighboring columns in a matrix of `rows` rows. Up to `PADDING` rows are
/// padded only to a power of two, as they are a part of a vector.
fn stride(rows: usize) -> usize {
    if rows <= PADDING {
        rows.next_power_of_two()
    } else {
        rows.checked_next_multiple_of(PADDING).unwrap_or(usize::MAX)
    }
}

/// Panics because the number of values is not that of a matrix of this shape.
#[cold]
#[track_caller]
pub(crate) fn wrong_length(operation: &str, (rows, columns): (usize, usize), got: usize) -> ! {
    panic!("{operation}: expected {rows} x {columns} values, column after column, got {got}")
}

/// Returns the length of the storage, which also ends with a whole vector.
#[track_caller]
fn padded(stride: usize, columns: usize) -> usize {
    stride
        .checked_mul(columns)
        .and_then(|length| length.checked_next_multiple_of(PADDING))
        .unwrap_or_else(|| panic!("a matrix of {stride} x {columns} elements is too large"))
}

impl<T> Index<(usize, usize)> for Matrix<T> {
    type Output = T;
    /// Returns element (row, column).
    ///
    /// # Panics
    /// Panics if there is no such element.
    #[track_caller]
    fn index(&self, index: (usize, usize)) -> &T {
        &self.values[position((self.rows, self.columns), self.stride, index)]
    }
}

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    /// Returns element (row, column).
    ///
    /// # Panics
    /// Panics if there is no such element.
    #[track_caller]
    fn index_mut(&mut self, index: (usize, usize)) -> &mut T {
        &mut self.values[position((self.rows, self.columns), self.stride, index)]
    }
}
