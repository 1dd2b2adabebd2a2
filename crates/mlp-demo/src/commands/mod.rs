//! The subcommands.

pub(crate) mod classifier;
pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod notebook;
pub(crate) mod predict;
