use super::dropout::Mask;
use super::split::{SMALL_NETWORK, Split};
use super::{Clip, Dropout, Penalty, Samples};
use crate::backend::{Gradient, Objective, Tensor};
use crate::backpropagation as pass;
use crate::optimizer::Pending;
use crate::tensor::Sum;
use crate::workspace::{LayerBuffers, columns, elements};
use crate::{Activation, ActivationKind, Dense, Loss, Scalar, Workspace};
use alloc::vec::Vec;
use core::mem;

/// What training adds to the loss and its gradient: penalty, clipping and dropout. It is passed as one optional
/// reference, because each additional branch is noticeable in a step of a tiny network.
#[derive(Clone, Debug, Default)]
pub(super) struct Shaping {
    pub(super) penalty: Option<Penalty>,
    pub(super) clip: Option<Clip>,
    pub(super) dropout: Option<Dropout>,
}

impl Shaping {
    /// Adds the penalty to the gradient and clips it. Returns what the penalty adds to the loss.
    #[inline(never)]
    fn shape<B: Tensor>(&self, layers: &[Dense<B>], gradient: &mut [Dense<B>], signs: &mut Vec<Dense<B>>) -> f64 {
        let penalty = self.penalty.map_or(0.0, |penalty| penalty.add(layers, gradient, signs));
        if let Some(clip) = self.clip {
            clip.clip(layers, gradient);
        }
        penalty
    }
}

/// The working memory for one group of samples.
#[derive(Clone, Debug)]
pub(super) struct Group<B: Tensor> {
    pub(super) workspace: Workspace<B>,
    pub(super) loss: f64,
    /// The dropout factors of each hidden layer; empty without dropout.
    pub(super) masks: Vec<B>,
    /// Memory to read numbers from a tensor, or to write them.
    pub(super) values: Vec<B::Scalar>,
}

/// Everything the batch loss depends on, apart from the parameters.
pub(super) struct Batch<'a, 'samples, B: Tensor, C, L> {
    pub(super) activations: &'a [ActivationKind<C>],
    pub(super) loss: &'a L,
    /// A reference, because a copy would cost a tiny network a hundredth of its step.
    pub(super) samples: &'a Samples<'samples, B>,
    pub(super) total_weight: f64,
    pub(super) split: Split,
    pub(super) shaping: Option<&'a Shaping>,
    /// The number of the step, from which dropout derives its random numbers.
    pub(super) step: u64,
}

impl<B: Tensor, C: Activation, L: Loss> Batch<'_, '_, B, C, L> {
    /// Returns whether the gradient can be left pending: nothing changes it before the update, and a layer is updated in
    /// place. The batch is then a single block, because the network is large.
    #[inline(always)]
    fn can_wait(&self, layers: &[Dense<B>]) -> bool {
        let in_place = |layer: &Dense<B>| {
            layer.outputs() * layer.inputs() > SMALL_NETWORK && layer.weights.is_updated_in_place(self.samples.len())
        };
        let changes = |shaping: &Shaping| shaping.penalty.is_some() || shaping.clip.is_some();
        layers.iter().any(in_place) && !self.shaping.is_some_and(changes)
    }

    /// Computes the loss of a group's samples, and its gradient in the group's workspace, unless it is `pending`.
    fn evaluate(&self, layers: &[Dense<B>], number: usize, group: &mut Group<B>, pending: bool) {
        group.loss = 0.0;
        if self.split.block == self.samples.len() {
            let accumulate = (!pending).then_some(false);
            return self.evaluate_block(layers, 0, accumulate, self.samples, group);
        }
        for (block, range) in self.split.blocks(number).enumerate() {
            let first = range.start;
            self.evaluate_block(layers, first, Some(block > 0), &self.samples.slice(range), group);
        }
    }

    /// Adds the loss of a block's samples to that of the group, and computes their gradient, which is added to that of
    /// the blocks before if `accumulate` is true, and is left pending if that is `None`. `first` is the index of the block's first sample in the batch.
    // Inlined into the loop over blocks, it would keep the loop's variables in memory, which a tiny network notices.
    #[inline(never)]
    fn evaluate_block(
        &self,
        layers: &[Dense<B>],
        first: usize,
        accumulate: Option<bool>,
        samples: &Samples<'_, B>,
        group: &mut Group<B>,
    ) {
        self.forward(layers, first, samples.input(), group);
        let workspace = &mut group.workspace;
        group.loss += pass::loss(
            self.loss,
            samples.target(),
            samples.sample_weights(),
            self.total_weight,
            workspace,
        );
        pass::backward(layers, workspace);
        if let Some(accumulate) = accumulate {
            pass::gradient(samples.input(), workspace, accumulate);
        }
    }

