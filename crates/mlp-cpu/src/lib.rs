//! A dense matrix for the CPU, in `f32` and `f64`: the backend of `mlp-core`'s networks.
//!
//! [`Matrix`] owns its numbers, [`MatrixRef`] borrows them, from a matrix or from any slice. Both are column-major:
//! column after column. A column is a sample, so data that lie sample after sample, as in a C-ordered (samples, features)
//! array of NumPy or PyTorch, are borrowed as they are; a matrix of its own pads its columns for the kernels' sake.
//!
//! Products read their operands where they lie, in tiles that stay in registers; those of the largest layers copy them
//! first, block by block, and at the baseline go through the `matrixmultiply` crate. How a number is computed depends on
//! the layer's shape alone, so that a sample's prediction has the same bits alone as in any batch, and at any number of
//! [`threads`].
//!
//! Kernels are compiled for AVX-512, for AVX2 with FMA and for what every processor of the target has; the best that
//! this one has runs ([`simd_level`]).
//!
//! ```
//! use mlp_core::{Mlp, Tanh};
//! use mlp_cpu::{Matrix, MatrixRef};
//!
//! let network = Mlp::<Matrix<f32>>::builder(&[2, 8, 1]).hidden(Tanh).build()?;
//! let samples = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]; // three samples of two features
//! let prediction = network.predict(MatrixRef::new(2, 3, &samples));
//! assert_eq!(prediction.shape(), (1, 3));
//! # Ok::<(), mlp_core::BuildError>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod activation;
mod element;
mod elementwise;
mod format;
mod gemm;
mod layer;
mod level;
mod loss;
mod matrix;
mod matrix_ref;
#[cfg(test)]
mod padding_tests;
mod raw;
mod tensor;
mod thin;
mod threads;
mod tiny;

pub use element::Element;
pub use gemm::{Operand, gemm};
pub use level::{SimdLevel, simd_level};
pub use matrix::Matrix;
pub use matrix_ref::MatrixRef;
pub use threads::{set_threads, threads};

/// The README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
