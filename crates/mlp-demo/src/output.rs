//! Standard output, which may be closed before everything is written to it.

use std::fmt::Arguments;
use std::io::{self, IsTerminal, StdoutLock, Write};
use std::path::PathBuf;

use crate::error::Error;

/// Lines of text to standard output.
///
/// A reader that has seen enough and closes the pipe (`mlp-demo | head -1`) is no error: what comes after is dropped,
/// and [`is_closed`](Self::is_closed) tells that nobody listens any more.
#[derive(Debug)]
pub(crate) struct Output<W> {
    sink: W,
    closed: bool,
    terminal: bool,
}

impl Output<StdoutLock<'static>> {
    /// The standard output of the process.
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
    /// [`Error::Write`], unless it is that the reader is gone.
    pub(crate) fn line(&mut self, line: Arguments<'_>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        // One piece, so that a line is never torn.
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

    /// Whether the reader is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes one line, then fails.
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
    fn a_reader_that_is_gone_is_no_error() {
        let mut output = output(io::ErrorKind::BrokenPipe);
        assert!(output.line(format_args!("a {}", 1)).is_ok() && !output.is_closed());
        assert!(output.line(format_args!("b")).is_ok() && output.is_closed());
        assert!(output.line(format_args!("c")).is_ok());
        assert_eq!(output.sink.lines, b"a 1\n");
    }

    #[test]
    fn a_full_disk_is_one() {
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
