//! The operations of layers with so few weights that anything besides the arithmetic would take longer than the
//! arithmetic itself. They are plain loops over columns, which are arrays, padding included.
//!
//! Each loop is compiled for every shape of these layers. At run time it only has to find out the number of samples.

use crate::activation::{self, Values};
use crate::elementwise::LANES;
use crate::pass::{TinyBackward, TinyForward, TinyGradient, TinyLoops, TinySized};
use crate::plan::TINY;
use crate::raw::columns::columns;
use crate::{Element, Matrix, MatrixRef, plan};
use core::array;
use mlp_core::{Activation, ActivationKind};

impl<T: Element> TinyLoops<T> {
    pub(crate) const fn new() -> Self {
        macro_rules! sized {
            ($function:ident as $type:ty) => {
                [
                    sized!($function as $type, 1; 0 1 2 3 4 5 6 7 8),
                    sized!($function as $type, 2; 0 1 2 3 4 5 6 7 8),
                    sized!($function as $type, 4; 0 1 2 3 4 5 6 7 8),
                    sized!($function as $type, 8; 0 1 2 3 4 5 6 7 8),
                ]
            };
            ($function:ident as $type:ty, $stride:literal; $($columns:literal)*) => {
                [$($function::<T, $stride, $columns> as $type),*]
            };
        }
        Self {
            forward: sized!(forward_sized as TinyForward<T>),
            backward: sized!(backward_sized as TinyBackward<T>),
            gradient: sized!(gradient_sized as TinyGradient<T>),
        }
    }
}

/// Returns the loop for columns of the result that begin `stride` elements apart, and for sums over `columns` columns.
#[inline(always)]
fn sized<F: Copy>(loops: &TinySized<F>, stride: usize, columns: usize) -> F {
    loops[stride.trailing_zeros() as usize][columns]
}

/// Computes `weights` `input` + `bias` into the first columns of `output`.
#[inline(always)]
pub(crate) fn forward<T: Element>(
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: MatrixRef<'_, T>,
    output: &mut Matrix<T>,
) {
    let run = sized(&T::tiny().forward, output.stride(), weights.columns());
    run(weights, bias, input.storage(), input.stride(), input.columns(), output);
}

fn forward_sized<T: Element, const S: usize, const K: usize>(
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: &[T],
    input_stride: usize,
    samples: usize,
    output: &mut Matrix<T>,
) {
    let weights = first::<_, K>(weights.storage().as_chunks::<S>().0);
    let input = columns(input, input_stride, samples);
    multiply(weights, input, first(bias.storage()), &[], output.storage_mut());
}

/// Computes a = f(z) in place, in the first columns of `output`, and f'(z) in those of `derivative`, if given.
#[inline(always)]
pub(crate) fn activate<T: Element, A: Activation>(
    activation: &ActivationKind<A>,
    output: &mut Matrix<T>,
    derivative: Option<&mut Matrix<T>>,
    samples: usize,
) {
    if matches!(activation, ActivationKind::Identity(_)) && derivative.is_none() {
        return;
    }
    let all = |matrix: &Matrix<T>| matrix.columns() == samples;
    // Computes whole vectors if the values after the last column do not matter.
    let length = (samples * output.stride()).next_multiple_of(LANES);
    let on = if plan::is_short(length) && all(output) && derivative.as_deref().is_none_or(all) {
        Values {
            values: &mut output.storage_mut()[..length],
            derivatives: derivative.map(|derivative| &mut derivative.storage_mut()[..length]),
            short: true,
        }
    } else {
        Values {
            values: output.columns_mut(samples),
            derivatives: derivative.map(|derivative| derivative.columns_mut(samples)),
            short: false,
        }
    };
    activation::activate(activation, on);
}

/// Computes `weights`^T `delta`, times `derivative` element by element, into the first columns of `output`.
#[inline(always)]
pub(crate) fn backward<T: Element>(
    weights: &Matrix<T>,
    delta: MatrixRef<'_, T>,
    derivative: Option<MatrixRef<'_, T>>,
    output: &mut Matrix<T>,
) {
    let run = sized(&T::tiny().backward, output.stride(), weights.rows());
    let copy;
    let derivative = match derivative {
        None => &[],
        Some(derivative) if derivative.stride() == output.stride() => derivative.storage(),
        Some(derivative) => {
            copy = padded(derivative.rebuilt());
            copy.storage()
        }
    };
    run(
        weights,
        delta.storage(),
        delta.stride(),
        delta.columns(),
        derivative,
        output,
    );
}

/// Returns a copy of borrowed columns, with the distance between them that a [`Matrix`] has.
#[cold]
#[inline(never)]
fn padded<T: Element>(columns: MatrixRef<'_, T>) -> Matrix<T> {
    columns.to_matrix()
}

