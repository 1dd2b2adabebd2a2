//! Errors of reading and writing files.

use crate::{Dtype, WriteError};
use mlp_core::{BuildError, ClassesError, KindError, ModelError, ScalingError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says which file cannot be loaded, and why. The message is one line.
///
/// ```
/// use mlp_io::{LoadError, Problem, load_model};
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.safetensors");
/// std::fs::write(&path, "not a model")?;
/// let error = load_model::<Matrix<f32>>(&path).unwrap_err();
/// assert!(matches!(error.problem, Problem::NotSafetensors { .. }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LoadError {
    /// The file, or `None` if the bytes were in memory.
    pub file: Option<PathBuf>,
    /// What is wrong with the file.
    pub problem: Problem,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}: {}", shown(file), self.problem),
            None => self.problem.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.problem)
    }
}

/// What is wrong with a file: where in the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`tensor`, `expected`, `got` and the like explain themselves")]
pub enum Problem {
    /// The operating system reported an error while the file was being read.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// The path is a directory or a device.
    #[error("expected a regular file")]
    NotAFile,
    /// The length of the file is not what it was when the file was opened.
    #[error("the file changed while it was being read")]
    Changed,
    /// There is not enough memory for a tensor.
    #[error("tensor {}: {bytes} bytes are more than can be allocated", quoted(.tensor))]
    OutOfMemory { tensor: String, bytes: usize },

