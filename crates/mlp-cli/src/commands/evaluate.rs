//! `mlp evaluate`: measures how well a model predicts a table whose target is known.

use super::learning::{hash_of_file, scores_json, scores_text};
use crate::error::{Error, say};
use crate::options::{EvaluateArgs, Format};
use crate::output::print;
use crate::text::{counted, short};
use mlp_io::{one_line, quoted};
use mlp_table::TableModel;
use serde_json::json;

/// The most classes whose confusion matrix is printed.
const MOST_CLASSES: usize = 20;

pub(crate) fn run(args: &EvaluateArgs) -> Result<(), Error> {
    let model = TableModel::load(&args.model)?;
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
    let coverage = (tested.predictions.intervals(0.9).is_some_and(known))
        .then(|| tested.coverage(0.9))
        .flatten();
    if args.format == Format::Json {
        let (rows, scores) = (tested.rows.len(), scores_json(&tested.scores));
        let result =
            json!({"target": model.target().name(), "rows": rows, "scores": scores, "coverage of 0.9": coverage});
        return print(&format!("{result}\n"));
    }
    let (rows, target) = (counted(tested.rows.len(), "row"), quoted(model.target().name()));
    let mut text = format!("Scores on {rows} with {target}:\n\n{}", scores_text(&tested.scores));
    if let Some(coverage) = coverage {
        let share = short(100.0 * coverage);
        text += &format!("\n{share} % of the values lie in their interval of 90 %.\n");
    }
    if let (Some(confusion), Some(classes)) = (tested.confusion_matrix(), model.classes())
        && classes.len() <= MOST_CLASSES
    {
        let names: Vec<String> = classes.names().iter().map(|name| one_line(name)).collect();
        text += &format!("\nClasses, from 0: {}\n\n{confusion}\n", names.join(", "));
    }
    print(&text)
}

/// Says in how many rows a column has a value that the model does not know.
pub(super) fn unknown(column: &str, rows: usize) -> String {
    let (column, rows) = (quoted(column), counted(rows, "row"));
    format!("note: column {column}: values that the training data do not have, taken as missing, in {rows}")
}
