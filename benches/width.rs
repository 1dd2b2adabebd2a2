//! Measures what a training step costs over the width of the layers, in three sweeps, each with the half squared error
//! and plain gradient descent:
//! - `square`: [w, w, w] on 32 samples with ReLU, for every width from 1 to 256;
//! - `sample`: [w, w] on a single sample, from 64 to 4,000: the weights outgrow one cache after the other;
//! - `output`: [w, 1] on 10,000 samples, for every width from 1 to 64.
//!
//! It prints comma-separated values. Run it with `cargo bench --bench width > width.csv`, or add `-- f64`. The last line
//! of each sweep, on standard error, names the width with the highest time relative to its neighbors' line, which is the
//! line between the nearest measured widths below and above it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its results")]

use mlp_core::activations::Relu;
use mlp_core::{GradientDescent, HalfMse, Mlp, Samples, Trainer};
use mlp_cpu::{Element, Matrix};
use std::time::{Duration, Instant};

/// Networks that differ in width only.
struct Sweep {
    name: &'static str,
    layers: fn(usize) -> Vec<usize>,
    samples: usize,
    widths: Vec<usize>,
}

fn sweeps() -> [Sweep; 3] {
    // About twelve widths in each doubling, and powers of two, at which columns compete for the sets of a cache.
    let mut wide: Vec<_> = (0..72).map(|i| (64.0 * (i as f64 / 12.0).exp2()) as usize).collect();
    wide.extend([1000, 2000, 4000]);
    wide.sort_unstable();
    [
        Sweep {
            name: "square",
            layers: |width| vec![width; 3],
            samples: 32,
            widths: (1..=256).collect(),
        },
        Sweep {
            name: "sample",
            layers: |width| vec![width; 2],
            samples: 1,
            widths: wide,
        },
        Sweep {
            name: "output",
            layers: |width| vec![width, 1],
            samples: 10_000,
            widths: (1..=64).collect(),
        },
    ]
}

impl Sweep {
    /// Returns the number of multiply-adds of a step: forward, gradients, and backward through all layers but the first.
    fn multiply_adds(&self, width: usize) -> f64 {
        let layers = (self.layers)(width);
        let weights: usize = layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        ((3 * weights - layers[0] * layers[1]) * self.samples) as f64
    }

    /// Returns the nanoseconds of a step, averaged over as many steps as fit into `time`, but at least one.
    fn run<T: Element>(&self, width: usize, time: Duration) -> f64 {
        let value = |i: usize, j: usize| T::from_f64(((3 * i + 7 * j) as f64).sin());
        let layers = (self.layers)(width);
        let mut network = Mlp::<Matrix<T>>::builder(&layers)
            .hidden(Relu)
            .seed(1)
            .build()
            .expect("the sizes are valid");
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1e-6).expect("the learning rate is valid"));
        let input = Matrix::from_fn(width, self.samples, value);
        let target = Matrix::from_fn(layers[layers.len() - 1], self.samples, |i, j| value(j, i));
        let samples = Samples::new(&input, &target).expect("there are as many targets as inputs");
        let mut step = || {
            trainer.step(&mut network, samples).expect("the loss stays finite");
        };
        // The first step allocates memory.
        step();
        let (start, mut steps) = (Instant::now(), 0_u32);
        while steps == 0 || start.elapsed() < time {
            // Few enough steps to end on time, and enough that reading the clock does not count.
            for _ in 0..if self.multiply_adds(width) < 1e5 { 16 } else { 1 } {
                step();
                steps += 1;
            }
        }
        start.elapsed().as_nanos() as f64 / f64::from(steps)
    }

    fn print<T: Element>(&self, rounds: usize, time: Duration) {
        let mut times = vec![Vec::new(); self.widths.len()];
        // Widths alternate within a round, so that a disturbance affects one measurement of many widths rather than all
        // measurements of one width.
        for _ in 0..rounds {
            for (times, &width) in times.iter_mut().zip(&self.widths) {
                times.push(self.run::<T>(width, time));
            }
        }
        let median = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let times: Vec<_> = times.into_iter().map(median).collect();
        for (&width, time) in self.widths.iter().zip(&times) {
            println!("{},{width},{:.6}", self.name, time / self.multiply_adds(width));
        }
        let line = |i: usize| {
            let [low, width, high] = [i - 1, i, i + 1].map(|i| self.widths[i] as f64);
            times[i - 1] + (times[i + 1] - times[i - 1]) * (width - low) / (high - low)
        };
        let worst = (1..times.len() - 1)
            .map(|i| (times[i] / line(i), self.widths[i]))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("a sweep has more than two widths");
        let (ratio, width) = worst;
        eprintln!(
            "{}: highest time relative to its neighbors' line: width {width}, {ratio:.2}",
            self.name
        );
    }
}

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let asked = |name: &str| arguments.iter().any(|argument| argument == name);
    let (rounds, time) = if asked("--test") {
        (1, Duration::ZERO)
    } else {
        (9, Duration::from_millis(2))
    };
    println!("sweep,width,ns_per_multiply_add");
    let sweeps = sweeps();
    let all = !sweeps.iter().any(|sweep| asked(sweep.name));
    for sweep in sweeps.iter().filter(|sweep| all || asked(sweep.name)) {
        if asked("f64") {
            sweep.print::<f64>(rounds, time);
        } else {
            sweep.print::<f32>(rounds, time);
        }
    }
}
