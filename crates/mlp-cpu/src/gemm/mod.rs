//! The product of two matrices.

pub(crate) mod blocked;
pub(crate) mod panel;
pub(crate) mod tiled;

use crate::level::{SimdLevel, simd_level};
use crate::matrix::PADDING;
use crate::raw::matrixmultiply;
use crate::threads::{self, MOST_PARTS};
use crate::{Element, Matrix, MatrixRef};
use core::ops::Range;
use mlp_core::backend::shape_mismatch;

/// A factor of a product: a matrix or its transpose, which is read in place.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<T> Operand<'_, T> {
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

    /// Returns the rows in `range`.
    pub(crate) fn rows(self, range: Range<usize>) -> Self {
        Self {
            values: self.values.get(range.start * self.row_stride..).unwrap_or_default(),
            rows: range.len(),
            ..self
        }
    }

    /// Returns the columns in `range`.
    pub(crate) fn columns(self, range: Range<usize>) -> Self {
        Self {
            values: self.values.get(range.start * self.column_stride..).unwrap_or_default(),
            columns: range.len(),
            ..self
        }
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

/// The way in which a product is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Routine {
    /// In tiles, over the operands in place.
    Tiled,
    /// In the same tiles over copies of the operands, with the same bits, if there are enough samples to pay for the
    /// copies. The baseline has no better tiles than those of the `matrixmultiply` crate, so there that crate computes
    /// the product. It rounds differently, so the choice must not depend on the number of samples.
    Blocked,
}

impl Routine {
    /// Returns the routine for products with a layer's weights (n_out x n_in), or for products that compute their
    /// gradient, over any number of samples.
    pub(crate) fn for_layer(outputs: usize, inputs: usize) -> Self {
        const LARGE: usize = 1 << 20;
        if outputs * inputs < LARGE {
            Self::Tiled
        } else {
            Self::Blocked
        }
    }
}

/// The number of columns of B from which copying A pays.
const MANY: usize = 24;

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

/// The task that follows each part of a product. It receives the part's range of columns, C there, and the same part of
/// the values beside C.
type Finish<'a, T> = dyn Fn(Range<usize>, &mut [T], Option<&mut [T]>) + Sync + 'a;

impl<T: Element> Product<'_, T> {
    fn run_by(&mut self, routine: Routine) {
        match routine {
            Routine::Tiled => T::run_tiled(self),
            Routine::Blocked if simd_level() == SimdLevel::Baseline => matrixmultiply::run(self),
            Routine::Blocked if self.is_worth_blocks() => T::run_blocked(self),
            Routine::Blocked => T::run_tiled(self),
        }
    }

    /// Returns whether there is enough to multiply to pay for copies of the operands. With few rows, C may have no room
    /// for whole vectors.
    fn is_worth_blocks(&self) -> bool {
        self.b.columns >= MANY && self.a.rows >= PADDING && self.a.columns > 0
    }

    /// Computes the product, on all threads if it is large. Each part of C has some of the columns. After each part,
    /// `finish` is called with the part's range of columns, C there, and `beside` there, padding included. `beside` has
    /// the same layout as C. An element has the same bits whatever the parts are.
    #[inline(always)]
    pub(crate) fn run(
        mut self,
        routine: Routine,
        beside: Option<&mut [T]>,
        finish: impl Fn(Range<usize>, &mut [T], Option<&mut [T]>) + Sync,
    ) {
        /// The number of multiply-adds from which the work takes longer than calling another thread.
        const LEAST: usize = 1 << 18;
        /// The number of columns from which reading A once more pays.
        const NARROWEST: usize = 16;
        let columns = self.b.columns;
        if columns == 0 {
            return;
        }
        let parts = threads::parts(self.a.rows * self.a.columns * columns, LEAST).min((columns / NARROWEST).max(1));
        let stride = self.c_stride;
        if parts == 1 {
            self.run_by(routine);
            let length = columns * stride;
            finish(
                0..columns,
                &mut self.c[..length],
                beside.map(|beside| &mut beside[..length]),
            );
        } else {
            self.run_parts(routine, parts, beside, &finish);
        }
    }

    fn run_parts(self, routine: Routine, parts: usize, beside: Option<&mut [T]>, finish: &Finish<'_, T>) {
        type Part<'p, T> = Option<(&'p mut [T], Option<&'p mut [T]>)>;
        let Self {
            a,
            b,
            c,
            c_stride,
            initial,
        } = self;
        let width = b.columns.div_ceil(parts);
        let mut beside = beside.map(|beside| beside.chunks_mut(width * c_stride));
        let mut items: [Part<'_, T>; MOST_PARTS] = Default::default();
        for (item, c) in items.iter_mut().zip(c.chunks_mut(width * c_stride)) {
            *item = Some((c, beside.as_mut().and_then(Iterator::next)));
        }
        threads::for_each(&mut items[..b.columns.div_ceil(width)], |i, item| {
            let range = i * width..((i + 1) * width).min(b.columns);
            let length = range.len() * c_stride;
            if let Some((c, beside)) = item.take() {
                let mut product = Product {
                    a,
                    b: b.columns(range.clone()),
                    c: &mut *c,
                    c_stride,
                    initial,
                };
                product.run_by(routine);
                finish(range, &mut c[..length], beside.map(|beside| &mut beside[..length]));
            }
        });
    }
}

/// Computes C = A B, or C += A B if `accumulate`. `a` is m x k and `b` is k x n. C is the first n columns of `c`, which
/// has m rows. Without `accumulate`, the previous values of C are ignored, even if they are NaN.
///
/// The order in which an element is summed depends only on k, its row and m.
///
/// # Panics
/// Panics if the shapes do not match.
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
    if a.columns != b.rows {
        shape_mismatch("gemm", "B", (a.columns, b.columns), (b.rows, b.columns));
    }
    if c.rows() != a.rows || c.columns() < b.columns {
        shape_mismatch("gemm", "C", (a.rows, b.columns), c.shape());
    }
    let product = Product {
        a,
        b,
        c_stride: c.stride(),
        c: c.storage_mut(),
        initial: if accumulate { Initial::Present } else { Initial::Zero },
    };
    product.run(Routine::for_layer(a.rows, a.columns), None, |_, _, _| {});
}
