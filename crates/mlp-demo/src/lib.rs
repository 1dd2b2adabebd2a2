//! The `mlp-demo` command, as a library: [`run`] is the whole command.
//!
//! Input comes from [`notebook`] (the constants and the record of the notebook's runs, embedded), [`digits`] (the 8x8
//! digits, embedded) and [`idx`] (the MNIST files). The other modules are private: the options, the subcommands,
//! training, and what is printed, drawn and written.
//!
//! Every failure is an [`Error`], which determines the exit code.

#![forbid(unsafe_code)]

mod checkpoints;
mod classifier;
mod cli;
mod commands;
pub mod digits;
mod error;
mod files;
pub mod idx;
pub mod notebook;
mod number;
mod options;
mod part;
mod plot;
mod printer;
mod scale;
mod task;
mod terminal_curve;
mod text;

pub use cli::run;
pub use error::Error;
pub use part::{CLASSES, Part};
