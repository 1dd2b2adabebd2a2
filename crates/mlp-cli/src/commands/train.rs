//! `mlp train`: from a table to a model and a report.

use super::learning::{columns_json, columns_text, read, say_notes, scores_json, scores_text, watched};
use crate::error::Error;
use crate::options::{Format, TrainArgs};
use crate::output::{Files, print};
use crate::report;
use crate::text::{counted, grouped};
use mlp_io::write_atomically;
use mlp_table::{Column, TableModel};
use serde_json::json;
use std::path::{Path, PathBuf};

pub(crate) fn run(args: &TrainArgs) -> Result<(), Error> {
    let data = &args.data.path;
    let save = args.save.clone().unwrap_or_else(|| named_after(data, "safetensors"));
    let report = (!args.no_report).then(|| args.report.clone().unwrap_or_else(|| named_after(data, "html")));
    let mut files = Files::reading([("DATA", data.as_path())], args.force);
    files.writing("--save", &save)?;
    if let Some(report) = &report {
        files.writing("--report", report)?;
    }
    let (table, options) = read(&args.data, &args.learning)?;
    let target = &args.learning.target;
    // What a user wants to know before the networks are trained.
    let columns = options.columns(&table, target)?;
    columns.folds(&table, &options.fold_by, options.folds, options.seed)?;
    let columns: Vec<Column> = columns.iter().cloned().collect();
    if args.format == Format::Text {
        let (rows, count) = (counted(table.rows(), "row"), counted(columns.len(), "column"));
        let columns = columns_text(&columns, target);
        let data = match data == Path::new("-") {
            true => "standard input".into(),
            false => data.display().to_string(),
        };
        print(&format!("{data}: {rows}, {count}\n\n{columns}\n"))?;
    }
    let model = watched(|observer| TableModel::fit_with(&table, target, &options, observer))?;
    say_notes(model.notes());
    model.save(&save)?;
    if let Some(report) = &report {
        let page = report::page(&model, &table, args)?;
        write_atomically(report, |file| file.write_all(page.as_bytes()))?;
    }
    let report = report.as_ref().map(|path| path.display().to_string());
    let save = save.display().to_string();
    if args.format == Format::Json {
        let result = json!({
            "target": target,
            "rows": table.rows(),
            "columns": columns_json(&columns, target),
            "recipe": model.recipe().to_string(),
            "networks": model.members(),
            "seed": options.seed,
            "scores": scores_json(model.scores()),
            "notes": model.notes(),
            "model": save,
            "report": report,
        });
        return print(&format!("{result}\n"));
    }
    let tested = model.held_out().map_or(0, |held_out| held_out.rows.len());
    print(&format!(
        "{}, recipe {}; scores on {} rows that they were not trained on:\n\n{}\nModel: {save}\n{}",
        counted(model.members(), "network"),
        model.recipe(),
        grouped(tested),
        scores_text(model.scores()),
        report.map_or(String::new(), |report| format!("Report: {report}\n")),
    ))
}

/// Returns a file in the current directory, named after the table: `houses.html` for `data/houses.csv.gz`.
pub(super) fn named_after(data: &Path, extension: &str) -> PathBuf {
    let name = data.file_name().unwrap_or_default().to_string_lossy();
    let stem = match name.trim_start_matches('.').split('.').next() {
        Some(stem) if !stem.is_empty() && stem != "-" => stem,
        _ => "model",
    };
    PathBuf::from(format!("{stem}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_the_table() {
        for (data, name) in [
            ("data/houses.csv.gz", "houses.html"),
            ("houses", "houses.html"),
            ("-", "model.html"),
            (".csv", "csv.html"),
        ] {
            assert_eq!(named_after(Path::new(data), "html"), Path::new(name));
        }
    }
}
