//! Jets: values together with first and second derivatives along directions, which go through a network as one.
//!
//! Along a direction v of the inputs, x + s v, a prime stands for d/ds at s = 0. With z = W a_prev + b and a = f(z), a
//! layer maps the jet (a_prev, a_prev', a_prev'') to
//!
//! - z' = W a_prev', z'' = W a_prev'',
//! - a' = f'(z) z', a'' = f''(z) z'^2 + f'(z) z''.
//!
//! The backward pass is the transpose of these formulas. For the adjoints d, d', d'' of a, a', a'', it computes those of
//! z, z', z'':
//!
//! - f'(z) d + f''(z) z' d' + (f'''(z) z'^2 + f''(z) z'') d'', summed over the directions,
//! - f'(z) d' + 2 f''(z) z' d'',
//! - f'(z) d'',
//!
//! and from them the gradient dL/dW as the sum of d a_prev^T + d' a_prev'^T + d'' a_prev''^T. So every matrix of a jet
//! takes three products a layer, like the values in [`backpropagation`](crate::backpropagation).
//!
//! Source: A. Griewank, A. Walther, *Evaluating Derivatives* (2nd ed., SIAM 2008), chapter 13.

use super::Direction;
use crate::activations::Identity;
use crate::backend::{ActivationVisitor, Tensor, ZipFormula};
use crate::tensor::{Product, Sum, formula};
use crate::{Activation, ActivationKind, Dense, Dual, NoCustom, Scalar};
use alloc::vec::Vec;

/// Where a jet has the derivatives along a direction. Block 0 has the values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    pub(super) first: usize,
    pub(super) second: Option<usize>,
}

impl Blocks {
    /// Returns the blocks of each direction, and the number of all blocks.
    pub(super) fn of(directions: &[Direction]) -> (Vec<Self>, usize) {
        let mut count = 1;
        let mut next = || {
            count += 1;
            count - 1
        };
        let blocks = directions.iter().map(|direction| Self {
            first: next(),
            second: direction.is_second.then(&mut next),
        });
        (blocks.collect(), count)
    }
}

/// The memory for the jets of a network at some points.
#[derive(Debug)]
pub(super) struct Jets<B> {
    directions: Vec<Blocks>,
    /// The points, then the derivatives of x + s v: v and 0.
    input: Vec<B>,
    layers: Vec<Layer<B>>,
}

/// The jets of one layer. Each vector has one matrix (n_out x points) for each block.
#[derive(Debug)]
struct Layer<B> {
    /// Empty for a linear layer.
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
    /// The sum of adjoints that belong to no bias.
    unused: B,
}

impl<B: Tensor> Jets<B> {
    /// Allocates the jets of a network with these layers at `points` along `directions`.
    pub(super) fn new<C>(
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        points: B,
        directions: &[Direction],
    ) -> Self {
        let (rows, samples) = points.shape();
        let (blocks, count) = Blocks::of(directions);
        let mut input = Vec::from([points]);
        for direction in directions {
            let column = direction.column(rows);
            let mut first = B::zeros(rows, samples);
            first.write(&column.repeat(samples));
            input.push(first);
            input.extend(direction.is_second.then(|| B::zeros(rows, samples)));
        }
        let layer = |(layer, activation): (&Dense<B>, &ActivationKind<C>)| {
            let outputs = layer.outputs();
            let linear = matches!(activation, ActivationKind::Identity(_));
            let zeros = |count| (0..count).map(|_| B::zeros(outputs, samples)).collect();
            Layer {
                pre_activation: zeros(if linear { 0 } else { count }),
                activation: zeros(count),
                slopes: [(); 3].map(|()| B::zeros(outputs, if linear { 0 } else { samples })),
                delta: zeros(count),
                tangent: Vec::new(),
                no_bias: B::zeros(outputs, 1),
                unused: B::zeros(outputs, 1),
            }
        };
        Self {
            directions: blocks,
            input,
            layers: layers.iter().zip(activations).map(layer).collect(),
        }
    }

    pub(super) fn directions(&self) -> &[Blocks] {
        &self.directions
    }

