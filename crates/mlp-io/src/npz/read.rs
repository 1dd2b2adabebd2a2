//! Makes a model from the entries of an archive.

use super::archive::{self, Content, Entry};
use super::npy::{self, Header, PREFIX};
use super::{ACTIVATION, HIDDEN_NAMES, OUT_ACTIVATION, OUTPUT_NAMES, entry_error, unknown};
use crate::number::Coded;
use crate::{LoadError, LoadErrorKind, Number};
use crc32fast::Hasher;
use mlp_core::activations::{Identity, Relu, Sigmoid, Tanh};
use mlp_core::backend::{Tensor, check_memory};
use mlp_core::{ActivationKind, BinaryCrossEntropy, Dense, HalfMse, LossKind, Mlp, Model, SoftmaxCrossEntropy};
use std::fmt::Display;
use std::io::{Read, Seek};

/// The length of the longest text that is accepted, in letters.
const MAX_TEXT: u64 = 16;
/// The number of bytes that are read at a time.
const PIECE: usize = 1 << 14;

pub(super) fn model<B: Tensor<Scalar: Number>>(source: &mut (impl Read + Seek)) -> Result<Model<B>, LoadError> {
    let entries = archive::entries(source)?;
    let layers = layer_count(&entries)?;
    let find = |name: &str| {
        let missing = || entry_error(LoadErrorKind::DoesNotFit, name, "this entry is missing");
        entries.iter().find(|entry| entry.name == name).ok_or_else(missing)
    };
    let hidden = hidden_activation(&text(source, find(ACTIVATION)?)?)?;
    let loss = output_loss(&text(source, find(OUT_ACTIVATION)?)?)?;
    let mut inputs = None;
    let mut network = Vec::new();
    for layer in 0..layers {
        let weights = weights::<B>(source, find(&format!("coefs_{layer}"))?, inputs)?;
        let outputs = weights.shape().0;
        let bias = bias::<B>(source, find(&format!("intercepts_{layer}"))?, outputs)?;
        let last = layer.checked_add(1) == Some(layers);
        let activation = if last { Identity.into() } else { hidden.clone() };
        network.push((Dense { weights, bias }, activation));
        inputs = Some(outputs as u64);
    }
    let network = Mlp::from_layers(network).map_err(LoadError::network)?;
    Ok(Model::new(network, loss))
}

/// Checks that each entry belongs to a network and appears once. Returns the number of layers.
fn layer_count(entries: &[Entry]) -> Result<usize, LoadError> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    if let Some((_, entry)) = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b) {
        let problem = "the archive has two entries of this name";
        return Err(entry_error(LoadErrorKind::Malformed, entry, problem));
    }
    let number = |name: &str| {
        let digits = name
            .strip_prefix("coefs_")
            .or_else(|| name.strip_prefix("intercepts_"))?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
        digits
            .parse()
            .ok()
            .filter(|&number: &usize| plain && number < archive::MAX_ENTRIES)
    };
    let mut layers = 1_usize;
    for name in names {
        if name != ACTIVATION && name != OUT_ACTIVATION {
            let number = number(name).ok_or_else(|| unknown(name))?;
            layers = layers.max(number.saturating_add(1));
        }
    }
    Ok(layers)
}

fn hidden_activation(name: &str) -> Result<ActivationKind, LoadError> {
    match name {
        "identity" => Ok(Identity.into()),
        "logistic" => Ok(Sigmoid.into()),
        "tanh" => Ok(Tanh.into()),
        "relu" => Ok(Relu.into()),
        _ => Err(other_activation(ACTIVATION, HIDDEN_NAMES, name)),
    }
}

fn output_loss(name: &str) -> Result<LossKind, LoadError> {
    match name {
        "identity" => Ok(HalfMse.into()),
        "softmax" => Ok(SoftmaxCrossEntropy::for_classes().into()),
        "logistic" => Ok(BinaryCrossEntropy.into()),
        _ => Err(other_activation(OUT_ACTIVATION, OUTPUT_NAMES, name)),
    }
}

fn other_activation(entry: &str, expected: &str, got: &str) -> LoadError {
    let problem = format!("expected one of {expected}, got {got:?}");
    entry_error(LoadErrorKind::Unsupported, entry, problem)
}

/// An entry whose header has been read.
struct Array<'a, S> {
    content: Content<'a, S>,
    entry: &'a Entry,
    header: Header,
    hasher: Hasher,
    /// The length of the elements in bytes.
    length: u64,
}

