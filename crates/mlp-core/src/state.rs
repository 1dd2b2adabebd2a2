//! Everything that training remembers, as plain data: [`Trainer::state`](crate::Trainer::state) gives it, and
//! [`Trainer::restore`](crate::Trainer::restore) takes it back.
//!
//! The crate [`mlp-io`](https://docs.rs/mlp-io) keeps these types in checkpoints. Programs that train from beginning to end do not need them.

#[cfg(feature = "serde")]
pub mod numbers;

pub use crate::optimizer::{OptimizerState, StateError};
pub use crate::schedule::PlateauState;
pub use crate::training::{Pass, Position, StoppingState, TrainerState};
