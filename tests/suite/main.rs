//! Tests across the crates, one module per subject.
//!
//! Random cases come from proptest with a fixed seed; `PROPTEST_CASES` changes their number. In child processes,
//! `levels` runs the tests of kernels again at each level of vector instructions, and `threads` runs parts of the
//! suite with 1 to 8 threads. With the environment variable `MLP_TEST_EXHAUSTIVE`, which `.ci/soak` sets, no range is
//! sampled.

mod activations;
mod blocks;
mod check;
mod conformance;
mod curvature;
mod datasets;
mod derivatives;
mod determinism;
mod dual_tensors;
mod equations;
mod extremes;
mod factors;
mod first_order;
mod fitting;
mod initializers;
mod lbfgs;
mod levels;
mod losses;
mod metrics;
mod model;
mod naive;
mod network_gradient;
mod networks;
mod notebook;
mod optimizers;
mod panics;
mod regressions;
mod schedules;
mod threads;
mod training;

/// Returns whether tests cover complete ranges, which takes minutes.
fn is_exhaustive() -> bool {
    std::env::var_os("MLP_TEST_EXHAUSTIVE").is_some()
}
