//! A file that is written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use mlp_io::{AtomicFile, WriteError};

use crate::error::Error;

/// A file to be written later, whose path is known now to be writable: an [`AtomicFile`].
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    file: AtomicFile,
}

impl OutputFile {
    /// Makes sure that `path` can be written. A file that is there already is left alone until the write; if `path` is
    /// a link to a file, that file is the one to be replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the directory is missing or cannot be written, or if `path` is a directory, a device, a
    /// link to nothing or a read-only file.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_path_buf(),
            file: AtomicFile::create(path)?,
        })
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], and the path is as it was before; [`Error::NotDurable`], and the file is written.
    pub fn write(mut self, content: &[u8]) -> Result<(), Error> {
        self.file.write_all(content).map_err(Error::write(&self.path))?;
        Ok(self.file.commit()?)
    }
}

/// That `path`, given to `option`, is not the file `other` as well, which would be lost.
///
/// # Errors
///
/// [`Error::Unexpected`] if they are the same.
pub(crate) fn check_apart(option: &str, path: &Path, other: &Path) -> Result<(), Error> {
    // A file that is not there yet has the name it has in its directory.
    let place = |path: &Path| {
        let whole = path.canonicalize().ok();
        let name = || Some(path.parent()?.join(".").canonicalize().ok()?.join(path.file_name()?));
        whole.or_else(name)
    };
    if place(path).is_some_and(|found| place(other) == Some(found)) {
        let expected = format!("a file other than {}", other.display());
        return Err(Error::unexpected(option, expected, path.display()));
    }
    Ok(())
}

impl From<WriteError> for Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::NotWritten { path, source } => Self::Write { path, source },
            uncertain => Self::NotDurable(uncertain),
        }
    }
}

#[cfg(test)]
mod tests;
