//! How the values of a column become numbers.

use crate::scaler::quantile;
use crate::value::Quantity;
use crate::{Kind, Table, TableError};
use serde::{Deserialize, Serialize};

/// The encoding of a column, fitted to the rows that a network is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Encoding {
    /// The number, or the parts of the date, or those of `fill` where it is missing. With an `indicator`, another feature
    /// is 1 there, else 0.
    Quantity { of: Quantity, fill: f64, indicator: bool },
    /// A feature per value: 1 for that value, else 0. Two values are one feature: -1 for the first, 1 for the second, 0
    /// for neither.
    OneHot { values: Vec<String>, booleans: bool },
    /// An index: 0 for a missing or unknown value, else the place of the value in the list, from 1.
    Embedded { values: Vec<String> },
}

/// The values of a column, encoded.
pub(crate) enum Encoded {
    /// The values of each feature.
    Features(Vec<Vec<f64>>),
    Indices(Vec<u32>),
}

impl Encoding {
    /// Fits the encoding of the column of that name. A category of at most `one_hot` values is not embedded.
    pub(crate) fn fit(
        table: &Table,
        name: &str,
        kind: Kind,
        missing: &[String],
        one_hot: usize,
    ) -> Result<Self, TableError> {
        if let Some(of) = kind.quantity() {
            let mut values = table.quantities(name, of, missing)?;
            values.retain(|value| !value.is_nan());
            values.sort_unstable_by(f64::total_cmp);
            let fill = if values.is_empty() { 0.0 } else { quantile(&values, 0.5) };
            let indicator = values.len() < table.rows();
            return Ok(Self::Quantity { of, fill, indicator });
        }
        Ok(match kind {
            Kind::Boolean => Self::OneHot {
                values: ["false", "true"].map(String::from).into(),
                booleans: true,
            },
            _ => {
                let mut values = std::collections::BTreeSet::new();
                table.words(name, false, missing, |_, word| {
                    if let Some(word) = word
                        && !values.contains(word)
                    {
                        values.insert(word.to_owned());
                    }
                })?;
                let values: Vec<String> = values.into_iter().collect();
                match values.len() <= one_hot {
                    true => Self::OneHot {
                        values,
                        booleans: false,
                    },
                    false => Self::Embedded { values },
                }
            }
        })
    }

    /// Encodes the column of that name. Also returns how many of its values are unknown.
    pub(crate) fn encode(&self, table: &Table, name: &str, missing: &[String]) -> Result<(Encoded, usize), TableError> {
        let mut unknown = 0;
        let encoded = match self {
            Self::Quantity { of, fill, indicator } => {
                let values = table.quantities(name, *of, missing)?;
                let filled = values.iter().map(|&value| if value.is_nan() { *fill } else { value });
                let mut features = of.parts(filled.collect());
                features.extend(indicator.then(|| values.iter().map(|value| f64::from(value.is_nan())).collect()));
                Encoded::Features(features)
            }
            Self::OneHot { values, booleans } => {
                let mut features = vec![vec![0.0; table.rows()]; self.features()];
                table.words(name, *booleans, missing, |row, word| {
                    match (index(values, word), &mut features[..]) {
                        (Some(value), [feature]) if values.len() == 2 => feature[row] = 2.0 * value as f64 - 1.0,
                        (Some(value), features) => features[value][row] = 1.0,
                        (None, _) => unknown += usize::from(word.is_some()),
                    }
                })?;
                Encoded::Features(features)
            }
            Self::Embedded { values } => {
                let mut indices = vec![0; table.rows()];
                table.words(name, false, missing, |row, word| match index(values, word) {
                    Some(value) => indices[row] = value as u32 + 1,
                    None => unknown += usize::from(word.is_some()),
                })?;
                Encoded::Indices(indices)
            }
        };
        Ok((encoded, unknown))
    }

    /// Returns whether a word is one of the values of the category.
    pub(crate) fn knows(&self, word: &str) -> bool {
        match self {
            Self::Quantity { .. } => false,
            Self::OneHot { values, .. } | Self::Embedded { values } => index(values, Some(word)).is_some(),
        }
    }

    /// Returns the number of features.
    pub(crate) fn features(&self) -> usize {
        match self {
            Self::Quantity { of, indicator, .. } => of.suffixes().len() + usize::from(*indicator),
            Self::OneHot { values, .. } => values.len() - usize::from(values.len() == 2),
            Self::Embedded { .. } => 0,
        }
    }

    /// Returns what the numbers of the column stand for, or `None` if its values are words.
    pub(crate) fn quantity(&self) -> Option<Quantity> {
        match self {
            Self::Quantity { of, .. } => Some(*of),
            Self::OneHot { .. } | Self::Embedded { .. } => None,
        }
    }

    /// Returns how many of the features are quantities; the indicator of missing values and those of categories are not.
    pub(crate) fn quantities(&self) -> usize {
        match self {
            Self::Quantity { of, .. } => of.suffixes().len(),
            Self::OneHot { .. } | Self::Embedded { .. } => 0,
        }
    }

    /// Returns the names of the features of the column of that name.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        match self {
            Self::Quantity { of, indicator, .. } => {
                let missing = indicator.then_some(" missing");
                let suffixes = of.suffixes().iter().copied().chain(missing);
                suffixes.map(|suffix| format!("{name}{suffix}")).collect()
            }
            Self::OneHot { values, .. } => {
                let skipped = values.len() - self.features();
                values[skipped..]
                    .iter()
                    .map(|value| format!("{name}={value}"))
                    .collect()
            }
            Self::Embedded { .. } => vec![],
        }
    }

    /// Returns whether the numbers are finite, and the values sorted, different and not empty.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Quantity { of, fill, .. } => of.contains(*fill),
            Self::OneHot { values, booleans } => are_valid(values) && (!booleans || *values == ["false", "true"]),
            Self::Embedded { values } => are_valid(values) && u32::try_from(values.len()).is_ok(),
        }
    }
}

/// Returns the place of a word in the sorted values.
fn index(values: &[String], word: Option<&str>) -> Option<usize> {
    let word = word?;
    values.binary_search_by(|value| value.as_str().cmp(word)).ok()
}

fn are_valid(values: &[String]) -> bool {
    values.iter().all(|value| !value.is_empty()) && values.is_sorted_by(|a, b| a < b)
}
