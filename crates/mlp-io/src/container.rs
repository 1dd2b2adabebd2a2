//! safetensors, strictly: named tensors and metadata in one file.
//!
//! A file is the length of its header (eight bytes, little-endian), the header (JSON: for each tensor dtype, shape and
//! place; under `__metadata__` texts), and the tensors' numbers, row by row. What is written here every reader of the
//! format takes; what is read here is a subset, in which nothing can be read in two ways and nothing hidden.

mod finite;
mod header;
mod json;
mod read;
mod transpose;
mod write;

pub(crate) use header::Header;
pub(crate) use json::{check_json, message};
pub(crate) use read::{Opened, Tensors, padded};
pub(crate) use write::Contents;

/// The longest header that is read or written beside any tensors, in bytes.
const HEADER_LIMIT: u64 = 4 << 20;
/// The longest header beside no tensors; half as many bytes more as the tensors have. Reading a header takes up to five
/// times its bytes, where the text is one with escapes, which may not be more than twice the file and 1 MiB.
const LONE_HEADER_LIMIT: u64 = 320 << 10;
/// The most tensors that are read or written.
pub(crate) const TENSOR_LIMIT: usize = 4096;
/// The most metadata keys that are read.
const METADATA_LIMIT: usize = 16;
/// Each kind of file of this library: its metadata key, and what it is.
pub(crate) const KINDS: [(&str, &str); 2] = [
    (crate::model_file::KEY, "a model"),
    (crate::checkpoint::KEY, "a checkpoint"),
];
/// The header's key for texts.
const METADATA: &str = "__metadata__";
/// Bytes before the header.
const PREFIX: u64 = 8;

/// The longest header of a file with a header and tensors of so many bytes together.
pub(crate) fn header_limit(header: u64, length: u64) -> u64 {
    let data = length.saturating_sub(header);
    LONE_HEADER_LIMIT.saturating_add(data / 2).min(HEADER_LIMIT)
}

/// The numbers of a tensor, column by column.
#[derive(Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

#[cfg(test)]
mod tests;
