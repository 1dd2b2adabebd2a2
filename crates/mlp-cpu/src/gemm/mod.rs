//! The product of two matrices.

pub(crate) mod blocked;
mod panel;
pub(crate) mod product;
pub(crate) mod tiled;

use self::product::{Initial, Operand, Product};
use crate::plan::{Engine, Operation, Shape};
use crate::raw::matrixmultiply;
use crate::threads::{self, MOST_THREADS};
use crate::{Element, Matrix};
use core::ops::Range;
use mlp_core::backend::shape_mismatch;

/// The task that follows each part of a product. It receives the part's range of columns, C there, and the same part of
/// the values beside C.
type Finish<'a, T> = dyn Fn(Range<usize>, &mut [T], Option<&mut [T]>) + Sync + 'a;

impl<T: Element> Product<'_, T> {
    /// Computes the product, on all threads if it is large. Each part of C has some of the columns. After each part,
    /// `finish` is called with the part's range of columns, C there, and `beside` there, padding included. `beside` has
    /// the same layout as C. An element has the same bits whatever the parts are.
    #[inline(always)]
    pub(crate) fn run(
        self,
        shape: Shape,
        beside: Option<&mut [T]>,
        finish: impl Fn(Range<usize>, &mut [T], Option<&mut [T]>) + Sync,
    ) {
        match (self.b.columns, shape.parts()) {
            (0, _) => {}
            (_, 1) => self.run_part(shape, 0, beside, &finish),
            (_, parts) => self.run_parts(shape, parts, beside, &finish),
        }
    }

    fn run_parts(self, shape: Shape, parts: usize, beside: Option<&mut [T]>, finish: &Finish<'_, T>) {
        type Part<'p, T> = Option<(&'p mut [T], Option<&'p mut [T]>)>;
        let (b, c_stride) = (self.b, self.c_stride);
        let width = b.columns.div_ceil(parts);
        let mut beside = beside.map(|beside| beside.chunks_mut(width * c_stride));
        let mut items: [Part<'_, T>; MOST_THREADS] = Default::default();
        for (item, c) in items.iter_mut().zip(self.c.chunks_mut(width * c_stride)) {
            *item = Some((c, beside.as_mut().and_then(Iterator::next)));
        }
        threads::for_each(&mut items[..b.columns.div_ceil(width)], |i, item| {
            if let Some((c, beside)) = item.take() {
                let part = Product {
                    a: self.a,
                    b: b.columns(i * width, width),
                    c,
                    c_stride,
                    initial: self.initial,
                };
                part.run_part(shape, i * width, beside, finish);
            }
        });
    }

    /// Computes the product, whose first column is column `first` of the whole, on this thread.
    #[inline(always)]
    fn run_part(
        mut self,
        shape: Shape,
        first: usize,
        beside: Option<&mut [T]>,
        finish: &(impl Fn(Range<usize>, &mut [T], Option<&mut [T]>) + ?Sized),
    ) {
        let columns = self.b.columns;
        match shape.engine(self.a.rows, self.a.columns, columns) {
            Engine::Tiles => T::run_tiled(&mut self),
            Engine::Blocks => T::run_blocked(&mut self),
            Engine::Matrixmultiply => matrixmultiply::run(&mut self),
        }
        let length = columns * self.c_stride;
        let beside = beside.map(|beside| &mut beside[..length]);
        finish(first..first + columns, &mut self.c[..length], beside);
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
#[track_caller]
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
        initial: Initial::sum(accumulate),
    };
    let shape = Shape::new::<T>(Operation::Product, (a.rows, a.columns), b.columns);
    product.run(shape, None, |_, _, _| {});
}
