//! Reads the numbers after the header.

use super::finite::Finite;
use super::header::{Entry, Header, read_exact};
use super::transpose::{batch_rows, decode_rows};
use super::{KINDS, Values};
use crate::number::Coded;
use crate::{Dtype, Number, Problem, Shape};
use mlp_core::backend::Tensor;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A file whose header has been read and checked, and whose numbers have not been read yet.
#[derive(Debug)]
pub(crate) struct Opened<R> {
    header: Header,
    source: R,
}

impl Opened<BufReader<File>> {
    /// Opens the file at `path`.
    pub(crate) fn file(path: &Path) -> Result<Self, Problem> {
        // The path is checked before the file is opened, because opening a pipe waits for its other end.
        if !path.metadata().map_err(Problem::Io)?.is_file() {
            return Err(Problem::NotAFile);
        }
        let file = File::open(path).map_err(Problem::Io)?;
        let metadata = file.metadata().map_err(Problem::Io)?;
        if !metadata.is_file() {
            return Err(Problem::NotAFile);
        }
        Self::new(BufReader::with_capacity(64 << 10, file), metadata.len())
    }
}

impl<'a> Opened<&'a [u8]> {
    /// Opens a file whose bytes are in memory.
    pub(crate) fn bytes(bytes: &'a [u8]) -> Result<Self, Problem> {
        Self::new(bytes, bytes.len() as u64)
    }
}

