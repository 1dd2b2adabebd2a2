//! The operations of layers with so few weights that anything but the arithmetic would take longer than it: plain
//! loops over columns that are, with their padding, arrays.
//!
//! Each loop is compiled for every shape of these layers, so that it has nothing to find out at run time but how many
//! samples there are.

use crate::elementwise::{Activate, ActivateAndDerive, FEW, LANES};
use crate::raw::dispatch;
use crate::{Element, Matrix, MatrixRef};
use core::array;
use mlp_core::Activation;

/// The most outputs and inputs of such a layer.
const MOST: usize = 8;

/// If a layer is one of these. It depends on the layer alone: they round unlike other products.
#[inline(always)]
pub(crate) fn is_tiny(outputs: usize, inputs: usize) -> bool {
    outputs <= MOST && inputs <= MOST
}

type Forward<T> = fn(&Matrix<T>, &Matrix<T>, &MatrixRef<'_, T>, &mut Matrix<T>);
type Backward<T> = fn(&Matrix<T>, &MatrixRef<'_, T>, Option<&MatrixRef<'_, T>>, &mut Matrix<T>);
type Gradient<T> = fn(&MatrixRef<'_, T>, &MatrixRef<'_, T>, &mut Matrix<T>, &mut Matrix<T>, bool);

/// The function as compiled for `$columns` columns, up to `MOST`, that begin `$stride` elements apart.
macro_rules! sized {
    ($function:ident as $type:ty, $stride:expr, $columns:expr) => {
        const {
            [
                sized!($function as $type, 1; 0 1 2 3 4 5 6 7 8),
                sized!($function as $type, 2; 0 1 2 3 4 5 6 7 8),
                sized!($function as $type, 4; 0 1 2 3 4 5 6 7 8),
                sized!($function as $type, 8; 0 1 2 3 4 5 6 7 8),
            ]
        }[$stride.trailing_zeros() as usize][$columns]
    };
    ($function:ident as $type:ty, $stride:literal; $($columns:literal)*) => {
        [$($function::<T, $stride, $columns> as $type),*]
    };
}

/// The first columns of `output` = `weights` `input` + `bias`.
#[inline(never)]
pub(crate) fn forward<T: Element>(
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: &MatrixRef<'_, T>,
    output: &mut Matrix<T>,
) {
    let run = sized!(forward_sized as Forward<T>, output.stride(), weights.columns());
    run(weights, bias, input, output);
}

fn forward_sized<T: Element, const S: usize, const K: usize>(
    weights: &Matrix<T>,
    bias: &Matrix<T>,
    input: &MatrixRef<'_, T>,
    output: &mut Matrix<T>,
) {
    let weights = first::<_, K>(weights.storage().as_chunks::<S>().0);
    multiply(weights, input, first(bias.storage()), &[], output.storage_mut());
}

/// a = f(z) in place, in the first columns of `output`, and f'(z), if asked for, in those of `derivative`.
#[inline(always)]
pub(crate) fn activate<T: Element, A: Activation>(
    activation: &A,
    output: &mut Matrix<T>,
    derivative: Option<&mut Matrix<T>>,
    samples: usize,
) {
    let all = |matrix: &Matrix<T>| matrix.columns() == samples;
    let mut length = samples * output.stride();
    if all(output) && derivative.as_deref().is_none_or(all) {
        // Whole vectors, where nobody looks at what follows the last column.
        length = length.next_multiple_of(LANES);
    }
    let values = &mut output.storage_mut()[..length];
    match derivative {
        None if length <= FEW => Activate { activation, values }.run_few(),
        None => dispatch::run(Activate { activation, values }),
        Some(derivative) => {
            let derivatives = &mut derivative.storage_mut()[..length];
            let kernel = ActivateAndDerive {
                activation,
                values,
                derivatives,
            };
            if length <= FEW {
                kernel.run_few();
            } else {
                dispatch::run(kernel);
            }
        }
    }
}

/// The first columns of `output` = `weights`^T `delta`, times `derivative`, which lies as `output` does, element by
/// element.
#[inline(never)]
pub(crate) fn backward<T: Element>(
    weights: &Matrix<T>,
    delta: &MatrixRef<'_, T>,
    derivative: Option<&MatrixRef<'_, T>>,
    output: &mut Matrix<T>,
) {
    let run = sized!(backward_sized as Backward<T>, output.stride(), weights.rows());
    run(weights, delta, derivative, output);
}

fn backward_sized<T: Element, const S: usize, const K: usize>(
    weights: &Matrix<T>,
    delta: &MatrixRef<'_, T>,
    derivative: Option<&MatrixRef<'_, T>>,
    output: &mut Matrix<T>,
) {
    let stride = const { K.next_power_of_two() };
    let padded;
    let weights = match weights.storage() {
        whole if whole.len() >= S * stride => &whole[..S * stride],
        part => {
            padded = pad(part);
            &padded[..S * stride]
        }
    };
    let turned: [[T; S]; K] = array::from_fn(|o| array::from_fn(|i| weights[i * stride + o]));
    let derivative = derivative.map_or(&[][..], |derivative| derivative.storage());
    multiply(&turned, delta, &[T::zero(); S], derivative, output.storage_mut());
}

/// With as many columns as there can be.
#[cold]
#[inline(never)]
fn pad<T: Element>(values: &[T]) -> [T; MOST * MOST] {
    let mut padded = [T::zero(); MOST * MOST];
    padded[..values.len()].copy_from_slice(values);
    padded
}

/// `gradient` = `delta` `input`^T and `bias_gradient` the sum of `delta`'s columns, or both added to what is there;
/// `delta` lies as `gradient` does.
#[inline(never)]
pub(crate) fn gradient<T: Element>(
    delta: &MatrixRef<'_, T>,
    input: &MatrixRef<'_, T>,
    gradient: &mut Matrix<T>,
    bias_gradient: &mut Matrix<T>,
    accumulate: bool,
) {
    let run = sized!(gradient_sized as Gradient<T>, gradient.stride(), gradient.columns());
    run(delta, input, gradient, bias_gradient, accumulate);
}

fn gradient_sized<T: Element, const S: usize, const K: usize>(
    delta: &MatrixRef<'_, T>,
    input: &MatrixRef<'_, T>,
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
    let mut inputs = input.storage();
    for delta in &delta.storage().as_chunks::<S>().0[..delta.columns()] {
        for (sums, &input) in sums.iter_mut().zip(first::<_, K>(inputs)) {
            add_multiple(sums, delta, input);
        }
        for (sum, &delta) in bias_sums.iter_mut().zip(delta) {
            *sum += delta;
        }
        inputs = &inputs[input.stride()..];
    }
    *gradient = sums;
    *bias_gradient = bias_sums;
}

/// The columns of `product` = (`a` `b` + `initial`) * `factors`, as many as `b` has; `factors` left out where there are
/// none.
#[inline(always)]
fn multiply<T: Element, const S: usize, const K: usize>(
    a: &[[T; S]; K],
    b: &MatrixRef<'_, T>,
    initial: &[T; S],
    factors: &[T],
    product: &mut [T],
) {
    let mut factors = factors.as_chunks::<S>().0.iter();
    let mut values = b.storage();
    for product in &mut product.as_chunks_mut::<S>().0[..b.columns()] {
        let mut sums = *initial;
        for (a, &value) in a.iter().zip(first::<_, K>(values)) {
            add_multiple(&mut sums, a, value);
        }
        if let Some(factors) = factors.next() {
            for (sum, &factor) in sums.iter_mut().zip(factors) {
                *sum *= factor;
            }
        }
        *product = sums;
        values = &values[b.stride()..];
    }
}

#[inline(always)]
fn add_multiple<T: Element, const S: usize>(sums: &mut [T; S], column: &[T; S], factor: T) {
    for (sum, &value) in sums.iter_mut().zip(column) {
        *sum += value * factor;
    }
}

/// The first N values.
#[inline(always)]
fn first<T, const N: usize>(values: &[T]) -> &[T; N] {
    values.first_chunk().expect("a matrix holds its columns")
}

/// The first N values.
#[inline(always)]
fn first_mut<T, const N: usize>(values: &mut [T]) -> &mut [T; N] {
    values.first_chunk_mut().expect("a matrix holds its columns")
}
