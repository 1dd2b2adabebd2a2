use crate::gemm::product::Product;
use crate::pass::{Backward, Forward, Gradient, TinyLoops};
use crate::raw::buffer::Buffer;
use crate::raw::matrixmultiply::Packed;
use crate::raw::simd::Lane;
use crate::raw::square::Square;
use core::fmt::{Debug, Display, LowerExp};
use mlp_core::{ActivationKind, Scalar};

/// A number type that a [`Matrix`](crate::Matrix) computes with: `f32` or `f64`.
pub trait Element: Scalar + Compiled + Debug + Display + LowerExp {}

impl Element for f32 {}
impl Element for f64 {}

/// The operations that are compiled once for each type, in this crate rather than in every crate that uses a matrix.
#[doc(hidden)]
pub trait Compiled: Lane + Packed + Square {
    /// Computes the product in tiles.
    fn run_tiled(product: &mut Product<'_, Self>);

    /// Computes the product in tiles over copies of the operands.
    fn run_blocked(product: &mut Product<'_, Self>);

    /// Applies a built-in activation; `short` as in [`Values`](crate::activation::Values).
    fn activate(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>, short: bool);

    fn forward(pass: Forward<'_, Self>);
    fn backward(pass: Backward<'_, Self>);
    fn gradient(pass: Gradient<'_, Self>);

    /// Returns the loops for tiny layers.
    fn tiny() -> &'static TinyLoops<Self>;

    /// Swaps `buffer` with the memory for panels that this thread keeps.
    fn swap_panel(buffer: &mut Buffer<Self>);
}
