//! Measures what an epoch of `Trainer::fit` takes in addition to its steps. The network is [784, 512, 512, 10], trained
//! by Adam in `f32` on 60,000 synthetic images in shuffled batches of 128, with an observer and the accuracy on 1,200
//! more images after the epoch. It is compared with the same number of steps, all on one batch that stays in the cache,
//! as in the bench `train_step`.
//!
//! Run it with `cargo bench --bench epoch`. The two take turns, seven times; the bench prints their medians and the
//! median of the ratios. With `-- --test` it runs once, on a small network. First it checks that an epoch in the order
//! of the data ends with the bits of the steps that it consists of.
#![allow(clippy::print_stdout, reason = "a bench prints its results")]

mod common;

use common::random;
use core::ops::ControlFlow;
use mlp_core::activations::Relu;
use mlp_core::{Adam, Event, FitOptions, Metric, Mlp, Samples, SoftmaxCrossEntropy, Trainer};
use mlp_cpu::Matrix;
use std::time::Instant;

const BATCH: usize = 128;

/// Images and the indices of their classes.
struct Data {
    input: Matrix<f32>,
    target: Matrix<f32>,
}

impl Data {
    fn new(pixels: usize, images: usize, seed: u64) -> Self {
        Self {
            input: random(pixels, images, seed),
            target: Matrix::from_fn(1, images, |_, j| (j % 10) as f32),
        }
    }

    fn samples(&self) -> Samples<'_, Matrix<f32>> {
        Samples::new(&self.input, &self.target).expect("there are as many targets as inputs")
    }
}

/// A network and its trainer, which always start from the same state.
struct Training {
    network: Mlp<Matrix<f32>>,
    trainer: Trainer<Matrix<f32>, SoftmaxCrossEntropy, Adam<Matrix<f32>>>,
}

impl Training {
    fn new(layers: &[usize]) -> Self {
        let network = Mlp::builder(layers)
            .hidden(Relu)
            .seed(1)
            .build()
            .expect("the sizes are valid");
        // The step is so small that the numbers stay in range however often it is taken.
        let adam = Adam::new(1e-6).expect("the learning rate is valid");
        let trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), adam).metrics(&[Metric::Accuracy]);
        Self { network, trainer }
    }

    /// Trains one epoch and returns the seconds that it took.
    fn fit(&mut self, data: &Data, validation: &Data, options: FitOptions) -> f64 {
        let mut seen = 0;
        let start = Instant::now();
        let data = data.samples().with_validation(validation.samples());
        let fitted = self.trainer.fit_with(&mut self.network, data, options, |progress| {
            if let Event::Epoch { .. } = progress.event {
                seen += 1;
            }
            ControlFlow::Continue(())
        });
        let seconds = start.elapsed().as_secs_f64();
        fitted.expect("the loss stays finite");
        assert_eq!(seen, 1);
        seconds
    }

    /// Takes a step on each of the batches and returns the seconds that they took.
    fn steps<'a>(&mut self, batches: impl Iterator<Item = Samples<'a, Matrix<f32>>>) -> f64 {
        let start = Instant::now();
        for batch in batches {
            self.trainer
                .step(&mut self.network, batch)
                .expect("the loss stays finite");
        }
        start.elapsed().as_secs_f64()
    }
}

/// Returns the ranges of the batches.
fn ranges(images: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..images)
        .step_by(BATCH)
        .map(move |start| start..images.min(start + BATCH))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Checks that an epoch in the order of the data equals its steps, to the bit.
fn check() {
    let (layers, images) = ([20, 30, 10], 3 * BATCH + 5);
    let (data, validation) = (Data::new(20, images, 2), Data::new(20, BATCH, 3));
    let (mut fitted, mut stepped) = (Training::new(&layers), Training::new(&layers));
    fitted.fit(&data, &validation, FitOptions::epochs(1).batch_size(BATCH));
    stepped.steps(ranges(images).map(|range| data.samples().slice(range)));
    assert_eq!(
        fitted.network, stepped.network,
        "an epoch and its steps give different networks"
    );
    assert_ne!(
        fitted.network,
        Training::new(&layers).network,
        "training did not change the network"
    );
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    check();
    let (layers, images, turns): (&[usize], usize, usize) = if test {
        (&[784, 16, 10], 1000, 1)
    } else {
        (&[784, 512, 512, 10], 60_000, 7)
    };
    let (data, validation) = (Data::new(784, images, 2), Data::new(784, images / 50, 3));
    let cached = Data::new(784, BATCH, 4);
    let (mut fitted, mut stepped) = (Training::new(layers), Training::new(layers));
    // The first turn warms up and is not counted.
    let times: Vec<_> = (0..=turns as u64)
        .map(|turn| {
            let options = FitOptions::epochs(1).batch_size(BATCH).shuffle(1);
            let batches = ranges(images).map(|range| cached.samples().slice(0..range.len()));
            // The second of the two runs on a warmer processor, so they alternate.
            if turn.is_multiple_of(2) {
                let epoch = fitted.fit(&data, &validation, options);
                (epoch, stepped.steps(batches))
            } else {
                let steps = stepped.steps(batches);
                (fitted.fit(&data, &validation, options), steps)
            }
        })
        .skip(1)
        .collect();
    let of = |value: fn(&(f64, f64)) -> f64| median(times.iter().map(value).collect());
    println!(
        "{layers:?}, {images} images in batches of {BATCH}, threads {}: epoch {:.3} s, its steps {:.3} s, ratio {:.3}",
        mlp_cpu::threads(),
        of(|&(epoch, _)| epoch),
        of(|&(_, steps)| steps),
        of(|&(epoch, steps)| epoch / steps),
    );
}
