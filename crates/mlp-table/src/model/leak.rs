//! Finds columns that give the target away.

use crate::value::Quantity;
use crate::{Columns, Table, TableError};
use mlp_io::quoted;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;

/// The share of the target's variance, or of the errors of always predicting the largest class, from which a single
/// column is suspicious.
const SUSPICIOUS: f64 = 0.99;
/// The least number of rows for such a statement.
const LEAST_ROWS: usize = 50;

/// Returns a note about each column that alone explains nearly all of the target, which real columns rarely do.
///
/// The rows are sorted by the column, and the target of each is predicted from its neighbors: a number by their mean, a
/// class by that of the row before. So any function of the column is found that does not change too often.
pub(crate) fn notes(table: &Table, columns: &Columns, actual: &[f64]) -> Result<Vec<String>, TableError> {
    if actual.len() < LEAST_ROWS {
        return Ok(vec![]);
    }
    let (target, mut notes) = (quoted(&columns.target().name), vec![]);
    for column in columns.inputs() {
        let order = order(table, columns, &column.name, column.kind.quantity())?;
        let sorted: Vec<f64> = order.iter().map(|&row| actual[row]).collect();
        let share = match columns.classes() {
            None => of_variance(&sorted),
            Some(classes) => of_errors(&sorted, classes.len()),
        };
        if share > SUSPICIOUS {
            notes.push(format!(
                "column {} alone explains {:.1} % of {target}: check that its values are known before {target} is",
                quoted(&column.name),
                100.0 * share
            ));
        }
    }
    Ok(notes)
}

/// Returns the rows of a table, sorted by a column. Rows of the same value are in random order, because the order of the
/// table may be that of the target.
fn order(table: &Table, columns: &Columns, name: &str, of: Option<Quantity>) -> Result<Vec<usize>, TableError> {
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    rows.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(0));
    match of {
        Some(of) => {
            let values = table.quantities(name, of, columns.missing())?;
            rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        }
        None => {
            let mut words = Vec::with_capacity(rows.len());
            table.words(name, false, columns.missing(), |_, word| {
                words.push(word.map(str::to_owned));
            })?;
            rows.sort_by(|&a, &b| words[a].cmp(&words[b]));
        }
    }
    Ok(rows)
}

/// Returns the share of the variance that the mean of both neighbors explains.
fn of_variance(sorted: &[f64]) -> f64 {
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    let errors = sorted
        .windows(3)
        .map(|rows| (rows[1] - f64::midpoint(rows[0], rows[2])).powi(2));
    let variance = sorted.iter().map(|y| (y - mean).powi(2));
    1.0 - errors.sum::<f64>() / variance.sum::<f64>()
}

/// Returns the share of the errors of the largest class that the class of the row before avoids.
fn of_errors(sorted: &[f64], classes: usize) -> f64 {
    let mut counts = vec![0; classes];
    sorted.iter().for_each(|&class| counts[class as usize] += 1);
    let others = sorted.len() - counts.into_iter().max().unwrap_or_default();
    if others < LEAST_ROWS / 2 {
        return 0.0;
    }
    let errors = sorted.windows(2).filter(|rows| rows[0] != rows[1]).count();
    // As many changes as there are other classes are no errors.
    let errors = errors.saturating_sub(classes - 1);
    1.0 - errors as f64 / others as f64
}
