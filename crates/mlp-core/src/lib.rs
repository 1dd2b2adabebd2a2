//! Multi-layer perceptrons over any numeric backend: activations, losses, backpropagation, optimizers, training,
//! metrics, preprocessing.
//!
//! This crate contains the mathematics but no matrix type: it is generic over a backend
//! ([`Tensor`](backend::Tensor)), such as `Matrix<f32>` of [`mlp-cpu`](https://docs.rs/mlp-cpu). With
//! `default-features = false` and the feature `libm` it is `no_std` (with `alloc`).
//!
//! # A formula is written once
//! An activation or a loss is one formula over [`Scalar`]. The running program evaluates it with `f32` or `f64`; with
//! [`Dual`] numbers, the same formula gives its exact derivative. [`Activation`] shows how to write your own.
//!
//! # A dual tensor is a backend
//! [`DualTensor`] pairs a matrix of any backend with its tangent, and is a backend itself. So the code of a network also
//! gives derivatives along a direction of inputs or parameters, products with the Hessian, and gradients of losses on
//! derivatives. [`Mlp::pullback`] and [`Mlp::pushforward`] make a network a block of a larger program.
//!
//! # Shapes and names
//! A column is a sample: an `n x N` matrix holds N samples of n features. Storage is column by column, so the bytes are
//! the same as those of a C-ordered (N, n) array of NumPy or PyTorch.
//!
//! | symbol | name | shape | meaning |
//! |---|---|---|---|
//! | N | batch, samples | | samples in a batch |
//! | x | input | n_in x N | |
//! | W | weights | n_out x n_in | |
//! | b | bias | n_out x 1 | |
//! | z | pre-activation | n_out x N | z = W a_prev + b |
//! | a | activation | n_out x N | a = f(z) |
//! | f'(z) | derivative | n_out x N | |
//! | y | target | n_out x N | |
//! | y^ | prediction | n_out x N | the last layer's a |
//! | dL/dz | delta | n_out x N | |
//! | dL/dW, dL/db | weights gradient, bias gradient | as W, b | |
//! | eta | learning rate | | |
//! | alpha | negative slope | | of leaky ReLU |
//!
//! # Where to start
//! [`Mlp`] is the network, [`Trainer`] trains it, [`Workspace`] shows the numbers in between. [`Model`] is the form for
//! production use: the network together with the preprocessing of its data and the names of its classes.
//!
//! ```
//! use mlp_core::activations::LeakyRelu;
//! use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer};
//! use mlp_cpu::Matrix;
//!
//! let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]); // a column is a sample
//! let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
//!
//! let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::default()).seed(1).build()?;
//! let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1)?);
//! let samples = Samples::new(&input, &target)?;
//! let fitted = trainer.fit(&mut network, samples, FitOptions::epochs(100))?;
//! println!("Loss after {} epochs: {:.6}", fitted.epochs, fitted.loss);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | | |
//! |---|---|
//! | networks | [`Mlp`], made of [`Dense`] layers; [`Initializer`]; [`ActivationKind`] is an [`Activation`] by name |
//! | losses | [`Loss`], [`ElementLoss`]; [`LossKind`] selects one of this crate's losses by name |
//! | data | [`Samples`] borrows data, [`Dataset`] owns and splits it; [`ClassWeights`]; [`Scaling`], [`Classes`] |
//! | optimizers ([`Optimizer`]) | [`GradientDescent`], [`Momentum`], [`RmsProp`], [`Adagrad`], [`Adam`], [`AdamW`], [`NAdam`], [`Lbfgs`], [`GaussNewton`]; [`OptimizerKind`] selects one by name; [`Factors`] for parts of a network |
//! | second derivatives | [`Curvature`], [`hessian_vector_product`] |
//! | learning rate | [`Schedule`], [`ReduceOnPlateau`] |
//! | regularization | [`Penalty`], [`Dropout`], [`Clip`], [`EarlyStopping`] |
//! | training | [`Trainer::step`], [`Trainer::fit`] with [`FitOptions`], [`Trainer::fit_with`] with each [`Event`] |
//! | results | [`History`], [`Metric`], [`Scores`], [`ConfusionMatrix`], [`Mlp::evaluate`], [`Model::evaluate`]; [`TrainError`], [`Diverged`] |
//! | resuming later | [`Trainer::state`] and [`Trainer::restore`]; [`mlp-io`](https://docs.rs/mlp-io) saves these states and models to files |
//! | differential equations | the module [`equation`]: losses on outputs and their derivatives |
//! | formulas of your own | the module [`check`] tests them |
//! | backends | the module [`backend`] |
//!
//! # Features
//! - `std` (default): uses the square root of the standard library.
//! - `libm`: uses the square root of the crate `libm` instead, where there is no `std`. The bits are the same.
//! - `serde`: [`History`], [`Metric`], [`Schedule`], [`ReduceOnPlateau`], [`Penalty`], [`Dropout`], [`Clip`],
//!   [`EarlyStopping`], [`Scaling`], [`Classes`], [`Provenance`], and `Position`, `Pass` and `PlateauState` of
//!   the module [`state`] implement `Serialize` and `Deserialize`. An invalid value is refused with the error of the
//!   constructor. Optimizers, activations and losses are stored by their names. `save_checkpoint` of `mlp-io` saves a
//!   whole `TrainerState`.
#![cfg_attr(
    feature = "serde",
    doc = r##"
