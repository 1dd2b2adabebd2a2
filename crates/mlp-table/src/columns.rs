//! What the columns of a table are: their kinds, found from all rows, and which of them a network can learn from.

use crate::cells::Cells;
use crate::error::counted;
use crate::value::{boolean, date, is_integer, number};
use crate::{Table, TableError};
use mlp_io::quoted;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Numbers.
    Number,
    /// Words of a limited set.
    Category,
    /// `true` and `false`, in upper or lower case.
    Boolean,
    /// Dates such as `2024-05-31`, which a time such as `T08:30:00` may follow.
    Date,
    /// Free text, which is left out.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::Category => "category",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Text => "text",
        })
    }
}

/// What is to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A number.
    Regression,
    /// One of several classes.
    Classification,
}

/// A column of a table, as [`Columns`] describes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Column {
    /// The name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// The number of rows without a value.
    pub missing: usize,
    /// The number of different values.
    pub distinct: usize,
    /// Why nothing is learned from this column, if so.
    pub left_out: Option<String>,
}

/// A line such as `` `zip`: category, 68 values, 3 missing``.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = counted(self.distinct, "value");
        write!(
            f,
            "{}: {}, {values}, {} missing",
            quoted(&self.name),
            self.kind,
            self.missing
        )?;
        match &self.left_out {
            Some(reason) => write!(f, "; left out: {reason}"),
            None => Ok(()),
        }
    }
}

/// Finds out what the columns of a table are. A value that stands for a missing one, and the kind of a column, can be
/// given; everything else follows from the values.
#[derive(Clone, Debug)]
pub struct Inference {
    missing: Vec<String>,
    kinds: HashMap<String, Kind>,
}

