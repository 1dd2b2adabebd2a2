//! The parts of the `mlp-demo` command, as a library.
//!
//! What goes in: [`samples`] (CSV), [`weights`] (JSON), [`notebook`] (the constants and the record of the notebook's
//! runs, embedded), [`digits`] (the 8x8 digits, embedded), [`idx`] (the MNIST files), all of them in a [`dtype`].
//!
//! What is done with it: [`experiment`] (the notebook's), [`task`] and [`classifier`] (of digits), [`cli`] (the
//! command line).
//!
//! What comes out: [`plot`] (loss curves as SVG), [`output_file`] (a file written whole or not at all),
//! [`terminal_curve`] (a loss curve as text), [`confusion`] (a confusion matrix); models, in files of `mlp-io`.
//!
//! What goes wrong is an [`Error`], which knows its exit code.

#![forbid(unsafe_code)]

mod checkpoints;
pub mod classifier;
pub mod cli;
mod commands;
pub mod confusion;
pub mod digits;
pub mod dtype;
pub mod error;
pub mod experiment;
pub mod idx;
mod log_scale;
mod memory;
mod model;
pub mod notebook;
pub mod optimizer;
mod output;
pub mod output_file;
pub mod plot;
pub mod samples;
mod table;
pub mod task;
pub mod terminal_curve;
pub mod weights;

pub use error::Error;
