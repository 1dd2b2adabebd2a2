//! Measures the time of a multiply-add at every width from 1 to 256: a training step of [w, w, w] on 32 samples, ReLU,
//! half squared error, plain gradient descent. The output is comma-separated values.
//!
//! Run it with `cargo bench --bench width > width.csv`, or `-- f64`. The last line, on standard error, names the
//! width that costs most relative to the more expensive of its two neighboring multiples of 16.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the output of the bench")]

use mlp_core::{GradientDescent, HalfSquaredError, Mlp, Relu, Samples, Trainer};
use mlp_cpu::{Element, Matrix};
use std::time::{Duration, Instant};

const BATCH: usize = 32;

/// One width: a network, and the time of its step in each round.
struct Width<T: Element> {
    width: usize,
    network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, HalfSquaredError, GradientDescent>,
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
                .expect("valid sizes"),
            trainer: Trainer::new(HalfSquaredError, GradientDescent::new(1e-6).expect("a learning rate")),
            input: Matrix::from_fn(width, BATCH, value),
            target: Matrix::from_fn(width, BATCH, |i, j| value(j, i)),
            nanoseconds: Vec::new(),
        }
    }

    /// Runs as many steps as take `time`, but at least one.
    fn run(&mut self, time: Duration) {
        let samples = Samples::new(&self.input, &self.target).expect("as many targets as inputs");
        let (start, mut steps) = (Instant::now(), 0_u32);
        while steps == 0 || start.elapsed() < time {
            // Few enough steps not to miss the end, and enough for the cost of the clock not to matter.
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

    /// Returns the median over the rounds, per multiply-add.
    fn cost(&mut self) -> f64 {
        self.nanoseconds.sort_by(f64::total_cmp);
        let multiply_adds = 5 * self.width * self.width * BATCH;
        self.nanoseconds[self.nanoseconds.len() / 2] / multiply_adds as f64
    }
}

fn sweep<T: Element>(rounds: usize, time: Duration) {
    let mut widths: Vec<_> = (1..=256).map(Width::<T>::new).collect();
    // Rounds go over all widths, so that a disturbance affects one measurement of many widths, not all of one width.
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
    // Below 16 there is no lower multiple with which a width could be compared.
    let worst = (16..=256)
        .max_by(|&a, &b| ratio(a).total_cmp(&ratio(b)))
        .expect("some width");
    eprintln!(
        "largest cost relative to the neighboring multiples of 16: width {worst}, {:.2}",
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
