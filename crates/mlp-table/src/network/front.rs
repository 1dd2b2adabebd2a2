//! The blocks in front of the multi-layer perceptron: embeddings of numbers and of categories.

use super::{Data, MEMORY, Problem, clear};
use mlp_core::activations::Identity;
use mlp_core::{Activation, ActivationKind, Dense, Mlp, Scalar, Workspace, standard_normal};
use mlp_cpu::{Element, Matrix};
use rand::{Rng, RngExt};
use std::f64::consts::{PI, TAU};

/// The number of components of an embedded category; RealMLP's `embedding_size`.
pub(super) const COMPONENTS: usize = 8;
/// The number of cosines of a periodic embedding; RealMLP's `plr_hidden_1`.
pub(super) const COSINES: usize = 16;
/// The number of its outputs; with the number itself, RealMLP's `plr_hidden_2`.
pub(super) const WAVES: usize = 3;
/// The standard deviation of its initial frequencies; RealMLP's `plr_sigma`.
const FREQUENCY: f64 = 0.1;

/// f(z) = cos z.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cosine;

impl Activation for Cosine {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z.cos()
    }
}

/// Makes the input of the trunk: the features as they are, then [`WAVES`] outputs of each periodic embedding, then
/// [`COMPONENTS`] numbers for each embedded category.
///
/// A periodic embedding is a network L cos(w x + b) + c of a single number x. Together with x itself it is the PBLD
/// embedding of RealMLP.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Front<T: Element> {
    pub(crate) features: usize,
    /// The features that have a periodic embedding.
    pub(crate) numeric: Vec<usize>,
    pub(crate) periodic: Vec<Mlp<Matrix<T>, Cosine>>,
    /// A column for each value of a category. The bias is not used.
    pub(crate) tables: Vec<Dense<Matrix<T>>>,
}

impl<T: Element> Front<T> {
    /// Draws the initial parameters.
    pub(super) fn new(problem: &Problem, periodic: bool, random: &mut impl Rng) -> Self {
        let numeric = if periodic { problem.numbers() } else { vec![] };
        // The initial L and c are those of PyTorch's linear layer.
        let limit = 1.0 / (COSINES as f64).sqrt();
        let periodic = numeric.iter().map(|_| {
            let cosines = Dense {
                weights: normal((COSINES, 1), TAU * FREQUENCY, random),
                bias: uniform((COSINES, 1), PI, random),
            };
            let linear = Dense {
                weights: uniform((WAVES, COSINES), limit, random),
                bias: uniform((WAVES, 1), limit, random),
            };
            embedding(cosines, linear)
        });
        let periodic = periodic.collect();
        let tables = problem.embedded.iter().map(|&values| {
            let mut weights = normal((COMPONENTS, values), 1.0, random);
            // A missing or unknown value says nothing, unless training rows have it.
            weights.column_mut(0).fill(T::zero());
            unbiased(weights)
        });
        Self {
            features: problem.numeric.len(),
            numeric,
            periodic,
            tables: tables.collect(),
        }
    }

    /// Returns the number of inputs of the trunk.
    pub(crate) fn outputs(&self) -> usize {
        self.first_component() + COMPONENTS * self.tables.len()
    }

    /// Returns which input of the network each output comes from: a feature, or an embedded category after them.
    pub(super) fn sources(&self) -> impl Iterator<Item = usize> {
        let waves = self.numeric.iter().flat_map(|&feature| [feature; WAVES]);
        let components = (0..self.tables.len()).flat_map(|table| [self.features + table; COMPONENTS]);
        (0..self.features).chain(waves).chain(components)
    }

    /// Writes the outputs for the given rows of `data` to the first columns of the workspace's output.
    pub(super) fn forward(&self, data: Data<'_, T>, rows: &[usize], workspace: &mut FrontWorkspace<T>) {
        for (j, &row) in rows.iter().enumerate() {
            let output = workspace.output.column_mut(j);
            output[..self.features].copy_from_slice(data.features.column(row));
            let places = output[self.first_component()..].as_chunks_mut::<COMPONENTS>().0;
            for ((place, table), indices) in places.iter_mut().zip(&self.tables).zip(data.indices) {
                place.copy_from_slice(table.weights.column(indices[row] as usize));
            }
        }
        for (i, network) in self.periodic.iter().enumerate() {
            let (numbers, pass) = (&mut workspace.numbers[i], &mut workspace.passes[i]);
            for (j, &row) in rows.iter().enumerate() {
                numbers[(0, j)] = data.features.column(row)[self.numeric[i]];
            }
            network.forward(numbers.view().slice(0..rows.len()), pass);
            for (j, waves) in pass.prediction().iter_columns().enumerate() {
                let places = workspace.output.column_mut(j)[self.features..]
                    .as_chunks_mut::<WAVES>()
                    .0;
                places[i].copy_from_slice(waves);
            }
        }
    }

