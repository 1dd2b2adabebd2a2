//! Burn on its CPU backend Flex: `nn::Linear`, its autodiff and its optimizers.

use burn::module::{Module, Param};
use burn::nn::loss::{CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{DType, Device, Element, Int, Tensor, TensorData, activation};
use mlp_peers::{Engine, Number, Setup, serve};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    serve("Burn 0.22.0, Flex 0.22.1", |setup| match setup.dtype.as_str() {
        "f32" => build::<f32>(setup, DType::F32),
        _ => build::<f64>(setup, DType::F64),
    })
}

fn build<T: Element + Number>(setup: &Setup, dtype: DType) -> Result<Box<dyn Engine>, Box<dyn Error>> {
    let device = match setup.loss {
        Some(_) => Device::flex().autodiff(),
        None => Device::flex(),
    };
    let mut layers = Vec::new();
    for layer in setup.layers::<T>()? {
        let mut linear = LinearConfig::new(layer.inputs, layer.outputs).init(&device);
        let weights = TensorData::new(layer.weights, [layer.outputs, layer.inputs]);
        // Weights are n_in x n_out in Burn, in row order.
        let weights = Tensor::<2>::from_data(weights, (&Device::flex(), dtype))
            .transpose()
            .into_data();
        linear.weight = Param::from_tensor(Tensor::from_data(weights, (&device, dtype)));
        let bias = TensorData::new(layer.bias, [layer.outputs]);
        linear.bias = Some(Param::from_tensor(Tensor::from_data(bias, (&device, dtype))));
        layers.push(linear);
    }
    let outputs = setup.layers[setup.layers.len() - 1];
    let target = match setup.loss.as_deref() {
        None => Target::None,
        Some("softmax-ce") => {
            let classes = TensorData::new(setup.target::<i32>()?, [setup.batch]);
            Target::Classes(Tensor::from_data(classes, &device))
        }
        Some(_) => {
            let values = TensorData::new(setup.target::<T>()?, [setup.batch, outputs]);
            Target::Values(Tensor::from_data(values, (&device, dtype)))
        }
    };
    let input = TensorData::new(setup.input::<T>()?, [setup.batch, setup.layers[0]]);
    Ok(Box::new(Training {
        network: Some(Network { layers }),
        activation: setup.activation.clone(),
        half: setup.loss.as_deref() == Some("half-mse"),
        input: Tensor::from_data(input, (&device, dtype)),
        target,
        optimizer: match setup.optimizer.as_deref() {
            Some("adam") => AdamConfig::new().with_epsilon(1e-8).init(),
            _ => SgdConfig::new().init(),
        },
        rate: setup.learning_rate,
    }))
}

#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
}

enum Target {
    None,
    Classes(Tensor<1, Int>),
    Values(Tensor<2>),
}

struct Training {
    /// A step of the optimizer takes the network and returns it.
    network: Option<Network>,
    activation: String,
    half: bool,
    input: Tensor<2>,
    target: Target,
    optimizer: ModuleOptimizer,
    rate: f64,
}

impl Training {
    fn predict(&self) -> Tensor<2> {
        let layers = &self.network.as_ref().expect("it was given back").layers;
        let mut x = self.input.clone();
        for (i, layer) in layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < layers.len() {
                x = match self.activation.as_str() {
                    "relu" => activation::relu(x),
                    "leaky_relu" => activation::leaky_relu(x, 0.01),
                    "tanh" => activation::tanh(x),
                    "sigmoid" => activation::sigmoid(x),
                    _ => activation::gelu(x),
                };
            }
        }
        x
    }

    fn step(&mut self) -> Tensor<1> {
        let prediction = self.predict();
        let loss = match &self.target {
            Target::Classes(classes) => CrossEntropyLossConfig::new()
                .init(&prediction.device())
                .forward(prediction, classes.clone()),
            Target::Values(values) if self.half => {
                let factor = 0.5 / values.dims()[0] as f64;
                MseLoss::new().forward(prediction, values.clone(), Reduction::Sum) * factor
            }
            Target::Values(values) => MseLoss::new().forward(prediction, values.clone(), Reduction::Mean),
            Target::None => unreachable!("training has a target"),
        };
        let network = self.network.take().expect("it was given back");
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        self.network = Some(self.optimizer.step(self.rate, network, gradients));
        loss
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

impl Engine for Training {
    fn check(&mut self, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        if let Target::None = self.target {
            return Ok(numbers(self.predict()));
        }
        Ok((0..steps).flat_map(|_| numbers(self.step())).collect())
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            if let Target::None = self.target {
                black_box(self.predict());
            } else {
                black_box(self.step());
            }
        }
        Ok(start.elapsed())
    }
}
