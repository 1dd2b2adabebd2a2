//! The innermost loops of a product.

use super::row::Row;
use super::simd::{Isa, Kernel, Lane, Lanes, Vector};
use crate::Element;
use crate::gemm::product::{Initial, Operand, Product};
use core::array;

/// Products in panels, one below the other. A panel is a group of adjacent rows of A and of C: those of 1, 2, 3, 4 or 8
/// full vectors, or 1, 2, 4 or 8 if that is less than a vector has. A may have fewer rows than its panels.
impl<T: Element> Product<'_, T> {
    /// Computes the product in `panels` panels of `rows` rows.
    ///
    /// Each element of A B is summed over k in ascending order, starting from 0, and then added to the initial value. A
    /// panel of a single vector uses four sums, each over every fourth k, so that the processor has enough to do while
    /// an addition takes its time.
    ///
    /// # Panics
    /// Panics if an operand has elements outside its slice.
    #[inline(always)]
    pub(crate) fn run_panels<I: Isa>(self, isa: I, panels: usize, rows: usize) {
        let lanes = const { <T::Full<I> as Vector<T>>::LANES };
        match rows / lanes {
            8 => self.run_vectors::<T::Full<I>, 8>(isa, panels),
            4 => self.run_vectors::<T::Full<I>, 4>(isa, panels),
            3 => self.run_vectors::<T::Full<I>, 3>(isa, panels),
            2 => self.run_vectors::<T::Full<I>, 2>(isa, panels),
            1 => self.run_vectors::<T::Full<I>, 1>(isa, panels),
            _ if rows == 1 && Row::fits(&self) => isa.call(Row(self)),
            _ => self.run_narrow(I::Narrow::from(isa), panels, rows),
        }
    }

    /// Does the work of [`run_panels`](Self::run_panels) for one panel of two full vectors of rows and as many columns as
    /// stay in registers with them. It is compiled into its caller.
    ///
    /// # Panics
    /// Panics if the product has another number of columns, B's rows are not contiguous, or an operand has elements outside its
    /// slice.
    #[inline(always)]
    pub(crate) fn run_widest<I: Isa>(self, _: I) {
        let rows = const { 2 * <T::Full<I> as Vector<T>>::LANES };
        let fits = (self.b.columns, self.b.column_stride) == (I::COLUMNS, 1);
        assert!(fits, "the widest tile has {} columns", I::COLUMNS);
        let tile = Tile::<T, false>::new(self, rows);
        // SAFETY: the assertion above fixed the number of columns and B's column stride, and `Tile::new`
        // checked that the panel's rows, the columns of B and C, and the bias lie within their slices. The value of `I`
        // proves that the processor has the instructions.
        unsafe { Tiles::<T, T::Full<I>, 2, false>::run_tile(&tile, I::COLUMNS) };
    }

    /// Computes the product for panels with as many rows as a full vector, half a vector or fewer.
    #[inline(always)]
    fn run_narrow<I: Isa>(self, isa: I, panels: usize, rows: usize) {
        let (full, half) = const { (<T::Full<I> as Vector<T>>::LANES, <T::Half<I> as Vector<T>>::LANES) };
        if rows == full {
            self.run_vectors::<T::Full<I>, 1>(isa, panels);
        } else if rows == half {
            self.run_vectors::<T::Half<I>, 1>(isa, panels);
        // The `if` tests a constant, so that no tiles are compiled for a size that is already half a vector.
        } else if const { <T::Half<I> as Vector<T>>::LANES > 2 } && rows == 2 {
            self.run_vectors::<Lanes<T, 2, I>, 1>(isa, panels);
        } else {
            self.run_vectors::<Lanes<T, 1, I>, 1>(isa, panels);
        }
    }

    /// Computes the product for panels of N vectors of rows.
    #[inline(always)]
    fn run_vectors<V: Vector<T>, const N: usize>(self, isa: V::Isa, panels: usize) {
        // When one of B's strides is known, there are registers left for the other addresses.
        match (self.b.row_stride, self.b.column_stride) {
            (1, _) => isa.call(Tiles::<T, V, N, true>(self, panels, isa)),
            (_, 1) => isa.call(Tiles::<T, V, N, false>(self, panels, isa)),
            strides => unreachable!("neither stride of B is 1: {strides:?}"),
        }
    }
}

/// A product in panels of N vectors of rows, in tiles whose widths differ by at most one column, and the proof that the
/// processor has V's instructions. B's rows are contiguous if B is `BY_COLUMN`, and its columns otherwise.
struct Tiles<'a, T, V: Vector<T>, const N: usize, const BY_COLUMN: bool>(Product<'a, T>, usize, V::Isa);

impl<T: Lane, V: Vector<T>, const N: usize, const BY_COLUMN: bool> Kernel for Tiles<'_, T, V, N, BY_COLUMN> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        let Self(product, panels, _) = self;
        let columns = product.b.columns;
        if columns == 0 {
            return;
        }
        let most = Self::MOST;
        let tiles = columns.div_ceil(most);
        let (narrower, wider) = if tiles == 1 {
            (columns, 0)
        } else {
            (columns / tiles, columns % tiles)
        };
        let rows = const { N * V::LANES };
        let all_rows = panels.checked_mul(rows).expect("the number of rows fits into usize");
        let mut first = Tile::<T, BY_COLUMN>::new(product, all_rows);
        for _ in 0..panels {
            let mut tile = first;
            for i in 0..tiles {
                let width = narrower + usize::from(i < wider);
                // SAFETY: `Tile::new` checked that the rows of all panels, the columns of B and C, and the bias lie
                // within their slices. The widths of the tiles add up to `columns`, and each panel moves A, C and the
                // initial value by its rows. The value of `V::Isa` proves that the processor has V's instructions.
                unsafe { Self::run_tile(&tile, width) };
                tile.b = tile.b.wrapping_add(width * tile.b_column_stride());
                tile.c = tile.c.wrapping_add(width * tile.c_stride);
                tile.initial = tile.initial.wrapping_add(width * tile.initial_stride);
            }
            first.a = first.a.wrapping_add(rows);
            first.c = first.c.wrapping_add(rows);
            if !first.initial.is_null() {
                first.initial = first.initial.wrapping_add(rows);
            }
        }
    }
}