fn backward_sized<T: Element, const S: usize, const K: usize>(
    weights: &Matrix<T>,
    delta: &[T],
    delta_stride: usize,
    samples: usize,
    derivative: &[T],
    output: &mut Matrix<T>,
) {
    let stride = const { K.next_power_of_two() };
    let padded;
    let weights = match weights.storage() {
        whole if whole.len() >= S * stride => &whole[..S * stride],
        part => {
            padded = with_more_columns(part);
            &padded[..S * stride]
        }
    };
    let turned: [[T; S]; K] = array::from_fn(|o| array::from_fn(|i| weights[i * stride + o]));
    let delta = columns(delta, delta_stride, samples);
    multiply(&turned, delta, &[T::zero(); S], derivative, output.storage_mut());
}

/// Returns the values with as many columns as there can be.
#[cold]
#[inline(never)]
fn with_more_columns<T: Element>(values: &[T]) -> [T; TINY * TINY] {
    let mut padded = [T::zero(); TINY * TINY];
    padded[..values.len()].copy_from_slice(values);
    padded
}

/// Computes `gradient` = `delta` `input`^T and `bias_gradient` = the sum of `delta`'s columns. Adds both to the
/// existing values if `accumulate`.
#[inline(always)]
pub(crate) fn gradient<T: Element>(
    delta: MatrixRef<'_, T>,
    input: MatrixRef<'_, T>,
    gradient: &mut Matrix<T>,
    bias_gradient: &mut Matrix<T>,
    accumulate: bool,
) {
    let run = sized(&T::tiny().gradient, gradient.stride(), gradient.columns());
    let copy;
    let delta = if delta.stride() == gradient.stride() {
        delta.storage()
    } else {
        copy = padded(delta.rebuilt());
        copy.storage()
    };
    run(
        delta,
        input.storage(),
        input.stride(),
        input.columns(),
        gradient,
        bias_gradient,
        accumulate,
    );
}

fn gradient_sized<T: Element, const S: usize, const K: usize>(
    delta: &[T],
    input: &[T],
    input_stride: usize,
    samples: usize,
    gradient: &mut Matrix<T>,
    bias_gradient: &mut Matrix<T>,
    accumulate: bool,
) {
    let gradient = first_mut::<_, K>(gradient.storage_mut().as_chunks_mut::<S>().0);
    let bias_gradient = first_mut::<_, S>(bias_gradient.storage_mut());
    let (mut sums, mut bias_sums) = if accumulate {
        (*gradient, *bias_gradient)
    } else {
        ([[T::zero(); S]; K], [T::zero(); S])
    };
    let deltas = &delta.as_chunks::<S>().0[..samples];
    let inputs = columns::<K, T>(input, input_stride, samples);
    for (delta, input) in deltas.iter().zip(inputs) {
        for (sums, &input) in sums.iter_mut().zip(input) {
            add_multiple(sums, delta, input);
        }
        for (sum, &delta) in bias_sums.iter_mut().zip(delta) {
            *sum += delta;
        }
    }
    *gradient = sums;
    *bias_gradient = bias_sums;
}

/// Computes (`a` `b` + `initial`) * `factors` into the first columns of `product`, as many as `b` has. If `factors` is
/// empty, there is no multiplication by it.
#[inline(always)]
fn multiply<'b, T: Element, const S: usize, const K: usize>(
    a: &[[T; S]; K],
    b: impl ExactSizeIterator<Item = &'b [T; K]>,
    initial: &[T; S],
    factors: &[T],
    product: &mut [T],
) {
    let mut factors = factors.as_chunks::<S>().0.iter();
    let products = &mut product.as_chunks_mut::<S>().0[..b.len()];
    for (product, column) in products.iter_mut().zip(b) {
        let mut sums = *initial;
        for (a, &value) in a.iter().zip(column) {
            add_multiple(&mut sums, a, value);
        }
        if let Some(factors) = factors.next() {
            for (sum, &factor) in sums.iter_mut().zip(factors) {
                *sum *= factor;
            }
        }
        *product = sums;
    }
}

#[inline(always)]
fn add_multiple<T: Element, const S: usize>(sums: &mut [T; S], column: &[T; S], factor: T) {
    for (sum, &value) in sums.iter_mut().zip(column) {
        *sum += value * factor;
    }
}

/// Returns the first N values.
#[inline(always)]
fn first<T, const N: usize>(values: &[T]) -> &[T; N] {
    values.first_chunk().expect("a matrix holds its columns")
}

/// Returns the first N values.
#[inline(always)]
fn first_mut<T, const N: usize>(values: &mut [T]) -> &mut [T; N] {
    values.first_chunk_mut().expect("a matrix holds its columns")
}
