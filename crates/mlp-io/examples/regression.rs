//! Regression as it is done for real: inputs and target standardised, a part held out, Adam under a schedule, R2; then
//! a model that takes raw inputs and gives the target in its own units, saved and loaded.
//!
//! ```sh
//! cargo run --release -p mlp-io --example regression
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::{
    Adam, Dataset, Every, FitOptions, HalfSquaredError, Metric, Mlp, Model, Provenance, Scaling, Schedule, Tanh,
    Trainer,
};
use mlp_cpu::Matrix;
use mlp_io::{load_model, save_model};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::error::Error;

const SEED: u64 = 1;
const EPOCHS: u64 = 100;

/// The density of air in g/m^3, at a temperature in degrees Celsius and a pressure in pascals.
fn density(celsius: f64, pascals: f64) -> f64 {
    1e3 * pascals / (287.05 * (celsius + 273.15))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (train, held_out) = measurements(500)?.split(0.2, SEED)?;

    // Fitted on the part to train on and on no other: what is held out stays unseen.
    let input_scaling = Scaling::standard::<Matrix<f64>>(train.input())?;
    let target_scaling = Scaling::standard::<Matrix<f64>>(train.target())?;
    let scaled = |data: &Dataset<Matrix<f64>>| {
        data.map_input(|input| input_scaling.apply(input))?
            .map_target(|target| target_scaling.apply(target))
    };
    let (scaled_train, scaled_held_out) = (scaled(&train)?, scaled(&held_out)?);

    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 24, 24, 1])
        .hidden(Tanh)
        .seed(SEED)
        .build()?;
    // Up to the learning rate in 5 epochs, down to a hundredth of it in the others.
    let schedule = Schedule::warm_up(5)?.then(5, Schedule::cosine(EPOCHS - 5, 0.01)?);
    let mut trainer = Trainer::new(HalfSquaredError, Adam::new(0.01)?)
        .schedule(schedule, Every::Epoch)
        .metrics(&[Metric::R2]);
    let data = scaled_train.samples().validated_by(scaled_held_out.samples());
    let options = FitOptions::epochs(EPOCHS).batch_size(20).shuffle(SEED);
    trainer.fit(&mut network, data, options)?;

    let history = trainer.history();
    let r2 = history.metric(Metric::R2).ok_or("it was asked for")?;
    println!("epoch  learning rate  loss      validation loss  R2");
    for epoch in (0..history.epochs()).step_by(10).chain([history.epochs() - 1]) {
        println!(
            "{epoch:>5}  {:>13.6}  {:.6}  {:>15.6}  {:.6}",
            history.learning_rate[epoch], history.loss[epoch], history.validation_loss[epoch], r2[epoch]
        );
    }

    // The scalings travel with the network: a temperature and a pressure go in, grams per cubic metre come out.
    let model = Model::new(network, HalfSquaredError)
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
        "not a bit is lost in a file"
    );
    println!("\n degC  hPa     g/m^3  prediction");
    for (celsius, pascals) in [(-20.0, 95e3), (0.0, 101_325.0), (15.0, 101_325.0), (30.0, 80e3)] {
        let prediction = loaded.predict(&Matrix::from_columns(&[[celsius, pascals]]))[(0, 0)];
        let exact = density(celsius, pascals);
        println!("{celsius:>5}  {:<6}  {exact:>5.0}  {prediction:>10.0}", pascals / 100.0);
        assert!((prediction - exact).abs() < 10.0, "{prediction}, not {exact}");
    }

    // R2 does not depend on the units: it is what the last epoch had.
    let held_out_r2 = loaded.evaluate(held_out.samples(), &[Metric::R2])?[0];
    println!("R2 of what was held out: {held_out_r2:.6}");
    assert!(held_out_r2 > 0.99, "R2 = {held_out_r2}");
    assert!((held_out_r2 - r2[history.epochs() - 1]).abs() < 1e-9);
    Ok(())
}

/// Densities measured between -30 and 40 degrees and 700 and 1050 hPa, each off by up to 10 g/m^3.
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
