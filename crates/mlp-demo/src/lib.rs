//! The `mlp-demo` command, as a library: [`cli::run`] is the whole command.
//!
//! Input comes from [`samples`] (CSV), [`weights`] (JSON), [`notebook`] (the constants and the record of the notebook's
//! runs, embedded), [`digits`] (the 8x8 digits, embedded) and [`idx`] (the MNIST files). The other modules are private:
//! the command line and its options, the subcommands, training, and what is printed, drawn and written.
//!
//! Every failure is an [`Error`], which determines the exit code.

#![forbid(unsafe_code)]

mod checkpoints;
mod classifier;
pub mod cli;
mod commands;
mod csv;
pub mod digits;
mod error;
mod experiment;
mod files;
pub mod idx;
pub mod notebook;
mod number;
mod optimizer;
mod options;
mod part;
mod plot;
mod printer;
pub mod samples;
mod scale;
mod table;
mod task;
mod terminal_curve;
mod text;
pub mod weights;

pub use error::Error;
pub use part::{CLASSES, Part};
