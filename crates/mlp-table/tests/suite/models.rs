//! Models of tables: from rows to predictions, scores and explanations.

use crate::table_of;
use mlp_core::Metric;
use mlp_table::{
    DependenceOptions, DependenceValue, Evaluation, FoldBy, ImportanceOptions, Inference, Kind, Overrides, Recipe,
    Table, TableModel, TableOptions, Task,
};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A fast recipe, so that the tests are about the model.
pub(crate) fn options() -> TableOptions {
    TableOptions {
        recipe: Recipe::Plain,
        bagged: Some(true),
        folds: 3,
        ..TableOptions::default()
    }
}

/// A random number in [0, 1) that depends on i and on what it is for.
fn random(i: usize, what: u64) -> f64 {
    let mut x = (i as u64).wrapping_add(what << 32).wrapping_add(0x9e37_79b9_7f4a_7c15);
    for factor in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        x = (x ^ (x >> 29)).wrapping_mul(factor);
    }
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// Houses: the price depends on the area, the heating and the year, with an error that grows with the price.
pub(crate) fn houses(first: usize, rows: usize) -> Table {
    table_of("id,area,heating,built,renovated,noise,price", rows, |i| {
        let i = first + i;
        let area = 40.0 + 120.0 * random(i, 1);
        let heating = ["gas", "oil", "wood"][(3.0 * random(i, 2)) as usize];
        let year = 1950 + (70.0 * random(i, 3)) as usize;
        let renovated = random(i, 4) < 0.3;
        let price = area * (8.0 + (year - 1950) as f64 / 10.0) + if heating == "gas" { 250.0 } else { 0.0 };
        let price = price * (1.0 + 0.1 * (random(i, 5) - 0.5)) + if renovated { 100.0 } else { 0.0 };
        let noise = match random(i, 6) < 0.05 {
            true => "?".to_owned(),
            false => format!("{:.3}", random(i, 7)),
        };
        format!("h{i},{area:.1},{heating},{year}-06-15,{renovated},{noise},{price:.1}")
    })
}

/// Customers: who stays depends on the plan and the months.
pub(crate) fn customers(first: usize, rows: usize) -> Table {
    table_of("plan,months,region,stays", rows, |i| {
        let i = first + i;
        let plan = ["basic", "plus"][(2.0 * random(i, 1)) as usize];
        let months = (60.0 * random(i, 2)) as usize;
        let score = months as f64 / 60.0 + if plan == "plus" { 0.4 } else { 0.0 } + 0.8 * (random(i, 3) - 0.5);
        let stays = if score > 0.9 {
            "yes"
        } else if score > 0.4 {
            "maybe"
        } else {
            "no"
        };
        format!("{plan},{months},r{},{stays}", i * 7 % 13)
    })
}

pub(crate) fn house_model() -> &'static TableModel {
    static MODEL: OnceLock<TableModel> = OnceLock::new();
    MODEL.get_or_init(|| TableModel::fit(&houses(0, 600), "price", &options()).unwrap())
}

pub(crate) fn customer_model() -> &'static TableModel {
    static MODEL: OnceLock<TableModel> = OnceLock::new();
    let options = TableOptions {
        overrides: Overrides {
            epochs: Some(150),
            ..Overrides::default()
        },
        ..options()
    };
    MODEL.get_or_init(|| TableModel::fit(&customers(0, 500), "stays", &options).unwrap())
}

fn value(evaluation: &Evaluation, metric: Metric) -> f64 {
    evaluation.score(metric).unwrap().value
}

#[test]
fn a_regression_predicts_and_says_how_sure_it_is() {
    let (model, test) = (house_model(), houses(600, 500));
    assert_eq!(
        (model.task(), model.members(), model.target().name()),
        (Task::Regression, 3, "price")
    );
    assert_eq!(
        model.notes(),
        ["column `id` is left out: an identifier: all values are different"]
    );
    let evaluation = model.evaluate(&test).unwrap();
    assert!(value(&evaluation, Metric::R2) > 0.9, "{}", evaluation.scores[2]);
    // The scores of the training foretell those on new rows.
    let held_out = model.held_out().unwrap();
    assert_eq!(model.scores(), held_out.scores);
    let ratio = value(&evaluation, Metric::Rmse) / value(held_out, Metric::Rmse);
    assert!((0.75..1.25).contains(&ratio), "{ratio}");
    for (level, least, most) in [(0.5, 0.4, 0.65), (0.9, 0.86, 0.98)] {
        let coverage = evaluation.coverage(level).unwrap();
        let by_halves = model.held_out().unwrap().coverage_by_halves(level).unwrap();
        assert!((by_halves - level).abs() < 0.05, "{level}: {by_halves}");
        assert!((least..most).contains(&coverage), "{level}: {coverage}");
    }
    // The intervals are wider where errors are larger.
    let predictions = evaluation.predictions;
    let mut widths: Vec<(f64, f64)> = (predictions.numbers().unwrap().iter())
        .zip(predictions.intervals(0.9).unwrap())
        .map(|(&prediction, (low, high))| (prediction, high - low))
        .collect();
    widths.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(widths[0].1 < widths[499].1, "{widths:?}");
    assert!(predictions.probabilities().is_none() && predictions.class(0).is_none());
}

