//! Random tables: whatever is in them, nothing panics, and all that comes out is finite and has the right shape.

use mlp_table::{
    Columns, FeatureScaling, FoldBy, Inference, Kind, Overrides, Preprocessing, PreprocessingOptions, Recipe, Table,
    TableError, TableModel, TableOptions,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const CELLS: [&str; 22] = [
    "",
    "NA",
    "0",
    "-0.0",
    "1",
    "2",
    "3.5",
    "1e308",
    "-1e308",
    "5e-324",
    "inf",
    "x",
    "y",
    "z",
    "\"a,\"\"b\"",
    "true",
    "False",
    "2024-05-31",
    "1970-01-01T08:00+01:00",
    "9999-12-31 23:59:60",
    "0000-01-01",
    "é",
];

/// Makes a CSV text whose columns have few different values, so that many of them can be learned from.
fn text(generator: &mut Xoshiro256PlusPlus) -> String {
    let (rows, columns) = (generator.random_range(0..40), generator.random_range(1..6));
    let pools: Vec<Vec<&str>> = (0..columns)
        .map(|_| {
            let (from, count) = (generator.random_range(0..CELLS.len()), generator.random_range(1..5));
            (0..count).map(|i| CELLS[(from + i) % CELLS.len()]).collect()
        })
        .collect();
    let mut text = (0..columns).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",") + "\n";
    for _ in 0..rows {
        let cells: Vec<&str> = pools.iter().map(|pool| *pool.choose(generator).unwrap()).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

#[test]
fn no_table_panics() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
    let (mut learned, mut refused) = (0, 0);
    for _ in 0..1000 {
        let text = text(&mut generator);
        let table = Table::from_csv(text.as_bytes()).unwrap();
        let mut inference = Inference::default();
        if generator.random_bool(0.3) {
            let kinds = [Kind::Number, Kind::Category, Kind::Boolean, Kind::Date, Kind::Text];
            inference = inference.kind("c0", *kinds.choose(&mut generator).unwrap());
        }
        let scalings = [
            FeatureScaling::Robust,
            FeatureScaling::Standard,
            FeatureScaling::Quantile,
        ];
        let options = PreprocessingOptions {
            scaling: *scalings.choose(&mut generator).unwrap(),
            one_hot: generator.random_range(0..4),
        };
        let target = table.names().last().unwrap().to_owned();
        let result = inference.infer(&table, &target).and_then(|columns| {
            check_folds(&columns, &table);
            let train: Vec<usize> = columns.labeled_rows().iter().copied().step_by(2).collect();
            Preprocessing::fit(&table.take(&train), &columns, options)
        });
        match result {
            Ok(fitted) => {
                learned += 1;
                check(&fitted, &table, &text);
            }
            Err(error) => {
                refused += 1;
                check_message(&error);
            }
        }
    }
    assert!(learned > 150 && refused > 150, "{learned} {refused}");
}

#[test]
fn no_model_of_a_table_panics() {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(2);
    let (mut learned, mut refused) = (0, 0);
    for _ in 0..500 {
        // The sums in a network and over the networks must be finite.
        let text = text(&mut generator).replace("1e308", "1e30");
        let table = Table::from_csv(text.as_bytes()).unwrap();
        let options = TableOptions {
            recipe: Recipe::Plain,
            overrides: Overrides {
                epochs: Some(1),
                ..Overrides::default()
            },
            bagged: Some(true),
            folds: generator.random_range(2..4),
            fold_by: match generator.random_range(0..4) {
                0 => FoldBy::Group("c0".to_owned()),
                1 => FoldBy::Time("c0".to_owned()),
                _ => FoldBy::Row,
            },
            ..TableOptions::default()
        };
        let target = table.names().last().unwrap().to_owned();
        match TableModel::fit(&table, &target, &options) {
            Ok(model) => {
                learned += 1;
                let Ok(predictions) = model.predict(&table) else {
                    continue;
                };
                let numbers = predictions.numbers().or(predictions.probabilities()).unwrap();
                assert!(numbers.iter().all(|number| number.is_finite()), "{text}");
                let loaded = TableModel::from_bytes(&model.to_bytes().unwrap()).unwrap();
                assert_eq!(
                    loaded.predict(&table).unwrap().to_batch(None),
                    predictions.to_batch(None)
                );
            }
            Err(error) => {
                refused += 1;
                check_message(&error);
            }
        }
    }
    assert!(learned > 50 && refused > 50, "{learned} {refused}");
}

fn check_message(error: &TableError) {
    assert!(!error.message.is_empty() && !error.to_string().contains('\n'));
}

fn check_folds(columns: &Columns, table: &Table) {
    for by in [
        FoldBy::Row,
        FoldBy::Group("c0".to_owned()),
        FoldBy::Time("c0".to_owned()),
    ] {
        for count in [2, 5] {
            let Ok(folds) = columns.folds(table, &by, count, 1) else {
                continue;
            };
            assert_eq!(folds.len(), count);
            assert!(
                folds
                    .iter()
                    .all(|fold| !fold.train.is_empty() && !fold.held_out.is_empty())
            );
        }
    }
}

fn check(fitted: &Preprocessing, table: &Table, text: &str) {
    // A value of the rows that were not trained on may be of another kind.
    let Ok(features) = fitted.apply(table) else { return };
    let (rows, samples) = features.dense.shape();
    assert_eq!((rows, samples), (fitted.feature_names().len(), table.rows()));
    let finite = (0..samples).all(|sample| features.dense.column(sample).iter().all(|value| value.is_finite()));
    assert!(finite, "{text}");
    for (indices, (_, count)) in features.indices.iter().zip(fitted.embedded()) {
        assert!(indices.len() == samples && indices.iter().all(|&index| (index as usize) < count));
    }
    let saved = serde_json::to_string(fitted).unwrap();
    let read: Preprocessing = serde_json::from_str(&saved).unwrap_or_else(|error| panic!("{error}: {saved}"));
    assert_eq!(&read, fitted);
}
