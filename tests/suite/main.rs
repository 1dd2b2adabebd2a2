//! Tests across the crates, one module a subject.
//!
//! Random cases come from proptest with a fixed seed; `PROPTEST_CASES` raises their number.

mod activations;
mod conformance;
mod derivatives;
mod determinism;
mod extremes;
mod first_order;
mod initializers;
mod losses;
mod naive;
mod network_gradient;
mod notebook;
mod optimizers;
mod regressions;
mod training;
