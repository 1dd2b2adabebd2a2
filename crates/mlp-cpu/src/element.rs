use crate::gemm::Product;
use crate::gemm::blocked::Blocked;
use crate::gemm::panel::Panel;
use crate::gemm::tiled::Tiled;
use crate::level::Isa;
use crate::raw::dispatch;
use crate::raw::matrixmultiply::Packed;
use crate::raw::square::Square;
use crate::raw::vector::Vector;
use core::cell::Cell;
use core::fmt::{Debug, Display, LowerExp};
use mlp_core::Scalar;

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

    /// `self` `factor` + `sum`, rounded once.
    #[must_use]
    fn multiply_add(self, factor: Self, sum: Self) -> Self;

    /// The product by tiles, with the best instructions there are.
    fn run_tiled(product: &mut Product<'_, Self>);

    /// The product by tiles over copies of the operands, with the best instructions there are.
    fn run_blocked(product: &mut Product<'_, Self>);

    /// This thread's memory for a panel, to be used in the place of what is given for it.
    fn swap_panel(panel: &mut Panel<Self>);
}

macro_rules! impl_kernels {
    ($type:ty, $vector:ident) => {
        impl Kernels for $type {
            type Full<I: Isa> = I::$vector;

            #[inline(always)]
            fn multiply_add(self, factor: Self, sum: Self) -> Self {
                self.mul_add(factor, sum)
            }

            fn run_tiled(product: &mut Product<'_, Self>) {
                if product.fits_column_kernel() {
                    dispatch::run(Tiled::<_, true>(product));
                } else {
                    dispatch::run(Tiled::<_, false>(product));
                }
            }

            fn run_blocked(product: &mut Product<'_, Self>) {
                dispatch::run(Blocked(product));
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
impl_kernels!(f32, F32);
impl_kernels!(f64, F64);
