//! Jets: values together with first and second derivatives along directions, which go through a network as one.
//!
//! Along a direction v of the inputs, x + s v, a prime at z or a stands for d/ds at s = 0. With z = W a_prev + b and
//! a = f(z), a layer maps the jet (a_prev, a_prev', a_prev'') to
//!
//! - z' = W a_prev', z'' = W a_prev'',
//! - a' = f'(z) z', a'' = f''(z) z'^2 + f'(z) z''.
//!
//! With q = f''(z) z' and r = f'''(z) z'^2 + f''(z) z'', a change of z, z' and z'' changes a, a' and a'' by the matrix
//!
//! | | z | z' | z'' |
//! |---|---|---|---|
//! | a | f' | | |
//! | a' | q | f' | |
//! | a'' | r | 2 q | f' |
//!
//! so its product with a vector is the step of a pushforward through f, and the product of its transpose that of the
//! backward pass. For the adjoints d, d' and d'' of z, z' and z'', dL/dW = d a_prev^T + d' a_prev'^T + d'' a_prev''^T. So
//! every matrix of a jet takes the three products of [`backpropagation`](crate::backpropagation) in a layer.
//!
//! Source: A. Griewank, A. Walther, *Evaluating Derivatives* (2nd ed., SIAM 2008), chapter 13.

use super::Direction;
use crate::backend::{ActivationVisitor, Columns, Tensor, ZipFormula};
use crate::dense::IDENTITY;
use crate::tensor::{Product, Sum, formula};
use crate::workspace::{columns, is_linear};
use crate::{Activation, ActivationKind, Dense, Dual, Mlp, Scalar};
use alloc::vec::Vec;
use num_traits::Zero;

/// Where a jet has the derivatives along a direction. Block 0 has the values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) first: usize,
    pub(crate) second: Option<usize>,
}

impl Blocks {
    /// Returns the blocks of each direction.
    pub(crate) fn of(directions: &[Direction]) -> Vec<Self> {
        let mut blocks = Vec::new();
        for direction in directions {
            let first = Self::count(&blocks);
            let second = direction.is_second.then_some(first + 1);
            blocks.push(Self { first, second });
        }
        blocks
    }

    /// Returns the number of all blocks.
    pub(crate) fn count(directions: &[Self]) -> usize {
        directions
            .last()
            .map_or(1, |last| last.second.unwrap_or(last.first) + 1)
    }
}

/// The memory for the jets of a network at up to a given number of points.
#[derive(Debug)]
pub(super) struct Jets<B: Tensor> {
    directions: Vec<Blocks>,
    /// The derivatives of the points x + s v: v and 0, in each column.
    input: Vec<B>,
    layers: Vec<Layer<B>>,
    samples: usize,
    /// Scratch memory for the outputs.
    numbers: Vec<B::Scalar>,
}

/// The jets of one layer. Each vector has one matrix (n_out x points) for each block.
#[derive(Debug)]
struct Layer<B> {
    /// z, z' and z'', then z, q and r. Empty for a linear layer.
    pre_activation: Vec<B>,
    activation: Vec<B>,
    /// f', f'' and f''' of z.
    slopes: [B; 3],
    /// The adjoint of the activation, then that of the pre-activation.
    delta: Vec<B>,
    /// The change along a direction of the parameters. Empty before the first pushforward.
    tangent: Vec<B>,
    /// 0, n_out x 1.
    no_bias: B,
    /// The sum of adjoints that belong to no bias, n_out x 1.
    unused: B,
}

