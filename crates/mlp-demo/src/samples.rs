//! Training samples from a CSV file.

use std::fs;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder, Trim};

use crate::dtype::Dtype;
use crate::error::{Error, counted, quoted};

/// Samples of a regression: for each a list of features and a list of targets.
///
/// Both lists are stored sample after sample, that is as column-major matrices, `inputs` of `features` x n and
/// `targets` of `outputs` x n.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Features of a sample, at least 1.
    pub features: usize,
    /// Targets of a sample, at least 1.
    pub outputs: usize,
    /// The features of all samples, `features` x n.
    pub inputs: Vec<f64>,
    /// The targets of all samples, `outputs` x n.
    pub targets: Vec<f64>,
}

impl Samples {
    /// The number of samples n.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inputs.len().checked_div(self.features).unwrap_or(0)
    }

    /// Reads a CSV file: a header, then one sample a line.
    ///
    /// Columns whose name starts with `x` are features and those with `y` are targets, in the order of the file; any
    /// other name is an error, since a column that is left out in silence is more often a slip than a wish. Cells are
    /// decimal numbers that are finite in `dtype`. Space around cells, blank lines, `\r\n` and a UTF-8 byte order mark are accepted.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, an empty one, a header that is missing or lacks an `x` or a `y` column, no sample,
    /// and a cell that is missing, superfluous, empty, not a number or not finite. The message names the line of the
    /// file and the column, both counted from 1.
    pub fn read(path: &Path, dtype: Dtype) -> Result<Self, Error> {
        let csv = fs::read(path).map_err(Error::read(path))?;
        Self::parse(path, &csv, dtype)
    }

    fn parse(path: &Path, csv: &[u8], dtype: Dtype) -> Result<Self, Error> {
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

        let Some(header) = records.next().transpose().map_err(syntax)? else {
            return Err(Error::unexpected(
                path.display(),
                "a header such as `x,y`",
                "an empty file",
            ));
        };
        let roles = roles(&header, &place(&header))?;

        let features = roles.iter().filter(|&&role| role == Role::Feature).count();
        let mut samples = Self {
            features,
            outputs: roles.len() - features,
            inputs: vec![],
            targets: vec![],
        };
        for record in records {
            let record = record.map_err(syntax)?;
            check_length(&record, &header, &place(&record))?;
            for (column, (cell, role)) in record.iter().zip(&roles).enumerate() {
                let value = number(cell, dtype)
                    .map_err(|expected| place(&record).unexpected(column, header.get(column), expected, shown(cell)))?;
                match role {
                    Role::Feature => samples.inputs.push(value),
                    Role::Target => samples.targets.push(value),
                }
            }
        }
        if samples.count() == 0 {
            return Err(Error::unexpected(
                path.display(),
                "at least one sample",
                "a header alone",
            ));
        }
        Ok(samples)
    }
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Feature,
    Target,
}

/// Where a record is, for messages. To find the number of its line takes a pass over the file, hence is put off.
struct Place<'a> {
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

    /// The file and the line, from 1, on which the record starts. The reader counts the line on which the record
    /// before it ended, which blank lines and the `\n` of `\r\n` part from the start of this one.
    fn line(&self) -> String {
        let end = usize::try_from(self.offset).unwrap_or(usize::MAX).min(self.csv.len());
        let blank = self.csv[end..]
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let line = 1 + self.csv[..end + blank].iter().filter(|&&byte| byte == b'\n').count();
        format!("{}: line {line}", self.path.display())
    }

    /// `column` counts from 0; `name` is its header.
    fn unexpected(&self, column: usize, name: Option<&[u8]>, expected: &str, got: String) -> Error {
        let name = name.map_or(String::new(), |name| format!(" ({})", quoted(name)));
        Error::unexpected(
            format_args!("{}, column {}{name}", self.line(), column + 1),
            expected,
            got,
        )
    }
}

/// The role of each column of a header.
fn roles(header: &ByteRecord, place: &Place<'_>) -> Result<Vec<Role>, Error> {
    if header.iter().all(|cell| number(cell, Dtype::F64).is_ok()) {
        let row = header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",");
        let got = format!("the numbers {}", quoted(row.as_bytes()));
        return Err(Error::unexpected(place.line(), "a header such as `x,y`", got));
    }
    let mut roles = Vec::with_capacity(header.len());
    for (column, name) in header.iter().enumerate() {
        roles.push(match name.first() {
            Some(b'x') => Role::Feature,
            Some(b'y') => Role::Target,
            _ => {
                let expected = "a name that starts with `x` (feature) or `y` (target)";
                return Err(place.unexpected(column, None, expected, shown(name)));
            }
        });
    }
    for (role, expected) in [
        (Role::Feature, "a column whose name starts with `x` (feature)"),
        (Role::Target, "a column whose name starts with `y` (target)"),
    ] {
        if !roles.contains(&role) {
            let names = header.iter().map(quoted).collect::<Vec<_>>().join(", ");
            return Err(Error::unexpected(place.line(), expected, format_args!("only {names}")));
        }
    }
    Ok(roles)
}

/// A row must have a cell for each column; the first that is missing or superfluous is named.
fn check_length(record: &ByteRecord, header: &ByteRecord, place: &Place<'_>) -> Result<(), Error> {
    if record.len() == header.len() {
        return Ok(());
    }
    let column = record.len().min(header.len());
    let expected = format!("{} as in the header", counted(header.len(), "cell"));
    Err(place.unexpected(column, header.get(column), &expected, record.len().to_string()))
}

/// The number in a cell, else what was expected of it.
fn number(cell: &[u8], dtype: Dtype) -> Result<f64, &'static str> {
    match str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(value) if dtype.round(value).is_finite() => Ok(value),
        Some(_) => Err(dtype.finite_number()),
        None => Err("a number"),
    }
}

fn shown(cell: &[u8]) -> String {
    if cell.is_empty() {
        "an empty cell".into()
    } else {
        quoted(cell)
    }
}

#[cfg(test)]
mod tests;