impl Default for Inference {
    fn default() -> Self {
        let missing = ["NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?"];
        Self {
            missing: missing.map(String::from).into(),
            kinds: HashMap::new(),
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
    /// - A number is infinite, or a value is not of the kind that was given.
    /// - A column that should be a category has more than 10,000 values.
    /// - Every column except the target is left out.
    pub fn infer(&self, table: &Table, target: &str) -> Result<Columns, TableError> {
        if table.rows() < 2 {
            let got = format_args!("{}; train on more data", table.rows());
            return Err(table.error(TableError::unexpected("at least 2 rows of data", got)));
        }
        let mut given: Vec<&String> = self.kinds.keys().collect();
        given.sort_unstable();
        for name in [target].into_iter().chain(given.into_iter().map(String::as_str)) {
            table.check_has(name)?;
        }
        let columns: Vec<Column> = table
            .names()
            .map(|name| self.column(table, name, name == target))
            .collect::<Result<_, _>>()?;
        let position = table.names().position(|name| name == target).unwrap_or_default();
        let mut columns = Columns {
            missing: self.missing.clone(),
            task: Task::Regression,
            target: position,
            labeled: vec![],
            columns,
        };
        columns.check_target(table, self.kinds.contains_key(target))?;
        if columns.inputs().next().is_none() {
            let message = "nothing to learn from: every column except the target is left out";
            return Err(table.error(TableError::new(message)));
        }
        Ok(columns)
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
            None => seen.kind(table, name, &cells, &self.missing)?,
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
        match kind {
            Kind::Number => table.numbers(name, &self.missing).map(drop),
            Kind::Date => table.dates(name, &self.missing).map(drop),
            Kind::Boolean => table.words(name, true, &self.missing, |_, _| ()),
            Kind::Category | Kind::Text if distinct > MOST_CATEGORIES => {
                let expected = format_args!("a category of at most {MOST_CATEGORIES} values");
                let got = format_args!("{distinct}; group the rare ones, or declare the column to be text");
                Err(table.error(TableError::unexpected(expected, got).in_column(name)))
            }
            Kind::Category | Kind::Text => table.words(name, false, &self.missing, |_, _| ()),
        }
    }
}

/// The most values of a category.
const MOST_CATEGORIES: usize = 10_000;
/// The most different words that are never taken for free text.
const MOST_WORDS: usize = 50;
/// The least number of rows that shows that all values are different on purpose.
const LEAST_IDENTIFIERS: usize = 20;

/// How many values of a column can be read as what.
#[derive(Default)]
struct Seen {
    rows: usize,
    present: usize,
    distinct: usize,
    numbers: usize,
    integers: usize,
    dates: usize,
    /// The counts of `false` and `true`.
    booleans: [usize; 2],
}

impl Seen {
    fn of(cells: &Cells, rows: usize, missing: &[String]) -> Self {
        let mut seen = Self {
            rows,
            ..Self::default()
        };
        if let Cells::Numbers { values, integers } = cells {
            let present = values.iter().filter(|value| !value.is_nan());
            // Adding 0 makes one number of 0 and -0.
            let bits: Vec<u64> = present.map(|value| (value + 0.0).to_bits()).collect();
            seen.present = bits.len();
            seen.integers = if *integers { seen.present } else { 0 };
            seen.distinct = bits.into_iter().collect::<HashSet<_>>().len();
            return seen;
        }
        let mut values = HashSet::new();
        for text in (0..rows).filter_map(|row| cells.text(row, missing)) {
            seen.present += 1;
            if number(&text).is_some() {
                seen.numbers += 1;
                seen.integers += usize::from(is_integer(&text));
            } else if date(&text).is_some() {
                seen.dates += 1;
            } else if let Some(name) = boolean(&text) {
                seen.booleans[usize::from(name == "true")] += 1;
            }
            values.insert(text);
        }
        let [falses, trues] = seen.booleans;
        seen.distinct = match falses + trues == seen.present {
            true => usize::from(falses > 0) + usize::from(trues > 0),
            false => values.len(),
        };
        seen
    }

    /// Returns the kind of the column, from its type or, if it comes from a text file, from its values.
    ///
    /// # Errors
    /// If at least 99 of 100 values, but not all, are numbers or dates.
    fn kind(&self, table: &Table, name: &str, cells: &Cells, missing: &[String]) -> Result<Kind, TableError> {
        let is_text = match cells {
            Cells::Numbers { .. } => return Ok(Kind::Number),
            Cells::Booleans(_) => return Ok(Kind::Boolean),
            Cells::Dates(_) => return Ok(Kind::Date),
            Cells::Words(_) => return Ok(Kind::Category),
            Cells::Text(_) => table.is_text() && self.present > 0,
        };
        let counts = [
            (Kind::Number, self.numbers),
            (Kind::Date, self.dates),
            (Kind::Boolean, self.booleans.iter().sum()),
        ];
        if is_text && let Some((kind, _)) = counts.iter().find(|(_, count)| *count == self.present) {
            return Ok(*kind);
        }
        let nearly = |count: usize| is_text && count >= self.present - self.present / 100;
        let not_all = |mut error: TableError, count, what| {
            let advice = "correct it, list it as a missing value, or declare the column to be a category";
            error.message += &format!("; {count} of {} values are {what}: {advice}", self.present);
            error
        };
        if nearly(self.numbers) {
            table
                .numbers(name, missing)
                .map_err(|error| not_all(error, self.numbers, "numbers"))?;
        }
        if nearly(self.dates) {
            table
                .dates(name, missing)
                .map_err(|error| not_all(error, self.dates, "dates"))?;
        }
        let many = self.distinct > MOST_WORDS && 2 * self.distinct > self.present;
        Ok(if many { Kind::Text } else { Kind::Category })
    }

    fn reason_to_leave_out(&self, kind: Kind, cells: &Cells) -> Option<String> {
        let all_differ = self.distinct == self.rows && self.rows >= LEAST_IDENTIFIERS;
        let may_identify = match cells {
            Cells::Text(_) => !matches!(kind, Kind::Number | Kind::Date) || self.integers == self.rows,
            _ => kind == Kind::Number && self.integers == self.rows,
        };
        if self.distinct == 0 {
            Some("every value is missing".to_owned())
        } else if self.distinct == 1 && self.present == self.rows {
            Some("every value is the same".to_owned())
        } else if all_differ && may_identify {
            Some("an identifier: all values are different".to_owned())
        } else if kind == Kind::Text {
            Some("free text: most values are different".to_owned())
        } else if kind == Kind::Category && self.distinct > MOST_CATEGORIES {
            Some(format!(
                "a category has at most {MOST_CATEGORIES} values; group the rare ones"
            ))
        } else {
            None
        }
    }
}

/// What the columns of a table are, for a given target. [`Inference`] has the options.
///
/// A column of a CSV file is a number, a date or a boolean if every value is one, and else a category. It is left out if
/// - every value is the same or missing,
/// - it is an identifier: all values are different, none is missing, there are at least 20, and they are words or
///   integers,
/// - it is free text: words of which most are different, and more than 50,
/// - it is a category of more than 10,000 values.
///
/// Columns of Parquet files and record batches have their own types; text is a category, or left out by the same rules.
///
/// The target is a number (regression) or a category (classification). A number with only two values is a category.
///
/// ```
/// use mlp_table::{Columns, Table, Task};
///
/// let text = "built,heating,sold\n1999,gas,yes\n?,oil,no\n2010,gas,\n1985,oil,yes\n2001,gas,no\n";
/// let table = Table::from_csv(text.as_bytes())?;
/// let columns = Columns::infer(&table, "sold")?;
/// let lines: Vec<String> = columns.iter().map(ToString::to_string).collect();
/// assert_eq!(lines[0], "`built`: number, 4 values, 1 missing");
/// assert_eq!(columns.task(), Task::Classification);
/// assert_eq!(columns.labeled_rows(), [0, 1, 3, 4]);
/// assert_eq!(columns.notes(), ["1 row has no value of `sold` and is left out"]);
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Column>,
    target: usize,
    task: Task,
    missing: Vec<String>,
    labeled: Vec<usize>,
}

impl Columns {
    /// Finds out what the columns of `table` are, with the defaults of [`Inference`].
    ///
    /// # Errors
    /// Those of [`Inference::infer`].
    pub fn infer(table: &Table, target: &str) -> Result<Self, TableError> {
        Inference::default().infer(table, target)
    }

