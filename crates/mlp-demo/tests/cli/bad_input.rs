//! Checks input that cannot be used. It gives one message, exit code 2, nothing on standard output and no file.

use crate::{files, run_in};
use std::fs;
use std::path::Path;

/// Runs the command, which must fail in the same way as for any bad input, and returns its message.
#[track_caller]
pub(super) fn failure(directory: &Path, arguments: &[&str]) -> String {
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

#[test]
fn options_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--frobnicate"][..], "unexpected argument '--frobnicate' found"),
        (
            &["--layers", "1,0,1"],
            "invalid value '1,0,1' for '--layers <SIZES>': expected sizes of at least 1, got 0 at position 2",
        ),
        (
            &["--layers", "0,1"],
            "invalid value '0,1' for '--layers <SIZES>': expected sizes of at least 1, got 0 at position 1",
        ),
        (
            &["--layers", "3"],
            "invalid value '3' for '--layers <SIZES>': expected at least 2 sizes (inputs, outputs), got 1",
        ),
        (
            &["--layers", "1,x,1"],
            "invalid value '1,x,1' for '--layers <SIZES>': size 2: invalid digit found in string",
        ),
        (
            &["--print-every", "0"],
            "invalid value '0' for '--print-every <N>': expected at least 1",
        ),
        (
            &["--epochs", "-1"],
            "invalid value '-1' for '--epochs <N>': invalid digit found in string",
        ),
        (
            &["--learning-rate", "0"],
            "invalid value '0' for '--learning-rate <ETA>': expected a finite number above 0, got `0`",
        ),
        (
            &["--learning-rate", "-0.1"],
            "invalid value '-0.1' for '--learning-rate <ETA>': expected a finite number above 0, got `-0.1`",
        ),
        (
            &["--learning-rate", "nan"],
            "invalid value 'nan' for '--learning-rate <ETA>': expected a finite number above 0, got `nan`",
        ),
        (
            &["--learning-rate", "inf"],
            "invalid value 'inf' for '--learning-rate <ETA>': expected a finite number above 0, got `inf`",
        ),
        (
            &["--learning-rate", "fast"],
            "invalid value 'fast' for '--learning-rate <ETA>': expected a finite number above 0, got `fast`",
        ),
        (
            &["--negative-slope", "NaN"],
            "invalid value 'NaN' for '--negative-slope <ALPHA>': expected a finite number, got `NaN`",
        ),
        (
            &["--negative-slope", "-inf"],
            "invalid value '-inf' for '--negative-slope <ALPHA>': expected a finite number, got `-inf`",
        ),
        (&["--data", "samples.csv"], "unexpected argument '--data' found"),
        (
            &["--layers", "2,4,1"],
            "invalid value '2,4,1' for '--layers <SIZES>': expected 1 input and 1 output, as the notebook's samples \
             have, got 2 and 1",
        ),
        (
            &["--learning-rate", "1e300", "--dtype", "f32"],
            "--learning-rate: expected a finite number (in f32: at most 3.4e38), got 1e300",
        ),
        (
            &["--learning-rate", "1e-300", "--dtype", "f32"],
            "--learning-rate: expected a number that does not round to 0 in f32, got 1e-300",
        ),
        (
            &["--negative-slope", "1e39", "--dtype", "f32"],
            "--negative-slope: expected a finite number (in f32: at most 3.4e38), got 1e39",
        ),
    ] {
        let arguments = [&["notebook"], arguments].concat();
        assert_eq!(failure(directory.path(), &arguments), expected, "{arguments:?}");
    }
    assert_eq!(
        failure(directory.path(), &["frobnicate"]),
        "unrecognized subcommand 'frobnicate'"
    );
}

#[test]
fn a_network_or_a_record_too_large_says_how_many_bytes_it_needs() {
    let directory = tempfile::tempdir().unwrap();
    // The numbers are the parameters, and once more those of the largest layer, which is drawn.
    let large = ["notebook", "--layers", "1,100000000000,1"];
    let message = |bytes: u64| format!("building the network needs {bytes} bytes, more than can be allocated");
    assert_eq!(failure(directory.path(), &large), message(8 * 500_000_000_001));
    let single = [&large[..], &["--dtype", "f32"]].concat();
    assert_eq!(failure(directory.path(), &single), message(4 * 500_000_000_001));
    assert_eq!(
        failure(directory.path(), &["digits", "--hidden", "100000000000"]),
        message(4 * 14_000_000_000_010)
    );
    assert_eq!(
        failure(directory.path(), &["notebook", "--epochs", "1000000000000000"]),
        "--epochs: expected a number of epochs whose losses fit in memory, got 1000000000000000, whose losses need \
         8000000000000000 bytes"
    );
}

#[test]
fn a_plot_that_cannot_be_written_is_detected_before_training() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    // Training would diverge with exit code 1, so the exit code 2 shows that it was not started.
    for path in ["nowhere/loss.svg", "folder", "."] {
        let message = failure(directory.path(), &["notebook", "--learning-rate", "10", "--plot", path]);
        assert!(
            message.starts_with(&format!("{path}: cannot be written: ")),
            "{message}"
        );
    }
    // Other errors leave no file either.
    for other in [["--layers", "2,1"], ["--layers", "1,100000000000,1"]] {
        failure(
            directory.path(),
            &[&["notebook", "--plot", "loss.svg"], &other[..]].concat(),
        );
    }
}

#[test]
fn classifiers_check_their_options() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (
            &["digits", "--hidden", "0"][..],
            "invalid value '0' for '--hidden <SIZES>': expected sizes of at least 1, got 0 at position 1",
        ),
        (
            &["digits", "--epochs", "0"],
            "invalid value '0' for '--epochs <N>': expected at least 1",
        ),
        (
            &["digits", "--batch-size", "0"],
            "invalid value '0' for '--batch-size <N>': expected at least 1",
        ),
        (
            &["digits", "--learning-rate", "-1"],
            "invalid value '-1' for '--learning-rate <ETA>': expected a finite number above 0, got `-1`",
        ),
        (
            &["digits", "--learning-rate", "1e39"],
            "--learning-rate: expected a finite number (in f32: at most 3.4e38), got 1e39",
        ),
        (&["digits", "--data", "."], "unexpected argument '--data' found"),
        (
            &["mnist"],
            "the following required arguments were not provided:\n  --data <DIR>",
        ),
    ] {
        assert_eq!(failure(directory.path(), arguments), expected, "{arguments:?}");
    }
}
