//! Model files and checkpoints for [`mlp-core`](mlp_core)'s multi-layer perceptrons, and exchange with PyTorch,
//! scikit-learn and ONNX runtimes.
//!
//! [`save_model`] and [`load_model`] store a whole model in a safetensors file. [`load_pytorch`] reads a network that
//! PyTorch wrote; [`inspect`] says whether a file holds `f32` or `f64`. [`save_npz`] and [`load_npz`] exchange networks
//! with scikit-learn, and [`export_onnx`] writes models for onnxruntime and other runtimes. A [`CheckpointDirectory`]
//! saves training, so that it can resume as if it had never stopped. All files are written through an [`AtomicFile`].
//! Each function that loads, saves or exports has a counterpart that takes or makes bytes.
//!
//! ```
//! use mlp_core::activations::Tanh;
//! use mlp_core::{HalfMse, Mlp, Model, Scaling};
//! use mlp_cpu::Matrix;
//! use mlp_io::{export_onnx, load_model, save_model};
//!
//! let input = Matrix::<f32>::from_columns(&[[150.0, 1.0], [160.0, 3.0], [190.0, 2.0]]);
//! let network = Mlp::<Matrix<f32>>::builder(&[2, 16, 1]).hidden(Tanh).build()?;
//! let model = Model::new(network, HalfMse).with_input_scaling(Scaling::standard(&input)?)?;
//!
//! let directory = tempfile::tempdir()?;
//! let path = directory.path().join("model.safetensors");
//! save_model(&path, &model)?;
//! let loaded = load_model::<Matrix<f32>>(&path)?;
//! assert_eq!(loaded.predict(&input), model.predict(&input)); // not a bit is lost
//! export_onnx(directory.path().join("model.onnx"), &loaded)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//! - A new file appears under its name whole, or the previous file stays. This holds even if the process is killed, the
//!   disk is full or the power fails.
//! - The same model always gives the same bytes.
//! - A file is rejected unless every byte is accounted for, and the error says where it is wrong. Reading never panics.
//!   With [`mlp-cpu`](https://docs.rs/mlp-cpu), it takes at most twice the size of the file and 1 MiB of
//!   memory, or 25 times the size of the file's header if thousands of layers or class names make it large.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/mlp-io/latest")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod atomic;
mod checkpoint;
mod container;
mod error;
mod model_file;
mod npz;
mod number;
mod onnx;
mod parameters;
#[doc(hidden)]
pub mod tensor_file;

pub use atomic::{AtomicFile, write_atomically};
pub use checkpoint::{
    Checkpoint, CheckpointDirectory, checkpoint_from_bytes, checkpoint_to_bytes, load_checkpoint, save_checkpoint,
};
pub use error::{LoadError, LoadErrorKind, SaveError, SaveErrorKind};
// Not part of the interface: the commands quote in messages in the same way.
#[doc(hidden)]
pub use error::{one_line, quoted};
pub use model_file::{
    PytorchOptions, SavedActivation, Summary, custom_model_from_bytes, inspect, load_custom_model, load_model,
    load_pytorch, model_from_bytes, model_to_bytes, pytorch_from_bytes, save_model,
};
pub use npz::{load_npz, npz_from_bytes, npz_to_bytes, save_npz};
pub use number::{Dtype, Number};
pub use onnx::{export_onnx, onnx_to_bytes};
// Not part of the interface: mlp-table builds graphs of its own.
#[doc(hidden)]
pub use onnx::graph as onnx_graph;
