//! Splits CSV and TSV text into records and cells by the rules of RFC 4180, one buffer at a time.
//!
//! Whatever breaks a rule is refused, because a repaired cell is a wrong value: the reader cannot know whether a quote
//! is missing at the end of a cell or superfluous at its start. For the same reason the reader does not guess: the file
//! itself says that it is UTF-16, by a byte order mark, or that other bytes than the expected ones separate its cells,
//! by a first line such as `sep=;`.

use crate::TableError;
use mlp_io::quoted;
use std::io::{self, Read};
use std::iter;
use std::ops::Range;

/// The least number of bytes that are read at a time.
const BLOCK: usize = if cfg!(test) { 16 } else { 1 << 16 };

/// The text of a CSV file, as a stream of records.
pub(crate) struct Csv<'a> {
    source: Box<dyn Read + 'a>,
    buffer: Vec<u8>,
    /// The offset of the next record in the buffer.
    at: usize,
    /// The line of the next record, from 1.
    line: usize,
    /// Whether the buffer holds the rest of the file.
    ended: bool,
    separator: u8,
    /// The names of the columns: none before the header was read.
    pub(crate) names: Vec<String>,
}

/// A line of the file, or several lines if one of its cells contains line ends.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) line: usize,
    text: String,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
}

/// Why a record cannot be taken from the buffer.
enum Stop {
    /// The record continues in a part of the file that is not in the buffer yet.
    Incomplete,
    /// The record breaks a rule: what was expected and what was found.
    Broken(String, String),
}

