//! Converting raw data for a network: scaling features, and naming classes.

mod classes;
mod fit;
mod scaling;

pub use classes::Classes;
pub(crate) use classes::sort_names;
pub use scaling::{Scaling, ScalingKind};
