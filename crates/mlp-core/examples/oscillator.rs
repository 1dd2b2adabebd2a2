//! A differential equation solved by a network: the harmonic oscillator u'' = -u on [0, 2 pi] with u(0) = 0 and
//! u'(0) = 1. Its solution is the sine.
//!
//! ```sh
//! cargo run --release -p mlp-core --example oscillator
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{Lbfgs, Mlp, Optimizer, Scalar};
use mlp_cpu::Matrix;
use std::f64::consts::TAU;

/// u'' + u = 0.
#[derive(Debug)]
struct Oscillator;

impl Equation for Oscillator {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.ddu(0)[0] + at.u()[0]]
    }
}

/// u = 0 and u' = 1.
#[derive(Debug)]
struct Start;

impl Equation<2> for Start {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        [at.u()[0], at.du(0)[0] - T::one()]
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 20, 20, 1]).hidden(Tanh).seed(1).build()?;
    let interior = Term::new(Oscillator, Matrix::from_fn(1, 101, |_, i| TAU * i as f64 / 100.0));
    let start = Term::new(Start, Matrix::zeros(1, 1)).weight(10.0)?;
    let mut equations = Equations::new(&network, [interior, start]);
    let mut optimizer = Lbfgs::new(1.0)?.tolerances(1e-12, 1e-16)?;
    let begin = std::time::Instant::now();
    for step in 0..=1000 {
        let loss = optimizer.step(network.layers_mut(), &mut equations)?;
        if step % 100 == 0 {
            println!("Step {step} - Loss: {loss:.3e} {:?} max error {:.3e}", begin.elapsed(), error(&network));
        }
    }
    let error = error(&network);
    println!("largest error: {error:.1e}");
    assert!(error < 1e-4);
    Ok(())
}

fn error(network: &Mlp<Matrix<f64>>) -> f64 {
    let points = Matrix::from_fn(1, 1001, |_, i| TAU * i as f64 / 1000.0);
    let solution = network.predict(&points);
    (0..1001).map(|i| (solution[(0, i)] - points[(0, i)].sin()).abs()).fold(0.0, f64::max)
}
