//! Checks the way from a table to a model, its predictions and its scores.

use crate::{command, failure, files, printed, printed_with_notes, run_in};
use mlp_table::{Overrides, Recipe, Table, TableModel, TableOptions};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Returns rows of houses, of which the price, the heating and the column `sold` can be learned from the others.
pub(super) fn houses(rows: usize) -> String {
    let mut text = "id,area,heating,built,price,sold\n".to_owned();
    for i in 0..rows {
        let area = 40 + i * 7919 % 160;
        let (heating, more) = [("gas", 300), ("oil, old", 0), ("wood", 100)][i * 31 % 7 % 3];
        let (price, year) = (1000 + 10 * area + more, 1950 + i * 53 % 70);
        let sold = if area > 120 { "yes" } else { "no" };
        let area = if i % 40 == 3 { "?".to_owned() } else { area.to_string() };
        text += &format!("h{i},{area},\"{heating}\",{year}-05-01,{price},{sold}\n");
    }
    text
}

/// Creates a directory with `houses.csv` and the model `m` of its column `target`.
fn trained(target: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(400)).unwrap();
    let train = [
        "train",
        "houses.csv",
        "--recipe",
        "plain",
        "--save",
        "m",
        "--no-report",
        "--target",
    ];
    printed_with_notes(directory.path(), &[&train[..], &[target]].concat());
    directory
}

/// Returns the cells of text without quoted commas.
fn cells(text: &str) -> Vec<Vec<&str>> {
    text.lines().map(|line| line.split(',').collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().expect(text)
}

#[test]
fn train_writes_a_model_and_a_report_and_prints_the_scores() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(300)).unwrap();
    let train = ["train", "houses.csv", "--target", "price", "--recipe", "plain"];
    let finished = run_in(directory.path(), &train);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(
        finished.stderr,
        "note: column `id` is left out: an identifier: all values are different\n"
    );
    for part in [
        "houses.csv: 300 rows, 6 columns\n",
        "  area     number       ",
        "  id       text         300        0  left out: an identifier: all values are different\n",
        "\n  rmse  ",
        "\nModel: houses.safetensors\nReport: houses.html\n",
    ] {
        assert!(finished.stdout.contains(part), "{part}: {}", finished.stdout);
    }
    assert_eq!(
        files(directory.path()),
        ["houses.csv", "houses.html", "houses.safetensors"]
    );
    let model = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let first = model("houses.safetensors");

    // The same command gives the same model, and JSON has what the text has.
    let json = ["--format", "json", "--no-report", "--save", "again"];
    let again = run_in(directory.path(), &[&train[..], &json].concat());
    let result: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (result["rows"].as_u64(), result["model"].as_str()),
        (Some(300), Some("again"))
    );
    assert_eq!(
        result["columns"][0]["use"],
        "left out: an identifier: all values are different"
    );
    assert_eq!(result["scores"][0]["metric"], "rmse");
    assert!(result["scores"][0]["value"].as_f64().unwrap() < 200.0, "{result}");
    assert_eq!(model("again"), first);
    let other = [&train[..], &["--no-report", "--save", "other", "--seed", "1"]].concat();
    assert_eq!(run_in(directory.path(), &other).code, Some(0));
    assert_ne!(model("other"), first);

    let export = [
        "export",
        "--model",
        "houses.safetensors",
        "--to",
        "onnx",
        "--out",
        "houses.onnx",
    ];
    assert_eq!(printed(directory.path(), &export), "Model: houses.onnx\n");
    assert!(model("houses.onnx").len() > 1000);
    let inspected = printed(directory.path(), &["inspect", "--model", "houses.safetensors"]);
    for part in [
        "Model of `price`, recipe plain, 1 network\nSettings: the recipe as it is\n",
        "\nTraining data: sha256:",
        "\n  rmse  ",
    ] {
        assert!(inspected.contains(part), "{part}: {inspected}");
    }
    let inspect = ["inspect", "--model", "houses.safetensors", "--format", "json"];
    let inspected: Value = serde_json::from_str(&printed(directory.path(), &inspect)).unwrap();
    for part in ["target", "columns", "recipe", "networks", "scores", "notes", "seed"] {
        assert!(!inspected[part].is_null(), "{part}");
        assert_eq!(inspected[part], result[part], "{part}");
    }
}

