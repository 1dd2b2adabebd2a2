//! A file that is written whole or not at all.

mod system;

use crate::error::shown;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use system::{Disk, System};

/// Why a file was not written, or not surely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Nothing changed: what was under the path before is there, whole.
    #[error("{}: cannot be written: {source}", shown(.path))]
    NotWritten {
        /// What was to be written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The new content is under the path, whole, but the system did not confirm that the directory is on the disk:
    /// after a power failure now, the old content may be back.
    #[error("{}: written, but it may not survive a power failure: {source}", shown(.path))]
    DurabilityUncertain {
        /// What was written.
        path: PathBuf,
        /// Why writing the directory to the disk failed.
        source: io::Error,
    },
}

/// A file to be written, which appears under its path by [`commit`](Self::commit) only, whole.
///
/// A temporary file is made beside it at the start, so that a path that cannot be written is known then. `commit`
/// writes it to the disk (fsync), puts it in place by one rename and writes the directory to the disk: readers see
/// what was there before or the whole new content, after a crash or a power failure, too. Dropped without a commit, it
/// leaves nothing behind. (A process that is killed leaves the temporary file, `.NAME.*.tmp`.)
///
/// - If the path is a link to a file, that file is replaced and the link stays. A link to nothing, a directory, a
///   device and a read-only file are refused. Of several hard links, the one written leaves the others.
/// - The permissions of a file replaced are kept (read, write, execute; no setuid, setgid or sticky bit); a new one gets
///   those of any new file (0666 less the umask). Owner and access lists are not carried over.
///
/// ```
/// use mlp_io::AtomicFile;
/// use std::io::Write as _;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("notes.txt");
/// let mut file = AtomicFile::create(&path)?;
/// file.write_all(b"first line\n")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert_eq!(std::fs::read(&path)?, b"first line\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "without a commit, nothing is written"]
pub struct AtomicFile(Pending<Disk>);

impl AtomicFile {
    /// Makes sure that `path` can be written. A file that is there already is left alone until the commit.
    ///
    /// # Errors
    /// [`WriteError::NotWritten`] if the directory is missing or cannot be written, or `path` is a directory, a device,
    /// a link to nothing or a read-only file, or does not end in a file name.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        Pending::create(Disk, path.as_ref()).map(Self)
    }

    /// Puts what was written in its place.
    ///
    /// # Errors
    /// [`WriteError::NotWritten`], and what was there before is there; [`WriteError::DurabilityUncertain`], and the new
    /// content is there.
    pub fn commit(self) -> Result<(), WriteError> {
        self.0.commit()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a file whole or not at all: an [`AtomicFile`] that `write` fills, committed if it succeeds.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("notes.txt");
/// mlp_io::write_atomically(&path, |file| writeln!(file, "first line"))?;
/// # assert_eq!(std::fs::read(&path)?, b"first line\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`AtomicFile::create`] and [`AtomicFile::commit`]; what `write` fails with is a [`WriteError::NotWritten`].
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    write_through(Disk, path.as_ref(), write)
}

fn write_through<S: System>(
    system: S,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), WriteError> {
    let mut file = Pending::create(system, path)?;
    write(&mut file).map_err(|source| not_written(path, source))?;
    file.commit()
}

fn not_written(path: &Path, source: io::Error) -> WriteError {
    WriteError::NotWritten {
        path: path.to_path_buf(),
        source,
    }
}

/// An [`AtomicFile`] on any system.
#[derive(Debug)]
struct Pending<S: System> {
    system: S,
    /// As given, for messages.
    path: PathBuf,
    /// The file to be replaced, links followed.
    target: PathBuf,
    directory: PathBuf,
    temporary: PathBuf,
    file: Option<S::File>,
    renamed: bool,
}

impl<S: System> Pending<S> {
    fn create(system: S, path: &Path) -> Result<Self, WriteError> {
        Self::try_create(system, path).map_err(|source| not_written(path, source))
    }

