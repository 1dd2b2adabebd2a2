//! The passes of layers that spend most of their time on arithmetic. They are matrix products; the elementwise work that
//! goes with a product is done while its results are in the cache.

use crate::elementwise::{self, Multiply, SumOfColumns};
use crate::gemm::product::{Initial, Product};
use crate::pass::{Backward, Forward, Gradient, LayerActivation};
use crate::plan::{self, Operation, Path, Shape};
use crate::{Element, Matrix, MatrixRef, Operand};
use mlp_core::ActivationKind;

impl<T: Element> Forward<'_, T> {
    #[inline(never)]
    pub(crate) fn run(self) {
        let Self { output, weights, .. } = self;
        let shape = Shape::new::<T>(Operation::Forward, weights.shape(), self.input.columns());
        let product = Product {
            a: weights.into(),
            b: self.input.into(),
            c_stride: output.stride(),
            c: output.storage_mut(),
            initial: Initial::Column(self.bias.storage()),
        };
        product.run(
            shape,
            self.derivative.map(Matrix::storage_mut),
            |_, values, derivatives| match &self.activation {
                LayerActivation::BuiltIn(ActivationKind::Identity(_)) if derivatives.is_none() => {}
                LayerActivation::BuiltIn(activation) => T::activate(activation, values, derivatives, false),
                LayerActivation::Custom(activate) => activate(values, derivatives),
            },
        );
    }
}

impl<T: Element> Backward<'_, T> {
    #[inline(never)]
    pub(crate) fn run(self) {
        let Self {
            output, weights, delta, ..
        } = self;
        let shape = Shape::new::<T>(Operation::Backward, weights.shape(), delta.columns());
        let stride = output.stride();
        let product = Product {
            a: Operand::from(weights).transposed(),
            b: delta.into(),
            c_stride: stride,
            c: output.storage_mut(),
            initial: Initial::Zero,
        };
        product.run(shape, None, |range, delta, _| {
            if let Some(derivative) = self.derivative {
                let derivative = derivative.slice(range);
                if derivative.stride() == stride {
                    let length = delta.len();
                    let other = &derivative.storage()[..length];
                    elementwise::run(Multiply { own: delta, other }, length);
                } else {
                    for (own, other) in delta.chunks_mut(stride).zip(derivative.iter_columns()) {
                        elementwise::run(Multiply { own, other }, other.len());
                    }
                }
            }
        });
    }
}

impl<T: Element> Gradient<'_, T> {
    #[inline(never)]
    pub(crate) fn run(mut self) {
        let (outputs, inputs) = self.weights.shape();
        let shape = Shape::new::<T>(Operation::Gradient, (outputs, inputs), self.delta.columns());
        if shape.path() == Path::Thin {
            self.run_thin();
        } else if outputs == 1 {
            // The only row of dW is treated as a column, because the rows of a tile run along a column.
            let rows = plan::panel_of_single_output::<T>(inputs);
            for first in (0..inputs).step_by(rows) {
                let a = Operand::from(self.input).rows(first, rows);
                self.run_product(shape, a, Operand::from(self.delta).transposed(), rows, first);
            }
        } else {
            let b = Operand::from(self.input).transposed();
            self.run_product(shape, self.delta.into(), b, self.weights.stride(), 0);
        }
        sum_columns(self.delta, self.bias, self.accumulate);
    }

    /// Computes the product of `a` and `b` into the numbers of dW from `first` on.
    fn run_product(&mut self, shape: Shape, a: Operand<'_, T>, b: Operand<'_, T>, c_stride: usize, first: usize) {
        let product = Product {
            a,
            b,
            c_stride,
            c: &mut self.weights.storage_mut()[first..],
            initial: Initial::sum(self.accumulate),
        };
        product.run(shape, None, |_, _, _| {});
    }
}

/// Computes the sum of the columns of `delta` into `bias`, or adds it to the existing values if `accumulate`.
pub(crate) fn sum_columns<T: Element>(delta: MatrixRef<'_, T>, bias: &mut Matrix<T>, accumulate: bool) {
    let length = delta.rows() * delta.columns();
    let kernel = SumOfColumns {
        columns: delta,
        sums: bias.column_mut(0),
        accumulate,
    };
    elementwise::run(kernel, length);
}
