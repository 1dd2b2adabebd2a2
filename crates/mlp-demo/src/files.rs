//! The files of a command: none of them is written over another one.

use std::path::{Path, PathBuf, absolute};

use mlp_io::AtomicFile;

use crate::checkpoints;
use crate::error::Error;

/// The files that a command reads and writes, by the paths that were given.
#[derive(Debug, Default)]
pub(crate) struct Files {
    taken: Vec<PathBuf>,
    checkpoints: Option<PathBuf>,
}

impl Files {
    /// Starts with the files that are read.
    pub(crate) fn reading(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            taken: paths.into_iter().collect(),
            checkpoints: None,
        }
    }

    /// Sets the checkpoint directory, if there is one.
    pub(crate) fn checkpoints(mut self, directory: Option<&Path>) -> Self {
        self.checkpoints = directory.map(Path::to_path_buf);
        self
    }

    /// Checks that `path`, the value of `option`, can be written, and adds it to these files. Does nothing without a
    /// path. Returns an error if `path` is already one of these files, the checkpoint directory or one of its parents,
    /// or a file that the checkpoint directory reserves for itself; or if it cannot be written.
    pub(crate) fn writing(&mut self, option: &str, path: Option<&Path>) -> Result<(), Error> {
        let Some(path) = path else { return Ok(()) };
        let found = place(path);
        let unexpected = |expected: String| Err(Error::unexpected(option, expected, path.display()));
        if let Some(other) = self.taken.iter().find(|other| place(other) == found) {
            return unexpected(format!("a file other than {}", other.display()));
        }
        if let Some(directory) = &self.checkpoints {
            let (checkpoints, shown) = (place(directory), directory.display());
            if checkpoints.starts_with(&found) {
                return unexpected(format!(
                    "a file, not the checkpoint directory {shown} or a parent of it"
                ));
            }
            let name = found.file_name().unwrap_or_default().to_string_lossy();
            if found.parent() == Some(&checkpoints) && checkpoints::is_own(&name) {
                return unexpected(format!("a file other than the checkpoints in {shown}"));
            }
        }
        self.taken.push(path.to_path_buf());
        // The temporary file is removed now, because a process that is killed before the write would leave it behind.
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
