use crate::activation::{Few, Many};
use crate::gemm::Product;
use crate::gemm::blocked::Blocked;
use crate::gemm::panel::Panel;
use crate::gemm::tiled::Tiled;
use crate::layer::LayerActivation;
use crate::level::Isa;
use crate::raw::dispatch;
use crate::raw::matrixmultiply::Packed;
use crate::raw::square::Square;
use crate::raw::vector::Vector;
use crate::{Matrix, MatrixRef, layer, tiny};
use core::cell::Cell;
use core::fmt::{Debug, Display, LowerExp};
use mlp_core::{ActivationKind, Scalar};

/// A number type that a [`Matrix`](crate::Matrix) computes with: `f32` or `f64`.
pub trait Element: Scalar + Kernels + Debug + Display + LowerExp {}

impl Element for f32 {}
impl Element for f64 {}

/// The operations that differ between `f32` and `f64`, and those that are compiled once for each type, in this crate
/// rather than in every crate that uses a matrix.
#[doc(hidden)]
pub trait Kernels: Packed + Square + Copy {
    /// A full vector register.
    type Full<I: Isa>: Vector<Self, Isa = I>;

    /// Half a vector register.
    type Half<I: Isa>: Vector<Self, Isa = I>;

    /// Returns `self` `factor` + `sum`, rounded once.
    #[must_use]
    fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// Computes the product in tiles, with the best instructions available.
    fn run_tiled(product: &mut Product<'_, Self>);

    /// Computes the product in tiles over copies of the operands, with the best instructions available.
    fn run_blocked(product: &mut Product<'_, Self>);

    /// Runs [`activation::activate`] for a built-in activation.
    fn activate(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>);

    /// Runs [`activation::activate_few`] for a built-in activation.
    fn activate_few(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>);

    /// Runs [`layer::forward`].
    fn forward(
        output: &mut Matrix<Self>,
        derivative: Option<&mut Matrix<Self>>,
        weights: &Matrix<Self>,
        bias: &Matrix<Self>,
        input: MatrixRef<'_, Self>,
        activation: LayerActivation<'_, Self>,
    );

    /// Runs [`layer::backward`].
    fn backward(
        output: &mut Matrix<Self>,
        weights: &Matrix<Self>,
        delta: MatrixRef<'_, Self>,
        derivative: Option<MatrixRef<'_, Self>>,
    );

    /// Runs [`layer::gradient`].
    fn gradient(
        gradient: &mut Matrix<Self>,
        bias_gradient: &mut Matrix<Self>,
        delta: MatrixRef<'_, Self>,
        input: MatrixRef<'_, Self>,
        accumulate: bool,
    );

    /// Returns the loops for tiny layers.
    fn tiny() -> &'static tiny::Loops<Self>;

    /// Swaps `panel` with the panel memory that this thread keeps.
    fn swap_panel(panel: &mut Panel<Self>);
}

macro_rules! impl_kernels {
    ($type:ty, $vector:ident, $half:ident) => {
        impl Kernels for $type {
            type Full<I: Isa> = I::$vector;
            type Half<I: Isa> = I::$half;

            #[inline(always)]
            fn multiply_add(self, factor: Self, sum: Self) -> Self {
                self.mul_add(factor, sum)
            }

            fn run_tiled(product: &mut Product<'_, Self>) {
                dispatch::run(Tiled(product));
            }

            fn run_blocked(product: &mut Product<'_, Self>) {
                dispatch::run(Blocked(product));
            }

            #[inline(never)]
            fn activate(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>) {
                activation.visit(Many { values, derivatives });
            }

            #[inline(never)]
            fn activate_few(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>) {
                activation.visit(Few { values, derivatives });
            }

            fn forward(
                output: &mut Matrix<Self>,
                derivative: Option<&mut Matrix<Self>>,
                weights: &Matrix<Self>,
                bias: &Matrix<Self>,
                input: MatrixRef<'_, Self>,
                activation: LayerActivation<'_, Self>,
            ) {
                layer::forward(output, derivative, weights, bias, input, activation);
            }

            fn backward(
                output: &mut Matrix<Self>,
                weights: &Matrix<Self>,
                delta: MatrixRef<'_, Self>,
                derivative: Option<MatrixRef<'_, Self>>,
            ) {
                layer::backward(output, weights, delta, derivative);
            }

            fn gradient(
                gradient: &mut Matrix<Self>,
                bias_gradient: &mut Matrix<Self>,
                delta: MatrixRef<'_, Self>,
                input: MatrixRef<'_, Self>,
                accumulate: bool,
            ) {
                layer::gradient(gradient, bias_gradient, delta, input, accumulate);
            }

            #[inline(always)]
            fn tiny() -> &'static tiny::Loops<Self> {
                static LOOPS: tiny::Loops<$type> = tiny::Loops::new();
                &LOOPS
            }

            fn swap_panel(panel: &mut Panel<Self>) {
                thread_local! {
                    static PANEL: Cell<Panel<$type>> = const { Cell::new(Panel::new()) };
                }
                *panel = PANEL.replace(core::mem::replace(panel, Panel::new()));
            }
        }
    };
}
impl_kernels!(f32, F32, HalfF32);
impl_kernels!(f64, F64, HalfF64);
