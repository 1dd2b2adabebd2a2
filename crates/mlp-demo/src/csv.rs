//! Splits a CSV file into records and cells by the rules of RFC 4180.
//!
//! Whatever breaks a rule is refused, because a repaired cell is a wrong number: the reader cannot know whether a quote
//! is missing at the end of a cell or superfluous at its start. For the same reason nothing is guessed: the file itself
//! says that it is UTF-16, by a byte order mark, or that other bytes than commas separate its cells, by a first line
//! such as `sep=;`, or that it is compressed, by the first bytes of gzip.
//!
//! The crate `csv` repairs quotes in silence, so a check in front of it would have to find all cells and quotes, which
//! is what this module does. It does not count `\r` as a line end either.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::Read;
use std::iter;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::Error;
use crate::text::quoted;

/// The text of a CSV file.
pub(crate) struct Csv<'a> {
    path: &'a Path,
    text: Cow<'a, [u8]>,
    separator: u8,
    /// The offset of the first record.
    start: usize,
}

impl<'a> Csv<'a> {
    /// Decompresses the file at `path`, whose content is `bytes`, and determines its encoding and separator.
    ///
    /// # Errors
    ///
    /// Returns an error that says what the file is, if it is not text.
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let refused = |got| Error::unexpected(path.display(), "a CSV file, which is plain text", got);
        let mut text = Cow::Borrowed(bytes);
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut unpacked = vec![];
            let read = MultiGzDecoder::new(bytes).read_to_end(&mut unpacked);
            read.map_err(Error::read(path))?;
            text = Cow::Owned(unpacked);
        }
        if let Some(format) = binary_format(&text) {
            return Err(refused(format));
        }
        let decoded = match &*text {
            [0xff, 0xfe, units @ ..] => Some(utf16(units, u16::from_le_bytes)),
            [0xfe, 0xff, units @ ..] => Some(utf16(units, u16::from_be_bytes)),
            _ => None,
        };
        if let Some(decoded) = decoded {
            let got = "a byte order mark of UTF-16 before bytes that are not UTF-16";
            text = Cow::Owned(decoded.ok_or_else(|| refused(got))?);
        }
        let mut csv = Self {
            path,
            text,
            separator: b',',
            start: 0,
        };
        if let Some(offset) = csv.text.iter().position(|&byte| byte == 0) {
            let expected = "text in UTF-8, or in UTF-16 after a byte order mark";
            return Err(Error::unexpected(csv.place(offset), expected, "a NUL byte"));
        }
        while csv.text[csv.start..].starts_with("\u{feff}".as_bytes()) {
            csv.start += "\u{feff}".len();
        }
        if let Some([separator @ (b',' | b';' | b'\t' | b'|'), rest @ ..]) = csv.text[csv.start..].strip_prefix(b"sep=")
            && rest.first().is_none_or(is_line_end)
        {
            (csv.separator, csv.start) = (*separator, csv.start + b"sep=;".len());
        }
        Ok(csv)
    }

    /// Returns the records, without blank lines. A record that breaks a rule is an error and ends the reading.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<Record<'_>, Error>> {
        let mut at = self.start;
        iter::from_fn(move || {
            at += self.text[at..].iter().take_while(|byte| is_line_end(byte)).count();
            (at < self.text.len()).then(|| {
                let record = self.record(at)?;
                at = record.end;
                Ok(record)
            })
        })
    }

    fn record(&self, start: usize) -> Result<Record<'_>, Error> {
        let (mut cells, mut at) = (vec![], start);
        loop {
            let (cell, end) = self.cell(at).map_err(|(expected, got)| {
                let place = format_args!("{}, column {}", self.place(at), cells.len() + 1).to_string();
                Error::unexpected(place, expected, got)
            })?;
            cells.push(cell);
            if self.text.get(end) != Some(&self.separator) {
                let csv = self;
                return Ok(Record { csv, start, end, cells });
            }
            at = end + 1;
        }
    }

    /// Returns the cell that begins at `start`, without its quotes and the space around it, and the offset of the
    /// separator or line end that follows it. An error is what was expected and what was found.
    fn cell(&self, start: usize) -> Result<(Cow<'_, str>, usize), (String, String)> {
        let text = &self.text[..];
        let ends = |byte: &u8| *byte == self.separator || is_line_end(byte);
        let end_after = |from| text[from..].iter().position(ends).map_or(text.len(), |n| from + n);
        let quote_after = |from| text[from..].iter().position(|&byte| byte == b'"').map(|n| from + n);

        let end = end_after(start);
        let cell = text[start..end].trim_ascii();
        if !cell.contains(&b'"') {
            return Ok((String::from_utf8_lossy(cell), end));
        }
        if !cell.starts_with(b"\"") {
            return Err(("quotes only around a whole cell".into(), quoted(cell)));
        }
        let open = quote_after(start).map_or(start, |open| open + 1);
        // A quote within the cell is doubled, so the first one that is not doubled closes the cell.
        let mut closing = quote_after(open);
        while let Some(close) = closing
            && text.get(close + 1) == Some(&b'"')
        {
            closing = quote_after(close + 2);
        }
        let unclosed = || ("a quote that closes the cell".into(), "the end of the file".into());
        let close = closing.ok_or_else(unclosed)?;
        let end = end_after(close + 1);
        let rest = &text[close + 1..end];
        if !rest.trim_ascii().is_empty() {
            let (separator, line) = (quoted(&[self.separator]), self.line(close));
            let expected = format!("{separator} or a line end after the quote that closes the cell on line {line}");
            return Err((expected, quoted(rest.trim_ascii()) + &self.hint(rest)));
        }
        let content = String::from_utf8_lossy(text[open..close].trim_ascii());
        let doubled = content.contains('"').then(|| content.replace("\"\"", "\""));
        Ok((doubled.map_or(content, Cow::Owned), end))
    }

    /// Returns the number of the line with the byte at `offset`, counted from 1. Lines end with `\n`, `\r\n` or `\r`.
    /// It takes a pass over the file, so it is for messages.
    fn line(&self, offset: usize) -> usize {
        let before = self.text[..offset].iter().enumerate();
        let ends = |&(i, &byte): &(usize, &u8)| byte == b'\n' || byte == b'\r' && self.text.get(i + 1) != Some(&b'\n');
        1 + before.filter(ends).count()
    }

    /// Returns how cells are separated, for a message about `text`, if it contains another separator.
    fn hint(&self, text: &[u8]) -> String {
        if text
            .iter()
            .all(|&byte| byte == self.separator || !matches!(byte, b',' | b';' | b'\t' | b'|'))
        {
            return String::new();
        }
        let separator = quoted(&[self.separator]);
        format!("; cells are separated by {separator}, or by what a first line such as `sep=;` names")
    }

    fn place(&self, offset: usize) -> String {
        format!("{}: line {}", self.path.display(), self.line(offset))
    }
}

