//! Reads tables from files: CSV and TSV, plain or compressed, and Parquet.

use crate::csv::{Csv, Record};
use crate::table::check_names;
use crate::value::number;
use crate::{Table, TableError};
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use flate2::read::MultiGzDecoder;
use mlp_io::quoted;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reads a table from a file, whole or in parts.
///
/// The content decides how it is read: a Parquet file, or the text of a CSV file, which may be compressed with gzip. The
/// path `-` is the standard input.
///
/// A CSV file has a header with the names of its columns. Its cells follow RFC 4180, and whatever breaks a rule is an
/// error with the line. They stay text, because what they mean depends on the whole file: see
/// [`Columns`](crate::Columns). A column without a name is called after its place, such as `column 3`.
///
/// ```
/// use mlp_table::Reader;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("houses.csv");
/// std::fs::write(&path, "area;price\n70,5;1200\n85;1500\n90;1400\n")?;
/// let reader = Reader::new().separator(b';');
/// assert_eq!(reader.read(&path)?.rows(), 3);
/// for part in reader.parts(&path, 2)? {
///     assert!(part?.rows() <= 2); // in constant memory, however long the file is
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Reader {
    separator: Option<u8>,
}

impl Reader {
    /// Creates a reader.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the byte between the cells of a text file. By default it is a tab if the name of the file ends in `.tsv` or
    /// `.tsv.gz`, else a comma. A first line such as `sep=;` in the file overrides both.
    #[must_use]
    pub fn separator(self, separator: u8) -> Self {
        let separator = Some(separator);
        Self { separator }
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// If the file cannot be read or is not a table.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Table, TableError> {
        let mut parts = self.parts(path, usize::MAX)?;
        parts.next().expect("there is always a first part")
    }

    /// Reads a file in tables of at most `rows` rows. Only the first one may be empty.
    ///
    /// # Errors
    /// If the file cannot be read, or its beginning is not that of a table. An error of a later part ends the reading.
    ///
    /// # Panics
    /// If `rows` is 0.
    pub fn parts(&self, path: impl AsRef<Path>, rows: usize) -> Result<Parts, TableError> {
        assert!(rows > 0, "Reader::parts: expected at least 1 row, got 0");
        let path = path.as_ref();
        let file = if path == Path::new("-") {
            Path::new("standard input")
        } else {
            path
        }
        .to_path_buf();
        match self.open(path, rows) {
            Ok(source) => Ok(Parts {
                source: Some(source),
                file,
                rows,
                rows_before: 0,
            }),
            Err(error) => Err(error.in_file(Some(&file))),
        }
    }

    fn open(&self, path: &Path, rows: usize) -> Result<Source<'static>, TableError> {
        let mut source: Box<dyn Read> = match path == Path::new("-") {
            true => Box::new(io::stdin()),
            false => Box::new(File::open(path).map_err(TableError::system)?),
        };
        let mut head;
        (head, source) = peek(source)?;
        if head.starts_with(b"\x1f\x8b") {
            (head, source) = peek(Box::new(MultiGzDecoder::new(source)))?;
        }
        if head == b"PAR1" {
            return parquet(path, source, rows);
        }
        let name = path.to_string_lossy().to_lowercase();
        let tabs = name.ends_with(".tsv") || name.ends_with(".tsv.gz");
        Source::text(source, self.separator.unwrap_or(if tabs { b'\t' } else { b',' }))
    }
}

/// The parts of a file, which [`Reader::parts`] reads.
pub struct Parts {
    /// The rest of the file, or `None` after its end or an error.
    source: Option<Source<'static>>,
    file: PathBuf,
    rows: usize,
    rows_before: usize,
}

impl Iterator for Parts {
    type Item = Result<Table, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        let part = self.source.as_mut()?.next(self.rows);
        let rows = part.as_ref().map_or(0, Table::rows);
        if rows == 0 {
            self.source = None;
            if part.is_ok() && self.rows_before > 0 {
                return None;
            }
        }
        let part = part.map(|part| part.placed(&self.file, self.rows_before));
        self.rows_before += rows;
        Some(part.map_err(|error| error.in_file(Some(&self.file))))
    }
}

/// Reads the CSV text in `source`, as [`Reader`] reads it from a file.
pub(crate) fn read_csv(source: impl Read) -> Result<Table, TableError> {
    Source::text(Box::new(source), b',')?.next(usize::MAX)
}

/// The rest of a file.
enum Source<'a> {
    Text(Csv<'a>),
    #[cfg(feature = "parquet")]
    Parquet(::parquet::arrow::arrow_reader::ParquetRecordBatchReader),
}

