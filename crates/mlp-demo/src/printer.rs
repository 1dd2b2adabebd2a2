//! Prints to standard output, which its reader may close before everything is printed.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal as _, StdoutLock, Write as _};

use crate::error::Error;

/// Prints lines of text, by `writeln!`.
///
/// It is not an error if the reader closes the pipe early (`mlp-demo | head -1`). Later lines are then dropped, and
/// [`is_closed`](Self::is_closed) returns true.
pub(crate) struct Printer {
    stdout: StdoutLock<'static>,
    closed: bool,
}

impl Printer {
    /// Locks the standard output of the process.
    pub(crate) fn stdout() -> Self {
        Self {
            stdout: io::stdout().lock(),
            closed: false,
        }
    }

    /// Prints what `writeln!` formats. Returns an error if writing fails for any reason other than a closed pipe.
    pub(crate) fn write_fmt(&mut self, line: Arguments<'_>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        // The line is written in one piece, so that it is never split.
        let text = line.to_string();
        match self
            .stdout
            .write_all(text.as_bytes())
            .and_then(|()| self.stdout.flush())
        {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => {
                result.map_err(|error| Error::refused(format_args!("standard output: cannot be written: {error}")))
            }
        }
    }

    /// Returns whether the reader has closed the pipe.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns whether standard output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.stdout.is_terminal()
    }
}
