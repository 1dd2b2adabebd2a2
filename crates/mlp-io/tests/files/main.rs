//! Files as a whole: models, PyTorch's networks, and everything that is neither.

mod checkpoints;
mod malformed;
mod models;
mod pytorch;
