//! Writes tables as CSV, JSON lines or Parquet, a batch at a time.

use crate::error::Error;
use crate::output::Output;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, types::*};
use arrow_schema::{DataType, SchemaRef, TimeUnit};
use clap::ValueEnum;
use mlp_io::quoted;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde::Serialize;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::Path;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A header, then a line for each row
    Csv,
    /// An object for each row, on a line of its own
    Json,
    /// Typed columns, compressed with Snappy
    Parquet,
}

impl Format {
    /// Returns the format that is asked for, or else the one that the name of the file to write suggests.
    pub(crate) fn of(path: Option<&Path>, asked: Option<Self>) -> Result<Self, Error> {
        let extension = path.and_then(Path::extension).map(OsStr::to_ascii_lowercase);
        let extension = extension.as_deref().and_then(OsStr::to_str);
        let suggested = match extension {
            Some("csv") => Some(Self::Csv),
            Some("json" | "jsonl" | "ndjson") => Some(Self::Json),
            Some("parquet") => Some(Self::Parquet),
            _ => None,
        };
        let expected = match (asked, suggested) {
            (Some(asked), Some(suggested)) if asked != suggested => "a name that fits --format",
            // Nothing is compressed.
            (_, None) if asked.is_none() && extension.is_some() || extension == Some("gz") => {
                "a name that ends in .csv, .json, .jsonl, .ndjson or .parquet"
            }
            _ => return Ok(asked.or(suggested).unwrap_or(Self::Csv)),
        };
        let got = path.unwrap_or(Path::new("")).display();
        Err(Error::unexpected("--out", expected, got))
    }
}

/// A table that is being written.
pub(crate) enum Writer {
    Text {
        output: Output,
        /// The text of the current batch, written in one piece.
        text: Vec<u8>,
        json: bool,
    },
    Parquet(Box<ArrowWriter<Output>>),
}

impl Writer {
    /// Starts the table, with its header.
    pub(crate) fn create(mut output: Output, format: Format, schema: &SchemaRef) -> Result<Self, Error> {
        let names = schema.fields().iter().map(|field| field.name());
        if format == Format::Parquet {
            let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
            let writer = ArrowWriter::try_new(output, schema.clone(), Some(properties.build()));
            return Ok(Self::Parquet(Box::new(writer.map_err(Error::refused)?)));
        }
        let (mut text, json) = (vec![], format == Format::Json);
        if !json {
            for (i, name) in names.enumerate() {
                text.extend(if i == 0 { &b""[..] } else { b"," });
                put_csv_text(name, &mut text);
            }
            text.push(b'\n');
            output.write_all(&text).or_else(|error| output.failed(error))?;
        }
        Ok(Self::Text { output, text, json })
    }

    /// Writes the rows of a batch. Returns false if nobody reads them any more.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<bool, Error> {
        match self {
            Self::Parquet(writer) => match writer.write(batch) {
                Ok(()) => Ok(true),
                Err(error) => writer.inner().failed(system(error)).map(|()| false),
            },
            Self::Text { output, text, json } => {
                text.clear();
                match *json {
                    true => put_json(batch, text)?,
                    false => put_csv(batch, text)?,
                }
                match output.write_all(text) {
                    Ok(()) => Ok(true),
                    Err(error) => output.failed(error).map(|()| false),
                }
            }
        }
    }

    /// Ends the table. A file appears under its name.
    pub(crate) fn commit(self) -> Result<(), Error> {
        match self {
            Self::Text { output, .. } => output.commit(),
            Self::Parquet(writer) => {
                let name = writer.inner().name();
                let failed = |error| Error::refused(format_args!("{name}: cannot be written: {}", system(error)));
                writer.into_inner().map_err(failed)?.commit()
            }
        }
    }
}

/// Returns the error of the system that the crate `parquet` reports.
fn system(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

fn put_csv(batch: &RecordBatch, text: &mut Vec<u8>) -> Result<(), Error> {
    let columns = columns(batch)?;
    for row in 0..batch.num_rows() {
        for (i, column) in columns.iter().enumerate() {
            text.extend(if i == 0 { &b""[..] } else { b"," });
            if column.array.is_valid(row) {
                (column.put)(row, text, false);
            }
        }
        text.push(b'\n');
    }
    Ok(())
}

fn put_json(batch: &RecordBatch, text: &mut Vec<u8>) -> Result<(), Error> {
    let columns = columns(batch)?;
    let schema = batch.schema_ref();
    let names: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| serde_json::json!(field.name()).to_string())
        .collect();
    for row in 0..batch.num_rows() {
        for (i, (column, name)) in columns.iter().zip(&names).enumerate() {
            text.push(if i == 0 { b'{' } else { b',' });
            text.extend(name.as_bytes());
            text.push(b':');
            match column.array.is_valid(row) {
                true => (column.put)(row, text, true),
                false => text.extend(b"null"),
            }
        }
        text.extend(b"}\n");
    }
    Ok(())
}

