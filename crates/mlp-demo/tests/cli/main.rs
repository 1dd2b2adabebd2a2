//! Runs the command as a process and checks what it prints, writes and returns.

mod bad_input;
mod classifiers;
mod notebook;
mod training_files;

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlp-demo"));
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

/// Runs the command in an empty directory and returns what it prints. The command must succeed, print nothing on
/// standard error and leave no file.
#[track_caller]
fn run(arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let finished = run_in(directory.path(), arguments);
    assert_eq!(
        (finished.code, finished.stderr.as_str()),
        (Some(0), ""),
        "{arguments:?}"
    );
    assert_eq!(files(directory.path()), [""; 0], "{arguments:?}");
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
fn an_environment_variable_that_cannot_be_used_is_told_once_and_changes_no_result() {
    let directory = tempfile::tempdir().unwrap();
    let run = |variable: &str, value: &str| {
        let mut command = command(directory.path(), &["notebook", "--epochs", "6"]);
        let output = command.env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{variable}={value}: {output:?}");
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (stdout, stderr)
    };
    let (expected, warning) = run("MLP_NUM_THREADS", "1");
    assert_eq!(warning, "");
    for (variable, values) in [
        ("MLP_NUM_THREADS", ["0", "-1", "", "many", "1.5"]),
        ("MLP_SIMD", ["avx", "AVX2", "", "sse\n2", "1"]),
    ] {
        for value in values {
            let (printed, warning) = run(variable, value);
            assert_eq!(printed, expected, "{variable}={value}");
            let (start, end) = (format!("warning: {variable}: expected "), "`; the default is used\n");
            assert!(warning.starts_with(&start) && warning.ends_with(end), "{warning}");
            assert_eq!(warning.lines().count(), 1, "{warning}");
        }
    }
    for (variable, value) in [("MLP_NUM_THREADS", "4000"), ("MLP_SIMD", "baseline")] {
        assert_eq!(
            run(variable, value),
            (expected.clone(), String::new()),
            "{variable}={value}"
        );
    }
}

#[test]
fn help_and_version_are_not_failures() {
    for (arguments, part) in [
        (&["--help"][..], "Usage: mlp-demo [COMMAND]"),
        (&["notebook", "--help"], "[default: 0.1]"),
        (&["digits", "--help"], "[default: 0.3]"),
        (&["mnist", "--help"], "--data <DIR>"),
        (&["--version"], concat!("mlp-demo ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        let text = run(arguments);
        assert!(text.contains(part), "{arguments:?}: {text}");
        assert!(
            text.lines().all(|line| line.len() <= 100),
            "{arguments:?}: a line is too long for a terminal: {text}"
        );
    }
}
