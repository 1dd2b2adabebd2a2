//! Reads a table of numbers from a CSV file.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};
use mlp_cpu::{Element, Matrix};

use crate::error::Error;
use crate::number::finite;
use crate::text::{counted, quoted};

/// Parses `csv`, the content of the file at `path`: a header, then one row per line. `check` checks the header before
/// anything else is read. Messages show `example` as an example of a header. Returns a matrix with a column per row of
/// the file.
///
/// A name in the header must not be a number; NaN and infinity count as numbers. Cells are decimal numbers that are
/// finite in `T`. Space around cells, blank lines, `\r\n` and a UTF-8 byte order mark are accepted.
///
/// # Errors
///
/// Returns an error if the file is empty, if the header is missing or `check` rejects it, if there is no row, or if a
/// cell is missing, superfluous, empty, not a number or not finite. The message names the line of the file and the
/// column, both counted from 1.
pub(crate) fn parse<T: Element>(
    path: &Path,
    csv: &[u8],
    example: &str,
    check: impl FnOnce(&ByteRecord, &Place<'_>) -> Result<(), Error>,
) -> Result<Matrix<T>, Error> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(csv);
    let place = |record: &ByteRecord| Place {
        path,
        csv,
        offset: record.position().map_or(0, csv::Position::byte),
    };
    let syntax = |error| Error::refused(format_args!("{}: {error}", path.display()));
    let mut records = reader.byte_records().map(|record| record.map_err(syntax));
    let a_header = format!("a header such as {example}");

    let Some(header) = records.next().transpose()? else {
        return Err(Error::unexpected(path.display(), a_header, "an empty file"));
    };
    // A single number is enough to reject it, because a first sample that is taken for a header would silently be lost.
    if header.iter().any(|cell| parsed(cell).is_some()) {
        let row = header.iter().collect::<Vec<_>>().join(&b',');
        let expected = a_header + " (names must not be numbers)";
        return Err(Error::unexpected(place(&header).line(), expected, quoted(&row)));
    }
    check(&header, &place(&header))?;

    let mut values = vec![];
    for record in records {
        let record = record?;
        if record.len() != header.len() {
            // The first cell that is missing or superfluous.
            let column = record.len().min(header.len());
            let expected = format!("{} as in the header", counted(header.len(), "cell"));
            return Err(place(&record).unexpected(column, header.get(column), &expected, record.len().to_string()));
        }
        for (column, cell) in record.iter().enumerate() {
            match parsed(cell).ok_or("a number").and_then(finite) {
                Ok(value) => values.push(value),
                Err(expected) => {
                    return Err(place(&record).unexpected(column, header.get(column), expected, shown(cell)));
                }
            }
        }
    }
    if values.is_empty() {
        let expected = "at least one sample";
        return Err(Error::unexpected(path.display(), expected, "only a header"));
    }
    Ok(Matrix::from_vec(header.len(), values.len() / header.len(), values))
}

fn parsed(cell: &[u8]) -> Option<f64> {
    str::from_utf8(cell).ok()?.parse().ok()
}

/// The place of a record, for messages. The number of its line is determined only when it is needed, because that takes
/// a pass over the file.
pub(crate) struct Place<'a> {
    path: &'a Path,
    csv: &'a [u8],
    offset: u64,
}

impl Place<'_> {
    /// Returns the file and the line, counted from 1, on which the record starts. The line number of the reader
    /// is that on which the previous record ended; blank lines and the `\n` of `\r\n` may lie between the two.
    pub(crate) fn line(&self) -> String {
        let (before, after) = self.csv.split_at(self.csv.len().min(self.offset as usize));
        let blank = after.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let line = 1 + before.iter().chain(blank).filter(|&&byte| byte == b'\n').count();
        format!("{}: line {line}", self.path.display())
    }

    /// Creates an error for the cell in `column`, which is counted from 0; `name` is its header.
    pub(crate) fn unexpected(&self, column: usize, name: Option<&[u8]>, expected: &str, got: String) -> Error {
        let name = name.map_or(String::new(), |name| format!(" ({})", quoted(name)));
        let at = format!("{}, column {}{name}", self.line(), column + 1);
        Error::unexpected(at, expected, got)
    }
}

/// Formats a cell for a message.
pub(crate) fn shown(cell: &[u8]) -> String {
    if cell.is_empty() {
        "an empty cell".into()
    } else {
        quoted(cell)
    }
}
