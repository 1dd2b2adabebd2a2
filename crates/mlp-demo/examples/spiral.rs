//! Trains a softmax cross-entropy classifier on three spiral arms, and draws the class that it predicts for each
//! point of the plane.
//!
//! ```sh
//! cargo run --release -p mlp-demo --example spiral -- target/spiral.svg
//! ```
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use core::ops::ControlFlow;
use mlp_core::activations::Tanh;
use mlp_core::{
    Event, FitOptions, GradientDescent, Initializer, Metric, Mlp, Model, Samples, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::Matrix;
use plotters::prelude::*;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::error::Error;
use std::path::PathBuf;

const ARMS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "target/spiral.svg".into()));

    let (input, target) = arms(100, 1);
    let (test_input, test_target) = arms(100, 2);

    // There is one output per class. The outputs are linear, because the softmax is part of the loss. A target is the
    // index of a class.
    let mut network = Mlp::<Matrix<f32>>::builder(&[2, 32, 32, ARMS])
        .hidden(Tanh)
        .initializer(Initializer::GlorotUniform)
        .seed(1)
        .build()?;
    let loss = SoftmaxCrossEntropy::for_classes();
    let mut trainer = Trainer::new(loss, GradientDescent::new(0.2)?);
    let options = FitOptions::epochs(400).batch_size(30).shuffle(1);
    trainer.fit_with(&mut network, Samples::new(&input, &target)?, options, |progress| {
        if let Event::Epoch { epoch, loss, .. } = progress.event
            && epoch % 50 == 0
        {
            println!("Epoch {epoch} - Loss: {loss:.6}");
        }
        ControlFlow::Continue(())
    })?;

    // A model knows that the outputs of its network are logits of classes.
    let model = Model::new(network, loss);
    let accuracy = model.evaluate(Samples::new(&input, &target)?, &[Metric::Accuracy])?[0];
    let test_accuracy = model.evaluate(Samples::new(&test_input, &test_target)?, &[Metric::Accuracy])?[0];
    println!(
        "\ntraining accuracy: {:.1} %, test accuracy: {:.1} %",
        100.0 * accuracy,
        100.0 * test_accuracy
    );

    let probabilities = model.predict(&Matrix::from_columns(&[[0.0, 0.5]]));
    println!("probabilities at (0, 0.5): {:.3?}", probabilities.column(0));

    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(&path, picture(&model, &input, &target)?)?;
    println!("decision boundary: {}", path.display());

    assert!(
        accuracy >= 0.98 && test_accuracy >= 0.95,
        "the accuracy is too low: {accuracy} on the training points, {test_accuracy} on the test points"
    );
    Ok(())
}

/// Returns points on the arms, 2 x N, in the order of their distance from the center, and the arm of each point, 1 x N.
fn arms(points_per_arm: usize, seed: u64) -> (Matrix<f32>, Matrix<f32>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut points, mut classes) = (Vec::new(), Vec::new());
    for i in 0..points_per_arm {
        for arm in 0..ARMS {
            let radius = 0.05 + 0.95 * i as f32 / points_per_arm as f32;
            let turn = arm as f32 / ARMS as f32 + 0.75 * radius + 0.025 * (2.0 * rng.random::<f32>() - 1.0);
            let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
            points.push([radius * cos, radius * sin]);
            classes.push([arm as f32]);
        }
    }
    (Matrix::from_columns(&points), Matrix::from_columns(&classes))
}

/// The length of a side of the picture, in pixels.
const SIDE: i32 = 560;
/// The height of a row of rectangles, in pixels.
const ROW: i32 = 2;
/// The plane shown: from -`EXTENT` to `EXTENT` in both directions.
const EXTENT: f32 = 1.15;
/// Colors that color-blind readers can tell apart (Okabe and Ito, 2008).
const COLORS: [RGBColor; ARMS] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// Returns the picture as SVG: the class of each point of the plane as a pale color, and the samples as dots.
fn picture(model: &Model<Matrix<f32>>, input: &Matrix<f32>, target: &Matrix<f32>) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (SIDE as u32, SIDE as u32)).into_drawing_area();
        let pale = |class: usize| {
            let channel = |c: u8| 255 - (255 - c) / 4;
            let RGBColor(r, g, b) = COLORS[class];
            RGBColor(channel(r), channel(g), channel(b)).filled()
        };
        for top in (0..SIDE).step_by(ROW as usize) {
            // A row of pixels is a batch, and neighbors of the same class become one rectangle. Each rectangle extends
            // one pixel beneath the next ones, so that no seam shows when the picture is scaled.
            let plane = |pixel: f32| EXTENT * (2.0 * pixel / SIDE as f32 - 1.0);
            let y = -plane((top + ROW / 2) as f32);
            let row = Matrix::from_fn(2, SIDE as usize, |i, x| if i == 0 { plane(x as f32 + 0.5) } else { y });
            // Every prediction is finite, so every pixel has a class.
            let classes: Vec<usize> = model.classify(&row).into_iter().flatten().collect();
            let mut left = 0;
            for run in classes.chunk_by(|a, b| a == b) {
                let right = left + run.len() as i32;
                root.draw(&Rectangle::new([(left, top), (right + 1, top + ROW + 1)], pale(run[0])))?;
                left = right;
            }
        }
        let pixel = |value: f32| ((value / EXTENT + 1.0) * SIDE as f32 / 2.0) as i32;
        for (point, class) in input.iter_columns().zip(target.iter_columns()) {
            let center = (pixel(point[0]), pixel(-point[1]));
            root.draw(&Circle::new(center, 4, WHITE.filled()))?;
            root.draw(&Circle::new(center, 3, COLORS[class[0] as usize].filled()))?;
        }
        root.present()?;
    }
    Ok(svg)
}
