//! Files that are written whole or not at all, and over no other file of the run.

use std::path::{Path, PathBuf, absolute};

use mlp_io::{AtomicFile, WriteError, write_atomically};

use crate::checkpoints;
use crate::error::Error;

/// A file to be written later, whose path is known now to be writable.
#[derive(Debug)]
#[must_use = "it is not written by itself"]
pub struct OutputFile {
    path: PathBuf,
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
        // The temporary file does not stay until the write: a process that is killed in between would leave it.
        drop(AtomicFile::create(path)?);
        Ok(Self {
            path: path.to_path_buf(),
        })
    }

    /// Writes the file, as an [`AtomicFile`].
    ///
    /// # Errors
    ///
    /// [`Error::Write`], and the path is as it was before; [`Error::NotDurable`], and the file is written.
    pub fn write(self, content: &[u8]) -> Result<(), Error> {
        Ok(write_atomically(&self.path, |file| file.write_all(content))?)
    }
}

/// The files of a run, none of which is written over another.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// What is read or written, under the names that were given.
    taken: Vec<PathBuf>,
    checkpoints: Option<PathBuf>,
}

impl Files {
    /// Files that are read.
    pub(crate) fn reading(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.taken.extend(paths);
        self
    }

    /// The directory of checkpoints, if there is one.
    pub(crate) fn checkpoints(mut self, directory: Option<&Path>) -> Self {
        self.checkpoints = directory.map(Path::to_path_buf);
        self
    }

    /// That `path`, given to `option`, is a file of its own, and from now on one of these.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] if it is one of these, or of those that the directory of checkpoints keeps for itself.
    pub(crate) fn add(&mut self, option: &str, path: &Path) -> Result<(), Error> {
        let found = place(path);
        let unexpected = |expected: String| Err(Error::unexpected(option, expected, path.display()));
        if let Some(other) = self.taken.iter().find(|other| place(other) == found) {
            return unexpected(format!("a file other than {}", other.display()));
        }
        if let Some(directory) = &self.checkpoints {
            let checkpoints = place(directory);
            if checkpoints.starts_with(&found) {
                return unexpected(format!(
                    "a file, not the directory of checkpoints {} or one above it",
                    directory.display()
                ));
            }
            let name = found.file_name().map(|name| name.to_string_lossy());
            if found.parent() == Some(&checkpoints) && name.is_some_and(|name| checkpoints::is_own(&name)) {
                return unexpected(format!("a file other than the checkpoints in {}", directory.display()));
            }
        }
        self.taken.push(path.to_path_buf());
        Ok(())
    }

    /// The file at `path`, given to `option`, as by [`add`](Self::add), to be written later.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add) and of [`OutputFile::create`].
    pub(crate) fn output(&mut self, option: &str, path: Option<&Path>) -> Result<Option<OutputFile>, Error> {
        let create = |path| {
            self.add(option, path)?;
            OutputFile::create(path)
        };
        path.map(create).transpose()
    }
}

/// Where the file is, links followed. One that is not there yet has the name it will have in its directory, and so has
/// the directory.
fn place(path: &Path) -> PathBuf {
    let path = absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    found.unwrap_or(path)
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
