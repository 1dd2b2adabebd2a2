//! The gradient of weights with few outputs and more inputs. A column of this gradient is only a part of a vector, but
//! a row fills whole vectors. Its transpose is therefore computed.

use crate::Element;
use crate::gemm::product::{Initial, Operand, Product};
use crate::pass::Gradient;
use crate::plan::THIN_BYTES;
use crate::raw::simd::{self, Isa, Kernel};
use core::array;

/// The most outputs, of the smallest element.
const OUTPUTS: usize = THIN_BYTES / size_of::<f32>();

/// The number of inputs that are computed at a time: rows of two of the widest registers.
const INPUTS: usize = 32;

impl<T: Element> Gradient<'_, T> {
    /// Computes the gradient of the weights of a thin layer.
    pub(crate) fn run_thin(&mut self) {
        let stride = self.weights.stride();
        let chunks = self.weights.storage_mut().chunks_mut(INPUTS * stride);
        for (first, columns) in (0..self.input.rows()).step_by(INPUTS).zip(chunks) {
            let mut transposed = [T::zero(); INPUTS * OUTPUTS];
            T::run_tiled(&mut Product {
                a: Operand::from(self.input).rows(first, INPUTS),
                b: Operand::from(self.delta).transposed(),
                c: &mut transposed,
                c_stride: INPUTS,
                initial: Initial::Zero,
            });
            simd::run(Transpose {
                rows: &transposed,
                columns,
                stride,
                accumulate: self.accumulate,
            });
        }
    }
}

/// Writes the transpose of `rows` into `columns`, which begin `stride` apart, or adds it to the existing values,
/// padding included.
struct Transpose<'a, T> {
    rows: &'a [T; INPUTS * OUTPUTS],
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
