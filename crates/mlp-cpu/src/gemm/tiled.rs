//! Products in tiles that stay in registers, over operands that are read where they lie.

use super::panel::Panel;
use super::{Initial, Operand, Product};
use crate::Element;
use crate::level::{Isa, Kernel};
use crate::matrix::PADDING;
use crate::raw::tile::PanelProduct;
use crate::raw::vector::{Lanes, Vector};

/// So many columns of A at a time: a panel of them stays in the cache nearest to the processor.
const DEPTH: usize = 256;

/// C = initial + A B, each element summed over k in an order that knows only k, its row and the number of rows. So its
/// bits depend on nothing else but the numbers and the level.
impl<T: Element> Kernel for &mut Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let mut memory = Panel::new();
        for column in (0..self.a.columns.max(1)).step_by(DEPTH) {
            let mut row = 0;
            while row < self.a.rows {
                let rows = panel_rows(self.a.rows - row, lanes, 2);
                let block = self.block(column, row);
                match rows / lanes {
                    2 => self.panel::<I, T::Full<I>, 2>(&mut memory, block),
                    1 => self.panel::<I, T::Full<I>, 1>(&mut memory, block),
                    // A part of a vector: one of those that are.
                    _ => match rows {
                        8 if lanes > 8 => self.panel::<I, Lanes<T, 8, I>, 1>(&mut memory, block),
                        4 if lanes > 4 => self.panel::<I, Lanes<T, 4, I>, 1>(&mut memory, block),
                        2 if lanes > 2 => self.panel::<I, Lanes<T, 2, I>, 1>(&mut memory, block),
                        _ => self.panel::<I, Lanes<T, 1, I>, 1>(&mut memory, block),
                    },
                }
                row += rows;
            }
            self.initial = Initial::Present;
        }
        memory.keep();
    }
}

/// The same, with the same bits, where B is a single column and A's columns can be read where they lie. More rows at a
/// time, so that additions do not wait for each other, and little to set up.
pub(crate) struct SingleColumn<'p, 'a, T>(pub(crate) &'p mut Product<'a, T>);

impl<T: Element> Kernel for SingleColumn<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let product = self.0;
        for column in (0..product.a.columns.max(1)).step_by(DEPTH) {
            let mut row = 0;
            while row < product.a.rows {
                let rows = panel_rows(product.a.rows - row, lanes, 8);
                let block = product.block(column, row);
                match rows / lanes {
                    8 => product.panel_in_place::<I, T::Full<I>, 8>(block),
                    4 => product.panel_in_place::<I, T::Full<I>, 4>(block),
                    2 => product.panel_in_place::<I, T::Full<I>, 2>(block),
                    1 => product.panel_in_place::<I, T::Full<I>, 1>(block),
                    _ => match rows {
                        8 if lanes > 8 => product.panel_in_place::<I, Lanes<T, 8, I>, 1>(block),
                        4 if lanes > 4 => product.panel_in_place::<I, Lanes<T, 4, I>, 1>(block),
                        2 if lanes > 2 => product.panel_in_place::<I, Lanes<T, 2, I>, 1>(block),
                        _ => product.panel_in_place::<I, Lanes<T, 1, I>, 1>(block),
                    },
                }
                row += rows;
            }
            product.initial = Initial::Present;
        }
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
    /// If [`SingleColumn`] can compute it.
    pub(crate) fn is_single_column(&self) -> bool {
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

    #[inline(always)]
    fn block(&self, column: usize, row: usize) -> Block {
        let depth = (self.a.columns - column).min(DEPTH);
        Block { row, column, depth }
    }

    /// As many rows of C as N vectors have.
    #[inline(always)]
    fn panel<I: Isa, V: Vector<T>, const N: usize>(&mut self, memory: &mut Panel<T>, block: Block) {
        let a = self.a;
        let start = block.row * a.row_stride + block.column * a.column_stride;
        let end = start + block.depth.saturating_sub(1) * a.column_stride + N * V::LANES;
        let in_place =
            a.row_stride == 1 && end <= a.values.len() && !worth_packing::<T>(a.column_stride, self.b.columns);
        if in_place {
            self.panel_in_place::<I, V, N>(block);
        } else {
            let rows = N * V::LANES;
            let panel = memory.pack(a, block.row, rows, block.column, block.depth);
            self.panel_of::<I, V, N>(block, panel, rows);
        }
    }

    #[inline(always)]
    fn panel_in_place<I: Isa, V: Vector<T>, const N: usize>(&mut self, block: Block) {
        let start = block.row + block.column * self.a.column_stride;
        self.panel_of::<I, V, N>(block, &self.a.values[start..], self.a.column_stride);
    }

    /// With A's part in `panel`, its columns `stride` apart.
    #[inline(always)]
    fn panel_of<I: Isa, V: Vector<T>, const N: usize>(&mut self, block: Block, panel: &[T], stride: usize) {
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
            initial: match self.initial {
                Initial::Column(bias) => Initial::Column(&bias[block.row..]),
                initial => initial,
            },
        };
        product.run::<I, V, N>();
    }
}

/// How many rows the next panel has, of `left`, in up to `most` vectors. The last ones, less than two vectors of them,
/// are in panels of the same number of vectors whatever `most` is: in a panel of one they are summed differently.
#[inline(always)]
fn panel_rows(left: usize, lanes: usize, most: usize) -> usize {
    let rows = if left >= 2 * lanes {
        1 << left.ilog2()
    } else {
        // More rows than are left are computed as far as storage is padded.
        left.next_power_of_two()
    };
    rows.min(most * lanes)
}

/// If a panel whose columns are `stride` apart is better copied before it is used for `columns` columns of B.
#[inline(always)]
fn worth_packing<T>(stride: usize, columns: usize) -> bool {
    // Columns so far apart fall into few sets of the cache.
    stride * size_of::<T>() >= 1024 && columns >= 24
}
