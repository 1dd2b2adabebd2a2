//! The parts of the `mlp-demo` command, as a library.
//!
//! Input comes from [`samples`] (CSV), [`weights`] (JSON), [`notebook`] (the constants and the record of the
//! notebook's runs, embedded), [`digits`] (the 8x8 digits, embedded) and [`idx`] (the MNIST files). A [`dtype`] is the
//! number type that a run computes in.
//!
//! [`experiment`] trains the notebook's networks, [`task`] and [`classifier`] train classifiers of digits,
//! and [`cli`] is the command line.
//!
//! Output goes through [`plot`] (loss curves as SVG), [`output_file`] (a file that is written completely or not at
//! all), [`terminal_curve`] (a loss curve as text) and [`confusion`] (a confusion matrix). Models are saved as files of
//! `mlp-io`.
//!
//! Every failure is an [`Error`], which determines the exit code.

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
mod optimizer;
mod output;
pub mod output_file;
pub mod plot;
pub mod samples;
mod table;
pub mod task;
pub mod terminal_curve;
pub mod weights;

pub use error::Error;
