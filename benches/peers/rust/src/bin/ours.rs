//! This project's crates: `Trainer::step` on prepared `Samples`, and `Mlp::predict_into` for inference. With the
//! argument `peak`, this measures the multiply-add peak instead.

use mlp_core::activations::Identity;
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, Adam, Dense, DualTensor, GradientDescent, HalfMse, InferenceWorkspace, Loss, Mlp, Mse, Optimizer,
    Samples, SoftmaxCrossEntropy, Trainer, Workspace,
};
use mlp_cpu::{Element, Matrix, MatrixRef};
use mlp_peers::peak::Peak;
use mlp_peers::{Engine, Number, Setup, serve};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("peak") {
        return serve(Peak::instructions(), |setup| Ok(Box::new(Peak::new(setup))));
    }
    serve(concat!("mlp ", env!("CARGO_PKG_VERSION")), |setup| {
        match setup.dtype.as_str() {
            "f32" => build::<f32>(setup),
            _ => build::<f64>(setup),
        }
    })
}

fn build<T: Element + Number>(setup: &Setup) -> Result<Box<dyn Engine>, Box<dyn Error>> {
    let hidden: ActivationKind = setup.activation.parse()?;
    let last = setup.layers.len() - 2;
    let layers = setup.layers::<T>()?.into_iter().enumerate().map(|(i, layer)| {
        let dense = Dense {
            weights: Matrix::from_fn(layer.outputs, layer.inputs, |i, j| layer.weights[i * layer.inputs + j]),
            bias: Matrix::from_vec(layer.outputs, 1, layer.bias),
        };
        (dense, if i == last { Identity.into() } else { hidden.clone() })
    });
    let network = Mlp::from_layers(layers.collect())?;
    let input = setup.input()?;
    let samples = setup.batch;
    let Some(loss) = &setup.loss else {
        return Ok(Box::new(Inference {
            workspace: InferenceWorkspace::new(&network, samples),
            output: Matrix::zeros(network.outputs(), samples),
            network,
            input,
            samples,
        }));
    };
    match loss.as_str() {
        "softmax-ce" => {
            let target: Vec<i32> = setup.target()?;
            let target = target.into_iter().map(|class| T::from_f64(class.into())).collect();
            with_optimizer(SoftmaxCrossEntropy::for_classes(), network, input, target, setup)
        }
        "mse" => with_optimizer(Mse, network, input, setup.target()?, setup),
        _ => with_optimizer(HalfMse, network, input, setup.target()?, setup),
    }
}

fn with_optimizer<T: Element>(
    loss: impl Loss,
    network: Mlp<Matrix<T>>,
    input: Vec<T>,
    target: Vec<T>,
    setup: &Setup,
) -> Result<Box<dyn Engine>, Box<dyn Error>> {
    let (rate, samples) = (setup.learning_rate, setup.batch);
    if matches!(setup.optimizer.as_deref(), Some("jvp" | "vjp" | "hvp")) {
        return Ok(Box::new(Derivative::new(loss, network, input, target, setup)?));
    }
    Ok(if setup.optimizer.as_deref() == Some("adam") {
        let trainer = Trainer::new(loss, Adam::new(rate)?);
        Box::new(Training {
            trainer,
            network,
            input,
            target,
            samples,
        })
    } else {
        let trainer = Trainer::new(loss, GradientDescent::new(rate)?);
        Box::new(Training {
            trainer,
            network,
            input,
            target,
            samples,
        })
    })
}

/// An operation of `DERIVATIVES` in compare.py.
struct Derivative<T: Element, L> {
    operation: String,
    loss: L,
    network: Mlp<Matrix<T>>,
    workspace: Workspace<Matrix<T>>,
    input: Matrix<T>,
    output_gradient: Matrix<T>,
    input_gradient: Matrix<T>,
    /// The network with itself as its tangent, and what belongs to it.
    lifted: Mlp<DualTensor<Matrix<T>>>,
    lifted_workspace: Workspace<DualTensor<Matrix<T>>>,
    lifted_input: DualTensor<Matrix<T>>,
    lifted_target: DualTensor<Matrix<T>>,
}