impl<R: Read + Send> Opened<R> {
    fn new(mut source: R, length: u64) -> Result<Self, Problem> {
        let header = Header::read(&mut source, length)?;
        Ok(Self { header, source })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Takes the text of the metadata under `key`, which must be the only key.
    pub(crate) fn take_metadata(&mut self, key: &'static str) -> Result<String, Problem> {
        let mut text = None;
        let metadata = self.header.take_metadata();
        for (other, got) in KINDS.into_iter().filter(|&(other, _)| other != key) {
            if metadata.iter().any(|(found, _)| found == other) {
                let ours = KINDS.into_iter().find(|&(known, _)| known == key);
                let expected = ours.map_or("another kind of file", |(_, what)| what);
                return Err(Problem::OtherKind { expected, got });
            }
        }
        for (found, value) in metadata {
            if found != key {
                return Err(Problem::UnknownMetadata { key: found });
            }
            text = Some(value);
        }
        text.ok_or(Problem::NoMetadata { expected: key })
    }

    /// Reads all numbers. This takes as many bytes of memory as the file has, and a few rows of a matrix in between.
    pub(crate) fn tensors<B: Tensor<Scalar: Number>>(mut self) -> Result<Tensors<B>, Problem> {
        let mut tensors = Vec::new();
        for entry in self.header.into_entries() {
            let numbers = match entry.dtype {
                dtype if dtype == B::Scalar::DTYPE && is_large(&entry) => {
                    Numbers::Tensor(read_tensor(&mut self.source, &entry)?)
                }
                Dtype::F32 => Numbers::Values(Values::F32(read_values::<_, B>(&mut self.source, &entry)?)),
                Dtype::F64 => Numbers::Values(Values::F64(read_values::<_, B>(&mut self.source, &entry)?)),
            };
            tensors.push((entry.name, entry.shape, numbers));
        }
        // The length was right when the file was opened, so a longer file has changed.
        match self.source.read(&mut [0]) {
            Ok(0) => Ok(Tensors(tensors)),
            Ok(_) => Err(Problem::Changed),
            Err(e) => Err(Problem::Io(e)),
        }
    }
}

/// Returns whether a tensor is read directly into its final place. A smaller one takes more memory as a matrix because
/// of padding, and copying it takes little time.
fn is_large(entry: &Entry) -> bool {
    const LARGE: usize = 64 << 10;
    matches!(entry.shape, Shape::Matrix(..)) && entry.shape.elements().is_none_or(|elements| elements >= LARGE)
}

/// Reads the next tensor.
fn read_tensor<T: Number, B: Tensor<Scalar = T>>(source: &mut (impl Read + Send), entry: &Entry) -> Result<B, Problem> {
    let (rows, columns) = entry.shape.dimensions();
    // The memory is reserved and freed first, so that too large a tensor is an error rather than an abort.
    drop(reserved::<T>(entry, padded(rows, columns))?);
    let mut tensor = B::zeros(rows, columns);
    if let Some((values, stride)) = tensor.memory_mut() {
        read_columns::<T, B>(source, entry, values, stride)?;
        return Ok(tensor);
    }
    // The first tensor is freed before the second one is allocated, which the numbers are copied to.
    drop(tensor);
    let values = read_values::<T, B>(source, entry)?;
    let mut tensor = B::zeros(rows, columns);
    tensor.write(&values);
    Ok(tensor)
}

/// Reads the numbers of the next tensor, column by column.
fn read_values<T: Number, B: Tensor>(source: &mut (impl Read + Send), entry: &Entry) -> Result<Vec<T>, Problem> {
    let elements = entry.shape.elements().unwrap_or(usize::MAX);
    // The memory is reserved first, as above. It is then allocated as zeros, which the system provides without writing
    // them.
    drop(reserved::<T>(entry, elements)?);
    let mut values = vec![T::zero(); elements];
    let (rows, _) = entry.shape.dimensions();
    read_columns::<T, B>(source, entry, &mut values, rows)?;
    Ok(values)
}

/// Reads the numbers of the next tensor into `values`, column by column. The columns begin `stride` apart.
fn read_columns<T: Number, B: Tensor>(
    source: &mut (impl Read + Send),
    entry: &Entry,
    values: &mut [T],
    stride: usize,
) -> Result<(), Problem> {
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
    finite.finish(&entry.name, columns)
}

/// Reads the numbers of the next tensor into `values` in the order of the file.
fn read_in_order<T: Number>(source: &mut (impl Read + Send), entry: &Entry, values: &mut [T]) -> Result<(), Problem> {
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
    finite.finish(&entry.name, columns)
}

/// Returns an upper bound on the numbers that a backend allocates for a matrix, with padding of each column to a
/// multiple of 16 numbers or to a power of two.
pub(crate) fn padded(rows: usize, columns: usize) -> usize {
    const MOST: usize = 16;
    let (numbers, free) = (rows.saturating_mul(columns), columns.saturating_mul(MOST));
    numbers.saturating_add(numbers.min(free)).saturating_add(MOST)
}

/// Reserves memory for `length` values, or returns an error if there is not enough.
fn reserved<V>(entry: &Entry, length: usize) -> Result<Vec<V>, Problem> {
    let mut values = Vec::new();
    match values.try_reserve_exact(length) {
        Ok(()) => Ok(values),
        Err(_) => Err(Problem::OutOfMemory {
            tensor: entry.name.clone(),
            bytes: length.saturating_mul(size_of::<V>()),
        }),
    }
}

/// The numbers of a tensor that has been read.
#[derive(Debug)]
enum Numbers<B> {
    /// A large matrix whose numbers have the backend's type.
    Tensor(B),
    /// Anything else.
    Values(Values),
}

/// The tensors of a file, which are taken one by one.
#[derive(Debug)]
pub(crate) struct Tensors<B>(Vec<(String, Shape, Numbers<B>)>);

impl<B: Tensor<Scalar: Number>> Tensors<B> {
    /// Takes the tensor of that name. It must have this shape and hold the numbers of `B`.
    pub(crate) fn take(&mut self, name: &str, expected: Shape) -> Result<B, Problem> {
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
    pub(crate) fn take_vector<T: Number>(&mut self, name: &str, length: usize) -> Result<Vec<T>, Problem> {
        let expected = Shape::Vector(length);
        match self.remove(name)? {
            (got, Numbers::Values(values)) if got == expected => unwrap(name, values),
            (got, _) => Err(other_shape(name, expected, got)),
        }
    }

    fn remove(&mut self, name: &str) -> Result<(Shape, Numbers<B>), Problem> {
        let Some(position) = self.0.iter().position(|(found, ..)| found == name) else {
            return Err(Problem::MissingTensor {
                tensor: name.to_owned(),
            });
        };
        let (_, shape, numbers) = self.0.swap_remove(position);
        Ok((shape, numbers))
    }

    /// Checks that no tensor is left.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().map(|(name, ..)| name).min() {
            Some(tensor) => Err(Problem::UnexpectedTensor { tensor }),
            None => Ok(()),
        }
    }
}

fn other_shape(tensor: &str, expected: Shape, got: Shape) -> Problem {
    Problem::TensorShape {
        tensor: tensor.to_owned(),
        expected,
        got,
    }
}

fn unwrap<T: Number>(tensor: &str, values: Values) -> Result<Vec<T>, Problem> {
    let got = match values {
        Values::F32(_) => Dtype::F32,
        Values::F64(_) => Dtype::F64,
    };
    <T as Coded>::unwrap(values).ok_or_else(|| Problem::TensorDtype {
        tensor: tensor.to_owned(),
        expected: T::DTYPE,
        got,
    })
}
