//! Files as a whole: models, PyTorch's networks, and everything that is neither.

mod malformed;
mod models;
mod pytorch;
