//! Trains the networks of a model, and calibrates it on the rows that they were not trained on.

use super::calibration::{Calibration, Conformal, fitted_temperature};
use super::leak;
use super::member::{Member, combined};
use super::predictions::{Predictions, Values};
use super::{Evaluation, HeldOut, Observer, TableModel, TableOptions, TrainingProgress};
use crate::error::counted;
use crate::network::{Diverged, Network, Rows};
use crate::{Columns, Fold, FoldBy, Preprocessing, Table, TableError};
use mlp_core::backend::Tensor as _;
use mlp_core::{Classes, Metric, Provenance, Scores, TargetKind};
use mlp_cpu::Matrix;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

/// Trains a model on the labeled rows of `columns`, which describe `table`.
pub(super) fn fit(
    table: &Table,
    columns: &Columns,
    options: &TableOptions,
    observer: Observer<'_>,
) -> Result<TableModel, TableError> {
    assert!(options.seeds > 0, "TableOptions: expected at least 1 seed, got 0");
    let mut folds = columns.folds(table, &options.fold_by, options.folds, options.seed)?;
    match options.fold_by {
        FoldBy::Time(_) => folds = folds.split_off(folds.len() - 1),
        _ if !options.bagged.unwrap_or(options.recipe.is_bagged()) => folds.truncate(1),
        _ => {}
    }
    let (trained, stopped) = members(table, columns, &folds, options, observer)?;
    // The outputs of the networks of each fold for its held-out rows. A fold may have none if the training was stopped.
    let (mut rows, mut fold_of_row, mut outputs) = (vec![], vec![], vec![]);
    for (fold, Fold { held_out, .. }) in folds.iter().enumerate() {
        let of_fold = trained.iter().filter(|(member, _)| member.fold == fold);
        let of_fold: Vec<Vec<f64>> = of_fold.map(|(_, outputs)| outputs.clone()).collect();
        if !of_fold.is_empty() {
            rows.extend(held_out);
            fold_of_row.resize(rows.len(), fold);
            outputs.push(of_fold);
        }
    }
    let members: Vec<Member> = trained.into_iter().map(|(member, _)| member).collect();
    let preprocessing = &members[0].preprocessing;
    let actual = preprocessing.actual(&table.take(&rows))?;
    let (calibration, predictions) = calibrated(&outputs, preprocessing.target().classes(), &actual);
    let mut notes = columns.notes();
    if stopped {
        notes.push("the training was stopped before its end".to_owned());
    }
    let labeled = table.take(columns.labeled_rows());
    notes.extend(leak::notes(&labeled, columns, &preprocessing.actual(&labeled)?)?);
    let evaluation = Evaluation::new(predictions, rows, actual, options.seed);
    Ok(TableModel {
        columns: columns.iter().cloned().collect(),
        members,
        calibration,
        scores: evaluation.scores.clone(),
        notes,
        recipe: options.recipe,
        overrides: options.overrides.clone(),
        provenance: Provenance {
            seed: Some(options.seed),
            data: options.data.clone(),
            ..Provenance::default()
        },
        held_out: Some(HeldOut {
            evaluation,
            folds: fold_of_row,
        }),
    })
}

/// Fits the calibration to the outputs of the networks of each fold for its held-out rows, and returns the predictions for
/// these rows too.
fn calibrated(folds: &[Vec<Vec<f64>>], classes: Option<&Classes>, actual: &[f64]) -> (Calibration, Predictions) {
    let at = |temperature| -> Vec<f64> {
        let folds = folds.iter();
        folds
            .flat_map(|outputs| combined(outputs, classes, temperature))
            .collect()
    };
    let calibration = match classes {
        None => Calibration::Conformal(Conformal::fit(&at(1.0), actual).into()),
        Some(classes) => Calibration::Temperature(fitted_temperature(|temperature| {
            let scores = Scores::new(classes.len(), TargetKind::Class, at(temperature), actual.to_vec(), None);
            Metric::LogLoss.value(&scores)
        })),
    };
    let predictions = Predictions {
        values: Values::new(at(calibration.temperature()), classes, &calibration),
        unknown: vec![],
    };
    (calibration, predictions)
}

