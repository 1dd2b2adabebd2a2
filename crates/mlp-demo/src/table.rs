//! Reads a table of numbers from a CSV file.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::dtype::Dtype;
use crate::error::{Error, counted, quoted};

/// Rows of numbers, at least one, all of the same length.
#[derive(Debug)]
pub(crate) struct Table {
    columns: usize,
    /// The numbers, row after row.
    values: Vec<f64>,
}

impl Table {
    /// Parses `csv`, the content of the file at `path`: a header, then one row per line. `check` checks the header
    /// before anything else is read. Messages show `example` as an example of a header.
    ///
    /// A name in the header must not be a number; NaN and infinity count as numbers. Cells are decimal numbers that are
    /// finite in `dtype`. Space around cells, blank lines, `\r\n` and a UTF-8 byte order mark are accepted.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is empty, if the header is missing or `check` rejects it, if there is no row, or if
    /// a cell is missing, superfluous, empty, not a number or not finite. The message names the line of the file and
    /// the column, both counted from 1.
    pub(crate) fn parse(
        path: &Path,
        csv: &[u8],
        dtype: Dtype,
        example: &str,
        check: impl FnOnce(&ByteRecord, &Place<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(csv);
        let mut records = reader.byte_records();
        let place = |record: &ByteRecord| Place::of(path, csv, record);
        let syntax = |e: csv::Error| Error::Syntax {
            at: path.display().to_string(),
            problem: e.to_string(),
        };
        let a_header = format!("a header such as {example}");
        let a_name = |cell: &[u8]| str::from_utf8(cell).map_or(true, |text| text.parse::<f64>().is_err());

        let Some(header) = records.next().transpose().map_err(syntax)? else {
            return Err(Error::unexpected(path.display(), a_header, "an empty file"));
        };
        // A single number is enough to reject it, because a first sample that is taken for a header would silently be
        // lost.
        if !header.iter().all(a_name) {
            let row = header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
            let expected = a_header + " (names must not be numbers)";
            return Err(Error::unexpected(
                place(&header).line(),
                expected,
                quoted(row.as_bytes()),
            ));
        }
        check(&header, &place(&header))?;

        let mut values = vec![];
        for record in records {
            let record = record.map_err(syntax)?;
            check_length(&record, &header, &place(&record))?;
            for (column, cell) in record.iter().enumerate() {
                let value = number(cell, dtype)
                    .map_err(|expected| place(&record).unexpected(column, header.get(column), expected, shown(cell)))?;
                values.push(value);
            }
        }
        if values.is_empty() {
            return Err(Error::unexpected(
                path.display(),
                "at least one sample",
                "only a header",
            ));
        }
        let columns = header.len();
        Ok(Self { columns, values })
    }

    /// Returns the rows.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.values.chunks_exact(self.columns)
    }
}

/// The place of a record, for messages. The number of its line is determined only when it is needed, because that takes
/// a pass over the file.
pub(crate) struct Place<'a> {
    path: &'a Path,
    csv: &'a [u8],
    offset: u64,
}

impl<'a> Place<'a> {
    fn of(path: &'a Path, csv: &'a [u8], record: &ByteRecord) -> Self {
        Self {
            path,
            csv,
            offset: record.position().map_or(0, csv::Position::byte),
        }
    }

    /// Returns the file and the line, counted from 1, on which the record starts. The line number of the reader
    /// is that on which the previous record ended; blank lines and the `\n` of `\r\n` may lie between the two.
    pub(crate) fn line(&self) -> String {
        let end = usize::try_from(self.offset).unwrap_or(usize::MAX).min(self.csv.len());
        let blank = self.csv[end..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let line = 1 + self.csv[..end + blank].iter().filter(|&&byte| byte == b'\n').count();
        format!("{}: line {line}", self.path.display())
    }

    /// Creates [`Error::Unexpected`] for the cell in `column`, which is counted from 0; `name` is its header.
    pub(crate) fn unexpected(&self, column: usize, name: Option<&[u8]>, expected: &str, got: String) -> Error {
        let name = name.map_or(String::new(), |name| format!(" ({})", quoted(name)));
        Error::unexpected(
            format_args!("{}, column {}{name}", self.line(), column + 1),
            expected,
            got,
        )
    }
}

/// Checks that a row has a cell for each column. The error names the first cell that is missing or superfluous.
fn check_length(record: &ByteRecord, header: &ByteRecord, place: &Place<'_>) -> Result<(), Error> {
    if record.len() == header.len() {
        return Ok(());
    }
    let column = record.len().min(header.len());
    let expected = format!("{} as in the header", counted(header.len(), "cell"));
    Err(place.unexpected(column, header.get(column), &expected, record.len().to_string()))
}

/// Returns the number in a cell, or a description of what the cell should have been.
fn number(cell: &[u8], dtype: Dtype) -> Result<f64, &'static str> {
    match str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(value) if dtype.round(value).is_finite() => Ok(value),
        Some(_) => Err(dtype.finite_number()),
        None => Err("a number"),
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
