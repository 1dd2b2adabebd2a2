//! From a CSV file to calibrated probabilities, a saved model, and predictions for the next file.
//!
//! ```sh
//! cargo run --release -p mlp-table --example churn
//! MLP_TABLES_DIR=... cargo run --release -p mlp-table --example churn   # a real table instead
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::Metric;
use mlp_table::{DependenceOptions, ImportanceOptions, Table, TableModel, TableOptions};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

/// Writes customers as CSV. Whether they leave depends on the plan, the calls to the support and the months, and on
/// chance.
fn customers(rows: usize) -> String {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut text = "plan,calls,months,city,churn\n".to_owned();
    for _ in 0..rows {
        let (plan, calls) = (random.random_range(0..3), random.random_range(0..8));
        let (months, city) = (random.random_range(1..60), random.random_range(0..30));
        let logit = 0.7 * f64::from(calls) - f64::from(months) / 12.0 - f64::from(plan) + 0.5;
        let leaves = random.random_bool(1.0 / (1.0 + (-logit).exp()));
        let plan = ["basic", "plus", "pro"][plan as usize];
        text += &format!(
            "{plan},{calls},{months},c{city},{}\n",
            if leaves { "yes" } else { "no" }
        );
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = match std::env::var_os("MLP_TABLES_DIR") {
        Some(directory) => Table::read(std::path::Path::new(&directory).join("churn.csv.gz"))?,
        None => Table::from_csv(customers(3000).as_bytes())?,
    };
    let target = table.names().last().ok_or("a table has columns")?.to_owned();
    // The last fifth plays the rows to come.
    let (rows, first) = (table.rows(), table.rows() - table.rows() / 5);
    let [known, new] = [0..first, first..rows].map(|rows| table.take(&rows.collect::<Vec<_>>()));

    let model = TableModel::fit(&known, &target, &TableOptions::default())?;
    println!("On rows that the networks were not trained on:");
    model.scores().iter().for_each(|score| println!("  {score}"));

    // Another program loads the model.
    let directory = tempfile::tempdir()?;
    model.save(directory.path().join("churn.safetensors"))?;
    let loaded = TableModel::load(directory.path().join("churn.safetensors"))?;
    assert_eq!(loaded.predict_probabilities(&new)?, model.predict_probabilities(&new)?);

    let evaluation = loaded.evaluate(&new)?;
    println!("\nOn new rows:");
    evaluation.scores.iter().for_each(|score| println!("  {score}"));
    println!("  probability and share of those who leave:");
    let bins = evaluation.calibration(1, 5);
    bins.iter()
        .for_each(|bin| println!("  {:.2} {:.2}", bin.probability, bin.share));

    println!("\nThe log loss grows by");
    let importances = model.held_out_importances(&known, &ImportanceOptions::default())?;
    for importance in &importances {
        println!(
            "  {:.3} ± {:.3} without {}",
            importance.mean, importance.deviation, importance.column
        );
    }
    let column = &importances[0].column;
    let dependence = model.partial_dependence(&known, column, &DependenceOptions::default())?;
    println!("\nProbability to leave by {column}:");
    for (value, means) in dependence.values.iter().zip(&dependence.means) {
        println!("  {value}: {:.2}", means[1]);
    }

    let majority =
        evaluation.actual.iter().filter(|&&class| class == 0.0).count() as f64 / evaluation.rows.len() as f64;
    assert!(
        evaluation
            .score(Metric::Accuracy)
            .is_some_and(|score| score.value > majority.max(1.0 - majority) + 0.02)
    );
    assert!(evaluation.score(Metric::RocAuc).is_some_and(|score| score.value > 0.75));
    assert!(
        bins.iter().all(|bin| (bin.probability - bin.share).abs() < 0.12),
        "{bins:?}"
    );
    Ok(())
}
