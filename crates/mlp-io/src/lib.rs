//! Model files of `mlp-core`'s multi-layer perceptrons.
//!
//! [`AtomicFile`] writes a file whole or not at all.
//!
//! # What can be relied on
//! - A file appears under its name whole, or what was there before stays: also when the process is killed, the disk is
//!   full or the power fails.
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

pub use atomic::{AtomicFile, WriteError, write_atomically};
