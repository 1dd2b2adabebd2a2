//! The passes of a layer with their operands. Shapes are those of [`Tensor`](mlp_core::backend::Tensor)'s operations,
//! which has already checked them.

use crate::plan::TINY;
use crate::{Matrix, MatrixRef};
use mlp_core::ActivationKind;

/// Computes f(`weights` `input` + `bias`) into the first columns of `output`, and f' into those of `derivative`.
pub struct Forward<'a, T> {
    pub(crate) output: &'a mut Matrix<T>,
    pub(crate) derivative: Option<&'a mut Matrix<T>>,
    pub(crate) weights: &'a Matrix<T>,
    pub(crate) bias: &'a Matrix<T>,
    pub(crate) input: MatrixRef<'a, T>,
    pub(crate) activation: LayerActivation<'a, T>,
}

/// The activation of a layer.
pub(crate) enum LayerActivation<'a, T> {
    /// An activation whose loops are compiled in this crate.
    BuiltIn(ActivationKind),
    /// An activation whose loop is compiled in the program that defines it.
    Custom(&'a ActivationLoop<'a, T>),
}

/// A loop that replaces each z by a = f(z), and writes f'(z) to the second slice if it is given.
type ActivationLoop<'a, T> = dyn Fn(&mut [T], Option<&mut [T]>) + Sync + 'a;

/// Computes (`weights`^T `delta`) * `derivative` into the first columns of `output`.
pub struct Backward<'a, T> {
    pub(crate) output: &'a mut Matrix<T>,
    pub(crate) weights: &'a Matrix<T>,
    pub(crate) delta: MatrixRef<'a, T>,
    pub(crate) derivative: Option<MatrixRef<'a, T>>,
}

/// Computes `weights` = `delta` `input`^T and `bias` = the sum of `delta`'s columns, the gradients. Adds both to the
/// existing values if `accumulate`.
pub struct Gradient<'a, T> {
    pub(crate) weights: &'a mut Matrix<T>,
    pub(crate) bias: &'a mut Matrix<T>,
    pub(crate) delta: MatrixRef<'a, T>,
    pub(crate) input: MatrixRef<'a, T>,
    pub(crate) accumulate: bool,
}

// The arguments of the loops for tiny layers stay in registers, so of columns only the required parts are passed. A
// `MatrixRef` would have to be written to memory for each call.
pub(crate) type TinyForward<T> = fn(&Matrix<T>, &Matrix<T>, &[T], usize, usize, &mut Matrix<T>);
pub(crate) type TinyBackward<T> = fn(&Matrix<T>, &[T], usize, usize, &[T], &mut Matrix<T>);
pub(crate) type TinyGradient<T> = fn(&[T], &[T], usize, usize, &mut Matrix<T>, &mut Matrix<T>, bool);

/// A loop, compiled for strides of 1, 2, 4 and 8 elements between the columns of the result, and for sums over 0 to
/// `TINY` columns.
pub(crate) type TinySized<F> = [[F; TINY + 1]; 4];

/// The loops of tiny layers, compiled once for each element type.
pub struct TinyLoops<T> {
    pub(crate) forward: TinySized<TinyForward<T>>,
    pub(crate) backward: TinySized<TinyBackward<T>>,
    pub(crate) gradient: TinySized<TinyGradient<T>>,
}