    fn try_create(system: S, path: &Path) -> io::Result<Self> {
        // `file_name` overlooks a separator at the end, and a dot behind it.
        let Some(name) = path.file_name().filter(|name| ends_in(path, name)) else {
            return Err(io::Error::other("the path does not end in a file name"));
        };
        let existing = existing(path)?;
        let target = match existing {
            Some(_) => fs::canonicalize(path)?,
            None => path.to_path_buf(),
        };
        let directory = directory_of(&target);
        let in_directory = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", shown(&directory)));
        if !fs::metadata(&directory).map_err(in_directory)?.is_dir() {
            return Err(in_directory(io::ErrorKind::NotADirectory.into()));
        }
        // Of a file that was there, its permissions; else what the system gives to any new file.
        let (temporary, file) =
            create_temporary(&system, &directory, name.to_string_lossy().as_ref(), existing.as_ref())
                .map_err(in_directory)?;
        let pending = Self {
            system,
            path: path.to_path_buf(),
            target,
            directory,
            temporary,
            file: Some(file),
            renamed: false,
        };
        // The umask may have taken away what the file before had.
        if let (Some(permissions), Some(file)) = (existing, &pending.file) {
            pending.system.set_permissions(file, permissions)?;
        }
        Ok(pending)
    }

    fn commit(mut self) -> Result<(), WriteError> {
        let replaced = match self.file.take() {
            Some(file) => self.system.sync(&file).and_then(|()| {
                // Closed first: some systems do not rename an open file.
                drop(file);
                self.system.rename(&self.temporary, &self.target)
            }),
            None => Err(io::Error::other("the file is closed")),
        };
        replaced.map_err(|source| not_written(&self.path, source))?;
        self.renamed = true;
        self.system
            .sync_directory(&self.directory)
            .map_err(|source| WriteError::DurabilityUncertain {
                path: self.path.clone(),
                source,
            })
    }
}

impl<S: System> Write for Pending<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => self.system.write(file, buffer),
            None => Err(io::Error::other("the file is closed")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<S: System> Drop for Pending<S> {
    fn drop(&mut self) {
        if !self.renamed {
            self.file = None;
            // What it was dropped for is the error to be told, and nothing can be done about this one.
            _ = self.system.remove(&self.temporary);
        }
    }
}

fn ends_in(path: &Path, name: &OsStr) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes())
}

/// Makes a directory and those it is in, as far as they are not there, and writes their names to the disk.
pub(crate) fn make_directory(path: &Path) -> Result<(), WriteError> {
    make_directory_through(&Disk, path)
}

fn make_directory_through<S: System>(system: &S, path: &Path) -> Result<(), WriteError> {
    let named = path.ancestors().take_while(|part| !part.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|part| !part.exists()).collect();
    fs::create_dir_all(path).map_err(|source| not_written(path, source))?;
    for made in missing {
        let path = || path.to_path_buf();
        system
            .sync_directory(&directory_of(made))
            .map_err(|source| WriteError::DurabilityUncertain { path: path(), source })?;
    }
    Ok(())
}

/// The directory that `path` is in.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The permissions of the regular, writable file that is at `path`, if any is there.
fn existing(path: &Path) -> io::Result<Option<Permissions>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // A link to nothing is an error; no link, and nothing there, is not.
        Err(e) if e.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(e) => return Err(e),
    };
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.permissions().readonly() {
        return Err(io::Error::other("the file is read-only"));
    }
    Ok(Some(metadata.permissions()))
}

/// A new file in `directory`, named after `name`, which nobody else has open.
fn create_temporary<S: System>(
    system: &S,
    directory: &Path,
    name: &str,
    permissions: Option<&Permissions>,
) -> io::Result<(PathBuf, S::File)> {
    /// Names to try: that one is taken is chance of one in 2^64, or somebody's intent.
    const ATTEMPTS: usize = 16;
    // So that a long name does not get too long.
    let name: String = name.chars().take(48).collect();
    let mut taken = io::ErrorKind::AlreadyExists.into();
    for _ in 0..ATTEMPTS {
        let random = RandomState::new().hash_one(std::process::id());
        let temporary = directory.join(OsString::from(format!(".{name}.{random:016x}.tmp")));
        match system.create_new(&temporary, permissions) {
            Ok(file) => return Ok((temporary, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(e),
        }
    }
    Err(taken)
}

#[cfg(test)]
mod tests;