#[test]
fn a_classification_predicts_probabilities_that_are_right() {
    let (model, test) = (customer_model(), customers(500, 500));
    let names = ["maybe", "no", "yes"];
    assert_eq!(model.classes().unwrap().names(), names);
    let evaluation = model.evaluate(&test).unwrap();
    assert!(value(&evaluation, Metric::Accuracy) > 0.6, "{}", evaluation.scores[0]);
    assert!(value(&evaluation, Metric::RocAuc) > 0.8);
    let matrix = evaluation.confusion_matrix().unwrap();
    assert_eq!(matrix.total(), 500.0);
    assert_eq!(matrix.accuracy(), Some(value(&evaluation, Metric::Accuracy)));
    let probabilities = model.predict_probabilities(&test).unwrap();
    assert_eq!(Some(&probabilities[..]), evaluation.predictions.probabilities());
    for (row, probabilities) in probabilities.chunks(3).enumerate() {
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let class = evaluation.predictions.class(row).unwrap();
        let place = names.iter().position(|name| *name == class).unwrap();
        assert!(probabilities.iter().all(|&p| p <= probabilities[place]));
    }
    // The curves end where every row is taken.
    let curve = evaluation.curve(2);
    let last = curve[curve.len() - 1];
    assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
    assert_eq!(last.precision, matrix.support(2) / 500.0);
    assert!(curve.is_sorted_by(|a, b| a.threshold > b.threshold && a.true_positive_rate <= b.true_positive_rate));
    let bins = evaluation.calibration(2, 5);
    assert_eq!(bins.iter().map(|bin| bin.rows).collect::<Vec<_>>(), [100; 5]);
    for bin in bins {
        assert!((bin.probability - bin.share).abs() < 0.15, "{bin:?}");
    }
    assert!(evaluation.coverage(0.9).is_none() && evaluation.predictions.intervals(0.9).is_none());
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let train = |threads| {
        mlp_cpu::set_threads(NonZero::new(threads).unwrap());
        let options = TableOptions {
            seeds: 2,
            folds: 2,
            ..options()
        };
        let model = TableModel::fit(&customers(0, 120), "stays", &options).unwrap();
        let predictions = model.predict(&customers(0, 3000)).unwrap();
        (model.to_bytes().unwrap(), predictions.probabilities().unwrap().to_vec())
    };
    assert_eq!(train(1), train(2));
}

#[test]
fn the_parts_of_a_table_are_predicted_as_the_whole() {
    let table = houses(0, 2500);
    let whole = house_model().predict(&table).unwrap();
    for rows in [1, 700, 1024] {
        let mut parts: Vec<f64> = vec![];
        for first in (0..2500).step_by(rows).take(8) {
            let rows: Vec<usize> = (first..2500.min(first + rows)).collect();
            parts.extend(house_model().predict(&table.take(&rows)).unwrap().numbers().unwrap());
        }
        assert_eq!(parts, whole.numbers().unwrap()[..parts.len()]);
    }
    // The conformal intervals are those of one calibration.
    assert_eq!(whole.intervals(0.8).unwrap().len(), 2500);
}

#[test]
fn predictions_become_a_batch() {
    let (houses, customers) = (houses(0, 3), customers(0, 3));
    let names = |batch: arrow_array::RecordBatch| -> Vec<String> {
        assert_eq!(batch.num_rows(), 3);
        batch
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    };
    let numbers = house_model().predict(&houses).unwrap();
    assert_eq!(names(numbers.to_batch(None)), ["prediction"]);
    assert_eq!(names(numbers.to_batch(Some(0.9))), ["prediction", "lower", "upper"]);
    let classes = customer_model().predict(&customers).unwrap().to_batch(Some(0.9));
    // The batch is a table again.
    let table = Table::new(classes.clone()).unwrap();
    assert_eq!(table.rows(), 3);
    assert_eq!(
        names(classes),
        ["prediction", "probability:maybe", "probability:no", "probability:yes"]
    );
}

