//! A network for the features of a table: embeddings in front of a multi-layer perceptron.

mod front;
mod parts;
mod training;

pub(crate) use front::Front;
pub(crate) use parts::NetworkRecord;
pub use training::EpochReport;
pub(crate) use training::{Diverged, Rows};

use crate::Features;
use crate::recipe::{Settings, Start};
use front::{FrontWorkspace, normal, unbiased};
use mlp_core::backend::Tensor as _;
use mlp_core::{Dense, Initializer, Mlp, OutputTransform, Scalar};
use mlp_cpu::{Element, Matrix, MatrixRef};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::ops::Range;

/// What a network must know of its data besides the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// For each dense feature, whether it is a number, and not a word of a category or an indicator.
    pub(crate) numeric: Vec<bool>,
    /// The number of indices of each embedded column, with 0.
    pub(crate) embedded: Vec<usize>,
    /// The number of classes, or `None` for a number.
    pub(crate) classes: Option<usize>,
}

impl Problem {
    /// Returns the number of the network's outputs.
    fn outputs(&self) -> usize {
        self.classes.unwrap_or(1)
    }

    /// Returns the features that are numbers.
    fn numbers(&self) -> Vec<usize> {
        let is_number = |&feature: &usize| self.numeric[feature];
        (0..self.numeric.len()).filter(is_number).collect()
    }
}

/// The features of rows, as [`Features`], and in any precision.
#[derive(Clone, Copy)]
pub(crate) struct Data<'a, T> {
    pub(crate) features: MatrixRef<'a, T>,
    pub(crate) indices: &'a [Vec<u32>],
}

impl<'a> From<&'a Features> for Data<'a, f32> {
    fn from(features: &'a Features) -> Self {
        let indices = &features.indices;
        Data {
            features: (&features.dense).into(),
            indices,
        }
    }
}

/// A trained network: y = trunk(s * front(x)).
///
/// With k members, the scaling s has a column for each. The inputs of the trunk, s * front(x) of each member, are side by
/// side as k blocks of columns: one pass, with one product per layer, is that of all members. Their predictions are
/// averaged. A single member has no scaling: it is a part of the trunk's first layer.
///
/// The trunk has k times the outputs, the first ones for the first member, and each member keeps its own. For a number or
/// two classes, the last layer of `tabm` is then about a twentieth of all products, or less, and a product for each member
/// would have one or two rows. It outgrows the other layers at some forty classes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network<T: Element = f32> {
    pub(crate) front: Front<T>,
    /// s, inputs of the trunk x k. The bias is not used.
    pub(crate) scaling: Option<Dense<Matrix<T>>>,
    pub(crate) trunk: Mlp<Matrix<T>>,
    /// The outputs of a member.
    pub(crate) outputs: usize,
}

/// The most columns that pass through the trunk at a time in a prediction.
const CHUNK: usize = 1024;
/// The most columns that initial parameters depend on.
const INITIAL: usize = 4096;

impl<T: Element> Network<T> {
    /// Draws the initial parameters, which may depend on the features of the training rows.
    fn new(settings: &Settings, problem: &Problem, data: Data<'_, T>, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let members = settings.members;
        let front = Front::new(problem, settings.periodic, &mut random);
        let scaling = if members == 1 {
            Matrix::from_fn(front.outputs(), 1, |_, _| T::one())
        } else {
            // TabM draws a number for each member and column of the table.
            let columns = front.features + front.tables.len();
            let numbers: Matrix<T> = normal((columns, members), 1.0, &mut random);
            let sources: Vec<usize> = front.sources().collect();
            Matrix::from_fn(front.outputs(), members, |i, member| numbers[(sources[i], member)])
        };
        let outputs = problem.outputs();
        let sizes = [&[front.outputs()], &settings.hidden[..], &[members * outputs]].concat();
        let initializer = match settings.start {
            Start::Gain => Initializer::MeanSquareGain,
            Start::Normal | Start::Data => Initializer::LecunNormal,
        };
        let builder = Mlp::builder(&sizes)
            .hidden(settings.activation.clone())
            .initializer(initializer)
            .seed(random.random());
        let mut network = Self {
            trunk: builder.build().expect("no layer is empty, and there is memory"),
            front,
            scaling: Some(unbiased(scaling)),
            outputs,
        };
        match settings.start {
            Start::Gain => (),
            Start::Normal => {
                let layers = network.trunk.layers_mut();
                let (last, hidden) = layers.split_last_mut().expect("a network has a layer");
                *last = last.zeros_like();
                for layer in hidden {
                    layer.bias = normal(layer.bias.shape(), 1.0, &mut random);
                }
            }
            Start::Data => {
                let mut rows: Vec<usize> = (0..data.features.columns()).collect();
                rows.shuffle(&mut random);
                rows.truncate(INITIAL / members);
                let mut workspace = FrontWorkspace::new(&network.front, rows.len());
                network.front.forward(data, &rows, &mut workspace);
                let mut scaled = Matrix::zeros(network.trunk.inputs(), members * rows.len());
                network.scale(workspace.output.view(), &mut scaled);
                network.trunk.initialize_from_data(&scaled, random.random());
            }
        }
        network
    }

