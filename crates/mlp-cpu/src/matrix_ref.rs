use crate::Matrix;
use core::ops::{Index, Range};
use mlp_core::{Columns, shape_mismatch};

/// A borrowed column-major matrix: of a [`Matrix`], of some of its columns, or of any slice, without a copy.
///
/// ```
/// use mlp_cpu::MatrixRef;
///
/// let samples = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let m = MatrixRef::new(2, 3, &samples);
/// assert_eq!(m.column(1), [3.0, 4.0]);
/// assert_eq!(m.slice(1..3).column(1), [5.0, 6.0]);
/// ```
#[derive(PartialEq)]
pub struct MatrixRef<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
}

// Not derived: a reference is cheap to copy whatever it refers to.
impl<T> Clone for MatrixRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for MatrixRef<'_, T> {}

impl<'a, T> MatrixRef<'a, T> {
    /// The matrix of `values`, column after column (sample after sample).
    ///
    /// # Panics
    /// If there are not `rows` x `columns` values.
    #[must_use]
    pub fn new(rows: usize, columns: usize, values: &'a [T]) -> Self {
        if rows.checked_mul(columns) != Some(values.len()) {
            shape_mismatch("MatrixRef::new", "values", (rows, columns), (values.len(), 1));
        }
        Self { values, rows, columns }
    }

    /// The number of rows: features.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns: samples.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// (rows, columns).
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The columns in `range`.
    ///
    /// # Panics
    /// If `range` ends behind the last column, or before it starts.
    #[must_use]
    pub fn slice(self, range: Range<usize>) -> Self {
        assert!(
            range.start <= range.end && range.end <= self.columns,
            "columns {} to {} of a matrix of {}",
            range.start,
            range.end,
            self.columns
        );
        let values = &self.values[range.start * self.rows..range.end * self.rows];
        Self {
            values,
            rows: self.rows,
            columns: range.len(),
        }
    }

    /// Column `j`: a sample.
    ///
    /// # Panics
    /// If there is no column `j`.
    pub fn column(&self, j: usize) -> &'a [T] {
        assert!(j < self.columns, "column {j} of a matrix of {} columns", self.columns);
        &self.values[j * self.rows..][..self.rows]
    }

    /// The columns (samples), one after the other.
    pub fn iter_columns(self) -> impl ExactSizeIterator<Item = &'a [T]> + DoubleEndedIterator {
        (0..self.columns).map(move |j| self.column(j))
    }

    /// The elements, column after column.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.values.to_vec()
    }

    /// The elements, column after column.
    pub(crate) fn as_slice(&self) -> &'a [T] {
        self.values
    }
}

impl<'a, T: Copy> From<&'a Matrix<T>> for MatrixRef<'a, T> {
    fn from(matrix: &'a Matrix<T>) -> Self {
        matrix.view()
    }
}

impl<T> Index<(usize, usize)> for MatrixRef<'_, T> {
    type Output = T;
    /// Element (row, column).
    ///
    /// # Panics
    /// If there is none.
    fn index(&self, (i, j): (usize, usize)) -> &T {
        assert!(
            i < self.rows && j < self.columns,
            "element ({i}, {j}) of a {} x {} matrix",
            self.rows,
            self.columns
        );
        &self.values[i + j * self.rows]
    }
}

impl<T: Copy + Send + Sync + core::fmt::Display> Columns for MatrixRef<'_, T> {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }
}