impl<B: Tensor> Jets<B> {
    /// Allocates the jets of a network at up to `points` points along `directions`.
    pub(super) fn new<C: Activation>(network: &Mlp<B, C>, points: usize, directions: &[Direction]) -> Self {
        let inputs = network.inputs();
        let blocks = Blocks::of(directions);
        let count = Blocks::count(&blocks);
        let mut input = Vec::new();
        for direction in directions {
            let mut derivative = B::zeros(inputs, points);
            derivative.write(&direction.column(inputs).repeat(points));
            input.push(derivative);
            input.extend(direction.is_second.then(|| B::zeros(inputs, points)));
        }
        let layer = |(layer, activation): (&Dense<B>, &ActivationKind<C>)| {
            let outputs = layer.outputs();
            let linear = is_linear(activation);
            let zeros = |count| (0..count).map(|_| B::zeros(outputs, points)).collect();
            Layer {
                pre_activation: zeros(if linear { 0 } else { count }),
                activation: zeros(count),
                slopes: [(); 3].map(|()| B::zeros(outputs, if linear { 0 } else { points })),
                delta: zeros(count),
                tangent: Vec::new(),
                no_bias: B::zeros(outputs, 1),
                unused: B::zeros(outputs, 1),
            }
        };
        Self {
            directions: blocks,
            input,
            layers: network.layers().iter().zip(network.activations()).map(layer).collect(),
            samples: 0,
            numbers: Vec::new(),
        }
    }

    pub(super) fn directions(&self) -> &[Blocks] {
        &self.directions
    }

    /// Overwrites `jets` by the jet of the outputs at each point.
    pub(super) fn read_output(&mut self, jets: &mut Vec<B::Scalar>) {
        self.read(|last| &last.activation, jets);
    }

    /// Overwrites `jets` by their change in the last [`pushforward`](Self::pushforward).
    pub(super) fn read_output_tangent(&mut self, jets: &mut Vec<B::Scalar>) {
        self.read(|last| &last.tangent, jets);
    }

    fn read(&mut self, part: impl Fn(&Layer<B>) -> &Vec<B>, jets: &mut Vec<B::Scalar>) {
        let blocks = part(self.layers.last().expect("a network has a layer"));
        let outputs = blocks[0].shape().0;
        let size = blocks.len() * outputs;
        jets.resize(self.samples * size, B::Scalar::zero());
        for (number, block) in blocks.iter().enumerate() {
            self.numbers.clear();
            B::read(columns(block, self.samples), &mut self.numbers);
            for (jet, numbers) in jets.chunks_exact_mut(size).zip(self.numbers.chunks_exact(outputs)) {
                jet[number * outputs..][..outputs].copy_from_slice(numbers);
            }
        }
    }

    /// Sets the adjoint of the outputs at each point, from which [`backward`](Self::backward) starts.
    pub(super) fn write_output_delta(&mut self, jets: &[B::Scalar]) {
        let blocks = &mut self.layers.last_mut().expect("a network has a layer").delta;
        let (outputs, points) = blocks[0].shape();
        let size = blocks.len() * outputs;
        for (number, block) in blocks.iter_mut().enumerate() {
            self.numbers.clear();
            for jet in jets.chunks_exact(size) {
                self.numbers.extend_from_slice(&jet[number * outputs..][..outputs]);
            }
            self.numbers.resize(outputs * points, B::Scalar::zero());
            block.write(&self.numbers);
        }
    }

    /// Computes the outputs and their derivatives at `points`.
    pub(super) fn forward<C: Activation>(
        &mut self,
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        points: B::Columns<'_>,
    ) {
        let samples = points.shape().1;
        self.samples = samples;
        let (mut value, mut derivatives) = (B::slice(points, 0..samples), &self.input[..]);
        for ((layer, kind), own) in layers.iter().zip(activations).zip(&mut self.layers) {
            if own.pre_activation.is_empty() {
                product(&mut own.activation, layer, &own.no_bias, value, derivatives);
            } else {
                product(&mut own.pre_activation, layer, &own.no_bias, value, derivatives);
                kind.visit(Activate(own, samples));
                own.activate(&self.directions, samples);
            }
            (value, derivatives) = (columns(&own.activation[0], samples), &own.activation[1..]);
        }
    }

