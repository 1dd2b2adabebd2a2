//! Prints to standard output, which its reader may close before everything is printed.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal as _, Write};

use crate::error::Error;

/// Prints lines of text, by `writeln!`.
///
/// It is not an error if the reader closes the pipe early (`mlp-demo | head -1`). Later lines are then dropped, and
/// [`is_closed`](Self::is_closed) returns true.
pub(crate) struct Printer {
    sink: Box<dyn Write>,
    closed: bool,
    terminal: bool,
}

impl Printer {
    /// Locks the standard output of the process.
    pub(crate) fn stdout() -> Self {
        let sink = io::stdout().lock();
        Self {
            terminal: sink.is_terminal(),
            closed: false,
            sink: Box::new(sink),
        }
    }

    /// Prints what `writeln!` formats.
    ///
    /// # Errors
    ///
    /// Returns an error if writing fails for any reason other than a closed pipe.
    pub(crate) fn write_fmt(&mut self, line: Arguments<'_>) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        // The line is written in one piece, so that it is never split.
        let text = line.to_string();
        match self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush()) {
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
        self.terminal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    /// A sink that accepts one line and then fails.
    struct Failing {
        lines: Rc<RefCell<Vec<u8>>>,
        kind: ErrorKind,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.lines.borrow_mut();
            if lines.is_empty() {
                lines.extend_from_slice(bytes);
                Ok(bytes.len())
            } else {
                Err(self.kind.into())
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns a printer to such a sink, and what has been printed.
    fn printer(kind: ErrorKind) -> (Printer, Rc<RefCell<Vec<u8>>>) {
        let lines = Rc::default();
        let sink = Failing {
            lines: Rc::clone(&lines),
            kind,
        };
        let printer = Printer {
            sink: Box::new(sink),
            closed: false,
            terminal: false,
        };
        (printer, lines)
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        let (mut printer, lines) = printer(ErrorKind::BrokenPipe);
        assert!(writeln!(printer, "a {}", 1).is_ok() && !printer.is_closed());
        assert!(writeln!(printer, "b").is_ok() && printer.is_closed());
        assert!(writeln!(printer, "c").is_ok());
        assert_eq!(*lines.borrow(), b"a 1\n");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let (mut printer, _) = printer(ErrorKind::StorageFull);
        assert!(writeln!(printer, "a").is_ok());
        let error = writeln!(printer, "b").unwrap_err();
        assert!(
            error.to_string().starts_with("standard output: cannot be written: "),
            "{error}"
        );
        assert_eq!(error.exit_code(), 2);
    }
}
