//! Converting raw data for a network: scaling features, and naming classes.

mod classes;
mod error;
mod fit;
mod scaling;

pub use classes::{Classes, ClassesError};
pub use error::ScalingError;
pub use scaling::{Scaling, ScalingKind};
