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

/// A factor of a product: a matrix or its transpose, read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a, T> {
    pub(crate) values: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
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

    /// The rows in `range`.
    pub(crate) fn rows(self, range: Range<usize>) -> Self {
        Self {
            values: self.values.get(range.start * self.row_stride..).unwrap_or_default(),
            rows: range.len(),
            ..self
        }
    }

    /// The columns in `range`.
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

/// How a product is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Routine {
    /// In tiles, over the operands where they lie.
    Tiled,
    /// In the same tiles over copies of the operands, if there are samples enough to pay for them, with the same bits.
    /// At the baseline, which has no tiles better than those of the `matrixmultiply` crate, by it: it rounds
    /// differently, so that the choice must not depend on the number of samples.
    Blocked,
}

impl Routine {
    /// For products with a layer's weights (n_out x n_in) or into their gradient, over any number of samples.
    pub(crate) fn for_layer(outputs: usize, inputs: usize) -> Self {
        const LARGE: usize = 1 << 20;
        if outputs * inputs < LARGE {
            Self::Tiled
        } else {
            Self::Blocked
        }
    }
}

/// Columns of B for which it pays to copy A.
const MANY: usize = 24;

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

impl<T> Initial<'_, T> {
    /// That of the rows from `row` on.
    #[inline(always)]
    pub(crate) fn rows_from(self, row: usize) -> Self {
        match self {
            Self::Column(bias) => Self::Column(&bias[row..]),
            Self::Zero | Self::Present => self,
        }
    }
}

/// C = initial + A B: A m x k, B k x n, C m x n with columns `c_stride` apart.
#[doc(hidden)]
#[derive(Debug)]
pub struct Product<'a, T> {
    pub(crate) a: Operand<'a, T>,
    pub(crate) b: Operand<'a, T>,
    pub(crate) c: &'a mut [T],
    pub(crate) c_stride: usize,
    pub(crate) initial: Initial<'a, T>,
}

/// What follows on a part of a product: its range of columns, C there, and what lies beside C.
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

    /// If there is enough to multiply for copies of the operands. In few rows there may be no room for whole vectors.
    fn is_worth_blocks(&self) -> bool {
        self.b.columns >= MANY && self.a.rows >= PADDING && self.a.columns > 0
    }

    /// On all threads, if it is large: C by parts, some columns each, and after each part `finish` with the part's
    /// range of columns, C there and `beside` there, padding included; `beside` lies as C does. An element has the
    /// same bits whatever the parts are.
    #[inline(always)]
    pub(crate) fn run(
        mut self,
        routine: Routine,
        beside: Option<&mut [T]>,
        finish: impl Fn(Range<usize>, &mut [T], Option<&mut [T]>) + Sync,
    ) {
        /// Multiply-adds that take longer than it takes to call another thread.
        const LEAST: usize = 1 << 18;
        /// Columns for which it pays to read A once more.
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

/// C = A B, or C += A B if `accumulate`: `a` m x k, `b` k x n, C the first n columns of `c`, which has m rows. Without
/// `accumulate`, C may hold anything before, NaN included.
///
/// The order in which an element is summed depends on k, its row and m alone.
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
