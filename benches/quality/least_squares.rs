//! The engine of this project for `least_squares.py`: fits sinc from 20 starts and prints each start and its result.
#![allow(clippy::print_stdout, reason = "the output is read by a script")]

use mlp_core::activations::Tanh;
use mlp_core::{GaussNewton, Mlp, Mse, Samples, Trainer};
use mlp_cpu::Matrix;
use std::time::Instant;

const POINTS: usize = 200;

/// Prints a line for each seed: weights and bias of the hidden layer, weights and bias of the output layer, and after
/// the word `result` the mean squared error after the number of steps that the first argument gives, and the seconds.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    mlp_cpu::set_threads(std::num::NonZero::<usize>::MIN);
    let steps: u64 = std::env::args().nth(1).ok_or("expected the number of steps")?.parse()?;
    let input = Matrix::from_fn(1, POINTS, |_, j| 2.0 * j as f64 / (POINTS - 1) as f64 - 1.0);
    let target = Matrix::from_fn(1, POINTS, |_, j| {
        let x = 10.0 * input[(0, j)];
        x.sin() / x
    });
    for seed in 0..20 {
        let mut network = Mlp::<Matrix<f64>>::builder(&[1, 20, 1])
            .hidden(Tanh)
            .seed(seed)
            .build()?;
        for layer in network.layers() {
            for number in layer.weights.to_vec().iter().chain(&layer.bias.to_vec()) {
                print!("{number:e} ");
            }
        }
        let mut trainer = Trainer::new(Mse, GaussNewton::new(1.0)?);
        let start = Instant::now();
        let mut loss = f64::NAN;
        for _ in 0..steps {
            loss = trainer.step(&mut network, Samples::new(&input, &target)?)?;
        }
        println!("result {loss:e} {:e}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
