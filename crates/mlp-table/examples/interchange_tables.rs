//! Writes models of tables for `tests/interchange/interchange.py`, which compares what other runtimes compute from them.
//!
//! For each model, it writes `NAME.csv` (rows to predict), `NAME.onnx`, `NAME.safetensors` and `NAME.json` (the kinds of
//! the columns and the predictions).
//!
//! ```sh
//! cargo run --release -p mlp-table --example interchange_tables -- DIRECTORY
//! ```

use mlp_table::{Inference, Kind, Recipe, Table, TableModel, TableOptions};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use std::path::PathBuf;

/// Writes rows with holes: numbers, dates, booleans, categories of two, few and many values.
fn rows(count: usize, seed: u64) -> String {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut text = "x,far,day,flag,two,few,many,number,class\n".to_owned();
    for _ in 0..count {
        let x: f64 = random.random_range(-2.0..2.0);
        let far = 1e7 + random.random_range(0.0..1.0);
        let (year, month, day) = (
            random.random_range(1890..2110),
            random.random_range(1..13),
            random.random_range(1..29),
        );
        let (hour, minute) = (random.random_range(0..24), random.random_range(0..60));
        let flag = random.random_bool(0.4);
        let (two, few, many) = (
            random.random_range(0..2),
            random.random_range(0..4),
            random.random_range(0..30),
        );
        let number =
            x * x + if flag { 1.0 } else { 0.0 } + far - 1e7 + f64::from(many) / 10.0 + f64::from(month) / 12.0;
        let class = ["low", "mid", "high"][((number + f64::from(few)) as usize / 2).min(2)];
        let day = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:30.5");
        let mut cells = [
            x.to_string(),
            far.to_string(),
            day,
            flag.to_string(),
            format!("t{two}"),
            format!("f{few}"),
            format!("m{many}"),
        ];
        for cell in &mut cells {
            if random.random_bool(0.04) {
                cell.clear();
            }
        }
        text += &format!("{},{number},{class}\n", cells.join(","));
    }
    text
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = PathBuf::from(std::env::args_os().nth(1).ok_or("expected a directory")?);
    let known = Table::from_csv(rows(700, 1).as_bytes())?;
    // A few of these categories are unknown to a network.
    let new = rows(300, 2).replace(",m1,", ",m99,").replace(",f0,", ",f9,");
    let table = Table::from_csv(new.as_bytes())?;
    for recipe in Recipe::ALL {
        for target in ["number", "class"] {
            let options = TableOptions {
                recipe,
                folds: 3,
                seed: 1,
                ..TableOptions::default()
            };
            // The other target is no input.
            let other = if target == "number" { "class" } else { "number" };
            let inference = Inference::default().kind(other, Kind::Text);
            let model = TableModel::fit(&known, target, &TableOptions { inference, ..options })?;
            let predictions = model.predict(&table)?;
            let path = directory.join(format!("{recipe}-{target}"));
            model.export_onnx(path.with_extension("onnx"))?;
            model.save(path.with_extension("safetensors"))?;
            std::fs::write(path.with_extension("csv"), &new)?;
            let kinds: Vec<(&str, String)> = (model.columns().iter())
                .filter(|column| column.name != target && column.left_out.is_none())
                .map(|column| (column.name.as_str(), column.kind.to_string()))
                .collect();
            let classes: Option<Vec<_>> = (0..predictions.len()).map(|row| predictions.class(row)).collect();
            let record = json!({
                "columns": kinds,
                "numbers": predictions.numbers(),
                "classes": classes,
                "probabilities": predictions.probabilities(),
            });
            std::fs::write(path.with_extension("json"), record.to_string())?;
        }
    }
    Ok(())
}
