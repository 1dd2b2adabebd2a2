//! `mlp cross-validate`: tests how well a recipe learns a table.

use super::learning::{read, say_notes, scores_json, scores_text, watched};
use super::predict::{beside, kept};
use crate::error::{Error, say};
use crate::interrupt;
use crate::options::{CrossValidateArgs, Format};
use crate::output::{Files, Output, print};
use crate::text::counted;
use crate::writer::{self, Writer};
use mlp_table::{Table, TableModel, Task};
use serde_json::json;

pub(crate) fn run(args: &CrossValidateArgs) -> Result<(), Error> {
    let data = &args.data.path;
    let out = args.out.out.as_deref();
    let format = writer::Format::of(out, None)?;
    if let Some(out) = out {
        Files::reading([("DATA", data.as_path())], args.out.force).writing("--out", out)?;
    } else if !args.out.keep.is_empty() {
        return Err(Error::unexpected(
            "--keep",
            "also --out, a file for the predictions",
            "none",
        ));
    }
    let (table, options) = read(&args.data, &args.learning)?;
    let target = &args.learning.target;
    let columns = options.columns(&table, target)?;
    let has_classes = columns.task() == Task::Classification;
    kept(&table, &args.out.keep, |name| {
        name == "prediction" || has_classes && name.starts_with("probability:")
    })?;
    say_notes(&columns.notes());
    let tested = watched(|observer| TableModel::cross_validate(&table, target, &options, observer))?;
    if interrupt::requested() {
        say("note: testing was stopped; the folds that were not begun are left out");
    }
    if let Some(out) = out {
        let predictions = beside(
            &table.take(&tested.rows),
            &args.out.keep,
            &tested.predictions.to_batch(None),
        )?;
        // The rows are tested fold by fold, and written in the order of the file.
        let mut order: Vec<usize> = (0..tested.rows.len()).collect();
        order.sort_by_key(|&i| tested.rows[i]);
        let predictions = Table::new(predictions)?.take(&order);
        let predictions = predictions.batch();
        let mut writer = Writer::create(Output::create(Some(out))?, format, &predictions.schema())?;
        writer.write(predictions)?;
        writer.commit()?;
    }
    print(&match args.format {
        Format::Text => {
            let (rows, folds) = (counted(tested.rows.len(), "row"), counted(options.folds, "fold"));
            format!("Scores on {rows} in {folds}:\n\n{}", scores_text(&tested.scores))
        }
        Format::Json => {
            let (rows, scores) = (tested.rows.len(), scores_json(&tested.scores));
            json!({"rows": rows, "folds": options.folds, "scores": scores}).to_string() + "\n"
        }
    })
}
