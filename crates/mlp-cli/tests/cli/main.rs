//! Runs the command as a process and checks what it prints, writes and returns.

mod bad_networks;
mod networks;
mod reports;
mod tables;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The exit code and the output of a process.
#[derive(Debug)]
struct Finished {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Returns the command in `directory`, not yet started.
fn command(directory: &Path, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlp"));
    command.current_dir(directory).args(arguments).stdin(Stdio::null());
    command
}

/// Runs the command in `directory` to its end.
fn run_in(directory: &Path, arguments: &[impl AsRef<OsStr>]) -> Finished {
    let output = command(directory, arguments).output().expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Finished {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Runs the command, which must fail in the same way as for any bad input, and returns its message.
#[track_caller]
fn failure(directory: &Path, arguments: &[&str]) -> String {
    let before = files(directory);
    let finished = run_in(directory, arguments);
    assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
    assert_eq!(finished.stdout, "", "{arguments:?}");
    assert_eq!(files(directory), before, "{arguments:?}");
    let message = finished
        .stderr
        .strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{arguments:?}: {finished:?}"));
    assert!(
        !message.contains("error:") && !message.contains("panicked"),
        "expected a single message: {message}"
    );
    // After the error itself, the parser of options says how to get help.
    message.split("\n\n").next().unwrap().trim_end().to_owned()
}

/// Runs the command, which must succeed, and returns what it prints.
#[track_caller]
fn printed_with_notes(directory: &Path, arguments: &[&str]) -> String {
    let finished = run_in(directory, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    let notes = finished.stderr.lines().all(|line| line.starts_with("note: "));
    assert!(notes, "{arguments:?}: {finished:?}");
    finished.stdout
}

/// Runs the command, which must succeed without a note, and returns what it prints.
#[track_caller]
fn printed(directory: &Path, arguments: &[&str]) -> String {
    let finished = run_in(directory, arguments);
    assert_eq!(
        (finished.code, finished.stderr.as_str()),
        (Some(0), ""),
        "{arguments:?}"
    );
    finished.stdout
}

/// Returns the names in a directory, including hidden ones, in sorted order.
fn files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn help_and_version_are_not_failures() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, part) in [
        (&["--help"][..], "mlp train houses.csv --target price"),
        (&["train", "--help"], "--target <COLUMN>"),
        (&["predict", "--help"], "--activation <NAME>"),
        (&["evaluate", "--help"], "mlp evaluate --model"),
        (&["cross-validate", "--help"], "--group <COLUMN>"),
        (&["tune", "--help"], "--budget <TIME>"),
        (&["export", "--help"], "--out <FILE>"),
        (&["inspect", "--help"], "--model <FILE.safetensors>"),
        (&["--version"], concat!("mlp ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        let finished = run_in(directory.path(), arguments);
        assert_eq!(
            (finished.code, finished.stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
        let text = finished.stdout;
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert!(
            text.lines().all(|line| line.len() <= 100),
            "{arguments:?}: a line is too long for a terminal: {text}"
        );
    }
    assert_eq!(run_in(directory.path(), &[""; 0]).code, Some(2));
    assert_eq!(files(directory.path()), [""; 0]);
}
