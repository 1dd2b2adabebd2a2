//! A table: named columns of equal length.

use crate::TableError;
use crate::cells::{Cells, replace_missing};
use crate::error::near;
use crate::reader::{Reader, read_csv};
use crate::value::{Quantity, boolean};
use arrow_array::{Float64Array, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use mlp_cpu::{Element, Matrix};
use mlp_io::quoted;
use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table in memory: an Arrow [`RecordBatch`] that knows where its rows come from.
///
/// The columns of a CSV file are text; those of a Parquet file and of a batch have types of their own.
///
/// ```
/// use mlp_table::Table;
///
/// let table = Table::from_csv("area,price\n70,1200\n85,1500\n".as_bytes())?;
/// assert_eq!((table.rows(), table.batch().num_columns()), (2, 2));
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    batch: RecordBatch,
    file: Option<PathBuf>,
    /// Whether the columns are text whose meaning is not known yet.
    is_text: bool,
    /// The line of each row of a text file, or the row in a typed table, from 1.
    places: Vec<usize>,
}

impl Table {
    /// Creates a table of typed columns.
    ///
    /// # Errors
    /// If a column has no name, or two have the same.
    pub fn new(batch: RecordBatch) -> Result<Self, TableError> {
        let table = Self {
            places: (1..=batch.num_rows()).collect(),
            batch,
            file: None,
            is_text: false,
        };
        check_names(table.names())?;
        Ok(table)
    }

