//! Measures how much memory training takes. It compares the peak for [1024, 4096, 4096, 1024] on 512 samples in `f32`,
//! with plain gradient descent, with what the step must hold. It also checks that 10,000 steps of a small network take
//! no more memory than the first steps.
//!
//! Run it with `cargo bench --bench memory`. It reads `/proc/self/status`, and prints a message on systems that do not
//! have it (any but Linux).
#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use mlp_core::activations::Relu;
use mlp_core::{GradientDescent, HalfMse, Mlp, Samples, Trainer};
use mlp_cpu::Matrix;

/// Returns a line of the process's status, in bytes: `VmHWM` is the peak memory, and `VmRSS` the current memory.
fn status(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024 * kilobytes)
}

fn train(layers: &[usize], batch: usize, steps: usize, mut after: impl FnMut(usize)) {
    let mut network = Mlp::<Matrix<f32>>::builder(layers)
        .hidden(Relu)
        .seed(1)
        .build()
        .expect("the sizes are valid");
    let value = |i: usize, j: usize| ((3 * i + 7 * j) as f32).sin();
    let input = Matrix::from_fn(network.inputs(), batch, value);
    let target = Matrix::from_fn(network.outputs(), batch, value);
    let samples = Samples::new(&input, &target).expect("there are as many targets as inputs");
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1e-6).expect("the learning rate is valid"));
    for step in 0..steps {
        trainer.step(&mut network, samples).expect("the loss stays finite");
        after(step);
    }
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    if status("VmHWM").is_none() {
        println!("memory: nothing is measured, because this system has no /proc/self/status");
        return;
    }

    let (mut first, mut last) = (0, 0);
    let steps = if test { 100 } else { 10_000 };
    train(&[13, 64, 64, 1], 32, steps, |step| {
        if step == 9 {
            first = status("VmRSS").unwrap_or_default();
        }
        if step == steps - 1 {
            last = status("VmRSS").unwrap_or_default();
        }
    });
    println!(
        "[13, 64, 64, 1] x 32: {} KiB after 10 steps, {} KiB after {steps}",
        first / 1024,
        last / 1024
    );
    // The tolerance of 64 KiB is for the thread's stack and for reading the status file.
    assert!(
        last <= first + (64 << 10),
        "memory grows with the number of steps: {first} bytes after 10, {last} bytes after {steps}"
    );

    let (layers, batch): (&[usize], usize) = if test {
        (&[64, 1024, 64], 64)
    } else {
        (&[1024, 4096, 4096, 1024], 512)
    };
    train(layers, batch, 3, |_| {});
    let parameters: usize = layers.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum();
    let neurons: usize = layers[1..].iter().sum();
    let needed = 4 * (2 * parameters + 2 * neurons * batch) as u64;
    let peak = status("VmHWM").unwrap_or_default();
    let ratio = peak as f64 / needed as f64;
    println!(
        "{layers:?} x {batch}: peak {:.1} MB, {:.1} MB for parameters, gradients, activations, deltas: ratio {ratio:.3}",
        peak as f64 / 1e6,
        needed as f64 / 1e6,
    );
    // The small network of a test takes little memory compared with the process itself.
    assert!(
        test || ratio <= 1.15,
        "a step takes {ratio:.3} times the memory that it must hold, more than 1.15 times"
    );
}
