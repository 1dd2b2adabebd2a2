use super::product::Operand;
use crate::Element;
use crate::raw::buffer::Buffer;
use crate::raw::simd::{Isa, Kernel};

/// Memory for copied rows of an operand, in the order in which a tile reads them: the rows of one column are adjacent,
/// and column follows column. For the right factor, these rows are its columns, which are the rows of its transpose.
pub(crate) struct Panel<T> {
    values: Buffer<T>,
}

impl<T> Panel<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Buffer::new() }
    }
}

impl<T: Element> Panel<T> {
    /// Returns memory for `length` numbers, which may have any values.
    #[inline(always)]
    pub(crate) fn take(&mut self, length: usize) -> &mut [T] {
        if self.values.len() < length {
            self.grow(length);
        }
        &mut self.values[..length]
    }

    /// Takes this thread's memory, and makes it larger if it is too small. New memory is enough for any panel of up to
    /// `FIRST_LENGTH` numbers.
    #[cold]
    fn grow(&mut self, length: usize) {
        /// 48 rows of 256 columns.
        const FIRST_LENGTH: usize = 48 << 8;
        T::swap_panel(&mut self.values);
        if self.values.len() < length {
            self.values = Buffer::filled(length.max(FIRST_LENGTH), T::zero());
        }
    }

    /// Gives the memory back for the next product of this thread.
    #[inline(always)]
    pub(crate) fn keep(mut self) {
        if !self.values.is_empty() {
            T::swap_panel(&mut self.values);
        }
    }
}

/// Copies `a` into `panel`, column after column, each of them padded with zeros to `rows` rows.
pub(crate) struct Pack<'p, 'a, T> {
    pub(crate) panel: &'p mut [T],
    pub(crate) rows: usize,
    pub(crate) a: Operand<'a, T>,
}

impl<T: Element> Kernel for Pack<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        match self.rows {
            // The most frequent sizes are constants: two 512-bit registers of `f32`, and two of `f64`.
            32 => self.pack(32),
            16 => self.pack(16),
            rows => self.pack(rows),
        }
    }
}

impl<T: Element> Pack<'_, '_, T> {
    #[inline(always)]
    fn pack(self, rows: usize) {
        let (a, source, present) = (self.a, self.a.values, self.a.rows);
        let panel = &mut self.panel[..rows * a.columns];
        if present < rows {
            panel.fill(T::zero());
        }
        if a.row_stride == 1 {
            // If the stride is less than a column, there is only one column.
            let column_stride = a.column_stride.max(present);
            // With a constant number of elements, the copy is not a function call.
            match present {
                16 if rows == 16 => copy::<T, 16>(panel, source, column_stride),
                32 if rows == 32 => copy::<T, 32>(panel, source, column_stride),
                8 if rows == 8 => copy::<T, 8>(panel, source, column_stride),
                6 if rows == 6 => copy::<T, 6>(panel, source, column_stride),
                _ => {
                    for (packed, column) in panel.chunks_exact_mut(rows).zip(source.chunks(column_stride)) {
                        packed[..present].copy_from_slice(&column[..present]);
                    }
                }
            }
        } else {
            transpose(panel, rows, source, present, a.row_stride, a.columns);
        }
    }
}

/// Copies the first R elements of each column of `source`.
#[inline(always)]
fn copy<T: Element, const R: usize>(panel: &mut [T], source: &[T], column_stride: usize) {
    for (packed, column) in panel
        .as_chunks_mut::<R>()
        .0
        .iter_mut()
        .zip(source.chunks(column_stride))
    {
        packed.copy_from_slice(&column[..R]);
    }
}

/// Copies `rows` rows of `source`, each of k adjacent numbers, into the columns of `panel`, which are `stride` apart.
#[inline(always)]
fn transpose<T: Element>(panel: &mut [T], stride: usize, source: &[T], rows: usize, row_stride: usize, k: usize) {
    let whole = rows - rows % 4;
    for i in (0..whole).step_by(4) {
        let row = |r: usize| source[(i + r) * row_stride..][..k].as_chunks::<4>();
        // Squares of four rows and columns are transposed in registers.
        let ((first, end_0), (second, end_1), (third, end_2), (fourth, end_3)) = (row(0), row(1), row(2), row(3));
        let mut packed = panel.chunks_exact_mut(4 * stride);
        let squares = first.iter().zip(second).zip(third).zip(fourth);
        for ((((first, second), third), fourth), packed) in squares.zip(&mut packed) {
            let square = T::transposed([*first, *second, *third, *fourth]);
            for (packed, column) in packed.chunks_exact_mut(stride).zip(&square) {
                packed[i..][..4].copy_from_slice(column);
            }
        }
        let rest = packed.into_remainder().chunks_exact_mut(stride);
        for ((((packed, first), second), third), fourth) in rest.zip(end_0).zip(end_1).zip(end_2).zip(end_3) {
            packed[i..][..4].copy_from_slice(&[*first, *second, *third, *fourth]);
        }
    }
    for i in whole..rows {
        for (packed, &value) in panel.chunks_exact_mut(stride).zip(&source[i * row_stride..][..k]) {
            packed[i] = value;
        }
    }
}
