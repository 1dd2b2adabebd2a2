//! Training: one step on a batch, and epochs of steps over a data set.

mod class_weights;
mod dataset;
mod error;
mod fit;
mod holdout;
mod labels;
mod samples;
mod split;
mod trainer;

pub use class_weights::{ClassWeightError, ClassWeights};
pub use dataset::Dataset;
pub use error::{Diverged, TrainError};
pub use fit::{Epoch, FitOptions};
pub use holdout::SplitError;
pub use samples::{DataError, Samples};
pub use trainer::Trainer;