impl<'a> Source<'a> {
    /// Reads the header.
    fn text(source: Box<dyn Read + 'a>, separator: u8) -> Result<Self, TableError> {
        const EXPECTED: &str = "a header with the names of the columns";
        let mut csv = Csv::new(source, separator)?;
        let mut header = Record::default();
        if !csv.read(&mut header)? {
            return Err(TableError::unexpected(EXPECTED, "an empty file"));
        }
        if header.cells().all(|cell| number(cell).is_some()) {
            let first = quoted(header.cells().next().unwrap_or_default());
            let got = format_args!("only numbers, such as {first}; put a line with the names before them");
            return Err(TableError::unexpected(EXPECTED, got).at_line(header.line));
        }
        let name = |(i, name): (usize, &str)| match name {
            "" => format!("column {}", i + 1),
            _ => name.to_owned(),
        };
        csv.names = header.cells().enumerate().map(name).collect();
        check_names(csv.names.iter().map(String::as_str)).map_err(|error| error.at_line(header.line))?;
        Ok(Self::Text(csv))
    }

    /// Reads at most `rows` more rows.
    fn next(&mut self, rows: usize) -> Result<Table, TableError> {
        match self {
            Self::Text(csv) => {
                let mut columns: Vec<_> = csv.names.iter().map(|_| LargeStringBuilder::new()).collect();
                let (mut lines, mut record) = (vec![], Record::default());
                while lines.len() < rows && csv.read(&mut record)? {
                    lines.push(record.line);
                    for (column, cell) in columns.iter_mut().zip(record.cells()) {
                        column.append_value(cell);
                    }
                }
                let field = |name| Field::new(name, DataType::LargeUtf8, true);
                let schema = Schema::new(csv.names.iter().map(field).collect::<Vec<_>>());
                let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
                let batch = RecordBatch::try_new(Arc::new(schema), columns.collect());
                Ok(Table::of_text(batch.expect("the columns are of equal length"), lines))
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(reader) => {
                use arrow_array::RecordBatchReader as _;
                let schema = reader.schema();
                let (mut batches, mut read) = (vec![], 0);
                while read <= rows - PARQUET_ROWS.min(rows) {
                    let Some(batch) = decoded(|| reader.next().transpose())? else {
                        break;
                    };
                    read += batch.num_rows();
                    batches.push(batch);
                }
                Table::new(decoded(|| arrow_select::concat::concat_batches(&schema, &batches))?)
            }
        }
    }
}

/// Returns the first four bytes of `source`, and a source that still begins with them.
fn peek<'a>(mut source: Box<dyn Read + 'a>) -> Result<(Vec<u8>, Box<dyn Read + 'a>), TableError> {
    let mut head = vec![];
    source
        .by_ref()
        .take(4)
        .read_to_end(&mut head)
        .map_err(TableError::system)?;
    Ok((head.clone(), Box::new(io::Cursor::new(head).chain(source))))
}

/// The most rows of a Parquet file that are decoded at a time.
#[cfg(feature = "parquet")]
const PARQUET_ROWS: usize = 1 << 16;

/// Opens a Parquet file. Standard input and a compressed file are read into memory, because the directory of a Parquet
/// file is at its end.
#[cfg(feature = "parquet")]
fn parquet(path: &Path, mut source: Box<dyn Read>, rows: usize) -> Result<Source<'static>, TableError> {
    use std::io::{Seek as _, SeekFrom};
    if path != Path::new("-") && path.is_file() {
        let (mut file, mut end) = (File::open(path).map_err(TableError::system)?, [0; 4]);
        let is_long = file.seek(SeekFrom::End(-4)).is_ok_and(|place| place >= 8);
        if is_long && file.read_exact(&mut end).is_ok() && &end == b"PAR1" {
            return open_parquet(file, rows);
        }
    }
    let mut bytes = vec![];
    source.read_to_end(&mut bytes).map_err(TableError::system)?;
    if bytes.len() < 12 || !bytes.ends_with(b"PAR1") {
        let message = "the Parquet file is cut short: expected `PAR1` at its end; copy it again";
        return Err(TableError::new(message));
    }
    open_parquet(bytes::Bytes::from(bytes), rows)
}

#[cfg(feature = "parquet")]
fn open_parquet<R>(source: R, rows: usize) -> Result<Source<'static>, TableError>
where
    R: ::parquet::file::reader::ChunkReader + 'static,
{
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let open = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(source)?;
        builder.with_batch_size(PARQUET_ROWS.min(rows)).build()
    };
    Ok(Source::Parquet(decoded(open)?))
}

/// Calls a function of the crate `parquet`. It panics on some damaged files, which is an error here too.
#[cfg(feature = "parquet")]
fn decoded<T, E: std::error::Error>(decode: impl FnOnce() -> Result<T, E>) -> Result<T, TableError> {
    let decode = std::panic::AssertUnwindSafe(decode);
    let cause = match std::panic::catch_unwind(decode) {
        Ok(Ok(decoded)) => return Ok(decoded),
        Ok(Err(error)) => mlp_io::one_line(&error.to_string()),
        Err(_) => "it is damaged".to_owned(),
    };
    let advice = match cause.contains("Disabled feature") {
        true => "; compress it with Snappy, LZ4 or gzip instead",
        false => "",
    };
    Err(TableError::new(format!(
        "the Parquet file cannot be read: {cause}{advice}"
    )))
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &Path, _: Box<dyn Read>, _: usize) -> Result<Source<'static>, TableError> {
    let got = "a Parquet file, which is read with the feature `parquet`";
    Err(TableError::unexpected("a CSV file, which is plain text", got))
}
