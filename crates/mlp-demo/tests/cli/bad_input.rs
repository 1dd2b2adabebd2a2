//! Checks input that cannot be used. It gives one message, exit code 2, nothing on standard output and no file.

use crate::{files, run_in};
use std::fs;
use std::path::Path;

/// Creates a directory with an input file of every kind.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(directory.path().join(name), content).unwrap();
    write("unchained.json", r#"{"weights": [[[1], [2]], [[3, 4, 5]]]}"#);
    write("ragged.json", r#"{"weights": [[[1, 2], [3]]]}"#);
    write(
        "biases.json",
        r#"{"weights": [[[1], [2]], [[3, 4]]], "biases": [[0, 0], [0, 0]]}"#,
    );
    write("syntax.json", "{\"weights\": [[[1]]],\n \"bias\": []}");
    write("large.json", r#"{"weights": [[[1e300]], [[1]]]}"#);
    write("two.json", r#"{"weights": [[[1, 2]]]}"#);
    write("missing.csv", "x,y\n1,2\n3,\n");
    write("ragged.csv", "x1,x2,y\n1,2,3\n4,5\n");
    write("words.csv", "x,y\n1,2\n3,four\n");
    write("infinite.csv", "x,y\n1,inf\n");
    write("nan.csv", "x,y\n\nNaN,1\n");
    write("large.csv", "x,y\n1,2\n1e300,2\n");
    write("headless.csv", "1,2\n3,4\n");
    write("empty.csv", "");
    write("two.csv", "x1,x2,y1,y2\n1,2,3,4\n");
    fs::create_dir(directory.path().join("folder")).unwrap();
    directory
}

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
    let directory = directory();
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
        (
            &["--seed", "1", "--weights", "two.json"],
            "the argument '--seed <N>' cannot be used with '--weights <FILE.json>'",
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
    let directory = directory();
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
fn weights_are_checked() {
    let directory = directory();
    let failure = |arguments: &[&str]| failure(directory.path(), &[&["notebook", "--weights"], arguments].concat());
    assert_eq!(
        failure(&["unchained.json"]),
        "unchained.json: layer 2, row 1 (`weights[1][0]`): expected 2 numbers, one per output of layer 1, got 3"
    );
    assert_eq!(
        failure(&["ragged.json"]),
        "ragged.json: layer 1, row 2 (`weights[0][1]`): expected 2 numbers, as in row 1, got 1"
    );
    assert_eq!(
        failure(&["biases.json"]),
        "biases.json: layer 2 (`biases[1]`): expected 1 number, one per row of its weights, got 2"
    );
    assert_eq!(
        failure(&["syntax.json"]),
        "syntax.json: line 2, column 7: unknown field `bias`, expected `weights` or `biases`"
    );
    assert_eq!(
        failure(&["large.json", "--dtype", "f32"]),
        "large.json: layer 1, row 1 (`weights[0][0]`), number 1: expected a finite number (in f32: at most 3.4e38), \
         got 1e300"
    );
    assert_eq!(
        failure(&["large.json", "--layers", "1,4,3,1"]),
        "large.json: `weights`: expected 3 layers (`--layers 1,4,3,1`), got 2"
    );
    assert_eq!(
        failure(&["large.json", "--layers", "1,2,1"]),
        "large.json: layer 1 (`weights[0]`): expected 2 rows of 1 number (`--layers 1,2,1`), got 1 row of 1 number"
    );
    assert!(failure(&["none.json"]).starts_with("none.json: cannot be read: "));
    assert!(failure(&["folder"]).starts_with("folder: cannot be read: "));
}

#[test]
fn samples_are_checked() {
    let directory = directory();
    let failure = |arguments: &[&str]| failure(directory.path(), &[&["notebook", "--data"], arguments].concat());
    assert_eq!(
        failure(&["missing.csv"]),
        "missing.csv: line 3, column 2 (`y`): expected a number, got an empty cell"
    );
    assert_eq!(
        failure(&["ragged.csv", "--layers", "2,1"]),
        "ragged.csv: line 3, column 3 (`y`): expected 3 cells as in the header, got 2"
    );
    assert_eq!(
        failure(&["words.csv"]),
        "words.csv: line 3, column 2 (`y`): expected a number, got `four`"
    );
    assert_eq!(
        failure(&["infinite.csv"]),
        "infinite.csv: line 2, column 2 (`y`): expected a finite number, got `inf`"
    );
    assert_eq!(
        failure(&["nan.csv"]),
        "nan.csv: line 3, column 1 (`x`): expected a finite number, got `NaN`"
    );
    assert_eq!(
        failure(&["large.csv", "--dtype", "f32"]),
        "large.csv: line 3, column 1 (`x`): expected a finite number (in f32: at most 3.4e38), got `1e300`"
    );
    assert_eq!(
        failure(&["headless.csv"]),
        "headless.csv: line 1: expected a header such as `x,y` (names must not be numbers), got `1,2`"
    );
    assert_eq!(
        failure(&["empty.csv"]),
        "empty.csv: expected a header such as `x,y`, got an empty file"
    );
    assert!(failure(&["none.csv"]).starts_with("none.csv: cannot be read: "));
}

#[test]
fn samples_and_network_must_fit() {
    let directory = directory();
    let failure = |arguments: &[&str]| failure(directory.path(), &[&["notebook"], arguments].concat());
    assert_eq!(
        failure(&["--data", "two.csv"]),
        "two.csv: expected 1 feature and 1 target for the layers 1,1,1, got 2 features and 2 targets"
    );
    assert_eq!(
        failure(&["--data", "two.csv", "--layers", "2,4,1"]),
        "two.csv: expected 2 features and 1 target for the layers 2,4,1, got 2 features and 2 targets"
    );
    assert_eq!(
        failure(&["--weights", "two.json"]),
        "the notebook's samples (use --data for others): expected 2 features and 1 target for the layers 2,1, got 1 \
         feature and 1 target"
    );
}

#[test]
fn a_plot_that_cannot_be_written_is_detected_before_training() {
    let directory = directory();
    // Training would diverge with exit code 1, so the exit code 2 shows that it was not started.
    for path in ["nowhere/loss.svg", "folder", "."] {
        let message = failure(directory.path(), &["notebook", "--learning-rate", "10", "--plot", path]);
        assert!(
            message.starts_with(&format!("{path}: cannot be written: ")),
            "{message}"
        );
    }
    // Other errors leave no file either.
    for other in [
        ["--layers", "2,1"],
        ["--layers", "1,100000000000,1"],
        ["--data", "words.csv"],
    ] {
        failure(
            directory.path(),
            &[&["notebook", "--plot", "loss.svg"], &other[..]].concat(),
        );
    }
}

#[test]
fn a_plot_does_not_overwrite_an_input_file() {
    let directory = directory();
    for (option, path) in [("--data", "words.csv"), ("--weights", "two.json")] {
        let plot = format!("./{path}");
        let before = fs::read(directory.path().join(path)).unwrap();
        // This also applies to a valid input file, which the plot would otherwise replace.
        fs::write(directory.path().join("own.csv"), "x,y\n1,2\n3,4\n").unwrap();
        fs::write(directory.path().join("own.json"), r#"{"weights": [[[1]]]}"#).unwrap();
        let own = if option == "--data" { "own.csv" } else { "own.json" };
        assert_eq!(
            failure(directory.path(), &["notebook", option, own, "--plot", own]),
            format!("--plot: expected a file other than {own}, got {own}")
        );
        failure(directory.path(), &["notebook", option, path, "--plot", &plot]);
        assert_eq!(fs::read(directory.path().join(path)).unwrap(), before);
    }
}

#[test]
fn classifiers_check_their_options() {
    let directory = directory();
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
