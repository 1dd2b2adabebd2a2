//! A file that is written whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::Error;

/// A file to be written later, whose path is known now to be writable.
///
/// A temporary file is made beside it at the start; [`OutputFile::write`] fills it and puts it in place by one rename,
/// so that readers see either what was there before or the whole new content. Dropped without a write, it leaves
/// nothing behind. (A process that is killed leaves the temporary file, `.NAME.*.tmp`.)
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    temporary: NamedTempFile,
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
        Self::try_create(path).map_err(Error::write(path))
    }

    fn try_create(path: &Path) -> io::Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(io::Error::other("the path does not end in a file name"));
        };
        let existing = if path.is_symlink() {
            Some(fs::metadata(path)?)
        } else {
            fs::metadata(path).ok()
        };
        if let Some(existing) = &existing {
            if existing.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            if !existing.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            if existing.permissions().readonly() {
                return Err(io::Error::other("the file is read-only"));
            }
        }
        let path = if existing.is_some() {
            fs::canonicalize(path)?
        } else {
            path.to_path_buf()
        };

        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let in_directory = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", directory.display()));
        if !fs::metadata(directory).map_err(in_directory)?.is_dir() {
            return Err(in_directory(io::ErrorKind::NotADirectory.into()));
        }
        let prefix = format!(".{}.", name.to_string_lossy());
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(".tmp");
        if let Some(permissions) = existing.map(|it| it.permissions()).or_else(default_permissions) {
            builder.permissions(permissions);
        }
        // The error itself carries the name of the temporary file, which means nothing to a user.
        let temporary = builder
            .tempfile_in(directory)
            .map_err(|e| in_directory(e.kind().into()))?;
        Ok(Self { path, temporary })
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], and the path is as it was before.
    pub fn write(mut self, content: &[u8]) -> Result<(), Error> {
        let written = self
            .temporary
            .write_all(content)
            .and_then(|()| self.temporary.as_file().sync_all());
        let replaced = written.and_then(|()| self.temporary.persist(&self.path).map_err(|e| e.error));
        replaced.map(drop).map_err(Error::write(&self.path))
    }
}

/// Those of any new file: all may read and write, less what the user's mask takes away. A temporary file would
/// otherwise be for its owner alone.
#[cfg(unix)]
fn default_permissions() -> Option<fs::Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o666))
}

#[cfg(not(unix))]
fn default_permissions() -> Option<fs::Permissions> {
    None
}

#[cfg(test)]
mod tests;