#[test]
fn one_network_is_trained_without_a_fifth() {
    let options = TableOptions {
        bagged: None,
        folds: 5,
        ..options()
    };
    let model = TableModel::fit(&houses(0, 200), "price", &options).unwrap();
    assert_eq!((model.members(), model.held_out().unwrap().rows.len()), (1, 40));
    let options = TableOptions { seeds: 2, ..options };
    let model = TableModel::fit(&houses(0, 200), "price", &options).unwrap();
    assert_eq!((model.members(), model.held_out().unwrap().rows.len()), (2, 40));
}

#[test]
fn rows_of_a_group_and_of_later_times_are_held_out() {
    let options = TableOptions {
        fold_by: FoldBy::Time("built".into()),
        ..options()
    };
    let houses = houses(0, 200);
    let model = TableModel::fit(&houses, "price", &options).unwrap();
    assert_eq!(model.members(), 1);
    let evaluation = TableModel::cross_validate(&houses, "price", &options, &|_| ControlFlow::Continue(())).unwrap();
    assert!(
        (130..=170).contains(&evaluation.rows.len()),
        "{}",
        evaluation.rows.len()
    );
    let options = TableOptions {
        fold_by: FoldBy::Group("heating".into()),
        folds: 3,
        ..options
    };
    let model = TableModel::fit(&houses, "price", &options).unwrap();
    // A network has not seen the heating of its held-out rows, so nothing is learned from it.
    assert_eq!((model.members(), model.held_out().unwrap().rows.len()), (3, 200));
    let note = "column `heating` is left out: it is the group of the folds".to_owned();
    assert!(model.notes().contains(&note), "{:?}", model.notes());
    let without = table_of("area,built,renovated,noise", 2, |i| format!("7{i},1999-06-15,true,0.5"));
    assert_eq!(model.predict(&without).unwrap().len(), 2);
}

#[test]
fn models_of_seeds_that_follow_each_other_share_no_network() {
    let houses = houses(0, 120);
    let curves = |seed| {
        let options = TableOptions {
            seed,
            seeds: 2,
            // The folds do not depend on the seed.
            fold_by: FoldBy::Time("built".into()),
            ..options()
        };
        let model = TableModel::fit(&houses, "price", &options).unwrap();
        model.curves().map(<[_]>::to_vec).collect::<Vec<_>>()
    };
    let [first, second] = [0, 1].map(curves);
    assert!(first.len() == 2 && first.iter().all(|curve| !second.contains(curve)));
}

