//! Products in tiles that stay in registers, over operands that are read where they lie.

use super::panel::{Pack, Panel};
use super::{Initial, MANY, Operand, Product};
use crate::Element;
use crate::level::{Isa, Kernel};
use crate::matrix::PADDING;
use crate::raw::tile::PanelProduct;
use crate::raw::vector::Vector;

/// So many columns of A at a time, a KiB of each row: a panel of them stays in the cache nearest to the processor.
pub(crate) const fn depth<T>() -> usize {
    1024 / size_of::<T>()
}

/// C = initial + A B, each element summed over k in an order that knows only k, its row and the number of rows. So its
/// bits depend on nothing else but the numbers and the level.
pub(crate) struct Tiled<'p, 'a, T>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element> Kernel for Tiled<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let product = self.0;
        // For a single column more rows at a time, so that additions do not wait for each other.
        let most = if product.is_column_in_place() { 8 } else { 2 };
        let rows = panel_rows(product.a.rows, 0, lanes, most);
        let whole = Block {
            row: 0,
            column: 0,
            rows,
            depth: product.a.columns,
        };
        // A small layer is a single panel, and nothing else has to be found out.
        if rows >= product.a.rows && whole.depth <= depth::<T>() && product.is_in_place(whole) {
            let (a, stride) = (product.a.values, product.a.column_stride);
            return product.panels(isa, whole, 1, a, stride);
        }
        let mut memory = Panel::new();
        for column in (0..product.a.columns.max(1)).step_by(depth::<T>()) {
            let mut row = 0;
            while row < product.a.rows {
                let rows = panel_rows(product.a.rows, row, lanes, most);
                let depth = (product.a.columns - column).min(depth::<T>());
                let block = Block {
                    row,
                    column,
                    rows,
                    depth,
                };
                row += rows * product.panels_from(isa, &mut memory, block, most);
            }
            product.initial = Initial::Present;
        }
        memory.keep();
    }
}

/// Where a panel of A begins, and how many of its rows and columns it has.
#[derive(Clone, Copy)]
struct Block {
    row: usize,
    column: usize,
    rows: usize,
    depth: usize,
}

impl<T: Element> Product<'_, T> {
    /// If B is a single column, and all of A is read where it lies.
    #[inline(always)]
    fn is_column_in_place(&self) -> bool {
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

    /// If a panel of A is read where it lies.
    #[inline(always)]
    fn is_in_place(&self, block: Block) -> bool {
        let a = self.a;
        let start = block.row + block.column * a.column_stride;
        let end = start + block.depth.saturating_sub(1) * a.column_stride + block.rows;
        a.row_stride == 1 && end <= a.values.len() && !worth_packing::<T>(a.column_stride, self.b.columns)
    }

    /// The rows of C that belong to a panel of A, and to those of the same size after it where all are read in place.
    /// Returns how many panels these are.
    #[inline(always)]
    fn panels_from<I: Isa>(&mut self, isa: I, memory: &mut Panel<T>, block: Block, most: usize) -> usize {
        let (a, lanes) = (self.a, const { <T::Full<I> as Vector<T>>::LANES });
        let mut panels = 1;
        if self.is_in_place(block) {
            loop {
                let next = Block {
                    row: block.row + panels * block.rows,
                    ..block
                };
                if next.row >= a.rows
                    || panel_rows(a.rows, next.row, lanes, most) != block.rows
                    || !self.is_in_place(next)
                {
                    break;
                }
                panels += 1;
            }
            let start = block.row + block.column * a.column_stride;
            self.panels(isa, block, panels, &a.values[start..], a.column_stride);
        } else {
            let panel = memory.take(block.rows * block.depth);
            isa.call(Pack {
                panel: &mut *panel,
                a,
                row: block.row,
                rows: block.rows,
                column: block.column,
                k: block.depth,
            });
            self.panels(isa, block, panels, panel, block.rows);
        }
        panels
    }

    /// The rows of C that belong to so many panels as `block`, one below the other, which lie at the start of `a`.
    #[inline(always)]
    fn panels<I: Isa>(&mut self, isa: I, block: Block, panels: usize, a: &[T], a_column_stride: usize) {
        let b = self.b;
        let product = PanelProduct {
            panels,
            rows: block.rows,
            k: block.depth,
            columns: b.columns,
            a,
            a_column_stride,
            b: b.values.get(block.column * b.row_stride..).unwrap_or_default(),
            b_row_stride: b.row_stride,
            b_column_stride: b.column_stride,
            c: &mut self.c[block.row..],
            c_stride: self.c_stride,
            initial: self.initial.rows_from(block.row),
        };
        product.run(isa);
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
