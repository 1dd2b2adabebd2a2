//! Files as a whole: models, PyTorch's networks, and everything that is neither.

mod checkpoints;
mod kills;
mod malformed;
mod models;
mod pytorch;
