//! Tests of files exchanged with other systems.

mod npz;
mod onnx;
