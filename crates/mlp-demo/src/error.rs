//! The errors of the demo and their exit codes.

use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use mlp_core::{BuildError, DataError, HyperParameterError, TrainError};
use mlp_io::{LoadError, SaveError};

/// An error of the demo. Its text is one line that says where the error is, and what was expected and found there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory cannot be read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot be written: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file is not saved, or it is saved but may not survive a power failure.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// A text violates the syntax of its format.
    #[error("{at}: {problem}")]
    Syntax {
        /// The place: file, line, column.
        at: String,
        /// The problem, in the words of the parser.
        problem: String,
    },
    /// A value, a shape or a size is not the expected one.
    #[error("{at}: expected {expected}, got {got}")]
    Unexpected {
        /// The place: a file and the spot in it, or an option.
        at: String,
        /// The value that is needed there.
        expected: String,
        /// The value that was found there.
        got: String,
    },
    /// The request cannot be carried out, for example because the network is too large for the memory.
    #[error("{0}")]
    Refused(Box<dyn StdError + Send + Sync>),
    /// Training stopped because a loss or a weight was no longer finite.
    #[error("{0}")]
    Diverged(Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Returns the exit code of the process: 1 if training diverged, 2 for bad input and any other error.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Diverged(_) => 1,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::Save(_)
            | Self::Syntax { .. }
            | Self::Unexpected { .. }
            | Self::Refused(_) => 2,
        }
    }

    /// Creates [`Error::Unexpected`] from values that can be displayed.
    pub fn unexpected(at: impl Display, expected: impl Display, got: impl Display) -> Self {
        Self::Unexpected {
            at: at.to_string(),
            expected: expected.to_string(),
            got: got.to_string(),
        }
    }

    /// Creates [`Error::Diverged`] from another error or from a message.
    pub fn diverged(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Diverged(cause.into())
    }

    /// Returns a function for `map_err` that reports an I/O error from reading `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Read { path, source }
    }

    /// Returns a function for `map_err` that puts `path` before an error whose text does not name the file.
    pub(crate) fn about<E: Display>(path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_path_buf();
        move |error| Self::Refused(format!("{}: {error}", path.display()).into())
    }
}

impl From<LoadError> for Error {
    fn from(error: LoadError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<TrainError> for Error {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Diverged(diverged) => Self::diverged(diverged),
            other => Self::Refused(other.into()),
        }
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<HyperParameterError> for Error {
    fn from(error: HyperParameterError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Self::Refused(error.into())
    }
}

/// Formats text from a user's file for a message: between backticks, cut after 40 characters, on one line.
pub(crate) fn quoted(text: &[u8]) -> String {
    const LONGEST: usize = 40;
    // A character has at most 4 bytes, so this cut is never visible.
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * (LONGEST + 1))]);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("`{}…`", one_line(&text[..end])),
        None => format!("`{}`", one_line(&text)),
    }
}

/// Escapes the control characters of a text, so that it can neither break the line nor control the terminal.
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

/// Formats a number with its noun, such as `1 row` or `2 rows`. The plural of the noun must be formed with an `s`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_where_expected_and_got() {
        let read = Error::read(Path::new("data.csv"))(io::Error::other("broken disk"));
        let write = Error::Write {
            path: "plot.svg".into(),
            source: io::Error::other("full disk"),
        };
        let syntax = Error::Syntax {
            at: "w.json: line 1, column 2".into(),
            problem: "expected value".into(),
        };
        assert_eq!(read.to_string(), "data.csv: cannot be read: broken disk");
        assert_eq!(write.to_string(), "plot.svg: cannot be written: full disk");
        assert_eq!(syntax.to_string(), "w.json: line 1, column 2: expected value");
        assert_eq!(
            Error::unexpected("--epochs", "a number", "`x`").to_string(),
            "--epochs: expected a number, got `x`"
        );
        assert_eq!(Error::diverged("the loss is NaN").to_string(), "the loss is NaN");
    }

    #[test]
    fn divergence_exits_with_1_and_bad_input_with_2() {
        assert_eq!(Error::diverged("x").exit_code(), 1);
        assert_eq!(Error::unexpected("a", "b", "c").exit_code(), 2);
        assert_eq!(Error::from(TrainError::BatchSize).exit_code(), 2);
        assert_eq!(Error::read(Path::new("a"))(io::Error::other("b")).exit_code(), 2);
        let (path, source) = ("a".into(), io::Error::other("b"));
        assert_eq!(Error::Write { path, source }.exit_code(), 2);
        assert_eq!(
            Error::Syntax {
                at: String::new(),
                problem: String::new()
            }
            .exit_code(),
            2
        );
    }

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted(b"abc"), "`abc`");
        assert_eq!(quoted(b"a\nb\x1b[31m"), r"`a\nb\u{1b}[31m`");
        assert_eq!(quoted(&[b'1'; 40]), format!("`{}`", "1".repeat(40)));
        assert_eq!(quoted(&[b'1'; 100_000]), format!("`{}…`", "1".repeat(40)));
        assert_eq!(quoted("é".repeat(50).as_bytes()), format!("`{}…`", "é".repeat(40)));
        assert_eq!(quoted(b"\xff1"), "`\u{fffd}1`");
    }

    #[test]
    fn one_row_but_two_rows() {
        assert_eq!(
            [counted(0, "row"), counted(1, "row"), counted(2, "row")],
            ["0 rows", "1 row", "2 rows"]
        );
    }
}