impl<'a> Csv<'a> {
    /// Determines the encoding and the separator. A file without a line such as `sep=;` has its cells separated by
    /// `separator`.
    pub(crate) fn new(source: Box<dyn Read + 'a>, separator: u8) -> Result<Self, TableError> {
        let mut csv = Self {
            source,
            buffer: vec![],
            at: 0,
            line: 1,
            ended: false,
            separator,
            names: vec![],
        };
        csv.fill()?;
        if let Some(format) = binary_format(&csv.buffer) {
            return Err(TableError::unexpected(
                "a CSV file, which is plain text, or a Parquet file",
                format,
            ));
        }
        let unit: Option<fn([u8; 2]) -> u16> = match csv.buffer[..] {
            [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
            [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
            _ => None,
        };
        if let Some(unit) = unit {
            csv.source.read_to_end(&mut csv.buffer).map_err(TableError::system)?;
            csv.buffer = utf16(&csv.buffer[2..], unit).ok_or_else(|| {
                let got = "a byte order mark of UTF-16 before bytes that are not UTF-16";
                TableError::unexpected("a CSV file, which is plain text", got)
            })?;
            csv.ended = true;
        }
        csv.refuse_nul(0)?;
        while csv.buffer[csv.at..].starts_with("\u{feff}".as_bytes()) {
            csv.at += "\u{feff}".len();
        }
        if let Some([separator @ (b',' | b';' | b'\t' | b'|'), rest @ ..]) = csv.buffer[csv.at..].strip_prefix(b"sep=")
            && rest.first().is_none_or(is_line_end)
        {
            csv.separator = *separator;
            csv.at += b"sep=;".len();
        }
        Ok(csv)
    }

    /// Reads the next record, which is not a blank line, into `record`. Returns whether there is one.
    pub(crate) fn read(&mut self, record: &mut Record) -> Result<bool, TableError> {
        self.skip_line_ends()?;
        if self.at == self.buffer.len() {
            return Ok(false);
        }
        loop {
            record.line = self.line;
            record.text.clear();
            record.ends.clear();
            let mut start = self.at;
            let stop = loop {
                match self.cell(start, record) {
                    Ok(end) if self.buffer.get(end) == Some(&self.separator) => start = end + 1,
                    Ok(end) => break Ok(end),
                    Err(stop) => break Err(stop),
                }
            };
            match stop {
                Ok(end) => {
                    self.check_cells(record, end)?;
                    self.line += line_ends(&self.buffer[self.at..end]);
                    self.at = end;
                    return Ok(true);
                }
                Err(Stop::Incomplete) => self.fill_and_check()?,
                Err(Stop::Broken(expected, got)) => {
                    let line = self.line + line_ends(&self.buffer[self.at..start]);
                    return Err(self.place(record.ends.len(), expected, got).at_line(line));
                }
            }
        }
    }

    /// Returns how cells are separated, for a message about `text`, if it contains another separator.
    pub(crate) fn hint(&self, text: &str) -> String {
        let other = |byte: &u8| *byte != self.separator && matches!(byte, b',' | b';' | b'\t' | b'|');
        if !text.as_bytes().iter().any(other) {
            return String::new();
        }
        let separator = shown(&[self.separator]);
        let advice = "set the separator of the reader, or name it by a first line such as `sep=;`";
        format!("; cells are separated by {separator}: {advice}")
    }

    /// Checks that the record, which ends at `end`, has as many cells as the header.
    fn check_cells(&self, record: &Record, end: usize) -> Result<(), TableError> {
        let (expected, got) = (self.names.len(), record.len());
        if expected == 0 || expected == got {
            return Ok(());
        }
        let last = self.line + line_ends(&self.buffer[self.at..end]);
        let hint = match got {
            _ if last != record.line => format!("; a quoted cell joins the lines {} to {last}", record.line),
            1 => self.hint(&record.text),
            _ if expected == 1 => self.hint(&self.names[0]),
            _ => String::new(),
        };
        let cells = crate::error::counted(expected, "cell");
        let error = TableError::unexpected(format_args!("{cells} as in the header"), format_args!("{got}{hint}"));
        Err(error.at_line(record.line))
    }

    /// Makes an error for the cell with that index.
    fn place(&self, cell: usize, expected: impl std::fmt::Display, got: impl std::fmt::Display) -> TableError {
        match self.names.get(cell) {
            Some(name) => TableError::unexpected(expected, got).in_column(name),
            None => TableError::new(format!("cell {}: expected {expected}, got {got}", cell + 1)),
        }
    }

    /// Appends the cell that begins at `start` to `record`, without its quotes and the space around it. Returns the
    /// offset of the separator or line end that follows it.
    fn cell(&self, start: usize, record: &mut Record) -> Result<usize, Stop> {
        let text = &self.buffer[..];
        let ends = |byte: &u8| *byte == self.separator || is_line_end(byte);
        let stops = |byte: &u8| ends(byte) || *byte == b'"';
        let stop = self.find(start, stops)?;
        if text.get(stop) != Some(&b'"') {
            record.push(&text[start..stop])?;
            return Ok(stop);
        }
        if !text[start..stop].trim_ascii().is_empty() {
            let end = self.find(stop, ends)?;
            let got = shown(text[start..end].trim_ascii());
            return Err(Stop::Broken("quotes only around a whole cell".into(), got));
        }
        let Some(content) = self.quoted_content(stop + 1)? else {
            return Err(Stop::Broken(
                "a quote that closes the cell".into(),
                "the end of the file".into(),
            ));
        };
        let close = content.end;
        let end = self.find(close + 1, ends)?;
        let rest = text[close + 1..end].trim_ascii();
        if !rest.is_empty() {
            let line = self.line + line_ends(&text[self.at..close]);
            let separator = shown(&[self.separator]);
            let expected = format!("{separator} or a line end after the quote that closes the cell on line {line}");
            let hint = self.hint(&String::from_utf8_lossy(&text[close + 1..end]));
            return Err(Stop::Broken(expected, shown(rest) + &hint));
        }
        record.push(&text[content])?;
        Ok(end)
    }

    /// Returns the range from `open` to the quote that closes the cell, or `None` if no quote does.
    fn quoted_content(&self, open: usize) -> Result<Option<Range<usize>>, Stop> {
        let quote = |byte: &u8| *byte == b'"';
        let mut close = self.find(open, quote)?;
        // A quote within the cell is doubled, so the first one that is not doubled closes the cell.
        while self.find(close + 1, |_| true)? < self.buffer.len() && self.buffer[close + 1] == b'"' {
            close = self.find(close + 2, quote)?;
        }
        Ok((close < self.buffer.len()).then_some(open..close))
    }

    /// Returns the offset of the first such byte from `start`, or the end of the file.
    fn find(&self, start: usize, such: impl Fn(&u8) -> bool) -> Result<usize, Stop> {
        let rest = self.buffer.get(start..).unwrap_or_default();
        match rest.iter().position(such) {
            Some(n) => Ok(start + n),
            None if self.ended => Ok(self.buffer.len()),
            None => Err(Stop::Incomplete),
        }
    }

    /// Goes to the next byte that is not a line end.
    fn skip_line_ends(&mut self) -> Result<(), TableError> {
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(n) = rest.iter().position(|byte| !is_line_end(byte)) {
                self.line += line_ends(&rest[..n]);
                self.at += n;
                return Ok(());
            }
            if self.ended {
                self.at = self.buffer.len();
                return Ok(());
            }
            self.fill_and_check()?;
        }
    }

    fn fill_and_check(&mut self) -> Result<(), TableError> {
        let old = self.buffer.len() - self.at;
        self.fill()?;
        self.refuse_nul(old)
    }

    /// Drops what was read and doubles the rest of the buffer, so that a long record takes linear time.
    fn fill(&mut self) -> Result<(), TableError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = self.buffer.len().max(BLOCK);
        let got = io::Read::take(&mut self.source, more as u64)
            .read_to_end(&mut self.buffer)
            .map_err(TableError::system)?;
        self.ended = got < more;
        Ok(())
    }

