//! Products of large matrices, in tiles that stay in registers, over copies of both operands.

#[cfg(test)]
mod tests;

use super::panel::{Pack, Panel};
use super::product::{Initial, Operand, Product};
use super::tiled::{depth, panel_rows};
use crate::plan::BLOCK_COLUMNS;
use crate::raw::prefetch::{LINE, prefetch};
use crate::raw::simd::{Isa, Kernel, Vector};
use crate::raw::tile::PanelProduct;
use crate::{Element, SimdLevel};

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
        let width = const { BLOCK_COLUMNS.next_multiple_of(I::COLUMNS) };
        let Product { a, b, initial, .. } = *self.0;
        let c_stride = self.0.c_stride;
        let mut memory = Panel::new();
        let (panel, slivers) = memory
            .take((3 * lanes + width) * depth::<T>())
            .split_at_mut(3 * lanes * depth::<T>());
        for first in (0..b.columns).step_by(width) {
            let columns = (b.columns - first).min(width);
            for k in (0..a.columns).step_by(depth::<T>()) {
                let depth = (a.columns - k).min(depth::<T>());
                let initial = if k == 0 { initial } else { Initial::Present };
                let slivers = &mut slivers[..columns.next_multiple_of(I::COLUMNS) * depth];
                for (i, sliver) in slivers.chunks_exact_mut(I::COLUMNS * depth).enumerate() {
                    isa.call(Pack {
                        panel: sliver,
                        a: b.transposed(),
                        row: first + i * I::COLUMNS,
                        rows: I::COLUMNS,
                        column: k,
                        k: depth,
                    });
                }
                let mut row = 0;
                while row < a.rows {
                    let rows = panel_rows(a.rows, row, lanes, 2);
                    isa.call(Pack {
                        panel: &mut *panel,
                        a,
                        row,
                        rows,
                        column: k,
                        k: depth,
                    });
                    let sweep = Sweep {
                        rows,
                        depth,
                        columns,
                        panel: &panel[..rows * depth],
                        next_panel: Lines::of(a, row + rows, 2 * lanes, k, depth),
                        slivers,
                        c: &mut self.0.c[row + first * c_stride..],
                        c_stride,
                        initial: initial.rows_from(row),
                    };
                    sweep.run(isa);
                    row += rows;
                }
            }
        }
        memory.keep();
    }
}

/// The product of a panel of A and all slivers of a block of B.
struct Sweep<'a, T> {
    rows: usize,
    depth: usize,
    columns: usize,
    panel: &'a [T],
    /// The part of A that the next panel is copied from.
    next_panel: Lines<'a, T>,
    slivers: &'a [T],
    /// C, from the first row and column of this product on.
    c: &'a mut [T],
    c_stride: usize,
    initial: Initial<'a, T>,
}

impl<T: Element> Sweep<'_, T> {
    #[inline(always)]
    fn run<I: Isa>(mut self, isa: I) {
        let rows_of_two = const { 2 * <T::Full<I> as Vector<T>>::LANES };
        let lines = self.next_panel.count().div_ceil(self.columns.div_ceil(I::COLUMNS));
        for (i, b) in self.slivers.chunks_exact(I::COLUMNS * self.depth).enumerate() {
            let columns = (self.columns - i * I::COLUMNS).min(I::COLUMNS);
            self.next_panel.prefetch(lines);
            let product = PanelProduct {
                panels: 1,
                rows: self.rows,
                k: self.depth,
                columns,
                a: self.panel,
                a_column_stride: self.rows,
                b,
                b_row_stride: I::COLUMNS,
                b_column_stride: 1,
                c: &mut self.c[i * I::COLUMNS * self.c_stride..],
                c_stride: self.c_stride,
                initial: self.initial,
            };
            // Nearly all of a large product is computed here, where sizes and strides are constants.
            if self.rows == rows_of_two && columns == I::COLUMNS {
                let product = PanelProduct {
                    rows: rows_of_two,
                    columns: I::COLUMNS,
                    a_column_stride: rows_of_two,
                    ..product
                };
                prefetch_columns(product.c, product.c_stride, rows_of_two, I::COLUMNS);
                product.run_widest(isa);
            } else {
                prefetch_columns(product.c, product.c_stride, self.rows, columns);
                product.run(isa);
            }
        }
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

/// The cache lines that a part of an operand covers.
struct Lines<'a, T> {
    /// The values from the next run on. A run is a group of adjacent elements.
    values: &'a [T],
    /// The number of elements in a run.
    run: usize,
    /// The distance between the starts of neighboring runs.
    stride: usize,
    /// The number of runs that are left.
    runs: usize,
    /// The position of the next line in the next run.
    next: usize,
}

impl<'a, T> Lines<'a, T> {
    const ELEMENTS: usize = LINE / size_of::<T>();

    /// Returns the lines of up to `rows` rows from `row` on and `depth` columns from `column` on.
    #[inline(always)]
    fn of(operand: Operand<'a, T>, row: usize, rows: usize, column: usize, depth: usize) -> Self {
        let rows = rows.min(operand.rows.saturating_sub(row));
        let (run, stride, runs) = if operand.row_stride == 1 {
            (rows, operand.column_stride, depth)
        } else {
            (depth, operand.row_stride, rows)
        };
        let start = row * operand.row_stride + column * operand.column_stride;
        Self {
            values: operand.values.get(start..).unwrap_or_default(),
            run,
            stride,
            runs,
            next: 0,
        }
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.run.div_ceil(Self::ELEMENTS) * self.runs
    }

    /// Prefetches the next `lines` of the lines that are left.
    #[inline(always)]
    fn prefetch(&mut self, lines: usize) {
        for _ in 0..lines {
            if self.runs == 0 {
                return;
            }
            prefetch(self.values, self.next);
            self.next += Self::ELEMENTS;
            if self.next >= self.run {
                self.next = 0;
                self.runs -= 1;
                self.values = self.values.get(self.stride..).unwrap_or_default();
            }
        }
    }
}
