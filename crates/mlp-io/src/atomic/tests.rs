//! Checks what is on the disk before, during and after a write.

mod faults;
#[cfg(unix)]
mod kills;

use super::*;

/// Returns the names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns the reason why `path` cannot be written.
fn refusal(path: &Path) -> String {
    let message = AtomicFile::create(path).unwrap_err().to_string();
    let start = format!("{}: cannot be written: ", path.display());
    message
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{message}"))
        .to_owned()
}

fn write(path: &Path, content: &[u8]) {
    write_atomically(path, |file| file.write_all(content)).unwrap();
}

#[test]
fn the_content_appears_at_once_and_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"con").unwrap();
    file.write_all(b"tent").unwrap();
    assert!(!path.exists(), "there must be no file under the name before the commit");
    let [temporary] = &names(directory.path())[..] else {
        panic!("expected exactly one temporary file beside the path")
    };
    assert!(
        temporary.starts_with(".model.") && temporary.ends_with(".tmp"),
        "{temporary}"
    );
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"content");
    assert_eq!(names(directory.path()), ["model"]);
}

#[test]
fn an_existing_file_stays_until_the_commit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    fs::write(&path, "old").unwrap();
    let mut file = AtomicFile::create(&path).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

#[test]
fn without_a_commit_nothing_is_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    drop(AtomicFile::create(&path).unwrap());
    assert_eq!(names(directory.path()), [""; 0]);
    let error = write_atomically(&path, |file| {
        file.write_all(b"half")?;
        Err(io::Error::other("no more"))
    });
    let message = format!("{}: cannot be written: no more", path.display());
    assert_eq!(error.unwrap_err().to_string(), message);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn paths_that_cannot_be_written_are_detected() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "content").unwrap();
    assert_eq!(refusal(directory.path()), "is a directory");
    let missing = directory.path().join("missing");
    let message = refusal(&missing.join("model"));
    let start = format!("{}: No such file or directory", missing.display());
    assert!(message.starts_with(&start), "{message}");
    let message = format!("{}: not a directory", file.display());
    assert_eq!(refusal(&file.join("model")), message);
    let inside = |end: &str| format!("{}/{end}", directory.path().display());
    for no_name in [
        "..",
        "",
        "/",
        &inside("new/"),
        &inside("new/."),
        &inside("new//"),
        &inside("file/.."),
    ] {
        assert_eq!(refusal(Path::new(no_name)), "the path does not end in a file name");
    }

    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    assert_eq!(refusal(&file), "the file is read-only");
    assert_eq!(names(directory.path()), ["file"]);
    assert_eq!(fs::read(&file).unwrap(), b"content");
}

#[test]
fn the_longest_names_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["n".repeat(255), "é".repeat(127)] {
        write(&directory.path().join(&name), b"content");
        assert_eq!(fs::read(directory.path().join(&name)).unwrap(), b"content");
    }
}

#[test]
#[cfg(unix)]
fn a_device_is_never_replaced() {
    assert_eq!(refusal(Path::new("/dev/null")), "it is not a regular file");
}

#[test]
#[cfg(unix)]
fn a_link_stays_a_link() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (target, link) = (elsewhere.path().join("target"), directory.path().join("link"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    assert!(
        refusal(&link).starts_with("No such file or directory"),
        "a link to nothing"
    );
    fs::write(&target, "old").unwrap();
    write(&link, b"new");
    assert!(link.is_symlink());
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(
        (names(directory.path()), names(elsewhere.path())),
        (vec!["link".into()], vec!["target".into()])
    );
}

#[test]
#[cfg(unix)]
fn permissions_are_those_of_the_old_file_or_of_any_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let directory = tempfile::tempdir().unwrap();
    let (plain, written) = (directory.path().join("plain"), directory.path().join("written"));
    fs::write(&plain, "").unwrap();
    write(&written, b"");
    assert_eq!(mode(&written), mode(&plain));
    // 0666 has permissions that a umask of 022 would remove.
    for kept in [0o600, 0o666, 0o640] {
        fs::set_permissions(&written, Permissions::from_mode(kept)).unwrap();
        let file = AtomicFile::create(&written).unwrap();
        let temporary = names(directory.path())
            .into_iter()
            .find(|name| name.ends_with(".tmp"))
            .unwrap();
        assert_eq!(
            mode(&directory.path().join(temporary)),
            kept,
            "the temporary file has the permissions, too"
        );
        file.commit().unwrap();
        assert_eq!(mode(&written), kept);
    }
    for special in [0o4755, 0o2755, 0o1755] {
        fs::set_permissions(&written, Permissions::from_mode(special)).unwrap();
        write(&written, b"");
        assert_eq!(mode(&written), 0o755, "{special:o}");
    }
}

#[test]
#[cfg(unix)]
fn a_path_cannot_break_the_line_of_a_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a\n\u{1b}[2J").join("model");
    let message = AtomicFile::create(&path).unwrap_err().to_string();
    assert!(message.contains(r"/a\n\u{1b}[2J/model: cannot be written: ") && !message.contains(char::is_control));
}
