//! Training samples from a CSV file.

use std::fs;
use std::ops::Range;
use std::path::Path;

use mlp_core::Dataset;
use mlp_cpu::{Element, Matrix};

use crate::csv::Record;
use crate::error::Error;
use crate::table::{self, listed, shown};

/// A header, for messages.
const EXAMPLE: &str = "`x,y`";

/// Reads a CSV file, which has a header and then one sample per line.
///
/// Columns whose name starts with `x` are features, and columns whose name starts with `y` are targets, in the order of
/// the file. Any other name is an error, because a column that is silently ignored is more often a mistake than
/// intended. Cells are decimal numbers that are finite in `T`. Space around cells, blank lines, the line ends `\n`, `\r\n`
/// and `\r`, UTF-8 and UTF-16 with a byte order mark, and gzip are accepted. Commas separate the cells, unless the first
/// line is `sep=` and a semicolon, a tab or a `|`.
///
/// # Errors
///
/// Returns an error if the file cannot be read, is empty or breaks the rules of CSV, if the header is missing or lacks an
/// `x` or a `y` column, if there is no sample, or if a cell is missing, superfluous, empty, not a number or not finite. The message names
/// the line of the file and the column, both counted from 1.
pub fn read<T: Element>(path: &Path) -> Result<Dataset<Matrix<T>>, Error> {
    parse(path, &fs::read(path).map_err(Error::read(path))?)
}

/// Parses the bytes of a CSV file as [`read`] does; `path` names the file in messages.
///
/// # Errors
///
/// Returns the errors of [`read`] that concern the content of the file.
pub fn parse<T: Element>(path: &Path, csv: &[u8]) -> Result<Dataset<Matrix<T>>, Error> {
    let mut inputs = 0;
    let table = table::parse::<T>(path, csv, EXAMPLE, |header| {
        table::check_names(header, EXAMPLE)?;
        let (features, targets) = columns(header)?;
        inputs = features.len();
        Ok([features, targets].concat())
    })?;
    let rows = |rows: Range<usize>| Matrix::from_fn(rows.len(), table.columns(), |i, j| table[(rows.start + i, j)]);
    Ok(Dataset::new(rows(0..inputs), rows(inputs..table.rows()))?)
}

/// Returns the columns of the features and those of the targets.
fn columns(header: &Record<'_>) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let (mut features, mut targets) = (vec![], vec![]);
    for (column, name) in header.cells.iter().enumerate() {
        match name.as_bytes().first() {
            Some(b'x') => features.push(column),
            Some(b'y') => targets.push(column),
            _ => {
                let expected = "a name that starts with `x` (feature) or `y` (target)";
                return Err(header.unexpected_cell(column, None, expected, shown(name)));
            }
        }
    }
    for (columns, expected) in [
        (&features, "a column whose name starts with `x` (feature)"),
        (&targets, "a column whose name starts with `y` (target)"),
    ] {
        if columns.is_empty() {
            let names = listed(header.cells.iter().map(|name| mlp_io::quoted(name)));
            return Err(header.unexpected(expected, format_args!("only {names}")));
        }
    }
    Ok((features, targets))
}

#[cfg(test)]
mod tests;
