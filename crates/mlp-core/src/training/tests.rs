//! On the plain backend of the example.

#[path = "../../examples/custom_backend/naive.rs"]
mod naive;

mod data;
mod going_on;
