//! A model of a table: networks, their preprocessing, and how sure they are.

mod bootstrap;
mod calibration;
mod dependence;
mod evaluation;
mod file;
mod fit;
mod importance;
mod leak;
mod member;
mod onnx;
mod options;
mod predictions;
#[cfg(test)]
mod tests;

pub use bootstrap::Score;
pub use dependence::{DependenceOptions, DependenceValue, PartialDependence};
pub use evaluation::{CalibrationBin, CurvePoint, Evaluation};
pub use importance::{Importance, ImportanceOptions};
pub use options::{Observer, TableOptions, TrainingProgress};
pub use predictions::Predictions;

use crate::{Column, EpochReport, Kind, Overrides, Recipe, Table, TableError, Target, Task};
use calibration::Calibration;
use member::{Member, combined};
use mlp_core::backend::Tensor as _;
use mlp_core::{Classes, Provenance};
use mlp_cpu::Matrix;
use predictions::Values;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// A model that predicts one column of a table from the others, and says how good it is and how sure it may be.
///
/// It has one network, or one for each of several folds, each trained without the rows of its fold. Their predictions are
/// averaged: numbers, or the probabilities of classes. The rows that a network was not trained on choose its best epoch.
/// They also give the scores of the model, its prediction intervals and the temperature of its probabilities.
///
/// ```
/// use mlp_table::{Table, TableModel, TableOptions};
///
/// // y = 3 a for heating by gas, else 3 a + 4.
/// let row = |i: usize| format!("{},{},{}\n", i % 37, ["gas", "oil"][i % 2], 3 * (i % 37) + 4 * (i % 2));
/// let text = "a,heating,y\n".to_owned() + &(0..80).map(row).collect::<String>();
/// let table = Table::from_csv(text.as_bytes())?;
///
/// let model = TableModel::fit(&table, "y", &TableOptions::default())?;
/// for score in model.scores() {
///     println!("{score}"); // rmse 0.3141 (0.2718 to 0.3605)
/// }
/// let next = Table::from_csv("heating,a\ngas,7\noil,\n".as_bytes())?;
/// let predictions = model.predict(&next)?;
/// let (low, high) = predictions.intervals(0.9).unwrap()[0];
/// println!("between {low:.1} and {high:.1}"); // 21 is right
/// # assert!(low < high && predictions.len() == 2);
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TableModel {
    columns: Vec<Column>,
    /// At least one, and all have the same target.
    members: Vec<Member>,
    calibration: Calibration,
    scores: Vec<Score>,
    notes: Vec<String>,
    recipe: Recipe,
    overrides: Overrides,
    provenance: Provenance,
    held_out: Option<HeldOut>,
}

/// The rows that were held out, with their predictions.
#[derive(Clone, Debug)]
struct HeldOut {
    evaluation: Evaluation,
    /// The fold of each row.
    folds: Vec<usize>,
}

impl TableModel {
    /// Trains a model that predicts the column `target`. Rows without a target are left out.
    ///
    /// The same table and options give the same model, to the last bit, at any number of threads.
    ///
    /// # Errors
    /// - Those of [`TableOptions::columns`] and [`Columns::folds`](crate::Columns::folds).
    /// - The target is the same in all rows that a network is to be trained on, as when all rows of a class are of one
    ///   group or late.
    /// - The training diverges.
    ///
    /// # Panics
    /// If `options.seeds` is 0.
    pub fn fit(table: &Table, target: &str, options: &TableOptions) -> Result<Self, TableError> {
        Self::fit_with(table, target, options, &|_| ControlFlow::Continue(()))
    }

    /// Trains a model like [`fit`](Self::fit), and tells an observer of each epoch. If it returns
    /// [`ControlFlow::Break`], the best so far becomes the model.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    ///
    /// # Panics
    /// If `options.seeds` is 0.
    pub fn fit_with(
        table: &Table,
        target: &str,
        options: &TableOptions,
        observer: Observer<'_>,
    ) -> Result<Self, TableError> {
        fit::fit(table, &options.columns(table, target)?, options, observer)
    }