#[test]
fn predictions_come_in_the_order_of_the_rows_in_every_format() {
    let directory = trained("price");
    // Longer than what is read at a time.
    let rows = 20_000;
    fs::write(directory.path().join("new.csv"), houses(rows)).unwrap();
    let predict = [
        "predict",
        "--model",
        "m",
        "new.csv",
        "--keep",
        "id",
        "--interval",
        "0.9",
    ];
    let text = printed(directory.path(), &predict);
    let lines = cells(&text);
    assert_eq!(lines[0], ["id", "prediction", "lower", "upper"]);
    assert_eq!(lines.len(), 1 + rows);
    for (i, line) in lines[1..].iter().enumerate() {
        assert_eq!(line[0], format!("h{i}"));
        assert!(
            number(line[2]) <= number(line[1]) && number(line[1]) <= number(line[3]),
            "{line:?}"
        );
    }
    let json = printed(directory.path(), &[&predict[..], &["--format", "json"]].concat());
    for (line, cells) in json.lines().zip(&lines[1..]) {
        let object: Value = serde_json::from_str(line).unwrap();
        assert_eq!(object["id"], cells[0]);
        assert_eq!(object["prediction"].as_f64(), Some(number(cells[1])));
    }
    // Parquet, as a result and as data, and standard input.
    printed(directory.path(), &[&predict[..], &["--out", "p.parquet"]].concat());
    let table = Table::read(directory.path().join("p.parquet")).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), lines[0]);
    let numbers = table.numbers::<f64>(&["prediction", "lower", "upper"]).unwrap();
    for (column, cells) in numbers.iter_columns().zip(&lines[1..]) {
        assert_eq!(column, [1, 2, 3].map(|j| number(cells[j])));
    }
    let evaluate = |data| printed(directory.path(), &["evaluate", "--model", "m", data]);
    let kept = ["id", "area", "heating", "built", "price", "sold"]
        .map(|name| ["--keep", name])
        .concat();
    let convert = ["predict", "--model", "m", "new.csv", "--out", "n.parquet"];
    printed(directory.path(), &[&convert[..], &kept].concat());
    assert_eq!(evaluate("n.parquet"), evaluate("new.csv"));
    let mut child = spawn(directory.path(), &["predict", "--model", "m", "-"]);
    child.stdin.take().unwrap().write_all(houses(20).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let got = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<&str> = lines[..21].iter().map(|line| line[1]).collect();
    assert_eq!(got.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn classes_have_probabilities_and_values_that_are_unknown_are_counted() {
    let directory = trained("heating");
    let new = "area,built,price,id,sold\n100,1990-05-01,2000,x,no\n50,1990-05-01,1800,y,maybe\n";
    fs::write(directory.path().join("new.csv"), new).unwrap();
    let finished = run_in(directory.path(), &["predict", "--model", "m", "new.csv"]);
    assert_eq!(
        finished.stderr,
        "note: column `sold`: values that the training data do not have, taken as missing, in 1 row\n"
    );
    let (header, rows) = finished.stdout.split_once('\n').unwrap();
    assert_eq!(
        header,
        "prediction,probability:gas,\"probability:oil, old\",probability:wood"
    );
    // Nothing but the price tells which heating it is.
    assert!(rows.starts_with("\"oil, old\",") && rows.contains("\ngas,"), "{rows}");
    for row in rows.lines() {
        let sum: f64 = row.rsplit(',').take(3).map(number).sum();
        assert!((sum - 1.0).abs() < 1e-6, "{row}");
    }
    let evaluated = printed_with_notes(directory.path(), &["evaluate", "--model", "m", "houses.csv"]);
    for part in [
        "Scores on 400 rows with `heating`:",
        "\n  accuracy ",
        "\n            gas  oil, old  wood  recall\n  gas ",
    ] {
        assert!(evaluated.contains(part), "{part}: {evaluated}");
    }
    let evaluated = printed_with_notes(
        directory.path(),
        &["evaluate", "--model", "m", "houses.csv", "--format", "json"],
    );
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    assert_eq!(
        (&evaluated["rows"], &evaluated["scores"][0]["metric"]),
        (&400.into(), &"accuracy".into())
    );
    let confusion = &evaluated["confusion"];
    assert_eq!(confusion["classes"], serde_json::json!(["gas", "oil, old", "wood"]));
    let counts = confusion["counts"].as_array().unwrap().iter();
    let total: u64 = counts
        .flat_map(|row| row.as_array().unwrap())
        .map(|it| it.as_u64().unwrap())
        .sum();
    assert_eq!((total, &evaluated["coverage"]), (400, &Value::Null));
}

#[test]
fn cross_validation_predicts_each_row_without_it() {
    let directory = tempfile::tempdir().unwrap();
    // Predictions of numbers have no column of this name.
    let houses = houses(200).replacen("built", "probability:built", 1);
    fs::write(directory.path().join("houses.csv"), houses).unwrap();
    let test = [
        "cross-validate",
        "houses.csv",
        "--target",
        "price",
        "--recipe",
        "plain",
        "--folds",
        "3",
    ];
    let finished = run_in(
        directory.path(),
        &[
            &test[..],
            &["--out", "p.csv", "--keep", "id", "--keep", "probability:built"],
        ]
        .concat(),
    );
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stdout.starts_with("Scores on 200 rows in 3 folds:\n"),
        "{}",
        finished.stdout
    );
    let text = fs::read_to_string(directory.path().join("p.csv")).unwrap();
    let lines = cells(&text);
    let ids: Vec<&str> = lines[1..].iter().map(|line| line[0]).collect();
    assert_eq!(ids, (0..200).map(|i| format!("h{i}")).collect::<Vec<_>>());
    // A row has the prediction for itself.
    for (i, line) in lines[1..].iter().enumerate().filter(|(i, _)| i % 40 != 3) {
        let price = 1000.0 + 10.0 * (40 + i * 7919 % 160) as f64;
        assert!((number(line[2]) - price).abs() < 600.0, "{line:?}: {price}");
    }
}

#[test]
fn what_cannot_be_used_is_told_before_training() {
    let directory = trained("sold");
    fs::write(directory.path().join("ragged.csv"), "a,y\n1,2\n3\n").unwrap();
    fs::write(directory.path().join("odd.csv"), odd()).unwrap();
    fs::write(
        directory.path().join("euro.csv"),
        "a;y\n".to_owned() + &"1,5;2\n".repeat(60),
    )
    .unwrap();
    fs::write(directory.path().join("taken.html"), "mine").unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    let failure = |arguments: &str| failure(directory.path(), &arguments.split(' ').collect::<Vec<_>>());
    let train = |arguments: &str| failure(&format!("train {arguments}"));
    for (arguments, message) in [
        (
            "houses.csv --target prise",
            "houses.csv: expected a column `prise`, got 6 columns, among them `price`, ",
        ),
        ("none.csv --target y", "none.csv: cannot be read: "),
        ("folder --target y", "folder: cannot be read: "),
        ("m --target y", "m: "),
        (
            "ragged.csv --target y",
            "ragged.csv: line 3: expected 2 cells as in the header, got 1",
        ),
        (
            "euro.csv --target y",
            "euro.csv: line 2: expected 1 cell as in the header, got 2; cells are separated by `,`: set --separator, or \
             name it by a first line such as `sep=;`",
        ),
        (
            "euro.csv --target y --separator ;",
            "euro.csv: line 2, column `a`: expected a number, got `1,5`; write numbers with a point and without \
             separators, or declare the column with --kind to be a category",
        ),
        (
            "odd.csv --target y",
            "odd.csv: line 102, column `a`: expected a number, got `12 km`; 199 of 200 values are numbers: correct it, \
             list it as a missing value with --missing, or declare the column with --kind to be a category",
        ),
        (
            "houses.csv --target price --save m",
            "m: exists already; add --force to replace it, or name another file",
        ),
        (
            "houses.csv --target price --report taken.html",
            "taken.html: exists already; add --force",
        ),
        (
            "houses.csv --target price --report no/r.html",
            "no/r.html: cannot be written: ",
        ),
        (
            "houses.csv --target price --report folder",
            "folder: cannot be written: ",
        ),
        (
            "houses.csv --target price --save houses.csv --force",
            "--save: expected a file other than that of DATA, got houses.csv",
        ),
        (
            "houses.csv --target price --save a --report ./a",
            "--report: expected a file other than that of --save, got ./a",
        ),
        (
            "houses.csv --target price --kind aera=date",
            "houses.csv: expected a column `aera`, got 6 columns, among them `area`, ",
        ),
        (
            "houses.csv --target price --group who",
            "houses.csv: expected a column `who`, got 6 columns, among them ",
        ),
        (
            "houses.csv --target sold --group sold",
            "houses.csv: expected another column than the target to make the folds by, got `sold`",
        ),
        (
            "houses.csv --target price --folds 1",
            "invalid value '1' for '--folds <N>': expected a whole number of at least 2",
        ),
        (
            "houses.csv --target price --recipe best",
            "invalid value 'best' for '--recipe <RECIPE>'",
        ),
        (
            "houses.csv",
            "the following required arguments were not provided:\n  --target <COLUMN>",
        ),
    ] {
        let got = train(arguments);
        assert!(got.starts_with(message), "{arguments}: {got}");
    }
    for option in ["--group", "--time"] {
        let got = train(&format!("houses.csv --target price {option} who"));
        assert!(got.ends_with(&format!("; see {option}")), "{got}");
    }
    fs::write(directory.path().join("new.csv"), "area,built\n1,2\n").unwrap();
    for (arguments, message) in [
        (
            "predict --model m houses.csv --interval 0.9",
            "--interval: expected m to be a model of numbers, which `mlp train` made, got one of classes",
        ),
        (
            "predict --model m houses.csv --keep id --keep sold --keep id",
            "--keep: expected each column once, got `id`",
        ),
        (
            "predict --model m houses.csv --out p.csv.gz --format csv",
            "--out: expected a name that ends in .csv, .json, .jsonl, .ndjson or .parquet, got p.csv.gz",
        ),
        (
            "predict --model m houses.csv --out p.xlsx",
            "--out: expected a name that ends in .csv, ",
        ),
        (
            "predict --model m houses.csv --format csv --out p.PARQUET",
            "--out: expected a name that fits --format, got p.PARQUET",
        ),
        (
            "predict --model m houses.csv --interval 90",
            "invalid value '90' for '--interval <LEVEL>'",
        ),
        (
            "predict --model m houses.csv --keep aera",
            "houses.csv: expected a column `aera`, got 6 columns",
        ),
        (
            "predict --model m new.csv",
            "new.csv: expected a column `heating`, got 2 columns",
        ),
        (
            "predict --model m houses.csv --out m --force",
            "--out: expected a file other than that of --model, got m",
        ),
        (
            "predict --model m houses.csv --format csv --out taken.html",
            "taken.html: exists already; add --force",
        ),
        (
            "predict --model houses.csv houses.csv",
            "houses.csv: not a safetensors file",
        ),
        (
            "predict --model m houses.csv --activation tanh",
            "--activation: expected no activation, because m records its own, got `tanh`",
        ),
        ("evaluate --model none houses.csv", "none: cannot be read: "),
        (
            "export --model m --to npz --out m.npz",
            "--to: expected onnx for a model of a table, got npz",
        ),
        (
            "export --model m --to onnx --out m.npz",
            "--out: expected a name that ends in .onnx, got m.npz",
        ),
        (
            "export --model m --to onnx --out m.NPZ",
            "--out: expected a name that ends in .onnx, got m.NPZ",
        ),
        (
            "cross-validate houses.csv --target price --keep id",
            "--keep: expected also --out, ",
        ),
        (
            "cross-validate houses.csv --target price --keep id --keep id --out p.csv",
            "--keep: expected each column once, got `id`",
        ),
        (
            "cross-validate houses.csv --target price --out p.tsv",
            "--out: expected a name that ends in .csv, ",
        ),
    ] {
        let got = failure(arguments);
        assert!(got.starts_with(message), "{arguments}: {got}");
    }
    assert_eq!(fs::read_to_string(directory.path().join("taken.html")).unwrap(), "mine");
    // A column of the data may have the name of a column of the predictions.
    fs::write(
        directory.path().join("new.csv"),
        houses(5).replacen("id", "prediction", 1),
    )
    .unwrap();
    assert_eq!(
        failure("predict --model m new.csv --keep prediction"),
        "--keep: expected a column whose name is not one of the predictions, got `prediction`"
    );
}

/// Returns a table with a word among its numbers.
fn odd() -> String {
    let row = |i: usize| match i {
        100 => "12 km,1\n".to_owned(),
        _ => format!("{i}.5,{}\n", i % 7),
    };
    "a,y\n".to_owned() + &(0..200).map(row).collect::<String>()
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_a_closed_pipe_is_not() {
    let directory = trained("price");
    let predict = ["predict", "--model", "m", "houses.csv"];
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(directory.path(), &predict).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("error: standard output: cannot be written: "),
        "{message}"
    );

    fs::write(directory.path().join("long.csv"), houses(50_000)).unwrap();
    let mut child = spawn(directory.path(), &["predict", "--model", "m", "long.csv"]);
    drop(child.stdout.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// Starts the command with pipes.
fn spawn(directory: &Path, arguments: &[&str]) -> Child {
    piped(command(directory, arguments))
}

/// Starts the command so that signals reach it, even if the tests run under nohup.
#[cfg(unix)]
fn spawn_with_signals(directory: &Path, arguments: &[&str]) -> Child {
    let default = "$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP); exec @ARGV";
    let mut command = Command::new("perl");
    command
        .current_dir(directory)
        .args(["-e", default, env!("CARGO_BIN_EXE_mlp")])
        .args(arguments);
    piped(command)
}

fn piped(mut command: Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    signal(child, "-INT");
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(killed.unwrap().success());
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_no_part_of_the_predictions() {
    let directory = trained("price");
    let before = files(directory.path());
    for name in ["-INT", "-TERM", "-HUP"] {
        let mut child = spawn_with_signals(directory.path(), &["predict", "--model", "m", "-", "--out", "p.csv"]);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(houses(10_000).as_bytes()).unwrap();
        // From the temporary file on, the handler leaves the end to the command.
        while files(directory.path()) == before {
            std::thread::yield_now();
        }
        signal(&child, name);
        // Without a header, each row is one of the table.
        let more = houses(30_000);
        let more = more.split_once('\n').unwrap().1;
        while stdin.write_all(more.as_bytes()).is_ok() {}
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130), "{name}");
        assert_eq!(files(directory.path()), before, "{name}");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_of_training_leaves_a_model_or_nothing() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(20_000)).unwrap();
    let train = ["train", "houses.csv", "--target", "price", "--no-report"];
    let mut child = spawn_with_signals(directory.path(), &train);
    // The columns are printed, and training begins.
    let mut first = [0; 1];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    match output.status.code() {
        Some(0) => {
            assert_eq!(files(directory.path()), ["houses.csv", "houses.safetensors"]);
            printed(directory.path(), &["inspect", "--model", "houses.safetensors"]);
        }
        code => {
            assert_eq!(code, Some(130), "{output:?}");
            assert_eq!(files(directory.path()), ["houses.csv"]);
        }
    }
}

#[test]
fn a_search_is_continued_and_keeps_the_best_model() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(60)).unwrap();
    let search = [
        "tune",
        "houses.csv",
        "--target",
        "sold",
        "--recipe",
        "plain",
        "--format",
        "json",
    ];
    let tune = |more: &[&str]| {
        let finished = run_in(directory.path(), &[&search[..], more].concat());
        assert_eq!(finished.code, Some(0), "{finished:?}");
        serde_json::from_str::<Value>(&finished.stdout).unwrap()
    };
    let trials = |result: &Value| -> Vec<(u64, Value)> {
        let trials = result["trials"].as_array().unwrap().iter();
        let mut trials: Vec<_> = trials
            .map(|it| (it["trial"].as_u64().unwrap(), it["scores"].clone()))
            .collect();
        trials.sort_by_key(|it| it.0);
        trials
    };
    let one = tune(&["--trials", "1"]);
    assert_eq!(
        files(directory.path()),
        ["houses.csv", "houses.trials.json", "houses.tuned.safetensors"]
    );
    let two = tune(&["--trials", "2"]);
    assert_eq!(trials(&two)[..1], trials(&one)[..]);
    // Only what determines the trials must be the same, and the same search gives the same trials.
    let again = tune(&["--trials", "2", "--trials-file", "t.json", "--save", "m"]);
    assert_eq!(trials(&again), trials(&two));
    let model = |name: &str| fs::read(directory.path().join(name)).unwrap();
    assert_eq!(model("m"), model("houses.tuned.safetensors"));
    // A model that is gone is trained again, and a file that the search did not write is not replaced.
    fs::remove_file(directory.path().join("m")).unwrap();
    tune(&["--trials", "2", "--trials-file", "t.json", "--save", "m"]);
    assert_eq!(model("m"), model("houses.tuned.safetensors"));
    fs::write(directory.path().join("mine"), "mine").unwrap();
    let more = ["--trials", "2", "--trials-file", "t.json", "--save", "mine"];
    let finished = run_in(directory.path(), &[&search[..], &more].concat());
    assert_eq!(
        (finished.code, &model("mine")[..]),
        (Some(2), &b"mine"[..]),
        "{finished:?}"
    );
    assert!(finished.stderr.contains("mine: exists already"), "{finished:?}");

    // The first trial is the recipe as it is, and the model is that of the best trial.
    let train = [
        "train",
        "houses.csv",
        "--target",
        "sold",
        "--recipe",
        "plain",
        "--format",
        "json",
    ];
    let trained = printed_with_notes(
        directory.path(),
        &[&train[..], &["--no-report", "--save", "t"]].concat(),
    );
    let trained: Value = serde_json::from_str(&trained).unwrap();
    assert_eq!(trials(&two)[0].1, trained["scores"]);
    assert_eq!(two["trials"][0]["trial"] == 1, model("t") == model("m"));
    let loss = |it: &Value| it["scores"][2]["value"].as_f64().unwrap();
    let losses: Vec<f64> = two["trials"].as_array().unwrap().iter().map(loss).collect();
    assert!(losses.is_sorted(), "{losses:?}");

    let failure = |more: &[&str]| {
        let tune = ["tune", "houses.csv", "--target", "sold", "--recipe", "plain"];
        let finished = run_in(directory.path(), &[&tune[..], more].concat());
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{more:?}");
        finished.stderr.split_once("error: ").unwrap().1.to_owned()
    };
    let other = failure(&["--seed", "1"]);
    let expected = "--seed: expected 0, as in the search to continue (houses.trials.json), got 1; name another file";
    assert!(other.starts_with(expected), "{other}");
    let other = failure(&["--group", "id"]);
    let expected = "--group: expected none, as in the search to continue (houses.trials.json), got `id`; ";
    assert!(other.starts_with(expected), "{other}");
    let damaged = failure(&["--trials-file", "houses.tuned.safetensors", "--save", "n"]);
    let expected = "houses.tuned.safetensors: expected the trials of an earlier `mlp tune`: ";
    assert!(damaged.starts_with(expected), "{damaged}");
}