    /// The file is too short to contain the length of the header.
    #[error("expected at least 8 bytes, got {got}")]
    TooShort { got: u64 },
    /// The file has another format: the length of the header makes no sense, and no header follows it.
    #[error("not a safetensors file: expected `{{` after the length of the header, got {got}")]
    NotSafetensors { got: String },
    /// The header is longer than any header of a network.
    #[error("header: expected at most {limit} bytes, got {got}")]
    HeaderTooLarge { limit: u64, got: u64 },
    /// The file ends before the header does.
    #[error("header: expected {expected} bytes, got {got}: the file is truncated")]
    HeaderTruncated { expected: u64, got: u64 },
    /// The header is not UTF-8 text.
    #[error("header: expected UTF-8, got an invalid sequence at byte {at}")]
    NotUtf8 { at: usize },
    /// The header is text, but not the JSON that a header must be.
    #[error("header: {problem}")]
    Header { problem: String },
    /// A key appears twice in the same object. Readers would disagree about which one counts.
    #[error("{place}: the key {} appears twice", quoted(.key))]
    DuplicateKey { place: String, key: String },
    /// The description of a tensor has a key that the format does not define.
    #[error("tensor {}: expected dtype, shape and data_offsets, got the key {}", quoted(.tensor), quoted(.key))]
    UnknownKey { tensor: String, key: String },
    /// The description of a tensor lacks a required key.
    #[error("tensor {}: the key `{key}` is missing", quoted(.tensor))]
    MissingKey { tensor: String, key: &'static str },
    /// The file has more tensors than any network.
    #[error("expected at most {limit} tensors, got more")]
    TooManyTensors { limit: usize },
    /// The history size of L-BFGS is larger than a checkpoint of this network has room for.
    #[error("L-BFGS: a checkpoint of {layers} layers has room for a history of at most {limit} steps, got {got}")]
    HistorySize { layers: usize, limit: usize, got: usize },
    /// The numbers of a tensor have an unsupported type.
    #[error("tensor {}: expected the dtype F32 or F64, got {}", quoted(.tensor), quoted(.got))]
    Dtype { tensor: String, got: String },
    /// A tensor is neither a vector nor a matrix.
    #[error("tensor {}: expected 1 or 2 dimensions, got {got}", quoted(.tensor))]
    Rank { tensor: String, got: usize },
    /// A tensor has no elements.
    #[error("tensor {}: expected dimensions of at least 1, got {got}", quoted(.tensor))]
    EmptyDimension { tensor: String, got: Shape },
    /// A tensor has more elements than memory can address.
    #[error("tensor {}: the shape {got} is too large to address", quoted(.tensor))]
    ShapeOverflow { tensor: String, got: Shape },
    /// A tensor ends before it begins.
    #[error("tensor {}: expected data_offsets in order, got {} and {}", quoted(.tensor), got.0, got.1)]
    Offsets { tensor: String, got: (u64, u64) },
    /// A tensor has more or fewer bytes than its shape requires.
    #[error("tensor {}: expected {expected} bytes for the shape {shape}, got {got}", quoted(.tensor))]
    Size {
        tensor: String,
        shape: Shape,
        expected: u64,
        got: u64,
    },
    /// Some bytes belong to no tensor.
    #[error(
        "tensor {}: expected it to begin at byte {expected}, got {got}: there are unused bytes before it",
        quoted(.tensor)
    )]
    Hole { tensor: String, expected: u64, got: u64 },
    /// Some bytes belong to two tensors.
    #[error(
        "tensor {}: expected it to begin at byte {expected}, got {got}: it overlaps the tensor before it",
        quoted(.tensor)
    )]
    Overlap { tensor: String, expected: u64, got: u64 },
    /// The file ends before its tensors do.
    #[error("expected {expected} bytes of tensors, got {got}: the file is truncated")]
    Truncated { expected: u64, got: u64 },
    /// The file goes on after its tensors.
    #[error("expected {expected} bytes of tensors, got {got}: the file has trailing bytes")]
    TrailingBytes { expected: u64, got: u64 },
    /// A number is infinite or NaN.
    #[error("tensor {}: expected finite numbers, got {got} in row {row}, column {column}", quoted(.tensor))]
    NonFinite {
        tensor: String,
        row: usize,
        column: usize,
        got: f64,
    },

    /// The file lacks a tensor of the network.
    #[error("the tensor {} is missing", quoted(.tensor))]
    MissingTensor { tensor: String },
    /// The file has a tensor that does not belong to the network.
    #[error("unexpected tensor {}", quoted(.tensor))]
    UnexpectedTensor { tensor: String },
    /// The shape of a tensor does not match the network.
    #[error("tensor {}: expected the shape {expected}, got {got}", quoted(.tensor))]
    TensorShape {
        tensor: String,
        expected: Shape,
        got: Shape,
    },
    /// The numbers of a tensor do not have the requested type. Load the file with the other type.
    #[error("tensor {}: expected the dtype {expected}, got {got}", quoted(.tensor))]
    TensorDtype {
        tensor: String,
        expected: Dtype,
        got: Dtype,
    },

    /// The file has no metadata of this library, so it is another kind of file.
    #[error("the metadata key {} is missing: this library did not write the file", quoted(.expected))]
    NoMetadata { expected: &'static str },
    /// This library wrote the file, but it is another kind of file.
    #[error("expected {expected}, got {got}")]
    OtherKind { expected: &'static str, got: &'static str },
    /// The metadata has a key that this library does not write and must not ignore.
    #[error("metadata: unexpected key {}", quoted(.key))]
    UnknownMetadata { key: String },
    /// The metadata has more keys than any file of this library.
    #[error("metadata: expected at most {limit} keys, got more")]
    TooManyMetadataKeys { limit: usize },
    /// The metadata is not the expected JSON.
    #[error("metadata {key}: {}", one_line(.problem))]
    Metadata { key: &'static str, problem: String },
    /// The metadata would take much more memory than its length in bytes.
    #[error("metadata {key}: expected at most {limit} bytes in memory, got {got}")]
    MetadataTooLarge {
        key: &'static str,
        limit: usize,
        got: usize,
    },
    /// A newer version of this library wrote the file.
    #[error("expected format version {newest} or older, got {got}: a newer version of this library wrote the file")]
    NewerVersion { newest: u64, got: u64 },
    /// The format version does not exist.
    #[error("expected format version 1 or newer, got {got}")]
    Version { got: u64 },
    /// A list does not have one entry per layer.
    #[error("{what}: expected {expected}, one per layer, got {got}")]
    LayerCount {
        what: &'static str,
        expected: usize,
        got: usize,
    },
    /// The inputs of a layer are not the outputs of the layer before it.
    #[error("tensor {}: expected {expected} columns, one per output of the layer before, got {got}", quoted(.tensor))]
    Chain {
        tensor: String,
        expected: usize,
        got: usize,
    },
    /// An activation is unknown, or has the wrong parameters.
    #[error("layer {layer}: {}", one_line(&.source.to_string()))]
    Activation { layer: usize, source: KindError },
    /// The loss is unknown, or has the wrong parameters.
    #[error("loss: {}", one_line(&.0.to_string()))]
    Loss(#[source] KindError),
    /// The kind of a scaling is unknown.
    #[error("{what}: {}", one_line(&.source.to_string()))]
    ScalingKind { what: &'static str, source: KindError },
    /// The numbers of a scaling are invalid.
    #[error("{what}: {source}")]
    Scaling { what: &'static str, source: ScalingError },
    /// The class names are invalid.
    #[error("{}", one_line(&.0.to_string()))]
    Classes(ClassesError),
    /// The parts of the model do not match.
    #[error(transparent)]
    Model(ModelError),
    /// The layers do not form a network.
    #[error(transparent)]
    Network(BuildError),
    /// The newest checkpoint of a directory is damaged, but there are earlier ones. If this file is deleted, training
    /// resumes from the newest of those.
    #[error("{problem}; there are earlier checkpoints ({earlier}): delete this file to resume from the newest of them")]
    Newest { problem: Box<Self>, earlier: usize },
}

impl Problem {
    /// Returns a function that makes a problem an error of the file at `path`.
    pub(crate) fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(Self) -> LoadError {
        let file = Some(path.into());
        move |problem| LoadError { file, problem }
    }

    /// Returns whether the file itself is at fault. It is not if the system reported an error, if the caller asked for
    /// another type of numbers, or if a newer version wrote the file.
    pub(crate) fn is_damage(&self) -> bool {
        !matches!(
            self,
            Self::Io(_)
                | Self::NotAFile
                | Self::OutOfMemory { .. }
                | Self::TensorDtype { .. }
                | Self::NewerVersion { .. }
        )
    }

    /// Makes a problem an error of bytes in memory.
    pub(crate) fn of_bytes(problem: Self) -> LoadError {
        LoadError { file: None, problem }
    }
}

/// Why something was not saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file could not be written, or may not survive a power failure.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The file could not be loaded again, for this reason. The old file is unchanged.
    #[error("{}cannot be saved: {problem}", place(.file.as_deref()))]
    Refused {
        /// The file, or `None` if the bytes were to stay in memory.
        file: Option<PathBuf>,
        /// What would be wrong with the file.
        #[source]
        problem: Problem,
    },
}

impl SaveError {
    /// Makes a problem an error of bytes in memory.
    pub(crate) fn of_bytes(problem: Problem) -> Self {
        Self::Refused { file: None, problem }
    }

    /// Returns a function that makes a problem an error of the file at `path`.
    pub(crate) fn of_file(path: &Path) -> impl Fn(Problem) -> Self {
        let file = Some(path.to_path_buf());
        move |problem| Self::Refused {
            file: file.clone(),
            problem,
        }
    }
}

/// Returns the beginning of a message about `file`.
fn place(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!("{}: ", shown(file)))
}

/// The shape of a tensor in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// One dimension, with this many elements.
    Vector(usize),
    /// Two dimensions: rows and columns.
    Matrix(usize, usize),
}

impl Shape {
    /// Returns (rows, columns). A vector is a single column.
    pub(crate) fn dimensions(self) -> (usize, usize) {
        match self {
            Self::Vector(rows) => (rows, 1),
            Self::Matrix(rows, columns) => (rows, columns),
        }
    }

    /// Returns the number of elements, or `None` if it overflows.
    pub(crate) fn elements(self) -> Option<usize> {
        let (rows, columns) = self.dimensions();
        rows.checked_mul(columns)
    }
}

/// `[3]` or `[2, 3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(rows) => write!(f, "[{rows}]"),
            Self::Matrix(rows, columns) => write!(f, "[{rows}, {columns}]"),
        }
    }
}

/// Formats a path for a message, on one line.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Formats text from a file for a message: between backticks, cut after 60 characters, on one line.
pub fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", one_line(text.get(..end).unwrap_or_default())),
        None => format!("`{}`", one_line(text)),
    }
}

/// Escapes control characters, so that the text can neither break the line nor control the terminal.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}
