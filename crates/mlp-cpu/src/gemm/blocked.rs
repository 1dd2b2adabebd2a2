//! Products of large matrices, in tiles that stay in registers, over copies of both operands.

#[cfg(test)]
mod tests;

use super::panel::{Pack, Panel};
use super::product::{Initial, Operand, Product};
use super::tiled::{depth, panel_rows};
use crate::raw::prefetch::{LINE, prefetch};
use crate::raw::simd::{Isa, Kernel, Vector};
use crate::{Element, SimdLevel, plan};

/// Computes C = initial + A B, with the same bits as [`Tiled`](super::tiled::Tiled).
///
/// B is copied block by block into slivers as wide as a tile. These stay in the processor's second-level cache.
/// Meanwhile, one panel of A after another is copied into the first-level cache and multiplied by all slivers.
pub(crate) struct Blocked<'p, 'a, T>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element> Kernel for Blocked<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        // A constant, so that nothing below is compiled for the baseline.
        if const { matches!(I::LEVEL, SimdLevel::Baseline) } {
            unreachable!("the plan gives large products at the baseline to another engine");
        } else {
            self.run_blocks(isa);
        }
    }
}

impl<T: Element> Blocked<'_, '_, T> {
    #[inline(always)]
    fn run_blocks<I: Isa>(self, isa: I) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let width = plan::block_columns().next_multiple_of(I::COLUMNS);
        let product = self.0;
        let Product { a, b, initial, .. } = *product;
        let mut memory = Panel::new();
        let (panel, slivers) = memory
            .take((3 * lanes + width) * depth::<T>())
            .split_at_mut(3 * lanes * depth::<T>());
        for first in (0..b.columns).step_by(width) {
            let b = b.columns(first, width);
            for k in (0..a.columns).step_by(depth::<T>()) {
                let (a, b) = (a.columns(k, depth::<T>()), b.rows(k, depth::<T>()));
                product.initial = if k == 0 { initial } else { Initial::Present };
                let slivers = &mut slivers[..b.columns.next_multiple_of(I::COLUMNS) * a.columns];
                for (i, sliver) in slivers.chunks_exact_mut(I::COLUMNS * a.columns).enumerate() {
                    isa.call(Pack {
                        panel: sliver,
                        rows: I::COLUMNS,
                        a: b.columns(i * I::COLUMNS, I::COLUMNS).transposed(),
                    });
                }
                let mut row = 0;
                while row < a.rows {
                    let rows = panel_rows(a.rows, row, lanes, 2);
                    isa.call(Pack {
                        panel: &mut *panel,
                        rows,
                        a: a.rows(row, rows),
                    });
                    let sweep = Sweep {
                        product: product.part(Operand::packed(panel, rows, a.columns), b, row, first),
                        slivers,
                        next_panel: a.rows(row + rows, 2 * lanes),
                    };
                    sweep.run(isa);
                    row += rows;
                }
            }
        }
        memory.keep();
    }
}

/// The product of a panel of A, which is a copy, and a block of B.
struct Sweep<'a, T> {
    product: Product<'a, T>,
    /// Copies of B's columns, as many in each as a tile has.
    slivers: &'a [T],
    /// The part of A that the next panel is copied from.
    next_panel: Operand<'a, T>,
}

impl<T: Element> Sweep<'_, T> {
    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let rows_of_two = const { 2 * <T::Full<I> as Vector<T>>::LANES };
        let (rows, columns) = (self.product.a.rows, self.product.b.columns);
        let tiles = columns.div_ceil(I::COLUMNS);
        let (count, mut lines) = lines(self.next_panel);
        for i in 0..tiles {
            // All of the next panel arrives while this one is multiplied.
            for line in lines.by_ref().take(count.div_ceil(tiles)) {
                prefetch(self.next_panel.values, line);
            }
            let columns = (columns - i * I::COLUMNS).min(I::COLUMNS);
            // Nearly all of a large product is computed here, where sizes and strides are constants.
            if rows == rows_of_two && columns == I::COLUMNS {
                self.tile::<I>(i, rows_of_two, I::COLUMNS).run_widest(isa);
            } else {
                self.tile::<I>(i, rows, columns).run_panels(isa, 1, rows);
            }
        }
    }

    /// Returns the product of the panel and the first `columns` columns of sliver `i`.
    #[inline(always)]
    fn tile<I: Isa>(&mut self, i: usize, rows: usize, columns: usize) -> Product<'_, T> {
        let a = Operand::packed(self.product.a.values, rows, self.product.a.columns);
        let sliver = &self.slivers[i * I::COLUMNS * a.columns..][..I::COLUMNS * a.columns];
        let b = Operand::packed(sliver, I::COLUMNS, a.columns)
            .rows(0, columns)
            .transposed();
        let product = self.product.part(a, b, 0, i * I::COLUMNS);
        prefetch_columns(product.c, product.c_stride, rows, columns);
        product
    }
}

/// Prefetches the columns of C that a tile covers, so that they arrive from memory while the tile is computed.
#[inline(always)]
fn prefetch_columns<T>(c: &[T], stride: usize, rows: usize, columns: usize) {
    for j in 0..columns {
        for row in (0..rows).step_by(LINE / size_of::<T>()) {
            prefetch(c, j * stride + row);
        }
    }
}

/// Returns the number of cache lines that an operand covers, and the positions of their starts.
#[inline(always)]
fn lines<T>(operand: Operand<'_, T>) -> (usize, impl Iterator<Item = usize>) {
    let step = const { LINE / size_of::<T>() };
    // A run is a group of adjacent elements: a part of a column, or of a row.
    let (run, runs, stride) = if operand.row_stride == 1 {
        (operand.rows, operand.columns, operand.column_stride)
    } else {
        (operand.columns, operand.rows, operand.row_stride)
    };
    let starts = (0..runs).flat_map(move |i| (0..run).step_by(step).map(move |j| i * stride + j));
    (run.div_ceil(step) * runs, starts)
}
