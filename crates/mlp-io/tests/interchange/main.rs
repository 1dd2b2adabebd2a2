//! Files exchanged with other systems.

mod npz;
mod onnx;
