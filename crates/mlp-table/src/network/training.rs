//! The training of a network.

#[cfg(test)]
mod tests;

use super::front::FrontWorkspace;
use super::{Data, MEMORY, Network, Problem, clear};
use crate::Features;
use crate::recipe::{Settings, Start};
use crate::target::largest;
use mlp_core::backend::Tensor;
use mlp_core::{
    AdamW, Dense, Dropout, Factors, HyperParameterError, LossKind, Mse, NonFinite, Optimizer, Schedule,
    SoftmaxCrossEntropy, Workspace,
};
use mlp_cpu::{Element, Matrix, MatrixRef};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;
use std::ops::ControlFlow;
use std::slice;

/// Rows to learn from or to validate on.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) features: &'a Features,
    /// Standardized numbers or class indices, 1 x N.
    pub(crate) target: &'a Matrix<f32>,
}

/// What an epoch of training came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct EpochReport {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The number of epochs.
    pub epochs: usize,
    /// The mean loss of the training rows.
    pub loss: f64,
    /// 1 - accuracy of the validation rows, or the root of the mean squared error of their standardized target.
    pub validation: f64,
}

/// The loss or a parameter stopped being finite before an epoch was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Diverged;

/// The batch size of RealMLP and TabM.
const BATCH: usize = 256;

impl Network {
    /// Trains a network and returns the parameters of the epoch with the lowest validation error, of several the last.
    /// `observe` is called after each epoch and may end the training.
    ///
    /// Inside a task of [`Tensor::for_each`], it runs on a single thread. The bits are always the same.
    pub(crate) fn train(
        settings: &Settings,
        problem: &Problem,
        train: Rows<'_>,
        validation: Rows<'_>,
        seed: u64,
        observe: &mut dyn FnMut(&EpochReport) -> ControlFlow<()>,
    ) -> Result<Self, Diverged> {
        let (data, samples) = (Data::from(train.features), train.target.columns());
        let epochs = settings.epochs;
        let batch = BATCH.min(samples);
        // An incomplete last batch is left out.
        let steps = samples / batch;
        let network = Self::new(settings, problem, data, seed);
        let training = Training::new(network, settings, [batch, epochs * steps], seed);
        let mut training = training.expect("the numbers of a recipe are in their ranges");
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..samples).collect();
        let (mut best, mut lowest) = (Err(Diverged), f64::INFINITY);
        for epoch in 1..=epochs {
            order.shuffle(&mut random);
            let batches = order.chunks_exact(batch);
            let losses = batches.map(|rows| training.step(data, train.target.view(), rows));
            let Ok(loss) = losses.sum::<Result<f64, NonFinite>>() else {
                break;
            };
            let error = training.network.error(validation);
            if error <= lowest {
                (best, lowest) = (Ok(training.network.clone()), error);
            }
            let report = EpochReport {
                epoch,
                epochs,
                loss: loss / steps as f64,
                validation: error,
            };
            if observe(&report).is_break() {
                break;
            }
        }
        best.map(Self::folded)
    }

    /// Returns the share of wrong classes, or the root of the mean squared error.
    fn error(&self, rows: Rows<'_>) -> f64 {
        let predictions = self.predict(rows.features);
        let pairs = predictions.iter_columns().zip(rows.target.iter_columns());
        let errors = pairs.map(|(prediction, target)| match prediction {
            &[number] => f64::from(number - target[0]).powi(2),
            logits => f64::from(u8::from(largest(logits) != target[0] as usize)),
        });
        let mean = errors.sum::<f64>() / predictions.columns().max(1) as f64;
        if self.outputs == 1 { mean.sqrt() } else { mean }
    }
}

/// A network in training.
pub(super) struct Training<T: Element> {
    pub(super) network: Network<T>,
    settings: Settings,
    loss: LossKind,
    rates: Schedule,
    decays: Schedule,
    /// Unless nothing is dropped.
    dropout: Option<Dropout>,
    /// One for each part of the network.
    optimizers: Vec<AdamW<Matrix<T>>>,
    step: u64,
    buffers: Buffers<T>,
}

struct Buffers<T: Element> {
    front: FrontWorkspace<T>,
    /// The pass of all members, with a block of columns for each.
    trunk: Workspace<Matrix<T>>,
    /// The inputs of the trunk, and the gradients with respect to them and to the scaling.
    scaled: Matrix<T>,
    scaled_gradient: Matrix<T>,
    scaling: Dense<Matrix<T>>,
    target: Matrix<T>,
    /// What each member keeps of the outputs, and the gradients with respect to that and to all outputs.
    prediction: Matrix<T>,
    prediction_gradient: Matrix<T>,
    output_gradient: Matrix<T>,
}