/// The difference between the seeds of two networks: a large odd number, the multiplier of a congruential generator.
///
/// Source: G. L. Steele, S. Vigna, *Computationally Easy, Spectrally Good Multipliers for Congruential Pseudorandom
/// Number Generators* (Software: Practice and Experience 52, 2022).
const SEED_STEP: u64 = 0xd134_2543_de82_ef95;

/// A network, and its outputs for the rows that it was not trained on.
type Trained = (Member, Vec<f64>);

/// Trains the networks side by side, and returns each with its outputs for the rows that it was not trained on. No number
/// depends on the number of threads. After the observer said to stop, no further network begins.
fn members(
    table: &Table,
    columns: &Columns,
    folds: &[Fold],
    options: &TableOptions,
    observer: Observer<'_>,
) -> Result<(Vec<Trained>, bool), TableError> {
    let stopped = AtomicBool::new(false);
    let mut slots: Vec<Option<Result<_, TableError>>> = vec![];
    slots.resize_with(folds.len() * options.seeds, || None);
    let members = slots.len();
    Matrix::<f32>::for_each(&mut slots, |member, slot| {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let observe = |epoch: &_| {
            let flow = observer(&TrainingProgress {
                member,
                members,
                epoch: Clone::clone(epoch),
            });
            if flow.is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            flow
        };
        let fold = member / options.seeds;
        // Seeds far apart, so that models with the seeds 0 and 1 have no network in common.
        let seed = options.seed.wrapping_add((member as u64).wrapping_mul(SEED_STEP));
        *slot = Some(train(table, columns, (fold, &folds[fold]), options, seed, observe));
    });
    let trained = slots.into_iter().flatten().collect::<Result<_, _>>()?;
    Ok((trained, stopped.into_inner()))
}

/// Trains one network without the held-out rows of a fold, which choose its best epoch.
fn train(
    table: &Table,
    columns: &Columns,
    (fold, rows): (usize, &Fold),
    options: &TableOptions,
    seed: u64,
    mut observe: impl FnMut(&crate::EpochReport) -> ControlFlow<()>,
) -> Result<Trained, TableError> {
    let [train, held_out] = [&rows.train, &rows.held_out].map(|rows| table.take(rows));
    let options_of_features = options.preprocessing.unwrap_or(options.recipe.preprocessing());
    let preprocessing = Preprocessing::fit(&train, columns, options_of_features)?;
    let converted = |table: &Table| Ok((preprocessing.apply(table)?, preprocessing.encode_target(table)?));
    let (features, target) = converted(&train)?;
    if let Some(classes) = preprocessing.target().classes()
        && target.iter_columns().all(|class| class == target.column(0))
    {
        let only = mlp_io::quoted(&classes.names()[target[(0, 0)] as usize]);
        let rows = counted(train.rows(), "row");
        let expected =
            format_args!("at least two different values of the target in the {rows} that a network is trained on");
        let got = format_args!("only {only}; divide the rows in another way");
        let error = TableError::unexpected(expected, got).in_column(columns.target().name.as_str());
        return Err(table.error(error));
    }
    let (held_out_features, held_out_target) = converted(&held_out)?;
    let mut curve = vec![];
    let problem = preprocessing.problem();
    if problem.numeric.is_empty() && problem.embedded.is_empty() {
        let message = "nothing to learn from: in the rows that a network is trained on, no column has a value";
        return Err(table.error(TableError::new(message)));
    }
    let settings = options.recipe.settings(train.rows(), problem.classes.is_some());
    let network = Network::train(
        &settings.with(&options.overrides)?,
        &problem,
        Rows {
            features: &features,
            target: &target,
        },
        Rows {
            features: &held_out_features,
            target: &held_out_target,
        },
        seed,
        &mut |epoch| {
            curve.push(epoch.clone());
            observe(epoch)
        },
    );
    let network = network.map_err(|Diverged| {
        let message = "the training diverges: its loss is not finite; try another recipe, or look for extreme numbers";
        table.error(TableError::new(message))
    })?;
    let member = Member {
        fold,
        preprocessing,
        network,
        curve,
    };
    let outputs = member.outputs(&held_out_features);
    Ok((member, outputs))
}
