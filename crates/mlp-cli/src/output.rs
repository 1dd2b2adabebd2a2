//! Where results go: standard output, or files that appear whole and replace nothing unasked.

use crate::error::Error;
use mlp_io::AtomicFile;
use std::io::{self, ErrorKind, Stdout, Write};
use std::path::{Path, PathBuf, absolute};

/// Prints text on standard output. It is not an error if the reader closes the pipe early (`mlp inspect .. | head -1`).
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut output = Output::Standard(io::stdout());
    let printed = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    printed.or_else(|error| output.failed(error))
}

/// A file or standard output.
pub(crate) enum Output {
    File(AtomicFile, PathBuf),
    Standard(Stdout),
}

impl Output {
    /// Opens the file at `path`, which appears when it is committed, or standard output if there is no path.
    pub(crate) fn create(path: Option<&Path>) -> Result<Self, Error> {
        Ok(match path {
            Some(path) => Self::File(AtomicFile::create(path)?, path.to_path_buf()),
            None => Self::Standard(io::stdout()),
        })
    }

    /// Makes an error that says where it could not be written. If nobody reads standard output any more, that is no
    /// error, and there is nothing left to do.
    pub(crate) fn failed(&self, error: io::Error) -> Result<(), Error> {
        match self {
            Self::Standard(_) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Error::refused(format_args!(
                "{}: cannot be written: {error}",
                self.name()
            ))),
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Standard(_) => "standard output".to_owned(),
            Self::File(_, path) => path.display().to_string(),
        }
    }

    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::File(file, _) => Ok(file.commit()?),
            Self::Standard(mut output) => {
                let flushed = output.flush();
                flushed.or_else(|error| Self::Standard(output).failed(error))
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write(bytes),
            Self::Standard(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Standard(output) => output.flush(),
        }
    }
}

/// The files of a command. None of those that it writes is one that it reads, or replaces another file unasked.
pub(crate) struct Files {
    force: bool,
    /// The options that name files, with these.
    taken: Vec<(&'static str, PathBuf)>,
}

impl Files {
    /// Starts with the files that are not to be written, and the options that name them. `force` allows to replace other
    /// files.
    pub(crate) fn reading<'a>(files: impl IntoIterator<Item = (&'static str, &'a Path)>, force: bool) -> Self {
        let taken = files.into_iter().map(|(option, path)| (option, path.to_path_buf()));
        Self {
            force,
            taken: taken.collect(),
        }
    }

    /// Checks, before any work is done, that `path`, the value of `option`, can be written. Leaves no trace.
    pub(crate) fn writing(&mut self, option: &'static str, path: &Path) -> Result<(), Error> {
        let shown = path.display();
        if let Some((other, _)) = self.taken.iter().find(|(_, other)| place(other) == place(path)) {
            let expected = format_args!("a file other than that of {other}");
            return Err(Error::unexpected(option, expected, shown));
        }
        // A directory or a device cannot be written even with --force, and the error of `create` says so.
        if !self.force && path.is_file() {
            let advice = format_args!("add --force to replace it, or name another file with {option}");
            return Err(Error::refused(format_args!("{shown}: exists already; {advice}")));
        }
        self.taken.push((option, path.to_path_buf()));
        // The temporary file is removed now, because a process that is killed would leave it behind.
        drop(AtomicFile::create(path)?);
        Ok(())
    }
}

/// Returns the absolute path of a file with its links resolved. Parts of the path that do not exist yet keep their
/// names.
fn place(path: &Path) -> PathBuf {
    let path = absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or(path)
}