    /// Trains a model for each of `options.folds` folds without its rows, and evaluates it on them. So the scores are
    /// those of the whole procedure, with the choice of the best epoch and the calibration; only the kinds of the columns
    /// are found from all rows. Those of
    /// [`scores`](Self::scores) are free, but are a little too good where the same rows chose the epoch, and a little
    /// too bad where networks are averaged. It takes the time of one [`fit`](Self::fit) for each fold. If the observer
    /// stops the training, the folds that have not begun are left out.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    ///
    /// # Panics
    /// If `options.seeds` is 0.
    pub fn cross_validate(
        table: &Table,
        target: &str,
        options: &TableOptions,
        observer: Observer<'_>,
    ) -> Result<Evaluation, TableError> {
        let columns = options.columns(table, target)?;
        let (mut predictions, mut rows, mut actual) = (None::<Predictions>, vec![], vec![]);
        let folds = columns.folds(table, &options.fold_by, options.folds, options.seed)?;
        let (count, stopped) = (folds.len(), AtomicBool::new(false));
        for (i, fold) in folds.into_iter().enumerate() {
            let observer = |progress: &TrainingProgress| {
                let flow = observer(&TrainingProgress {
                    member: i * progress.members + progress.member,
                    members: count * progress.members,
                    ..progress.clone()
                });
                stopped.fetch_or(flow.is_break(), Ordering::Relaxed);
                flow
            };
            let model = fit::fit(table, &columns.restricted_to(&fold.train), options, &observer)?;
            let held_out = table.take(&fold.held_out);
            let more = model.predict(&held_out)?;
            match &mut predictions {
                None => predictions = Some(more),
                Some(predictions) => predictions.append(more),
            }
            actual.extend(model.members[0].preprocessing.actual(&held_out)?);
            rows.extend(fold.held_out);
            if stopped.load(Ordering::Relaxed) {
                break;
            }
        }
        let predictions = predictions.expect("there are at least two folds");
        Ok(Evaluation::new(predictions, rows, actual, options.seed))
    }

    /// Predicts the target for the rows of a table, whose columns may be in any order. The target need not be there.
    ///
    /// The parts of a table give the same predictions as the whole, to the last bit.
    ///
    /// # Errors
    /// If a column is missing, or a value is not of the kind of its column.
    pub fn predict(&self, table: &Table) -> Result<Predictions, TableError> {
        // Small enough that what is between the table and the prediction stays in the cache.
        const ROWS: usize = 1024;
        let parts = table.rows().div_ceil(ROWS).max(1);
        let mut slots = vec![];
        slots.resize_with(parts, || None);
        Matrix::<f32>::for_each(&mut slots, |part, slot| {
            *slot = Some(self.predict_part(&table.slice(part * ROWS, ROWS)));
        });
        let mut parts = slots.into_iter().flatten();
        let mut predictions = parts.next().expect("there is a first part")?;
        parts.try_for_each(|part| part.map(|part| predictions.append(part)))?;
        Ok(predictions)
    }

    fn predict_part(&self, table: &Table) -> Result<Predictions, TableError> {
        let missing = self.members[0].preprocessing.missing();
        let numbers = self
            .columns
            .iter()
            .filter(|column| column.kind == Kind::Number && column.left_out.is_none());
        let numbers = numbers
            .map(|column| column.name.as_str())
            .filter(|name| *name != self.target().name());
        let table = &table.with_numbers(numbers, missing)?;
        let mut features = vec![];
        for member in &self.members {
            features.push(member.preprocessing.apply(table)?);
        }
        let outputs: Vec<Vec<f64>> = (self.members.iter().zip(&features))
            .map(|(member, features)| member.outputs(features))
            .collect();
        let values = combined(&outputs, self.classes(), self.temperature());
        let values = Values::new(values, self.classes(), &self.calibration);
        // A value is unknown if no network was trained on it.
        let mut unknown = vec![];
        for (column, _) in &features[0].unknown {
            let mut count = 0;
            table.words(column, false, missing, |_, word| {
                let is_unknown = |word: &str| {
                    !self
                        .members
                        .iter()
                        .any(|member| member.preprocessing.knows(column, word))
                };
                count += usize::from(word.is_some_and(is_unknown));
            })?;
            if count > 0 {
                unknown.push((column.clone(), count));
            }
        }
        Ok(Predictions { values, unknown })
    }