    /// Refuses a NUL byte from `start`: it says that the text is UTF-16 or UTF-32 without a mark, or no text at all.
    fn refuse_nul(&self, start: usize) -> Result<(), TableError> {
        match self.buffer[start..].iter().position(|&byte| byte == 0) {
            Some(n) => {
                let expected = "text in UTF-8, or in UTF-16 after a byte order mark";
                let line = self.line + line_ends(&self.buffer[self.at..start + n]);
                Err(TableError::unexpected(expected, "a NUL byte").at_line(line))
            }
            None => Ok(()),
        }
    }
}

impl Record {
    /// Returns the number of cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the text of each cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        let starts = iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.text[start..end])
    }

    /// Appends a cell, without the space around it and with single quotes for doubled ones.
    fn push(&mut self, cell: &[u8]) -> Result<(), Stop> {
        let cell = cell.trim_ascii();
        match str::from_utf8(cell) {
            Ok(cell) if cell.contains('"') => self.text += &cell.replace("\"\"", "\""),
            Ok(cell) => self.text += cell,
            Err(_) => {
                let got = shown(cell) + "; save the file as UTF-8";
                return Err(Stop::Broken("text in UTF-8".into(), got));
            }
        }
        self.ends.push(self.text.len());
        Ok(())
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Counts the line ends in `text`: `\n`, `\r\n` or `\r`.
fn line_ends(text: &[u8]) -> usize {
    let ends = |(i, &byte): (usize, &u8)| byte == b'\n' || byte == b'\r' && text.get(i + 1) != Some(&b'\n');
    text.iter().enumerate().filter(|&item| ends(item)).count()
}

/// Formats text of the file for a message.
fn shown(text: &[u8]) -> String {
    quoted(&String::from_utf8_lossy(text))
}

/// Decodes UTF-16, or returns `None` if `bytes` are not UTF-16.
fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<Vec<u8>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(units.iter().map(|&bytes| unit(bytes))).collect();
    text.ok().filter(|_| rest.is_empty()).map(String::into_bytes)
}

/// Returns what the file is, if it begins like a format that is not read.
fn binary_format(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a Zstandard file, which `unzstd` unpacks",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "an xz file, which `unxz` unpacks",
        [b'B', b'Z', b'h', _, b'1', b'A', b'Y', ..] => "a bzip2 file, which `bunzip2` unpacks",
        [b'P', b'K', 3, 4, ..] => "a zip archive, or an .xlsx or .ods workbook; save its table as CSV",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "an .xls workbook; save its table as CSV",
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => "an Arrow file; save its table as Parquet",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
