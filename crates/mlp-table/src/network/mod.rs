//! A network for the features of a table: embeddings in front of a multi-layer perceptron.

mod front;
mod parts;
mod random;
mod training;

pub(crate) use front::Front;
pub(crate) use parts::NetworkRecord;
pub use training::EpochReport;
pub(crate) use training::{Diverged, Rows};

use crate::Features;
use crate::recipe::{Settings, Start};
use front::{FrontWorkspace, unbiased};
use mlp_core::{Dense, Initializer, Mlp, OutputTransform, Scalar};
use mlp_cpu::{Element, Matrix, MatrixRef};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use random::normal;

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
        (0..self.numeric.len())
            .filter(|&feature| self.numeric[feature])
            .collect()
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
/// With k members, the scaling s has a column for each, and the trunk has k times the outputs, the first ones for the
/// first member. Their predictions are averaged. A single member has no scaling: it is a part of the trunk's first layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Network<T: Element = f32> {
    pub(crate) front: Front<T>,
    /// s, inputs of the trunk x k. The bias is not used.
    pub(crate) scaling: Option<Dense<Matrix<T>>>,
    pub(crate) trunk: Mlp<Matrix<T>>,
    /// The outputs of a member.
    pub(crate) outputs: usize,
}

/// The most rows that pass through the front at a time in a prediction.
const CHUNK: usize = 1024;
/// The most rows that initial parameters depend on.
const INITIAL_ROWS: usize = 4096;

impl<T: Element> Network<T> {
    /// Draws the initial parameters, which may depend on the features of the training rows.
    fn new(settings: &Settings, problem: &Problem, data: Data<'_, T>, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let front = Front::new(problem, settings.periodic, &mut random);
        let scaling = if settings.members == 1 {
            Matrix::from_fn(front.outputs(), 1, |_, _| T::one())
        } else {
            // TabM draws a number for each member and column of the table.
            let columns = front.features + front.tables.len();
            let numbers: Matrix<T> = normal((columns, settings.members), 1.0, &mut random);
            let sources: Vec<usize> = front.sources().collect();
            Matrix::from_fn(front.outputs(), settings.members, |i, member| {
                numbers[(sources[i], member)]
            })
        };
        let outputs = problem.outputs();
        let hidden = settings.hidden.iter().copied();
        let sizes: Vec<usize> = [front.outputs()]
            .into_iter()
            .chain(hidden)
            .chain([settings.members * outputs])
            .collect();
        let initializer = match settings.start {
            Start::Gain => Initializer::MeanSquareGain,
            Start::Normal | Start::Data => Initializer::LecunNormal,
        };
        let builder = Mlp::builder(&sizes)
            .hidden(settings.activation.clone())
            .initializer(initializer);
        let mut network = Self {
            trunk: builder
                .seed(random.random())
                .build()
                .expect("no layer is empty, and there is memory"),
            front,
            scaling: Some(unbiased(scaling)),
            outputs,
        };
        match settings.start {
            Start::Gain => (),
            Start::Normal => {
                let (last, hidden) = network
                    .trunk
                    .layers_mut()
                    .split_last_mut()
                    .expect("a network has a layer");
                *last = last.zeros_like();
                for layer in hidden {
                    layer.bias = normal(layer.bias.shape(), 1.0, &mut random);
                }
            }
            Start::Data => {
                let mut rows: Vec<usize> = (0..data.features.columns()).collect();
                rows.shuffle(&mut random);
                rows.truncate(INITIAL_ROWS);
                let mut workspace = FrontWorkspace::new(&network.front, rows.len()).expect(MEMORY);
                network.front.forward(data, &rows, &mut workspace);
                let mut input = workspace.output.clone();
                network.scale(0, &workspace.output, &mut input);
                network.trunk.initialize_from_data(&input, random.random());
            }
        }
        network
    }

    /// Returns the number of members.
    pub(crate) fn members(&self) -> usize {
        self.trunk.outputs() / self.outputs
    }

    /// Computes the input of the trunk for a member: s * `input`, element by element, for each column.
    fn scale(&self, member: usize, input: &Matrix<T>, scaled: &mut Matrix<T>) {
        let Some(Dense { weights, .. }) = &self.scaling else {
            return;
        };
        for j in 0..input.columns() {
            let factors = weights.column(member).iter().zip(input.column(j));
            for (scaled, (&s, &x)) in scaled.column_mut(j).iter_mut().zip(factors) {
                *scaled = s * x;
            }
        }
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
        let is_class = self.outputs > 1;
        let transform = if is_class {
            OutputTransform::Softmax
        } else {
            OutputTransform::Identity
        };
        let mut predictions = Matrix::zeros(self.outputs, samples);
        let mut workspace = FrontWorkspace::new(&self.front, samples.min(CHUNK)).expect(MEMORY);
        let mut scaled = self.scaling.is_some().then(|| workspace.output.clone());
        let rows: Vec<usize> = (0..samples).collect();
        for rows in rows.chunks(CHUNK) {
            self.front.forward(data, rows, &mut workspace);
            for member in 0..members {
                let input = match &mut scaled {
                    Some(scaled) => {
                        self.scale(member, &workspace.output, scaled);
                        &*scaled
                    }
                    None => &workspace.output,
                };
                let mut outputs = self.trunk.predict(input.view().slice(0..rows.len()));
                for (j, &row) in rows.iter().enumerate() {
                    let own = &mut outputs.column_mut(j)[member * self.outputs..][..self.outputs];
                    if members > 1 {
                        transform.apply(own);
                    }
                    predictions
                        .column_mut(row)
                        .iter_mut()
                        .zip(own)
                        .for_each(|(sum, own)| *sum += *own);
                }
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
