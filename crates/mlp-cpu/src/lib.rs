//! A dense matrix for the CPU, in `f32` and `f64`: the backend of `mlp-core`'s networks.
//!
//! [`Matrix`] owns its numbers, [`MatrixRef`] borrows them, from a matrix or from any slice. Both are column-major:
//! element (i, j) of a matrix of r rows is number i + j r. A column is a sample, so the bytes are those of a
//! C-ordered (samples, features) array of NumPy or PyTorch, and data that lie sample after sample need no copy.
//!
//! Products of large layers go through the `matrixmultiply` crate, those of small ones, where packing and allocating
//! cost more than the arithmetic, through direct loops. Which of the two depends on the layer's shape alone, so that
//! a sample's prediction has the same bits alone as in any batch.
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

mod element;
mod format;
mod gemm;
mod matrix;
mod matrix_ref;
mod tensor;

pub use element::Element;
pub use gemm::{Operand, gemm};
pub use matrix::Matrix;
pub use matrix_ref::MatrixRef;

/// The README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
