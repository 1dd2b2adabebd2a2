//! Products in tiles that stay in registers, over operands that are read where they lie.

use super::panel::Panel;
use super::{Initial, Product};
use crate::Element;
use crate::level::{Isa, Kernel};
use crate::matrix::PADDING;
use crate::raw::tile::PanelProduct;
use crate::raw::vector::{Lanes, Vector};

/// So many columns of A at a time: a panel of them stays in the cache nearest to the processor.
const DEPTH: usize = 256;

impl<T: Element> Kernel for Product<'_, T> {
    type Output = ();

    /// C = initial + A B, each element summed over k in ascending order, in blocks of `DEPTH`. So its bits depend on
    /// nothing but its row of A, its column of B and the level.
    #[inline(always)]
    fn run<I: Isa>(mut self) {
        let k = self.a.columns;
        let mut memory = Panel::new();
        let mut from = 0;
        loop {
            let depth = (k - from).min(DEPTH);
            self.accumulate::<I>(&mut memory, from, depth);
            from += depth;
            if from == k {
                break;
            }
            self.initial = Initial::Present;
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
    /// C = initial + A B over columns `from` to `from` + `depth` of A.
    #[inline(always)]
    fn accumulate<I: Isa>(&mut self, memory: &mut Panel<T>, column: usize, depth: usize) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        let mut row = 0;
        while row < self.a.rows {
            let rows = tile_rows(lanes, self.a.rows - row, self.b.columns);
            let block = Block { row, column, depth };
            match rows / lanes {
                8 => self.panel::<I, T::Full<I>, 8>(memory, block),
                4 => self.panel::<I, T::Full<I>, 4>(memory, block),
                2 => self.panel::<I, T::Full<I>, 2>(memory, block),
                1 => self.panel::<I, T::Full<I>, 1>(memory, block),
                // A part of a vector: one of those that are.
                _ => match rows {
                    8 if lanes > 8 => self.panel::<I, Lanes<T, 8, I>, 1>(memory, block),
                    4 if lanes > 4 => self.panel::<I, Lanes<T, 4, I>, 1>(memory, block),
                    2 if lanes > 2 => self.panel::<I, Lanes<T, 2, I>, 1>(memory, block),
                    _ => self.panel::<I, Lanes<T, 1, I>, 1>(memory, block),
                },
            }
            row += rows;
        }
    }

    /// As many rows of C as N vectors have.
    #[inline(always)]
    fn panel<I: Isa, V: Vector<T>, const N: usize>(&mut self, memory: &mut Panel<T>, block: Block) {
        let a = self.a;
        let start = block.row * a.row_stride + block.column * a.column_stride;
        let end = start + block.depth.saturating_sub(1) * a.column_stride + N * V::LANES;
        let in_place =
            a.row_stride == 1 && end <= a.values.len() && !worth_packing::<T>(a.column_stride, self.b.columns);
        let (panel, stride) = if in_place {
            (&a.values[start..end], a.column_stride)
        } else {
            let rows = N * V::LANES;
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
            initial: match self.initial {
                Initial::Column(bias) => Initial::Column(&bias[block.row..]),
                initial => initial,
            },
        };
        product.run::<I, V, N>();
    }
}

/// How many rows the next tile has, of `left`, for a product with `columns` columns and vectors of `lanes` numbers.
#[inline(always)]
fn tile_rows(lanes: usize, left: usize, columns: usize) -> usize {
    // A single column needs more rows, so that additions do not wait for each other.
    let most = if columns == 1 { 8 * lanes } else { 2 * lanes };
    // More rows than are left are computed as far as storage is padded.
    let rows = if left >= PADDING {
        1 << left.ilog2()
    } else {
        left.next_power_of_two()
    };
    rows.min(most)
}

/// If a panel whose columns are `stride` apart is better copied before it is used for `columns` columns of B.
#[inline(always)]
fn worth_packing<T>(stride: usize, columns: usize) -> bool {
    // Columns so far apart fall into few sets of the cache.
    stride * size_of::<T>() >= 1024 && columns >= 24
}
