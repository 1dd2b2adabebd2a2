//! The gradient of weights with few outputs and more inputs: a column of it is a part of a vector, a row fills whole
//! ones. So its transpose is computed.

use crate::gemm::{Initial, Operand, Product, Routine};
use crate::level::{Isa, Kernel};
use crate::raw::dispatch;
use crate::{Element, Matrix, MatrixRef};
use core::array;

/// The most outputs of such a layer in `f32`, and half of them in `f64`: one of the widest registers.
const MOST: usize = 16;

/// So many inputs at a time: rows of two of the widest registers.
const INPUTS: usize = 32;

/// So many inputs are worth sharing among threads, which `Product` does by columns.
const SHARED: usize = 256;

/// If a layer is one of these, which a single output is not: its row lies as a column does. It depends on the layer
/// alone: they round unlike other products.
#[inline(always)]
pub(crate) fn is_thin<T>(outputs: usize, inputs: usize) -> bool {
    outputs > 1 && outputs < inputs && inputs < SHARED && outputs * size_of::<T>() <= MOST * size_of::<f32>()
}

/// `gradient` = `delta` `input`^T, or that added to what is there.
pub(crate) fn gradient<T: Element>(
    delta: MatrixRef<'_, T>,
    input: MatrixRef<'_, T>,
    gradient: &mut Matrix<T>,
    accumulate: bool,
) {
    let stride = gradient.stride();
    let chunks = gradient.storage_mut().chunks_mut(INPUTS * stride);
    for (first, columns) in (0..input.rows()).step_by(INPUTS).zip(chunks) {
        let mut transposed = [T::zero(); INPUTS * MOST];
        let product = Product {
            a: Operand::from(input).rows(first..input.rows().min(first + INPUTS)),
            b: Operand::from(delta).transposed(),
            c: &mut transposed,
            c_stride: INPUTS,
            initial: Initial::Zero,
        };
        product.run(Routine::Tiled, None, |_, _, _| {});
        dispatch::run(Transpose {
            rows: &transposed,
            columns,
            stride,
            accumulate,
        });
    }
}

/// The transpose of `rows` into `columns`, `stride` apart, or added to what is there, padding included.
struct Transpose<'a, T> {
    rows: &'a [T; INPUTS * MOST],
    columns: &'a mut [T],
    stride: usize,
    accumulate: bool,
}

impl<T: Element> Kernel for Transpose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        match self.stride {
            // Of lengths that are known.
            4 => self.squares(4),
            16 => self.squares(16),
            stride => self.squares(stride),
        }
    }
}

impl<T: Element> Transpose<'_, T> {
    /// In squares of four rows and columns, or of as many rows as there are.
    #[inline(always)]
    fn squares(self, stride: usize) {
        let width = stride.min(4);
        for (i, columns) in self.columns.chunks_mut(4 * stride).enumerate() {
            for o in (0..stride).step_by(4) {
                let square = array::from_fn(|r| {
                    *self.rows[(o + r) * INPUTS + 4 * i..]
                        .first_chunk()
                        .expect("four numbers")
                });
                for (column, new) in columns.chunks_mut(stride).zip(T::transposed(square)) {
                    for (own, new) in column[o..][..width].iter_mut().zip(new) {
                        *own = if self.accumulate { *own + new } else { new };
                    }
                }
            }
        }
    }
}
