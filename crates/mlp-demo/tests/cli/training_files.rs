//! Checks what `mlp-demo digits` and `mlp-demo mnist` write to files, and when they stop.

use crate::bad_input::failure;
use crate::{command, files, run, run_in};
use mlp_core::activations::{Identity, LeakyRelu};
use mlp_cpu::Matrix;
use mlp_demo::Part;
use mlp_demo::digits::{self, PIXELS};
use mlp_io::{load_model, npz_from_bytes, npz_to_bytes};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

/// Runs the command, which must succeed, and returns what it prints.
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

const SMALL: [&str; 5] = ["digits", "--hidden", "16", "--epochs", "3"];

#[test]
fn model_and_curves_are_written_and_change_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let text = printed(
        directory.path(),
        &[&SMALL[..], &["--save", "digits.safetensors", "--plot", "curves.svg"]].concat(),
    );
    assert_eq!(files(directory.path()), ["curves.svg", "digits.safetensors"]);
    let without = run(&SMALL);
    assert_eq!(
        text,
        format!("{without}\nModel: digits.safetensors\nLoss and accuracy curves: curves.svg\n")
    );

    let svg = fs::read_to_string(directory.path().join("curves.svg")).unwrap();
    for part in ["<svg ", "loss by epoch", "accuracy by epoch", "training", "test"] {
        assert!(svg.contains(part), "{part}");
    }
    let model = load_model::<Matrix<f32>>(directory.path().join("digits.safetensors")).unwrap();
    let (network, scaling) = (model.network(), model.input_scaling().unwrap());
    assert_eq!(
        (network.layer_sizes(), network.parameter_count()),
        (vec![64, 16, 10], 1210)
    );
    assert_eq!(
        network.activations(),
        [LeakyRelu::new(0.01).unwrap().into(), Identity.into()]
    );
    assert_eq!((scaling.offset(), scaling.scale()), (&[8.0; 64][..], &[8.0; 64][..]));
    assert_eq!(model.classes().unwrap().names().concat(), "0123456789");
    let provenance = model.provenance();
    assert_eq!(provenance.seed, Some(0));
    let hash = provenance.data.as_deref().unwrap().strip_prefix("sha256:");
    assert_eq!(hash.map(str::len), Some(64));

    // The same run gives the same bytes, and another seed gives another model.
    let model = |arguments: &[&str]| {
        printed(
            directory.path(),
            &[&SMALL[..], &["--save", "again.safetensors"], arguments].concat(),
        );
        fs::read(directory.path().join("again.safetensors")).unwrap()
    };
    let first = fs::read(directory.path().join("digits.safetensors")).unwrap();
    assert_eq!(model(&[]), first);
    assert_ne!(model(&["--seed", "1"]), first);
    let model = model(&["--dtype", "f64"]);
    assert!(mlp_io::model_from_bytes::<Matrix<f64>>(&model).is_ok());
}

#[test]
fn a_saved_model_takes_pixels_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    printed(
        directory.path(),
        &["digits", "--hidden", "32", "--epochs", "10", "--save", "m.safetensors"],
    );
    let Part { images, labels } = digits::load();
    let model = load_model::<Matrix<f32>>(directory.path().join("m.safetensors")).unwrap();
    let pixels = images.iter().map(|&pixel| f32::from(pixel)).collect();
    let pixels = Matrix::from_vec(PIXELS, labels.len(), pixels);
    let probabilities = model.predict(&pixels);
    assert!(
        probabilities
            .iter_columns()
            .all(|it| (it.iter().sum::<f32>() - 1.0).abs() < 1e-5)
    );
    let classes = model.classify(&pixels).into_iter();
    let right = classes
        .zip(&labels)
        .filter(|(class, label)| *class == Some(usize::from(**label)));
    let right = right.count();
    assert!(right as f64 >= 0.96 * labels.len() as f64, "{right}");
}

