//! The harmonic oscillator u'' = -u on [0, 2 pi] with u(0) = 0 and u'(0) = 1, solved by a network. The solution is the
//! sine.
//!
//! ```sh
//! cargo run --release -p mlp-core --example oscillator
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{GaussNewton, Mlp, Optimizer, Scalar, check_equation};
use mlp_cpu::Matrix;
use std::f64::consts::TAU;

/// u'' = -u.
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
    // In your own project, put this into a test.
    check_equation!(Oscillator, 1, 1);

    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 32, 32, 1])
        .hidden(Tanh)
        .seed(1)
        .build()?;
    let interior = Term::new(Oscillator, Matrix::from_fn(1, 201, |_, i| TAU * i as f64 / 200.0));
    let start = Term::new(Start, Matrix::zeros(1, 1)).weight(10.0)?;
    let mut equations = Equations::new(&network, [interior, start]);
    let mut optimizer = GaussNewton::new(1.0)?;
    for step in 0..2000 {
        let loss = optimizer.step(network.layers_mut(), &mut equations)?;
        if step % 100 == 0 {
            println!("Step {step} - Loss: {loss:.3e}");
        }
        if loss < 1e-9 {
            break;
        }
    }

    let error = |i| {
        let x = TAU * f64::from(i) / 1000.0;
        (network.predict_one(&[x])[0] - x.sin()).abs()
    };
    let largest = (0..=1000).map(error).fold(0.0, f64::max);
    println!("largest error: {largest:.1e}");
    assert!(largest < 1e-4, "expected an error below 1e-4, got {largest}");
    Ok(())
}
