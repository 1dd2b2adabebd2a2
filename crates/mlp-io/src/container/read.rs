//! Reads the numbers after the header.

use super::finite::{Finite, not_finite};
use super::header::{Entry, Header, changed, read_exact};
use super::transpose::{batch_rows, decode_rows};
use super::{KINDS, Shape};
use crate::error::quoted;
use crate::number::{Coded, Values};
use crate::{Dtype, LoadError, LoadErrorKind, Number};
use mlp_core::backend::{Tensor, check_memory};
use std::fs::{File, Metadata};
use std::io::{BufReader, Read};
use std::path::Path;

/// A file whose header has been read and checked, and whose numbers have not been read yet.
#[derive(Debug)]
pub(crate) struct Opened<R> {
    header: Header,
    source: R,
}

/// Opens the regular file at `path`, and returns its length too.
pub(crate) fn open(path: &Path) -> Result<(File, u64), LoadError> {
    let regular = |metadata: Metadata| {
        let error = LoadError::new(LoadErrorKind::Io, "expected a regular file");
        if metadata.is_file() {
            Ok(metadata.len())
        } else {
            Err(error)
        }
    };
    // The path is checked before the file is opened, because opening a pipe waits for its other end.
    regular(path.metadata().map_err(LoadError::io)?)?;
    let file = File::open(path).map_err(LoadError::io)?;
    let length = regular(file.metadata().map_err(LoadError::io)?)?;
    Ok((file, length))
}

impl Opened<BufReader<File>> {
    /// Opens the file at `path`.
    pub(crate) fn file(path: &Path) -> Result<Self, LoadError> {
        let (file, length) = open(path)?;
        Self::new(BufReader::with_capacity(64 << 10, file), length)
    }
}

impl<'a> Opened<&'a [u8]> {
    /// Opens a file whose bytes are in memory.
    pub(crate) fn bytes(bytes: &'a [u8]) -> Result<Self, LoadError> {
        Self::new(bytes, bytes.len() as u64)
    }
}

