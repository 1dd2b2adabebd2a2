//! The subcommands.

pub(crate) mod classifier;
pub(crate) mod notebook;
