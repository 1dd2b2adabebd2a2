//! Whether intervals and probabilities can be trusted, on real tables.
#![allow(clippy::print_stdout, reason = "docs/tables.md shows what these tests print")]

use super::calibration::Calibration;
use super::{TableModel, TableOptions};
use crate::Table;
use mlp_core::Metric;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom as _;
use std::path::Path;

const NUMBERS: [(&str, &str); 6] = [
    ("diamonds", "price"),
    ("ames", "Sale_Price"),
    ("sacramento", "price"),
    ("deliveries", "time_to_delivery"),
    ("computers", "price"),
    ("wage", "wage"),
];
const CLASSES: [(&str, &str); 6] = [
    ("attrition", "Attrition"),
    ("churn", "churn"),
    ("credit", "Status"),
    ("cells", "class"),
    ("leaves", "species"),
    ("juice", "Purchase"),
];

/// Trains on four fifths of a table, and returns the model and the other rows.
fn trained(name: &str, target: &str, split: u64) -> Option<(TableModel, Table)> {
    let Some(directory) = std::env::var_os("MLP_TABLES_DIR") else {
        println!("skipped: MLP_TABLES_DIR is not set");
        return None;
    };
    let table = Table::read(Path::new(&directory).join(name).with_extension("csv.gz")).unwrap();
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    rows.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(split));
    let (train, test) = rows.split_at(rows.len() - rows.len() / 5);
    let options = TableOptions {
        seed: split,
        ..TableOptions::default()
    };
    let model = TableModel::fit(&table.take(train), target, &options).unwrap();
    Some((model, table.take(test)))
}

#[test]
#[ignore = "takes minutes, and needs the tables in MLP_TABLES_DIR"]
fn nine_of_ten_targets_lie_in_the_intervals_of_90_percent() {
    let mut coverages = vec![];
    for (name, target) in NUMBERS {
        for split in 0..2 {
            let Some((model, test)) = trained(name, target, split) else {
                return;
            };
            let evaluation = model.evaluate(&test).unwrap();
            let [half, most] = [0.5, 0.9].map(|level| evaluation.coverage(level).unwrap());
            let width = |(low, high): (f64, f64)| high - low;
            let widths = evaluation.predictions.intervals(0.9).unwrap().into_iter().map(width);
            let width = widths.sum::<f64>() / test.rows() as f64;
            println!(
                "{name} {split}: 50 % {half:.3}, 90 % {most:.3}, width {width:.4}, {}",
                evaluation.scores[0]
            );
            println!("    held out: {}", model.scores()[0]);
            coverages.push(most);
        }
    }
    let mean = coverages.iter().sum::<f64>() / coverages.len() as f64;
    println!("mean coverage {mean:.4}");
    assert!((0.88..=0.92).contains(&mean), "{mean}");
    assert!(coverages.iter().all(|&coverage| coverage >= 0.85), "{coverages:?}");
}

#[test]
#[ignore = "takes minutes, and needs the tables in MLP_TABLES_DIR"]
fn the_temperature_does_not_worsen_the_log_loss() {
    let mut better = 0;
    for (name, target) in CLASSES {
        for split in 0..2 {
            let Some((mut model, test)) = trained(name, target, split) else {
                return;
            };
            let temperature = model.temperature();
            let log_loss = |model: &TableModel| model.evaluate(&test).unwrap().score(Metric::LogLoss).unwrap().value;
            let after = log_loss(&model);
            model.calibration = Calibration::Temperature(1.0);
            let before = log_loss(&model);
            println!("{name} {split}: T {temperature:.3}, log loss {before:.4} before, {after:.4} after");
            better += usize::from(after <= before);
        }
    }
    assert!(better >= 10, "{better} of 12");
}