    /// Computes the adjoints of all pre-activations from those of the outputs, and the gradient of the parameters, which
    /// is added to the existing values if `accumulate` is set. `points` are those of [`forward`](Self::forward).
    pub(super) fn backward(
        &mut self,
        layers: &[Dense<B>],
        points: B::Columns<'_>,
        gradient: &mut [Dense<B>],
        accumulate: bool,
    ) {
        let samples = self.samples;
        for (number, (layer, Dense { weights, bias })) in layers.iter().zip(gradient).enumerate().rev() {
            let (before, own) = self.layers.split_at_mut(number);
            let own = &mut own[0];
            own.transpose(&self.directions, samples);
            let (value, derivatives) = match before.last() {
                None => (B::slice(points, 0..samples), &self.input[..]),
                Some(before) => (columns(&before.activation[0], samples), &before.activation[1..]),
            };
            weights.gradient(bias, columns(&own.delta[0], samples), value, accumulate);
            for (delta, derivative) in own.delta[1..].iter().zip(derivatives) {
                weights.gradient(
                    &mut own.unused,
                    columns(delta, samples),
                    columns(derivative, samples),
                    true,
                );
            }
            if let Some(before) = before.last_mut() {
                for (delta_before, delta) in before.delta.iter_mut().zip(&own.delta) {
                    delta_before.backward(&layer.weights, columns(delta, samples), None);
                }
            }
        }
    }

    /// Computes how the outputs and their derivatives change if the parameters change by `direction`. `points` are those
    /// of [`forward`](Self::forward). The adjoints serve as scratch memory.
    pub(super) fn pushforward(&mut self, layers: &[Dense<B>], points: B::Columns<'_>, direction: &[Dense<B>]) {
        let samples = self.samples;
        let (mut value, mut derivatives) = (B::slice(points, 0..samples), &self.input[..]);
        let mut tangent_before: &[B] = &[];
        for ((layer, direction), own) in layers.iter().zip(direction).zip(&mut self.layers) {
            if own.tangent.is_empty() {
                own.tangent = own.delta.clone();
            }
            product(&mut own.tangent, direction, &own.no_bias, value, derivatives);
            let scratch = own.delta.iter_mut().zip(&mut own.tangent);
            for (before, (through, tangent)) in tangent_before.iter().zip(scratch) {
                through.forward(None, &layer.weights, &own.no_bias, columns(before, samples), &IDENTITY);
                tangent.zip(columns(through, samples), [], &Sum);
            }
            own.push(&self.directions, samples);
            (value, derivatives) = (columns(&own.activation[0], samples), &own.activation[1..]);
            tangent_before = &own.tangent;
        }
    }
}

/// Computes W a + b of the values, and W a' and W a'' of the derivatives.
fn product<B: Tensor>(output: &mut [B], layer: &Dense<B>, no_bias: &B, value: B::Columns<'_>, derivatives: &[B]) {
    let samples = value.shape().1;
    output[0].forward(None, &layer.weights, &layer.bias, value, &IDENTITY);
    for (output, derivative) in output[1..].iter_mut().zip(derivatives) {
        output.forward(None, &layer.weights, no_bias, columns(derivative, samples), &IDENTITY);
    }
}

impl<B: Tensor> Layer<B> {
    /// Computes a' and a'', and replaces z' and z'' by q and r.
    fn activate(&mut self, directions: &[Blocks], samples: usize) {
        let [f1, f2, f3] = &mut self.slopes;
        let f1 = columns(f1, samples);
        for &Blocks { first, second } in directions {
            if let Some(second) = second {
                let [z1, z2] = disjoint(&mut self.pre_activation, [first, second]);
                let [a1, a2] = disjoint(&mut self.activation, [first, second]);
                z2.zip(f1, [z1, a1, a2, f2, f3], &Second);
            } else {
                self.pre_activation[first].zip(f1, [&mut self.activation[first], f2], &First);
            }
        }
    }

