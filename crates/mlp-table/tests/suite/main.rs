//! Tests of the whole way from a table to the features of a network, as a user goes it.

mod bad_input;
mod columns;
mod files;
mod folds;
mod golden;
mod model_files;
mod models;
mod preprocessing;
mod random;
mod saved;

use mlp_table::{Columns, Preprocessing, Table};

/// Reads CSV text.
#[track_caller]
fn table(text: &str) -> Table {
    Table::from_csv(text.as_bytes()).unwrap()
}

/// Makes a table of `rows` rows, each of which `row` writes as CSV.
#[track_caller]
fn table_of(header: &str, rows: usize, row: impl Fn(usize) -> String) -> Table {
    let lines: Vec<String> = (0..rows).map(row).collect();
    table(&format!("{header}\n{}\n", lines.join("\n")))
}

/// Fits a preprocessing with the default options to a whole table.
#[track_caller]
fn fitted(table: &Table, target: &str) -> Preprocessing {
    let columns = Columns::infer(table, target).unwrap();
    Preprocessing::fit(table, &columns, Default::default()).unwrap()
}
