//! The code that is compiled for `f32` and for `f64`.

use crate::activation::Values;
use crate::element::Compiled;
use crate::gemm::blocked::Blocked;
use crate::gemm::product::Product;
use crate::gemm::tiled::Tiled;
use crate::pass::{Backward, Forward, Gradient, TinyLoops};
use crate::raw::buffer::Buffer;
use crate::raw::simd;
use core::cell::Cell;
use mlp_core::ActivationKind;

macro_rules! compile {
    ($type:ty) => {
        impl Compiled for $type {
            fn run_tiled(product: &mut Product<'_, Self>) {
                simd::run(Tiled(product));
            }

            fn run_blocked(product: &mut Product<'_, Self>) {
                simd::run(Blocked(product));
            }

            #[inline(never)]
            fn activate(kind: &ActivationKind, values: &mut [Self], derivatives: Option<&mut [Self]>, short: bool) {
                kind.visit(Values {
                    values,
                    derivatives,
                    short,
                });
            }

            fn forward(pass: Forward<'_, Self>) {
                pass.run();
            }

            fn backward(pass: Backward<'_, Self>) {
                pass.run();
            }

            fn gradient(pass: Gradient<'_, Self>) {
                pass.run();
            }

            #[inline(always)]
            fn tiny() -> &'static TinyLoops<Self> {
                static LOOPS: TinyLoops<$type> = TinyLoops::new();
                &LOOPS
            }

            fn swap_panel(buffer: &mut Buffer<Self>) {
                thread_local! {
                    static PANEL: Cell<Buffer<$type>> = const { Cell::new(Buffer::new()) };
                }
                *buffer = PANEL.replace(core::mem::replace(buffer, Buffer::new()));
            }
        }
    };
}
compile!(f32);
compile!(f64);