    /// Turns the adjoints of a, a' and a'' into those of z, z' and z''.
    fn transpose(&mut self, directions: &[Blocks], samples: usize) {
        if self.pre_activation.is_empty() {
            return;
        }
        let f1 = columns(&self.slopes[0], samples);
        self.delta[0].zip(f1, [], &Product);
        for &Blocks { first, second } in directions {
            if let Some(second) = second {
                let [q, r] = disjoint(&mut self.pre_activation, [first, second]);
                let [d0, d1, d2] = disjoint(&mut self.delta, [0, first, second]);
                d1.zip(f1, [d0, d2, q, r], &TransposedSecond);
            } else {
                let [d0, d1] = disjoint(&mut self.delta, [0, first]);
                d1.zip(f1, [d0, &mut self.pre_activation[first]], &TransposedFirst);
            }
        }
    }

    /// Turns the changes of z, z' and z'' into those of a, a' and a''.
    fn push(&mut self, directions: &[Blocks], samples: usize) {
        if self.pre_activation.is_empty() {
            return;
        }
        let f1 = columns(&self.slopes[0], samples);
        for &Blocks { first, second } in directions {
            if let Some(second) = second {
                let [q, r] = disjoint(&mut self.pre_activation, [first, second]);
                let [t0, t1, t2] = disjoint(&mut self.tangent, [0, first, second]);
                t2.zip(f1, [t0, t1, q, r], &PushedSecond);
            } else {
                let [t0, t1] = disjoint(&mut self.tangent, [0, first]);
                t1.zip(f1, [t0, &mut self.pre_activation[first]], &PushedFirst);
            }
        }
        self.tangent[0].zip(f1, [], &Product);
    }
}

fn disjoint<B, const N: usize>(blocks: &mut [B], numbers: [usize; N]) -> [&mut B; N] {
    blocks
        .get_disjoint_mut(numbers)
        .expect("the blocks of a direction differ")
}

formula!(First<2>, |z1, f1, [_, f2]| (f2 * z1, [f1 * z1, f2]));
formula!(Second<5>, |z2, f1, [z1, _, _, f2, f3]| {
    let q = f2 * z1;
    (f3 * (z1 * z1) + f2 * z2, [q, f1 * z1, q * z1 + f1 * z2, f2, f3])
});
formula!(TransposedFirst<2>, |d1, f1, [d0, q]| (f1 * d1, [d0 + q * d1, q]));
formula!(TransposedSecond<4>, |d1, f1, [d0, d2, q, r]| {
    (f1 * d1 + (q + q) * d2, [d0 + q * d1 + r * d2, f1 * d2, q, r])
});
formula!(PushedFirst<2>, |t1, f1, [t0, q]| (q * t0 + f1 * t1, [t0, q]));
formula!(PushedSecond<4>, |t2, f1, [t0, t1, q, r]| {
    (r * t0 + (q + q) * t1 + f1 * t2, [t0, q * t0 + f1 * t1, q, r])
});

/// Computes a = f(z), f'(z), f''(z) and f'''(z) of a layer at that many points.
struct Activate<'a, B>(&'a mut Layer<B>, usize);

impl<B: Tensor> ActivationVisitor for Activate<'_, B> {
    type Output = ();

    fn visit<A: Activation>(self, activation: &A) {
        let Self(layer, samples) = self;
        let z = columns(&layer.pre_activation[0], samples);
        layer.activation[0].zip(z, layer.slopes.each_mut(), &Slopes(activation));
    }
}

struct Slopes<'a, A>(&'a A);

impl<A: Activation> ZipFormula<3> for Slopes<'_, A> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, _: T, z: T, _: [T; 3]) -> (T, [T; 3]) {
        let z = Dual::variable(Dual::variable(z));
        let a = self.0.value(z);
        let slope = self.0.derivative(z, a);
        let [first, second] = [slope.value, slope.derivative];
        (a.value.value, [first.value, first.derivative, second.derivative])
    }
}
