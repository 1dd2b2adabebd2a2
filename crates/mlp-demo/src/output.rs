//! Writes to standard output, which its reader may close before everything is written.

use std::fmt::Arguments;
use std::io::{self, IsTerminal, StdoutLock, Write};
use std::path::PathBuf;

use crate::error::Error;

/// A writer of lines of text to standard output.
///
/// It is not an error if the reader closes the pipe early (`mlp-demo | head -1`). Later lines are then dropped, and
/// [`is_closed`](Self::is_closed) returns true.
#[derive(Debug)]
pub(crate) struct Output<W> {
    sink: W,
    closed: bool,
    terminal: bool,
}

impl Output<StdoutLock<'static>> {
    /// Locks the standard output of the process.
    pub(crate) fn stdout() -> Self {
        let sink = io::stdout().lock();
        let terminal = sink.is_terminal();
        Self {
            sink,
            closed: false,
            terminal,
        }
    }
}

impl<W: Write> Output<W> {
    /// Writes a line.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Write`] if writing fails for any reason other than a closed pipe.
    pub(crate) fn line(&mut self, line: Arguments<'_>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        // The line is written in one piece, so that it is never split.
        let text = format!("{line}\n");
        match self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(source) => Err(Error::Write {
                path: PathBuf::from("standard output"),
                source,
            }),
            Ok(()) => Ok(()),
        }
    }

    /// Returns whether the reader has closed the pipe.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Returns whether standard output is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink that accepts one line and then fails.
    struct Failing {
        lines: Vec<u8>,
        kind: io::ErrorKind,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.lines.is_empty() {
                self.lines.extend_from_slice(bytes);
                Ok(bytes.len())
            } else {
                Err(self.kind.into())
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(kind: io::ErrorKind) -> Output<Failing> {
        Output {
            sink: Failing { lines: vec![], kind },
            closed: false,
            terminal: false,
        }
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let mut output = output(io::ErrorKind::BrokenPipe);
        assert!(output.line(format_args!("a {}", 1)).is_ok() && !output.is_closed());
        assert!(output.line(format_args!("b")).is_ok() && output.is_closed());
        assert!(output.line(format_args!("c")).is_ok());
        assert_eq!(output.sink.lines, b"a 1\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut output = output(io::ErrorKind::StorageFull);
        assert!(output.line(format_args!("a")).is_ok());
        let error = output.line(format_args!("b")).unwrap_err();
        assert!(
            error.to_string().starts_with("standard output: cannot be written: "),
            "{error}"
        );
        assert_eq!(error.exit_code(), 2);
    }
}