    /// Returns the columns in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter()
    }

    /// Returns the column to be predicted.
    pub fn target(&self) -> &Column {
        &self.columns[self.target]
    }

    /// Returns what is to be predicted.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Returns the rows that have a target, counted from 0. The others teach nothing.
    pub fn labeled_rows(&self) -> &[usize] {
        &self.labeled
    }

    /// Returns what a user should know before training, a sentence each: the columns that are left out, the rows without
    /// a target, and whether there are more columns than rows.
    pub fn notes(&self) -> Vec<String> {
        let left_out = self.columns.iter().filter_map(|column| {
            let reason = column.left_out.as_ref()?;
            Some(format!("column {} is left out: {reason}", quoted(&column.name)))
        });
        let target = self.target();
        let unlabeled = (target.missing > 0).then(|| {
            let (rows, name) = (counted(target.missing, "row"), quoted(&target.name));
            match target.missing {
                1 => format!("{rows} has no value of {name} and is left out"),
                _ => format!("{rows} have no value of {name} and are left out"),
            }
        });
        let (inputs, rows) = (self.inputs().count(), self.labeled.len());
        let few = (inputs > rows).then(|| format!("there are more columns ({inputs}) than rows ({rows})"));
        left_out.chain(unlabeled).chain(few).collect()
    }

    /// Returns the columns to learn from.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Column> {
        let inputs = self.columns.iter().enumerate();
        inputs.filter_map(|(i, column)| (i != self.target && column.left_out.is_none()).then_some(column))
    }

    /// Returns the texts that stand for a missing value.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Determines the task and the rows that have a target.
    fn check_target(&mut self, table: &Table, is_given: bool) -> Result<(), TableError> {
        let target = &self.columns[self.target];
        let refused = |error: TableError| Err(table.error(error.in_column(&target.name)));
        self.task = match target.kind {
            Kind::Date => return refused(TableError::unexpected("a number or a category as the target", "dates")),
            Kind::Number if is_given || target.distinct > 2 => Task::Regression,
            _ => Task::Classification,
        };
        let mut rows_of = HashMap::<String, (usize, usize)>::new();
        let labeled = &mut self.labeled;
        table.words(
            &target.name,
            target.kind == Kind::Boolean,
            &self.missing,
            |row, word| {
                if let Some(word) = word {
                    labeled.push(row);
                    rows_of.entry(word.to_owned()).or_insert((row, 0)).1 += 1;
                }
            },
        )?;
        match (target.distinct, self.task) {
            (0, _) => return refused(TableError::new("the target is missing in every row")),
            (1, _) => {
                let value = rows_of.keys().next().map_or(String::new(), |value| quoted(value));
                let expected = "at least two different values of the target";
                return refused(TableError::unexpected(expected, format_args!("only {value}")));
            }
            _ => (),
        }
        if self.task == Task::Classification {
            let single = rows_of.iter().filter(|(_, (_, count))| *count == 1);
            if let Some((class, &(row, _))) = single.min_by_key(|(_, (row, _))| *row) {
                let class = quoted(class);
                let message = format!("expected at least 2 rows of class {class}, got 1; remove it or add more");
                return Err(table.cell_error(row, &target.name, message));
            }
        }
        Ok(())
    }
}
