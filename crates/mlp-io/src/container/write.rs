//! Writes a file.

use super::finite::Finite;
use super::header::{empty, overflow, too_large};
use super::json::twice;
use super::transpose::{batch_rows, encode_rows};
use super::{HEADER_LIMIT, METADATA, Shape, TENSOR_LIMIT, check_json};
use crate::{AtomicFile, Dtype, LoadError, LoadErrorKind, Number, SaveError};
use mlp_core::backend::Tensor;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The contents of a file to be written: one text of metadata, and tensors, whose numbers are read only when the file
/// is written.
///
/// The same contents always give the same bytes. The metadata comes first, then the `f64` tensors, then the `f32`
/// tensors, so that each tensor begins at a multiple of the size of its numbers. Within a type, the tensors stand in
/// the order in which they were added.
pub(crate) struct Contents<'a> {
    key: &'static str,
    metadata: String,
    tensors: Vec<Item<'a>>,
}

type WriteNumbers<'a> = dyn Fn(&mut dyn Write) -> Result<(), SaveError> + 'a;

struct Item<'a> {
    name: String,
    shape: Shape,
    dtype: Dtype,
    /// Writes the numbers row by row.
    write: Box<WriteNumbers<'a>>,
}

impl<'a> Contents<'a> {
    /// Makes contents whose metadata is JSON under one key.
    pub(crate) fn new(key: &'static str, metadata: String) -> Self {
        Self {
            key,
            metadata,
            tensors: Vec::new(),
        }
    }

    /// Adds a matrix.
    pub(crate) fn matrix<B: Tensor<Scalar: Number>>(&mut self, name: impl Into<String>, matrix: &'a B) {
        let (rows, columns) = matrix.shape();
        self.tensor(name.into(), Shape::Matrix(rows, columns), matrix);
    }

    /// Adds a matrix with a single column as a vector.
    ///
    /// # Panics
    /// Panics if the matrix has more than one column.
    pub(crate) fn vector<B: Tensor<Scalar: Number>>(&mut self, name: impl Into<String>, column: &'a B) {
        let (rows, columns) = column.shape();
        assert_eq!(columns, 1, "vector: expected a single column");
        self.tensor(name.into(), Shape::Vector(rows), column);
    }

    fn tensor<B: Tensor<Scalar: Number>>(&mut self, name: String, shape: Shape, tensor: &'a B) {
        let of = name.clone();
        self.tensors.push(Item {
            name,
            shape,
            dtype: B::Scalar::DTYPE,
            write: Box::new(move |out| {
                if let Some((values, stride)) = tensor.memory() {
                    return write_matrix::<_, B>(&of, values, stride, shape, out);
                }
                let mut values = Vec::new();
                values
                    .try_reserve_exact(shape.elements().unwrap_or(usize::MAX))
                    .map_err(|e| SaveError::not_written(io::Error::other(e)))?;
                B::read(tensor.into(), &mut values);
                let (rows, _) = shape.dimensions();
                write_matrix::<_, B>(&of, &values, rows, shape, out)
            }),
        });
    }

    /// Adds numbers as a vector. They need not be finite.
    pub(crate) fn numbers<T: Number>(&mut self, name: impl Into<String>, numbers: &'a [T]) {
        self.tensors.push(Item {
            name: name.into(),
            shape: Shape::Vector(numbers.len()),
            dtype: T::DTYPE,
            write: Box::new(move |out| write_numbers(numbers, out).map(drop)),
        });
    }

    /// Writes the file whole or not at all.
    pub(crate) fn save(mut self, path: &Path) -> Result<(), SaveError> {
        let in_file = |error: SaveError| error.in_file(path);
        let header = self.header().map_err(SaveError::unloadable).map_err(in_file)?;
        let mut file = AtomicFile::create(path)?;
        self.write(&header, &mut file).map_err(in_file)?;
        file.commit()
    }

