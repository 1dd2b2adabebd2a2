//! Multi-layer perceptrons on the CPU: networks, training, data and files behind one dependency.
//!
//! This crate adds nothing to its parts but names: [`core`] has the mathematics, generic over a backend; [`cpu`] has the
//! backend, a dense [`Matrix`]; [`io`] reads and writes files (feature `io`, on by default); `table` makes models of tables
//! (feature `table`). Here [`Mlp`], [`Model`] and [`Dataset`] compute in `f32` on that backend, so that a program never
//! has to name it. [`MlpF64`], [`ModelF64`] and [`DatasetF64`] compute in `f64`.
//!
//! ```
//! use mlp::prelude::*;
//!
//! let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]); // a column is a sample
//! let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
//!
//! let mut network = Mlp::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::new(0.01)?).seed(1).build()?;
//! let mut trainer = Trainer::new(HalfMse, Adam::new(0.01)?);
//! trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(1000))?;
//! assert!((network.predict(&input)[(0, 2)] - 5.0).abs() < 0.1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors and panics
//! A function returns an error for what comes from outside: data, files, settings. `Debug` writes the message of an error
//! as `Display` does, so that a `main` that returns `Result<(), Box<dyn Error>>` prints a sentence. Two errors of
//! [`core`] are equal if their messages are. Shapes that do not fit are mistakes in the program: the panic names both
//! shapes, and the line of the call unless an optimizer meets the mistake.
//!
//! # Features
//! - `io` (default): model files, checkpoints, npz and ONNX.
//! - `ndarray`: arrays of the `ndarray` crate in and out of matrices, without a copy where they are in C order.
//! - `serde`: `Serialize` and `Deserialize` for [`History`], [`Metric`], [`Schedule`], [`Penalty`] and other settings;
//!   optimizers, activations and losses are stored by their names.
//! - `table`: the module `table`, which is the crate `mlp-table`: from a CSV or Parquet file to a model that says how
//!   good it is.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub use mlp_core::*;
pub use mlp_cpu::*;
#[cfg(feature = "io")]
pub use mlp_io::*;

pub use mlp_core as core;
pub use mlp_cpu as cpu;
#[cfg(feature = "io")]
pub use mlp_io as io;
#[cfg(feature = "table")]
pub use mlp_table as table;

/// A network in `f32`. [`core::Mlp`] is the generic type: name it for an activation of your own,
/// `mlp::core::Mlp::<Matrix<f32>, MyActivation>::builder(..)`.
pub type Mlp = mlp_core::Mlp<Matrix<f32>>;

/// A network in `f64`.
pub type MlpF64 = mlp_core::Mlp<Matrix<f64>>;

/// A network in `f32` with the preprocessing of its data and the names of its classes.
pub type Model = mlp_core::Model<Matrix<f32>>;

/// A [`Model`] in `f64`.
pub type ModelF64 = mlp_core::Model<Matrix<f64>>;

/// Samples in `f32`, owned.
pub type Dataset = mlp_core::Dataset<Matrix<f32>>;

/// Samples in `f64`, owned.
pub type DatasetF64 = mlp_core::Dataset<Matrix<f64>>;

/// Everything that an ordinary program names: `use mlp::prelude::*;`.
pub mod prelude {
    pub use crate::{Dataset, DatasetF64, Mlp, MlpF64, Model, ModelF64};
    pub use mlp_core::activations::{
        Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
    };
    pub use mlp_core::{
        Activation, ActivationKind, Adagrad, Adam, AdamW, BinaryCrossEntropy, ClassWeights, Classes, Clip, Dropout,
        EarlyStopping, ElementLoss, Event, Every, Factors, FitOptions, GaussNewton, GradientDescent, HalfMse, Huber,
        Initializer, Lbfgs, Loss, LossKind, Mae, Metric, ModelLoss, Momentum, Monitor, Mse, NAdam, Optimizer,
        OptimizerKind, Penalty, Pinball, Provenance, ReduceOnPlateau, RmsProp, Samples, Scalar, Scaling, Schedule,
        SoftmaxCrossEntropy, StopReason, Trainer, Workspace,
    };
    pub use mlp_cpu::{Matrix, MatrixRef};
    #[cfg(feature = "io")]
    pub use mlp_io::{
        Checkpoint, CheckpointDirectory, export_onnx, load_model, load_npz, load_pytorch, save_model, save_npz,
    };
}

/// The pages of the documentation, compiled and run as tests: this crate depends on all that their examples use.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct ProjectReadme;

    #[doc = include_str!("../../../docs/guide.md")]
    struct Guide;

    #[doc = include_str!("../../../docs/for-numpy-and-pytorch-users.md")]
    struct ForNumpyAndPytorchUsers;

    #[doc = include_str!("../../../docs/derivatives.md")]
    struct Derivatives;

    #[doc = include_str!("../../../docs/architecture.md")]
    struct Architecture;

    #[cfg(feature = "table")]
    #[doc = include_str!("../../../docs/tables.md")]
    struct Tables;
}