impl<T: Element> Training<T> {
    /// Prepares the training of a new network, with a batch size and a number of steps.
    ///
    /// # Errors
    /// If a number of the settings is not in its range.
    pub(super) fn new(
        network: Network<T>,
        settings: &Settings,
        [batch, steps]: [usize; 2],
        seed: u64,
    ) -> Result<Self, HyperParameterError> {
        let decays = Schedule::flat_cosine(steps as u64)?;
        let dropout = Dropout::new(settings.dropout, seed)?.schedule(decays.clone());
        let smoothed = SoftmaxCrossEntropy::for_classes().smoothing(settings.smoothing)?;
        let is_class = network.outputs > 1;
        let optimizer = |rates: Vec<Rate>| {
            let factors = |of: fn(&Rate) -> (f64, f64)| -> Vec<Factors> {
                let factors = rates.iter().map(of);
                factors.map(|(weights, bias)| Factors { weights, bias }).collect()
            };
            AdamW::new(settings.learning_rate)?
                .betas(0.9, settings.beta2)?
                .learning_rate_factors(&factors(|rate| (rate.weights * rate.unit, rate.bias)))?
                // pytabkit multiplies the decay by the factor of the learning rate twice.
                .weight_decay_factors(&factors(|rate| (rate.weights / rate.unit, 0.0)))?
                .epsilon_factors(&factors(|rate| (1.0 / rate.unit, 1.0)))
        };
        let optimizers = rates_of(&network, settings.start).into_iter().map(optimizer);
        Ok(Self {
            loss: if is_class { smoothed.into() } else { Mse.into() },
            rates: match settings.start {
                Start::Gain => Schedule::constant(),
                Start::Normal | Start::Data => Schedule::cosine_log(4, steps as u64)?,
            },
            decays,
            dropout: (settings.dropout > 0.0).then_some(dropout),
            optimizers: optimizers.collect::<Result<_, _>>()?,
            step: 0,
            buffers: Buffers::new(&network, batch),
            settings: settings.clone(),
            network,
        })
    }

    /// Takes a step with the given rows, as many as the batch size. Returns the loss.
    pub(super) fn step(
        &mut self,
        data: Data<'_, T>,
        target: MatrixRef<'_, T>,
        rows: &[usize],
    ) -> Result<f64, NonFinite> {
        const RANGE: &str = "a schedule is never negative";
        Matrix::<T>::with_float_environment(|| {
            let loss = self.evaluate(data, target, rows);
            let learning_rate = self.settings.learning_rate * self.rates.factor(self.step);
            let weight_decay = self.settings.weight_decay * self.decays.factor(self.step);
            let parts = parts(&mut self.network, &mut self.buffers);
            for (optimizer, (layers, gradient)) in self.optimizers.iter_mut().zip(parts) {
                optimizer.set_learning_rate(learning_rate).expect(RANGE);
                optimizer.set_weight_decay(weight_decay).expect(RANGE);
                optimizer.update(layers, gradient)?;
            }
            self.step += 1;
            Ok(loss)
        })
    }

    /// Computes the mean of the members' losses, and its gradient.
    fn evaluate(&mut self, data: Data<'_, T>, target: MatrixRef<'_, T>, rows: &[usize]) -> f64 {
        let (network, buffers, batch) = (&self.network, &mut self.buffers, rows.len());
        let pass = &mut buffers.trunk;
        network.front.forward(data, rows, &mut buffers.front);
        let input = network.scale(buffers.front.output.view(), &mut buffers.scaled);
        match &self.dropout {
            Some(dropout) => network.trunk.forward_with_dropout(input, dropout, self.step, pass),
            None => network.trunk.forward(input, pass),
        }
        for (column, outputs) in pass.prediction().iter_columns().enumerate() {
            let own = &outputs[network.own(column / batch)];
            buffers.prediction.column_mut(column).copy_from_slice(own);
        }
        for member in 0..network.members() {
            buffers.target.gather(member * batch, target, rows);
        }
        let samples = buffers.target.columns() as f64;
        let (prediction, target) = (buffers.prediction.view(), buffers.target.view());
        let scale = T::from_f64(1.0 / samples);
        let gradient = &mut buffers.prediction_gradient;
        let loss = gradient.loss(&self.loss, prediction, target, None, scale).to_f64();
        for (column, gradient) in gradient.iter_columns().enumerate() {
            let all = buffers.output_gradient.column_mut(column);
            all[network.own(column / batch)].copy_from_slice(gradient);
        }
        network.trunk.pullback(input, &buffers.output_gradient, pass);
        network.trunk.input_gradient(pass, &mut buffers.scaled_gradient);
        buffers.descale(network);
        network.front.backward(data, rows, &mut buffers.front);
        loss / samples
    }
}

