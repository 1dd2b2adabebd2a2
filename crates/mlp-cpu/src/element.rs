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

/// A number that a [`Matrix`](crate::Matrix) computes with: `f32` or `f64`.
pub trait Element: Scalar + Kernels + Debug + Display + LowerExp {}

impl Element for f32 {}
impl Element for f64 {}

/// What differs between the types, and what is compiled once for each of them, here rather than in every crate that
/// uses a matrix.
#[doc(hidden)]
pub trait Kernels: Packed + Square + Copy {
    /// A full vector register.
    type Full<I: Isa>: Vector<Self, Isa = I>;

    /// Half of one.
    type Half<I: Isa>: Vector<Self, Isa = I>;

    /// `self` `factor` + `sum`, rounded once.
    #[must_use]
    fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// The product by tiles, with the best instructions there are.
    fn run_tiled(product: &mut Product<'_, Self>);

    /// The product by tiles over copies of the operands, with the best instructions there are.
    fn run_blocked(product: &mut Product<'_, Self>);

    /// [`activation::activate`] for a built-in activation.
    fn activate(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>);

    /// [`activation::activate_few`] for a built-in activation.
    fn activate_few(activation: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>);

    /// [`layer::forward`].
    fn forward(
        output: &mut Matrix<Self>,
        derivative: Option<&mut Matrix<Self>>,
        weights: &Matrix<Self>,
        bias: &Matrix<Self>,
        input: MatrixRef<'_, Self>,
        activation: LayerActivation<'_, Self>,
    );

    /// [`layer::backward`].
    fn backward(
        output: &mut Matrix<Self>,
        weights: &Matrix<Self>,
        delta: MatrixRef<'_, Self>,
        derivative: Option<MatrixRef<'_, Self>>,
    );

    /// [`layer::gradient`].
    fn gradient(
        gradient: &mut Matrix<Self>,
        bias_gradient: &mut Matrix<Self>,
        delta: MatrixRef<'_, Self>,
        input: MatrixRef<'_, Self>,
        accumulate: bool,
    );

    /// The loops for tiny layers.
    fn tiny() -> &'static tiny::Loops<Self>;

    /// This thread's memory for a panel, to be used in the place of what is given for it.
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
