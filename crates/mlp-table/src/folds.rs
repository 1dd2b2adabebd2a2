//! Divides the rows of a table into folds for cross-validation.

use crate::error::counted;
use crate::value::Quantity;
use crate::{Columns, Kind, Table, TableError, Task};
use mlp_io::quoted;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use std::collections::{BTreeMap, HashMap};

/// How rows are divided into folds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FoldBy {
    /// At random; for classes, so that each fold has the share of every class, up to one row. This is the default.
    #[default]
    Row,
    /// All rows with the same value of a column come into the same fold, as when a customer has several rows. The folds
    /// are about equally large. Nothing is learned from the column itself: new rows have groups that no network has seen,
    /// and so have those that are held out.
    Group(String),
    /// In the order of a column of dates or numbers: fold k is held out, and the rows before it are to train on. Rows of
    /// the same time stay together. The first part of the rows is never held out. The column is an input like any other.
    Time(String),
}

/// The rows of a table that are to train on, and those that are held out, counted from 0 and sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fold {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows that are held out.
    pub held_out: Vec<usize>,
}

impl Columns {
    /// Divides the rows of `table`, which these columns describe, into `count` folds. Rows without a target are in none.
    /// The same `seed` gives the same folds.
    ///
    /// ```
    /// use mlp_table::{Columns, FoldBy, Table};
    ///
    /// let text = "day,price\n2024-05-01,7\n2024-05-02,8\n2024-05-03,6\n2024-05-03,9\n";
    /// let table = Table::from_csv(text.as_bytes())?;
    /// let columns = Columns::infer(&table, "price")?;
    /// let folds = columns.folds(&table, &FoldBy::Time("day".to_owned()), 2, 0)?;
    /// assert_eq!((&folds[0].train[..], &folds[0].held_out[..]), (&[0][..], &[1][..]));
    /// assert_eq!((&folds[1].train[..], &folds[1].held_out[..]), (&[0, 1][..], &[2, 3][..]));
    /// # Ok::<(), mlp_table::TableError>(())
    /// ```
    ///
    /// # Errors
    /// If `count` is less than 2, there are too few rows, groups or different times, or the column is missing, has no
    /// value in a row, is not of the right kind or is the target.
    pub fn folds(&self, table: &Table, by: &FoldBy, count: usize, seed: u64) -> Result<Vec<Fold>, TableError> {
        let rows = self.labeled_rows().len();
        self.check_count(table, count, rows, "row")?;
        if let FoldBy::Group(name) | FoldBy::Time(name) = by
            && *name == self.target().name
        {
            let expected = "another column than the target to make the folds by";
            return Err(table.error(TableError::unexpected(expected, quoted(name))));
        }
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut fold_of = HashMap::new();
        match by {
            FoldBy::Row => {
                let classes = match self.task() {
                    Task::Classification => self.groups(table, &self.target().name)?,
                    Task::Regression => vec![self.labeled_rows().to_vec()],
                };
                let mut dealt = (0..count).cycle();
                for mut rows in classes {
                    rows.shuffle(&mut generator);
                    fold_of.extend(rows.into_iter().zip(&mut dealt));
                }
            }
            FoldBy::Group(name) => {
                let mut groups = self.groups(table, name)?;
                self.check_count(table, count, groups.len(), "group")?;
                groups.shuffle(&mut generator);
                // The sort is stable, so groups of equal size stay shuffled.
                groups.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
                let mut sizes = vec![0; count];
                for rows in groups {
                    let smallest = (0..count).min_by_key(|&fold| sizes[fold]).unwrap_or_default();
                    sizes[smallest] += rows.len();
                    fold_of.extend(rows.into_iter().map(|row| (row, smallest)));
                }
            }
            FoldBy::Time(name) => return self.folds_in_time(table, name, count),
        }
        let fold = |fold| {
            let rows = self.labeled_rows().iter();
            let (held_out, train) = rows.partition(|row| fold_of[row] == fold);
            Fold { train, held_out }
        };
        Ok((0..count).map(fold).collect())
    }

    fn folds_in_time(&self, table: &Table, name: &str, count: usize) -> Result<Vec<Fold>, TableError> {
        let column = self.iter().find(|column| column.name == name);
        let of = column
            .and_then(|column| column.kind.quantity())
            .unwrap_or(Quantity::Number);
        let times = table.quantities(name, of, self.missing())?;
        let mut rows = self.labeled_rows().to_vec();
        if let Some(&row) = rows.iter().find(|&&row| times[row].is_nan()) {
            return Err(table.cell_error(row, name, "expected a time, got none; leave the row out"));
        }
        rows.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        // The end of each part, after the last row of its time.
        let parts = count + 1;
        let mut ends: Vec<usize> = (1..=parts)
            .map(|part| {
                let last = times[rows[(part * rows.len() / parts).saturating_sub(1)]];
                rows.partition_point(|&row| times[row] <= last)
            })
            .collect();
        ends.dedup();
        self.check_count(table, count, ends.len() - 1, "later time")?;
        let fold = |ends: &[usize]| {
            let (mut train, mut held_out) = (rows[..ends[0]].to_vec(), rows[ends[0]..ends[1]].to_vec());
            train.sort_unstable();
            held_out.sort_unstable();
            Fold { train, held_out }
        };
        Ok(ends.windows(2).map(fold).collect())
    }

    /// Returns the labeled rows of each value of a column, in the order of the values.
    fn groups(&self, table: &Table, name: &str) -> Result<Vec<Vec<usize>>, TableError> {
        let mut groups = BTreeMap::<String, Vec<usize>>::new();
        let (mut labeled, mut empty) = (self.labeled_rows().iter().peekable(), None);
        let booleans = self
            .iter()
            .any(|column| column.name == name && column.kind == Kind::Boolean);
        table.words(name, booleans, self.missing(), |row, word| {
            if labeled.next_if_eq(&&row).is_some() {
                match word {
                    Some(word) => groups.entry(word.to_owned()).or_default().push(row),
                    None => empty = empty.or(Some(row)),
                }
            }
        })?;
        match empty {
            Some(row) => Err(table.cell_error(row, name, "expected a group, got no value; leave the row out")),
            None => Ok(groups.into_values().collect()),
        }
    }

    fn check_count(&self, table: &Table, count: usize, most: usize, of: &str) -> Result<(), TableError> {
        if (2..=most).contains(&count) {
            return Ok(());
        }
        let available = counted(most, of);
        let message = format!("{count} folds of {available}: expected at least 2 folds and a {of} for each");
        Err(table.error(TableError::new(message)))
    }
}
