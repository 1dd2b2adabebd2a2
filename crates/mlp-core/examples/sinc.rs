//! Curve fitting: sin(x) / x on [-10, 10] with 20 hidden neurons, by the damped Gauss-Newton method. This is what
//! `trainlm` does in MATLAB: a few hundred steps to an error that first-order methods never reach.
//!
//! ```sh
//! cargo run --release -p mlp-core --example sinc
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::{Adam, FitOptions, GaussNewton, Mlp, Mse, Optimizer, Samples, Trainer};
use mlp_cpu::Matrix;

const POINTS: usize = 200;

/// Returns the root of the mean squared error after training for `epochs`.
fn fit(optimizer: impl Optimizer<Matrix<f64>>, epochs: u64) -> Result<f64, Box<dyn std::error::Error>> {
    // The network sees x / 10, which is in [-1, 1].
    let input = Matrix::from_fn(1, POINTS, |_, j| 2.0 * j as f64 / (POINTS - 1) as f64 - 1.0);
    let target = Matrix::from_fn(1, POINTS, |_, j| {
        let x = 10.0 * input[(0, j)];
        x.sin() / x
    });
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 20, 1]).hidden(Tanh).seed(1).build()?;
    let mut trainer = Trainer::new(Mse, optimizer);
    let report = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(epochs))?;
    Ok(report.loss.sqrt())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let first_order = fit(Adam::new(0.01)?, 1000)?;
    let second_order = fit(GaussNewton::new(1.0)?, 100)?;
    println!("Adam, 1000 steps:        error {first_order:.1e}");
    println!("Gauss-Newton, 100 steps: error {second_order:.1e}");
    assert!(
        second_order < 1e-3 && second_order < first_order / 10.0,
        "expected an error below 1e-3 and a tenth of Adam's, got {second_order} and {first_order}"
    );
    Ok(())
}