/// scikit-learn supports ReLU, but its networks cannot hold the scaling of pixels.
#[test]
fn a_relu_network_is_exported_to_scikit_learn_with_its_scaling_folded_in() {
    let directory = tempfile::tempdir().unwrap();
    let train = [
        "digits",
        "--hidden",
        "12,9",
        "--epochs",
        "3",
        "--dtype",
        "f64",
        "--save",
        "m.safetensors",
    ];
    let text = printed(directory.path(), &[&train[..], &["--activation", "relu"]].concat());
    assert!(
        text.starts_with("Network [64, 12, 9, 10]: 997 parameters in f64, relu, seed 0\n"),
        "{text}"
    );
    let load = || load_model::<Matrix<f64>>(directory.path().join("m.safetensors")).unwrap();
    let model = load();
    let npz = npz_from_bytes::<Matrix<f64>>(&npz_to_bytes(&model).unwrap()).unwrap();
    let pixels = digits::load().images.iter().map(|&pixel| f64::from(pixel)).collect();
    let pixels = Matrix::from_vec(PIXELS, 1797, pixels);
    let pairs = model
        .predict(&pixels)
        .into_vec()
        .into_iter()
        .zip(npz.predict(&pixels).into_vec());
    let largest = pairs.map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);
    assert!(largest <= 1e-12, "{largest:e}");

    printed(directory.path(), &train);
    let message = npz_to_bytes(&load()).unwrap_err().to_string();
    assert!(
        message.ends_with("layer 0: expected one of identity, logistic, relu, tanh, got leaky_relu"),
        "{message}"
    );
}

