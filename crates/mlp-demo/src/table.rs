//! Reads a table of numbers from a CSV file.

use std::path::Path;

use mlp_cpu::{Element, Matrix};
use mlp_io::quoted;

use crate::csv::{Csv, Record};
use crate::error::Error;
use crate::number::finite;
use crate::text::{cells, counted};

/// Parses `bytes`, the content of the CSV file at `path`: a header, then one row per line. `select` returns the columns
/// to read, in the order of the result's rows; it gets the header before anything else is read. Messages show `example`
/// as an example of a header. Returns a matrix with a column per row of the file.
///
/// Cells of these columns are decimal numbers that are finite in `T`. Space around cells, blank lines, all line ends,
/// UTF-8 and UTF-16 with a byte order mark, gzip, and a first line such as `sep=;` are accepted.
///
/// # Errors
///
/// Returns an error if the file is empty or not a well-formed CSV file, if `select` rejects the header, if there is no
/// row, or if a cell is missing, superfluous, empty, not a number or not finite. The message names the line of the file
/// and the column, both counted from 1.
pub(crate) fn parse<T: Element>(
    path: &Path,
    bytes: &[u8],
    example: &str,
    select: impl FnOnce(&Record<'_>) -> Result<Vec<usize>, Error>,
) -> Result<Matrix<T>, Error> {
    let csv = Csv::new(path, bytes)?;
    let mut records = csv.records();
    let Some(header) = records.next().transpose()? else {
        let expected = format!("a header such as {example}");
        return Err(Error::unexpected(path.display(), expected, "an empty file"));
    };
    let columns = select(&header)?;

    let name = |column: usize| header.cells.get(column).map(|name| &name[..]);
    let mut values = vec![];
    for record in records {
        let record = record?;
        let (expected, got) = (header.cells.len(), record.cells.len());
        if got != expected {
            // The first cell that is missing or superfluous.
            let column = got.min(expected);
            let expected = format!("{} as in the header", counted(expected, "cell"));
            return Err(record.unexpected_cell(column, name(column), expected, got));
        }
        for &column in &columns {
            let cell = &record.cells[column];
            match cell.parse().map_err(|_| "a number").and_then(finite) {
                Ok(value) => values.push(value),
                Err(expected) => return Err(record.unexpected_cell(column, name(column), expected, shown(cell))),
            }
        }
    }
    if values.is_empty() {
        let expected = "at least one sample";
        return Err(Error::unexpected(path.display(), expected, "only a header"));
    }
    Ok(Matrix::from_vec(columns.len(), values.len() / columns.len(), values))
}

/// Checks that no name of a header is a number; NaN and infinity count as numbers. A single number is enough to reject
/// it, because a first sample that is taken for a header would silently be lost.
pub(crate) fn check_names(header: &Record<'_>, example: &str) -> Result<(), Error> {
    if header.cells.iter().any(|cell| cell.parse::<f64>().is_ok()) {
        let expected = format!("a header such as {example} (names must not be numbers)");
        return Err(header.unexpected(expected, quoted(&header.cells.join(","))));
    }
    Ok(())
}

/// Lists names for a message. Names that would be too many to read are left out.
pub(crate) fn listed(names: impl IntoIterator<Item = String>) -> String {
    cells(names, 10).join(", ")
}

/// Formats a cell for a message.
pub(crate) fn shown(cell: &str) -> String {
    if cell.is_empty() {
        "an empty cell".into()
    } else {
        quoted(cell)
    }
}
