//! What writing a file asks of the system: so that a test can have each of it fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

/// The system calls that change something, one function each.
pub(super) trait System: Debug {
    /// An open file.
    type File: Debug;

    /// Makes a file that is not there yet (O_EXCL), open to no one whom `permissions` keep out.
    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<Self::File>;

    /// Those to read, write and execute.
    fn set_permissions(&self, file: &Self::File, permissions: Permissions) -> io::Result<()>;

    /// May write less than all, as any write.
    fn write(&self, file: &mut Self::File, buffer: &[u8]) -> io::Result<usize>;

    /// Writes content and metadata to the disk.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Writes the names in a directory to the disk.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk;

impl System for Disk {
    type File = File;

    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if let Some(permissions) = permissions {
            use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
            options.mode(permissions.mode() & 0o777);
        }
        #[cfg(not(unix))]
        let _ = permissions;
        options.open(path)
    }

    fn set_permissions(&self, file: &File, permissions: Permissions) -> io::Result<()> {
        // Not setuid and setgid: the owner may be another one now, and the content is.
        #[cfg(unix)]
        let permissions = {
            use std::os::unix::fs::PermissionsExt as _;
            Permissions::from_mode(permissions.mode() & 0o777)
        };
        file.set_permissions(permissions)
    }

    fn write(&self, file: &mut File, buffer: &[u8]) -> io::Result<usize> {
        file.write(buffer)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(unix)]
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    /// Elsewhere a directory cannot be opened as a file is, and a rename is as durable as the system makes it.
    #[cfg(not(unix))]
    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
