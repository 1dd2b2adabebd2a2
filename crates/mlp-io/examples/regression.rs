//! A complete regression: inputs and targets are standardized, a part of the data is held out, and Adam trains under a
//! schedule, with R2 as a metric. The result is a model that takes raw inputs and returns targets in their own units.
//! It is saved and loaded.
//!
//! ```sh
//! cargo run --release -p mlp-io --example regression
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::{
    Adam, Dataset, Every, FitOptions, HalfMse, History, Metric, Mlp, Model, Provenance, Scaling, Schedule, Trainer,
};
use mlp_cpu::Matrix;
use mlp_io::{load_model, save_model};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::error::Error;

const SEED: u64 = 1;
const EPOCHS: u64 = 100;

/// Returns the density of air in g/m^3, at a temperature in degrees Celsius and a pressure in pascals.
fn density(celsius: f64, pascals: f64) -> f64 {
    1e3 * pascals / (287.05 * (celsius + 273.15))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, held_out) = measurements(500)?.split(0.2, SEED)?;

    // The scalings are fitted on the training set only, so that the held-out samples stay unseen.
    let input_scaling = Scaling::standard(train.input())?;
    let target_scaling = Scaling::standard(train.target())?;
    let scaled = |data: &Dataset<Matrix<f64>>| {
        data.map_input(|input| input_scaling.apply(input))?
            .map_target(|target| target_scaling.apply(target))
    };
    let (scaled_train, scaled_held_out) = (scaled(&train)?, scaled(&held_out)?);

    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 24, 24, 1])
        .hidden(Tanh)
        .seed(SEED)
        .build()?;
    // The learning rate rises to its full value in 5 epochs, then falls to a hundredth of it in the others.
    let schedule = Schedule::warm_up(5)?.then(5, Schedule::cosine(EPOCHS - 5, 0.01)?);
    let mut trainer = Trainer::new(HalfMse, Adam::new(0.01)?)
        .schedule(schedule, Every::Epoch)
        .metrics(&[Metric::R2]);
    let data = scaled_train.samples().with_validation(scaled_held_out.samples());
    let options = FitOptions::epochs(EPOCHS).batch_size(20).shuffle(SEED);
    trainer.fit(&mut network, data, options)?;

    let history = trainer.history();
    let r2 = history.metric(Metric::R2).ok_or("the history has no R2")?;
    print_table(history, r2);

    // The scalings are part of the model: it takes a temperature and a pressure and returns grams per cubic meter.
    let model = Model::new(network, HalfMse)
        .with_input_scaling(input_scaling)?
        .with_target_scaling(target_scaling)?
        .with_provenance(Provenance {
            seed: Some(SEED),
            ..Provenance::default()
        });
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("air.safetensors");
    save_model(&path, &model)?;
    let loaded = load_model::<Matrix<f64>>(&path)?;
    assert_eq!(loaded, model);

    assert_eq!(
        loaded.predict(held_out.input()),
        model.predict(held_out.input()),
        "the loaded model must predict exactly the same"
    );
    println!("\n degC  hPa     g/m^3  prediction");
    for (celsius, pascals) in [(-20.0, 95e3), (0.0, 101_325.0), (15.0, 101_325.0), (30.0, 80e3)] {
        let prediction = loaded.predict(&Matrix::from_columns(&[[celsius, pascals]]))[(0, 0)];
        let exact = density(celsius, pascals);
        println!("{celsius:>5}  {:<6}  {exact:>5.0}  {prediction:>10.0}", pascals / 100.0);
        assert!(
            (prediction - exact).abs() < 10.0,
            "predicted {prediction}, expected {exact}"
        );
    }

    // R2 does not depend on the units, so it equals that of the last epoch.
    let held_out_r2 = loaded.evaluate(held_out.samples(), &[Metric::R2])?[0];
    println!("R2 on the held-out samples: {held_out_r2:.6}");
    assert!(held_out_r2 > 0.99, "R2 = {held_out_r2}");
    assert!((held_out_r2 - r2[history.epochs() - 1]).abs() < 1e-9);
    Ok(())
}

/// Prints every tenth epoch and the last one.
fn print_table(history: &History, r2: &[f64]) {
    println!("epoch  learning rate  loss      validation loss  R2");
    for epoch in (0..history.epochs()).step_by(10).chain([history.epochs() - 1]) {
        println!(
            "{epoch:>5}  {:>13.6}  {:.6}  {:>15.6}  {:.6}",
            history.learning_rate[epoch], history.loss[epoch], history.validation_loss[epoch], r2[epoch]
        );
    }
}

/// Returns densities measured between -30 and 40 degrees and between 700 and 1050 hPa, each with an error of up to 10
/// g/m^3.
fn measurements(samples: usize) -> Result<Dataset<Matrix<f64>>, Box<dyn Error>> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    let input = Matrix::from_fn(2, samples, |feature, _| match feature {
        0 => random.random_range(-30.0..40.0),
        _ => random.random_range(70e3..105e3),
    });
    let target = Matrix::from_fn(1, samples, |_, j| {
        density(input[(0, j)], input[(1, j)]) + random.random_range(-10.0..10.0)
    });
    Ok(Dataset::new(input, target)?)
}