#[test]
fn a_search_that_was_killed_continues_and_its_file_is_read_strictly() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(60)).unwrap();
    let tune = |trials: &str| {
        let search = "tune houses.csv --target sold --recipe plain --seed 3 --kind id=text --save m --trials-file t";
        let search: Vec<&str> = search.split(' ').chain(["--trials", trials]).collect();
        run_in(directory.path(), &search)
    };
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    assert_eq!(tune("1").code, Some(0));
    let first = read("m");
    assert_eq!(tune("2").code, Some(0));
    let (second, trials) = (read("m"), read("t"));
    assert_ne!(first, second, "the second trial is the better one with this seed");

    let search: Value = serde_json::from_slice(&trials).unwrap();
    let run = &search["run"];
    assert!(run["data"].as_str().unwrap().starts_with("sha256:"), "{run}");
    assert_eq!(
        (&run["seed"], &run["group"], &run["kind"]["id"]),
        (&3.into(), &Value::Null, &"text".into())
    );

    // Killed after the second trial was recorded and before its model was saved.
    fs::write(directory.path().join("m"), first).unwrap();
    let finished = tune("2");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(
        finished.stderr.contains("training the best trial again"),
        "{finished:?}"
    );
    assert_eq!((read("m"), read("t")), (second, trials.clone()));

    // The model tells its settings.
    let inspected = printed(directory.path(), &["inspect", "--model", "m"]);
    assert!(inspected.contains("\nSettings: learning rate "), "{inspected}");

    let trials = String::from_utf8(trials).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    fs::write(directory.path().join("t"), trials.replacen(version, "0.0.0", 1)).unwrap();
    let message = format!("the version of mlp: expected `0.0.0`, as in the search to continue (t), got `{version}`; ");
    let finished = tune("2");
    assert!(
        finished.code == Some(2) && finished.stderr.contains(&message),
        "{finished:?}"
    );
    for (from, to, message) in [
        ("\"seed\": 3", "\"seed\": \"3\"", "invalid type: string \"3\""),
        ("\"seed\": 3", "\"speed\": 3", "unknown field `speed`"),
        ("\"seconds\"", "\"minutes\"", "unknown field `minutes`"),
    ] {
        fs::write(directory.path().join("t"), trials.replacen(from, to, 1)).unwrap();
        let finished = tune("2");
        assert_eq!(finished.code, Some(2), "{finished:?}");
        let expected = format!("error: t: expected the trials of an earlier `mlp tune`: {message}");
        assert!(finished.stderr.contains(&expected), "{finished:?}");
    }
}

