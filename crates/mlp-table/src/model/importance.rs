//! How much each column matters.

use super::TableModel;
use super::member::{Member, combined};
use crate::error::counted;
use crate::scaler::moments;
use crate::{Features, Table, TableError};
use mlp_core::backend::Tensor as _;
use mlp_core::{Metric, Scores, TargetKind};
use mlp_cpu::Matrix;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;

/// The options of [`TableModel::importances`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportanceOptions {
    /// How often each column is permuted. The default is 5.
    pub repeats: usize,
    /// The most rows that are used, chosen at random. The default is 1,000.
    pub rows: usize,
    /// The seed of the choice and of the permutations. The default is 0.
    pub seed: u64,
}

impl Default for ImportanceOptions {
    fn default() -> Self {
        Self {
            repeats: 5,
            rows: 1000,
            seed: 0,
        }
    }
}

/// The permutation importance of a column: by how much the error grows if the values of the column are exchanged
/// between the rows at random, so that they tell nothing any more. The error is the RMSE of numbers and the log loss of
/// classes.
///
/// Columns that say the same share their importance: each can be missed while the other is there.
///
/// Source: L. Breiman, *Random Forests* (Machine Learning 45, 2001).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Importance {
    /// The name of the column.
    pub column: String,
    /// The mean of the repeats.
    pub mean: f64,
    /// The standard deviation of the repeats.
    pub deviation: f64,
}

/// Rows, and the networks that predict them.
struct Part<'a> {
    members: Vec<(&'a Member, Features)>,
    table: Table,
    actual: Vec<f64>,
}

impl TableModel {
    /// Returns the importance of each column for the predictions of a table with targets, the largest first. On the
    /// training rows themselves, columns seem too important; [`held_out_importances`](Self::held_out_importances) is
    /// for them.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    ///
    /// # Panics
    /// If `options.repeats` or `options.rows` is 0.
    pub fn importances(&self, table: &Table, options: &ImportanceOptions) -> Result<Vec<Importance>, TableError> {
        let (_, labeled) = self.labeled(table)?;
        let rows = chosen(labeled.rows(), options.rows, options.seed);
        let members = self.members.iter().collect();
        self.permuted(&[self.part(members, labeled.take(&rows))?], options)
    }

    /// Returns the importance of each column like [`importances`](Self::importances) on the table that the model was
    /// trained on. Each row is predicted by the networks that were not trained on it.
    ///
    /// # Errors
    /// If the table has fewer rows than that of the training, or lacks a column. Another table of as many rows is not
    /// noticed.
    ///
    /// # Panics
    /// If the model was loaded, because its file does not tell which rows were held out, or if `options.repeats` or
    /// `options.rows` is 0.
    pub fn held_out_importances(
        &self,
        table: &Table,
        options: &ImportanceOptions,
    ) -> Result<Vec<Importance>, TableError> {
        let held_out = self
            .held_out
            .as_ref()
            .expect("held_out_importances: expected a model that was just trained");
        let rows = &held_out.evaluation.rows;
        if rows.iter().max().is_some_and(|&last| last >= table.rows()) {
            let expected = "the table of the training";
            let got = format_args!("one of only {}", counted(table.rows(), "row"));
            return Err(table.error(TableError::unexpected(expected, got)));
        }
        let chosen = chosen(rows.len(), options.rows, options.seed);
        let parts = chosen
            .chunk_by(|&a, &b| held_out.folds[a] == held_out.folds[b])
            .map(|part| {
                let fold = held_out.folds[part[0]];
                let members = self.members.iter().filter(|member| member.fold == fold).collect();
                let rows: Vec<usize> = part.iter().map(|&row| rows[row]).collect();
                self.part(members, table.take(&rows))
            });
        self.permuted(&parts.collect::<Result<Vec<_>, _>>()?, options)
    }

    fn part<'a>(&self, members: Vec<&'a Member>, table: Table) -> Result<Part<'a>, TableError> {
        let converted = members
            .into_iter()
            .map(|member| Ok((member, member.preprocessing.apply(&table)?)));
        Ok(Part {
            members: converted.collect::<Result<_, TableError>>()?,
            actual: self.members[0].preprocessing.actual(&table)?,
            table,
        })
    }

    fn permuted(&self, parts: &[Part<'_>], options: &ImportanceOptions) -> Result<Vec<Importance>, TableError> {
        for (what, number) in [("repeat", options.repeats), ("row", options.rows)] {
            assert!(number > 0, "ImportanceOptions: expected at least 1 {what}, got 0");
        }
        let before = self.error(parts, None)?;
        let names = self.members[0].preprocessing.column_names();
        let mut columns: Vec<_> = names.map(|name| (name, None)).collect();
        Matrix::<f32>::for_each(&mut columns, |i, (column, errors)| {
            let mut generator = Xoshiro256PlusPlus::seed_from_u64(options.seed.wrapping_add(1 + i as u64));
            let repeats = (0..options.repeats).map(|_| {
                let orders = parts.iter().map(|part| {
                    let mut order: Vec<usize> = (0..part.table.rows()).collect();
                    order.shuffle(&mut generator);
                    order
                });
                Ok(self.error(parts, Some((column, &orders.collect::<Vec<_>>())))? - before)
            });
            *errors = Some(repeats.collect::<Result<Vec<f64>, TableError>>());
        });
        let mut importances = vec![];
        for (column, errors) in columns {
            let (mean, deviation) = moments(&errors.expect("each column was permuted")?);
            importances.push(Importance {
                column: column.to_owned(),
                mean,
                deviation,
            });
        }
        importances.sort_by(|a, b| b.mean.total_cmp(&a.mean));
        Ok(importances)
    }

    /// Returns the error on all parts. The values of a column may be in another order in each.
    fn error(&self, parts: &[Part<'_>], permuted: Option<(&str, &[Vec<usize>])>) -> Result<f64, TableError> {
        let (mut predicted, mut actual) = (vec![], vec![]);
        for (i, part) in parts.iter().enumerate() {
            let mut outputs = vec![];
            for (member, features) in &part.members {
                outputs.push(match permuted {
                    None => member.outputs(features),
                    Some((column, orders)) => {
                        let mut features = features.clone();
                        let preprocessing = &member.preprocessing;
                        preprocessing.replace(&mut features, column, &part.table, |row| orders[i][row])?;
                        member.outputs(&features)
                    }
                });
            }
            predicted.extend(combined(&outputs, self.classes(), self.temperature()));
            actual.extend(&part.actual);
        }
        let (outputs, kind, metric) = match self.classes() {
            Some(classes) => (classes.len(), TargetKind::Class, Metric::LogLoss),
            None => (1, TargetKind::Real, Metric::Rmse),
        };
        Ok(metric.value(&Scores::new(outputs, kind, predicted, actual, None)))
    }
}

/// Chooses at most `most` of `rows` rows, in order.
pub(super) fn chosen(rows: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut chosen: Vec<usize> = (0..rows).collect();
    if rows > most {
        chosen.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        chosen.truncate(most);
        chosen.sort_unstable();
    }
    chosen
}
