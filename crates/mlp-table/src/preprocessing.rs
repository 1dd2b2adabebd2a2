//! From the columns of a table to the features and the target of a network.

use crate::encoding::{Encoded, Encoding};
use crate::network::Problem;
use crate::scaler::{FeatureScaling, Scaler};
use crate::table::check_names;
use crate::{Columns, Table, TableError, Target};
use mlp_core::Classes;
use mlp_cpu::Matrix;
use mlp_io::quoted;
use serde::{Deserialize, Serialize};

/// The options of [`Preprocessing::fit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreprocessingOptions {
    /// How features are scaled. The default is robust.
    pub scaling: FeatureScaling,
    /// The most values of a category that becomes a feature per value. A category of more values becomes an index, for
    /// a trained embedding. The default is 9.
    pub one_hot: usize,
}

impl Default for PreprocessingOptions {
    fn default() -> Self {
        Self {
            scaling: FeatureScaling::default(),
            one_hot: 9,
        }
    }
}

/// Converts tables to the features and the target of a network. It is fitted to the rows that the network is trained
/// on, and then converts any table that has the same columns, in whatever order.
///
/// | column | features |
/// |---|---|
/// | number | the number; the median of the training rows where it is missing, and then another feature is 1 instead of 0 |
/// | date | year, month, weekday (Monday is 1), hour, days since 1970, in UTC; a missing one like a number |
/// | boolean, category of two values | -1 or 1; 0 if missing or unknown |
/// | category of up to 9 values | 1 for the value, 0 for the others; all 0 if missing or unknown |
/// | other category | an index from 1, for a trained embedding; 0 if missing or unknown |
///
/// Then each feature is scaled; see [`FeatureScaling`].
///
/// ```
/// use mlp_table::{Columns, Preprocessing, Table};
///
/// let text = "area,heating,price\n70,gas,1200\n85,oil,1500\n,gas,1350\n90,wood,1400\n";
/// let table = Table::from_csv(text.as_bytes())?;
/// let columns = Columns::infer(&table, "price")?;
/// let train = table.take(&[0, 1, 2]);
/// let preprocessing = Preprocessing::fit(&train, &columns, Default::default())?;
/// assert_eq!(preprocessing.feature_names(), ["area", "area missing", "heating=oil"]);
///
/// let features = preprocessing.apply(&table)?;
/// assert_eq!(features.dense.shape(), (3, 4)); // a column is a sample
/// assert_eq!(features.unknown, [("heating".to_owned(), 1)]); // wood
/// let target = preprocessing.encode_target(&table)?;
/// let mean = 1350.0;
/// assert_eq!(target[(0, 2)], 0.0);
/// assert_eq!(preprocessing.target().decode(0.0), mean);
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record")]
pub struct Preprocessing {
    missing: Vec<String>,
    inputs: Vec<Input>,
    target: Target,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) encoding: Encoding,
    /// The scaling of each feature.
    pub(crate) scalers: Vec<Scaler>,
}

impl Input {
    /// Encodes and scales the column of a table. Also returns how many of its values are unknown.
    fn encode(&self, table: &Table, missing: &[String]) -> Result<(Encoded, usize), TableError> {
        let (mut encoded, unknown) = self.encoding.encode(table, &self.name, missing)?;
        if let Encoded::Features(columns) = &mut encoded {
            for (values, scaler) in columns.iter_mut().zip(&self.scalers) {
                for value in values {
                    *value = scaler.apply(*value).clamp(f32::MIN.into(), f32::MAX.into());
                }
            }
        }
        Ok((encoded, unknown))
    }
}

/// What a network sees of a table of N rows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Features {
    /// The features, as [`feature_names`](Preprocessing::feature_names) names them: features x N.
    pub dense: Matrix<f32>,
    /// The N indices of each embedded column, in the order of [`embedded`](Preprocessing::embedded).
    pub indices: Vec<Vec<u32>>,
    /// The columns with values that did not occur in the training rows, and how many rows have one. Such a value counts
    /// as missing.
    pub unknown: Vec<(String, usize)>,
}

impl Preprocessing {
    /// Fits the conversion to `train`: the training rows of the table that `columns` describes, all of them with a
    /// target.
    ///
    /// # Errors
    /// If the table has no rows or lacks a column, a value is not of the kind of its column, or the target is missing
    /// in a row or the same in all.
    pub fn fit(train: &Table, columns: &Columns, options: PreprocessingOptions) -> Result<Self, TableError> {
        if train.rows() == 0 {
            return Err(train.error(TableError::unexpected("at least one row to train on", "none")));
        }
        let missing = columns.missing().to_vec();
        let inputs = columns.inputs().map(|column| {
            let encoding = Encoding::fit(train, &column.name, column.kind, &missing, options.one_hot)?;
            let scalers = match encoding.encode(train, &column.name, &missing)?.0 {
                Encoded::Features(features) => features
                    .iter()
                    .enumerate()
                    .map(|(i, values)| match options.scaling {
                        scaling if i < encoding.quantities() => Scaler::fit(scaling, values),
                        FeatureScaling::Robust => Scaler::fit(FeatureScaling::Robust, values),
                        _ => Scaler::IDENTITY,
                    })
                    .collect(),
                Encoded::Indices(_) => vec![],
            };
            let name = column.name.clone();
            Ok(Input {
                name,
                encoding,
                scalers,
            })
        });
        Ok(Self {
            inputs: inputs.collect::<Result<_, _>>()?,
            target: Target::fit(train, columns)?,
            missing,
        })
    }