#[test]
fn a_trial_that_fails_does_not_end_the_search() {
    let directory = tempfile::tempdir().unwrap();
    let write = |of: fn(usize) -> usize| {
        let row = |i: usize| format!("{},{}.5,{}\n", i % 2, i % 7, ["no", "yes"][of(i)]);
        let rows: String = (0..40).map(row).collect();
        fs::write(directory.path().join("visits.csv"), format!("who,a,y\n{rows}")).unwrap();
    };
    let tune = |more: &str| {
        let search = "tune visits.csv --target y --recipe plain --folds 2";
        run_in(
            directory.path(),
            &search.split(' ').chain(more.split(' ')).collect::<Vec<_>>(),
        )
    };
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    let hash = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap()["run"]["data"].clone();
    write(|i| i / 2 % 2);
    assert_eq!(tune("--group who --trials 1 --trials-file t --save m").code, Some(0));
    // A group of which all rows have one class cannot be learned, and the search takes this table for the one before.
    write(|i| i % 2);
    assert_eq!(tune("--trials 1 --trials-file other --save n").code, Some(0));
    let [from, to] = ["t", "other"].map(|name| hash(name).to_string());
    fs::write(directory.path().join("t"), read("t").replacen(&from, &to, 1)).unwrap();

    let finished = tune("--group who --trials 3 --trials-file t --save m");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    for trial in [2, 3] {
        let failed = format!("trial {trial}: visits.csv: column `y`: expected at least two different values");
        assert!(finished.stderr.contains(&failed), "{finished:?}");
    }
    assert_eq!(finished.stdout.matches("no score").count(), 2, "{finished:?}");
    let search: Value = serde_json::from_str(&read("t")).unwrap();
    let scores: Vec<_> = search["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["scores"])
        .collect();
    assert!(
        scores.len() == 3 && scores[0] != scores[1] && scores[1] == scores[2],
        "{scores:?}"
    );
}

#[test]
fn a_search_on_standard_input_is_not_continued() {
    let directory = tempfile::tempdir().unwrap();
    let tune = |more: &[&str]| {
        let search = "tune - --target sold --recipe plain --trials 1";
        let arguments: Vec<&str> = search.split(' ').chain(more.iter().copied()).collect();
        let mut child = spawn(directory.path(), &arguments);
        child.stdin.take().unwrap().write_all(houses(60).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(tune(&[]).0, Some(0));
    let (code, message) = tune(&[]);
    let expected = "error: DATA: expected a file, to continue a search, got standard input or a pipe, which may be another table; ";
    assert!(code == Some(2) && message.starts_with(expected), "{message}");
    assert_eq!(tune(&["--force"]).0, Some(0));
}

#[test]
fn a_confusion_matrix_of_too_many_classes_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let rows = |rows: usize| {
        (0..rows)
            .map(|i| format!("{}.5,c{}\n", i % 9, i % 1001))
            .collect::<String>()
    };
    let table = Table::from_csv(format!("a,y\n{}", rows(2002)).as_bytes()).unwrap();
    // Few rows are held out, because their scores take long.
    let options = TableOptions {
        recipe: Recipe::Plain,
        folds: 1000,
        overrides: Overrides {
            epochs: Some(1),
            ..Overrides::default()
        },
        ..TableOptions::default()
    };
    let model = TableModel::fit(&table, "y", &options).unwrap();
    model.save(directory.path().join("m")).unwrap();
    fs::write(directory.path().join("new.csv"), format!("a,y\n{}", rows(10))).unwrap();
    let evaluate = ["evaluate", "--model", "m", "new.csv"];
    let json = printed(directory.path(), &[&evaluate[..], &["--format", "json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["rows"], &json["confusion"]), (&10.into(), &Value::Null));
    assert!(!printed(directory.path(), &evaluate).contains("recall"));
}

#[test]
#[cfg(unix)]
fn an_interrupt_while_the_best_is_trained_again_leaves_the_trials() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("houses.csv"), houses(4000)).unwrap();
    let search = "tune houses.csv --target price --recipe plain";
    let search: Vec<&str> = search.split(' ').collect();
    let one = [&search[..], &["--trials", "1"]].concat();
    assert_eq!(run_in(directory.path(), &one).code, Some(0));
    fs::remove_file(directory.path().join("houses.tuned.safetensors")).unwrap();
    let left = files(directory.path());
    let trials = fs::read(directory.path().join("houses.trials.json")).unwrap();

    // In another trial, after which the best would be trained again, and while it is.
    for (more, seen) in [
        ("2", "continuing after 1 trial"),
        ("1", "training the best trial again"),
    ] {
        let mut child = spawn_with_signals(directory.path(), &[&search[..], &["--trials", more]].concat());
        let stderr = child.stderr.take().unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr)).map(Result::unwrap);
        assert!(lines.any(|line| line.contains(seen)), "{seen}");
        std::thread::sleep(std::time::Duration::from_millis(300));
        interrupt(&child);
        let said: Vec<String> = lines.collect();
        let finished = child.wait_with_output().unwrap();
        assert_eq!((finished.status.code(), &finished.stdout[..]), (Some(130), &b""[..]));
        let end = ["note: the trials are in houses.trials.json", "error: interrupted"];
        assert!(said.ends_with(&end.map(String::from)), "{said:?}");
        let again = said.iter().any(|line| line.contains("training the best trial again"));
        assert!(!again, "{said:?}");
        assert_eq!(files(directory.path()), left);
        assert_eq!(fs::read(directory.path().join("houses.trials.json")).unwrap(), trials);
    }
    // The same command ends the search.
    assert_eq!(run_in(directory.path(), &one).code, Some(0));
    assert!(directory.path().join("houses.tuned.safetensors").exists());
}

#[test]
fn few_rows_are_told() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("few.csv"), houses(49)).unwrap();
    fs::write(directory.path().join("enough.csv"), houses(50)).unwrap();
    let stderr = |data| {
        let train = ["train", data, "--target", "sold", "--recipe", "plain", "--no-report"];
        run_in(directory.path(), &train).stderr
    };
    let few = stderr("few.csv");
    assert!(
        few.starts_with("note: 49 rows are few: the scores are uncertain\n"),
        "{few}"
    );
    let enough = stderr("enough.csv");
    assert!(!enough.contains("few"), "{enough}");
}
