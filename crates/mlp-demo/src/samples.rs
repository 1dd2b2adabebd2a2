//! Training samples from a CSV file.

use std::fs;
use std::path::Path;

use csv::ByteRecord;
use mlp_core::Dataset;
use mlp_cpu::{Element, Matrix};

use crate::error::Error;
use crate::table::{self, Place, shown};
use crate::text::quoted;

/// Reads a CSV file, which has a header and then one sample per line.
///
/// Columns whose name starts with `x` are features, and columns whose name starts with `y` are targets, in the order of
/// the file. Any other name is an error, because a column that is silently ignored is more often a mistake than
/// intended. Cells are decimal numbers that are finite in `T`. Space around cells, blank lines, `\r\n` and a UTF-8 byte
/// order mark are accepted.
///
/// # Errors
///
/// Returns an error if the file cannot be read or is empty, if the header is missing or lacks an `x` or a `y` column,
/// if there is no sample, or if a cell is missing, superfluous, empty, not a number or not finite. The message names
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
    let (mut features, mut targets) = (vec![], vec![]);
    let table = table::parse::<T>(path, csv, "`x,y`", |header, place| {
        (features, targets) = columns(header, place)?;
        Ok(())
    })?;
    let rows = |rows: &[usize]| Matrix::from_fn(rows.len(), table.columns(), |i, j| table[(rows[i], j)]);
    Ok(Dataset::new(rows(&features), rows(&targets))?)
}

/// Returns the columns of the features and those of the targets.
fn columns(header: &ByteRecord, place: &Place<'_>) -> Result<(Vec<usize>, Vec<usize>), Error> {
    let (mut features, mut targets) = (vec![], vec![]);
    for (column, name) in header.iter().enumerate() {
        match name.first() {
            Some(b'x') => features.push(column),
            Some(b'y') => targets.push(column),
            _ => {
                let expected = "a name that starts with `x` (feature) or `y` (target)";
                return Err(place.unexpected(column, None, expected, shown(name)));
            }
        }
    }
    for (columns, expected) in [
        (&features, "a column whose name starts with `x` (feature)"),
        (&targets, "a column whose name starts with `y` (target)"),
    ] {
        if columns.is_empty() {
            let names = header.iter().map(quoted).collect::<Vec<_>>().join(", ");
            return Err(Error::unexpected(place.line(), expected, format_args!("only {names}")));
        }
    }
    Ok((features, targets))
}

#[cfg(test)]
mod tests;
