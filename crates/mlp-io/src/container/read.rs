//! The numbers behind the header.

use super::Values;
use super::header::{Entry, Header, read_exact};
use super::transpose::{decode_panel, panel_rows};
use crate::number::Coded;
use crate::{Dtype, Number, Problem, Shape};
use mlp_core::Tensor;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// A file whose header was read and checked, and whose numbers were not read yet.
#[derive(Debug)]
pub(crate) struct Opened<R> {
    header: Header,
    source: R,
}

impl Opened<BufReader<File>> {
    /// The file at `path`.
    pub(crate) fn file(path: &Path) -> Result<Self, Problem> {
        // Asked of the path first: to open a pipe waits for its other end.
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
    /// The file whose bytes these are.
    pub(crate) fn bytes(bytes: &'a [u8]) -> Result<Self, Problem> {
        Self::new(bytes, bytes.len() as u64)
    }
}

impl<R: Read> Opened<R> {
    fn new(mut source: R, length: u64) -> Result<Self, Problem> {
        let header = Header::read(&mut source, length)?;
        Ok(Self { header, source })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The text of the metadata under `key`, the only one there may be.
    pub(crate) fn take_metadata(&mut self, key: &'static str) -> Result<String, Problem> {
        let mut text = None;
        for (found, value) in self.header.take_metadata() {
            if found != key {
                return Err(Problem::UnknownMetadata { key: found });
            }
            text = Some(value);
        }
        text.ok_or(Problem::NoMetadata { expected: key })
    }

    /// Reads all numbers: as many bytes as the file has, and half a MiB for the way.
    pub(crate) fn tensors(mut self) -> Result<Tensors, Problem> {
        let mut tensors = Vec::new();
        for entry in self.header.into_entries() {
            let values = match entry.dtype {
                Dtype::F32 => Values::F32(read_values(&mut self.source, &entry)?),
                Dtype::F64 => Values::F64(read_values(&mut self.source, &entry)?),
            };
            tensors.push((entry.name, entry.shape, values));
        }
        // It was as long as it should be when it was opened.
        match self.source.read(&mut [0]) {
            Ok(0) => Ok(Tensors(tensors)),
            Ok(_) => Err(Problem::Changed),
            Err(e) => Err(Problem::Io(e)),
        }
    }
}

/// The numbers of the next tensor, column by column.
fn read_values<T: Number>(source: &mut impl Read, entry: &Entry) -> Result<Vec<T>, Problem> {
    let (rows, columns) = entry.shape.dimensions();
    let elements = entry.shape.elements().unwrap_or(usize::MAX);
    let out_of_memory = |elements: usize| Problem::OutOfMemory {
        tensor: entry.name.clone(),
        bytes: elements.saturating_mul(size_of::<T>()),
    };
    // Asked for and given back, so that too much is an error rather than an abort; then asked for as zeros, which the
    // system has without writing them.
    Vec::<T>::new()
        .try_reserve_exact(elements)
        .map_err(|_| out_of_memory(elements))?;
    let mut values = vec![T::zero(); elements];

    let mut finite = true;
    if rows == 1 || columns == 1 {
        // The same in both orders.
        let mut buffer = [T::ZERO; 4096];
        for part in values.chunks_mut(buffer.len()) {
            let Some(bytes) = buffer.get_mut(..part.len()) else {
                break;
            };
            read_exact(source, T::flat_mut(bytes))?;
            for (value, &bytes) in part.iter_mut().zip(&*bytes) {
                *value = T::decode(bytes);
                finite &= value.is_finite();
            }
        }
    } else {
        let panel_rows = panel_rows::<T>(rows, columns);
        let length = panel_rows.saturating_mul(columns);
        let mut panel: Vec<T::Bytes> = Vec::new();
        panel.try_reserve_exact(length).map_err(|_| out_of_memory(length))?;
        panel.resize(length, T::ZERO);
        for first in (0..rows).step_by(panel_rows) {
            let height = panel_rows.min(rows.saturating_sub(first));
            let Some(panel) = panel.get_mut(..height.saturating_mul(columns)) else {
                break;
            };
            read_exact(source, T::flat_mut(panel))?;
            finite &= decode_panel(panel, columns, &mut values, rows, first);
        }
    }
    if finite {
        Ok(values)
    } else {
        Err(non_finite(&entry.name, &values, rows))
    }
}

/// Where the first number is that is not finite, in the order of the file.
pub(super) fn non_finite<T: Number>(tensor: &str, values: &[T], rows: usize) -> Problem {
    let columns = values.chunks_exact(rows.max(1)).enumerate();
    let (row, column, got) = columns
        .filter_map(|(column, values)| {
            let row = values.iter().position(|value| !value.is_finite())?;
            Some((row, column, values.get(row)?.to_f64()))
        })
        .min_by_key(|&(row, column, _)| (row, column))
        .unwrap_or((0, 0, f64::NAN));
    Problem::NonFinite {
        tensor: tensor.to_owned(),
        row,
        column,
        got,
    }
}

/// The tensors of a file, to be taken one by one.
#[derive(Debug)]
pub(crate) struct Tensors(Vec<(String, Shape, Values)>);

impl Tensors {
    /// Takes the tensor of that name, which must have this shape and hold the numbers of `B`.
    pub(crate) fn take<B: Tensor<Scalar: Number>>(&mut self, name: &str, expected: Shape) -> Result<B, Problem> {
        let (rows, columns) = expected.dimensions();
        let values = self.take_values(name, expected)?;
        let mut tensor = B::zeros(rows, columns);
        tensor.write(&values);
        Ok(tensor)
    }

    /// Takes the numbers of the tensor of that name, column by column.
    pub(crate) fn take_values<T: Number>(&mut self, name: &str, expected: Shape) -> Result<Vec<T>, Problem> {
        let tensor = || name.to_owned();
        let Some(position) = self.0.iter().position(|(found, ..)| found == name) else {
            return Err(Problem::MissingTensor { tensor: tensor() });
        };
        let (_, got, values) = self.0.swap_remove(position);
        if got != expected {
            return Err(Problem::TensorShape {
                tensor: tensor(),
                expected,
                got,
            });
        }
        let got = match values {
            Values::F32(_) => Dtype::F32,
            Values::F64(_) => Dtype::F64,
        };
        <T as Coded>::unwrap(values).ok_or_else(|| Problem::TensorDtype {
            tensor: tensor(),
            expected: T::DTYPE,
            got,
        })
    }

    /// That none is left.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().map(|(name, ..)| name).min() {
            Some(tensor) => Err(Problem::UnexpectedTensor { tensor }),
            None => Ok(()),
        }
    }
}
