//! Products in tiles that stay in registers, over operands that are read in place.

use super::panel::{Pack, Panel};
use super::product::{Initial, Operand, Product};
use crate::matrix::PADDING;
use crate::raw::simd::{Isa, Kernel, Vector};
use crate::raw::tile::PanelProduct;
use crate::{Element, plan};

/// Returns how many columns of A are used at a time.
pub(super) const fn depth<T>() -> usize {
    plan::PANEL_BYTES / size_of::<T>()
}

/// Computes C = initial + A B. The order in which an element is summed over k depends only on k, its row and the number
/// of rows. Its bits therefore depend only on the numbers and the level.
pub(crate) struct Tiled<'p, 'a, T>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element> Kernel for Tiled<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let product = self.0;
        let most = plan::panel_vectors(product.is_column_in_place());
        let rows = panel_rows(product.a.rows, 0, lanes, most);
        let whole = Block {
            row: 0,
            column: 0,
            rows,
            depth: product.a.columns,
        };
        // A small layer is a single panel, which needs no further decisions.
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

/// The position and size of a panel of A.
#[derive(Clone, Copy)]
struct Block {
    row: usize,
    column: usize,
    rows: usize,
    depth: usize,
}

impl<T: Element> Product<'_, T> {
    /// Returns whether B is a single column and all of A is read in place.
    #[inline(always)]
    fn is_column_in_place(&self) -> bool {
        let Operand {
            values,
            rows,
            columns,
            row_stride,
            column_stride,
        } = self.a;
        // The farthest that the last panel can reach.
        let end = columns.saturating_sub(1) * column_stride + rows.next_multiple_of(PADDING);
        self.b.columns == 1 && row_stride == 1 && end <= values.len()
    }

    /// Returns whether a panel of A is read in place.
    #[inline(always)]
    fn is_in_place(&self, block: Block) -> bool {
        let a = self.a;
        let start = block.row + block.column * a.column_stride;
        let end = start + block.depth.saturating_sub(1) * a.column_stride + block.rows;
        a.row_stride == 1 && end <= a.values.len() && !plan::copies_panel::<T>(a.column_stride, self.b.columns)
    }

    /// Computes the rows of C that belong to a panel of A. If the panel is read in place, this includes the panels of
    /// the same size after it, as far as they are read in place, too. Returns the number of these panels.
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

    /// Computes the rows of C that belong to `panels` panels like `block`, one below the other. They lie at the start
    /// of `a`.
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

/// Returns the number of rows in the panel at `row` of `all` rows: those of up to `most` vectors, or of three. A panel
/// of one vector sums its rows differently. Whatever `most` is, such a panel occurs only if all rows together fit into
/// one vector.
#[inline(always)]
pub(super) fn panel_rows(all: usize, row: usize, lanes: usize, most: usize) -> usize {
    // The panel may have more rows than are left, because storage is padded.
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
