//! Checks networks, samples and options that the subcommands that read a network cannot use.

use crate::failure;
use crate::networks::{directory, pytorch};
use std::fs;
use std::path::Path;

/// Creates a directory with good and bad models and samples.
fn with_bad_files() -> tempfile::TempDir {
    let directory = directory();
    let write = |name: &str, content: &[u8]| fs::write(directory.path().join(name), content).unwrap();
    let model = fs::read(directory.path().join("f64.safetensors")).unwrap();
    write("cut.safetensors", &model[..model.len() - 1]);
    write("empty.csv", b"");
    write("headless.csv", b"3,2\n1,10\n");
    write("header.csv", b"height,weight\n");
    write("three.csv", b"a,b,c\n1,2,3\n");
    write("ragged.csv", b"height,weight\n1,2\n3\n");
    write("long.csv", b"height,weight\n1,2,3\n");
    write("words.csv", b"height,weight\n1,2\n3,heavy\n");
    write("gap.csv", b"height,weight\n1,\n");
    write("nan.csv", b"height,weight\n\nNaN,1\n");
    write("infinite.csv", b"height,weight\n1,-inf\n");
    write("large.csv", b"height,weight\n1,2\n1e300,2\n");
    write("overflow.csv", b"x\n1\n1e307\n");
    let npz = [
        "export",
        "--model",
        "hundredfold.safetensors",
        "--to",
        "npz",
        "--out",
        "model.npz",
    ];
    assert_eq!(crate::run_in(directory.path(), &npz).code, Some(0));
    fs::create_dir(directory.path().join("folder")).unwrap();
    directory
}

#[test]
fn samples_are_checked() {
    let directory = with_bad_files();
    let failure = |model: &str, data: &str| {
        let arguments = ["predict", "--model", model, data];
        failure(directory.path(), &arguments)
    };
    for (data, expected) in [
        (
            "empty.csv",
            "empty.csv: expected a header with the names of the columns, got an empty file",
        ),
        (
            "headless.csv",
            "headless.csv: line 1: expected a header with the names of the columns, got only numbers, such as `3`; \
             put a line with the names before them",
        ),
        (
            "three.csv",
            "three.csv: expected 2 columns, one per input of f32.safetensors, got 3: `a`, `b`, `c`",
        ),
        (
            "one.csv",
            "one.csv: expected 2 columns, one per input of f32.safetensors, got 1: `x`",
        ),
        (
            "ragged.csv",
            "ragged.csv: line 3: expected 2 cells as in the header, got 1",
        ),
        ("long.csv", "long.csv: line 2: expected 2 cells as in the header, got 3"),
        (
            "words.csv",
            "words.csv: line 3, column `weight`: expected a number, got `heavy`",
        ),
        (
            "gap.csv",
            "gap.csv: line 2, column `weight`: expected a number, got none",
        ),
        (
            "nan.csv",
            "nan.csv: line 3, column `height`: expected a number, got `NaN`",
        ),
        (
            "infinite.csv",
            "infinite.csv: line 2, column `weight`: expected a finite number, got an infinite one; correct it",
        ),
        (
            "large.csv",
            "large.csv: line 3, column `height`: expected a finite number (in f32: at most 3.4e38), got 1e300",
        ),
    ] {
        assert_eq!(failure("f32.safetensors", data), expected);
    }
    assert_eq!(
        failure("hundredfold.safetensors", "overflow.csv"),
        "overflow.csv: row 2: expected numbers for which the outputs of the model are finite, got an output of inf"
    );
    for data in ["none.csv", "folder"] {
        let message = failure("f32.safetensors", data);
        assert!(message.starts_with(&format!("{data}: cannot be read: ")), "{message}");
    }
    // No samples are no predictions.
    let none = crate::run_in(
        directory.path(),
        &["predict", "--model", "f32.safetensors", "header.csv"],
    );
    assert_eq!(
        (none.code, none.stdout.as_str()),
        (Some(0), "prediction,probability:short,probability:tall\n")
    );
}

#[test]
fn a_first_sample_is_not_taken_for_a_header() {
    let directory = with_bad_files();
    for (first, number) in [
        ("NaN,-1", "-1"),
        ("inf,x", "inf"),
        ("x,1e400", "1e400"),
        (",-1", "-1"),
        ("setosa,-1", "-1"),
        ("-1,setosa", "-1"),
        ("-Infinity,x", "-Infinity"),
        ("x, 1.5 ", "1.5"),
    ] {
        fs::write(directory.path().join("bare.csv"), format!("{first}\n1,2\n")).unwrap();
        let arguments = ["predict", "--model", "f32.safetensors", "bare.csv"];
        let first = if first == "NaN,-1" { "NaN" } else { number };
        assert_eq!(
            failure(directory.path(), &arguments),
            format!("bare.csv: expected a header with names, which are not numbers, got `{first}`")
        );
    }
}

