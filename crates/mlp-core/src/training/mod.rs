//! Training: single steps on a batch, and epochs of steps over a data set.

mod class_weights;
mod clip;
mod curvature;
mod data_error;
mod dataset;
mod dropout;
mod early_stopping;
mod error;
mod evaluate;
mod every;
mod fingerprint;
mod fit;
mod folds;
mod history;
mod holdout;
mod labels;
mod learning_rate;
mod monitor;
mod objective;
mod observer;
mod penalty;
mod random;
mod samples;
mod split;
mod state;
mod trainer;

pub use class_weights::ClassWeights;
pub use clip::Clip;
pub use curvature::{Curvature, hessian_vector_product};
pub use data_error::DataError;
pub use dataset::Dataset;
pub use dropout::Dropout;
pub use early_stopping::EarlyStopping;
pub use error::{Diverged, LikelyCause, TrainError};
pub use evaluate::Evaluation;
pub use every::Every;
pub use fit::{FitOptions, FitReport};
pub use history::History;
pub use monitor::Monitor;
pub use observer::{Event, Progress, StopReason};
pub use penalty::Penalty;
pub use samples::{Samples, TrainingData};
pub(crate) use split::Split;
pub use state::{Pass, Position, StoppingState, TrainerState};
pub use trainer::Trainer;

#[cfg(test)]
mod tests;
