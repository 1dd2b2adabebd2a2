//! Models of tables: a record of the caller's own and named matrices in one safetensors file. This is the part of
//! `mlp-table`'s files that is written and read as strictly as the files of this crate; it is not part of the interface.

use crate::container::{Contents, Opened, Shape, TABLE, other_shape};
use crate::model_file::{read_record, text};
use crate::{LoadError, LoadErrorKind, Number, SaveError};
use mlp_core::backend::Tensor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::Path;

/// Saves a record and named matrices. A matrix whose name ends in `bias` has one column and becomes a vector.
///
/// # Errors
/// Returns an error if the file could not be loaded again, or cannot be written.
pub fn save<B: Tensor<Scalar: Number>>(
    path: &Path,
    record: &impl Serialize,
    tensors: &[(String, B)],
) -> Result<(), SaveError> {
    contents(record, tensors).map_err(|e| e.in_file(path))?.save(path)
}

/// Returns the bytes of the file that [`save`] writes.
///
/// # Errors
/// Returns the errors of [`save`], except those of writing the file.
pub fn to_bytes<B: Tensor<Scalar: Number>>(
    record: &impl Serialize,
    tensors: &[(String, B)],
) -> Result<Vec<u8>, SaveError> {
    contents(record, tensors)?.into_bytes()
}

/// Loads what [`save`] saved, and makes a model of it. The record must have this `version`.
///
/// # Errors
/// Returns an error if the file cannot be read or is another one, or if `finish` refuses it for the reason it returns.
pub fn load<R: DeserializeOwned, B: Tensor<Scalar: Number>, M>(
    path: &Path,
    version: u64,
    finish: impl FnOnce(R, Vec<(String, B)>) -> Result<M, String>,
) -> Result<M, LoadError> {
    let opened = Opened::file(path).and_then(|opened| model(opened, version, finish));
    opened.map_err(|e| e.in_file(path))
}

/// Loads like [`load`], from the bytes of the file.
///
/// # Errors
/// Returns the errors of [`load`].
pub fn from_bytes<R: DeserializeOwned, B: Tensor<Scalar: Number>, M>(
    bytes: &[u8],
    version: u64,
    finish: impl FnOnce(R, Vec<(String, B)>) -> Result<M, String>,
) -> Result<M, LoadError> {
    model(Opened::bytes(bytes)?, version, finish)
}

fn contents<'a, B: Tensor<Scalar: Number>>(
    record: &impl Serialize,
    tensors: &'a [(String, B)],
) -> Result<Contents<'a>, SaveError> {
    let mut contents = Contents::new(TABLE, text(TABLE, record).map_err(SaveError::unloadable)?);
    for (name, tensor) in tensors {
        match shape(name, tensor.shape()) {
            Shape::Vector(_) => contents.vector(name, tensor),
            Shape::Matrix(..) => contents.matrix(name, tensor),
        }
    }
    Ok(contents)
}

fn model<R: DeserializeOwned, B: Tensor<Scalar: Number>, M>(
    mut opened: Opened<impl Read + Send>,
    version: u64,
    finish: impl FnOnce(R, Vec<(String, B)>) -> Result<M, String>,
) -> Result<M, LoadError> {
    let record: R = read_record(TABLE, &opened.take_metadata(TABLE)?, version)?;
    let entries = opened.header().entries().iter();
    let names: Vec<(String, Shape)> = entries.map(|entry| (entry.name.clone(), entry.shape)).collect();
    let mut tensors = opened.tensors()?;
    let mut taken = Vec::with_capacity(names.len());
    for (name, got) in names {
        let expected = shape(&name, got.dimensions());
        if got != expected {
            return Err(other_shape(&name, expected, got));
        }
        let tensor = tensors.take(&name, expected)?;
        taken.push((name, tensor));
    }
    finish(record, taken).map_err(|message| LoadError::new(LoadErrorKind::DoesNotFit, message))
}

/// Returns the shape of a matrix of (rows, columns) in the file.
fn shape(name: &str, (rows, columns): (usize, usize)) -> Shape {
    match name.ends_with("bias") && columns == 1 {
        true => Shape::Vector(rows),
        false => Shape::Matrix(rows, columns),
    }
}
