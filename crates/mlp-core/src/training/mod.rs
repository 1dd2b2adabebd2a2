//! Training: one step on a batch, and epochs of steps over a data set.

mod error;
mod fit;
mod samples;
mod split;
mod trainer;

pub use error::{Diverged, TrainError};
pub use fit::{Epoch, FitOptions};
pub use samples::{DataError, Samples};
pub use trainer::Trainer;