#[test]
fn adam_has_a_learning_rate_of_its_own() {
    let adam = run(&[&SMALL[..], &["--optimizer", "adam"]].concat());
    assert!(adam.contains("\nAdam: learning rate 0.001, batches of 16\n"), "{adam}");
    let given = run(&[&SMALL[..], &["--optimizer", "adam", "--learning-rate", "0.01"]].concat());
    assert!(given.contains("\nAdam: learning rate 0.01, batches of 16\n"), "{given}");
    assert_ne!(
        adam.lines()
            .filter(|line| line.starts_with("Epoch"))
            .collect::<Vec<_>>(),
        given
            .lines()
            .filter(|line| line.starts_with("Epoch"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn patience_holds_out_a_validation_part_and_ends_training() {
    let arguments = ["digits", "--hidden", "16", "--epochs", "1000", "--patience", "2"];
    let text = run(&[&arguments[..], &["--learning-rate", "1"]].concat());
    assert!(
        text.contains("\nImages: 1293 to train on, 145 to validate with, 359 to test with\n"),
        "{text}"
    );
    let epochs = text
        .lines()
        .filter(|line| line.starts_with("Epoch "))
        .collect::<Vec<_>>();
    assert!(
        epochs.iter().all(|line| line.contains(" - Validation accuracy: ")),
        "{text}"
    );
    let stopped = text
        .lines()
        .find_map(|line| line.strip_prefix("Stopped: the validation loss has not improved for 2 epochs since epoch "));
    let best: usize = stopped.expect(&text).parse().unwrap();
    assert_eq!(epochs.len(), best + 1 + 2, "{text}");
    assert!(text.lines().last().unwrap().ends_with(" of 359"), "{text}");
}

#[test]
fn a_resumed_run_ends_in_the_same_bytes_as_an_uninterrupted_one() {
    for more in [
        &[][..],
        &["--optimizer", "adam", "--dtype", "f64"],
        &["--patience", "50"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let train = |epochs: &str, files: &[&str]| {
            let arguments = [&["digits", "--hidden", "8", "--epochs", epochs], more, files].concat();
            printed(directory.path(), &arguments)
        };
        let whole = train("6", &["--save", "whole.safetensors", "--plot", "whole.svg"]);
        let resumable = ["--checkpoint", "made/run", "--resume"];
        // At first the directory is missing. Then two epochs are complete, then five, then all.
        let first = train("2", &resumable);
        assert!(
            first.contains("\nCheckpoints: made/run, from the beginning\n"),
            "{first}"
        );
        train("5", &resumable);
        let all = [&resumable[..], &["--save", "parts.safetensors", "--plot", "parts.svg"]].concat();
        for (begin, epochs) in [("resuming after 5 epochs", 1), ("resuming after 6 epochs", 0)] {
            let last = train("6", &all);
            assert!(last.contains(&format!("\nCheckpoints: made/run, {begin}\n")), "{last}");
            let lines = |text: &str| -> Vec<String> {
                let lines = text.lines().filter(|line| line.starts_with("Epoch "));
                lines.map(str::to_owned).collect()
            };
            assert_eq!(lines(&last), lines(&whole)[6 - epochs..]);
            let bytes = |name: &str| fs::read(directory.path().join(name)).unwrap();
            assert!(bytes("parts.safetensors") == bytes("whole.safetensors"), "{more:?}");
            assert_eq!(bytes("parts.svg"), bytes("whole.svg"), "{more:?}");
        }
        let kept = files(&directory.path().join("made/run"));
        assert_eq!(kept.len(), 3 + 1, "{kept:?}");
    }
}

/// A process that is killed leaves a checkpoint from which the next process continues.
#[test]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["digits", "--hidden", "64", "--epochs", "30"];
    printed(
        directory.path(),
        &[&arguments[..], &["--save", "whole.safetensors"]].concat(),
    );
    let resumable = [&arguments[..], &["--checkpoint", "run", "--resume"]].concat();
    for _ in 0..2 {
        let mut child = command(directory.path(), &resumable)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        // The process is killed right after a line, during the next epoch or while it writes a checkpoint.
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.filter(|line| line.starts_with("Epoch ")).take(3).for_each(drop);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let text = printed(
        directory.path(),
        &[&resumable[..], &["--save", "parts.safetensors"]].concat(),
    );
    assert!(text.contains("Checkpoints: run, resuming after "), "{text}");
    let bytes = |name: &str| fs::read(directory.path().join(name)).unwrap();
    assert!(bytes("parts.safetensors") == bytes("whole.safetensors"));
}

#[test]
fn checkpoints_that_cannot_be_resumed_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["digits", "--hidden", "8", "--epochs", "1"], more].concat()
    }
    assert_eq!(
        failure(directory.path(), &with(&["--resume"])),
        "the following required arguments were not provided:\n  --checkpoint <DIR>"
    );
    printed(directory.path(), &with(&["--checkpoint", "run"]));
    let failure = |more: &[&str]| failure(directory.path(), &with(&[&["--checkpoint", "run"], more].concat()));
    assert_eq!(
        failure(&[]),
        "run: expected a directory without checkpoints, or --resume to continue from them, got checkpoints of an \
         earlier run"
    );
    for (more, what, expected, got) in [
        (&["--seed", "1"][..], "--seed", "0", "1"),
        (&["--dtype", "f64"], "--dtype", "f32", "f64"),
        (&["--optimizer", "adam"], "--optimizer", "gradient_descent", "adam"),
        (&["--activation", "tanh"], "--activation", "leaky_relu", "tanh"),
        (&["--patience", "4"], "--patience", "none", "4"),
        (&["--batch-size", "32"], "--batch-size", "16", "32"),
    ] {
        let message = failure(&[&["--resume"], more].concat());
        assert_eq!(
            message,
            format!("{what}: expected {expected}, as in the run to resume (run/run.json), got {got}")
        );
    }
    printed(
        directory.path(),
        &[
            "digits",
            "--hidden",
            "8",
            "--epochs",
            "2",
            "--checkpoint",
            "run",
            "--resume",
        ],
    );
    assert_eq!(
        failure(&["--resume"]),
        "--epochs: expected at least 2, the number of epochs already trained, got 1"
    );
    let checkpoints = directory.path().join("run");
    let [_, checkpoint, _] = &files(&checkpoints)[..] else {
        panic!("expected two checkpoints and run.json")
    };
    fs::write(checkpoints.join(checkpoint), "cut").unwrap();
    let message = failure(&["--resume"]);
    assert!(
        message.starts_with(&format!("run/{checkpoint}: expected at least 8 bytes, got 3")),
        "{message}"
    );
    // The message says what to do about it, and that works.
    let advice = "; there are earlier checkpoints (1): delete this file to resume from the newest of them";
    assert!(message.ends_with(advice), "{message}");
    fs::rename(checkpoints.join(checkpoint), directory.path().join("damaged")).unwrap();
    let text = printed(directory.path(), &with(&["--checkpoint", "run", "--resume"]));
    assert!(text.contains("\nCheckpoints: run, resuming after 1 epoch\n"), "{text}");
    for earlier in files(&checkpoints).iter().filter(|name| *name != "run.json") {
        fs::write(checkpoints.join(earlier), "cut").unwrap();
    }
    let message = failure(&["--resume"]);
    assert!(
        message.contains("expected at least 8 bytes, got 3") && !message.contains(advice),
        "{message}"
    );
    fs::remove_file(checkpoints.join("run.json")).unwrap();
    assert!(failure(&["--resume"]).starts_with("run/run.json: cannot be read: "));

    for checkpoint in files(&checkpoints) {
        fs::remove_file(checkpoints.join(checkpoint)).unwrap();
    }
    fs::write(checkpoints.join("run.json"), "{\"mine\": 1}").unwrap();
    let message = failure(&[]);
    assert!(message.starts_with("run/run.json: "), "{message}");
    assert_eq!(
        fs::read_to_string(checkpoints.join("run.json")).unwrap(),
        "{\"mine\": 1}"
    );
}

#[test]
fn one_output_file_does_not_overwrite_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let train = ["digits", "--hidden", "8", "--epochs", "1", "--save", "model"];
    assert_eq!(
        failure(directory.path(), &[&train[..], &["--plot", "./model"]].concat()),
        "--plot: expected a file other than model, got ./model"
    );
    printed(directory.path(), &train);
    assert_eq!(files(directory.path()), ["model"]);
}

#[test]
fn no_output_file_overwrites_checkpoints_or_is_deleted_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::create_dir_all(at("run/deeper")).unwrap();
    fs::write(at("run/run.json"), "").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("run/run.json", at("link")).unwrap();
    let own = |checkpoints: &str| format!("a file other than the checkpoints in {checkpoints}");
    let above = |checkpoints: &str| format!("a file, not the checkpoint directory {checkpoints} or a parent of it");
    for option in ["--save", "--plot"] {
        for (checkpoints, path, expected) in [
            ("run", "run/checkpoint-final.safetensors", own("run")),
            ("run", "run/../run/run.json", own("run")),
            ("./run", "run/Run.json", own("./run")),
            #[cfg(unix)]
            ("run", "link", own("run")),
            ("run", "run", above("run")),
            ("run/deeper", "run", above("run/deeper")),
            // These directories do not exist yet.
            ("new", "new/run.json", own("new")),
            ("new", "./new", above("new")),
            ("new/run", "new", above("new/run")),
        ] {
            // Training would diverge with exit code 1, so the exit code 2 shows that it was not started.
            let arguments = [
                "digits",
                "--learning-rate",
                "1000",
                "--checkpoint",
                checkpoints,
                option,
                path,
            ];
            let message = failure(directory.path(), &arguments);
            assert_eq!(message, format!("{option}: expected {expected}, got {path}"));
        }
    }
    assert_eq!(files(&at("run")), ["deeper", "run.json"]);
    // The user may use other names in the directory.
    fs::remove_file(at("run/run.json")).unwrap();
    let arguments = [
        "digits",
        "--hidden",
        "8",
        "--epochs",
        "1",
        "--checkpoint",
        "run",
        "--save",
        "run/model",
    ];
    printed(directory.path(), &arguments);
    assert_eq!(files(&at("run")).len(), 4);
}

