//! The heat equation u_t = k u_xx on [0, 1] x [0, 1], solved by a network of t and x. The rod starts as a sine wave and
//! its ends stay at 0, so the solution is u = e^(-k pi^2 t) sin(pi x).
//!
//! ```sh
//! cargo run --release -p mlp-core --example heat
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{GaussNewton, Mlp, Optimizer, Scalar};
use mlp_cpu::Matrix;
use std::f64::consts::PI;

const DIFFUSIVITY: f64 = 0.1;

/// u_t = k u_xx.
#[derive(Debug)]
struct Heat;

impl Equation for Heat {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0), Direction::axis(1).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        let (u_t, u_xx) = (at.du(0)[0], at.ddu(1)[0]);
        [u_t - T::from_f64(DIFFUSIVITY) * u_xx]
    }
}

/// u has the given value.
#[derive(Debug)]
struct Value;

impl Equation for Value {
    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.u()[0] - at.target()[0]]
    }
}

fn solution(t: f64, x: f64) -> f64 {
    (-DIFFUSIVITY * PI * PI * t).exp() * (PI * x).sin()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (side, part) = (21, |i: usize| i as f64 / 20.0);
    let interior = Matrix::from_fn(2, side * side, |row, i| {
        part(if row == 0 { i / side } else { i % side })
    });
    // The start t = 0, and the ends x = 0 and x = 1.
    let edge = Matrix::from_fn(2, 3 * side, |row, i| match (i / side, row) {
        (0, 0) => 0.0,
        (0, _) | (_, 0) => part(i % side),
        (end, _) => end as f64 - 1.0,
    });
    let values = Matrix::from_fn(1, 3 * side, |_, i| if i < side { solution(0.0, part(i)) } else { 0.0 });

    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 16, 16, 1])
        .hidden(Tanh)
        .seed(1)
        .build()?;
    let edge = Term::new(Value, edge).targets(&values).weight(10.0)?;
    let mut equations = Equations::new(&network, [Term::new(Heat, interior), edge]);
    let mut optimizer = GaussNewton::new(1.0)?;
    for step in 0..=30 {
        let loss = optimizer.step(network.layers_mut(), &mut equations)?;
        if step % 10 == 0 {
            println!("Step {step} - Loss: {loss:.3e}");
        }
    }

    let points = Matrix::from_fn(2, 41 * 41, |row, i| {
        (if row == 0 { i / 41 } else { i % 41 }) as f64 / 40.0
    });
    let found = network.predict(&points);
    let error = |i| (found[(0, i)] - solution(points[(0, i)], points[(1, i)])).abs();
    let largest = (0..41 * 41).map(error).fold(0.0, f64::max);
    println!("largest error: {largest:.1e}");
    assert!(largest < 1e-3, "expected an error below 1e-3, got {largest}");
    Ok(())
}
