//! The gradient of weights with few outputs and more inputs. A column of this gradient is only a part of a vector, but
//! a row fills whole vectors. Its transpose is therefore computed.

use crate::gemm::{Initial, Operand, Product, Routine};
use crate::level::{Isa, Kernel};
use crate::raw::dispatch;
use crate::{Element, Matrix, MatrixRef};
use core::array;

/// The most outputs of such a layer in `f32`, which is one of the widest registers. In `f64` the limit is half of it.
const MOST: usize = 16;

/// The number of inputs that are computed at a time: rows of two of the widest registers.
const INPUTS: usize = 32;

/// From this many inputs on, the work is worth sharing among threads. `Product` shares it by columns, and the transpose
/// has only few of them, so such a layer is not thin.
const SHARED: usize = 256;

/// Returns whether a layer is thin. A layer with a single output is not: its row is laid out like a column. The answer
/// depends on the layer alone, because thin layers round differently from other products.
#[inline(always)]
pub(crate) fn is_thin<T>(outputs: usize, inputs: usize) -> bool {
    outputs > 1 && outputs < inputs && inputs < SHARED && outputs * size_of::<T>() <= MOST * size_of::<f32>()
}

/// Computes `gradient` = `delta` `input`^T, or adds it to the existing values if `accumulate`.
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

/// Writes the transpose of `rows` into `columns`, which begin `stride` apart, or adds it to the existing values,
/// padding included.
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
            // Constant strides, for which the compiler knows the lengths of the loops.
            4 => self.squares(4),
            16 => self.squares(16),
            stride => self.squares(stride),
        }
    }
}

impl<T: Element> Transpose<'_, T> {
    /// Transposes in squares of four rows and columns, or of as many rows as there are.
    #[inline(always)]
    fn squares(self, stride: usize) {
        let width = stride.min(4);
        for (i, columns) in self.columns.chunks_mut(4 * stride).enumerate() {
            for o in (0..stride).step_by(4) {
                let square = array::from_fn(|r| {
                    *self.rows[(o + r) * INPUTS + 4 * i..]
                        .first_chunk()
                        .expect("rows have four more numbers")
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
