//! A strict reader and writer of safetensors: named tensors and metadata in one file.
//!
//! A file consists of the length of the header (eight bytes, little-endian), the header (JSON: dtype, shape and offsets
//! of each tensor, and strings under `__metadata__`), and the numbers of the tensors, row by row. Every reader of the
//! format accepts the files that are written here. The reader here accepts only a subset of the format, in which
//! nothing is ambiguous and nothing can be hidden.

mod finite;
mod foreign;
mod header;
mod json;
mod layers;
mod read;
mod shape;
mod transpose;
mod write;

pub(crate) use header::{Entry, Header};
pub(crate) use json::{check_json, message};
pub(crate) use layers::{check_shapes, layer_tensors};
pub(crate) use read::{Opened, Tensors, missing, open, other_dtype, other_shape, unexpected};
pub(crate) use shape::Shape;
pub(crate) use write::Contents;

/// The longest header that is read or written, in bytes. Reading it takes up to 25 times its bytes.
pub(crate) const HEADER_LIMIT: u64 = 16 << 20;
/// The largest number of tensors that are read or written.
pub(crate) const TENSOR_LIMIT: usize = 1 << 16;
/// The largest number of metadata keys that are read.
const METADATA_LIMIT: usize = 4096;
/// The metadata key of models.
pub(crate) const MODEL: &str = "mlp";
/// The metadata key of checkpoints.
pub(crate) const CHECKPOINT: &str = "mlp_checkpoint";
/// The metadata key of models of tables.
pub(crate) const TABLE: &str = "mlp_table";
/// For each kind of file of this library, its metadata key and what the file is.
pub(crate) const KINDS: [(&str, &str); 3] = [
    (MODEL, "a model"),
    (CHECKPOINT, "a checkpoint"),
    (TABLE, "a model of a table"),
];
/// The header's key for the metadata.
const METADATA: &str = "__metadata__";
/// The number of bytes before the header.
const PREFIX: u64 = 8;

#[cfg(test)]
mod tests;