impl<R: Read + Send> Opened<R> {
    fn new(mut source: R, length: u64) -> Result<Self, LoadError> {
        let header = Header::read(&mut source, length)?;
        Ok(Self { header, source })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Takes the text of the metadata under `key`, which must be the only key.
    pub(crate) fn take_metadata(&mut self, key: &'static str) -> Result<String, LoadError> {
        let (mut text, mut unexpected) = (None, None);
        let metadata = self.header.take_metadata();
        let other_kind = |message| LoadError::new(LoadErrorKind::OtherKind, message);
        for (found, value) in metadata {
            if found == key {
                text = Some(value);
            } else if let Some((_, got)) = KINDS.into_iter().find(|&(kind, _)| kind == found) {
                let ours = KINDS.into_iter().find(|&(kind, _)| kind == key);
                let expected = ours.map_or("another kind of file", |(_, what)| what);
                return Err(other_kind(format!("expected {expected}, got {got}")));
            } else {
                unexpected = unexpected.or(Some(found));
            }
        }
        if let Some(found) = unexpected {
            return Err(unexpected_metadata(&found));
        }
        text.ok_or_else(|| {
            let key = quoted(key);
            other_kind(format!(
                "the metadata key {key} is missing: this library did not write the file"
            ))
        })
    }

    /// Reads all numbers, which must be finite.
    pub(crate) fn tensors<B: Tensor<Scalar: Number>>(self) -> Result<Tensors<B>, LoadError> {
        self.read_all(None, false)
    }

    /// Reads all numbers, which must be finite, and converts those of another type.
    pub(crate) fn converted_tensors<B: Tensor<Scalar: Number>>(self) -> Result<Tensors<B>, LoadError> {
        self.read_all(None, true)
    }

    /// Reads all numbers. Those of tensors whose name begins with `prefix` need not be finite. This takes as many bytes
    /// of memory as the file has, and a few rows of a matrix in between.
    pub(crate) fn tensors_except<B: Tensor<Scalar: Number>>(self, prefix: &str) -> Result<Tensors<B>, LoadError> {
        self.read_all(Some(prefix), false)
    }

    fn read_all<B: Tensor<Scalar: Number>>(
        mut self,
        prefix: Option<&str>,
        convert: bool,
    ) -> Result<Tensors<B>, LoadError> {
        let entries = self.header.into_entries();
        let mut tensors = Vec::with_capacity(entries.len());
        for mut entry in entries {
            entry.finite = prefix.is_none_or(|prefix| !entry.name.starts_with(prefix));
            let numbers = match entry.dtype {
                dtype if dtype == B::Scalar::DTYPE && is_large(&entry) => {
                    Numbers::Tensor(read_tensor(&mut self.source, &entry, read_columns::<B::Scalar, B>)?)
                }
                dtype if convert && dtype != B::Scalar::DTYPE => {
                    Numbers::Tensor(read_tensor(&mut self.source, &entry, read_converted)?)
                }
                Dtype::F32 => Numbers::Values(Values::F32(read_values::<_, B>(&mut self.source, &entry)?)),
                Dtype::F64 => Numbers::Values(Values::F64(read_values::<_, B>(&mut self.source, &entry)?)),
                got => return Err(other_dtype(&entry.name, B::Scalar::DTYPE, got)),
            };
            tensors.push((entry.name, entry.shape, Some(numbers)));
        }
        // The length was right when the file was opened, so a longer file has changed.
        match self.source.read(&mut [0]) {
            Ok(0) => {
                tensors.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
                Ok(Tensors(tensors))
            }
            Ok(_) => Err(changed()),
            Err(e) => Err(LoadError::io(e)),
        }
    }
}

/// Returns whether a tensor is read directly into its final place. A smaller one takes more memory as a matrix because
/// of padding, and copying it takes little time.
fn is_large(entry: &Entry) -> bool {
    const LARGE: usize = 64 << 10;
    matches!(entry.shape, Shape::Matrix(..)) && entry.shape.elements().is_none_or(|elements| elements >= LARGE)
}

/// Reads the next tensor with `read`, which takes a place for the numbers and the distance of its columns.
fn read_tensor<T: Number, B: Tensor<Scalar = T>, R>(
    source: &mut R,
    entry: &Entry,
    read: fn(&mut R, &Entry, &mut [T], usize) -> Result<(), LoadError>,
) -> Result<B, LoadError> {
    let (rows, columns) = entry.shape.dimensions();
    // Too large a tensor is an error rather than an abort. A backend may store columns at up to twice their length.
    let elements = rows.saturating_mul(columns).saturating_mul(2);
    if check_memory::<T>("the tensor", elements as u128).is_err() {
        return Err(out_of_memory::<T>(entry, elements));
    }
    let mut tensor = B::zeros(rows, columns);
    if let Some((values, stride)) = tensor.memory_mut() {
        read(source, entry, values, stride)?;
        return Ok(tensor);
    }
    // The first tensor is freed before the second one is allocated, which the numbers are copied to.
    drop(tensor);
    let mut values = zeros(entry)?;
    read(source, entry, &mut values, rows)?;
    let mut tensor = B::zeros(rows, columns);
    tensor.write(&values);
    Ok(tensor)
}

/// Reads the numbers of the next tensor, column by column.
fn read_values<T: Number, B: Tensor>(source: &mut (impl Read + Send), entry: &Entry) -> Result<Vec<T>, LoadError> {
    let mut values = zeros(entry)?;
    let (rows, _) = entry.shape.dimensions();
    read_columns::<T, B>(source, entry, &mut values, rows)?;
    Ok(values)
}

/// Returns as many zeros as the tensor has numbers.
fn zeros<T: Number>(entry: &Entry) -> Result<Vec<T>, LoadError> {
    let elements = entry.shape.elements().unwrap_or(usize::MAX);
    // The memory is reserved first, as above. It is then allocated as zeros, which the system provides without writing
    // them.
    drop(reserved::<T>(entry, elements)?);
    Ok(vec![T::zero(); elements])
}

/// Reads the numbers of the next tensor, which has another type, like [`read_columns`]. `T` must hold them exactly.
fn read_converted<T: Number>(
    source: &mut impl Read,
    entry: &Entry,
    values: &mut [T],
    stride: usize,
) -> Result<(), LoadError> {
    let ((rows, columns), size) = (entry.shape.dimensions(), entry.dtype.size());
    let length = columns.saturating_mul(size);
    let mut bytes: Vec<u8> = reserved(entry, length)?;
    bytes.resize(length, 0);
    for row in 0..rows {
        read_exact(source, &mut bytes)?;
        let places = values.iter_mut().skip(row).step_by(stride.max(1));
        for (column, (number, place)) in bytes.chunks_exact(size).zip(places).enumerate() {
            let value = entry.dtype.decode(number);
            if !value.is_finite() {
                return Err(not_finite(&entry.name, value, row, column));
            }
            *place = T::from_f64(value);
        }
    }
    Ok(())
}

/// Reads the numbers of the next tensor into `values`, column by column. The columns begin `stride` apart.
fn read_columns<T: Number, B: Tensor>(
    source: &mut (impl Read + Send),
    entry: &Entry,
    values: &mut [T],
    stride: usize,
) -> Result<(), LoadError> {
    let ((rows, columns), stride) = (entry.shape.dimensions(), stride.max(1));
    if columns == 1 || stride == 1 {
        // The order of rows and of columns is the same here.
        let values = values.get_mut(..rows.saturating_mul(columns)).unwrap_or_default();
        return read_in_order(source, entry, values);
    }
    // This leaves out any padding after the last column.
    let end = values.len().min(columns.saturating_mul(stride));
    let values = values.get_mut(..end).unwrap_or_default();
    let batch_rows = batch_rows::<T>(rows, columns);
    let length = batch_rows.saturating_mul(columns);
    let mut batch: Vec<T::Bytes> = reserved(entry, length)?;
    batch.resize(length, T::ZERO);
    let mut next = reserved(entry, length)?;
    next.resize(length, T::ZERO);
    let mut finite = Finite::default();
    let mut read = |batch: &mut [T::Bytes], first: usize| {
        let height = batch_rows.min(rows.saturating_sub(first));
        let batch = batch.get_mut(..height.saturating_mul(columns)).unwrap_or_default();
        read_exact(source, T::flat_mut(batch))?;
        finite.look::<T>(batch);
        Ok(height)
    };
    let mut height = read(&mut batch, 0)?;
    let mut first = 0_usize;
    while height > 0 {
        let rows = batch.get(..height.saturating_mul(columns)).unwrap_or_default();
        let behind = first.saturating_add(height);
        // One thread reads the next batch while the others transpose this one.
        let mut next_height = Ok(0);
        decode_rows::<T, B>(rows, columns, values, stride, first, || {
            next_height = read(&mut next, behind);
        });
        (first, height) = (behind, next_height?);
        std::mem::swap(&mut batch, &mut next);
    }
    if entry.finite {
        finite.finish(&entry.name, columns)?;
    }
    Ok(())
}

/// Reads the numbers of the next tensor into `values` in the order of the file.
fn read_in_order<T: Number>(source: &mut (impl Read + Send), entry: &Entry, values: &mut [T]) -> Result<(), LoadError> {
    let mut buffer = [T::ZERO; 4096];
    let mut finite = Finite::default();
    for part in values.chunks_mut(buffer.len()) {
        let buffer = buffer.get_mut(..part.len()).unwrap_or_default();
        read_exact(source, T::flat_mut(buffer))?;
        finite.look::<T>(buffer);
        for (value, &bytes) in part.iter_mut().zip(&*buffer) {
            *value = T::decode(bytes);
        }
    }
    let (_, columns) = entry.shape.dimensions();
    if entry.finite {
        finite.finish(&entry.name, columns)?;
    }
    Ok(())
}

/// Reserves memory for `length` values, or returns an error if there is not enough.
fn reserved<V>(entry: &Entry, length: usize) -> Result<Vec<V>, LoadError> {
    let mut values = Vec::new();
    match values.try_reserve_exact(length) {
        Ok(()) => Ok(values),
        Err(_) => Err(out_of_memory::<V>(entry, length)),
    }
}

fn out_of_memory<V>(entry: &Entry, length: usize) -> LoadError {
    let bytes = length.saturating_mul(size_of::<V>());
    let problem = format!("{bytes} bytes are more than can be allocated");
    LoadError::tensor(LoadErrorKind::OutOfMemory, &entry.name, problem)
}

/// The metadata has a key that this library does not write and must not ignore.
fn unexpected_metadata(key: &str) -> LoadError {
    let message = format!("metadata: unexpected key {}", quoted(key));
    LoadError::new(LoadErrorKind::OtherKind, message)
}

/// The tensors that a network needs and those of the file differ.
fn does_not_fit(message: String) -> LoadError {
    LoadError::new(LoadErrorKind::DoesNotFit, message)
}

pub(crate) fn missing(tensor: &str) -> LoadError {
    does_not_fit(format!("the tensor {} is missing", quoted(tensor)))
}

pub(crate) fn unexpected(tensor: &str) -> LoadError {
    does_not_fit(format!("unexpected tensor {}", quoted(tensor)))
}

pub(crate) fn other_shape(tensor: &str, expected: Shape, got: Shape) -> LoadError {
    let problem = format!("expected the shape {expected}, got {got}");
    LoadError::tensor(LoadErrorKind::DoesNotFit, tensor, problem)
}

pub(crate) fn other_dtype(tensor: &str, expected: Dtype, got: Dtype) -> LoadError {
    let problem = match got {
        Dtype::F32 => format!("expected the dtype {expected}, got {got}: load it with a matrix of f32"),
        Dtype::F64 => format!("expected the dtype {expected}, got {got}: load it with a matrix of f64"),
        _ => format!("expected the dtype {expected}, got {got}"),
    };
    LoadError::tensor(LoadErrorKind::Dtype, tensor, problem)
}

/// The numbers of a tensor that has been read.
#[derive(Debug)]
enum Numbers<B> {
    /// A large matrix whose numbers have the backend's type.
    Tensor(B),
    /// Anything else.
    Values(Values),
}

/// The tensors of a file, sorted by name, which are taken one by one.
#[derive(Debug)]
pub(crate) struct Tensors<B>(Vec<(String, Shape, Option<Numbers<B>>)>);

impl<B: Tensor<Scalar: Number>> Tensors<B> {
    /// Takes the tensor of that name. It must have this shape and hold the numbers of `B`.
    pub(crate) fn take(&mut self, name: &str, expected: Shape) -> Result<B, LoadError> {
        match self.remove(name)? {
            (got, _) if got != expected => Err(other_shape(name, expected, got)),
            (_, Numbers::Tensor(tensor)) => Ok(tensor),
            (_, Numbers::Values(values)) => {
                let values: Vec<B::Scalar> = unwrap(name, values)?;
                let (rows, columns) = expected.dimensions();
                let mut tensor = B::zeros(rows, columns);
                tensor.write(&values);
                Ok(tensor)
            }
        }
    }

