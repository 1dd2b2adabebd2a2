//! Errors of reading and writing files.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Defines an error about a file, with kinds of its own.
macro_rules! file_error {
    ($(#[$attribute:meta])* $name:ident, $kind:ident) => {
        $(#[$attribute])*
        #[non_exhaustive]
        pub struct $name {
            /// The file, or `None` if the bytes are in memory.
            pub file: Option<PathBuf>,
            /// What a caller can act on.
            pub kind: $kind,
            /// What is wrong, on one line. It does not contain the name of the file.
            pub message: String,
            source: Option<io::Error>,
        }

        impl $name {
            pub(crate) fn new(kind: $kind, message: impl Into<String>) -> Self {
                let (file, message, source) = (None, message.into(), None);
                Self { file, kind, message, source }
            }

            /// Makes an error that the system reported while it did `what`.
            fn system(kind: $kind, what: &str, source: io::Error) -> Self {
                let message = format!("{what}: {source}");
                let source = Some(source);
                Self { source, ..Self::new(kind, message) }
            }

            /// Adds the name of the file.
            pub(crate) fn in_file(self, path: &Path) -> Self {
                let file = Some(path.to_path_buf());
                Self { file, ..self }
            }
        }

        /// The name of the file, if there is one, and the message.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if let Some(file) = &self.file {
                    write!(f, "{}: ", shown(file))?;
                }
                f.write_str(&self.message)
            }
        }

        /// The message, so that a `main` that returns the error prints a sentence.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// The source is the error of the system, if there is one.
        impl Error for $name {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                self.source.as_ref().map(|error| error as _)
            }
        }
    };
}

file_error! {
    /// Says which file cannot be loaded, and why. The message is one line that says where in the file the problem is,
    /// what was expected and what was found.
    ///
    /// ```
    /// use mlp_io::{LoadErrorKind, load_model};
    /// use mlp_cpu::Matrix;
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("model.safetensors");
    /// std::fs::write(&path, "not a model")?;
    /// let error = load_model::<Matrix<f32>>(&path).unwrap_err();
    /// assert_eq!(error.kind, LoadErrorKind::NotThisFormat);
    /// assert!(error.message.starts_with("not a safetensors file: expected `{`"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    LoadError, LoadErrorKind
}

file_error! {
    /// Says which file was not saved, and why. The message is one line.
    ///
    /// ```
    /// use mlp_core::{HalfMse, Mlp, Model};
    /// use mlp_cpu::Matrix;
    /// use mlp_io::{SaveErrorKind, save_model};
    ///
    /// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[1, 4, 1]).build()?, HalfMse);
    /// let error = save_model("no/such/directory/model.safetensors", &model).unwrap_err();
    /// assert_eq!(error.kind, SaveErrorKind::NotWritten);
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    SaveError, SaveErrorKind
}

/// Why a file cannot be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// There is no file of this name.
    NotFound,
    /// The system reported an error, the path is not a regular file, or the file changed while it was being read.
    Io,
    /// The file has another format.
    NotThisFormat,
    /// The format is right, but the file holds something else, such as a checkpoint instead of a model.
    OtherKind,
    /// Another version of this library wrote the file, and this version does not read it.
    Version,
    /// The file ends too early.
    Truncated,
    /// The header, the metadata or the layout is invalid: the file is damaged, or was made by a faulty program.
    Malformed,
    /// The numbers have another type. [`inspect`](crate::inspect) says which one; load the file with that type.
    Dtype,
    /// The file uses a part of the format that this library does not read, such as a convolution, or exceeds a limit.
    Unsupported,
    /// The tensors are not those of the network, the optimizer or the history that the file describes.
    DoesNotFit,
    /// A number is infinite or NaN.
    NotFinite,
    /// There is not enough memory for the numbers.
    OutOfMemory,
}

/// Why a file was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaveErrorKind {
    /// The system reported an error. Nothing changed: the old content is still under the path, whole.
    NotWritten,
    /// The new content is under the path, whole, but the system did not confirm that the directory is on the disk. If
    /// the power fails now, the old content may come back.
    NotDurable,
    /// A number is infinite or NaN. The old file is unchanged.
    NotFinite,
    /// The format cannot hold this model, or the file could not be loaded again. The old file is unchanged.
    Refused,
}

impl LoadError {
    /// Makes an error of a file whose header, metadata or layout is invalid.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(LoadErrorKind::Malformed, message)
    }

    /// Makes an error of layers that do not form a network.
    pub(crate) fn network(error: mlp_core::BuildError) -> Self {
        Self::new(LoadErrorKind::DoesNotFit, error.to_string())
    }

    /// Makes an error about the tensor of that name.
    pub(crate) fn tensor(kind: LoadErrorKind, tensor: &str, problem: impl fmt::Display) -> Self {
        Self::new(kind, format!("tensor {}: {problem}", quoted(tensor)))
    }

    /// Makes an error about the metadata under `key`.
    pub(crate) fn metadata(key: &str, problem: impl fmt::Display) -> Self {
        Self::malformed(format!("metadata {key}: {}", one_line(&problem.to_string())))
    }

    /// Makes an error that the system reported.
    pub(crate) fn io(source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => LoadErrorKind::NotFound,
            _ => LoadErrorKind::Io,
        };
        Self::system(kind, "cannot be read", source)
    }

    /// Returns whether the file itself is at fault. It is not if the system reported an error, if the caller asked for
    /// another type of numbers, or if another version wrote the file.
    pub(crate) fn is_damage(&self) -> bool {
        use LoadErrorKind::{Dtype, Io, NotFound, OutOfMemory, Version};
        !matches!(self.kind, NotFound | Io | OutOfMemory | Dtype | Version)
    }
}

impl SaveError {
    /// Makes an error of something that the format cannot hold.
    #[doc(hidden)]
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(SaveErrorKind::Refused, message)
    }

    /// Makes an error of a file that could not be loaded again, for the reason `error`.
    pub(crate) fn unloadable(error: LoadError) -> Self {
        let kind = match error.kind {
            LoadErrorKind::NotFinite => SaveErrorKind::NotFinite,
            _ => SaveErrorKind::Refused,
        };
        Self::new(kind, format!("cannot be saved: {}", error.message))
    }

    pub(crate) fn not_written(source: io::Error) -> Self {
        Self::system(SaveErrorKind::NotWritten, "cannot be written", source)
    }

    pub(crate) fn not_durable(source: io::Error) -> Self {
        let what = "written, but it may not survive a power failure";
        Self::system(SaveErrorKind::NotDurable, what, source)
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