    /// Computes the gradient of all parameters from that of the outputs of the preceding [`forward`](Self::forward),
    /// which filled all columns of the workspace.
    pub(super) fn backward(&self, data: Data<'_, T>, rows: &[usize], workspace: &mut FrontWorkspace<T>) {
        for (i, network) in self.periodic.iter().enumerate() {
            for (j, gradient) in workspace.gradient.iter_columns().enumerate() {
                let waves = gradient[self.features..].as_chunks::<WAVES>().0;
                workspace.waves.column_mut(j).copy_from_slice(&waves[i]);
            }
            network.pullback(&workspace.numbers[i], &workspace.waves, &mut workspace.passes[i]);
        }
        for (i, (table, indices)) in workspace.tables.iter_mut().zip(data.indices).enumerate() {
            clear(&mut table.weights);
            for (j, &row) in rows.iter().enumerate() {
                let components = &workspace.gradient.column(j)[self.first_component() + COMPONENTS * i..];
                let sums = table.weights.column_mut(indices[row] as usize).iter_mut();
                sums.zip(components).for_each(|(sum, &component)| *sum += component);
            }
        }
    }

    fn first_component(&self) -> usize {
        self.features + WAVES * self.periodic.len()
    }
}

/// Returns the periodic embedding with these layers.
pub(super) fn embedding<T: Element>(cosines: Dense<Matrix<T>>, linear: Dense<Matrix<T>>) -> Mlp<Matrix<T>, Cosine> {
    let layers = vec![(cosines, ActivationKind::Custom(Cosine)), (linear, Identity.into())];
    Mlp::from_layers(layers).expect("the outputs of the first layer are the inputs of the second")
}

/// Returns numbers from N(0, s^2).
pub(super) fn normal<T: Element>((rows, columns): (usize, usize), s: f64, random: &mut impl Rng) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |_, _| T::from_f64(s * standard_normal(random)))
}

/// Returns numbers from U(-limit, limit).
fn uniform<T: Element>((rows, columns): (usize, usize), limit: f64, random: &mut impl Rng) -> Matrix<T> {
    let mut number = || limit * (2.0 * random.random::<f64>() - 1.0);
    Matrix::from_fn(rows, columns, |_, _| T::from_f64(number()))
}

/// Returns parameters without a bias.
pub(super) fn unbiased<T: Element>(weights: Matrix<T>) -> Dense<Matrix<T>> {
    let bias = Matrix::zeros(weights.rows(), 1);
    Dense { weights, bias }
}

/// The buffers of a pass through a [`Front`], and the gradient of its parameters.
#[derive(Clone, Debug)]
pub(super) struct FrontWorkspace<T: Element> {
    pub(super) output: Matrix<T>,
    /// The gradient with respect to the output.
    pub(super) gradient: Matrix<T>,
    /// The numbers that go into each periodic embedding, 1 x batch, and the buffers of its pass.
    numbers: Vec<Matrix<T>>,
    pub(super) passes: Vec<Workspace<Matrix<T>>>,
    /// The gradient of the outputs of a periodic embedding.
    waves: Matrix<T>,
    pub(super) tables: Vec<Dense<Matrix<T>>>,
}

impl<T: Element> FrontWorkspace<T> {
    pub(super) fn new(front: &Front<T>, batch: usize) -> Self {
        let passes = front.periodic.iter();
        Self {
            output: Matrix::zeros(front.outputs(), batch),
            gradient: Matrix::zeros(front.outputs(), batch),
            numbers: vec![Matrix::zeros(1, batch); front.periodic.len()],
            passes: passes
                .map(|network| Workspace::new(network, batch).expect(MEMORY))
                .collect(),
            waves: Matrix::zeros(WAVES, batch),
            tables: front.tables.iter().map(Dense::zeros_like).collect(),
        }
    }
}
