//! Measures what a multiply-add costs at every width from 1 to 256. It times a training step of [w, w, w] on 32
//! samples, with ReLU, half squared error and plain gradient descent, and prints comma-separated values.
//!
//! Run it with `cargo bench --bench width > width.csv`, or add `-- f64`. The last line, on standard error, names the
//! width with the highest cost relative to the more expensive of its two neighboring multiples of 16.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its results")]

use mlp_core::activations::Relu;
use mlp_core::{GradientDescent, HalfMse, Mlp, Samples, Trainer};
use mlp_cpu::{Element, Matrix};
use std::time::{Duration, Instant};

const BATCH: usize = 32;

/// A network of one width, and the time of a step in each round.
struct Width<T: Element> {
    width: usize,
    network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, HalfMse, GradientDescent<Matrix<T>>>,
    input: Matrix<T>,
    target: Matrix<T>,
    nanoseconds: Vec<f64>,
}

impl<T: Element> Width<T> {
    fn new(width: usize) -> Self {
        let value = |i: usize, j: usize| T::from_f64(((3 * i + 7 * j) as f64).sin());
        Self {
            width,
            network: Mlp::builder(&[width; 3])
                .hidden(Relu)
                .seed(1)
                .build()
                .expect("the sizes are valid"),
            trainer: Trainer::new(HalfMse, GradientDescent::new(1e-6).expect("the learning rate is valid")),
            input: Matrix::from_fn(width, BATCH, value),
            target: Matrix::from_fn(width, BATCH, |i, j| value(j, i)),
            nanoseconds: Vec::new(),
        }
    }

    /// Takes steps for `time`, but at least one.
    fn run(&mut self, time: Duration) {
        let samples = Samples::new(&self.input, &self.target).expect("there are as many targets as inputs");
        let (start, mut steps) = (Instant::now(), 0_u32);
        while steps == 0 || start.elapsed() < time {
            // Few enough steps to end on time, and enough that reading the clock does not count.
            for _ in 0..if self.width < 32 { 16 } else { 1 } {
                self.trainer
                    .step(&mut self.network, samples)
                    .expect("the loss stays finite");
                steps += 1;
            }
        }
        self.nanoseconds
            .push(start.elapsed().as_nanos() as f64 / f64::from(steps));
    }

    /// Returns the median time over the rounds, per multiply-add.
    fn cost(&mut self) -> f64 {
        self.nanoseconds.sort_by(f64::total_cmp);
        let multiply_adds = 5 * self.width * self.width * BATCH;
        self.nanoseconds[self.nanoseconds.len() / 2] / multiply_adds as f64
    }
}

fn sweep<T: Element>(rounds: usize, time: Duration) {
    let mut widths: Vec<_> = (1..=256).map(Width::<T>::new).collect();
    // Widths alternate within a round, so that a disturbance affects one measurement of many widths rather than all
    // measurements of one width.
    for _ in 0..rounds {
        for width in &mut widths {
            width.run(time);
        }
    }
    let costs: Vec<_> = widths.iter_mut().map(Width::cost).collect();
    println!("width,ns_per_multiply_add");
    for (width, cost) in widths.iter().zip(&costs) {
        println!("{},{cost:.6}", width.width);
    }
    let neighbors = |width: usize| {
        let cost = |width: usize| costs[width.clamp(16, 256) - 1];
        cost(width / 16 * 16).max(cost(width.next_multiple_of(16)))
    };
    let ratio = |width: usize| costs[width - 1] / neighbors(width);
    // Below 16 there is no lower multiple to compare a width with.
    let worst = (16..=256)
        .max_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))
        .expect("the range is not empty");
    eprintln!(
        "highest cost relative to the neighboring multiples of 16: width {worst}, {:.2}",
        ratio(worst)
    );
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let (rounds, time) = if arguments.iter().any(|argument| argument == "--test") {
        (1, Duration::ZERO)
    } else {
        (9, Duration::from_millis(2))
    };
    if arguments.iter().any(|argument| argument == "f64") {
        sweep::<f64>(rounds, time);
    } else {
        sweep::<f32>(rounds, time);
    }
}