    /// Returns the number of members.
    pub(crate) fn members(&self) -> usize {
        self.trunk.outputs() / self.outputs
    }

    /// Returns the outputs of the trunk that belong to a member.
    fn own(&self, member: usize) -> Range<usize> {
        member * self.outputs..(member + 1) * self.outputs
    }

    /// Returns the inputs of the trunk, s * `input` of each member. They are in `scaled`, unless there is no scaling.
    fn scale<'a>(&self, input: MatrixRef<'a, T>, scaled: &'a mut Matrix<T>) -> MatrixRef<'a, T> {
        let Some(scaling) = &self.scaling else {
            return input;
        };
        let samples = input.columns();
        for (member, factors) in scaling.weights.iter_columns().enumerate() {
            for (j, input) in input.iter_columns().enumerate() {
                let scaled = scaled.column_mut(member * samples + j);
                for ((scaled, &s), &x) in scaled.iter_mut().zip(factors).zip(input) {
                    *scaled = s * x;
                }
            }
        }
        scaled.view().slice(0..self.members() * samples)
    }

    /// Makes the scaling of a single member a part of the first layer: W (s * x) = (W diag(s)) x.
    fn folded(mut self) -> Self {
        if self.members() == 1
            && let Some(Dense { weights: scaling, .. }) = self.scaling.take()
        {
            let weights = &mut self.trunk.layers_mut()[0].weights;
            for (i, &s) in scaling.column(0).iter().enumerate() {
                weights.column_mut(i).iter_mut().for_each(|weight| *weight *= s);
            }
        }
        self
    }

    /// Returns numbers, 1 x N, or logits, classes x N. The logits of several members are the logarithms of their mean
    /// probabilities.
    pub(crate) fn predict<'a>(&self, data: impl Into<Data<'a, T>>) -> Matrix<T> {
        let data = data.into();
        let (samples, members) = (data.features.columns(), self.members());
        let chunk = samples.min(CHUNK / members).max(1);
        let is_class = self.outputs > 1;
        let mut predictions = Matrix::zeros(self.outputs, samples);
        let mut workspace = FrontWorkspace::new(&self.front, chunk);
        let columns = if self.scaling.is_some() { members * chunk } else { 0 };
        let mut scaled = Matrix::zeros(self.trunk.inputs(), columns);
        let rows: Vec<usize> = (0..samples).collect();
        for rows in rows.chunks(chunk) {
            self.front.forward(data, rows, &mut workspace);
            let input = self.scale(workspace.output.view().slice(0..rows.len()), &mut scaled);
            let mut outputs = self.trunk.predict(input);
            for column in 0..outputs.columns() {
                let own = &mut outputs.column_mut(column)[self.own(column / rows.len())];
                if members > 1 && is_class {
                    OutputTransform::Softmax.apply(own);
                }
                let sums = predictions.column_mut(rows[column % rows.len()]).iter_mut();
                sums.zip(own).for_each(|(sum, own)| *sum += *own);
            }
        }
        if members > 1 {
            let share = T::one() / T::from_f64(members as f64);
            for row in 0..samples {
                for prediction in predictions.column_mut(row) {
                    let mean = *prediction * share;
                    *prediction = if is_class { Scalar::ln(mean) } else { mean };
                }
            }
        }
        predictions
    }
}

/// A batch of a table is small beside the table.
const MEMORY: &str = "there is memory for a batch";

/// Sets every element to 0.
fn clear<T: Element>(matrix: &mut Matrix<T>) {
    let (elements, _) = matrix.memory_mut().expect("a matrix is in memory");
    elements.fill(T::zero());
}
