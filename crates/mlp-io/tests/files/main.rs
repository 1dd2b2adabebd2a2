//! Tests of whole files: models, checkpoints, PyTorch's networks, and files that are none of these.

mod checkpoints;
mod kills;
mod malformed;
mod models;
mod pytorch;
