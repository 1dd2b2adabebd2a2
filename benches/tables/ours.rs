//! This project's side of `tables.py`, which describes the messages. For each line of JSON, it fits a model to the
//! training rows of a table and prints a line with its predictions for the test rows.
#![expect(clippy::print_stdout, reason = "the answers go to standard output")]

use mlp_table::{Recipe, Table, TableModel, TableOptions};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Instant;

/// A model to fit.
#[derive(Deserialize)]
struct Job {
    file: String,
    target: String,
    recipe: Recipe,
    train: Vec<usize>,
    test: Vec<usize>,
}

#[derive(Serialize)]
struct Answer {
    /// The time from a table in memory to a model.
    seconds: f64,
    predicted: Predicted,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Predicted {
    Numbers(Vec<f64>),
    Classes(Vec<String>),
}

fn main() -> Result<(), Box<dyn Error>> {
    // As many as the peers have.
    mlp_cpu::set_threads(std::num::NonZero::new(2).ok_or("2 is not 0")?);
    for line in stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let table = Table::read(&job.file)?;
        let (train, test) = (table.take(&job.train), table.take(&job.test));
        let options = TableOptions {
            recipe: job.recipe,
            ..TableOptions::default()
        };
        let start = Instant::now();
        let model = TableModel::fit(&train, &job.target, &options)?;
        let seconds = start.elapsed().as_secs_f64();
        let predictions = model.predict(&test)?;
        let class = |row| predictions.class(row).unwrap_or_default().to_owned();
        let predicted = match predictions.numbers() {
            Some(numbers) => Predicted::Numbers(numbers.to_vec()),
            None => Predicted::Classes((0..predictions.len()).map(class).collect()),
        };
        println!("{}", serde_json::to_string(&Answer { seconds, predicted })?);
    }
    Ok(())
}