    /// Returns the bytes of the file.
    pub(crate) fn into_bytes(mut self) -> Result<Vec<u8>, SaveError> {
        let header = self.header().map_err(SaveError::unloadable)?;
        let mut bytes = Vec::new();
        self.write(&header, &mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, header: &[u8], out: &mut dyn Write) -> Result<(), SaveError> {
        let mut out = BufWriter::with_capacity(256 << 10, out);
        let length = (header.len() as u64).to_le_bytes();
        out.write_all(&length).map_err(SaveError::not_written)?;
        out.write_all(header).map_err(SaveError::not_written)?;
        for item in &self.tensors {
            (item.write)(&mut out)?;
        }
        out.flush().map_err(SaveError::not_written)
    }

    /// Sorts the tensors and returns the header. Returns an error if the reader would refuse the file.
    fn header(&mut self) -> Result<Vec<u8>, LoadError> {
        check_json(self.key, &self.metadata)?;
        if self.tensors.len() > TENSOR_LIMIT {
            let message = format!("expected at most {TENSOR_LIMIT} tensors, got more");
            return Err(LoadError::new(LoadErrorKind::Unsupported, message));
        }
        let (wide, narrow): (Vec<_>, _) = self.tensors.drain(..).partition(|item| item.dtype == Dtype::F64);
        self.tensors = wide.into_iter().chain::<Vec<_>>(narrow).collect();
        let json = |text: &str| Value::from(text).to_string();
        let mut header = format!("{{{}:{{{}:{}}}", json(METADATA), json(self.key), json(&self.metadata));
        let mut end = 0_usize;
        for Item { name, shape, dtype, .. } in &self.tensors {
            if shape.elements() == Some(0) {
                return Err(empty(name, *shape));
            }
            let start = end;
            let bytes = shape.elements().and_then(|elements| elements.checked_mul(dtype.size()));
            end = bytes
                .and_then(|bytes| start.checked_add(bytes))
                .ok_or_else(|| overflow(name, *shape))?;
            let (name, shape) = (json(name), shape.to_string().replace(' ', ""));
            let _ = write!(
                header,
                r#",{name}:{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#
            );
        }
        let names = self.tensors.iter().map(|item| item.name.as_str());
        let mut names: Vec<&str> = names.chain([METADATA]).collect();
        names.sort_unstable();
        if let Some((name, _)) = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b) {
            return Err(LoadError::malformed(format!("header: {}", twice(name))));
        }
        header.push('}');
        let mut header = header.into_bytes();
        // Padding makes the numbers begin at a multiple of eight bytes.
        header.resize(header.len().next_multiple_of(8), b' ');
        let length = header.len() as u64;
        if length > HEADER_LIMIT {
            return Err(too_large(length));
        }
        Ok(header)
    }
}

/// Writes the numbers of a matrix row by row. The columns begin `stride` apart in `values`.
fn write_matrix<T: Number, B: Tensor>(
    tensor: &str,
    values: &[T],
    stride: usize,
    shape: Shape,
    out: &mut dyn Write,
) -> Result<(), SaveError> {
    let ((rows, columns), stride) = (shape.dimensions(), stride.max(1));
    if columns == 1 || stride == 1 {
        // The order of rows and of columns is the same here.
        let values = values.get(..rows.saturating_mul(columns)).unwrap_or(values);
        let finite = write_numbers(values, out)?;
        return finite.finish(tensor, columns).map_err(SaveError::unloadable);
    }
    // This leaves out any padding after the last column.
    let values = values.get(..columns.saturating_mul(stride)).unwrap_or(values);
    let batch_rows = batch_rows::<T>(rows, columns);
    let mut batch = vec![T::ZERO; batch_rows.saturating_mul(columns)];
    let mut finite = Finite::default();
    for first in (0..rows).step_by(batch_rows) {
        let height = batch_rows.min(rows.saturating_sub(first));
        let batch = batch.get_mut(..height.saturating_mul(columns)).unwrap_or_default();
        encode_rows::<T, B>(values, stride, first, batch, columns);
        finite.look::<T>(batch);
        out.write_all(T::flat(batch)).map_err(SaveError::not_written)?;
    }
    finite.finish(tensor, columns).map_err(SaveError::unloadable)
}

/// Writes `values` in their order, and returns what was found about them.
fn write_numbers<T: Number>(values: &[T], out: &mut dyn Write) -> Result<Finite, SaveError> {
    let mut buffer = [T::ZERO; 4096];
    let mut finite = Finite::default();
    for part in values.chunks(buffer.len()) {
        let buffer = buffer.get_mut(..part.len()).unwrap_or_default();
        for (place, &value) in buffer.iter_mut().zip(part) {
            *place = value.encode();
        }
        finite.look::<T>(buffer);
        out.write_all(T::flat(buffer)).map_err(SaveError::not_written)?;
    }
    Ok(finite)
}
