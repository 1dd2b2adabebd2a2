//! This project's crates: `Trainer::step` on prepared `Samples`, and `Mlp::predict_into` for inference. With the
//! argument `peak`, this measures the multiply-add peak instead.

use mlp_core::activations::Identity;
use mlp_core::{
    ActivationKind, Adam, Curvature, Dense, GradientDescent, HalfMse, InferenceWorkspace, Loss, Mlp, Mse, Optimizer,
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
    network: Mlp<Matrix<T>>,
    workspace: Workspace<Matrix<T>>,
    curvature: Curvature<Matrix<T>, L>,
    input: Matrix<T>,
    target: Matrix<T>,
    input_tangent: Matrix<T>,
    output_gradient: Matrix<T>,
    input_gradient: Matrix<T>,
    direction: Vec<Dense<Matrix<T>>>,
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
        let input = Matrix::from_vec(network.inputs(), samples, input);
        let reversed = |matrix: &Matrix<T>| {
            let (rows, columns) = matrix.shape();
            Matrix::from_fn(rows, columns, |i, j| matrix[(rows - 1 - i, j)])
        };
        let direction = network.layers().iter().map(|layer| Dense {
            weights: reversed(&layer.weights),
            bias: reversed(&layer.bias),
        });
        Ok(Self {
            operation: setup.optimizer.clone().unwrap_or_default(),
            workspace: Workspace::new(&network, samples)?,
            curvature: Curvature::new(loss),
            target: Matrix::from_vec(target.len() / samples, samples, target),
            input_tangent: Matrix::from_fn(network.inputs(), samples, |i, j| input[(i, samples - 1 - j)]),
            output_gradient: Matrix::from_fn(network.outputs(), samples, |_, _| T::from_f64(1.0 / samples as f64)),
            input_gradient: Matrix::zeros(network.inputs(), samples),
            direction: direction.collect(),
            input,
            network,
        })
    }

    /// Computes the derivative. Calls `each` with every array of the result.
    fn compute(&mut self, mut each: impl FnMut(MatrixRef<'_, T>)) -> Result<(), Box<dyn Error>> {
        let mut layers = |layers: &[Dense<Matrix<T>>]| {
            for layer in layers {
                each(layer.weights.view());
                each(layer.bias.view());
            }
        };
        let (network, workspace) = (&self.network, &mut self.workspace);
        match self.operation.as_str() {
            "jvp" => {
                network.forward(&self.input, workspace);
                each(network.pushforward(&self.input_tangent, workspace));
            }
            "vjp" => {
                network.forward(&self.input, workspace);
                network.pullback(&self.input, &self.output_gradient, workspace);
                network.input_gradient(workspace, &mut self.input_gradient);
                layers(workspace.gradient());
                each(self.input_gradient.view());
            }
            _ => {
                let samples = Samples::new(&self.input, &self.target)?;
                layers(
                    self.curvature
                        .hessian_vector_product(network, samples, &self.direction)?,
                );
            }
        }
        Ok(())
    }
}

impl<T: Element, L: Loss> Engine for Derivative<T, L> {
    fn check(&mut self, _: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        let mut sums = Vec::new();
        self.compute(|array| {
            let squares = array
                .iter_columns()
                .flatten()
                .map(|value| value.to_f64() * value.to_f64());
            sums.push(squares.sum());
        })?;
        Ok(sums)
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            self.compute(|array| {
                black_box(array);
            })?;
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
