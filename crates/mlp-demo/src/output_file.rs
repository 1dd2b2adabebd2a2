//! Output files that are written completely or not at all, and that never overwrite another file of the run.

use std::path::{Path, PathBuf, absolute};

use mlp_io::{AtomicFile, write_atomically};

use crate::checkpoints;
use crate::error::Error;

/// A file to write later, whose path has already been checked to be writable.
#[derive(Debug)]
#[must_use = "the file is written only when `write` is called"]
pub struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    /// Checks that `path` can be written. An existing file stays unchanged until the write. If `path` is a link to a
    /// file, the write replaces that file.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Save`] if the directory is missing or not writable, or if `path` is a directory, a device, a
    /// dangling link or a read-only file.
    pub fn create(path: &Path) -> Result<Self, Error> {
        // The temporary file is removed now, because a process that is killed before the write would leave it behind.
        drop(AtomicFile::create(path)?);
        Ok(Self {
            path: path.to_path_buf(),
        })
    }

    /// Writes the file through an [`AtomicFile`].
    ///
    /// # Errors
    ///
    /// Returns [`Error::Save`] if the file is not written, in which case `path` is as it was before, or if it is written
    /// but may not survive a power failure.
    pub fn write(self, content: &[u8]) -> Result<(), Error> {
        Ok(write_atomically(&self.path, |file| file.write_all(content))?)
    }
}

/// The files of a run. None of them may be written over another.
#[derive(Debug, Default)]
pub(crate) struct Files {
    /// The files that are read or written, by the paths that were given.
    taken: Vec<PathBuf>,
    checkpoints: Option<PathBuf>,
}

impl Files {
    /// Adds files that are read.
    pub(crate) fn reading(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.taken.extend(paths);
        self
    }

    /// Sets the checkpoint directory, if there is one.
    pub(crate) fn checkpoints(mut self, directory: Option<&Path>) -> Self {
        self.checkpoints = directory.map(Path::to_path_buf);
        self
    }

    /// Checks that `path`, the value of `option`, is not yet one of these files, and adds it to them.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Unexpected`] if `path` is one of these files, the checkpoint directory or one of its parents,
    /// or a file that the checkpoint directory reserves for itself.
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
                    "a file, not the checkpoint directory {} or a parent of it",
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

    /// Adds `path`, the value of `option`, by [`add`](Self::add) and returns the file, to be written later.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`add`](Self::add) and of [`OutputFile::create`].
    pub(crate) fn output(&mut self, option: &str, path: Option<&Path>) -> Result<Option<OutputFile>, Error> {
        let create = |path| {
            self.add(option, path)?;
            OutputFile::create(path)
        };
        path.map(create).transpose()
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

#[cfg(test)]
mod tests;