/// A column as text.
struct Column<'a> {
    array: &'a dyn Array,
    put: Put<'a>,
}

/// Appends the value of a row, which has one; in JSON if it is told so, else in CSV.
type Put<'a> = Box<dyn Fn(usize, &mut Vec<u8>, bool) + 'a>;

fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>, Error> {
    let schema = batch.schema_ref();
    let columns = batch.columns().iter().zip(schema.fields());
    columns
        .map(|(array, field)| {
            let refused = || {
                let (name, kind) = (quoted(field.name()), array.data_type());
                let advice = "leave it out, or write Parquet";
                Error::refused(format_args!(
                    "column {name}: values of type {kind} are not written as text; {advice}"
                ))
            };
            Ok(Column {
                array: &**array,
                put: put(array).ok_or_else(refused)?,
            })
        })
        .collect()
}

/// Returns a function that appends the value of a row, or `None` for a type without a usual form in text.
fn put(array: &ArrayRef) -> Option<Put<'_>> {
    macro_rules! numbers {
        ($type:ty) => {{
            let values = array.as_primitive::<$type>();
            Box::new(move |row, text, _| put_number(&values.value(row), text))
        }};
    }
    macro_rules! times {
        ($type:ty) => {{
            let values = array.as_primitive::<$type>();
            Box::new(move |row, text, json| {
                let time = values.value_as_datetime(row);
                put_text(&time.map_or(String::new(), |time| format!("{time:?}")), text, json)
            })
        }};
    }
    macro_rules! texts {
        ($values:expr) => {{
            let values = $values;
            Box::new(move |row, text, json| put_text(values.value(row), text, json))
        }};
    }
    Some(match array.data_type() {
        DataType::Int8 => numbers!(Int8Type),
        DataType::Int16 => numbers!(Int16Type),
        DataType::Int32 => numbers!(Int32Type),
        DataType::Int64 => numbers!(Int64Type),
        DataType::UInt8 => numbers!(UInt8Type),
        DataType::UInt16 => numbers!(UInt16Type),
        DataType::UInt32 => numbers!(UInt32Type),
        DataType::UInt64 => numbers!(UInt64Type),
        DataType::Float32 => numbers!(Float32Type),
        DataType::Float64 => numbers!(Float64Type),
        DataType::Decimal128(..) => {
            let values = array.as_primitive::<Decimal128Type>();
            Box::new(move |row, text, _| text.extend(values.value_as_string(row).as_bytes()))
        }
        DataType::Boolean => {
            let values = array.as_boolean();
            Box::new(move |row, text, _| text.extend(if values.value(row) { &b"true"[..] } else { b"false" }))
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>();
            Box::new(move |row, text, json| {
                let date = values.value_as_date(row);
                put_text(&date.map_or(String::new(), |date| date.to_string()), text, json);
            })
        }
        DataType::Date64 => times!(Date64Type),
        DataType::Timestamp(TimeUnit::Second, _) => times!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => times!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => times!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => times!(TimestampNanosecondType),
        DataType::Utf8 => texts!(array.as_string::<i32>()),
        DataType::LargeUtf8 => texts!(array.as_string::<i64>()),
        DataType::Utf8View => texts!(array.as_string_view()),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let (keys, values) = (dictionary.normalized_keys(), put(dictionary.values())?);
            Box::new(move |row, text, json| values(keys[row], text, json))
        }
        _ => return None,
    })
}

/// Appends a number with the digits that determine it. What is not finite is missing.
fn put_number(number: &impl Serialize, text: &mut Vec<u8>) {
    serde_json::to_writer(text, number).expect("a number is valid JSON");
}

fn put_text(value: &str, text: &mut Vec<u8>, json: bool) {
    match json {
        true => serde_json::to_writer(text, value).expect("a text is valid JSON"),
        false => put_csv_text(value, text),
    }
}

/// Appends a cell, in quotes if it needs them.
fn put_csv_text(value: &str, text: &mut Vec<u8>) {
    let plain = |byte: u8| !matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if value.bytes().all(plain) && value.trim_ascii().len() == value.len() {
        text.extend(value.as_bytes());
    } else {
        text.push(b'"');
        text.extend(value.replace('"', "\"\"").as_bytes());
        text.push(b'"');
    }
}