    fn last(&self) -> &Layer<B> {
        self.layers.last().expect("a network has a layer")
    }

    /// The outputs of the last [`forward`](Self::forward).
    pub(super) fn output(&self) -> &[B] {
        &self.last().activation
    }

    /// The change of the outputs of the last [`pushforward`](Self::pushforward).
    pub(super) fn output_tangent(&self) -> &[B] {
        &self.last().tangent
    }

    /// The adjoints of the outputs, from which [`backward`](Self::backward) starts.
    pub(super) fn output_delta(&mut self) -> &mut [B] {
        &mut self.layers.last_mut().expect("a network has a layer").delta
    }

    /// Computes the outputs and their derivatives.
    pub(super) fn forward<C: Activation>(&mut self, layers: &[Dense<B>], activations: &[ActivationKind<C>]) {
        let mut input = &self.input;
        for ((layer, kind), own) in layers.iter().zip(activations).zip(&mut self.layers) {
            if own.pre_activation.is_empty() {
                product(&mut own.activation, layer, &own.no_bias, input);
            } else {
                product(&mut own.pre_activation, layer, &own.no_bias, input);
                kind.visit(Activate(&own.pre_activation[0], &mut own.activation[0], &mut own.slopes));
                own.activate(&self.directions);
            }
            input = &own.activation;
        }
    }

    /// Computes the adjoints of all pre-activations from those of the outputs, and the gradient of the parameters.
    pub(super) fn backward(&mut self, layers: &[Dense<B>], gradient: &mut [Dense<B>]) {
        for number in (0..layers.len()).rev() {
            let (before, own) = self.layers.split_at_mut(number);
            let own = &mut own[0];
            own.transpose(&self.directions);
            let input = before.last().map_or(&self.input, |before| &before.activation);
            let Dense { weights, bias } = &mut gradient[number];
            for (block, (delta, input)) in own.delta.iter().zip(input).enumerate() {
                let bias = if block == 0 { &mut *bias } else { &mut own.unused };
                weights.gradient(bias, delta.into(), input.into(), block > 0);
            }
            if let Some(before) = before.last_mut() {
                for (delta_before, delta) in before.delta.iter_mut().zip(&own.delta) {
                    delta_before.backward(&layers[number].weights, delta.into(), None);
                }
            }
        }
    }

    /// Computes how the outputs and their derivatives change if the parameters change by `direction`. The adjoints serve
    /// as scratch memory.
    pub(super) fn pushforward(&mut self, layers: &[Dense<B>], direction: &[Dense<B>]) {
        let mut before: (&Vec<B>, Option<&Vec<B>>) = (&self.input, None);
        for ((layer, direction), own) in layers.iter().zip(direction).zip(&mut self.layers) {
            if own.tangent.is_empty() {
                own.tangent = own.delta.clone();
            }
            product(&mut own.tangent, direction, &own.no_bias, before.0);
            if let Some(tangent) = before.1 {
                let delta = own.delta.iter_mut().zip(tangent);
                for ((delta, before), tangent) in delta.zip(&mut own.tangent) {
                    delta.forward(None, &layer.weights, &own.no_bias, before.into(), &IDENTITY);
                    tangent.zip((&*delta).into(), [], &Sum);
                }
            }
            own.push(&self.directions);
            before = (&own.activation, Some(&own.tangent));
        }
    }
}

const IDENTITY: ActivationKind<NoCustom> = ActivationKind::Identity(Identity);

/// Computes W a' of every block, and W a + b of the values.
fn product<B: Tensor>(output: &mut [B], layer: &Dense<B>, no_bias: &B, input: &[B]) {
    let Dense { weights, bias } = layer;
    for (block, (output, input)) in output.iter_mut().zip(input).enumerate() {
        let bias = if block == 0 { bias } else { no_bias };
        output.forward(None, weights, bias, input.into(), &IDENTITY);
    }
}