    /// Predicts the probabilities of the classes: N x classes, row after row.
    ///
    /// # Errors
    /// Those of [`predict`](Self::predict).
    ///
    /// # Panics
    /// If the target is a number.
    pub fn predict_probabilities(&self, table: &Table) -> Result<Vec<f64>, TableError> {
        match self.predict(table)?.values {
            Values::Classes { probabilities, .. } => Ok(probabilities),
            Values::Numbers { .. } => panic!("predict_probabilities: expected classes as the target, got a number"),
        }
    }

    /// Predicts the rows of a table that have a target, and compares.
    ///
    /// # Errors
    /// If a column is missing, a value is not of the kind of its column, no row has a target, or one has a class that
    /// the model was not trained on.
    pub fn evaluate(&self, table: &Table) -> Result<Evaluation, TableError> {
        let (rows, labeled) = self.labeled(table)?;
        let actual = self.members[0].preprocessing.actual(&labeled)?;
        let seed = self.provenance.seed.unwrap_or_default();
        Ok(Evaluation::new(self.predict(&labeled)?, rows, actual, seed))
    }

    /// Returns the rows of a table that have a target.
    fn labeled(&self, table: &Table) -> Result<(Vec<usize>, Table), TableError> {
        let mut rows = vec![];
        let missing = self.members[0].preprocessing.missing();
        table.words(self.target().name(), false, missing, |row, word| {
            rows.extend(word.map(|_| row));
        })?;
        if rows.is_empty() {
            let error = TableError::unexpected("at least one row with a value of the target", "none");
            return Err(table.error(error.in_column(self.target().name())));
        }
        let labeled = table.take(&rows);
        Ok((rows, labeled))
    }

    /// Returns what the columns of the training table are, and why some are left out.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns what is predicted.
    pub fn target(&self) -> &Target {
        self.members[0].preprocessing.target()
    }

    /// Returns whether a number or a class is predicted.
    pub fn task(&self) -> Task {
        match self.classes() {
            Some(_) => Task::Classification,
            None => Task::Regression,
        }
    }

    /// Returns the classes, or `None` if a number is predicted.
    pub fn classes(&self) -> Option<&Classes> {
        self.target().classes()
    }

    /// Returns the recipe of the networks.
    pub fn recipe(&self) -> Recipe {
        self.recipe
    }

    /// Returns the numbers that replaced those of the recipe.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Returns the number of networks.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Returns what a user should know, a sentence each: columns that are left out, rows without a target, columns that
    /// give the target away, and whether the training was stopped.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the version of the library, the seed and the data that the model comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Returns how good the model is on the rows that its networks were not trained on, by the metrics of
    /// [`Evaluation::scores`].
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// Returns the epochs of each network.
    pub fn curves(&self) -> impl Iterator<Item = &[EpochReport]> {
        self.members.iter().map(|member| &member.curve[..])
    }

    /// Returns the number by which the logits of a class are divided before they become probabilities, so that these
    /// are right on the average; 1 for numbers.
    pub fn temperature(&self) -> f64 {
        self.calibration.temperature()
    }

    /// Returns the predictions for the training rows by the networks that were not trained on them. A file does not
    /// hold them, so there are none after [`load`](Self::load).
    ///
    /// Intervals and temperature were fitted to these rows, so their [`coverage`](Evaluation::coverage) and calibration
    /// are no evidence here; [`coverage_by_halves`](Evaluation::coverage_by_halves) is, as is what
    /// [`cross_validate`](Self::cross_validate) and [`evaluate`](Self::evaluate) return.
    pub fn held_out(&self) -> Option<&Evaluation> {
        self.held_out.as_ref().map(|held_out| &held_out.evaluation)
    }
}
