//! Model files and checkpoints of `mlp-core`'s multi-layer perceptrons, exchanged with PyTorch, scikit-learn and ONNX
//! runtimes.
//!
//! [`save_model`] and [`load_model`] keep a whole model in a safetensors file; [`load_network`] reads what PyTorch wrote,
//! for which [`inspect`] says whether it holds `f32` or `f64`. [`save_npz`] and [`load_npz`] exchange
//! networks with scikit-learn, [`export_onnx`] gives models to onnxruntime and others. A [`CheckpointDirectory`] keeps
//! training, to be taken up again as if it had never stopped. [`AtomicFile`] is what files are written through.
//!
//! # What can be relied on
//! - A file appears under its name whole, or what was there before stays: also when the process is killed, the disk is
//!   full or the power fails.
//! - The same model makes the same bytes.
//! - Reading refuses what is not, to the last byte, what it should be, and says where; it never panics and,
//!   with `mlp-cpu`, takes no more memory than twice the file and 1 MiB.
#![cfg_attr(docsrs, feature(doc_cfg))]
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
mod little_endian;
mod model_file;
mod npz;
mod number;
mod onnx;

pub use atomic::{AtomicFile, WriteError, write_atomically};
pub use checkpoint::{
    Checkpoint, CheckpointDirectory, checkpoint_from_bytes, checkpoint_to_bytes, load_checkpoint, save_checkpoint,
};
pub use error::{LoadError, Problem, SaveError, Shape};
pub use model_file::{
    Summary, inspect, load_model, load_network, model_from_bytes, model_to_bytes, network_from_bytes, save_model,
};
pub use npz::{NpzError, load_npz, npz_from_bytes, npz_to_bytes, save_npz};
pub use number::{Dtype, Number};
pub use onnx::{OnnxError, export_onnx, onnx_to_bytes};

/// The README, compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
