use crate::MatrixRef;
use core::ops::{Index, IndexMut};
use mlp_core::shape_mismatch;
use num_traits::Zero;

/// A dense column-major matrix: element (i, j) of a matrix of r rows is number i + j r.
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
#[derive(Clone, PartialEq)]
pub struct Matrix<T> {
    values: Vec<T>,
    rows: usize,
    columns: usize,
}

impl<T: Copy + Zero> Matrix<T> {
    /// A matrix of zeros. Either dimension may be 0.
    ///
    /// # Panics
    /// If `rows` x `columns` overflows.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            values: vec![T::zero(); area(rows, columns)],
            rows,
            columns,
        }
    }

    /// The matrix with the given rows.
    ///
    /// # Panics
    /// If the rows differ in length.
    #[must_use]
    pub fn from_rows<R: AsRef<[T]>>(rows: &[R]) -> Self {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut matrix = Self::zeros(rows.len(), columns);
        for (i, row) in rows.iter().enumerate() {
            let row = row.as_ref();
            if row.len() != columns {
                shape_mismatch("Matrix::from_rows", &format!("row {i}"), (1, columns), (1, row.len()));
            }
            for (j, &value) in row.iter().enumerate() {
                matrix[(i, j)] = value;
            }
        }
        matrix
    }
}

impl<T: Copy> Matrix<T> {
    /// The matrix with the given columns: a column is a sample.
    ///
    /// # Panics
    /// If the columns differ in length.
    #[must_use]
    pub fn from_columns<C: AsRef<[T]>>(columns: &[C]) -> Self {
        let rows = columns.first().map_or(0, |column| column.as_ref().len());
        let mut values = Vec::with_capacity(area(rows, columns.len()));
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
            values.extend_from_slice(column);
        }
        Self {
            values,
            rows,
            columns: columns.len(),
        }
    }

    /// The matrix of `values`, column after column (sample after sample), without a copy.
    ///
    /// ```
    /// let m = mlp_cpu::Matrix::from_vec(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(m.column(1), [3.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If there are not `rows` x `columns` values.
    #[must_use]
    pub fn from_vec(rows: usize, columns: usize, values: Vec<T>) -> Self {
        if values.len() != area(rows, columns) {
            shape_mismatch("Matrix::from_vec", "values", (rows, columns), (values.len(), 1));
        }
        Self { values, rows, columns }
    }

    /// The matrix with element (i, j) = `value(i, j)`.
    ///
    /// # Panics
    /// If `rows` x `columns` overflows.
    #[must_use]
    pub fn from_fn(rows: usize, columns: usize, mut value: impl FnMut(usize, usize) -> T) -> Self {
        let mut values = Vec::with_capacity(area(rows, columns));
        for j in 0..columns {
            values.extend((0..rows).map(|i| value(i, j)));
        }
        Self { values, rows, columns }
    }

    /// The elements, column after column, without a copy.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.values
    }

    /// The elements, column after column.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        self.values.clone()
    }

    /// The transpose.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self::from_fn(self.columns, self.rows, |i, j| self[(j, i)])
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

    /// Column `j`: a sample.
    ///
    /// # Panics
    /// If there is no column `j`.
    pub fn column(&self, j: usize) -> &[T] {
        self.view().column(j)
    }

    /// Column `j`: a sample.
    ///
    /// # Panics
    /// If there is no column `j`.
    pub fn column_mut(&mut self, j: usize) -> &mut [T] {
        assert!(j < self.columns, "column {j} of a matrix of {} columns", self.columns);
        &mut self.values[j * self.rows..][..self.rows]
    }

    /// The columns (samples), one after the other.
    pub fn iter_columns(&self) -> impl ExactSizeIterator<Item = &[T]> + DoubleEndedIterator {
        self.view().iter_columns()
    }

    /// The matrix, borrowed.
    pub fn view(&self) -> MatrixRef<'_, T> {
        MatrixRef::new(self.rows, self.columns, &self.values)
    }

    /// The first `columns` columns' elements, to be overwritten.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn first_columns_mut(&mut self, columns: usize) -> &mut [T] {
        &mut self.values[..columns * self.rows]
    }
}

/// rows x columns.
#[track_caller]
fn area(rows: usize, columns: usize) -> usize {
    rows.checked_mul(columns)
        .unwrap_or_else(|| panic!("a matrix of {rows} x {columns} elements is too large"))
}

impl<T> Index<(usize, usize)> for Matrix<T> {
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

impl<T> IndexMut<(usize, usize)> for Matrix<T> {
    /// Element (row, column).
    ///
    /// # Panics
    /// If there is none.
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut T {
        assert!(
            i < self.rows && j < self.columns,
            "element ({i}, {j}) of a {} x {} matrix",
            self.rows,
            self.columns
        );
        &mut self.values[i + j * self.rows]
    }
}
