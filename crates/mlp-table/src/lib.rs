//! Tables for [`mlp-core`](mlp_core)'s multi-layer perceptrons: from a CSV file, a Parquet file or an Arrow record batch
//! to the features and the target of a network.
//!
//! - [`Table`] and [`Reader`] read a table. The rules are strict: an error says the file, the line and the column.
//! - [`Columns`] tells what the columns are, from all rows, and which of them a network cannot learn from.
//!   [`Inference`] has the options.
//! - [`Preprocessing`] converts any table with these columns to [`Features`], after it was fitted to the training rows.
//! - [`Columns::folds`] divides the rows for cross-validation: at random, by a group or in the order of time.
//! - [`TableModel`] does all of it: it trains networks, predicts with intervals or calibrated probabilities, evaluates,
//!   explains, and is saved in one file.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/mlp-table/latest")]
#![forbid(unsafe_code)]

mod cells;
mod columns;
mod csv;
mod encoding;
mod error;
mod folds;
mod inference;
mod kind;
mod model;
mod network;
mod overrides;
mod preprocessing;
mod reader;
mod recipe;
mod scaler;
mod table;
mod target;
mod value;

pub use columns::{Column, Columns, Task};
pub use error::TableError;
pub use folds::{Fold, FoldBy};
pub use inference::Inference;
pub use kind::Kind;
pub use model::{
    CalibrationBin, CurvePoint, DependenceOptions, DependenceValue, Evaluation, Importance, ImportanceOptions,
    Observer, PartialDependence, Predictions, Score, TableModel, TableOptions, TrainingProgress,
};
pub use network::EpochReport;
pub use overrides::Overrides;
pub use preprocessing::{Features, Preprocessing, PreprocessingOptions};
pub use reader::{Parts, Reader};
pub use recipe::Recipe;
pub use scaler::FeatureScaling;
pub use table::Table;
pub use target::Target;

/// The README, whose examples are compiled and run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
