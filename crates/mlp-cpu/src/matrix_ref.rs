use crate::Matrix;
use crate::matrix::{check_column, position, wrong_length};
use core::ops::{Index, Range};
use num_traits::Zero;

/// A borrowed column-major matrix. It borrows a [`Matrix`], some of its columns, or any slice, without a copy.
///
/// ```
/// use mlp_cpu::MatrixRef;
///
/// let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let m = MatrixRef::new(2, 3, &samples);
/// assert_eq!(m.column(1), [3.0, 4.0]);
/// assert_eq!(m.slice(1..3).column(1), [5.0, 6.0]);
/// ```
pub struct MatrixRef<'a, T> {
    /// The elements, stored as in `Matrix`. The slice extends to the end of the borrowed storage, as kernels may read
    /// whole vectors beyond the last column.
    values: &'a [T],
    rows: usize,
    columns: usize,
    stride: usize,
}

// Not derived, because a derived impl would require `T: Clone`; a reference can be copied whatever it refers to.
impl<T> Clone for MatrixRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MatrixRef<'_, T> {}

impl<'a, T> MatrixRef<'a, T> {
    /// Returns the matrix of `values`, stored column after column (sample after sample).
    ///
    /// # Panics
    /// Panics if the number of values is not `rows` x `columns`.
    #[must_use]
    #[track_caller]
    pub fn new(rows: usize, columns: usize, values: &'a [T]) -> Self {
        if rows.checked_mul(columns) != Some(values.len()) {
            wrong_length("MatrixRef::new", (rows, columns), values.len());
        }
        Self::strided(rows, columns, rows, values)
    }

    /// Returns a matrix whose columns begin `stride` elements apart.
    pub(crate) fn strided(rows: usize, columns: usize, stride: usize, values: &'a [T]) -> Self {
        debug_assert!(rows <= stride && columns * stride <= values.len());
        Self {
            values,
            rows,
            columns,
            stride,
        }
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

    /// Returns the columns in `range`.
    ///
    /// # Panics
    /// Panics if `range` ends after the last column, or before it starts.
    #[must_use]
    #[inline]
    #[track_caller]
    pub fn slice(self, range: Range<usize>) -> Self {
        if range == (0..self.columns) {
            return self.rebuilt();
        }
        if range.start > range.end || range.end > self.columns {
            no_such_columns(range, self.columns);
        }
        Self {
            values: &self.values[range.start * self.stride..],
            columns: range.len(),
            ..self
        }
    }

    /// Returns column `j`, a sample.
    ///
    /// # Panics
    /// Panics if there is no column `j`.
    #[track_caller]
    pub fn column(&self, j: usize) -> &'a [T] {
        check_column(j, self.columns);
        &self.values[j * self.stride..][..self.rows]
    }

    /// Returns an iterator over the columns (samples).
    pub fn iter_columns(self) -> impl ExactSizeIterator<Item = &'a [T]> + DoubleEndedIterator {
        (0..self.columns).map(move |j| self.column(j))
    }

    /// Returns the elements, column after column.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        let mut values = Vec::with_capacity(self.rows * self.columns);
        self.append_to(&mut values);
        values
    }

    /// Copies the elements into a new [`Matrix`].
    #[must_use]
    pub fn to_matrix(&self) -> Matrix<T>
    where
        T: Copy + Zero,
    {
        let mut matrix = Matrix::zeros(self.rows, self.columns);
        for (j, column) in self.iter_columns().enumerate() {
            matrix.column_mut(j).copy_from_slice(column);
        }
        matrix
    }

    /// Appends the elements to `values`, column after column.
    pub(crate) fn append_to(self, values: &mut Vec<T>)
    where
        T: Clone,
    {
        if self.stride == self.rows {
            values.extend_from_slice(&self.values[..self.rows * self.columns]);
        } else {
            for column in self.iter_columns() {
                values.extend_from_slice(column);
            }
        }
    }

    /// Returns the same matrix, rebuilt from its parts. Callers pass this copy to functions that are rarely called.
    /// Code that otherwise only reads the parts then never has to assemble the whole struct in memory.
    #[inline(always)]
    pub(crate) fn rebuilt(self) -> Self {
        Self::strided(self.rows, self.columns, self.stride, self.values)
    }

    /// Returns the distance between the starts of neighboring columns, in elements.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Returns the whole storage: the elements and the padding between and after the columns.
    pub(crate) fn storage(&self) -> &'a [T] {
        self.values
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_such_columns(range: Range<usize>, columns: usize) -> ! {
    panic!(
        "columns {}..{} are out of bounds for a matrix of {columns} columns",
        range.start, range.end
    )
}

impl<T: PartialEq> PartialEq for MatrixRef<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape() == other.shape() && self.iter_columns().eq(other.iter_columns())
    }
}

impl<T: Copy> Matrix<T> {
    /// Returns an iterator over the columns (samples).
    pub fn iter_columns(&self) -> impl ExactSizeIterator<Item = &[T]> + DoubleEndedIterator {
        self.view().iter_columns()
    }

    /// Borrows the matrix.
    pub fn view(&self) -> MatrixRef<'_, T> {
        MatrixRef::strided(self.rows(), self.columns(), self.stride(), self.storage())
    }
}

impl<'a, T: Copy> From<&'a Matrix<T>> for MatrixRef<'a, T> {
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.view()
    }
}

impl<T> Index<(usize, usize)> for MatrixRef<'_, T> {
    type Output = T;
    /// Returns element (row, column).
    ///
    /// # Panics
    /// Panics if there is no such element.
    #[track_caller]
    fn index(&self, index: (usize, usize)) -> &T {
        &self.values[position(self.shape(), self.stride, index)]
    }
}
