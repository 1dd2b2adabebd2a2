//! Candle: `candle_nn::Linear`, its autograd and its optimizers.

use candle_core::{DType, Device, Result, Tensor, Var, WithDType};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW, SGD};
use candle_nn::{Linear, Module, loss};
use mlp_peers::{Engine, Number, Setup, serve};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    serve("Candle 0.11.1", |setup| match setup.dtype.as_str() {
        "f32" => build::<f32>(setup),
        _ => build::<f64>(setup),
    })
}

fn build<T: WithDType + Number>(setup: &Setup) -> std::result::Result<Box<dyn Engine>, Box<dyn Error>> {
    let (mut layers, mut parameters) = (Vec::new(), Vec::new());
    for layer in setup.layers::<T>()? {
        let weights = Var::from_vec(layer.weights, (layer.outputs, layer.inputs), &Device::Cpu)?;
        let bias = Var::from_vec(layer.bias, layer.outputs, &Device::Cpu)?;
        // Inference does not track gradients.
        let of = |variable: &Var| match setup.loss {
            Some(_) => variable.as_tensor().clone(),
            None => variable.as_detached_tensor(),
        };
        layers.push(Linear::new(of(&weights), Some(of(&bias))));
        parameters.extend([weights, bias]);
    }
    let outputs = setup.layers[setup.layers.len() - 1];
    let target = match setup.loss.as_deref() {
        None => None,
        Some("softmax-ce") => {
            let classes = setup.target::<i32>()?;
            Some(Tensor::from_vec(classes, setup.batch, &Device::Cpu)?.to_dtype(DType::U32)?)
        }
        Some(_) => Some(Tensor::from_vec(
            setup.target::<T>()?,
            (setup.batch, outputs),
            &Device::Cpu,
        )?),
    };
    let rate = setup.learning_rate;
    let optimizer = match setup.optimizer.as_deref() {
        Some("adam") => {
            let parameter = ParamsAdamW {
                lr: rate,
                weight_decay: 0.0,
                ..ParamsAdamW::default()
            };
            Update::Adam(AdamW::new(parameters, parameter)?)
        }
        _ => Update::GradientDescent(SGD::new(parameters, rate)?),
    };
    Ok(Box::new(Network {
        layers,
        activation: setup.activation.clone(),
        loss: setup.loss.clone(),
        input: Tensor::from_vec(setup.input::<T>()?, (setup.batch, setup.layers[0]), &Device::Cpu)?,
        target,
        optimizer,
    }))
}

enum Update {
    GradientDescent(SGD),
    Adam(AdamW),
}

struct Network {
    layers: Vec<Linear>,
    activation: String,
    loss: Option<String>,
    input: Tensor,
    target: Option<Tensor>,
    optimizer: Update,
}

impl Network {
    fn predict(&self) -> Result<Tensor> {
        let mut x = self.input.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x)?;
            if i + 1 < self.layers.len() {
                x = match self.activation.as_str() {
                    "relu" => x.relu()?,
                    "leaky_relu" => candle_nn::ops::leaky_relu(&x, 0.01)?,
                    "tanh" => x.tanh()?,
                    "sigmoid" => candle_nn::ops::sigmoid(&x)?,
                    _ => x.gelu_erf()?,
                };
            }
        }
        Ok(x)
    }

    fn step(&mut self) -> Result<Tensor> {
        let (prediction, target) = (self.predict()?, self.target.as_ref().expect("training has a target"));
        let loss = match self.loss.as_deref() {
            Some("softmax-ce") => loss::cross_entropy(&prediction, target)?,
            Some("mse") => loss::mse(&prediction, target)?,
            _ => {
                let factor = 0.5 / self.input.dims()[0] as f64;
                ((prediction - target)?.sqr()?.sum_all()? * factor)?
            }
        };
        match &mut self.optimizer {
            Update::GradientDescent(optimizer) => optimizer.backward_step(&loss)?,
            Update::Adam(optimizer) => optimizer.backward_step(&loss)?,
        }
        Ok(loss)
    }
}

impl Engine for Network {
    fn check(&mut self, steps: usize) -> std::result::Result<Vec<f64>, Box<dyn Error>> {
        if self.target.is_none() {
            return Ok(self.predict()?.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?);
        }
        let loss = |_| Ok(self.step()?.to_dtype(DType::F64)?.to_scalar()?);
        (0..steps).map(loss).collect()
    }

    fn run(&mut self, steps: usize) -> std::result::Result<Duration, Box<dyn Error>> {
        let start = Instant::now();
        for _ in 0..steps {
            black_box(if self.target.is_none() {
                self.predict()?
            } else {
                self.step()?
            });
        }
        Ok(start.elapsed())
    }
}
