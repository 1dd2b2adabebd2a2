//! Products in tiles that stay in registers, over operands that are read where they lie.

use super::panel::Panel;
use super::{Initial, MANY, Operand, Product};
use crate::Element;
use crate::level::{Isa, Kernel};
use crate::matrix::PADDING;
use crate::raw::tile::PanelProduct;
use crate::raw::vector::{Lanes, Vector};

/// So many columns of A at a time, a KiB of each row: a panel of them stays in the cache nearest to the processor.
pub(crate) const fn depth<T>() -> usize {
    1024 / size_of::<T>()
}

/// C = initial + A B, each element summed over k in an order that knows only k, its row and the number of rows. So its
/// bits depend on nothing else but the numbers and the level.
///
/// `COLUMN`: as compiled for a B of a single column and an A whose columns can be read where they lie. It takes more rows
/// at a time, so that additions do not wait for each other, and has less to set up.
pub(crate) struct Tiled<'p, 'a, T, const COLUMN: bool>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element, const COLUMN: bool> Kernel for Tiled<'_, '_, T, COLUMN> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let most = const { if COLUMN { 8 } else { 2 } };
        let product = self.0;
        let mut memory = Panel::new();
        for column in (0..product.a.columns.max(1)).step_by(depth::<T>()) {
            let mut row = 0;
            while row < product.a.rows {
                let rows = panel_rows(product.a.rows, row, lanes, most);
                let depth = (product.a.columns - column).min(depth::<T>());
                let block = Block { row, column, depth };
                macro_rules! panel {
                    ($vector:ty, $vectors:literal) => {
                        product.panel::<I, $vector, $vectors, COLUMN>(isa, &mut memory, block)
                    };
                }
                match rows / lanes {
                    8 if COLUMN => panel!(T::Full<I>, 8),
                    4 if COLUMN => panel!(T::Full<I>, 4),
                    3 => panel!(T::Full<I>, 3),
                    2 => panel!(T::Full<I>, 2),
                    1 => panel!(T::Full<I>, 1),
                    // A part of a vector: one of those that are.
                    _ => match rows {
                        8 if lanes > 8 => panel!(Lanes<T, 8, I>, 1),
                        4 if lanes > 4 => panel!(Lanes<T, 4, I>, 1),
                        2 if lanes > 2 => panel!(Lanes<T, 2, I>, 1),
                        _ => panel!(Lanes<T, 1, I>, 1),
                    },
                }
                row += rows;
            }
            product.initial = Initial::Present;
        }
        memory.keep();
    }
}

/// Where a panel of A begins, and how many of its columns it has.
#[derive(Clone, Copy)]
struct Block {
    row: usize,
    column: usize,
    depth: usize,
}

impl<T: Element> Product<'_, T> {
    /// If it can be computed as compiled for a single column: [`Tiled`].
    pub(crate) fn fits_column_kernel(&self) -> bool {
        let Operand {
            values,
            rows,
            columns,
            row_stride,
            column_stride,
        } = self.a;
        // As far as the last panel reaches at most.
        let end = columns.saturating_sub(1) * column_stride + rows.next_multiple_of(PADDING);
        self.b.columns == 1 && row_stride == 1 && end <= values.len()
    }

    /// If so many rows of A are read where they lie.
    #[inline(always)]
    fn is_in_place(&self, block: Block, rows: usize) -> bool {
        let a = self.a;
        let start = block.row + block.column * a.column_stride;
        let end = start + block.depth.saturating_sub(1) * a.column_stride + rows;
        a.row_stride == 1 && end <= a.values.len() && !worth_packing::<T>(a.column_stride, self.b.columns)
    }

    /// As many rows of C as N vectors have.
    #[inline(always)]
    fn panel<I: Isa, V: Vector<T, Isa = I>, const N: usize, const IN_PLACE: bool>(
        &mut self,
        isa: I,
        memory: &mut Panel<T>,
        block: Block,
    ) {
        let (a, rows) = (self.a, const { N * V::LANES });
        let (panel, stride) = if IN_PLACE || self.is_in_place(block, rows) {
            let start = block.row + block.column * a.column_stride;
            (&a.values[start..], a.column_stride)
        } else {
            (memory.pack(a, block.row, rows, block.column, block.depth), rows)
        };
        let b = self.b;
        let product = PanelProduct {
            k: block.depth,
            columns: b.columns,
            a: panel,
            a_column_stride: stride,
            b: b.values.get(block.column * b.row_stride..).unwrap_or_default(),
            b_row_stride: b.row_stride,
            b_column_stride: b.column_stride,
            c: &mut self.c[block.row..],
            c_stride: self.c_stride,
            initial: self.initial.rows_from(block.row),
        };
        product.run::<I, V, N>(isa);
    }
}

/// How many rows the panel at `row` of `all` has, in up to `most` vectors, or three. Only if all rows are a vector or
/// less are they in a panel of one, in which they are summed differently, whatever `most` is.
#[inline(always)]
pub(super) fn panel_rows(all: usize, row: usize, lanes: usize, most: usize) -> usize {
    // More rows than are left are computed as far as storage is padded.
    if all <= lanes {
        return all.next_power_of_two();
    }
    let vectors = match (all - row).div_ceil(lanes) {
        vectors @ ..=3 => vectors,
        left => {
            let vectors = most.min(1 << left.ilog2());
            if left - vectors == 1 { vectors / 2 } else { vectors }
        }
    };
    vectors * lanes
}

/// If a panel whose columns are `stride` apart is better copied before it is used for `columns` columns of B.
#[inline(always)]
fn worth_packing<T>(stride: usize, columns: usize) -> bool {
    // Columns so far apart fall into few sets of the cache.
    stride * size_of::<T>() >= 1024 && columns >= MANY
}
