//! Measures the memory of training [1024, 4096, 4096, 1024] on 512 samples in `f32` with plain gradient descent, and
//! compares it with the memory that the step needs. Also checks that 10,000 steps of a small network take no more
//! memory than the first ones.
//!
//! Run it with `cargo bench --bench memory`. It reads `/proc/self/status`; on other systems than Linux it says that
//! this file is missing.
#![allow(clippy::print_stdout, reason = "the output of the bench")]

use mlp_core::{GradientDescent, HalfSquaredError, Mlp, Relu, Samples, Trainer};
use mlp_cpu::Matrix;

/// Returns a line of the process's status in bytes: `VmHWM`, its largest memory so far, or `VmRSS`, its current memory.
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
        .expect("valid sizes");
    let value = |i: usize, j: usize| ((3 * i + 7 * j) as f32).sin();
    let input = Matrix::from_fn(network.inputs(), batch, value);
    let target = Matrix::from_fn(network.outputs(), batch, value);
    let samples = Samples::new(&input, &target).expect("as many targets as inputs");
    let mut trainer = Trainer::new(HalfSquaredError, GradientDescent::new(1e-6).expect("a learning rate"));
    for step in 0..steps {
        trainer.step(&mut network, samples).expect("the loss stays finite");
        after(step);
    }
}

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    if status("VmHWM").is_none() {
        println!("memory: this bench needs /proc/self/status, which this system does not have");
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
    // Allows some pages for the thread's stack and for reading the file itself.
    assert!(
        last <= first + (64 << 10),
        "the memory of the steps grows: {first} bytes, then {last} bytes"
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
        "{layers:?} x {batch}: {:.1} MB at most, {:.1} MB for parameters, gradients, activations and deltas: {ratio:.3}",
        peak as f64 / 1e6,
        needed as f64 / 1e6,
    );
    // The small network of a test is negligible beside the process itself.
    assert!(
        test || ratio <= 1.15,
        "a step takes more than 1.15 times the memory that it needs"
    );
}
