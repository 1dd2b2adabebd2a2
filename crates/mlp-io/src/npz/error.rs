use crate::WriteError;
use crate::error::{quoted, shown};
use mlp_core::BuildError;
use std::io;
use std::path::{Path, PathBuf};

/// Why an `.npz` file was not read or not written. An `entry` is named as in the file, without `.npy`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read: {source}", shown(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something is wrong with the content of a file.
    #[error("{}: {problem}", shown(.path))]
    File {
        /// The file.
        path: PathBuf,
        /// What: one of the other variants.
        problem: Box<NpzError>,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The last 22 bytes are not the end of a zip archive: the file is something else, cut off, or followed by more.
    #[error("no .npz file: expected the end record of a zip archive in the last 22 bytes")]
    NotZip,
    /// A zip archive of 4 GiB, of 65,535 entries or of several volumes, or with an end record of 64 bits, as Python writes
    /// it from 2 GiB on.
    #[error("zip archive: expected one of a single volume of less than 4 GiB and 65,535 entries, not a zip64 archive")]
    LargeZip,
    /// The list of entries at the end is not what the end record or the file's length says.
    #[error("zip archive: expected a list of entries of {expected} bytes, got {got}")]
    Directory {
        /// How many bytes it should have.
        expected: u64,
        /// How many it has.
        got: u64,
    },
    /// More entries than this reader takes.
    #[error("zip archive: expected at most {expected} entries, got {got}")]
    TooManyEntries {
        /// The limit.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// The header of an entry is not one, or lacks its name.
    #[error("zip archive: expected the header of an entry at byte {at}")]
    Header {
        /// Its place in the file.
        at: u64,
    },
    /// A compressed entry, as of `np.savez_compressed`.
    #[error("{entry}: expected an entry stored without compression (np.savez), got compression method {method}")]
    Compressed {
        /// The entry.
        entry: String,
        /// The number of the method; 8 is that of `np.savez_compressed`.
        method: u16,
    },
    /// An entry that is encrypted or whose length stands behind it.
    #[error("{entry}: expected an entry that is neither encrypted nor streamed, got the flags {flags:#06x}")]
    Flags {
        /// The entry.
        entry: String,
        /// The flags of its header.
        flags: u16,
    },
    /// An entry with fields or a comment that `np.savez` does not write.
    #[error("{entry}: expected no extra fields and no comment")]
    Extra {
        /// The entry.
        entry: String,
    },
    /// The entry's own header and the archive's list of entries differ.
    #[error("{entry}: expected the same {what} in its header and in the archive's list, got {} and {}", got.0, got.1)]
    HeadersDiffer {
        /// The entry.
        entry: String,
        /// In what: `name`, `flags`, `method`, `checksum`, `length`.
        what: &'static str,
        /// What its header says, and the list.
        got: (String, String),
    },
    /// Unused bytes in front of an entry, or an entry that lies over another.
    #[error("{entry}: expected at byte {expected}, where the one before it ends, got byte {got}")]
    Place {
        /// The entry.
        entry: String,
        /// Where it should begin.
        expected: u64,
        /// Where it begins.
        got: u64,
    },
    /// Two entries of one name.
    #[error("{entry}: expected once, got twice")]
    Duplicate {
        /// The entry.
        entry: String,
    },
    /// An entry that belongs to no network of scikit-learn.
    #[error("{}: expected coefs_N, intercepts_N, activation and out_activation_ only", quoted(.entry))]
    Unknown {
        /// The entry.
        entry: String,
    },
    /// An entry that should be there.
    #[error("{entry}: expected, but missing")]
    Missing {
        /// The entry.
        entry: String,
    },
    /// The bytes of an entry are not those that were written.
    #[error("{entry}: expected the checksum {expected:08x}, got {got:08x}")]
    Checksum {
        /// The entry.
        entry: String,
        /// As stored.
        expected: u32,
        /// Of the bytes.
        got: u32,
    },
    /// An entry that is no array in NumPy's format, version 1.0.
    #[error("{entry}: expected an array in NumPy's format, version 1.0, got {got}")]
    NotNpy {
        /// The entry.
        entry: String,
        /// How it begins.
        got: String,
    },
    /// The description of the array is longer than the entry or the limit.
    #[error("{entry}: expected a header of at most {expected} bytes, got {got}")]
    HeaderLength {
        /// The entry.
        entry: String,
        /// The limit.
        expected: u64,
        /// What is stored.
        got: u64,
    },
    /// The description of the array is not the dictionary that NumPy writes.
    #[error("{entry}: expected a header with descr, fortran_order and shape, each once, got {}", quoted(.got))]
    HeaderSyntax {
        /// The entry.
        entry: String,
        /// The header.
        got: String,
    },
    /// An array of Python objects, which only running the code in it could read.
    #[error("{entry}: expected numbers or text, got pickled objects")]
    Objects {
        /// The entry.
        entry: String,
    },
    /// Elements of another type.
    #[error("{entry}: expected elements of type {expected}, got {got}")]
    Dtype {
        /// The entry.
        entry: String,
        /// The type of the model's numbers, or text.
        expected: &'static str,
        /// As stored, in NumPy's notation.
        got: String,
    },
    /// An array of another number of dimensions.
    #[error("{entry}: expected {expected} dimensions, got {got}")]
    Rank {
        /// The entry.
        entry: String,
        /// How many it should have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// An array of another shape than the layer before or the weights ask for.
    #[error("{entry}: expected {expected} {what}, got {got}")]
    Shape {
        /// The entry.
        entry: String,
        /// What is counted: `inputs` or `outputs`.
        what: &'static str,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        got: u64,
    },
    /// A layer without inputs or outputs.
    #[error("{entry}: expected at least one element, got an empty array")]
    Empty {
        /// The entry.
        entry: String,
    },
    /// More or fewer bytes than the shape says.
    #[error("{entry}: expected {expected} bytes of elements, got {got}")]
    DataLength {
        /// The entry.
        entry: String,
        /// By its shape.
        expected: u128,
        /// What there is.
        got: u64,
    },
    /// A weight or bias that is infinite or NaN.
    #[error("{entry}: expected finite numbers, got {got} as element {index}")]
    NotFinite {
        /// The entry.
        entry: String,
        /// Which element, in the order of the file, from 0.
        index: usize,
        /// What it is.
        got: f64,
    },
    /// A text that is none, or longer than any name of an activation.
    #[error("{entry}: expected the name of an activation, got {got}")]
    Text {
        /// The entry.
        entry: String,
        /// What of it no name has.
        got: String,
    },
    /// A name that no activation of scikit-learn has.
    #[error("{entry}: expected one of {expected}, got {got:?}")]
    Activation {
        /// The entry.
        entry: String,
        /// The names there are.
        expected: &'static str,
        /// The name given.
        got: String,
    },
    /// The memory for an array cannot be had.
    #[error("{entry}: {elements} numbers are more than can be allocated")]
    OutOfMemory {
        /// The entry.
        entry: String,
        /// How many numbers it has.
        elements: usize,
    },
    /// On writing: a model that scikit-learn's networks cannot express.
    #[error("scikit-learn has no such network: {what}: expected {expected}, got {got}")]
    Inexpressible {
        /// Which part of the model.
        what: String,
        /// What scikit-learn has.
        expected: &'static str,
        /// What the model has.
        got: String,
    },
    /// On writing: a weight or bias that is infinite or NaN, which no reader of this crate would take.
    #[error("layer {layer}: expected finite {what}, got {got}")]
    NotFiniteLayer {
        /// The layer, from 0.
        layer: usize,
        /// `weights` or `bias`.
        what: &'static str,
        /// What it is.
        got: f64,
    },
    /// On writing: layers that do not fit each other, or a bias that does not fit its weights.
    #[error(transparent)]
    Network(BuildError),
    /// On writing: more than 2 GiB, or more layers than the reader takes.
    #[error("the model does not fit an .npz file of 2 GiB and 4,096 entries")]
    TooLarge,
}

impl NpzError {
    /// With the file it is in, where it does not name it.
    pub(super) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Read { .. } | Self::Write(_) | Self::File { .. } => self,
            problem => Self::File {
                path: path.to_path_buf(),
                problem: Box::new(problem),
            },
        }
    }
}