impl<T: Element, L: Loss> Derivative<T, L> {
    fn new(
        loss: L,
        network: Mlp<Matrix<T>>,
        input: Vec<T>,
        target: Vec<T>,
        setup: &Setup,
    ) -> Result<Self, Box<dyn Error>> {
        let samples = setup.batch;
        let mut lifted = network.clone().lift();
        for (lifted, layer) in lifted.layers_mut().iter_mut().zip(network.layers()) {
            lifted.weights.tangent_mut().clone_from(&layer.weights);
            lifted.bias.tangent_mut().clone_from(&layer.bias);
        }
        let input = Matrix::from_vec(network.inputs(), samples, input);
        Ok(Self {
            operation: setup.optimizer.clone().unwrap_or_default(),
            loss,
            workspace: Workspace::new(&network, samples)?,
            lifted_workspace: Workspace::new(&lifted, samples)?,
            lifted,
            lifted_input: DualTensor::constant(input.clone()),
            lifted_target: DualTensor::constant(Matrix::from_vec(target.len() / samples, samples, target)),
            output_gradient: Matrix::from_fn(network.outputs(), samples, |_, _| T::from_f64(1.0 / samples as f64)),
            input_gradient: Matrix::zeros(network.inputs(), samples),
            input,
            network,
        })
    }

    fn compute(&mut self) {
        match self.operation.as_str() {
            "jvp" => {
                self.network.forward(&self.input, &mut self.workspace);
                black_box(self.network.pushforward(&self.input, &mut self.workspace));
            }
            "vjp" => {
                self.network.forward(&self.input, &mut self.workspace);
                self.network
                    .pullback(&self.input, &self.output_gradient, &mut self.workspace);
                self.network.input_gradient(&self.workspace, &mut self.input_gradient);
            }
            _ => {
                self.lifted.forward(&self.lifted_input, &mut self.lifted_workspace);
                self.lifted
                    .loss(&self.loss, &self.lifted_target, &mut self.lifted_workspace);
                self.lifted.backward(&mut self.lifted_workspace);
                self.lifted.gradient(&self.lifted_input, &mut self.lifted_workspace);
            }
        }
    }
}

impl<T: Element, L: Loss> Engine for Derivative<T, L> {
    fn check(&mut self, _: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        self.compute();
        let square = |matrix: &Matrix<T>| matrix.dot(matrix);
        let layers = |layers: &[Dense<Matrix<T>>]| -> Vec<f64> {
            layers
                .iter()
                .flat_map(|layer| [square(&layer.weights), square(&layer.bias)])
                .collect()
        };
        Ok(match self.operation.as_str() {
            "jvp" => {
                let dy = self.network.pushforward(&self.input, &mut self.workspace);
                vec![
                    dy.iter_columns()
                        .flatten()
                        .map(|value| value.to_f64() * value.to_f64())
                        .sum(),
                ]
            }
            "vjp" => {
                let mut values = layers(self.workspace.gradient());
                values.push(square(&self.input_gradient));
                values
            }
            _ => {
                let parts = self.lifted_workspace.gradient().iter();
                let parts = parts.flat_map(|layer| [&layer.weights, &layer.bias]);
                parts.map(|part| part.tangent().map_or(0.0, square)).collect()
            }
        })
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            self.compute();
        }
        Ok(start.elapsed())
    }
}

struct Training<T: Element, L, O> {
    trainer: Trainer<Matrix<T>, L, O>,
    network: Mlp<Matrix<T>>,
    input: Vec<T>,
    target: Vec<T>,
    samples: usize,
}

impl<T: Element, L: Loss, O: Optimizer<Matrix<T>>> Training<T, L, O> {
    /// Calls `each` with the loss of every step.
    fn steps(&mut self, steps: usize, mut each: impl FnMut(f64)) -> Result<Duration, Box<dyn Error>> {
        let input = MatrixRef::new(self.network.inputs(), self.samples, &self.input);
        let target = MatrixRef::new(self.target.len() / self.samples, self.samples, &self.target);
        let samples = Samples::new(input, target)?;
        let start = Instant::now();
        for _ in 0..steps {
            each(self.trainer.step(&mut self.network, samples)?);
        }
        Ok(start.elapsed())
    }
}

impl<T: Element, L: Loss, O: Optimizer<Matrix<T>>> Engine for Training<T, L, O> {
    fn check(&mut self, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        let mut losses = Vec::new();
        self.steps(steps, |loss| losses.push(loss))?;
        Ok(losses)
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        self.steps(steps, |loss| {
            black_box(loss);
        })
    }
}

struct Inference<T: Element> {
    network: Mlp<Matrix<T>>,
    workspace: InferenceWorkspace<Matrix<T>>,
    input: Vec<T>,
    output: Matrix<T>,
    samples: usize,
}

impl<T: Element> Engine for Inference<T> {
    fn check(&mut self, _: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        self.run(1)?;
        Ok(self.output.to_vec().into_iter().map(|value| value.to_f64()).collect())
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            let input = MatrixRef::new(self.network.inputs(), self.samples, black_box(&self.input));
            self.network.predict_into(input, &mut self.workspace, &mut self.output);
            black_box(&self.output);
        }
        Ok(start.elapsed())
    }
}
