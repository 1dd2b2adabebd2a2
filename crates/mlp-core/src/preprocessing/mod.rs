//! What stands between raw data and a network: scaled features, and classes with names.

mod classes;
mod error;
mod fit;
mod scaling;

pub use classes::{Classes, ClassesError};
pub use error::ScalingError;
pub use scaling::{Scaling, ScalingKind};