impl<B: Tensor> Layer<B> {
    /// Computes a' and a''.
    fn activate(&mut self, directions: &[Blocks]) {
        let (pre, [f1, f2, _]) = (&mut self.pre_activation, &mut self.slopes);
        for &Blocks { first, second } in directions {
            self.activation[first].zip((&pre[first]).into(), [f1], &First);
            if let Some(second) = second {
                let [z1, z2] = disjoint(pre, [first, second]);
                self.activation[second].zip((&*z2).into(), [z1, f1, f2], &Second);
            }
        }
    }

    /// Turns the adjoints of a, a' and a'' into those of z, z' and z''.
    fn transpose(&mut self, directions: &[Blocks]) {
        if self.pre_activation.is_empty() {
            return;
        }
        let (pre, [f1, f2, f3]) = (&mut self.pre_activation, &mut self.slopes);
        self.delta[0].zip((&*f1).into(), [], &Product);
        for &Blocks { first, second } in directions {
            if let Some(second) = second {
                let ([z1, z2], [d0, d1, d2]) = (disjoint(pre, [first, second]), disjoint(&mut self.delta, [0, first, second]));
                d1.zip((&*z2).into(), [d2, d0, z1, f1, f2, f3], &TransposedSecond);
            } else {
                let [d0, d1] = disjoint(&mut self.delta, [0, first]);
                d1.zip((&pre[first]).into(), [d0, f1, f2], &TransposedFirst);
            }
        }
    }

    /// Turns the changes of z, z' and z'' into those of a, a' and a''.
    fn push(&mut self, directions: &[Blocks]) {
        if self.pre_activation.is_empty() {
            return;
        }
        let (pre, [f1, f2, f3]) = (&mut self.pre_activation, &mut self.slopes);
        for &Blocks { first, second } in directions {
            if let Some(second) = second {
                let ([z1, z2], [t0, t1, t2]) = (disjoint(pre, [first, second]), disjoint(&mut self.tangent, [0, first, second]));
                t2.zip((&*z2).into(), [t1, t0, z1, f1, f2, f3], &PushedSecond);
            } else {
                let [t0, t1] = disjoint(&mut self.tangent, [0, first]);
                t1.zip((&pre[first]).into(), [t0, f1, f2], &PushedFirst);
            }
        }
        self.tangent[0].zip((&*f1).into(), [], &Product);
    }
}

fn disjoint<B, const N: usize>(blocks: &mut [B], numbers: [usize; N]) -> [&mut B; N] {
    blocks.get_disjoint_mut(numbers).expect("the blocks of a direction differ")
}

formula!(First<1>, |_, z1, [f1]| (f1 * z1, [f1]));
formula!(Second<3>, |_, z2, [z1, f1, f2]| (f2 * (z1 * z1) + f1 * z2, [z1, f1, f2]));
formula!(TransposedFirst<3>, |d1, z1, [d0, f1, f2]| (f1 * d1, [d0 + f2 * z1 * d1, f1, f2]));
formula!(TransposedSecond<6>, |d1, z2, [d2, d0, z1, f1, f2, f3]| {
    let bend = f2 * z1;
    let d0 = d0 + bend * d1 + (f3 * (z1 * z1) + f2 * z2) * d2;
    (f1 * d1 + (bend + bend) * d2, [f1 * d2, d0, z1, f1, f2, f3])
});
formula!(PushedFirst<3>, |t1, z1, [t0, f1, f2]| (f2 * z1 * t0 + f1 * t1, [t0, f1, f2]));
formula!(PushedSecond<6>, |t2, z2, [t1, t0, z1, f1, f2, f3]| {
    let bend = f2 * z1;
    let t2 = (f3 * (z1 * z1) + f2 * z2) * t0 + (bend + bend) * t1 + f1 * t2;
    (t2, [bend * t0 + f1 * t1, t0, z1, f1, f2, f3])
});

/// Computes a = f(z), f'(z), f''(z) and f'''(z).
struct Activate<'a, B>(&'a B, &'a mut B, &'a mut [B; 3]);

impl<B: Tensor> ActivationVisitor for Activate<'_, B> {
    type Output = ();

    fn visit<A: Activation>(self, activation: &A) {
        self.1.zip(self.0.into(), self.2.each_mut(), &Slopes(activation));
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