    /// Runs the forward pass, with dropout if there is any. `first` is the index of the first sample of `input` in the
    /// batch.
    #[inline(always)]
    fn forward(&self, layers: &[Dense<B>], first: usize, input: B::Columns<'_>, group: &mut Group<B>) {
        match self.shaping.and_then(|shaping| shaping.dropout) {
            None => pass::forward(layers, self.activations, input, &mut group.workspace, |_, _, _| ()),
            Some(dropout) => self.dropped_forward(layers, first, input, group, dropout),
        }
    }

    #[inline(never)]
    fn dropped_forward(
        &self,
        layers: &[Dense<B>],
        first: usize,
        input: B::Columns<'_>,
        group: &mut Group<B>,
        dropout: Dropout,
    ) {
        let Group {
            workspace,
            masks,
            values,
            ..
        } = group;
        pass::forward(layers, self.activations, input, workspace, |layer, samples, buffers| {
            // The last layer has no mask.
            let LayerBuffers {
                activation, derivative, ..
            } = buffers;
            if let (Some(mask), Some(derivative)) = (masks.get_mut(layer), derivative) {
                dropout.draw([self.step, layer as u64, first as u64], mask, values);
                activation.zip(columns(mask, samples), [derivative], &Mask);
            }
        });
    }
}

/// The loss of a batch as a function of the parameters.
pub(super) struct BatchLoss<'a, 'samples, B: Tensor, C, L> {
    pub(super) batch: Batch<'a, 'samples, B, C, L>,
    pub(super) groups: &'a mut [Group<B>],
    /// Memory for the penalty.
    pub(super) signs: &'a mut Vec<Dense<B>>,
    /// The loss before the step: that of the first evaluation.
    pub(super) first_loss: Option<f64>,
    /// Whether the gradient is still to be computed from its factors.
    pub(super) pending: bool,
}

impl<B: Tensor, C: Activation, L: Loss> Objective<B> for BatchLoss<'_, '_, B, C, L> {
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64 {
        let Self {
            batch,
            groups,
            signs,
            first_loss,
            pending,
        } = self;
        *pending = batch.can_wait(layers);
        B::for_each(groups, |i, group| batch.evaluate(layers, i, group, *pending));
        let (first, others) = groups.split_first_mut().expect("a batch has at least one group");
        let mut sum = first.loss;
        let gradient = &mut first.workspace.gradient;
        for other in others {
            sum += other.loss;
            for (total, part) in gradient.iter_mut().zip(&other.workspace.gradient) {
                total.weights.zip((&part.weights).into(), [], &Sum);
                total.bias.zip((&part.bias).into(), [], &Sum);
            }
        }
        let mut loss = sum / batch.total_weight;
        if let Some(shaping) = batch.shaping {
            loss += shaping.shape(layers, gradient, signs);
        }
        first_loss.get_or_insert(loss);
        loss
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        self.gradient().whole()
    }

    fn gradient(&mut self) -> Gradient<'_, B> {
        let Group { workspace, values, .. } = &mut self.groups[0];
        if !mem::take(&mut self.pending) {
            return workspace.gradient.as_mut_slice().into();
        }
        // A slice of all columns, because its lifetime is a shorter one.
        let input = B::slice(self.batch.samples.input(), 0..workspace.samples);
        Gradient(Err(Pending {
            input,
            workspace,
            values,
        }))
    }
}

impl<B: Tensor, C: Activation, L: Loss> BatchLoss<'_, '_, B, C, L> {
    /// Runs a forward pass with the parameters `layers` and returns the first layer whose output is not finite.
    pub(super) fn first_bad_layer(&mut self, layers: &[Dense<B>]) -> Option<usize> {
        let Self { batch, groups, .. } = self;
        let group = &mut groups[0];
        let blocks = (0..batch.split.groups).flat_map(|group| batch.split.blocks(group));
        let layers = blocks.filter_map(|range| {
            let input = B::slice(batch.samples.input(), range.clone());
            batch.forward(layers, range.start, input, group);
            first_bad(&group.workspace)
        });
        layers.min()
    }
}

/// Returns the first layer whose output in the last forward pass is not finite.
fn first_bad<B: Tensor>(workspace: &Workspace<B>) -> Option<usize> {
    (0..workspace.layers.len()).find(|&layer| !elements::<B>(workspace.activation(layer)).iter().all(|a| a.is_finite()))
}
