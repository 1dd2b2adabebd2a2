//! Converting raw data for a network: scaling features, and naming classes.

mod classes;
mod fit;
mod scaling;

pub use classes::Classes;
pub use scaling::{Scaling, ScalingKind};
