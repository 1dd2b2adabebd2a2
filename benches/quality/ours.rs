//! This project's side of `quality.py`, which describes the messages. For each line of JSON, it trains a network as the
//! line says and prints a line with the network's outputs for the test part.
//!
//! Initial parameters are drawn in the same way as in scikit-learn: Glorot's uniform distribution applies to biases,
//! too.
#![expect(clippy::print_stdout, reason = "the answers go to standard output")]

use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, Adam, BinaryCrossEntropy, FitOptions, HalfMse, Initializer, Lbfgs, Loss, Mlp, Optimizer, Penalty,
    Samples, SoftmaxCrossEntropy, TrainError, Trainer,
};
use mlp_cpu::{Matrix, MatrixRef};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Instant;

/// A network to train, and its data. Data is stored sample after sample.
#[derive(Deserialize)]
struct Job {
    layers: Vec<usize>,
    activation: String,
    loss: String,
    solver: String,
    /// scikit-learn's alpha: alpha / (2 N) times the sum of the squares of the weights is added to the loss.
    alpha: f64,
    epochs: u64,
    /// Not used by L-BFGS.
    batch_size: usize,
    learning_rate: f64,
    epsilon: f64,
    /// Only used by L-BFGS, which stops when the largest entry of the gradient is at most this.
    tolerance: f64,
    /// The seed of the initial parameters and of the order of samples.
    seed: u64,
    /// Initial weights and biases that replace random ones, column after column. If they are given, samples are not
    /// shuffled.
    initial: Option<Vec<(Vec<f64>, Vec<f64>)>>,
    input: Vec<f64>,
    target: Vec<f64>,
    test_input: Vec<f64>,
}

#[derive(Serialize)]
struct Answer {
    /// The time from a job in memory to a trained network.
    seconds: f64,
    /// The outputs of the last layer for the test part, before softmax or sigmoid, sample after sample.
    outputs: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lock().lines() {
        let job: Job = serde_json::from_str(&line?)?;
        let answer = match job.loss.as_str() {
            "softmax_cross_entropy" => job.run(SoftmaxCrossEntropy::for_classes()),
            "binary_cross_entropy" => job.run(BinaryCrossEntropy),
            "half_squared_error" => job.run(HalfMse),
            other => Err(format!("unknown loss `{other}`").into()),
        };
        println!("{}", serde_json::to_string(&answer?)?);
    }
    Ok(())
}

impl Job {
    fn run(&self, loss: impl Loss) -> Result<Answer, Box<dyn Error>> {
        let start = Instant::now();
        let inputs = self.layers[0];
        let count = self.input.len() / inputs;
        let samples = Samples::new(
            MatrixRef::new(inputs, count, &self.input),
            MatrixRef::new(self.target.len() / count, count, &self.target),
        )?;
        let mut network = self.network()?;
        match self.solver.as_str() {
            "adam" => {
                let adam = Adam::new(self.learning_rate)?.epsilon(self.epsilon)?;
                let options = FitOptions::epochs(self.epochs).batch_size(self.batch_size);
                let options = match self.initial {
                    None => options.shuffle(self.seed),
                    Some(_) => options,
                };
                let penalty = Penalty::l2(self.alpha / self.batch_size as f64)?;
                let mut trainer = Trainer::new(loss, adam).penalty(penalty);
                trainer.fit(&mut network, samples, options)?;
            }
            "lbfgs" => {
                let optimizer = Lbfgs::new(1.0)?.tolerances(self.tolerance, 1e-9)?;
                let penalty = Penalty::l2(self.alpha / count as f64)?;
                self.descend(
                    &mut Trainer::new(loss, optimizer).penalty(penalty),
                    &mut network,
                    samples,
                )?;
            }
            other => return Err(format!("unknown solver `{other}`").into()),
        }
        let seconds = start.elapsed().as_secs_f64();
        let test = MatrixRef::new(inputs, self.test_input.len() / inputs, &self.test_input);
        let outputs = network.predict(test).to_vec();
        Ok(Answer { seconds, outputs })
    }

    /// Takes steps on the full batch until the loss no longer falls, by SciPy's rule.
    fn descend<L: Loss, O: Optimizer<Matrix<f64>>>(
        &self,
        trainer: &mut Trainer<Matrix<f64>, L, O>,
        network: &mut Mlp<Matrix<f64>>,
        samples: Samples<'_, Matrix<f64>>,
    ) -> Result<(), TrainError> {
        const LEAST: f64 = 1e7 * f64::EPSILON;
        let mut last = None;
        for _ in 0..self.epochs {
            let loss = trainer.step(network, samples)?;
            if last.is_some_and(|last: f64| last - loss <= LEAST * last.abs().max(loss.abs()).max(1.0)) {
                break;
            }
            last = Some(loss);
        }
        Ok(())
    }

    fn network(&self) -> Result<Mlp<Matrix<f64>>, Box<dyn Error>> {
        let mut network = Mlp::<Matrix<f64>>::builder(&self.layers)
            .hidden(self.activation.parse::<ActivationKind>()?)
            .initializer(Initializer::GlorotUniform)
            .seed(self.seed)
            .build()?;
        if let Some(initial) = &self.initial {
            for (layer, (weights, bias)) in network.layers_mut().iter_mut().zip(initial) {
                layer.weights.write(weights);
                layer.bias.write(bias);
            }
            return Ok(network);
        }
        // A different stream from that of the weights.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(!self.seed);
        for layer in network.layers_mut() {
            let bound = (6.0 / (layer.inputs() + layer.outputs()) as f64).sqrt();
            layer.bias = Matrix::from_fn(layer.outputs(), 1, |_, _| bound * (2.0 * rng.random::<f64>() - 1.0));
        }
        Ok(network)
    }
}
