//! `mlp evaluate`: measures how well a model predicts a table whose target is known.

use super::learning::{hash_of_file, scores_json, scores_text};
use crate::error::{Error, say};
use crate::model::load_table;
use crate::options::{EvaluateArgs, Format};
use crate::output::print;
use crate::text::{aligned, counted, cut, grouped, percent, short};
use mlp_core::{Classes, ConfusionMatrix};
use mlp_io::{one_line, quoted};
use serde_json::json;

/// The level of the intervals whose coverage is measured.
const LEVEL: f64 = 0.9;

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), Error> {
    let Some(model) = load_table(&args.model)? else {
        let expected = "a model of a table, which `mlp train` made";
        return Err(Error::unexpected(args.model.display(), expected, "a network"));
    };
    let table = args.data.reader().read(&args.data.path)?;
    let tested = model.evaluate(&table)?;
    for (column, rows) in tested.predictions.unknown() {
        say(unknown(column, *rows));
    }
    let trained_on = &model.provenance().data;
    if trained_on.is_some() && *trained_on == hash_of_file(&args.data.path) {
        say("note: the model was trained on these rows; `mlp inspect` shows its scores on rows held out");
    }
    let known = |intervals: Vec<(f64, f64)>| intervals.iter().all(|(low, _)| low.is_finite());
    let coverage = (tested.predictions.intervals(LEVEL).is_some_and(known))
        .then(|| tested.coverage(LEVEL))
        .flatten();
    // The matrix of more classes is too large to read, or for memory.
    let most = match args.format {
        Format::Text => 20,
        Format::Json => 1000,
    };
    let classes = model.classes().filter(|classes| classes.len() <= most);
    let confusion = classes.and_then(|classes| Some((tested.confusion_matrix()?, classes)));
    if args.format == Format::Json {
        let confusion = confusion.map(|(matrix, classes)| {
            let classes = classes.names();
            let all = 0..classes.len();
            let counts = all
                .clone()
                .map(|truth| all.clone().map(|it| matrix.count(truth, it) as u64).collect());
            json!({"classes": classes, "counts": counts.collect::<Vec<Vec<u64>>>()})
        });
        let result = json!({
            "target": model.target().name(),
            "rows": tested.rows.len(),
            "scores": scores_json(&tested.scores),
            "coverage": coverage.map(|share| json!({"level": LEVEL, "share": share})),
            "confusion": confusion,
        });
        return print(&format!("{result}\n"));
    }
    let (rows, target) = (counted(tested.rows.len(), "row"), quoted(model.target().name()));
    let mut text = format!("Scores on {rows} with {target}:\n\n{}", scores_text(&tested.scores));
    if let Some(coverage) = coverage {
        let (share, level) = (short(100.0 * coverage), 100.0 * LEVEL);
        text += &format!("\n{share} % of the values lie in their interval of {level} %.\n");
    }
    if let Some((matrix, classes)) = confusion {
        text += "\nA row is the class in the data, a column the predicted class:\n\n";
        text += &confusion_text(&matrix, classes);
    }
    print(&text)
}

/// Formats a confusion matrix with the names of the classes and their recalls.
fn confusion_text(matrix: &ConfusionMatrix, classes: &Classes) -> String {
    let names: Vec<String> = classes.names().iter().map(|name| cut(&one_line(name), 16)).collect();
    let header = [&[String::new()], &names[..], &["recall".into()]].concat();
    let row = |(truth, name): (usize, &String)| {
        let counts = (0..names.len()).map(|predicted| grouped(matrix.count(truth, predicted) as usize));
        let recall = percent(matrix.recall(truth));
        [name.clone()].into_iter().chain(counts).chain([recall]).collect()
    };
    let rows: Vec<Vec<String>> = [header].into_iter().chain(names.iter().enumerate().map(row)).collect();
    let is_right: Vec<bool> = (0..rows[0].len()).map(|column| column > 0).collect();
    aligned(&rows, &is_right)
}

/// Says in how many rows a column has a value that the model does not know.
pub(super) fn unknown(column: &str, rows: usize) -> String {
    let (column, rows) = (quoted(column), counted(rows, "row"));
    format!("note: column {column}: values that the training data do not have, taken as missing, in {rows}")
}