/// Nothing would ever remove a temporary file that a killed process leaves behind.
#[test]
fn a_killed_run_leaves_no_file_of_its_outputs() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "digits",
        "--epochs",
        "100000",
        "--save",
        "model",
        "--plot",
        "curves.svg",
    ];
    let mut child = command(directory.path(), &arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.filter(|line| line.starts_with("Epoch ")).take(1).for_each(drop);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files(directory.path()), [""; 0]);
}

/// The user who runs the tests may be allowed to write anywhere, so the test uses a directory whose path is too long
/// for the files that would be created in it.
#[test]
#[cfg(target_os = "linux")]
fn checkpoints_that_cannot_be_written_are_detected_before_training_continues() {
    const LONGEST: usize = 4095;
    let directory = tempfile::tempdir().unwrap();
    let [upper, lower] = [10, 9].map(|n| vec!["d".repeat(200); n].join("/"));
    // The names of checkpoints still fit in the path, but the longer names of their temporary files do not.
    let length = LONGEST - 4 - "/checkpoint-00000000000000000042.safetensors".len();
    let last = "e".repeat(length - upper.len() - lower.len() - 2);
    let (near, far) = (format!("{lower}/{last}"), format!("{upper}/{lower}/{last}"));
    fs::create_dir_all(directory.path().join(&upper)).unwrap();
    let train = |epochs, path| {
        [
            "digits",
            "--hidden",
            "8",
            "--resume",
            "--epochs",
            epochs,
            "--checkpoint",
            path,
        ]
    };
    printed(&directory.path().join(&upper), &train("1", &near));
    let message = failure(directory.path(), &train("2", &far));
    assert!(message.contains(": cannot be written: "), "{message}");
}

