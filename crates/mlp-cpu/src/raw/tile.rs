//! The innermost loops of a product.

use super::vector::Vector;
use crate::Element;
use crate::gemm::Initial;
use crate::level::Isa;
use core::array;

/// A few rows of a product C = initial + A B, of which A's lie side by side.
pub(crate) struct PanelProduct<'a, T> {
    /// The number of A's columns and B's rows.
    pub(crate) k: usize,
    /// The number of B's and C's columns.
    pub(crate) columns: usize,
    pub(crate) a: &'a [T],
    pub(crate) a_column_stride: usize,
    pub(crate) b: &'a [T],
    pub(crate) b_row_stride: usize,
    pub(crate) b_column_stride: usize,
    pub(crate) c: &'a mut [T],
    pub(crate) c_stride: usize,
    pub(crate) initial: Initial<'a, T>,
}

impl<T: Element> PanelProduct<'_, T> {
    /// As many rows as N vectors have, in tiles whose widths differ by at most one column.
    ///
    /// Each element of A B is summed over k in ascending order, from 0, and then added to the initial value; in a panel
    /// of a single vector in four sums, of every fourth k each, so that there is enough to do while an addition takes
    /// its time.
    ///
    /// # Panics
    /// If an operand has elements outside its slice.
    #[inline(always)]
    pub(crate) fn run<I: Isa, V: Vector<T, Isa = I>, const N: usize>(self, isa: I) {
        // With one of B's strides known there are registers for the other addresses.
        match (self.b_row_stride, self.b_column_stride) {
            (1, stride) => self.run_tiles::<I, V, N, true>(isa, stride),
            (stride, 1) => self.run_tiles::<I, V, N, false>(isa, stride),
            strides => unreachable!("strides of {strides:?}"),
        }
    }

    /// With B's columns `b_stride` apart if B is `BY_COLUMN`, else its rows.
    #[inline(always)]
    fn run_tiles<I: Isa, V: Vector<T, Isa = I>, const N: usize, const BY_COLUMN: bool>(self, _: I, b_stride: usize) {
        let Self { k, columns, .. } = self;
        let rows = const { N * V::LANES };
        if columns == 0 {
            return;
        }
        let within = ends_within(self.c, self.c_stride, columns, 1, rows)
            && (k == 0
                || (ends_within(self.a, self.a_column_stride, k, 1, rows)
                    && ends_within(self.b, self.b_row_stride, k, self.b_column_stride, columns)));
        assert!(within, "a panel reaches beyond its operands");
        let c = self.c.as_mut_ptr();
        let (initial, initial_stride) = match self.initial {
            Initial::Zero => (core::ptr::null(), 0),
            Initial::Present => (c.cast_const(), self.c_stride),
            Initial::Column(bias) => (bias[..rows].as_ptr(), 0),
        };
        let mut tile = Tile::<T, BY_COLUMN> {
            k,
            a: self.a.as_ptr(),
            a_column_stride: self.a_column_stride,
            b: self.b.as_ptr(),
            b_stride,
            c,
            c_stride: self.c_stride,
            initial,
            initial_stride,
        };
        // Sums of a tile that stay in registers.
        let most = const {
            match N {
                1 => I::COLUMNS / 2,
                2 => I::COLUMNS,
                3 => I::COLUMNS_OF_THREE,
                _ => 1,
            }
        };
        let mut left = columns;
        let mut tiles = columns.div_ceil(most);
        while left > 0 {
            let width = left.div_ceil(tiles);
            macro_rules! run {
                ($columns:literal, $sums:literal) => {
                    // SAFETY: A's rows, B's and C's columns and the bias, as far as the tile reads and writes them,
                    // were found to lie within their slices; a value of `I` says that the processor has V's
                    // instructions.
                    unsafe { tile.run::<V, N, $columns, $sums>() }
                };
            }
            match width {
                1 if N == 1 => run!(1, 4),
                2 if N == 1 => run!(2, 4),
                3 if N == 1 => run!(3, 4),
                4 if N == 1 && most > 3 => run!(4, 4),
                1 => run!(1, 1),
                2 if most >= 2 && N > 1 => run!(2, 1),
                3 if most >= 3 && N > 1 => run!(3, 1),
                4 if most >= 4 && N > 1 => run!(4, 1),
                5 if most >= 5 && N > 1 => run!(5, 1),
                6 if most >= 6 && N > 1 => run!(6, 1),
                7 if most >= 7 && N > 1 => run!(7, 1),
                8 if most >= 8 && N > 1 => run!(8, 1),
                width => unreachable!("a tile of {width} columns"),
            }
            tile.b = tile.b.wrapping_add(width * tile.b_column_stride());
            tile.c = tile.c.wrapping_add(width * tile.c_stride);
            tile.initial = tile.initial.wrapping_add(width * tile.initial_stride);
            left -= width;
            tiles -= 1;
        }
    }
}

