//! The error of the demo and its exit codes.

use std::fmt::Display;
use std::io;
use std::path::Path;

use mlp_core::state::StateError;
use mlp_core::{BuildError, DataError, HyperParameterError, TrainError};
use mlp_io::{LoadError, SaveError};

/// An error of the demo. Its text is one line that says where the error is, and what was expected and found there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be carried out, because of bad input or for another reason.
    #[error("{0}")]
    Refused(String),
    /// Training stopped because a loss, a weight or a prediction was no longer finite.
    #[error("{0}")]
    Diverged(String),
}

impl Error {
    /// Returns the exit code of the process: 1 if training diverged, 2 for bad input and any other error.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Diverged(_) => 1,
            Self::Refused(_) => 2,
        }
    }

    /// Creates [`Error::Refused`].
    pub(crate) fn refused(message: impl Display) -> Self {
        Self::Refused(message.to_string())
    }

    /// Creates an error for a value, a shape or a size that is not the expected one. `at` is a file and the place in
    /// it, or an option.
    pub(crate) fn unexpected(at: impl Display, expected: impl Display, got: impl Display) -> Self {
        Self::refused(format_args!("{at}: expected {expected}, got {got}"))
    }

    /// Returns a function for `map_err` that reports an I/O error from reading `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::refused(format_args!("{}: cannot be read: {source}", path.display()))
    }
}

macro_rules! refused {
    ($($error:ty),*) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::refused(error)
            }
        }
    )*};
}

refused!(
    BuildError,
    DataError,
    HyperParameterError,
    LoadError,
    SaveError,
    StateError
);

impl From<TrainError> for Error {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Diverged(diverged) => Self::Diverged(diverged.to_string()),
            other => Self::refused(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_where_expected_and_got() {
        let read = Error::read(Path::new("data.csv"))(io::Error::other("broken disk"));
        assert_eq!(read.to_string(), "data.csv: cannot be read: broken disk");
        assert_eq!(
            Error::unexpected("--epochs", "a number", "`x`").to_string(),
            "--epochs: expected a number, got `x`"
        );
        assert_eq!(Error::Diverged("the loss is NaN".into()).to_string(), "the loss is NaN");
    }

    #[test]
    fn divergence_exits_with_1_and_bad_input_with_2() {
        assert_eq!(Error::Diverged("x".into()).exit_code(), 1);
        assert_eq!(Error::unexpected("a", "b", "c").exit_code(), 2);
        assert_eq!(Error::from(TrainError::BatchSize).exit_code(), 2);
        assert_eq!(Error::read(Path::new("a"))(io::Error::other("b")).exit_code(), 2);
    }
}