    /// Converts the rows of a table. Columns that the fit did not see, and the target, need not be there.
    ///
    /// # Errors
    /// If a column is missing, or a value is not of the kind of its column.
    pub fn apply(&self, table: &Table) -> Result<Features, TableError> {
        for input in &self.inputs {
            table.check_has(&input.name)?;
        }
        let rows = self.inputs.iter().map(|input| input.scalers.len()).sum();
        let mut features = Features {
            dense: Matrix::zeros(rows, table.rows()),
            indices: vec![],
            unknown: vec![],
        };
        let mut feature = 0;
        for input in &self.inputs {
            let (encoded, unknown) = input.encode(table, &self.missing)?;
            if unknown > 0 {
                features.unknown.push((input.name.clone(), unknown));
            }
            match encoded {
                Encoded::Indices(indices) => features.indices.push(indices),
                Encoded::Features(columns) => {
                    for values in columns {
                        for (row, &value) in values.iter().enumerate() {
                            features.dense[(feature, row)] = value as f32;
                        }
                        feature += 1;
                    }
                }
            }
        }
        Ok(features)
    }

    /// Replaces the values of one column: those of each row become those of a row of `table`, which only needs that
    /// column.
    ///
    /// # Errors
    /// If the column is not one of `table`, or a value is not of its kind.
    ///
    /// # Panics
    /// If no column of that name is converted.
    pub(crate) fn replace(
        &self,
        features: &mut Features,
        column: &str,
        table: &Table,
        row_of: impl Fn(usize) -> usize,
    ) -> Result<(), TableError> {
        let position = self.inputs.iter().position(|input| input.name == column);
        let (before, after) = self.inputs.split_at(position.expect("the column is converted"));
        let rows = features.dense.shape().1;
        match after[0].encode(table, &self.missing)?.0 {
            Encoded::Indices(indices) => {
                let is_embedded = |input: &&Input| matches!(input.encoding, Encoding::Embedded { .. });
                let place = before.iter().filter(is_embedded).count();
                features.indices[place] = (0..rows).map(|row| indices[row_of(row)]).collect();
            }
            Encoded::Features(columns) => {
                let first: usize = before.iter().map(|input| input.scalers.len()).sum();
                for (feature, values) in (first..).zip(columns) {
                    for row in 0..rows {
                        features.dense[(feature, row)] = values[row_of(row)] as f32;
                    }
                }
            }
        }
        Ok(())
    }

    /// Returns the target of the rows of a table as it is: numbers, or class indices.
    pub(crate) fn actual(&self, table: &Table) -> Result<Vec<f64>, TableError> {
        self.target.actual(table, &self.missing)
    }

    /// Returns whether a word of the category in `column` occurred in the training rows.
    pub(crate) fn knows(&self, column: &str, word: &str) -> bool {
        let input = self.inputs.iter().find(|input| input.name == column);
        input.is_some_and(|input| input.encoding.knows(word))
    }

    /// Returns what a network must know of the features.
    pub(crate) fn problem(&self) -> Problem {
        let numeric = self.inputs.iter().flat_map(|input| {
            let quantities = input.encoding.quantities();
            (0..input.scalers.len()).map(move |feature| feature < quantities)
        });
        Problem {
            numeric: numeric.collect(),
            embedded: self.embedded().map(|(_, count)| count).collect(),
            classes: self.target.classes().map(Classes::len),
        }
    }

    /// Returns the columns with their encoding.
    pub(crate) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Returns the texts that stand for a missing value.
    pub(crate) fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Converts the target of the rows of a table, 1 x N: standardized numbers, or class indices.
    ///
    /// # Errors
    /// If a row has no target, or its class did not occur in the training rows.
    pub fn encode_target(&self, table: &Table) -> Result<Matrix<f32>, TableError> {
        self.target.encode(table, &self.missing)
    }

    /// Returns the target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the names of the columns that are converted.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.name.as_str())
    }

    /// Returns the names of the features, such as `area`, `area missing`, `built year` or `heating=gas`.
    pub fn feature_names(&self) -> Vec<String> {
        let names = self.inputs.iter().map(|input| input.encoding.names(&input.name));
        names.flatten().collect()
    }

    /// Returns the embedded columns, and the number of indices that each has, with 0.
    pub fn embedded(&self) -> impl Iterator<Item = (&str, usize)> {
        self.inputs.iter().filter_map(|input| match &input.encoding {
            Encoding::Embedded { values } => Some((input.name.as_str(), values.len() + 1)),
            _ => None,
        })
    }
}

/// The form in files, which may be invalid.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    missing: Vec<String>,
    inputs: Vec<Input>,
    target: Target,
}

impl TryFrom<Record> for Preprocessing {
    type Error = String;

    fn try_from(record: Record) -> Result<Self, String> {
        let names = record.inputs.iter().map(|input| input.name.as_str());
        check_names(names.chain([record.target.name()])).map_err(|error| error.message)?;
        for input in &record.inputs {
            let refused = |expected: &str| Err(format!("column {}: expected {expected}", quoted(&input.name)));
            let (features, scalers) = (input.encoding.features(), input.scalers.len());
            if !input.encoding.is_valid() {
                return refused("a finite number, or sorted and different values");
            }
            if features != scalers {
                return refused(&format!("a scaler for each of {features} features, got {scalers}"));
            }
            if !input.scalers.iter().all(Scaler::is_valid) {
                return refused("scalers of finite numbers");
            }
        }
        let Record {
            missing,
            inputs,
            target,
        } = record;
        Ok(Self {
            missing,
            inputs,
            target,
        })
    }
}
