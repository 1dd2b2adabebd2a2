//! What the values of a column are, found from all of them.

use crate::cells::{Cells, replace_missing};
use crate::value::{Quantity, boolean, date, is_integer, number};
use crate::{Table, TableError};
use mlp_io::quoted;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl Kind {
    /// Returns what its numbers stand for, if its values are numbers.
    pub(crate) fn quantity(self) -> Option<Quantity> {
        match self {
            Self::Number => Some(Quantity::Number),
            Self::Date => Some(Quantity::Date),
            Self::Category | Self::Boolean | Self::Text => None,
        }
    }
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

/// The most values of a category.
pub(crate) const MOST_CATEGORIES: usize = 10_000;
/// The most different words that are never taken for free text.
const MOST_WORDS: usize = 50;
/// The least number of rows that shows that all values are different on purpose.
const LEAST_IDENTIFIERS: usize = 20;

/// Returns whether a text is a number with a comma for the point, as `7,5`, or with commas between thousands, as
/// `1,200,000.5`. Other texts with commas, such as `2,5,7`, are lists.
fn is_with_commas(text: &str) -> bool {
    let is_of_three = |group: &str| group.split('.').next().is_some_and(|digits| digits.len() == 3);
    let is_a_number = text.matches(',').count() == 1 || text.split(',').skip(1).all(is_of_three);
    is_a_number && number(&text.replace(',', "")).is_some()
}

/// How many values of a column can be read as what.
#[derive(Default)]
pub(crate) struct Seen {
    rows: usize,
    pub(crate) present: usize,
    pub(crate) distinct: usize,
    numbers: usize,
    integers: usize,
    /// Numbers with a comma for the point, or between thousands.
    commas: usize,
    /// The row of the first of them.
    first_comma: usize,
    dates: usize,
    /// The counts of `false` and `true`.
    booleans: [usize; 2],
}

impl Seen {
    pub(crate) fn of(cells: &Cells, rows: usize, missing: &[String]) -> Self {
        let mut seen = Self {
            rows,
            ..Self::default()
        };
        if let Cells::Numbers { values, integers } = cells {
            let mut values = values.clone();
            replace_missing(&mut values, missing);
            let present = values.iter().filter(|value| !value.is_nan());
            // Adding 0 makes one number of 0 and -0.
            let bits: Vec<u64> = present.map(|value| (value + 0.0).to_bits()).collect();
            seen.present = bits.len();
            seen.integers = if *integers { seen.present } else { 0 };
            seen.distinct = bits.into_iter().collect::<HashSet<_>>().len();
            return seen;
        }
        let mut values = HashSet::new();
        for (row, text) in (0..rows).filter_map(|row| Some((row, cells.text(row, missing)?))) {
            seen.present += 1;
            if number(&text).is_some() {
                seen.numbers += 1;
                seen.integers += usize::from(is_integer(&text));
            } else if date(&text).is_some() {
                seen.dates += 1;
            } else if let Some(name) = boolean(&text) {
                seen.booleans[usize::from(name == "true")] += 1;
            } else if text.contains(',') && is_with_commas(&text) {
                if seen.commas == 0 {
                    seen.first_comma = row;
                }
                seen.commas += 1;
            }
            values.insert(text);
        }
        seen.distinct = match seen.booleans {
            [falses, trues] if falses + trues == seen.present => usize::from(falses > 0) + usize::from(trues > 0),
            _ => values.len(),
        };
        seen
    }

    /// Returns the kind of the column, from its type or, if it comes from a text file, from its values.
    ///
    /// # Errors
    /// If at least 99 of 100 values, but not all, are numbers or dates, or if so many are numbers, some of them with a
    /// comma.
    pub(crate) fn kind(
        &self,
        table: &Table,
        name: &str,
        cells: &Cells,
        missing: &[String],
    ) -> Result<Kind, TableError> {
        match cells {
            Cells::Numbers { .. } => return Ok(Kind::Number),
            Cells::Booleans(_) => return Ok(Kind::Boolean),
            Cells::Dates(_) => return Ok(Kind::Date),
            Cells::Words(_) => return Ok(Kind::Category),
            Cells::Text(_) => (),
        }
        if table.is_text() && self.present > 0 {
            if self.commas > 0 && self.numbers + self.commas >= self.present - self.present / 100 {
                let text = cells.text(self.first_comma, missing).unwrap_or_default();
                let advice =
                    "write numbers with a point and without separators, or declare the column to be a category";
                let message = format!("expected a number, got {}; {advice}", quoted(&text));
                return Err(table.cell_error(self.first_comma, name, message));
            }
            for (kind, of, count) in [
                (Kind::Number, Quantity::Number, self.numbers),
                (Kind::Date, Quantity::Date, self.dates),
            ] {
                if count == self.present {
                    return Ok(kind);
                }
                if count >= self.present - self.present / 100 {
                    let mut error = table.quantities(name, of, missing).expect_err("not every value is one");
                    let advice = "correct it, list it as a missing value, or declare the column to be a category";
                    error.message += &format!("; {count} of {} values are {of}: {advice}", self.present);
                    return Err(error);
                }
            }
            if self.booleans.iter().sum::<usize>() == self.present {
                return Ok(Kind::Boolean);
            }
        }
        let many = self.distinct > MOST_WORDS && 2 * self.distinct > self.present;
        Ok(if many { Kind::Text } else { Kind::Category })
    }

    /// Returns why nothing can be learned from the column, if so.
    pub(crate) fn reason_to_leave_out(&self, kind: Kind, cells: &Cells) -> Option<String> {
        let all_differ = self.distinct == self.rows && self.rows >= LEAST_IDENTIFIERS;
        let words = matches!(cells, Cells::Text(_)) && matches!(kind, Kind::Category | Kind::Text);
        let integers = kind == Kind::Number && self.integers == self.rows;
        if self.distinct == 0 {
            Some("every value is missing".to_owned())
        } else if self.distinct == 1 && self.present == self.rows {
            Some("every value is the same".to_owned())
        } else if all_differ && (words || integers) {
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
