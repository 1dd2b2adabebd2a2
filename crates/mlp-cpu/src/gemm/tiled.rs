//! Products in tiles that stay in registers, over operands that are read in place.

use super::panel::{Pack, Panel};
use super::product::{Initial, Operand, Product};
use crate::matrix::PADDING;
use crate::raw::simd::{Isa, Kernel, Vector};
use crate::{Element, plan};

/// Returns how many columns of A are used in one pass.
pub(super) const fn depth<T>() -> usize {
    plan::PANEL_BYTES / size_of::<T>()
}

/// Computes C = initial + A B. The order in which an element is summed over k depends only on the number of columns of A, its
/// row and the number of rows. Its bits therefore depend only on the numbers and the level.
pub(crate) struct Tiled<'p, 'a, T>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element> Kernel for Tiled<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let product = self.0;
        let most = plan::panel_vectors(product.is_column_in_place());
        let a = product.a;
        let rows = panel_rows(a.rows, 0, lanes, most);
        // A small layer is a single panel, which needs no further decisions.
        if rows >= a.rows && a.columns <= depth::<T>() && product.is_in_place(a, rows) {
            return product.part(a, product.b, 0, 0).run_panels(isa, 1, rows);
        }
        let mut memory = Panel::new();
        for k in (0..a.columns.max(1)).step_by(depth::<T>()) {
            let (a, b) = (a.columns(k, depth::<T>()), product.b.rows(k, depth::<T>()));
            let mut row = 0;
            while row < a.rows {
                let rows = panel_rows(a.rows, row, lanes, most);
                let panel = a.rows(row, rows);
                let mut panels = 1;
                if product.is_in_place(panel, rows) {
                    // Includes the following panels of the same size that are read in place as well.
                    let next = |panels| row + panels * rows;
                    while next(panels) < a.rows
                        && panel_rows(a.rows, next(panels), lanes, most) == rows
                        && product.is_in_place(a.rows(next(panels), rows), rows)
                    {
                        panels += 1;
                    }
                    product.part(panel, b, row, 0).run_panels(isa, panels, rows);
                } else {
                    let copy = memory.take(rows * a.columns);
                    isa.call(Pack {
                        panel: &mut *copy,
                        rows,
                        a: panel,
                    });
                    let panel = Operand::packed(copy, rows, a.columns);
                    product.part(panel, b, row, 0).run_panels(isa, 1, rows);
                }
                row += panels * rows;
            }
            product.initial = Initial::Present;
        }
        memory.keep();
    }
}

impl<T: Element> Product<'_, T> {
    /// Returns whether B is a single column and all of A is read in place.
    #[inline(always)]
    fn is_column_in_place(&self) -> bool {
        // The end of the rows that the last panel may read.
        let rows = self.a.rows.next_multiple_of(PADDING);
        self.b.columns == 1 && self.a.row_stride == 1 && self.a.spans(rows)
    }

    /// Returns whether a panel of A, of up to `rows` rows, is read in place.
    #[inline(always)]
    fn is_in_place(&self, panel: Operand<'_, T>, rows: usize) -> bool {
        panel.row_stride == 1 && panel.spans(rows) && !plan::copies_panel::<T>(panel.column_stride, self.b.columns)
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
