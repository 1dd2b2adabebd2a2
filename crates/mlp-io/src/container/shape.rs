//! The shape of a tensor in a file.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One dimension, with this many elements.
    Vector(usize),
    /// Two dimensions: rows and columns.
    Matrix(usize, usize),
}

impl Shape {
    /// Returns (rows, columns). A vector is a single column.
    pub(crate) fn dimensions(self) -> (usize, usize) {
        match self {
            Self::Vector(rows) => (rows, 1),
            Self::Matrix(rows, columns) => (rows, columns),
        }
    }

    /// Returns the number of elements, or `None` if it overflows.
    pub(crate) fn elements(self) -> Option<usize> {
        let (rows, columns) = self.dimensions();
        rows.checked_mul(columns)
    }
}

/// `[3]` or `[2, 3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(rows) => write!(f, "[{rows}]"),
            Self::Matrix(rows, columns) => write!(f, "[{rows}, {columns}]"),
        }
    }
}
