//! Shows what a classifier of handwritten digits looks at: the derivative of each digit's logit with respect to the
//! pixels, averaged over the test images of that digit, as a picture. Where it is orange, ink speaks for the digit;
//! where it is blue, ink speaks against it.
//!
//! ```sh
//! cargo run --release -p mlp-demo --example sensitivity -- target/sensitivity.svg
//! ```
#![allow(clippy::print_stdout, reason = "an example prints its results")]

use mlp_core::activations::Tanh;
use mlp_core::{Adam, FitOptions, Metric, Mlp, Model, Samples, SoftmaxCrossEntropy, Trainer, Workspace};
use mlp_cpu::Matrix;
use mlp_demo::digits::{self, COUNT, MAX_PIXEL, PIXELS};
use plotters::prelude::*;
use std::error::Error;
use std::path::PathBuf;

const CLASSES: usize = 10;
/// The digits to train on; the others test.
const TRAINED: usize = 1400;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .unwrap_or_else(|| "target/sensitivity.svg".into()),
    );
    let part = digits::load();
    // Every image goes to a place of its own, so that no writer is in one part only: 611 has no factor in common with
    // the number of digits.
    let place = |j: usize| (j * 611) % COUNT;
    let pixel = |i: usize, j: usize| f32::from(part.images[place(j) * PIXELS + i]) / f32::from(MAX_PIXEL);
    let label = |j: usize| f32::from(part.labels[place(j)]);
    let of = |first: usize, count: usize| {
        let input = Matrix::from_fn(PIXELS, count, |i, j| pixel(i, first + j));
        (input, Matrix::from_fn(1, count, |_, j| label(first + j)))
    };
    let ((input, target), (test_input, test_target)) = (of(0, TRAINED), of(TRAINED, COUNT - TRAINED));

    let loss = SoftmaxCrossEntropy::for_classes();
    let mut network = Mlp::<Matrix<f32>>::builder(&[PIXELS, 32, CLASSES])
        .hidden(Tanh)
        .seed(1)
        .build()?;
    let options = FitOptions::epochs(40).batch_size(50).shuffle(1);
    Trainer::new(loss, Adam::new(0.005)?).fit(&mut network, Samples::new(&input, &target)?, options)?;

    let maps = sensitivities(&network, &test_input, &test_target)?;
    let accuracy = accuracy(&network, &test_input, &test_target)?;
    // If the maps are right, the pixels that they call important matter more than those that they call unimportant.
    let mut order: Vec<usize> = (0..PIXELS).collect();
    let importance = |i: usize| (0..CLASSES).map(|class| maps[(i, class)].abs()).sum::<f32>();
    order.sort_by(|&a, &b| importance(b).total_cmp(&importance(a)));
    let without = |pixels: &[usize]| {
        let (_, samples) = test_input.shape();
        let value = |i: usize, j: usize| if pixels.contains(&i) { 0.5 } else { test_input[(i, j)] };
        self::accuracy(&network, &Matrix::from_fn(PIXELS, samples, value), &test_target)
    };
    let (important, unimportant) = (without(&order[..12])?, without(&order[PIXELS - 12..])?);
    println!("accuracy on {} test images: {:.1} %", COUNT - TRAINED, 100.0 * accuracy);
    println!("with the 12 most sensitive pixels gray: {:.1} %", 100.0 * important);
    println!("with the 12 least sensitive pixels gray: {:.1} %", 100.0 * unimportant);

    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(&path, picture(&maps)?)?;
    println!("sensitivity maps: {}", path.display());
    assert!(accuracy > 0.95, "the accuracy is too low: {accuracy}");
    assert!(
        important < unimportant - 0.1 && unimportant > accuracy - 0.05,
        "the maps do not show what matters: {important}, {unimportant}"
    );
    Ok(())
}

fn accuracy(network: &Mlp<Matrix<f32>>, input: &Matrix<f32>, target: &Matrix<f32>) -> Result<f64, Box<dyn Error>> {
    let model = Model::new(network.clone(), SoftmaxCrossEntropy::for_classes());
    Ok(model.evaluate(Samples::new(input, target)?, &[Metric::Accuracy])?[0])
}

/// Returns the mean over the images of each class of d logit_class / d pixel, pixels x classes.
fn sensitivities(
    network: &Mlp<Matrix<f32>>,
    input: &Matrix<f32>,
    target: &Matrix<f32>,
) -> Result<Matrix<f32>, Box<dyn Error>> {
    let (_, samples) = input.shape();
    let class = |j: usize| target[(0, j)] as usize;
    let mut workspace = Workspace::new(network, samples)?;
    network.forward(input, &mut workspace);
    // One pullback serves all images, because each has a column of its own: dL/dy is 1 at its class.
    let seed = Matrix::from_fn(CLASSES, samples, |i, j| f32::from(u8::from(i == class(j))));
    network.pullback(input, &seed, &mut workspace);
    let mut gradient = Matrix::zeros(PIXELS, samples);
    network.input_gradient(&workspace, &mut gradient);

    let (mut sums, mut counts) = (Matrix::<f32>::zeros(PIXELS, CLASSES), [0.0; CLASSES]);
    for j in 0..samples {
        counts[class(j)] += 1.0;
        for i in 0..PIXELS {
            sums[(i, class(j))] += gradient[(i, j)];
        }
    }
    Ok(Matrix::from_fn(PIXELS, CLASSES, |i, class| {
        sums[(i, class)] / counts[class]
    }))
}

/// The sides of a pixel and of the space between maps, in pixels of the picture.
const SIDE: i32 = 14;
const GAP: i32 = 12;
/// The pixels in a row of an image, and the maps in a row of the picture.
const ROW: usize = 8;
const MAPS: usize = 5;

/// Returns the maps as SVG, in two rows: orange above 0, blue below, gray at 0.
fn picture(maps: &Matrix<f32>) -> Result<String, Box<dyn Error>> {
    let cell = ROW as i32 * SIDE + GAP;
    let size = (MAPS as i32 * cell + GAP, (CLASSES / MAPS) as i32 * cell + GAP);
    let largest = maps
        .iter_columns()
        .flatten()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (size.0 as u32, size.1 as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        for class in 0..CLASSES {
            let (left, top) = (GAP + (class % MAPS) as i32 * cell, GAP + (class / MAPS) as i32 * cell);
            for i in 0..PIXELS {
                let value = maps[(i, class)] / largest;
                // Colors that color-blind readers can tell apart (Okabe and Ito, 2008).
                let RGBColor(r, g, b) = if value > 0.0 {
                    RGBColor(213, 94, 0)
                } else {
                    RGBColor(0, 114, 178)
                };
                let mix = |color: u8| (240.0 + (f32::from(color) - 240.0) * value.abs()) as u8;
                let (x, y) = (left + (i % ROW) as i32 * SIDE, top + (i / ROW) as i32 * SIDE);
                let color = RGBColor(mix(r), mix(g), mix(b)).filled();
                root.draw(&Rectangle::new([(x, y), (x + SIDE, y + SIDE)], color))?;
            }
        }
        root.present()?;
    }
    Ok(svg)
}