/// A part of a panel's product whose sums stay in registers.
struct Tile<T, const BY_COLUMN: bool> {
    k: usize,
    a: *const T,
    a_column_stride: usize,
    b: *const T,
    b_stride: usize,
    c: *mut T,
    c_stride: usize,
    /// What the product is added to, with columns `initial_stride` apart; null if it is to nothing.
    initial: *const T,
    initial_stride: usize,
}

impl<T: Element, const BY_COLUMN: bool> Tile<T, BY_COLUMN> {
    #[inline(always)]
    fn b_row_stride(&self) -> usize {
        if BY_COLUMN { 1 } else { self.b_stride }
    }

    #[inline(always)]
    fn b_column_stride(&self) -> usize {
        if BY_COLUMN { self.b_stride } else { 1 }
    }

    /// N vectors of rows, C columns, each element in S sums, a power of two.
    ///
    /// # Safety
    /// The processor must have V's instructions. With rows = N `V::LANES`, elements i + p `a_column_stride` of A and
    /// p `b_row_stride()` + j `b_column_stride()` of B must be readable, i + j `c_stride` of C writable, and
    /// i + j `initial_stride` of the initial value, if there is one, readable, for all i < rows, p < k and j < C.
    #[inline(always)]
    unsafe fn run<V: Vector<T>, const N: usize, const C: usize, const S: usize>(&self) {
        // SAFETY: the caller's promise.
        let zero = unsafe { V::splat(T::zero()) };
        let mut sums = [[[zero; N]; C]; S];
        let (mut a, mut b) = (self.a, self.b);
        for _ in 0..self.k / S {
            for sums in &mut sums {
                // SAFETY: the caller's promise: p < k.
                unsafe { self.add_column(a, b, sums) };
                // After the last column they may point to nothing; nothing is read there.
                a = a.wrapping_add(self.a_column_stride);
                b = b.wrapping_add(self.b_row_stride());
            }
        }
        // Not a slice of as many sums as there are columns left: indexed by a variable, none would stay in a register.
        for (s, sums) in sums.iter_mut().enumerate() {
            if s < self.k % S {
                // SAFETY: as above.
                unsafe { self.add_column(a, b, sums) };
                a = a.wrapping_add(self.a_column_stride);
                b = b.wrapping_add(self.b_row_stride());
            }
        }
        let mut half = S / 2;
        while half > 0 {
            let (sums, others) = sums.split_at_mut(half);
            for (sum, other) in sums.as_flattened_mut().iter_mut().zip(others.as_flattened()) {
                for (sum, other) in sum.iter_mut().zip(other) {
                    // SAFETY: the caller's promise.
                    *sum = unsafe { sum.add(*other) };
                }
            }
            half /= 2;
        }
        let mut sums = sums[0];
        if !self.initial.is_null() {
            for (j, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    let initial = self.initial.wrapping_add(j * self.initial_stride + v * V::LANES);
                    // SAFETY: the caller's promise.
                    let initial = unsafe { V::load(initial) };
                    // SAFETY: see above.
                    *sum = unsafe { initial.add(*sum) };
                }
            }
        }
        for (j, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                // SAFETY: see above.
                unsafe { sum.store(self.c.wrapping_add(j * self.c_stride + v * V::LANES)) };
            }
        }
    }

    /// Adds the product of the column at `a` and the row at `b` to `sums`.
    ///
    /// # Safety
    /// The processor must have V's instructions; N vectors at `a` and C numbers at `b`, `b_column_stride` apart, must
    /// be readable.
    #[inline(always)]
    unsafe fn add_column<V: Vector<T>, const N: usize, const C: usize>(
        &self,
        a: *const T,
        b: *const T,
        sums: &mut [[V; N]; C],
    ) {
        // SAFETY: the caller's promise, here and below.
        let column: [V; N] = array::from_fn(|v| unsafe { V::load(a.wrapping_add(v * V::LANES)) });
        for (j, sums) in sums.iter_mut().enumerate() {
            // SAFETY: see above.
            let factor = unsafe { b.wrapping_add(j * self.b_column_stride()).read() };
            // SAFETY: see above.
            let factor = unsafe { V::splat(factor) };
            for (sum, column) in sums.iter_mut().zip(column) {
                // SAFETY: see above.
                *sum = unsafe { column.multiply_add(factor, *sum) };
            }
        }
    }
}

/// If the last of `rows` x `columns` elements, at least one, at these strides, lies within `values`.
#[inline(always)]
fn ends_within<T>(values: &[T], stride: usize, columns: usize, row_stride: usize, rows: usize) -> bool {
    match (stride.checked_mul(columns - 1), row_stride.checked_mul(rows - 1)) {
        (Some(column), Some(row)) => column.checked_add(row).is_some_and(|last| last < values.len()),
        _ => false,
    }
}
