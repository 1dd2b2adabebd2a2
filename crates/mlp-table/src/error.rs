//! The error of everything that reads a table.

use mlp_io::{one_line, quoted};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Says where a table cannot be used, what was expected, what was found and, where it is not plain, what to do.
///
/// ```
/// use mlp_table::Table;
///
/// let error = Table::from_csv("area,price\n70,1200\n85\n".as_bytes()).unwrap_err();
/// assert_eq!(error.to_string(), "line 3: expected 2 cells as in the header, got 1");
/// assert_eq!(error.line, Some(3));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct TableError {
    /// The file, or `None` if the table is in memory.
    pub file: Option<PathBuf>,
    /// The line of a text file, from 1. A record that spans several lines is named by its first one.
    pub line: Option<usize>,
    /// The row of a table that has no lines, from 1, without the header.
    pub row: Option<usize>,
    /// The name of the column.
    pub column: Option<String>,
    /// What is wrong, on one line.
    pub message: String,
    source: Option<io::Error>,
}

impl TableError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            row: None,
            column: None,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn unexpected(expected: impl fmt::Display, got: impl fmt::Display) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    /// Makes an error that the system reported while it read a file.
    pub(crate) fn system(error: io::Error) -> Self {
        let cause = one_line(&error.to_string());
        let message = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the compressed file is cut short; copy it again".to_owned(),
            _ => format!("cannot be read: {cause}"),
        };
        Self {
            source: Some(error),
            ..Self::new(message)
        }
    }

    pub(crate) fn in_file(self, file: Option<&Path>) -> Self {
        let file = file.map(Path::to_path_buf);
        Self { file, ..self }
    }

    pub(crate) fn at_line(self, line: usize) -> Self {
        let line = Some(line);
        Self { line, ..self }
    }

    pub(crate) fn in_column(self, name: &str) -> Self {
        let column = Some(name.to_owned());
        Self { column, ..self }
    }
}

/// The place, such as ``houses.csv: line 7, column `price` ``, and the message.
impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", one_line(&file.display().to_string()))?;
        }
        let line = self.line.map(|line| format!("line {line}"));
        let row = self.row.map(|row| format!("row {row}"));
        let column = self.column.as_ref().map(|name| format!("column {}", quoted(name)));
        let place: Vec<String> = line.into_iter().chain(row).chain(column).collect();
        if !place.is_empty() {
            write!(f, "{}: ", place.join(", "))?;
        }
        f.write_str(&self.message)
    }
}

/// The source is the error of the system, if there is one.
impl Error for TableError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

/// Lists the most similar of `names`, which are those of all `things`, for a message that none has the name `name`.
pub(crate) fn near<'a>(name: &str, things: &str, names: impl Iterator<Item = &'a str>) -> String {
    let simple = |text: &str| text.trim().to_lowercase().replace(['-', ' ', '.'], "_");
    let mut near: Vec<(usize, &str)> = names
        .map(|other| (distance(&simple(name), &simple(other)), other))
        .collect();
    // The sort is stable, so columns at the same distance stay in their order.
    near.sort_by_key(|&(distance, _)| distance);
    let shown: Vec<String> = near.iter().take(3).map(|(_, name)| quoted(name)).collect();
    match &shown[..] {
        [] => format!("no {things}"),
        [name] => format!("only {name}"),
        _ => format!("{} {things}, among them {}", near.len(), shown.join(", ")),
    }
}

/// Returns the number of characters to insert, remove or replace that makes `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Formats a number of things, such as `1 row` or `12 rows`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