impl<T: Lane, V: Vector<T>, const N: usize, const BY_COLUMN: bool> Tiles<'_, T, V, N, BY_COLUMN> {
    /// The most columns of a tile whose sums stay in registers.
    const MOST: usize = match N {
        1 => V::Isa::COLUMNS / 2,
        2 => V::Isa::COLUMNS,
        3 => V::Isa::COLUMNS_OF_THREE,
        _ => 1,
    };

    /// Computes a tile of `width` columns, up to `MOST`.
    ///
    /// # Safety
    /// The requirements of [`Tile::run`] apply.
    #[inline(always)]
    unsafe fn run_tile(tile: &Tile<T, BY_COLUMN>, width: usize) {
        macro_rules! run {
            ($($columns:literal)*) => {
                match width {
                    // Tiles that are too wide, or have a different number of sums, are not compiled.
                    $($columns => {
                        if const { $columns <= Self::MOST && N == 1 } {
                            // SAFETY: the caller's promise.
                            unsafe { tile.run::<V, N, $columns, 4>() }
                        } else if const { $columns <= Self::MOST && N > 1 } {
                            // SAFETY: the caller's promise.
                            unsafe { tile.run::<V, N, $columns, 1>() }
                        } else {
                            unreachable!("no tile has {width} columns");
                        }
                    })*
                    width => unreachable!("no tile has {width} columns"),
                }
            };
        }
        run!(1 2 3 4 5 6 7 8);
    }
}

/// A part of a panel's product whose sums stay in registers.
#[derive(Clone, Copy)]
struct Tile<T, const BY_COLUMN: bool> {
    k: usize,
    a: *const T,
    a_column_stride: usize,
    b: *const T,
    b_stride: usize,
    c: *mut T,
    c_stride: usize,
    /// The value that the product is added to, with columns `initial_stride` apart. Null if it is 0.
    initial: *const T,
    initial_stride: usize,
}

impl<T: Lane, const BY_COLUMN: bool> Tile<T, BY_COLUMN> {
    /// Returns the first tile of `product`, after checking that `rows` rows lie within the operands.
    #[inline(always)]
    fn new(product: Product<'_, T>, rows: usize) -> Self {
        let Product { a, b, .. } = product;
        let k = a.columns;
        let c = Operand {
            values: &*product.c,
            rows,
            columns: b.columns,
            row_stride: 1,
            column_stride: product.c_stride,
        };
        let within = c.is_within() && Operand { rows, ..a }.is_within() && Operand { rows: k, ..b }.is_within();
        assert!(within, "a panel exceeds its operands");
        let c = product.c.as_mut_ptr();
        let (initial, initial_stride) = match product.initial {
            Initial::Zero => (core::ptr::null(), 0),
            Initial::Present => (c.cast_const(), product.c_stride),
            Initial::Column(bias) => (bias[..rows].as_ptr(), 0),
        };
        Self {
            k,
            a: a.values.as_ptr(),
            a_column_stride: a.column_stride,
            b: b.values.as_ptr(),
            b_stride: if BY_COLUMN { b.column_stride } else { b.row_stride },
            c,
            c_stride: product.c_stride,
            initial,
            initial_stride,
        }
    }

    #[inline(always)]
    fn b_row_stride(&self) -> usize {
        if BY_COLUMN { 1 } else { self.b_stride }
    }

    #[inline(always)]
    fn b_column_stride(&self) -> usize {
        if BY_COLUMN { self.b_stride } else { 1 }
    }

    /// Computes N vectors of rows and C columns, with S sums for each element. S must be a power of two.
    ///
    /// # Safety
    /// The processor must have V's instructions. With rows = N `V::LANES`, the following must hold for all i < rows,
    /// all p < k and all j < C: elements i + p `a_column_stride` of A and p `b_row_stride()` + j `b_column_stride()` of
    /// B are readable, i + j `c_stride` of C is writable, and i + j `initial_stride` of the initial value, if there is
    /// one, is readable.
    #[inline(always)]
    unsafe fn run<V: Vector<T>, const N: usize, const C: usize, const S: usize>(&self) {
        // SAFETY: the caller's promise.
        let zero = unsafe { V::splat(T::zero()) };
        let mut sums = [[[zero; N]; C]; S];
        let (mut a, mut b) = (self.a, self.b);
        for _ in 0..self.k / S {
            for sums in &mut sums {
                // SAFETY: the caller's promise, with p < k.
                unsafe { self.add_column(a, b, sums) };
                // After the last column the pointers may be out of bounds, but nothing is read there.
                a = a.wrapping_add(self.a_column_stride);
                b = b.wrapping_add(self.b_row_stride());
            }
        }
        // This is not a loop over a slice of as many sums as there are columns left: indexed by a variable, no sum
        // would stay in a register.
        for (s, sums) in sums.iter_mut().enumerate() {
            if s < self.k % S {
                // SAFETY: the caller's promise. The loop above took k - k % S columns, and s < k % S, so p < k.
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
    /// The processor must have V's instructions. N vectors at `a` must be readable, and C numbers at `b`,
    /// `b_column_stride()` apart.
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
