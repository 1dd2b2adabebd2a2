//! Files that are written whole or not at all.

mod system;

use crate::SaveError;
use crate::error::shown;
use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use system::{Disk, System};

/// A file that appears under its path, whole, only when [`commit`](Self::commit) is called.
///
/// [`create`](Self::create) makes a temporary file beside the path, so that a path that cannot be written is detected
/// at the start. `commit` writes the temporary file to the disk (fsync), moves it into place with one rename and writes
/// the directory to the disk. Readers see either the old content or the whole new content, even after a crash or a
/// power failure. A file that is dropped without a commit leaves nothing behind. (A process that is killed leaves the
/// temporary file, `.NAME.*.tmp`.)
///
/// - If the path is a link to a file, that file is replaced and the link stays. A link to nothing, a directory, a
///   device and a read-only file are refused. If a file has several hard links, only the written one changes.
/// - A replaced file keeps its permissions (read, write, execute; no setuid, setgid or sticky bit). A new file gets
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
    /// Checks that `path` can be written, and makes the temporary file. An existing file is left alone until the
    /// commit.
    ///
    /// # Errors
    /// Returns [`NotWritten`](crate::SaveErrorKind::NotWritten) if the directory is missing or cannot be written, or if `path` is a
    /// directory, a device, a link to nothing or a read-only file, or does not end in a file name.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, SaveError> {
        Pending::create(Disk, path.as_ref()).map(Self)
    }

    /// Moves the new content into place.
    ///
    /// # Errors
    /// Returns [`NotWritten`](crate::SaveErrorKind::NotWritten) if the old content is still in place, and [`NotDurable`](crate::SaveErrorKind::NotDurable)
    /// if the new content is in place but may not survive a power failure.
    pub fn commit(self) -> Result<(), SaveError> {
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

/// Writes a file whole or not at all. `write` fills an [`AtomicFile`], which is committed if `write` succeeds.
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
/// The errors of [`AtomicFile::create`] and [`AtomicFile::commit`]. An error of `write` becomes a
/// [`NotWritten`](crate::SaveErrorKind::NotWritten).
pub fn write_atomically(
    path: impl AsRef<Path>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), SaveError> {
    write_through(Disk, path.as_ref(), write)
}

fn write_through<S: System>(
    system: S,
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), SaveError> {
    let mut file = Pending::create(system, path)?;
    write(&mut file).map_err(|source| not_written(path, source))?;
    file.commit()
}

fn not_written(path: &Path, source: io::Error) -> SaveError {
    SaveError::not_written(source).in_file(path)
}

/// An [`AtomicFile`], generic over the system calls.
#[derive(Debug)]
struct Pending<S: System> {
    system: S,
    /// The path as the caller gave it, for messages.
    path: PathBuf,
    /// The file to replace, after following links.
    target: PathBuf,
    directory: PathBuf,
    temporary: PathBuf,
    file: Option<S::File>,
    renamed: bool,
}

impl<S: System> Pending<S> {
    fn create(system: S, path: &Path) -> Result<Self, SaveError> {
        Self::try_create(system, path).map_err(|source| not_written(path, source))
    }

    fn try_create(system: S, path: &Path) -> io::Result<Self> {
        // `file_name` ignores a trailing separator, and a dot after it.
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
        // An existing file passes on its permissions; otherwise the system chooses them.
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
        // The umask may have removed permissions that the old file had.
        if let (Some(permissions), Some(file)) = (existing, &pending.file) {
            pending.system.set_permissions(file, permissions)?;
        }
        Ok(pending)
    }

    fn commit(mut self) -> Result<(), SaveError> {
        let replaced = match self.file.take() {
            Some(file) => self.system.sync(&file).and_then(|()| {
                // The file is closed first because some systems do not rename an open file.
                drop(file);
                self.system.rename(&self.temporary, &self.target)
            }),
            None => Err(io::Error::other("the file is closed")),
        };
        replaced.map_err(|source| not_written(&self.path, source))?;
        self.renamed = true;
        self.system
            .sync_directory(&self.directory)
            .map_err(|source| SaveError::not_durable(source).in_file(&self.path))
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
            // The caller already gets the error that led here, and nothing can be done about this one.
            _ = self.system.remove(&self.temporary);
        }
    }
}

fn ends_in(path: &Path, name: &OsStr) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes())
}

/// Makes a directory and its missing parents, and writes their names to the disk.
pub(crate) fn make_directory(path: &Path) -> Result<(), SaveError> {
    make_directory_through(&Disk, path)
}

fn make_directory_through<S: System>(system: &S, path: &Path) -> Result<(), SaveError> {
    let named = path.ancestors().take_while(|part| !part.as_os_str().is_empty());
    let missing: Vec<&Path> = named.take_while(|part| !part.exists()).collect();
    fs::create_dir_all(path).map_err(|source| not_written(path, source))?;
    for made in missing {
        system
            .sync_directory(&directory_of(made))
            .map_err(|source| SaveError::not_durable(source).in_file(path))?;
    }
    Ok(())
}

/// Returns the directory that contains `path`.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Returns the permissions of the regular, writable file at `path`, or `None` if nothing is there.
fn existing(path: &Path) -> io::Result<Option<Permissions>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        // A link to nothing is an error. A path where nothing exists is not.
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

/// Makes a new file in `directory`, named after `name`, that no other process has open.
fn create_temporary<S: System>(
    system: &S,
    directory: &Path,
    name: &str,
    permissions: Option<&Permissions>,
) -> io::Result<(PathBuf, S::File)> {
    /// How many names to try. A name is taken by chance once in 2^64, or because somebody intends it.
    const ATTEMPTS: usize = 16;
    // A long name must not exceed the limit of the file system.
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
