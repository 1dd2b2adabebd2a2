//! Why the command stops, its exit codes, and what it says on standard error.

use mlp_io::{LoadError, SaveError, one_line};
use mlp_table::TableError;
use std::fmt::{self, Display};
use std::io::{self, Write as _};

/// Why the command stops before its end.
#[derive(Debug)]
pub(crate) enum Error {
    /// The request cannot be carried out. The text is one line: where, what was expected and what was found.
    Refused(String),
    /// The user pressed Ctrl-C, and there is nothing to keep.
    Interrupted,
}

impl Error {
    pub(crate) fn refused(message: impl Display) -> Self {
        Self::Refused(message.to_string())
    }

    /// Makes an error for something that is not what it should be. `at` is a file and the place in it, or an option.
    pub(crate) fn unexpected(at: impl Display, expected: impl Display, got: impl Display) -> Self {
        Self::refused(format_args!("{at}: expected {expected}, got {got}"))
    }

    /// Returns the exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => 2,
            // As shells have it: 128 and the number of the signal.
            Self::Interrupted => 130,
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(message) => f.write_str(&one_line(message)),
            Self::Interrupted => f.write_str("interrupted"),
        }
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

refused!(LoadError, SaveError);

/// What the library advises, in terms of the options of the command.
const ADVICE: [(&str, &str); 4] = [
    ("set the separator of the reader", "set --separator"),
    (
        "list it as a missing value",
        "list it as a missing value with --missing",
    ),
    (
        "declare the column to be a category",
        "declare the column with --kind to be a category",
    ),
    (
        "declare the column to be text",
        "declare the column with --kind to be text",
    ),
];

impl From<TableError> for Error {
    fn from(error: TableError) -> Self {
        let advised = |message: String, (library, command)| message.replace(library, command);
        Self::Refused(ADVICE.into_iter().fold(error.to_string(), advised))
    }
}

/// Prints a line on standard error, where it does not mix with results. It is not an error if nobody reads it.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{}", one_line(&line.to_string()));
}
