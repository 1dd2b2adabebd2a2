//! What the commands that train or test have in common: the data, the progress, and how results are printed.

use crate::error::{Error, say};
use crate::interrupt;
use crate::options::{DataArgs, LearningArgs};
use crate::text::{aligned, counted, grouped, short};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlp_io::one_line;
use mlp_table::{Column, Overrides, Score, Table, TableError, TableOptions, TrainingProgress};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Fewer rows say little about how good a model is.
const FEW_ROWS: usize = 50;

/// Reads the table to learn from, and returns it with the options of training.
pub(super) fn read(data: &DataArgs, learning: &LearningArgs) -> Result<(Table, TableOptions), Error> {
    let table = data.reader().read(&data.path)?;
    let LearningArgs { group, time, kind, .. } = learning;
    let kinds = kind.iter().map(|(column, _)| ("--kind", column));
    let columns = [("--group", group), ("--time", time)]
        .into_iter()
        .filter_map(|(option, it)| Some((option, it.as_ref()?)));
    for (option, column) in columns.chain(kinds) {
        let found = table.select(&[column]);
        found.map_err(|error| Error::refused(format_args!("{error}; see {option}")))?;
    }
    if table.rows() < FEW_ROWS {
        say(format_args!(
            "note: {} are few: the scores are uncertain",
            counted(table.rows(), "row")
        ));
    }
    Ok((table, learning.options(hash_of_file(&data.path))))
}

/// Returns a hash of a file, if it can be read. Standard input and pipes cannot be read twice, so they have none.
pub(super) fn hash_of_file(path: &Path) -> Option<String> {
    if path == Path::new("-") || !path.is_file() {
        return None;
    }
    hash(File::open(path).ok()?)
}

/// Returns a hash, as `sha256sum` computes it, if all can be read.
pub(super) fn hash(mut source: impl Read) -> Option<String> {
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match source.read(&mut block).ok()? {
            0 => break,
            read => hash.update(&block[..read]),
        }
    }
    let digits: Vec<String> = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("sha256:{}", digits.concat()))
}

/// Trains with a progress bar on standard error, if that is a terminal. After Ctrl-C, `train` returns what it has.
pub(super) fn watched<T>(
    train: impl FnOnce(&(dyn Fn(&TrainingProgress) -> ControlFlow<()> + Sync)) -> Result<T, TableError>,
) -> Result<T, Error> {
    let style = ProgressStyle::with_template("training [{bar:30}] {percent:>3} %, {eta} left  {msg}")
        .expect("the template is valid")
        .progress_chars("=> ");
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    interrupt::heed(true);
    let trained = train(&|progress| {
        let epoch = &progress.epoch;
        bar.set_length((progress.members * epoch.epochs) as u64);
        bar.inc(1);
        bar.set_message(format!("validation error {}", short(epoch.validation)));
        match interrupt::requested() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    bar.finish_and_clear();
    trained.map_err(|error| match interrupt::requested() {
        true => Error::Interrupted,
        false => error.into(),
    })
}

/// Says on standard error what a user should know about the data.
pub(super) fn say_notes(notes: &[String]) {
    for note in notes {
        say(format_args!("note: {note}"));
    }
}

/// Returns what becomes of a column.
pub(crate) fn use_of(column: &Column, target: &str) -> String {
    match &column.left_out {
        _ if column.name == target => "predicted".to_owned(),
        Some(reason) => format!("left out: {reason}"),
        None => "used".to_owned(),
    }
}

/// Formats the columns of a table, a line each.
pub(super) fn columns_text(columns: &[Column], target: &str) -> String {
    const MOST: usize = 60;
    let header = ["column", "kind", "values", "missing", ""].map(String::from).to_vec();
    let row = |column: &Column| {
        let counts = [column.distinct, column.missing].map(grouped);
        let [name, usage] = [&column.name, &use_of(column, target)].map(|text| one_line(text));
        let [distinct, missing] = counts;
        vec![name, column.kind.to_string(), distinct, missing, usage]
    };
    let rows: Vec<Vec<String>> = [header].into_iter().chain(columns.iter().take(MOST).map(row)).collect();
    let mut text = aligned(&rows, &[false, false, true, true, false]);
    if columns.len() > MOST {
        text += &format!("  .. and {} more\n", columns.len() - MOST);
    }
    text
}

/// Formats what differs from the recipe.
pub(super) fn settings(overrides: &Overrides) -> String {
    let numbers = [
        ("learning rate", overrides.learning_rate),
        ("weight decay", overrides.weight_decay),
        ("dropout", overrides.dropout),
        ("width", overrides.width.map(|it| it as f64)),
        ("layers", overrides.layers.map(|it| it as f64)),
        ("epochs", overrides.epochs.map(|it| it as f64)),
    ];
    let numbers = numbers
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", short((*value)?))));
    let numbers: Vec<String> = numbers.collect();
    match numbers[..] {
        [] => "the recipe as it is".to_owned(),
        _ => numbers.join(", "),
    }
}

/// Returns the columns of a table and what becomes of each.
pub(super) fn columns_json(columns: &[Column], target: &str) -> Value {
    let column = |column: &Column| {
        let (name, kind) = (&column.name, column.kind.to_string());
        let (distinct, missing, usage) = (column.distinct, column.missing, use_of(column, target));
        json!({"name": name, "kind": kind, "values": distinct, "missing": missing, "use": usage})
    };
    columns.iter().map(column).collect()
}

/// Formats scores with their intervals, a line each.
pub(crate) fn scores_text(scores: &[Score]) -> String {
    let header = ["score", "value", "95 % interval"].map(String::from).to_vec();
    let row = |score: &Score| {
        let limits = format!("{} to {}", short(score.low), short(score.high));
        vec![score.metric.to_string(), short(score.value), limits]
    };
    let rows: Vec<Vec<String>> = [header].into_iter().chain(scores.iter().map(row)).collect();
    aligned(&rows, &[false, true, false])
}

pub(super) fn scores_json(scores: &[Score]) -> Value {
    let score = |score: &Score| {
        let (metric, value) = (score.metric.to_string(), score.value);
        json!({"metric": metric, "value": value, "low": score.low, "high": score.high})
    };
    scores.iter().map(score).collect()
}
