//! Makes each system call fail in turn.

use super::*;
use crate::SaveErrorKind;
use std::cell::{Cell, RefCell};
use std::fs::File;

/// Returns the error of the system.
fn source(error: &SaveError) -> &io::Error {
    let source = std::error::Error::source(error).unwrap();
    source.downcast_ref().unwrap()
}

/// A disk that fails at the call numbered `fails_at` and writes at most `longest_write` bytes at a time.
#[derive(Debug)]
struct Faulty<'a> {
    calls: &'a RefCell<Vec<&'static str>>,
    fails_at: usize,
    error: i32,
    longest_write: usize,
    removes: &'a Cell<usize>,
}

impl Faulty<'_> {
    fn call(&self, name: &'static str) -> io::Result<()> {
        let mut calls = self.calls.borrow_mut();
        calls.push(name);
        if calls.len() - 1 == self.fails_at {
            return Err(io::Error::from_raw_os_error(self.error));
        }
        Ok(())
    }
}

impl System for Faulty<'_> {
    type File = File;

    fn create_new(&self, path: &Path, permissions: Option<&Permissions>) -> io::Result<File> {
        self.call("create_new")?;
        Disk.create_new(path, permissions)
    }

    fn set_permissions(&self, file: &File, permissions: Permissions) -> io::Result<()> {
        self.call("set_permissions")?;
        Disk.set_permissions(file, permissions)
    }

    fn write(&self, file: &mut File, buffer: &[u8]) -> io::Result<usize> {
        self.call("write")?;
        Disk.write(file, &buffer[..buffer.len().min(self.longest_write)])
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.call("sync")?;
        Disk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("rename")?;
        Disk.rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        self.call("sync_directory")?;
        Disk.sync_directory(directory)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.removes.set(self.removes.get() + 1);
        Disk.remove(path)
    }
}

/// The error numbers for an input/output error, no space left on the device, and a quota exceeded.
const ERRORS: [i32; 3] = [5, 28, 122];

/// Writes new content over `old` (or where there is no file) while the call numbered `fails_at` fails. Returns the
/// calls that were made.
fn run(old: Option<&[u8]>, fails_at: usize, error: i32, longest_write: usize) -> Vec<&'static str> {
    let new: &[u8] = b"the new content";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    if let Some(old) = old {
        fs::write(&path, old).unwrap();
    }
    let (calls, removes) = (RefCell::default(), Cell::new(0));
    let system = Faulty {
        calls: &calls,
        fails_at,
        error,
        longest_write,
        removes: &removes,
    };
    let result = write_through(system, &path, |file| file.write_all(new));

    let calls = calls.into_inner();
    let failed = calls.get(fails_at).copied();
    let case = format!("call {fails_at} ({failed:?}) fails with {error}, {longest_write} bytes a write");
    let found = fs::read(&path).ok();
    let directory = names(directory.path());
    match (failed, result) {
        (None, Ok(())) => assert_eq!(found.as_deref(), Some(new), "{case}"),
        (Some("sync_directory"), Err(failure)) if failure.kind == SaveErrorKind::NotDurable => {
            assert_eq!(source(&failure).raw_os_error(), Some(error), "{case}");
            let message = "written, but it may not survive a power failure: ";
            assert!(failure.message.starts_with(message), "{case}: {failure}");
            assert_eq!(failure.file, Some(path), "{case}");
            assert_eq!(found.as_deref(), Some(new), "{case}");
        }
        (Some(failed), Err(failure)) if failure.kind == SaveErrorKind::NotWritten => {
            let source = source(&failure);
            assert_eq!(failure.file, Some(path), "{case}");
            let expected = io::Error::from_raw_os_error(error);
            assert_eq!(source.kind(), expected.kind(), "{case}");
            assert!(source.to_string().contains(&expected.to_string()), "{case}: {source}");
            assert_eq!(found.as_deref(), old, "{case}: the old file is whole");
            assert_eq!(removes.get(), usize::from(failed != "create_new"), "{case}");
        }
        (_, result) => panic!("{case}: {result:?}"),
    }
    let left = if found.is_some() {
        vec!["model".to_owned()]
    } else {
        vec![]
    };
    assert_eq!(directory, left, "{case}: no temporary file");
    calls
}

#[test]
fn each_call_that_fails_leaves_the_old_file_whole_and_no_other() {
    for old in [None, Some(&b"the old one"[..])] {
        for longest_write in [usize::MAX, 4, 1] {
            let calls = run(old, usize::MAX, 0, longest_write);
            let mut protocol = calls.clone();
            protocol.dedup();
            let expected = [
                "create_new",
                "set_permissions",
                "write",
                "sync",
                "rename",
                "sync_directory",
            ];
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|&call| old.is_some() || call != "set_permissions")
                .collect();
            assert_eq!(protocol, expected);
            for fails_at in 0..calls.len() {
                for error in ERRORS {
                    run(old, fails_at, error, longest_write);
                }
            }
        }
    }
}

#[test]
fn a_disk_that_accepts_no_bytes_is_an_error_and_not_an_endless_loop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let (calls, removes) = (RefCell::default(), Cell::new(0));
    let system = Faulty {
        calls: &calls,
        fails_at: usize::MAX,
        error: 0,
        longest_write: 0,
        removes: &removes,
    };
    let error = write_through(system, &path, |file| file.write_all(b"new")).unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::NotWritten);
    assert_eq!(source(&error).kind(), io::ErrorKind::WriteZero);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_temporary_name_that_is_taken_is_not_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    // The first name is taken (error 17, EEXIST), so another one is tried.
    let (calls, removes) = (RefCell::default(), Cell::new(0));
    let system = Faulty {
        calls: &calls,
        fails_at: 0,
        error: 17,
        longest_write: 9,
        removes: &removes,
    };
    write_through(system, &path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(calls.borrow()[..2], ["create_new", "create_new"]);
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(directory.path()), ["model"]);
}

#[test]
fn a_new_directory_and_its_parents_are_written_to_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a/b/c");
    let make = |fails_at| {
        let (calls, removes) = (RefCell::default(), Cell::new(0));
        let system = Faulty {
            calls: &calls,
            fails_at,
            error: 5,
            longest_write: 0,
            removes: &removes,
        };
        let made = make_directory_through(&system, &path);
        (made, calls.into_inner().len())
    };
    assert!(matches!(make(usize::MAX), (Ok(()), 3)));
    assert!(matches!(make(usize::MAX), (Ok(()), 0)), "all directories exist already");
    fs::remove_dir_all(directory.path().join("a")).unwrap();
    let (made, _) = make(1);
    let error = made.unwrap_err();
    assert_eq!(
        (error.kind, error.file.as_ref()),
        (SaveErrorKind::NotDurable, Some(&path))
    );
    fs::write(path.join("file"), "").unwrap();
    let error = make_directory(&path.join("file/d")).unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::NotWritten);
}
