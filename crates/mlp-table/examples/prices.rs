//! From a CSV file to prices with intervals, and to the columns that make them.
//!
//! ```sh
//! cargo run --release -p mlp-table --example prices
//! MLP_TABLES_DIR=... cargo run --release -p mlp-table --example prices   # the diamonds of ggplot2 instead
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::Metric;
use mlp_table::{ImportanceOptions, Table, TableModel, TableOptions};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

/// Writes houses as CSV. The price depends on the area, the year and the heating; the last 5 % are chance.
fn houses(rows: usize) -> String {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut text = "area,built,heating,door,price\n".to_owned();
    for _ in 0..rows {
        let area: f64 = random.random_range(40.0..160.0);
        let year = random.random_range(1950..2020);
        let heating = ["gas", "oil", "wood", ""][random.random_range(0..4)];
        let door = ["red", "blue", "green"][random.random_range(0..3)];
        let value = area * (8.0 + f64::from(year - 1950) / 20.0) + if heating == "gas" { 200.0 } else { 0.0 };
        let price = value * random.random_range(0.95..1.05);
        let area = if random.random_bool(0.03) {
            "?".to_owned()
        } else {
            format!("{area:.0}")
        };
        text += &format!("{area},{year},{heating},{door},{price:.0}\n");
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = match std::env::var_os("MLP_TABLES_DIR") {
        Some(directory) => Table::read(std::path::Path::new(&directory).join("diamonds.csv.gz"))?,
        None => Table::from_csv(houses(2000).as_bytes())?,
    };
    // The last fifth plays the rows to come.
    let (rows, first) = (table.rows(), table.rows() - table.rows() / 5);
    let [known, new] = [0..first, first..rows].map(|rows| table.take(&rows.collect::<Vec<_>>()));

    let model = TableModel::fit(&known, "price", &TableOptions::default())?;
    model.columns().iter().for_each(|column| println!("{column}"));
    println!("\nOn rows that the networks were not trained on:");
    model.scores().iter().for_each(|score| println!("  {score}"));

    let evaluation = model.evaluate(&new)?;
    let coverage = evaluation.coverage(0.9).ok_or("numbers have intervals")?;
    println!("\nOn new rows:");
    evaluation.scores.iter().for_each(|score| println!("  {score}"));
    println!("  {:.1} % of the prices lie in their 90 % interval", 100.0 * coverage);
    let intervals = evaluation.predictions.intervals(0.9).unwrap_or_default();
    for ((actual, prediction), (low, high)) in evaluation
        .actual
        .iter()
        .zip(evaluation.predictions.numbers().unwrap_or_default())
        .zip(intervals)
        .take(3)
    {
        println!("  {prediction:.0}, between {low:.0} and {high:.0}: it was {actual:.0}");
    }

    println!("\nThe RMSE grows by");
    let importances = model.held_out_importances(&known, &ImportanceOptions::default())?;
    for importance in &importances {
        println!(
            "  {:8.1} ± {:.1} without {}",
            importance.mean, importance.deviation, importance.column
        );
    }

    assert!(evaluation.score(Metric::R2).is_some_and(|score| score.value > 0.9));
    assert!((0.85..0.95).contains(&coverage));
    assert!(importances[0].mean > 10.0 * importances[importances.len() - 1].mean.abs());
    Ok(())
}