/// The parameters of a part of a network, or their gradient.
type Part<'a, T> = &'a mut [Dense<Matrix<T>>];

/// Returns the parameters of each part of the network, and their gradient.
fn parts<'a, T: Element>(
    network: &'a mut Network<T>,
    buffers: &'a mut Buffers<T>,
) -> impl Iterator<Item = (Part<'a, T>, Part<'a, T>)> {
    let passes = network.front.periodic.iter_mut().zip(&mut buffers.front.passes);
    let periodic = passes.map(|(network, pass)| (network.layers_mut(), pass.gradient_mut()));
    let parts: [(Part<'a, T>, Part<'a, T>); 3] = [
        (&mut network.front.tables, &mut buffers.front.tables),
        (network.scaling.as_mut_slice(), slice::from_mut(&mut buffers.scaling)),
        (network.trunk.layers_mut(), buffers.trunk.gradient_mut()),
    ];
    parts.into_iter().chain(periodic)
}

impl<T: Element> Buffers<T> {
    fn new(network: &Network<T>, batch: usize) -> Self {
        let (inputs, columns) = (network.trunk.inputs(), network.members() * batch);
        let [scaled, output] = [inputs, network.outputs].map(|rows| Matrix::zeros(rows, columns));
        Self {
            front: FrontWorkspace::new(&network.front, batch),
            trunk: Workspace::new(&network.trunk, columns).expect(MEMORY),
            scaled_gradient: scaled.clone(),
            scaled,
            scaling: Dense::zeros(network.members(), inputs),
            target: Matrix::zeros(1, columns),
            prediction_gradient: output.clone(),
            prediction: output,
            output_gradient: Matrix::zeros(network.trunk.outputs(), columns),
        }
    }

    /// Computes the gradients of the scaling and of the outputs of the front, which are sums over the samples and over
    /// the members.
    fn descale(&mut self, network: &Network<T>) {
        let scaling = network.scaling.as_ref().expect("a network in training has a scaling");
        clear(&mut self.scaling.weights);
        clear(&mut self.front.gradient);
        let batch = self.front.gradient.columns();
        for (column, gradient) in self.scaled_gradient.iter_columns().enumerate() {
            let (member, j) = (column / batch, column % batch);
            let sums = self.scaling.weights.column_mut(member).iter_mut();
            let sums = sums.zip(self.front.gradient.column_mut(j));
            let factors = scaling.weights.column(member).iter().zip(self.front.output.column(j));
            for (((of_scaling, of_front), (&s, &x)), &g) in sums.zip(factors).zip(gradient) {
                *of_scaling += g * x;
                *of_front += g * s;
            }
        }
    }
}

/// The learning rates of a layer, in units of the recipe's. Its weights are W = `unit` V, and take the steps of V.
struct Rate {
    weights: f64,
    bias: f64,
    unit: f64,
}

/// Returns the learning rates of the layers of each part, in the order of [`parts`].
fn rates_of<T: Element>(network: &Network<T>, start: Start) -> Vec<Vec<Rate>> {
    let rate = |weights, bias, unit| Rate { weights, bias, unit };
    let front = &network.front;
    let (scaling, bias, ntk) = match start {
        Start::Gain => (0.0, 1.0, 0.0),
        // The factors of RealMLP.
        Start::Normal | Start::Data => (6.0, 0.1, -0.5),
    };
    let trunk = network.trunk.layers().iter();
    let trunk = trunk.map(|layer| rate(1.0, bias, (layer.inputs() as f64).powf(ntk)));
    let tables = front.tables.iter().map(|_| rate(1.0, 0.0, 1.0));
    // RealMLP trains w in cos(2 pi w x + b).
    let embedding = |_| vec![rate(0.1, 0.1, TAU), rate(0.1, 0.1, 1.0)];
    let periodic = front.periodic.iter().map(embedding);
    let parts = [tables.collect(), vec![rate(scaling, 0.0, 1.0)], trunk.collect()];
    parts.into_iter().chain(periodic).collect()
}
