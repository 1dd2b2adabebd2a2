//! Compares the time of an epoch of `Trainer::fit` with that of its steps. The epoch trains [784, 512, 512, 10] with
//! Adam in `f32` on 60,000 made-up images in shuffled batches of 128, with an observer and the accuracy on 1,200 more
//! images at its end. The same number of steps run on one batch, which stays in the cache, as in the bench
//! `train_step`.
//!
//! Run it with `cargo bench --bench epoch`. Epoch and steps alternate seven times; the output has medians, and the
//! median of the ratios. With `-- --test` it runs once, on small data. Before that, it checks that an epoch in the
//! order of the data ends with the same bits as its steps.
#![allow(clippy::print_stdout, reason = "the output of the bench")]

mod common;

use common::random;
use mlp_core::{Adam, FitOptions, Metric, Mlp, Relu, Samples, SoftmaxCrossEntropy, Trainer};
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
        Samples::new(&self.input, &self.target).expect("as many targets as inputs")
    }
}

/// A network and its training, from the same start each time.
struct Training {
    network: Mlp<Matrix<f32>>,
    trainer: Trainer<Matrix<f32>, SoftmaxCrossEntropy, Adam<Matrix<f32>>>,
}

impl Training {
    fn new(layers: &[usize]) -> Self {
        let network = Mlp::builder(layers).hidden(Relu).seed(1).build().expect("valid sizes");
        // The step is so small that the numbers stay in their range, however often it is repeated.
        let adam = Adam::new(1e-6).expect("a learning rate");
        let trainer = Trainer::new(SoftmaxCrossEntropy::with_classes(), adam).metrics(&[Metric::Accuracy]);
        Self { network, trainer }
    }

    /// Runs an epoch and returns the seconds it takes.
    fn fit(&mut self, data: &Data, validation: &Data, options: FitOptions) -> f64 {
        let mut seen = 0;
        let start = Instant::now();
        let data = data.samples().validated_by(validation.samples());
        let fitted = self.trainer.fit(&mut self.network, data, options, |_| seen += 1);
        let seconds = start.elapsed().as_secs_f64();
        fitted.expect("the loss stays finite");
        assert_eq!(seen, 1);
        seconds
    }

    /// Makes a step on each of the batches and returns the seconds they take.
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

/// Checks that an epoch in the order of the data gives the same bits as its steps.
fn check() {
    let (layers, images) = ([20, 30, 10], 3 * BATCH + 5);
    let (data, validation) = (Data::new(20, images, 2), Data::new(20, BATCH, 3));
    let (mut fitted, mut stepped) = (Training::new(&layers), Training::new(&layers));
    fitted.fit(&data, &validation, FitOptions::epochs(1).batch_size(BATCH));
    stepped.steps(ranges(images).map(|range| data.samples().slice(range)));
    assert_eq!(fitted.network, stepped.network, "an epoch must equal its steps");
    assert_ne!(fitted.network, Training::new(&layers).network, "nothing was learned");
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
    // One turn warms up and is not counted.
    let times: Vec<_> = (0..=turns as u64)
        .map(|turn| {
            let options = FitOptions::epochs(1).batch_size(BATCH).shuffle(1);
            let batches = ranges(images).map(|range| cached.samples().slice(0..range.len()));
            // The second one finds a warmer processor, so the order changes every time.
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