# Settings as JSON
With the feature `serde`, settings can live in a file:

```
use mlp_core::Schedule;

let json = r#"{"then":{"first":{"warm_up":{"steps":5}},"steps":5,"second":{"cosine":{"steps":95,"min_factor":0.01}}}}"#;
let schedule: Schedule = serde_json::from_str(json)?;
assert_eq!(schedule, Schedule::warm_up(5)?.then(5, Schedule::cosine(95, 0.01)?));
assert_eq!(serde_json::to_string(&schedule)?, json);

let error = serde_json::from_str::<Schedule>(r#"{"warm_up":{"steps":0}}"#).unwrap_err();
assert!(error.to_string().starts_with("steps: expected a whole number of at least 1, got 0"));
# Ok::<(), Box<dyn std::error::Error>>(())
```
"##
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/mlp-core/latest")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

#[cfg(not(any(feature = "std", feature = "libm")))]
compile_error!("mlp-core needs the feature `std`, or without the standard library the feature `libm`");

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;
// The unit tests run on the backend of the example `custom_backend`, which refers to this crate by this name.
#[cfg(test)]
extern crate self as mlp_core;
#[cfg(test)]
#[path = "../examples/custom_backend/naive.rs"]
mod naive;

mod activation;
pub mod activations;
pub mod backend;
mod backpropagation;
mod block;
mod builder;
pub mod check;
mod classify;
mod data_initializer;
mod dense;
mod dual_tensor;
mod elementary;
pub mod equation;
mod error;
mod inference;
mod initializer;
mod kind;
mod loss;
mod metric;
mod mlp;
mod model;
mod optimizer;
mod output;
mod preprocessing;
mod scalar;
mod schedule;
#[cfg(feature = "serde")]
mod serialize;
pub mod state;
mod tensor;
mod training;
mod workspace;

#[doc(hidden)]
pub use activation::NoCustom;
pub use activation::{Activation, ActivationKind};
pub use builder::MlpBuilder;
pub use dense::Dense;
pub use dual_tensor::{DualColumns, DualTensor};
pub use error::{BuildError, HyperParameterError, OutOfMemory};
pub use inference::InferenceWorkspace;
pub use initializer::{Initializer, standard_normal};
pub use kind::KindError;
pub use loss::{
    BinaryCrossEntropy, ElementLoss, HalfMse, Huber, Loss, LossKind, Mae, ModelLoss, Mse, OverOutputs, Pinball,
    SoftmaxCrossEntropy, TargetKind,
};
pub use metric::{ConfusionMatrix, Metric, Scores};
pub use mlp::Mlp;
pub use model::{Model, ModelError, Provenance};
pub use optimizer::{
    Adagrad, Adam, AdamW, Factors, GaussNewton, GradientDescent, Lbfgs, Momentum, NAdam, NonFinite, Optimizer,
    OptimizerKind, RmsProp,
};
pub use output::OutputTransform;
pub use preprocessing::{Classes, Scaling, ScalingKind};
pub use scalar::{Dual, Scalar};
pub use schedule::{ReduceOnPlateau, Schedule};
pub use training::{
    ClassWeights, Clip, Curvature, DataError, Dataset, Diverged, Dropout, EarlyStopping, Evaluation, Event, Every,
    FitOptions, FitReport, History, LikelyCause, Monitor, Penalty, Progress, Samples, StopReason, TrainError, Trainer,
    TrainingData, hessian_vector_product,
};
pub use workspace::Workspace;
