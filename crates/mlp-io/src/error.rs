//! What can be wrong with a file.

use crate::{Dtype, WriteError};
use mlp_core::{BuildError, ClassesError, KindError, ModelError, ScalingError};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be loaded: which one, and why. Its text is one line.
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
    /// The file; `None` if it was bytes in memory.
    pub file: Option<PathBuf>,
    /// What is wrong with it.
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

/// What is wrong with a file, where in it, what was expected and what is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "`tensor`, `expected`, `got` and the like say what they are")]
pub enum Problem {
    /// The system does not let it be read.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    /// A directory or a device.
    #[error("expected a regular file")]
    NotAFile,
    /// The file has another length than it had when it was opened.
    #[error("the file changed while it was read")]
    Changed,
    /// There is not the memory for a tensor.
    #[error("tensor {}: {bytes} bytes are more than can be allocated", quoted(.tensor))]
    OutOfMemory { tensor: String, bytes: usize },

    /// There is no room for the length of the header.
    #[error("expected at least 8 bytes, got {got}")]
    TooShort { got: u64 },
    /// A file of another format, where the length of the header makes no sense either.
    #[error("no safetensors file: expected `{{` behind the length of the header, got {got}")]
    NotSafetensors { got: String },
    /// The header is longer than any header of a network.
    #[error("header: expected at most {limit} bytes, got {got}")]
    HeaderTooLarge { limit: u64, got: u64 },
    /// The file ends before the header does.
    #[error("header: expected {expected} bytes, got {got}: the file is truncated")]
    HeaderTruncated { expected: u64, got: u64 },
    /// The header is not text.
    #[error("header: expected UTF-8, got something else at byte {at}")]
    NotUtf8 { at: usize },
    /// The header is text, but not the JSON of a header.
    #[error("header: {problem}")]
    Header { problem: String },
    /// A key stands twice in the same place: readers would disagree about which one counts.
    #[error("{place}: expected each key once, got {} twice", quoted(.key))]
    DuplicateKey { place: String, key: String },
    /// A key that a tensor has not.
    #[error("tensor {}: expected dtype, shape and data_offsets, got the key {}", quoted(.tensor), quoted(.key))]
    UnknownKey { tensor: String, key: String },
    /// A key that a tensor lacks.
    #[error("tensor {}: expected the key {key}, which is missing", quoted(.tensor))]
    MissingKey { tensor: String, key: &'static str },
    /// More tensors than any network has.
    #[error("expected at most {limit} tensors, got more")]
    TooManyTensors { limit: usize },
    /// L-BFGS is to remember more steps than a checkpoint of the network has room for.
    #[error("L-BFGS: expected a history of at most {limit} steps, for {layers} layers in a file, got {got}")]
    HistorySize { layers: usize, limit: usize, got: usize },
    /// Numbers of another kind.
    #[error("tensor {}: expected the dtype F32 or F64, got {}", quoted(.tensor), quoted(.got))]
    Dtype { tensor: String, got: String },
    /// Neither a vector nor a matrix.
    #[error("tensor {}: expected 1 or 2 dimensions, got {got}", quoted(.tensor))]
    Rank { tensor: String, got: usize },
    /// A tensor without elements.
    #[error("tensor {}: expected dimensions of at least 1, got {got}", quoted(.tensor))]
    EmptyDimension { tensor: String, got: Shape },
    /// More elements than there can be.
    #[error("tensor {}: {got} is more than can be addressed", quoted(.tensor))]
    ShapeOverflow { tensor: String, got: Shape },
    /// A tensor that ends before it begins.
    #[error("tensor {}: expected data_offsets in order, got {} and {}", quoted(.tensor), got.0, got.1)]
    Offsets { tensor: String, got: (u64, u64) },
    /// More or fewer bytes than the shape takes.
    #[error("tensor {}: expected {expected} bytes, as many as {shape} takes, got {got}", quoted(.tensor))]
    Size {
        tensor: String,
        shape: Shape,
        expected: u64,
        got: u64,
    },
    /// Bytes that belong to no tensor.
    #[error("tensor {}: expected it to begin at {expected}, got {got}: a hole", quoted(.tensor))]
    Hole { tensor: String, expected: u64, got: u64 },
    /// Bytes that belong to two tensors.
    #[error("tensor {}: expected it to begin at {expected}, got {got}: an overlap", quoted(.tensor))]
    Overlap { tensor: String, expected: u64, got: u64 },
    /// The file ends before its tensors do.
    #[error("expected {expected} bytes of tensors, got {got}: the file is truncated")]
    Truncated { expected: u64, got: u64 },
    /// The file goes on after its tensors.
    #[error("expected {expected} bytes of tensors, got {got}: the file has trailing bytes")]
    TrailingBytes { expected: u64, got: u64 },
    /// A number that is infinite or NaN.
    #[error("tensor {}: expected finite numbers, got {got} in row {row}, column {column}", quoted(.tensor))]
    NonFinite {
        tensor: String,
        row: usize,
        column: usize,
        got: f64,
    },

    /// A tensor that the network has and the file has not.
    #[error("expected the tensor {}, which is missing", quoted(.tensor))]
    MissingTensor { tensor: String },
    /// A tensor that the file has and the network has not.
    #[error("expected no tensor {}", quoted(.tensor))]
    UnexpectedTensor { tensor: String },
    /// A tensor of another shape than the network's.
    #[error("tensor {}: expected the shape {expected}, got {got}", quoted(.tensor))]
    TensorShape {
        tensor: String,
        expected: Shape,
        got: Shape,
    },
    /// A tensor of other numbers than those asked for: load it with the other type.
    #[error("tensor {}: expected the dtype {expected}, got {got}", quoted(.tensor))]
    TensorDtype {
        tensor: String,
        expected: Dtype,
        got: Dtype,
    },

    /// The file is of another kind: it has no metadata of this library.
    #[error("expected the metadata key {}, which is missing", quoted(.expected))]
    NoMetadata { expected: &'static str },
    /// Another kind of file of this library.
    #[error("expected {expected}, got {got}")]
    OtherKind { expected: &'static str, got: &'static str },
    /// Metadata that this library does not write, and may not overlook.
    #[error("metadata: expected no key {}", quoted(.key))]
    UnknownMetadata { key: String },
    /// More metadata keys than any such file has.
    #[error("metadata: expected at most {limit} keys, got more")]
    TooManyMetadataKeys { limit: usize },
    /// The metadata are not the JSON that they should be.
    #[error("metadata {key}: {}", one_line(.problem))]
    Metadata { key: &'static str, problem: String },
    /// Metadata that would take much more memory than they have bytes.
    #[error("metadata {key}: expected at most {limit} bytes in memory, got {got}")]
    MetadataTooLarge {
        key: &'static str,
        limit: usize,
        got: usize,
    },
    /// Written by a newer version of this library.
    #[error("expected version {newest} of the format at most, got {got}: a newer version of this library wrote it")]
    NewerVersion { newest: u64, got: u64 },
    /// A version that never was.
    #[error("expected a version of the format from 1 on, got {got}")]
    Version { got: u64 },
    /// A list with more or fewer entries than there are layers.
    #[error("{what}: expected {expected}, one per layer, got {got}")]
    LayerCount {
        what: &'static str,
        expected: usize,
        got: usize,
    },
    /// A layer whose inputs are not the outputs of the layer before it.
    #[error("tensor {}: expected {expected} columns, one per output of the layer before, got {got}", quoted(.tensor))]
    Chain {
        tensor: String,
        expected: usize,
        got: usize,
    },
    /// An activation that is unknown, or has other parameters.
    #[error("layer {layer}: {}", one_line(&.source.to_string()))]
    Activation { layer: usize, source: KindError },
    /// A loss that is unknown, or has other parameters.
    #[error("loss: {}", one_line(&.0.to_string()))]
    Loss(#[source] KindError),
    /// A scaling of unknown kind.
    #[error("{what}: {}", one_line(&.source.to_string()))]
    ScalingKind { what: &'static str, source: KindError },
    /// A scaling that is none.
    #[error("{what}: {source}")]
    Scaling { what: &'static str, source: ScalingError },
    /// Class names that are none.
    #[error("{}", one_line(&.0.to_string()))]
    Classes(ClassesError),
    /// Parts that do not fit each other.
    #[error(transparent)]
    Model(ModelError),
    /// Layers that make no network.
    #[error(transparent)]
    Network(BuildError),
    /// The newest checkpoint of a directory is damaged, and there are earlier ones: without it, training goes on from
    /// the newest of those.
    #[error(
        "{problem}; earlier checkpoints are kept ({earlier}): without this file, training goes on from the newest of them"
    )]
    Newest { problem: Box<Self>, earlier: usize },
}

impl Problem {
    /// Of the file at `path`.
    pub(crate) fn of_file(path: impl Into<PathBuf>) -> impl FnOnce(Self) -> LoadError {
        let file = Some(path.into());
        move |problem| LoadError { file, problem }
    }

    /// Whether the file is to blame: not the system, nor who asks for other numbers or has an older version.
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

    /// Of bytes in memory.
    pub(crate) fn of_bytes(problem: Self) -> LoadError {
        LoadError { file: None, problem }
    }
}

/// Something that cannot be saved, or was not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file could not be written, or not surely.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It would make a file that cannot be loaded, because of this. The old file is whole.
    #[error("{}cannot be saved: {problem}", place(.file.as_deref()))]
    Refused {
        /// The file; `None` if it was to be bytes in memory.
        file: Option<PathBuf>,
        /// What would be wrong with it.
        #[source]
        problem: Problem,
    },
}

impl SaveError {
    /// Of bytes in memory.
    pub(crate) fn of_bytes(problem: Problem) -> Self {
        Self::Refused { file: None, problem }
    }

    /// Of the file at `path`.
    pub(crate) fn of_file(path: &Path) -> impl Fn(Problem) -> Self {
        let file = Some(path.to_path_buf());
        move |problem| Self::Refused {
            file: file.clone(),
            problem,
        }
    }
}

/// How a message about `file` begins.
fn place(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!("{}: ", shown(file)))
}

/// The shape of a tensor in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// So many elements in one dimension.
    Vector(usize),
    /// Rows and columns.
    Matrix(usize, usize),
}

impl Shape {
    /// (rows, columns); a vector is a single column.
    pub(crate) fn dimensions(self) -> (usize, usize) {
        match self {
            Self::Vector(rows) => (rows, 1),
            Self::Matrix(rows, columns) => (rows, columns),
        }
    }

    /// The number of elements, if it is one.
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

/// A path as it stands in a message: on one line.
pub(crate) fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// Text of a file as it stands in a message: between backticks, cut after 60 characters, on one line.
pub(crate) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", one_line(text.get(..end).unwrap_or_default())),
        None => format!("`{}`", one_line(text)),
    }
}

/// The text with control characters escaped, so that it can neither break the line nor steer the terminal.
pub(crate) fn one_line(text: &str) -> String {
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
