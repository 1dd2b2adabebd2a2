//! The system calls that writing a file makes, behind a trait, so that tests can make each of them fail.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

/// The system calls that change something, one function for each.
pub(super) trait System: Debug {
    /// An open file.
    type File: Debug;

    /// Makes a file that must not exist yet (O_EXCL). Nobody whom `permissions` exclude can open it.
    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<Self::File>;

    /// Sets the permissions to read, write and execute.
    fn set_permissions(&self, file: &Self::File, permissions: Permissions) -> io::Result<()>;

    /// Writes at least a part of `buffer`, as [`Write::write`](std::io::Write::write) does.
    fn write(&self, file: &mut Self::File, buffer: &[u8]) -> io::Result<usize>;

    /// Writes the content and metadata of the file to the disk.
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
        // Setuid and setgid are not kept, because the owner may have changed and the content has.
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

    /// Other systems cannot open a directory like a file, and a rename there is as durable as the system makes it.
    #[cfg(not(unix))]
    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
