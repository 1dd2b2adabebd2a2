//! The operations of layers that spend most of their time on arithmetic. They are matrix products; the elementwise work
//! that goes with a product is done while its results are in the cache. Shapes are those of
//! [`Tensor`](mlp_core::backend::Tensor)'s operations, which have already checked that they match.

use crate::elementwise::{self, Multiply, SumOfColumns};
use crate::gemm::{Initial, Product, Routine};
use crate::thin::{self, is_thin};
use crate::{Element, Matrix, MatrixRef, Operand};
use mlp_core::ActivationKind;

/// The activation of a layer.
#[derive(Clone, Copy)]
pub enum LayerActivation<'a, T> {
    /// An activation whose loops are compiled in this crate.
    BuiltIn(&'a ActivationKind),
    /// An activation whose loop is compiled in the program that defines it.
    Custom(&'a ActivationLoop<'a, T>),
}

/// A loop that replaces each z by a = f(z), and writes f'(z) to the second slice if it is given.
type ActivationLoop<'a, T> = dyn Fn(&mut [T], Option<&mut [T]>) + Sync + 'a;

/// Computes f(`weights` `input` + `bias`) into the first columns of `output`, and f' into those of `derivative`.
#[inline(never)]
pub(crate) fn forward<T: Element>(
    output: &mut Matrix<T>,
    derivative: Option<&mut Matrix<T>>,
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: MatrixRef<'_, T>,
    activation: LayerActivation<'_, T>,
) {
    let (outputs, inputs) = weights.shape();
    let product = Product {
        a: weights.into(),
        b: input.into(),
        c_stride: output.stride(),
        c: output.storage_mut(),
        initial: Initial::Column(bias.storage()),
    };
    product.run(
        Routine::for_layer(outputs, inputs),
        derivative.map(Matrix::storage_mut),
        |_, values, derivatives| match activation {
            LayerActivation::BuiltIn(ActivationKind::Identity(_)) if derivatives.is_none() => {}
            LayerActivation::BuiltIn(activation) => T::activate(activation, values, derivatives),
            LayerActivation::Custom(activate) => activate(values, derivatives),
        },
    );
}

/// Computes (`weights`^T `delta`) * `derivative` into the first columns of `output`.
#[inline(never)]
pub(crate) fn backward<T: Element>(
    output: &mut Matrix<T>,
    weights: &Matrix<T>,
    delta: MatrixRef<'_, T>,
    derivative: Option<MatrixRef<'_, T>>,
) {
    let (outputs, inputs) = weights.shape();
    let stride = output.stride();
    let product = Product {
        a: Operand::from(weights).transposed(),
        b: delta.into(),
        c_stride: stride,
        c: output.storage_mut(),
        initial: Initial::Zero,
    };
    product.run(Routine::for_layer(outputs, inputs), None, |range, delta, _| {
        if let Some(derivative) = derivative {
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

/// Computes `gradient` = `delta` `input`^T and `bias_gradient` = the sum of `delta`'s columns. Adds both to the
/// existing values if `accumulate`.
#[inline(never)]
pub(crate) fn gradient<T: Element>(
    gradient: &mut Matrix<T>,
    bias_gradient: &mut Matrix<T>,
    delta: MatrixRef<'_, T>,
    input: MatrixRef<'_, T>,
    accumulate: bool,
) {
    let ((outputs, inputs), samples) = (gradient.shape(), delta.columns());
    if is_thin::<T>(outputs, inputs) {
        thin::gradient(delta, input, gradient, accumulate);
    } else {
        let initial = if accumulate { Initial::Present } else { Initial::Zero };
        let (a, b, c_stride) = if outputs == 1 {
            // The only row of dW is treated as a column, because the rows of a tile run along a column.
            (Operand::from(input), Operand::from(delta).transposed(), inputs)
        } else {
            (
                Operand::from(delta),
                Operand::from(input).transposed(),
                gradient.stride(),
            )
        };
        let product = Product {
            a,
            b,
            c_stride,
            c: gradient.storage_mut(),
            initial,
        };
        product.run(Routine::for_layer(outputs, inputs), None, |_, _, _| {});
    }
    let kernel = SumOfColumns {
        columns: delta,
        sums: bias_gradient.column_mut(0),
        accumulate,
    };
    elementwise::run(kernel, outputs * samples);
}
