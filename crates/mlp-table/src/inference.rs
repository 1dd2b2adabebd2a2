//! Finds out what the columns of a table are.

use crate::kind::{MOST_CATEGORIES, Seen};
use crate::{Column, Columns, Kind, Table, TableError};
use std::collections::BTreeMap;

/// Finds out what the columns of a table are. The texts that stand for a missing value, and the kinds of columns, can be
/// given; everything else follows from the values.
///
/// ```
/// use mlp_table::{Inference, Kind, Table};
///
/// let table = Table::from_csv("zip,area,price\n76131,70,1200\n76133,-1,1500\n76131,85,1400\n".as_bytes())?;
/// let inference = Inference::default().missing(["-1"]).kind("zip", Kind::Category);
/// let columns = inference.infer(&table, "price")?;
/// let lines: Vec<String> = columns.iter().map(ToString::to_string).collect();
/// assert_eq!(lines[0], "`zip`: category, 2 values, 0 missing");
/// assert_eq!(lines[1], "`area`: number, 2 values, 1 missing");
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inference {
    missing: Vec<String>,
    kinds: BTreeMap<String, Kind>,
}

impl Default for Inference {
    fn default() -> Self {
        let missing = ["NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?"];
        Self {
            missing: missing.map(String::from).into(),
            kinds: BTreeMap::new(),
        }
    }
}

impl Inference {
    /// Sets the texts that stand for a missing value. An empty text always does. The default is `NA`, `N/A`, `n/a`,
    /// `NaN`, `nan`, `null`, `NULL` and `?`.
    #[must_use]
    pub fn missing(mut self, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.missing = texts.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the kind of a column. No rule of [`Columns`] leaves it out then, except that [`Kind::Text`] always is.
    #[must_use]
    pub fn kind(mut self, column: impl Into<String>, kind: Kind) -> Self {
        self.kinds.insert(column.into(), kind);
        self
    }

    /// Finds out what the columns of `table` are, if the column `target` is to be predicted.
    ///
    /// # Errors
    /// - The table has fewer than two rows, no target, or no column of which a kind was given.
    /// - The target is missing everywhere, always the same, a date, or a class with a single row.
    /// - Nearly all values of a column are numbers or dates, but not all: the error says where one is not.
    /// - All or nearly all values of a column are numbers, some with commas, such as `7,5` or `1,200`.
    /// - A number is infinite, or a value is not of the kind that was given.
    /// - A column that should be a category has more than 10,000 values.
    /// - Every column except the target is left out.
    pub fn infer(&self, table: &Table, target: &str) -> Result<Columns, TableError> {
        if table.rows() < 2 {
            let got = format_args!("{}; train on more data", table.rows());
            return Err(table.error(TableError::unexpected("at least 2 rows of data", got)));
        }
        table.check_has(target)?;
        for name in self.kinds.keys() {
            table.check_has(name)?;
        }
        let columns = table.names().map(|name| self.column(table, name, name == target));
        let columns: Vec<Column> = columns.collect::<Result<_, _>>()?;
        let is_given = self.kinds.contains_key(target);
        Columns::new(table, columns, target, is_given, self.missing.clone())?.with_inputs(table)
    }

    fn column(&self, table: &Table, name: &str, is_target: bool) -> Result<Column, TableError> {
        let given = self.kinds.get(name).copied();
        let cells = match table.column(name) {
            Ok(cells) => cells,
            Err(error) if is_target || given.is_some_and(|kind| kind != Kind::Text) => return Err(error),
            Err(error) => {
                return Ok(Column {
                    name: name.to_owned(),
                    kind: Kind::Text,
                    missing: 0,
                    distinct: 0,
                    left_out: Some(error.message),
                });
            }
        };
        let seen = Seen::of(&cells, table.rows(), &self.missing);
        let kind = match given {
            Some(kind) => kind,
            None => match seen.kind(table, name, &cells, &self.missing)? {
                // Classes are predicted as they are written.
                Kind::Text | Kind::Boolean if is_target => Kind::Category,
                kind => kind,
            },
        };
        let left_out = match given {
            _ if is_target => None,
            Some(Kind::Text) => Some("it is declared to be text".to_owned()),
            Some(_) => None,
            None => seen.reason_to_leave_out(kind, &cells),
        };
        if left_out.is_none() {
            self.check(table, name, kind, seen.distinct)?;
        }
        Ok(Column {
            name: name.to_owned(),
            kind,
            missing: table.rows() - seen.present,
            distinct: seen.distinct,
            left_out,
        })
    }

    /// Checks that every value of a column is of its kind.
    fn check(&self, table: &Table, name: &str, kind: Kind, distinct: usize) -> Result<(), TableError> {
        match kind.quantity() {
            Some(of) => table.quantities(name, of, &self.missing).map(drop),
            None if distinct > MOST_CATEGORIES => {
                let expected = format_args!("a category of at most {MOST_CATEGORIES} values");
                let got = format_args!("{distinct}; group the rare ones, or declare the column to be text");
                Err(table.error(TableError::unexpected(expected, got).in_column(name)))
            }
            None => table.words(name, kind == Kind::Boolean, &self.missing, |_, _| ()),
        }
    }
}