#[test]
fn cross_validation_trains_on_the_other_folds() {
    let (customers, members) = (customers(0, 150), AtomicUsize::new(0));
    let options = TableOptions { folds: 2, ..options() };
    let evaluation = TableModel::cross_validate(&customers, "stays", &options, &|progress| {
        assert_eq!(progress.members, 4);
        members.fetch_max(progress.member + 1, Ordering::Relaxed);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(members.into_inner(), 4);
    let mut rows = evaluation.rows.clone();
    rows.sort_unstable();
    assert_eq!(rows, (0..150).collect::<Vec<_>>());
    assert_eq!((evaluation.predictions.len(), evaluation.actual.len()), (150, 150));
    assert!(value(&evaluation, Metric::Accuracy) > 0.5);
}

#[test]
fn an_observer_stops_the_training() {
    let fit = |observer: &(dyn Fn(&mlp_table::TrainingProgress) -> ControlFlow<()> + Sync)| {
        TableModel::fit_with(&customers(0, 150), "stays", &options(), observer).unwrap()
    };
    let all = AtomicUsize::new(0);
    let whole = fit(&|progress| {
        assert_eq!((progress.members, progress.member < 3), (3, true));
        all.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    let epochs: Vec<usize> = whole.curves().map(<[_]>::len).collect();
    assert_eq!(epochs.iter().sum::<usize>(), all.into_inner());
    // Of each network that has begun, the first two epochs count.
    let stopped = fit(&|progress| match progress.epoch.epoch {
        1 => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    assert!((1..=3).contains(&stopped.members()));
    assert!(stopped.curves().all(|curve| curve.len() == 2));
    assert_eq!(
        stopped.notes().last().unwrap(),
        "the training was stopped before its end"
    );
    assert!(stopped.predict(&customers(0, 5)).is_ok() && !stopped.scores().is_empty());
}

#[test]
fn rows_without_a_target_are_left_out() {
    let table = table_of("a,y", 60, |i| {
        let y = if i % 6 == 5 { String::new() } else { (i % 9).to_string() };
        format!("{}.5,{y}", i % 9)
    });
    let model = TableModel::fit(&table, "y", &options()).unwrap();
    assert_eq!(model.notes()[0], "10 rows have no value of `y` and are left out");
    let evaluation = model.evaluate(&table).unwrap();
    assert_eq!((evaluation.rows.len(), evaluation.rows[5]), (50, 6));
    let mut held_out = model.held_out().unwrap().rows.clone();
    held_out.sort_unstable();
    assert_eq!(held_out, evaluation.rows);
}

#[test]
fn the_columns_that_matter_are_important() {
    let (model, options) = (house_model(), ImportanceOptions::default());
    for importances in [
        model.held_out_importances(&houses(0, 600), &options).unwrap(),
        model.importances(&houses(600, 300), &options).unwrap(),
    ] {
        let names: Vec<&str> = importances
            .iter()
            .map(|importance| importance.column.as_str())
            .collect();
        assert_eq!((names.len(), names[0], names[1]), (5, "area", "built"));
        let noise = importances
            .iter()
            .find(|importance| importance.column == "noise")
            .unwrap();
        assert!(noise.mean < 0.05 * importances[0].mean, "{importances:?}");
        assert!(
            importances
                .iter()
                .all(|importance| importance.deviation < 0.2 * importances[0].mean)
        );
    }
    let again = model.held_out_importances(&houses(0, 600), &options).unwrap();
    assert_eq!(again, model.held_out_importances(&houses(0, 600), &options).unwrap());
}

#[test]
fn predictions_depend_on_a_column() {
    let (model, table) = (house_model(), houses(0, 600));
    let options = DependenceOptions {
        points: 5,
        ..DependenceOptions::default()
    };
    let area = model.partial_dependence(&table, "area", &options).unwrap();
    assert_eq!(area.values.len(), 5);
    assert!(area.means.is_sorted_by(|a, b| a[0] < b[0]), "{area:?}");
    let built = model.partial_dependence(&table, "built", &options).unwrap();
    assert!(matches!(built.values[0], DependenceValue::Date(_)));
    assert!(built.values[0].to_string().starts_with("195"), "{}", built.values[0]);
    assert!(built.means[0][0] < built.means[4][0]);
    let heating = model.partial_dependence(&table, "heating", &options).unwrap();
    let of = |name: &str| {
        heating.means[heating
            .values
            .iter()
            .position(|value| value.to_string() == name)
            .unwrap()][0]
    };
    assert_eq!(heating.values.len(), 3);
    assert!(of("gas") > of("oil") + 50.0 && of("gas") > of("wood") + 50.0);
    let renovated = model.partial_dependence(&table, "renovated", &options).unwrap();
    assert_eq!(
        renovated.values,
        ["false", "true"].map(|word| DependenceValue::Category(word.into()))
    );
    let months = customer_model()
        .partial_dependence(&customers(0, 200), "months", &options)
        .unwrap();
    for means in months.means {
        assert!((means.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn a_column_that_gives_the_target_away_is_told() {
    let table = table_of("a,euros,y", 200, |i| {
        let y = random(i, 1).powi(4) * 1e6;
        format!("{:.3},{},{y}", random(i, 2), y * 1.1)
    });
    let note = "column `euros` alone explains 100.0 % of `y`: check that its values are known before `y` is";
    let model = TableModel::fit(&table, "y", &options()).unwrap();
    assert_eq!(model.notes(), [note]);
    // A category, and a number that separates classes; the rows are sorted by the target.
    let table = table_of("a,code,score,y", 300, |i| {
        let class = i / 100;
        format!(
            "{},{},{:.4},{}",
            i % 4,
            ["k", "l", "m"][class],
            class as f64 + random(i, 1),
            ["x", "y", "z"][class]
        )
    });
    let inference = Inference::default().kind("a", Kind::Category);
    let model = TableModel::fit(&table, "y", &TableOptions { inference, ..options() }).unwrap();
    let notes: Vec<&str> = model.notes().iter().map(|note| &note[..24]).collect();
    assert_eq!(notes, ["column `code` alone expl", "column `score` alone exp"]);
}
