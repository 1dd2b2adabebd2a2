//! Checks which files exist before, during and after a write.

use super::*;
use std::fs;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn failure(path: &Path) -> String {
    let message = check_writable(path).unwrap_err().to_string();
    let start = format!("{}: cannot be written: ", path.display());
    message
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

#[test]
fn the_content_appears_at_once_and_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plot.svg");
    check_writable(&path).unwrap();
    assert!(!path.exists(), "there must be no file under the name before the write");
    assert_eq!(
        names(dir.path()),
        [""; 0],
        "a process that is killed now must leave nothing"
    );
    write(&path, b"<svg/>").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"<svg/>");
    assert_eq!(names(dir.path()), ["plot.svg"]);
}

#[test]
fn an_existing_file_stays_until_the_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plot.svg");
    fs::write(&path, "old").unwrap();
    check_writable(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    write(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn paths_that_cannot_be_written_are_rejected() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "content").unwrap();
    assert_eq!(failure(dir.path()), "is a directory");
    let missing = dir.path().join("missing");
    let message = failure(&missing.join("plot.svg"));
    assert!(
        message.starts_with(&format!("{}: No such file or directory", missing.display())),
        "{message}"
    );
    assert_eq!(
        failure(&file.join("plot.svg")),
        format!("{}: not a directory", file.display())
    );
    assert_eq!(failure(Path::new("..")), "the path does not end in a file name");
    assert_eq!(failure(Path::new("")), "the path does not end in a file name");

    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    assert_eq!(failure(&file), "the file is read-only");
    assert_eq!(names(dir.path()), ["file"]);
    assert_eq!(fs::read(&file).unwrap(), b"content");
}

#[test]
#[cfg(unix)]
fn a_device_is_never_replaced() {
    assert_eq!(failure(Path::new("/dev/null")), "it is not a regular file");
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(
        failure(&link).starts_with("No such file or directory"),
        "a link to nothing"
    );
    fs::write(&target, "old").unwrap();
    write(&link, b"new").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
}

#[test]
#[cfg(unix)]
fn permissions_are_those_of_the_file_before_or_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let (plain, written) = (dir.path().join("plain"), dir.path().join("written"));
    fs::write(&plain, "").unwrap();
    write(&written, b"").unwrap();
    assert_eq!(mode(&written), mode(&plain));
    fs::set_permissions(&written, fs::Permissions::from_mode(0o600)).unwrap();
    write(&written, b"").unwrap();
    assert_eq!(mode(&written), 0o600);
}
