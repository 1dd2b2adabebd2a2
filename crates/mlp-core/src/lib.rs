//! Multi-layer perceptrons over any numeric backend: activations, losses, backpropagation, optimisers, training, metrics,
//! preprocessing.
//!
//! This crate has the mathematics and no matrix: it is generic over a backend ([`Tensor`]), such as `mlp-cpu`'s
//! `Matrix<f32>`. With `default-features = false` it is `no_std` (with `alloc`).
//!
//! # A formula is written once
//! An activation or a loss is one formula over [`Scalar`]. Evaluated with `f32` or `f64` it is the running program;
//! with [`Dual`] numbers, its exact derivative. See [`Activation`] for one of your own.
//!
//! # Shapes and names
//! A column is a sample: `n x N` holds N samples of n features. Storage is column by column, so that the bytes are
//! those of a C-ordered (N, n) array of NumPy or PyTorch.
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
//! # Where to begin
//! [`Mlp`] is the network, [`Trainer`] trains it, [`Workspace`] shows the numbers in between. [`Model`] is what is put
//! to use: the network with the preprocessing of its data and the names of its classes.
//!
//! | | |
//! |---|---|
//! | networks | [`Mlp`], of [`Dense`] layers; [`Initializer`]; [`ActivationKind`] is any [`Activation`] by name |
//! | losses | [`Loss`], [`ElementLoss`]; [`LossKind`] is any of this crate's by name |
//! | data | [`Samples`] are borrowed, a [`Dataset`] owns and splits; [`ClassWeights`]; [`Scaling`], [`Classes`] |
//! | optimisers ([`Optimizer`]) | [`GradientDescent`], [`Momentum`], [`RmsProp`], [`Adagrad`], [`Adam`], [`AdamW`], [`NAdam`], [`Lbfgs`] |
//! | learning rate | [`Schedule`], [`ReduceOnPlateau`] |
//! | regularisation | [`Penalty`], [`Dropout`], [`Clip`], [`EarlyStopping`] |
//! | training | [`Trainer::step`], [`Trainer::fit`] with [`FitOptions`], [`Trainer::fit_observed`] with each [`Event`] |
//! | how it went | [`History`], [`Metric`], [`Scores`], [`ConfusionMatrix`], [`Mlp::evaluate`], [`Model::evaluate`]; [`TrainError`], [`Diverged`] |
//! | to go on later | [`Trainer::state`] and [`Trainer::restore`]; the crate `mlp-io` keeps them and models in files |
//! | backends | [`Tensor`] |
//!
//! # Features
//! - `std` (default): the standard library's square root; without it, `libm`'s. The bits are the same.
//! - `check`: `check_activation!` and `check_loss!`, which prove the derivatives of your own formulas.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;
// By this name the backend of the example knows it, on which unit tests run.
#[cfg(test)]
extern crate self as mlp_core;
#[cfg(test)]
#[path = "../examples/custom_backend/naive.rs"]
mod naive;

mod activation;
mod backpropagation;
mod builder;
#[cfg(feature = "check")]
pub mod check;
mod dense;
mod elementary;
mod error;
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
mod tensor;
mod training;
mod workspace;

pub use activation::{
    Activation, ActivationKind, ActivationVisitor, Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, NoCustom,
    Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh, UnknownActivation,
};
pub use builder::MlpBuilder;
pub use dense::Dense;
pub use error::{BuildError, HyperParameterError, OutOfMemory, check_shape, shape_mismatch};
pub use initializer::Initializer;
pub use kind::KindError;
pub use loss::{
    BinaryCrossEntropy, ElementLoss, HalfSquaredError, Huber, Loss, LossKind, MeanAbsoluteError, MeanSquaredError,
    OverOutputs, SoftmaxCrossEntropy, TargetKind, softmax,
};
pub use metric::{ConfusionMatrix, Metric, Scores, UnknownMetric};
pub use mlp::Mlp;
pub use model::{Model, ModelError, Provenance};
pub use optimizer::{
    Adagrad, Adam, AdamW, GradientDescent, Lbfgs, Momentum, NAdam, NonFinite, Objective, Optimizer, OptimizerState,
    RmsProp, StateError,
};
pub use output::Output;
pub use preprocessing::{Classes, ClassesError, Scaling, ScalingError, ScalingKind};
pub use scalar::{Dual, Scalar};
pub use schedule::{PlateauState, ReduceOnPlateau, Schedule, ScheduleError};
pub use tensor::{Columns, Tensor, ZipFormula};
pub use training::{
    ClassWeightError, ClassWeights, Clip, DataError, Dataset, Diverged, Dropout, EarlyStopping, Epoch, Evaluation,
    Event, Every, FitOptions, Fitted, History, LikelyCause, Monitor, Pass, Penalty, Position, Progress, Samples,
    SplitError, StopReason, StoppingState, TrainError, Trainer, TrainerState, TrainingData,
};
pub use workspace::{InferenceWorkspace, Workspace};

/// The README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
