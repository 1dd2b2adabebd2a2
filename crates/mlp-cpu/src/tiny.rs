//! The operations of layers with so few weights that anything but the arithmetic would take longer than it: plain
//! loops over columns that are, with their padding, arrays.

use crate::{Element, Matrix, MatrixRef};

/// The most outputs and inputs of such a layer.
const MOST: usize = 8;

/// If a layer is one of these. It depends on the layer alone: they round unlike other products.
#[inline(always)]
pub(crate) fn is_tiny(outputs: usize, inputs: usize) -> bool {
    outputs <= MOST && inputs <= MOST
}

/// Evaluates `$body` with the constant S, how far apart columns of `$rows` elements begin.
macro_rules! with_stride {
    ($stride:expr, $S:ident => $body:expr) => {
        match $stride {
            1 => {
                const $S: usize = 1;
                $body
            }
            2 => {
                const $S: usize = 2;
                $body
            }
            4 => {
                const $S: usize = 4;
                $body
            }
            _ => {
                const $S: usize = MOST;
                $body
            }
        }
    };
}

/// The first columns of `output` = `weights` `input` + `bias`.
#[inline(always)]
pub(crate) fn forward<T: Element>(
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: MatrixRef<'_, T>,
    output: &mut Matrix<T>,
) {
    with_stride!(output.stride(), S => {
        let (weights, bias) = (columns::<T, S>(weights.storage()), columns::<T, S>(bias.storage())[0]);
        for (output, input) in columns_mut::<T, S>(output.storage_mut()).iter_mut().zip(input.iter_columns()) {
            let mut sums = bias;
            for (weights, &input) in weights.iter().zip(input) {
                multiply_add(&mut sums, weights, input);
            }
            *output = sums;
        }
    });
}

/// The first columns of `output` = `weights`^T `delta`, times `derivative` element by element.
#[inline(always)]
pub(crate) fn backward<T: Element>(
    weights: &Matrix<T>,
    delta: MatrixRef<'_, T>,
    derivative: Option<MatrixRef<'_, T>>,
    output: &mut Matrix<T>,
) {
    with_stride!(output.stride(), S => {
        let mut turned = [[T::zero(); S]; MOST];
        for (i, weights) in weights.iter_columns().take(S).enumerate() {
            for (turned, &weight) in turned.iter_mut().zip(weights) {
                turned[i] = weight;
            }
        }
        for (j, (output, delta)) in columns_mut::<T, S>(output.storage_mut()).iter_mut().zip(delta.iter_columns()).enumerate() {
            let mut sums = [T::zero(); S];
            for (weights, &delta) in turned.iter().zip(delta) {
                multiply_add(&mut sums, weights, delta);
            }
            if let Some(derivative) = derivative {
                for (sum, derivative) in sums.iter_mut().zip(padded_column::<T, S>(derivative, j)) {
                    *sum *= derivative;
                }
            }
            *output = sums;
        }
    });
}

/// `gradient` = `delta` `input`^T and `bias_gradient` the sum of `delta`'s columns, or both added to what is there.
#[inline(always)]
pub(crate) fn gradient<T: Element>(
    delta: MatrixRef<'_, T>,
    input: MatrixRef<'_, T>,
    gradient: &mut Matrix<T>,
    bias_gradient: &mut Matrix<T>,
    accumulate: bool,
) {
    with_stride!(gradient.stride(), S => {
        let inputs = gradient.columns();
        let gradient = &mut columns_mut::<T, S>(gradient.storage_mut())[..inputs];
        let bias_gradient = &mut columns_mut::<T, S>(bias_gradient.storage_mut())[0];
        if !accumulate {
            gradient.fill([T::zero(); S]);
            *bias_gradient = [T::zero(); S];
        }
        for (j, input) in input.iter_columns().enumerate() {
            let delta = padded_column::<T, S>(delta, j);
            for (gradient, &input) in gradient.iter_mut().zip(input) {
                multiply_add(gradient, &delta, input);
            }
            for (sum, delta) in bias_gradient.iter_mut().zip(delta) {
                *sum += delta;
            }
        }
    });
}

#[inline(always)]
fn multiply_add<T: Element, const S: usize>(sums: &mut [T; S], column: &[T; S], factor: T) {
    for (sum, &value) in sums.iter_mut().zip(column) {
        *sum += value * factor;
    }
}

/// Column `j`, of up to S elements.
#[inline(always)]
fn padded_column<T: Element, const S: usize>(matrix: MatrixRef<'_, T>, j: usize) -> [T; S] {
    if matrix.stride() == S {
        columns(matrix.storage())[j]
    } else {
        let mut padded = [T::zero(); S];
        for (padded, &value) in padded.iter_mut().zip(matrix.column(j)) {
            *padded = value;
        }
        padded
    }
}

#[inline(always)]
fn columns<T, const S: usize>(storage: &[T]) -> &[[T; S]] {
    storage.as_chunks().0
}

#[inline(always)]
fn columns_mut<T, const S: usize>(storage: &mut [T]) -> &mut [[T; S]] {
    storage.as_chunks_mut().0
}