impl<'a, S: Read + Seek> Array<'a, S> {
    fn open(source: &'a mut S, entry: &'a Entry) -> Result<Self, LoadError> {
        let name = &entry.name;
        let mut prefix = [0; PREFIX];
        if entry.length < PREFIX as u64 {
            return Err(npy::not_npy(name, format_args!("{} bytes", entry.length)));
        }
        let mut content = entry.content(source)?;
        content.read(entry, &mut prefix)?;
        let mut header = vec![0; npy::header_length(name, &prefix, entry.length)?.into()];
        content.read(entry, &mut header)?;
        let mut hasher = Hasher::new();
        hasher.update(&prefix);
        hasher.update(&header);
        let before = (PREFIX as u64).saturating_add(header.len() as u64);
        let header = npy::parse(name, &header)?;
        if header.descr.contains('O') {
            // Reading objects would require running code from the file.
            let problem = "expected numbers or text, got pickled objects";
            return Err(entry_error(LoadErrorKind::Unsupported, name, problem));
        }
        Ok(Self {
            content,
            entry,
            header,
            hasher,
            length: entry.length.saturating_sub(before),
        })
    }

    fn error(&self, kind: LoadErrorKind, problem: impl Display) -> LoadError {
        entry_error(kind, &self.entry.name, problem)
    }

    /// The elements have another type than the model's numbers, or text.
    fn other_type(&self, expected: &str) -> LoadError {
        let problem = format!("expected elements of type {expected}, got {}", self.header.descr);
        self.error(LoadErrorKind::Dtype, problem)
    }

    /// Returns the dimensions. There must be as many as expected, and none may be 0.
    fn shape<const RANK: usize>(&self) -> Result<[u64; RANK], LoadError> {
        let shape = self.header.shape.as_slice();
        if shape.contains(&0) && shape.len() == RANK {
            let problem = "expected at least one element, got an empty array";
            return Err(self.error(LoadErrorKind::DoesNotFit, problem));
        }
        shape.try_into().map_err(|_| {
            let problem = format!("expected {RANK} dimensions, got {}", shape.len());
            self.error(LoadErrorKind::DoesNotFit, problem)
        })
    }

    /// Checks that there are as many bytes as the shape requires, for elements of `size` bytes.
    fn check_length(&self, size: u64) -> Result<(), LoadError> {
        let numbers = self.header.shape.iter().map(|&n| u128::from(n));
        let expected = numbers.fold(size.into(), u128::saturating_mul);
        if expected != u128::from(self.length) {
            return Err(archive::other_length(&self.entry.name, expected, self.length));
        }
        Ok(())
    }

    /// Passes the elements to `take` piece by piece, then compares the checksum.
    fn pieces(mut self, mut take: impl FnMut(&[u8]) -> Result<(), LoadError>) -> Result<(), LoadError> {
        let mut buffer = vec![0; PIECE];
        let mut left = self.length;
        while left > 0 {
            let count = left.min(PIECE as u64);
            let (piece, _) = buffer.split_at_mut(usize::try_from(count).unwrap_or(PIECE));
            self.content.read(self.entry, piece)?;
            self.hasher.update(piece);
            take(piece)?;
            left = left.saturating_sub(count);
        }
        self.content.finish(self.entry)?;
        let (expected, got) = (self.entry.checksum, self.hasher.finalize());
        if expected != got {
            let problem = format!("expected the checksum {expected:08x}, got {got:08x}");
            return Err(entry_error(LoadErrorKind::Malformed, &self.entry.name, problem));
        }
        Ok(())
    }

    /// Reads the elements into a matrix of this shape. The elements stand row by row if `by_rows`, otherwise column by
    /// column.
    fn matrix<B: Tensor<Scalar: Number>>(self, rows: usize, columns: usize, by_rows: bool) -> Result<B, LoadError> {
        self.check_numbers::<B::Scalar>()?;
        // Too large an array is an error rather than an abort. A backend may store columns at up to twice their length.
        let elements = rows.saturating_mul(columns);
        if check_memory::<B::Scalar>("the array", elements.saturating_mul(2) as u128).is_err() {
            let problem = format!("{elements} numbers are more than can be allocated");
            return Err(self.error(LoadErrorKind::OutOfMemory, problem));
        }
        let mut matrix = B::zeros(rows, columns);
        if let Some((numbers, stride)) = matrix.memory_mut() {
            self.numbers(numbers, places(rows, columns, stride, by_rows))?;
            return Ok(matrix);
        }
        // The first matrix is freed before the second one is allocated, which the numbers are copied to.
        drop(matrix);
        let mut numbers = vec![<B::Scalar as Coded>::decode(B::Scalar::ZERO); elements];
        self.numbers(&mut numbers, places(rows, columns, rows, by_rows))?;
        let mut matrix = B::zeros(rows, columns);
        matrix.write(&numbers);
        Ok(matrix)
    }