    /// Takes the numbers of the vector of that name, which must have this length.
    pub(crate) fn take_vector<T: Number>(&mut self, name: &str, length: usize) -> Result<Vec<T>, LoadError> {
        let expected = Shape::Vector(length);
        match self.remove(name)? {
            (got, Numbers::Values(values)) if got == expected => unwrap(name, values),
            (got, _) => Err(other_shape(name, expected, got)),
        }
    }

    fn remove(&mut self, name: &str) -> Result<(Shape, Numbers<B>), LoadError> {
        let place = self.0.binary_search_by(|(found, ..)| found.as_str().cmp(name)).ok();
        let tensor = place.and_then(|place| self.0.get_mut(place));
        let taken = tensor.and_then(|(_, shape, numbers)| Some((*shape, numbers.take()?)));
        taken.ok_or_else(|| missing(name))
    }

    /// Checks that no tensor is left.
    pub(crate) fn finish(self) -> Result<(), LoadError> {
        match self.0.iter().find(|(.., numbers)| numbers.is_some()) {
            Some((name, ..)) => Err(unexpected(name)),
            None => Ok(()),
        }
    }
}

fn unwrap<T: Number>(tensor: &str, values: Values) -> Result<Vec<T>, LoadError> {
    let got = match values {
        Values::F32(_) => Dtype::F32,
        Values::F64(_) => Dtype::F64,
    };
    <T as Coded>::unwrap(values).ok_or_else(|| other_dtype(tensor, T::DTYPE, got))
}