    /// Reads a CSV, TSV or Parquet file with the defaults of [`Reader`].
    ///
    /// # Errors
    /// If the file cannot be read or is not a table.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, TableError> {
        Reader::new().read(path)
    }

    /// Reads CSV text by the rules of [`Reader`].
    ///
    /// # Errors
    /// If it cannot be read or is not a table.
    pub fn from_csv(source: impl Read) -> Result<Self, TableError> {
        read_csv(source)
    }

    /// Returns the columns.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// Returns the number of rows, without the header.
    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    /// Returns the names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.batch
            .schema_ref()
            .fields()
            .iter()
            .map(|field| field.name().as_str())
    }

    /// Returns the table of these rows, counted from 0, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let indices: UInt64Array = rows.iter().map(|&row| row as u64).collect();
        let batch = arrow_select::take::take_record_batch(&self.batch, &indices);
        Self {
            batch: batch.expect("the rows are those of the table"),
            file: self.file.clone(),
            places: rows.iter().map(|&row| self.places[row]).collect(),
            ..*self
        }
    }

    /// Returns the table of these columns, in this order.
    ///
    /// # Errors
    /// If there is no such column.
    pub fn select(&self, columns: &[impl AsRef<str>]) -> Result<Self, TableError> {
        let position = |name: &str| {
            self.check_has(name)?;
            Ok(self.names().position(|other| other == name).expect("it has the column"))
        };
        let positions: Vec<usize> = columns
            .iter()
            .map(|name| position(name.as_ref()))
            .collect::<Result<_, TableError>>()?;
        let batch = self.batch.project(&positions).expect("there are such columns");
        Ok(Self { batch, ..self.clone() })
    }

    /// Returns the numbers of these columns, for a network without a [`Preprocessing`](crate::Preprocessing): columns x
    /// rows, so that a column is a sample.
    ///
    /// # Errors
    /// If there is no such column, or a value is missing or not a number that is finite in `T`.
    pub fn numbers<T: Element>(&self, columns: &[impl AsRef<str>]) -> Result<Matrix<T>, TableError> {
        let mut numbers = Matrix::zeros(columns.len(), self.rows());
        for (i, name) in columns.iter().map(AsRef::as_ref).enumerate() {
            for (row, value) in self.quantities(name, Quantity::Number, &[])?.into_iter().enumerate() {
                let number = T::from_f64(value);
                if !number.is_finite() {
                    let message = match value.is_nan() {
                        true => "expected a number, got none".to_owned(),
                        false => format!("expected a finite number (in f32: at most 3.4e38), got {value:?}"),
                    };
                    return Err(self.cell_error(row, name, message));
                }
                numbers[(i, row)] = number;
            }
        }
        Ok(numbers)
    }

    /// Returns at most `rows` rows from row `first` on, without a copy of the columns.
    pub(crate) fn slice(&self, first: usize, rows: usize) -> Self {
        let rows = rows.min(self.rows() - first);
        Self {
            batch: self.batch.slice(first, rows),
            file: self.file.clone(),
            places: self.places[first..first + rows].to_vec(),
            ..*self
        }
    }

    /// Returns the table with these columns of numbers, where there are such, read from their text, so that it is read
    /// once and not by each network.
    pub(crate) fn with_numbers<'a>(
        &self,
        names: impl Iterator<Item = &'a str>,
        missing: &[String],
    ) -> Result<Self, TableError> {
        let schema = self.batch.schema();
        let (mut fields, mut columns) = (schema.fields().to_vec(), self.batch.columns().to_vec());
        for name in names {
            if let Ok(place) = schema.index_of(name) {
                let numbers = self.quantities(name, Quantity::Number, missing)?;
                fields[place] = Field::new(name, DataType::Float64, true).into();
                columns[place] = Arc::new(Float64Array::from(numbers));
            }
        }
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
        Ok(Self {
            batch: batch.expect("the columns are of equal length"),
            ..self.clone()
        })
    }

    /// Creates a table of text, whose rows begin at `lines`. The names were checked.
    pub(crate) fn of_text(batch: RecordBatch, lines: Vec<usize>) -> Self {
        Self {
            batch,
            file: None,
            is_text: true,
            places: lines,
        }
    }

    /// Names the file, of which `before` rows came before these.
    pub(crate) fn placed(mut self, file: &Path, before: usize) -> Self {
        self.file = Some(file.to_path_buf());
        if !self.is_text {
            self.places.iter_mut().for_each(|row| *row += before);
        }
        self
    }

    /// Returns whether the columns are text whose meaning is not known yet.
    pub(crate) fn is_text(&self) -> bool {
        self.is_text
    }

    /// Refuses a table without a column of that name.
    pub(crate) fn check_has(&self, name: &str) -> Result<(), TableError> {
        if self.names().any(|other| other == name) {
            return Ok(());
        }
        let mut got = near(name, "columns", self.names());
        if self.is_text && self.names().count() == 1 && self.names().any(|name| name.contains([',', ';', '\t', '|'])) {
            got += "; set the separator of the reader, or name it by a first line such as `sep=;`";
        }
        let expected = format_args!("a column {}", quoted(name));
        Err(self.error(TableError::unexpected(expected, got)))
    }

    /// Returns the values of the column of that name.
    ///
    /// # Errors
    /// If there is no such column, or its type cannot be used.
    pub(crate) fn column(&self, name: &str) -> Result<Cells, TableError> {
        self.check_has(name)?;
        let column = self.batch.column_by_name(name).expect("it has the column");
        Cells::of(column).ok_or_else(|| {
            let expected = "numbers, text, booleans or dates";
            self.error(TableError::unexpected(expected, column.data_type()).in_column(name))
        })
    }

    /// Returns the numbers of a column, or its dates in seconds since 1970; NaN is missing.
    ///
    /// # Errors
    /// If there is no such column, or it has a value that is not a finite number or not a date.
    pub(crate) fn quantities(&self, name: &str, of: Quantity, missing: &[String]) -> Result<Vec<f64>, TableError> {
        let mut values = match (self.column(name)?, of) {
            (Cells::Numbers { values, .. }, Quantity::Number) | (Cells::Dates(values), Quantity::Date) => values,
            (cells @ (Cells::Text(_) | Cells::Words(_)), _) => (0..self.rows())
                .map(|row| match cells.text(row, missing) {
                    None => Ok(f64::NAN),
                    Some(text) => of.parse(&text).ok_or_else(|| {
                        let message = format!("expected {}, got {}", of.form(), quoted(&text));
                        self.cell_error(row, name, message)
                    }),
                })
                .collect::<Result<_, _>>()?,
            (cells, _) => return Err(self.error(TableError::unexpected(of, cells.kind()).in_column(name))),
        };
        if of == Quantity::Number {
            replace_missing(&mut values, missing);
        }
        match values.iter().position(|&value| !value.is_nan() && !of.contains(value)) {
            None => Ok(values),
            Some(row) => Err(self.cell_error(row, name, format!("{}; correct it", of.out_of_range()))),
        }
    }

    /// Calls `visit` with each row, counted from 0, and its word, or `None` if it is missing. The words of a column of
    /// booleans are `false` and `true`.
    ///
    /// # Errors
    /// If there is no such column, it has dates, or a value is not a boolean but should be one.
    pub(crate) fn words(
        &self,
        name: &str,
        booleans: bool,
        missing: &[String],
        mut visit: impl FnMut(usize, Option<&str>),
    ) -> Result<(), TableError> {
        let cells = self.column(name)?;
        if matches!(cells, Cells::Dates(_)) {
            return Err(self.error(TableError::unexpected("categories", cells.kind()).in_column(name)));
        }
        for row in 0..self.rows() {
            let word = cells.text(row, missing);
            match word.as_deref() {
                Some(word) if booleans => match boolean(word) {
                    Some(word) => visit(row, Some(word)),
                    None => {
                        let message = format!("expected true or false, got {}", quoted(word));
                        return Err(self.cell_error(row, name, message));
                    }
                },
                word => visit(row, word),
            }
        }
        Ok(())
    }

    /// Adds the name of the file to an error.
    pub(crate) fn error(&self, error: TableError) -> TableError {
        error.in_file(self.file.as_deref())
    }

    /// Makes an error about the value of a row, counted from 0.
    pub(crate) fn cell_error(&self, row: usize, column: &str, message: impl Into<String>) -> TableError {
        let mut error = self.error(TableError::new(message).in_column(column));
        let place = self.places.get(row).copied();
        *if self.is_text { &mut error.line } else { &mut error.row } = place;
        error
    }
}

/// Refuses a column without a name, and two columns of the same name.
pub(crate) fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), TableError> {
    let mut places = HashMap::new();
    for (name, place) in names.zip(1..) {
        if name.is_empty() {
            return Err(TableError::new(format!("column {place} has no name; give it one")));
        }
        if let Some(first) = places.insert(name, place) {
            let name = quoted(name);
            let message = format!("{name} is the name of column {first} and of column {place}; rename one of them");
            return Err(TableError::new(message));
        }
    }
    Ok(())
}
