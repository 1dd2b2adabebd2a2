//! What the columns of a table are, and which of them a network can learn from.

use crate::error::counted;
use crate::{Inference, Kind, Table, TableError};
use mlp_core::Classes;
use mlp_io::quoted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// A number.
    Regression,
    /// One of several classes.
    Classification,
}

/// A column of a table, as [`Columns`] describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

/// What the columns of a table are, for a given target. [`Inference`] has the options.
///
/// A column of a CSV file is a number, a date or a boolean if every value is one, and else a category. It is an error if
/// nearly all values are numbers or dates, or numbers with commas, such as `7,5` or `1,200`. A column is left out if
/// - every value is missing, or every row has the same value,
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
    /// The position of the target.
    target: usize,
    task: Task,
    /// The classes of the target, sorted as text, if it is a category.
    classes: Option<Classes>,
    /// The rows that have a target.
    labeled: Vec<usize>,
    /// The texts that stand for a missing value.
    missing: Vec<String>,
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

    /// Leaves out a column, unless it is the target or left out already.
    ///
    /// # Errors
    /// If no column is left to learn from.
    pub(crate) fn without(mut self, table: &Table, name: &str, reason: &str) -> Result<Self, TableError> {
        let target = self.target;
        let columns = self.columns.iter_mut().enumerate();
        for (_, column) in columns.filter(|(i, column)| *i != target && column.name == name) {
            column.left_out.get_or_insert_with(|| reason.to_owned());
        }
        self.with_inputs(table)
    }

    /// Returns the columns if there is one to learn from.
    pub(crate) fn with_inputs(self, table: &Table) -> Result<Self, TableError> {
        if self.inputs().next().is_none() {
            let message = "nothing to learn from: every column except the target is left out";
            return Err(table.error(TableError::new(message)));
        }
        Ok(self)
    }

    /// Returns the columns to learn from.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Column> {
        let inputs = self.columns.iter().enumerate();
        inputs.filter_map(|(i, column)| (i != self.target && column.left_out.is_none()).then_some(column))
    }

    /// Returns the classes of the target, sorted as text, or `None` if it is a number.
    pub(crate) fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }

    /// Returns the columns with only these of the labeled rows, sorted. The kinds and the classes stay those of all rows.
    pub(crate) fn restricted_to(&self, rows: &[usize]) -> Self {
        Self {
            labeled: rows.to_vec(),
            ..self.clone()
        }
    }

    /// Returns the texts that stand for a missing value.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Determines the task and the rows that have a target.
    ///
    /// # Errors
    /// If the target cannot be learned. `is_given` says whether its kind was given.
    pub(crate) fn new(
        table: &Table,
        columns: Vec<Column>,
        target: &str,
        is_given: bool,
        missing: Vec<String>,
    ) -> Result<Self, TableError> {
        let position = table
            .names()
            .position(|name| name == target)
            .expect("the table has a target");
        let column = &columns[position];
        let refused = |error: TableError| Err(table.error(error.in_column(target)));
        let task = match column.kind {
            Kind::Date => return refused(TableError::unexpected("a number or a category as the target", "dates")),
            Kind::Number if is_given || column.distinct > 2 => Task::Regression,
            _ => Task::Classification,
        };
        let mut labeled = vec![];
        // The first row and the number of rows of each value.
        let mut rows_of = BTreeMap::<String, (usize, usize)>::new();
        table.words(target, false, &missing, |row, word| {
            if let Some(word) = word {
                labeled.push(row);
                rows_of.entry(word.to_owned()).or_insert((row, 0)).1 += 1;
            }
        })?;
        match rows_of.first_key_value() {
            None => return refused(TableError::new("the target is missing in every row")),
            Some((value, _)) if column.distinct == 1 => {
                let expected = "at least two different values of the target";
                return refused(TableError::unexpected(expected, format_args!("only {}", quoted(value))));
            }
            Some(_) => (),
        }
        let single = rows_of.iter().filter(|(_, (_, count))| *count == 1);
        let others = single.clone().count().saturating_sub(1);
        if let Some((class, (row, _))) = single.min_by_key(|(_, (row, _))| *row)
            && task == Task::Classification
        {
            let mut message = format!("expected at least 2 rows of class {}, got 1", quoted(class));
            match others {
                0 => {}
                1 => message += ", as for another class",
                _ => message += &format!(", as for {others} other classes"),
            }
            message += "; remove it or add more";
            if class.bytes().any(|byte| byte.is_ascii_digit()) {
                message += ", or write numbers with a point, without separators and units";
            }
            return Err(table.cell_error(*row, target, message));
        }
        let classes = (task == Task::Classification)
            .then(|| Classes::new(rows_of.into_keys()).expect("the names differ and are not empty"));
        Ok(Self {
            columns,
            target: position,
            task,
            classes,
            labeled,
            missing,
        })
    }
}