#[test]
fn models_are_checked() {
    let directory = with_bad_files();
    for arguments in [
        &["predict", "two.csv"][..],
        &["export", "--to", "onnx", "--out", "out.onnx"],
        &["inspect"],
    ] {
        let failure = |model: &str| failure(directory.path(), &[arguments, &["--model", model]].concat());
        assert!(failure("none.safetensors").starts_with("none.safetensors: cannot be read: "));
        assert_eq!(failure("folder"), "folder: expected a regular file");
        assert!(failure("two.csv").starts_with("two.csv: not a safetensors file: expected `{` "));
        assert!(failure("model.npz").starts_with("model.npz: not a safetensors file: expected `{` "));
        assert!(failure("empty.csv").starts_with("empty.csv: expected at least 8 bytes, got 0"));
        let cut = failure("cut.safetensors");
        assert!(
            cut.starts_with("cut.safetensors: ") && cut.ends_with("the file is truncated"),
            "{cut}"
        );
    }
}

#[test]
fn the_activation_is_required_and_allowed_only_if_the_file_has_none() {
    let directory = with_bad_files();
    let theirs = pytorch("pytorch_f32.safetensors");
    for arguments in [
        &["predict", "three.csv"][..],
        &["export", "--to", "onnx", "--out", "out.onnx"],
        &["inspect"],
    ] {
        let failure = |more: &[&str]| failure(directory.path(), &[arguments, more].concat());
        // `inspect` prints the layers and the number of parameters without an activation.
        if arguments != ["inspect"] {
            assert_eq!(
                failure(&["--model", &theirs]),
                format!(
                    "--activation: expected the activation of the hidden layers, because {theirs} does not record it, \
                     got none"
                )
            );
        }
        assert_eq!(
            failure(&["--model", "f32.safetensors", "--activation", "tanh"]),
            "--activation: expected no activation, because f32.safetensors records its own, got `tanh`"
        );
        assert_eq!(
            failure(&["--model", &theirs, "--activation", "swish"]),
            "invalid value 'swish' for '--activation <NAME>': expected one of identity, relu, leaky_relu, sigmoid, \
             tanh, gelu, gelu_tanh, silu, elu, selu, softplus, softsign, hard_tanh, mish"
        );
    }
}

#[test]
fn missing_options_and_unknown_values_are_named() {
    let directory = with_bad_files();
    let failure = |arguments: &[&str]| failure(directory.path(), arguments);
    let missing = |what: &str| format!("the following required arguments were not provided:\n  {what}");
    let model = ["--model", "f32.safetensors"];
    assert_eq!(failure(&["predict", "two.csv"]), missing("--model <FILE.safetensors>"));
    assert_eq!(failure(&[&["predict"], &model[..]].concat()), missing("<DATA>"));
    assert_eq!(failure(&["inspect"]), missing("--model <FILE.safetensors>"));
    assert_eq!(
        failure(&[&["inspect", "--format", "json"], &model[..]].concat()),
        "--format: expected text for a network, got json"
    );
    assert_eq!(
        failure(&[&["export", "--to", "onnx"], &model[..]].concat()),
        missing("--out <FILE>")
    );
    assert_eq!(
        failure(&[&["export", "--out", "o"], &model[..]].concat()),
        missing("--to <FORMAT>")
    );
    assert_eq!(
        failure(&[&["export", "--out", "o", "--to", "pdf"], &model[..]].concat()),
        "invalid value 'pdf' for '--to <FORMAT>'\n  [possible values: onnx, npz, safetensors]"
    );
    assert_eq!(
        failure(&[&["predict", "two.csv", "--format", "xml"], &model[..]].concat()),
        "invalid value 'xml' for '--format <FORMAT>'\n  [possible values: csv, json, parquet]"
    );
}

#[test]
fn an_impossible_export_is_rejected() {
    let directory = with_bad_files();
    let export = |to: &str, out: &str| {
        let arguments = ["export", "--model", "f32.safetensors", "--to", to, "--out", out];
        failure(directory.path(), &arguments)
    };
    let theirs = pytorch("pytorch_f32.safetensors");
    let npz = [
        "export",
        "--activation",
        "elu",
        "--to",
        "npz",
        "--out",
        "out.npz",
        "--model",
        &theirs,
    ];
    let message = failure(directory.path(), &npz);
    assert!(
        message.starts_with(&format!(
            "{theirs}: scikit-learn cannot express this network: layer 0: "
        )),
        "{message}"
    );
    for to in ["onnx", "safetensors"] {
        for out in ["nowhere/out", "folder", "."] {
            let message = export(to, out);
            assert!(message.starts_with(&format!("{out}: cannot be written: ")), "{message}");
        }
    }
    let hundredfold = [
        "export",
        "--model",
        "hundredfold.safetensors",
        "--to",
        "npz",
        "--out",
        "folder",
    ];
    assert!(failure(directory.path(), &hundredfold).starts_with("folder: cannot be written: "));
    assert!(Path::new(directory.path()).join("folder").is_dir());
}

#[test]
fn what_needs_a_model_of_a_table_says_so() {
    let directory = with_bad_files();
    let model = ["--model", "f32.safetensors"];
    let evaluate = [&["evaluate", "two.csv"], &model[..]].concat();
    assert_eq!(
        failure(directory.path(), &evaluate),
        "f32.safetensors: expected a model of a table, which `mlp train` made, got a network"
    );
    let predict = [&["predict", "two.csv", "--interval", "0.9"], &model[..]].concat();
    assert_eq!(
        failure(directory.path(), &predict),
        "--interval: expected f32.safetensors to be a model of numbers, which `mlp train` made, got a network"
    );
}
