//! Checks `mlp-demo` and `mlp-demo notebook`.

use crate::{command, files, run, run_in};
use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer};
use mlp_cpu::Matrix;
use mlp_demo::notebook::{self, Experiment};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// Returns the losses that `text` prints, as `(epoch, loss as printed, rest of the line)`.
fn lines(text: &str) -> Vec<(u64, &str, &str)> {
    fn parse(line: &str) -> Option<(u64, &str, &str)> {
        let (epoch, rest) = line.strip_prefix("Epoch ")?.split_once(" - Loss: ")?;
        let (loss, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Some((epoch.parse().ok()?, loss, rest.trim()))
    }
    text.lines().filter_map(parse).collect()
}

/// Parses `text`, which consists of one object per line.
fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// Returns the losses of the library's run from the same weights, the network after it, and its predictions.
fn expected_run(experiment: &Experiment) -> (Vec<f64>, Mlp<Matrix<f64>>, Vec<Vec<f64>>) {
    let mut network = experiment.network(notebook::NEGATIVE_SLOPE).unwrap();
    let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
    let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
    let optimizer = GradientDescent::new(notebook::LEARNING_RATE).unwrap();
    let mut trainer = Trainer::new(HalfMse, optimizer);
    let samples = Samples::new(&input, &target).unwrap();
    trainer
        .fit(&mut network, samples, FitOptions::epochs(notebook::EPOCHS))
        .unwrap();
    let predictions = network.predict(&input);
    let predictions = predictions.iter_columns().map(<[f64]>::to_vec).collect();
    (trainer.history().loss.clone(), network, predictions)
}

#[test]
fn without_arguments_it_prints_both_tables_with_all_forty_recorded_losses() {
    let text = run(&[]);
    let recorded: Vec<_> = notebook::experiments()
        .into_iter()
        .flat_map(|it| it.recorded_losses)
        .collect();
    let epochs = (0..20).map(|i| 5 * i).cycle();
    let expected: Vec<_> = epochs.zip(recorded.iter().map(|loss| format!("{loss:.6}"))).collect();
    let printed = lines(&text);
    assert_eq!(printed.len(), 40, "{text}");
    for ((epoch, loss, rest), (expected_epoch, expected_loss)) in printed.into_iter().zip(expected) {
        assert_eq!((epoch, loss), (expected_epoch, expected_loss.as_str()));
        assert_eq!(rest, format!("recorded: {expected_loss}"), "epoch {epoch}");
    }
    assert!(
        text.lines().any(|line| line.starts_with("Epoch 5 - Loss: 2.902166 ")),
        "{text}"
    );
    let agreement = "20 of 20 losses agree with the recorded ones to the last digit";
    assert_eq!(text.lines().filter(|&line| line == agreement).count(), 2, "{text}");
    for heading in [
        "Network [1, 1, 1]: 4 parameters in f64",
        "Network [1, 4, 3, 1]: 27 parameters in f64",
    ] {
        assert_eq!(text.matches(heading).count(), 1, "{text}");
    }
    assert_eq!(
        text.matches("recovered from the losses the notebook printed").count(),
        2,
        "{text}"
    );
    assert_eq!(
        text.matches("Predictions after 100 epochs:\n   x  target  prediction\n   2       3 ")
            .count(),
        2
    );
    assert!(
        !text.contains(['┤', '\x1b']),
        "a curve is printed only on a terminal: {text}"
    );
    assert_eq!(run(&["notebook"]), text);
}

#[test]
fn json_has_all_digits_of_the_same_run() {
    let text = run(&["notebook"]);
    let mut printed = lines(&text).into_iter();
    let mut objects = objects(&run(&["notebook", "--format", "json"])).into_iter();
    for experiment in notebook::experiments() {
        let (losses, network, predictions) = expected_run(&experiment);
        for epoch in (0..100).step_by(5) {
            let loss = losses[epoch];
            let object = objects.next().unwrap();
            assert_eq!(object, json!({"epoch": epoch, "loss": loss}), "equal bits");
            assert_eq!(
                printed.next().map(|(epoch, loss, _)| (epoch, loss.to_owned())),
                Some((epoch as u64, format!("{loss:.6}")))
            );
        }
        let rows = |matrix: &Matrix<f64>| matrix.iter_columns().map(<[f64]>::to_vec).collect::<Vec<_>>();
        let layers = || network.layers().iter();
        let weights: Vec<_> = layers().map(|layer| rows(&layer.weights.transposed())).collect();
        let biases: Vec<_> = layers().map(|layer| layer.bias.to_vec()).collect();
        let last = json!({"weights": weights, "biases": biases, "predictions": predictions});
        assert_eq!(objects.next(), Some(json!({"final": last})));
    }
    assert_eq!((objects.next(), printed.next()), (None, None));
}

#[test]
fn json_keys_have_the_documented_order() {
    let text = run(&["notebook", "--layers", "1,1,1", "--format", "json"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 21);
    assert!(
        lines[0].starts_with(r#"{"epoch":0,"loss":5.833616"#) && lines[0].len() > 30,
        "{}",
        lines[0]
    );
    assert!(lines[20].starts_with(r#"{"final":{"weights":[[["#), "{}", lines[20]);
    let place = |key: &str| lines[20].find(key).unwrap();
    assert!(place("\"biases\"") < place("\"predictions\""));
}

#[test]
fn epochs_and_print_every_choose_the_lines() {
    let epochs = |arguments: &[&str]| -> Vec<u64> {
        let arguments = [&["notebook", "--layers", "1,1,1"], arguments].concat();
        lines(&run(&arguments)).iter().map(|line| line.0).collect()
    };
    assert_eq!(epochs(&["--epochs", "7", "--print-every", "3"]), [0, 3, 6]);
    assert_eq!(epochs(&["--epochs", "6", "--print-every", "3"]), [0, 3]);
    assert_eq!(epochs(&["--epochs", "2", "--print-every", "1"]), [0, 1]);
    assert_eq!(epochs(&["--epochs", "0"]), [0; 0]);
    let text = run(&["notebook", "--layers", "1,1,1", "--epochs", "12", "--print-every", "2"]);
    assert!(
        text.contains("\n2 of 2 losses agree"),
        "epochs 0 and 10 were recorded: {text}"
    );
    let last = objects(&run(&[
        "notebook", "--layers", "1,1,1", "--epochs", "0", "--format", "json",
    ]));
    assert_eq!(last.len(), 1);
    assert_eq!(
        last[0]["final"]["weights"],
        json!([[[-0.015_516_39]], [[-0.069_243_318]]])
    );
}

#[test]
fn no_record_is_printed_for_other_constants() {
    for arguments in [
        &["--learning-rate", "0.05"][..],
        &["--negative-slope", "-0.5"],
        &["--dtype", "f32"],
        &["--seed", "3"],
        &["--layers", "1,2,1"],
    ] {
        let text = run(&[&["notebook"], arguments].concat());
        assert!(
            !text.contains("recorded") && lines(&text).len() >= 20,
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn each_constant_changes_the_losses() {
    let losses = |arguments: &[&str]| {
        let text = run(&[&["notebook", "--layers", "1,4,3,1"], arguments].concat());
        lines(&text).iter().map(|line| line.1.to_owned()).collect::<Vec<_>>()
    };
    let default = losses(&[]);
    assert_eq!(losses(&["--learning-rate", "0.1", "--negative-slope", "0.01"]), default);
    assert_ne!(losses(&["--learning-rate", "0.11"]), default);
    assert_ne!(losses(&["--negative-slope", "0.2"]), default);
}

#[test]
fn seeds_draw_weights_and_the_default_is_0() {
    let text = |arguments: &[&str]| run(&[&["notebook"], arguments].concat());
    assert_eq!(
        text(&["--layers", "1,5,1"]),
        text(&["--layers", "1,5,1", "--seed", "0"])
    );
    assert_ne!(
        text(&["--layers", "1,5,1", "--seed", "1"]),
        text(&["--layers", "1,5,1"])
    );
    let both = text(&["--seed", "7"]);
    assert_eq!(
        both.matches("drawn from N(0, 0.1^2) with seed 7; biases 0").count(),
        2,
        "{both}"
    );
    assert_eq!(lines(&both).len(), 40);
    let drawn = &objects(&text(&[
        "--layers",
        "1,64,64,1",
        "--seed",
        "7",
        "--epochs",
        "0",
        "--format",
        "json",
    ]))[0];
    let weights: Vec<f64> = serde_json::from_value::<Vec<Vec<Vec<f64>>>>(drawn["final"]["weights"].clone())
        .unwrap()
        .concat()
        .concat();
    let variance = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
    assert!((variance / 0.01 - 1.0).abs() < 0.1, "{variance}");
    let biases: Vec<Vec<f64>> = serde_json::from_value(drawn["final"]["biases"].clone()).unwrap();
    assert!(biases.concat().iter().all(|&b| b == 0.0));
}

#[test]
fn f32_computes_in_f32() {
    let losses = |dtype: &str| -> Vec<f64> {
        let objects = objects(&run(&[
            "notebook", "--layers", "1,4,3,1", "--dtype", dtype, "--format", "json",
        ]));
        objects[..20]
            .iter()
            .map(|object| object["loss"].as_f64().unwrap())
            .collect()
    };
    let (single, double) = (losses("f32"), losses("f64"));
    for (single, double) in single.iter().zip(&double) {
        assert!((single - double).abs() < 1e-4 * double, "{single} {double}");
        assert_ne!(single, double);
    }
    let weights = &objects(&run(&[
        "notebook", "--layers", "1,1,1", "--dtype", "f32", "--format", "json",
    ]))[20]["final"];
    let weight = weights["weights"][0][0][0].as_f64().unwrap();
    assert_eq!(weight, f64::from(weight as f32), "an f32 number");
    assert!(run(&["notebook", "--dtype", "f32"]).contains("4 parameters in f32"));
}

#[test]
fn the_plot_is_an_svg_and_the_only_file() {
    let directory = tempfile::tempdir().unwrap();
    let finished = run_in(directory.path(), &["notebook", "--plot", "loss.svg"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    assert!(
        finished.stdout.ends_with("\nLoss curves: loss.svg\n"),
        "{}",
        finished.stdout
    );
    assert_eq!(files(directory.path()), ["loss.svg"]);
    let svg = fs::read_to_string(directory.path().join("loss.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for text in ["[1, 1, 1]", "[1, 4, 3, 1]", "loss (log scale)", "epoch"] {
        assert!(svg.contains(text), "{text}");
    }

    let finished = run_in(
        directory.path(),
        &[
            "notebook", "--layers", "1,1,1", "--plot", "loss.svg", "--format", "json",
        ],
    );
    assert_eq!(objects(&finished.stdout).len(), 21, "only objects are printed");
    let svg = fs::read_to_string(directory.path().join("loss.svg")).unwrap();
    assert!(!svg.contains("[1, 4, 3, 1]"), "the old picture is replaced");
}

#[test]
fn divergence_is_exit_code_1_and_draws_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for dtype in ["f32", "f64"] {
        let arguments = [
            "notebook",
            "--learning-rate",
            "10",
            "--plot",
            "loss.svg",
            "--dtype",
            dtype,
        ];
        let finished = run_in(directory.path(), &arguments);
        assert_eq!(finished.code, Some(1));
        let message = &finished.stderr;
        assert!(
            message.starts_with("error: training diverged in epoch ") && message.lines().count() == 1,
            "{message}"
        );
        assert!(
            message.ends_with("; the learning rate, 10, is probably too large\n"),
            "{message}"
        );
        assert!(
            finished.stdout.contains("\nEpoch 0 - Loss: 5.83361"),
            "expected the epochs before divergence: {}",
            finished.stdout
        );
        assert!(!finished.stdout.contains("Predictions"), "{}", finished.stdout);
        assert_eq!(files(directory.path()), [""; 0]);
    }
}

/// Starts the command, reads its first line, closes the pipe and waits for it.
fn first_line(directory: &std::path::Path, arguments: &[&str]) -> String {
    let mut child = command(directory, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    line
}

#[test]
fn a_closed_pipe_ends_the_run() {
    let directory = tempfile::tempdir().unwrap();
    assert!(first_line(directory.path(), &[]).starts_with("Network [1, 1, 1]"));
    // This run prints far more than a pipe holds and would take far longer than the test may take.
    let long = [
        "notebook",
        "--epochs",
        "100000000",
        "--print-every",
        "1",
        "--format",
        "json",
    ];
    assert!(first_line(directory.path(), &long).starts_with("{\"epoch\":0,"));
    let drawn = [
        "notebook",
        "--epochs",
        "20000",
        "--print-every",
        "1",
        "--plot",
        "loss.svg",
    ];
    assert!(first_line(directory.path(), &drawn).starts_with("Network [1, 1, 1]"));
    assert_eq!(
        files(directory.path()),
        ["loss.svg"],
        "a requested picture is drawn even if nobody reads the output"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(directory.path(), &[""; 0]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("error: standard output: cannot be written: "),
        "{message}"
    );
}
