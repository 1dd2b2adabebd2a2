//! A dense matrix for the CPU, in `f32` and `f64`, which serves as the backend of [`mlp-core`](mlp_core)'s networks.
//!
//! [`Matrix`] owns its numbers. [`MatrixRef`] borrows them, from a matrix or from any slice. Both are column-major:
//! they store column after column. A column is a sample, so data stored sample after sample, like a C-ordered (samples,
//! features) array of NumPy or PyTorch, is borrowed as it is. A [`Matrix`] pads its own columns for the kernels.
//!
//! Products read their operands in place, in tiles that stay in registers. Products of the largest layers first copy
//! their operands, block by block; at the baseline level they use the `matrixmultiply` crate. The layer's shape alone
//! decides how a number is computed. A sample's prediction therefore has the same bits alone as in any batch, and at
//! any number of [`threads`].
//!
//! Networks on [`Matrix`] take numbers below the smallest normal number (1.2e-38 in `f32`, 2.2e-308 in `f64`) for 0,
//! operands and results, on x86-64 and AArch64. With such numbers, many processors would be up to a hundred times
//! slower. The mode of the processor is the caller's own again when an operation ends.
//!
//! Kernels are compiled for AVX-512, for AVX2 with FMA, and for the baseline that every processor of the target
//! supports. The best level that the processor supports is used ([`simd_level`]).
//!
//! ```
//! use mlp_core::activations::Tanh;
//! use mlp_core::Mlp;
//! use mlp_cpu::{Matrix, MatrixRef};
//!
//! let network = Mlp::<Matrix<f32>>::builder(&[2, 8, 1]).hidden(Tanh).build()?;
//! let samples = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]; // three samples of two features
//! let prediction = network.predict(MatrixRef::new(2, 3, &samples));
//! assert_eq!(prediction.shape(), (1, 3));
//! # Ok::<(), mlp_core::BuildError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/mlp-cpu/latest")]

mod activation;
mod compiled;
mod element;
mod elementwise;
mod environment;
mod format;
mod gemm;
mod layer;
mod level;
mod loss;
mod matrix;
mod matrix_ref;
#[cfg(feature = "ndarray")]
pub mod ndarray;
mod pass;
mod plan;
mod raw;
mod tensor;
mod thin;
mod threads;
mod tiny;
mod update;
mod variable;

pub use element::Element;
pub use environment::check_environment;
pub use gemm::gemm;
pub use gemm::product::Operand;
pub use level::{SimdLevel, UnknownSimdLevel};
pub use matrix::Matrix;
pub use matrix_ref::MatrixRef;
pub use raw::simd::simd_level;
pub use threads::{set_threads, threads};
pub use variable::EnvironmentError;