/// A line of the file, or several lines if one of its cells contains line ends.
pub(crate) struct Record<'a> {
    csv: &'a Csv<'a>,
    start: usize,
    end: usize,
    pub(crate) cells: Vec<Cow<'a, str>>,
}

impl Record<'_> {
    /// Creates an error for the whole record.
    pub(crate) fn unexpected(&self, expected: impl Display, got: impl Display) -> Error {
        let hint = self.hint();
        Error::unexpected(self.csv.place(self.start), expected, format_args!("{got}{hint}"))
    }

    /// Creates an error for the cell in `column`, which is counted from 0; `name` is its header.
    pub(crate) fn unexpected_cell(
        &self,
        column: usize,
        name: Option<&str>,
        expected: impl Display,
        got: impl Display,
    ) -> Error {
        let name = name.map_or(String::new(), |name| format!(" ({})", mlp_io::quoted(name)));
        let (place, hint) = (self.csv.place(self.start), self.hint());
        Error::unexpected(
            format_args!("{place}, column {}{name}", column + 1),
            expected,
            format_args!("{got}{hint}"),
        )
    }

    /// Returns what may be the cause of any error of this record: a quote that joins lines, or another separator.
    fn hint(&self) -> String {
        let (first, last) = (self.csv.line(self.start), self.csv.line(self.end));
        if first != last {
            return format!("; a quoted cell joins the lines {first} to {last}");
        }
        match &self.cells[..] {
            [cell] => self.csv.hint(cell.as_bytes()),
            _ => String::new(),
        }
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

/// Decodes UTF-16, or returns `None` if `bytes` are not UTF-16.
fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<Vec<u8>> {
    let (units, rest) = bytes.as_chunks::<2>();
    let text: Result<String, _> = char::decode_utf16(units.iter().map(|&bytes| unit(bytes))).collect();
    text.ok().filter(|_| rest.is_empty()).map(String::into_bytes)
}

/// Returns what the file is, if it begins like one of the formats that tables are stored in and CSV files are
/// compressed with.
fn binary_format(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0x1f, 0x8b, ..] => "a gzip file within another one",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a Zstandard file, which `unzstd` unpacks",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "an xz file, which `unxz` unpacks",
        [b'B', b'Z', b'h', _, b'1', b'A', b'Y', ..] => "a bzip2 file, which `bunzip2` unpacks",
        [b'P', b'K', 3, 4, ..] => "a zip archive, or an .xlsx or .ods workbook; save its table as CSV",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "an .xls workbook; save its table as CSV",
        [b'P', b'A', b'R', b'1', .., b'P', b'A', b'R', b'1'] => "a Parquet file; save its table as CSV",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
