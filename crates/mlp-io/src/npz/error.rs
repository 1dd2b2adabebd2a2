use crate::WriteError;
use crate::error::{quoted, shown};
use mlp_core::BuildError;
use std::io;
use std::path::{Path, PathBuf};

/// Why an `.npz` file was not read or not written. An `entry` has the name that it has in the file, without `.npy`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzError {
    /// The file could not be opened or read.
    #[error("{}: cannot be read: {source}", shown(.path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why reading failed.
        source: io::Error,
    },
    /// Something is wrong with the content of a file.
    #[error("{}: {problem}", shown(.path))]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong: one of the other variants.
        problem: Box<NpzError>,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The last 22 bytes are not the end of a zip archive. The file has another format, is cut off, or is followed by
    /// other data.
    #[error("not an .npz file: expected the end record of a zip archive in the last 22 bytes")]
    NotZip,
    /// The zip archive has 4 GiB, 65,535 entries or several volumes, or it has a 64-bit end record, as Python writes it
    /// from 2 GiB on.
    #[error("zip archive: expected a single volume of less than 4 GiB and 65,535 entries, not a zip64 archive")]
    LargeZip,
    /// The list of entries does not agree with the end record or with the length of the file.
    #[error("zip archive: expected a list of entries of {expected} bytes, got {got}")]
    Directory {
        /// How many bytes the list should have.
        expected: u64,
        /// How many it has.
        got: u64,
    },
    /// There are more entries than this reader accepts.
    #[error("zip archive: expected at most {expected} entries, got {got}")]
    TooManyEntries {
        /// The limit.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// The header of an entry is not a header, or its name is cut off.
    #[error("zip archive: expected the header of an entry at byte {at}")]
    Header {
        /// The offset of the header in the file.
        at: u64,
    },
    /// An entry is compressed, as by `np.savez_compressed`.
    #[error("{entry}: expected an entry stored without compression (np.savez), got compression method {method}")]
    Compressed {
        /// The entry.
        entry: String,
        /// The number of the compression method. `np.savez_compressed` uses 8.
        method: u16,
    },
    /// An entry is encrypted, or its length stands after its content.
    #[error("{entry}: expected an entry that is neither encrypted nor streamed, got the flags {flags:#06x}")]
    Flags {
        /// The entry.
        entry: String,
        /// The flags of its header.
        flags: u16,
    },
    /// An entry has extra fields or a comment that `np.savez` does not write.
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
        /// The field that differs: `name`, `flags`, `method`, `checksum` or `length`.
        what: &'static str,
        /// What the header says, and what the list says.
        got: (String, String),
    },
    /// There are unused bytes in front of an entry, or it overlaps another entry.
    #[error("{entry}: expected at byte {expected}, where the entry before it ends, got byte {got}")]
    Place {
        /// The entry.
        entry: String,
        /// Where it should begin.
        expected: u64,
        /// Where it begins.
        got: u64,
    },
    /// Two entries have the same name.
    #[error("{entry}: the archive has two entries of this name")]
    Duplicate {
        /// The entry.
        entry: String,
    },
    /// An entry does not belong to a network of scikit-learn.
    #[error("{}: unexpected entry; expected only coefs_N, intercepts_N, activation and out_activation_", quoted(.entry))]
    Unknown {
        /// The entry.
        entry: String,
    },
    /// A required entry is missing.
    #[error("{entry}: this entry is missing")]
    Missing {
        /// The entry.
        entry: String,
    },
    /// The content of an entry does not match its checksum.
    #[error("{entry}: expected the checksum {expected:08x}, got {got:08x}")]
    Checksum {
        /// The entry.
        entry: String,
        /// The checksum that the file holds.
        expected: u32,
        /// The checksum of the content.
        got: u32,
    },
    /// An entry is not an array in NumPy's format, version 1.0.
    #[error("{entry}: expected an array in NumPy's format, version 1.0, got {got}")]
    NotNpy {
        /// The entry.
        entry: String,
        /// How the entry begins.
        got: String,
    },
    /// The description of the array is longer than the entry or the limit.
    #[error("{entry}: expected a header of at most {expected} bytes, got {got}")]
    HeaderLength {
        /// The entry.
        entry: String,
        /// The limit.
        expected: u64,
        /// The length that the file states.
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
    /// An array holds Python objects. Reading them would require running code from the file.
    #[error("{entry}: expected numbers or text, got pickled objects")]
    Objects {
        /// The entry.
        entry: String,
    },
    /// The elements have another type.
    #[error("{entry}: expected elements of type {expected}, got {got}")]
    Dtype {
        /// The entry.
        entry: String,
        /// The type of the model's numbers, or text.
        expected: &'static str,
        /// The type in the file, in NumPy's notation.
        got: String,
    },
    /// An array has the wrong number of dimensions.
    #[error("{entry}: expected {expected} dimensions, got {got}")]
    Rank {
        /// The entry.
        entry: String,
        /// How many it should have.
        expected: usize,
        /// How many it has.
        got: usize,
    },
    /// The shape of an array does not match the layer before it or the weights.
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
    /// A layer has no inputs or no outputs.
    #[error("{entry}: expected at least one element, got an empty array")]
    Empty {
        /// The entry.
        entry: String,
    },
    /// An entry has more or fewer bytes than its shape requires.
    #[error("{entry}: expected {expected} bytes of elements, got {got}")]
    DataLength {
        /// The entry.
        entry: String,
        /// How many bytes the shape requires.
        expected: u128,
        /// How many bytes there are.
        got: u64,
    },
    /// A weight or bias is infinite or NaN.
    #[error("{entry}: expected finite numbers, got {got} as element {index}")]
    NotFinite {
        /// The entry.
        entry: String,
        /// The index of the element, in the order of the file, from 0.
        index: usize,
        /// The value.
        got: f64,
    },
    /// A text is not valid, or is longer than the name of any activation.
    #[error("{entry}: expected the name of an activation, got {got}")]
    Text {
        /// The entry.
        entry: String,
        /// The part of the text that no name contains.
        got: String,
    },
    /// A name is not that of an activation of scikit-learn.
    #[error("{entry}: expected one of {expected}, got {got:?}")]
    Activation {
        /// The entry.
        entry: String,
        /// The allowed names.
        expected: &'static str,
        /// The name in the file.
        got: String,
    },
    /// There is not enough memory for an array.
    #[error("{entry}: {elements} numbers are more than can be allocated")]
    OutOfMemory {
        /// The entry.
        entry: String,
        /// How many numbers it has.
        elements: usize,
    },
    /// On writing: scikit-learn's networks cannot express the model.
    #[error("scikit-learn cannot express this network: {what}: expected {expected}, got {got}")]
    Inexpressible {
        /// The part of the model that cannot be expressed.
        what: String,
        /// What scikit-learn can express.
        expected: &'static str,
        /// What the model has.
        got: String,
    },
    /// On writing: a weight or bias is infinite or NaN, which the reader of this crate would refuse.
    #[error("layer {layer}: expected finite {what}, got {got}")]
    NotFiniteLayer {
        /// The layer, from 0.
        layer: usize,
        /// `weights` or `bias`.
        what: &'static str,
        /// The value.
        got: f64,
    },
    /// On writing: the layers do not match each other, or a bias does not match its weights.
    #[error(transparent)]
    Network(BuildError),
    /// On writing: the file would exceed 2 GiB, or the model has more layers than the reader accepts.
    #[error("the model is too large for an .npz file: the limits are 2 GiB and 4,096 entries")]
    TooLarge,
}

impl NpzError {
    /// Adds the name of the file to an error that does not contain it yet.
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