#[test]
fn a_directory_that_cannot_be_created_is_detected_before_training() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    for path in ["file", "file/run"] {
        let message = failure(
            directory.path(),
            &["digits", "--learning-rate", "1000", "--checkpoint", path],
        );
        assert!(
            message.starts_with(&format!("{path}: cannot be written: ")),
            "{message}"
        );
    }
}

#[test]
fn divergence_saves_and_draws_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "digits",
        "--learning-rate",
        "1000",
        "--save",
        "m.safetensors",
        "--plot",
        "c.svg",
    ];
    let finished = run_in(directory.path(), &arguments);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn files_that_cannot_be_written_are_detected_before_training() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    for option in ["--save", "--plot"] {
        for path in ["nowhere/file", "folder", "."] {
            // Training would diverge with exit code 1, so the exit code 2 shows that it was not started.
            let message = failure(directory.path(), &["digits", "--learning-rate", "1000", option, path]);
            assert!(
                message.starts_with(&format!("{path}: cannot be written: ")),
                "{message}"
            );
        }
    }
}

#[test]
fn options_of_training_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (
            &["--patience", "0"][..],
            "invalid value '0' for '--patience <N>': expected at least 1",
        ),
        (
            &["--optimizer", "sgd"],
            "invalid value 'sgd' for '--optimizer <NAME>'\n  [possible values: gradient_descent, adam]",
        ),
        (
            &["--activation", "swish"],
            "invalid value 'swish' for '--activation <NAME>': expected one of identity, relu, leaky_relu, sigmoid, \
             tanh, gelu, gelu_tanh, silu, elu, selu, softplus, softsign, hard_tanh, mish",
        ),
        (
            &["--optimizer", "adam", "--learning-rate", "abc"],
            "invalid value 'abc' for '--learning-rate <ETA>': expected a finite number above 0, got `abc`",
        ),
        (
            &["--learning-rate", "nan"],
            "invalid value 'nan' for '--learning-rate <ETA>': expected a finite number above 0, got `nan`",
        ),
        (
            &["--epochs", "many"],
            "invalid value 'many' for '--epochs <N>': invalid digit found in string",
        ),
    ] {
        let message = failure(directory.path(), &[&["digits"], arguments].concat());
        assert_eq!(message, expected, "{arguments:?}");
    }
}
