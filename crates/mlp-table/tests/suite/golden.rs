//! Compares with pytabkit, scikit-learn and pandas. `golden.py` wrote the numbers.

use crate::table;
use mlp_table::{Columns, FeatureScaling, Inference, Kind, Preprocessing, PreprocessingOptions, Table};
use serde_json::Value;
use std::path::Path;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden.json")).unwrap()
}

/// Checks the features that the golden file has for this scaling.
#[track_caller]
fn check(key: &str, scaling: FeatureScaling, tolerance: f32, skip: impl Fn(&str, f32) -> bool) {
    let golden = golden();
    let table = table(golden["csv"].as_str().unwrap());
    let columns = Inference::default()
        .kind("skewed", Kind::Number)
        .infer(&table, "y")
        .unwrap();
    let options = PreprocessingOptions { scaling, one_hot: 9 };
    let fitted = Preprocessing::fit(&table, &columns, options).unwrap();
    let (names, dense) = (fitted.feature_names(), fitted.apply(&table).unwrap().dense);
    let expected = golden[key].as_object().unwrap();
    assert!(expected.len() >= 6);
    for (name, values) in expected {
        let feature = names.iter().position(|other| other == name).expect(name);
        for (row, value) in values.as_array().unwrap().iter().enumerate() {
            let (value, got) = (value.as_f64().unwrap() as f32, dense[(feature, row)]);
            assert!(
                skip(name, value) || (value - got).abs() <= tolerance,
                "{name}, row {row}: expected {value}, got {got}"
            );
        }
    }
}

#[test]
fn robust_scaling_is_that_of_pytabkit() {
    check("robust", FeatureScaling::Robust, 2e-6, |_, _| false);
}

#[test]
fn standard_scaling_is_that_of_scikit_learn() {
    check("standard", FeatureScaling::Standard, 2e-6, |_, _| false);
}

#[test]
fn quantile_scaling_is_that_of_scikit_learn() {
    // scikit-learn has values at -5.2 or 5.2 that differ from the least or the greatest one by less than 1e-7, and all
    // of those that equal it.
    let skip = |name: &str, value: f32| match name {
        "tiny" => true,
        "mostly_zero" | "ties" => value.abs() > 5.0,
        _ => false,
    };
    check("quantile", FeatureScaling::Quantile, 2e-5, skip);
}

/// Reads the twelve tables in the directory that `MLP_TABLES_DIR` names, and compares kinds, missing values and medians
/// with those of pandas.
#[test]
#[expect(clippy::print_stderr, reason = "a test that does nothing says so")]
fn real_tables_are_read_as_pandas_reads_them() {
    let Ok(directory) = std::env::var("MLP_TABLES_DIR") else {
        eprintln!("MLP_TABLES_DIR is not set: the real tables were not read");
        return;
    };
    let golden = golden();
    for (name, expected) in golden["tables"].as_object().unwrap() {
        let table = Table::read(Path::new(&directory).join(format!("{name}.csv.gz"))).unwrap();
        let target = table.names().last().unwrap().to_owned();
        let columns = Columns::infer(&table, &target).unwrap();
        for column in columns.iter() {
            let expected = &expected[&column.name];
            let place = format!("{name}: {column}: {expected}");
            assert_eq!(column.missing as u64, expected["missing"], "{place}");
            assert_eq!(column.distinct as u64, expected["distinct"], "{place}");
            assert_eq!(column.kind == Kind::Number, expected["median"].is_number(), "{place}");
        }
        let fitted = Preprocessing::fit(&table, &columns, Default::default()).unwrap();
        let features = fitted.apply(&table).unwrap();
        assert_eq!((features.dense.shape().1, features.unknown.len()), (table.rows(), 0));
        for input in serde_json::to_value(&fitted).unwrap()["inputs"].as_array().unwrap() {
            if let Some(fill) = input["encoding"]["quantity"]["fill"].as_f64() {
                assert_eq!(
                    expected[input["name"].as_str().unwrap()]["median"],
                    fill,
                    "{name}: {input}"
                );
            }
        }
    }
}
