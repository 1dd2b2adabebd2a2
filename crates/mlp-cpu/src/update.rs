//! The update of a large layer, a part at a time, while the part's gradient is in the cache.

use crate::elementwise::Zip;
use crate::gemm::product::{Initial, Operand, Product};
use crate::raw::simd::{self, Isa, Kernel};
use crate::threads::{self, MOST_THREADS};
use crate::{Element, plan};
use mlp_core::backend::ZipFormula;

/// A formula of `delta` `input`, the gradient, and of the weights, for `width` columns at a time.
pub(crate) struct Update<'a, T, F> {
    pub(crate) formula: &'a F,
    pub(crate) delta: Operand<'a, T>,
    /// The transpose of the layer's input.
    pub(crate) input: Operand<'a, T>,
    /// The distance between the columns of the weights.
    pub(crate) stride: usize,
    pub(crate) width: usize,
}

impl<T: Element, F: ZipFormula<0>> Update<'_, T, F> {
    /// Replaces the weights by the result, on all threads. `memory` is as long as the weights, and may have any values.
    pub(crate) fn run(&self, weights: &mut [T], memory: &mut [T]) {
        let parts = plan::parts_of_update_in_place::<T>(weights.len());
        let columns = self.input.columns.div_ceil(parts);
        let length = columns * self.stride;
        let mut items: [Option<(&mut [T], &mut [T])>; MOST_THREADS] = [const { None }; MOST_THREADS];
        for (item, part) in items
            .iter_mut()
            .zip(weights.chunks_mut(length).zip(memory.chunks_mut(length)))
        {
            *item = Some(part);
        }
        threads::for_each(&mut items[..parts], |i, item| {
            let Some((weights, memory)) = item.take() else { return };
            let input = self.input.columns(i * columns, columns);
            if input.rows == 1 {
                simd::run(OuterProduct {
                    formula: self.formula,
                    delta: &self.delta.values[..self.delta.rows],
                    input,
                    weights,
                    stride: self.stride,
                });
            } else {
                self.run_part(input, weights, memory);
            }
        });
    }

    fn run_part(&self, input: Operand<'_, T>, weights: &mut [T], memory: &mut [T]) {
        for (i, weights) in weights.chunks_mut(self.width * self.stride).enumerate() {
            let own = &mut memory[..weights.len()];
            T::run_tiled(&mut Product {
                a: self.delta,
                b: input.columns(i * self.width, self.width),
                c: &mut *own,
                c_stride: self.stride,
                initial: Initial::Zero,
            });
            simd::run(Zip {
                formula: self.formula,
                own: &mut *own,
                other: &*weights,
                state: [],
            });
            weights.copy_from_slice(own);
        }
    }
}

/// The same for a single sample, whose gradient stays in registers.
struct OuterProduct<'a, T, F> {
    formula: &'a F,
    delta: &'a [T],
    input: Operand<'a, T>,
    weights: &'a mut [T],
    stride: usize,
}

impl<T: Element, F: ZipFormula<0>> Kernel for OuterProduct<'_, T, F> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        for (weights, &input) in self.weights.chunks_mut(self.stride).zip(self.input.values) {
            for (weight, &delta) in weights.iter_mut().zip(self.delta) {
                // A product is a sum that begins with 0, which turns -0 into 0.
                (*weight, []) = self.formula.apply(delta * input + T::zero(), *weight, []);
            }
        }
    }
}