    /// Checks that the elements are numbers of this type, as many as the shape requires.
    fn check_numbers<T: Number>(&self) -> Result<(), LoadError> {
        if self.header.descr != T::DESCR {
            return Err(self.other_type(T::DESCR));
        }
        self.check_length(T::SIZE as u64)
    }

    /// Writes the elements into `numbers`, one after the other at these places.
    fn numbers<T: Number>(self, numbers: &mut [T], places: impl Iterator<Item = usize>) -> Result<(), LoadError> {
        let (entry, mut places) = (self.entry, places.enumerate());
        self.pieces(|piece| {
            for (bytes, (index, place)) in piece.chunks_exact(T::SIZE).zip(&mut places) {
                let number = T::from_le(bytes);
                let got = number.to_f64();
                if !got.is_finite() {
                    let problem = format!("expected finite numbers, got {got} as element {index}");
                    return Err(entry_error(LoadErrorKind::NotFinite, &entry.name, problem));
                }
                if let Some(there) = numbers.get_mut(place) {
                    *there = number;
                }
            }
            Ok(())
        })
    }
}

/// Returns the places of the elements of a matrix whose columns begin `stride` apart, column by column or row by row.
fn places(rows: usize, columns: usize, stride: usize, by_rows: bool) -> impl Iterator<Item = usize> {
    let ((outer, apart), (inner, step)) = if by_rows {
        ((rows, 1), (columns, stride))
    } else {
        ((columns, stride), (rows, 1))
    };
    let line = move |i: usize| {
        let start = i.saturating_mul(apart);
        (0..inner).map(move |j| start.saturating_add(j.saturating_mul(step)))
    };
    (0..outer).flat_map(line)
}

/// Reads W (n_out x n_in) from an array of n_in x n_out, which is its transpose. The rows of the array are the columns
/// of W, so an array in C order holds W column by column.
fn weights<B: Tensor<Scalar: Number>>(
    source: &mut (impl Read + Seek),
    entry: &Entry,
    inputs: Option<u64>,
) -> Result<B, LoadError> {
    let array = Array::open(source, entry)?;
    let [got, outputs] = array.shape()?;
    if let Some(expected) = inputs.filter(|&expected| expected != got) {
        let problem = format!("expected {expected} inputs, got {got}");
        return Err(array.error(LoadErrorKind::DoesNotFit, problem));
    }
    let by_rows = array.header.fortran_order;
    let size = |n| usize::try_from(n).unwrap_or(usize::MAX);
    array.matrix(size(outputs), size(got), by_rows)
}

fn bias<B: Tensor<Scalar: Number>>(
    source: &mut (impl Read + Seek),
    entry: &Entry,
    outputs: usize,
) -> Result<B, LoadError> {
    let array = Array::open(source, entry)?;
    let [got] = array.shape()?;
    let expected = outputs as u64;
    if got != expected {
        let problem = format!("expected {expected} outputs, got {got}");
        return Err(array.error(LoadErrorKind::DoesNotFit, problem));
    }
    array.matrix(outputs, 1, false)
}

/// Reads a text: an array without dimensions, with one element of type `<UN`. This is N letters of four bytes each,
/// padded with zeros.
fn text(source: &mut (impl Read + Seek), entry: &Entry) -> Result<String, LoadError> {
    let array = Array::open(source, entry)?;
    array.shape::<0>()?;
    let letters = array
        .header
        .descr
        .strip_prefix("<U")
        .and_then(|n| n.parse::<u64>().ok());
    let Some(letters) = letters else {
        return Err(array.other_type("text (<U)"));
    };
    let no_text = |got: String| {
        let problem = format!("expected the name of an activation, got {got}");
        entry_error(LoadErrorKind::Unsupported, &entry.name, problem)
    };
    if letters > MAX_TEXT {
        return Err(no_text(format!("{letters} letters")));
    }
    array.check_length(letters.saturating_mul(4))?;
    let mut text = String::new();
    array.pieces(|piece| {
        for letter in piece.chunks_exact(4) {
            let code = letter.try_into().map_or(u32::MAX, u32::from_le_bytes);
            let letter = char::from_u32(code).filter(char::is_ascii);
            text.push(letter.ok_or_else(|| no_text(format!("the character {code:#x}")))?);
        }
        Ok(())
    })?;
    text.truncate(text.trim_end_matches('\0').len());
    Ok(text)
}
