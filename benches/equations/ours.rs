//! This project's side of `equations.py`, which describes the messages. For each line of JSON, it trains a network until
//! it solves the equation, and prints the time and the number of steps.
#![expect(clippy::print_stdout, reason = "the answers go to standard output")]

use mlp_core::activations::{Identity, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{ActivationKind, Adam, Dense, GaussNewton, Lbfgs, Mlp, Optimizer, Scalar};
use mlp_cpu::{Element, Matrix};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::stdin;
use std::time::Instant;

#[derive(Deserialize)]
struct Job {
    problem: String,
    dtype: String,
    optimizer: String,
    learning_rate: f64,
    /// Weights, column after column, and biases of each layer.
    parameters: Vec<(Vec<f64>, Vec<f64>)>,
    interior: Vec<Vec<f64>>,
    edge: Vec<Vec<f64>>,
    /// What the solution is at the edge.
    values: Vec<Vec<f64>>,
    edge_weight: f64,
    /// Where the error is measured, and the solution there.
    grid: Vec<Vec<f64>>,
    solution: Vec<f64>,
    tolerance: f64,
    chunk: usize,
    steps: usize,
}

#[derive(Serialize)]
struct Answer {
    seconds: f64,
    steps: usize,
    error: f64,
}

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

/// u and u' have given values.
#[derive(Debug)]
struct Start;

impl Equation<2> for Start {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        [at.u()[0] - at.target()[0], at.du(0)[0] - at.target()[1]]
    }
}

/// u_t = u_xx / 10.
#[derive(Debug)]
struct Heat;

impl Equation for Heat {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0), Direction::axis(1).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.du(0)[0] - T::from_f64(0.1) * at.ddu(1)[0]]
    }
}

/// u has given values.
#[derive(Debug)]
struct Value;

impl Equation for Value {
    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        [at.u()[0] - at.target()[0]]
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let answer = if job.dtype == "float64" {
            job.run::<f64>()?
        } else {
            job.run::<f32>()?
        };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}

fn matrix<T: Element>(columns: &[Vec<f64>]) -> Matrix<T> {
    Matrix::from_fn(columns[0].len(), columns.len(), |i, j| T::from_f64(columns[j][i]))
}

impl Job {
    fn run<T: Element>(&self) -> Result<Answer, Box<dyn Error>> {
        let mut inputs = self.interior[0].len();
        let mut layers = Vec::new();
        for (number, (weights, bias)) in self.parameters.iter().enumerate() {
            let mut layer = Dense::<Matrix<T>>::zeros(inputs, bias.len());
            inputs = bias.len();
            layer
                .weights
                .write(&weights.iter().copied().map(T::from_f64).collect::<Vec<_>>());
            layer
                .bias
                .write(&bias.iter().copied().map(T::from_f64).collect::<Vec<_>>());
            let last = number + 1 == self.parameters.len();
            let kind: ActivationKind = if last { Identity.into() } else { Tanh.into() };
            layers.push((layer, kind));
        }
        let mut network = Mlp::from_layers(layers)?;

        let (interior, edge, values) = (matrix(&self.interior), matrix(&self.edge), matrix::<T>(&self.values));
        let [interior, edge] = match self.problem.as_str() {
            "oscillator" => [Term::new(Oscillator, interior), Term::new(Start, edge)],
            _ => [Term::new(Heat, interior), Term::new(Value, edge)],
        };
        let edge = edge.targets(&values).weight(self.edge_weight)?;
        let mut equations = Equations::new(&network, [interior, edge]);
        let mut optimizer: Box<dyn Optimizer<Matrix<T>>> = match self.optimizer.as_str() {
            "adam" => Box::new(Adam::new(self.learning_rate)?),
            "gauss_newton" => Box::new(GaussNewton::new(self.learning_rate)?),
            _ => Box::new(Lbfgs::new(self.learning_rate)?.tolerances(0.0, 0.0)?),
        };

        let grid = matrix::<T>(&self.grid);
        let mut answer = Answer {
            seconds: 0.0,
            steps: 0,
            error: f64::INFINITY,
        };
        while answer.error > self.tolerance && answer.steps < self.steps {
            let start = Instant::now();
            for _ in 0..self.chunk {
                optimizer.step(network.layers_mut(), &mut equations)?;
            }
            answer.seconds += start.elapsed().as_secs_f64();
            answer.steps += self.chunk;
            let found = network.predict(&grid);
            let errors = self
                .solution
                .iter()
                .enumerate()
                .map(|(i, u)| (found[(0, i)].to_f64() - u).abs());
            answer.error = errors.fold(0.0, f64::max);
        }
        Ok(answer)
    }
}
