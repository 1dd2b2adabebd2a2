use super::split::Split;
use super::{Clip, Dropout, Penalty, Samples};
use crate::backend::{Columns, Gradient, Objective, Tensor};
use crate::backpropagation as pass;
use crate::block::{pushforward, seed};
use crate::dense::{DIRECTION, PRODUCT, check_shapes};
use crate::optimizer::Pending;
use crate::workspace::{columns, elements};
use crate::{Activation, ActivationKind, Dense, Dual, DualColumns, DualTensor, Loss, OutOfMemory, Scalar, Workspace};
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
    /// The gradient of the loss with respect to the prediction, and its change along a direction. The first
    /// Gauss-Newton product allocates it.
    delta: Option<DualTensor<B>>,
}

impl<B: Tensor> Group<B> {
    /// Returns whether there is a group with enough memory for each group of `split`, in a network with these layers.
    pub(super) fn all_fit<C: Activation>(
        groups: &[Self],
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        split: Split,
    ) -> bool {
        let fits =
            |Self { workspace, .. }: &Self| workspace.batch() >= split.block && workspace.fits(layers, activations);
        groups.len() >= split.groups && groups.iter().all(fits)
    }

    /// Allocates a group for each one of `split`.
    pub(super) fn allocate<C: Activation>(
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        split: Split,
    ) -> Result<Vec<Self>, OutOfMemory> {
        let group = |_| {
            Ok(Self {
                workspace: Workspace::of_layers(layers, activations, split.block)?,
                loss: 0.0,
                delta: None,
            })
        };
        (0..split.groups).map(group).collect()
    }
}

/// Adds the gradients of the other groups to that of the first, in their order, and returns the sum of their losses.
#[inline(always)]
fn add_up<B: Tensor>(groups: &mut [Group<B>]) -> f64 {
    let (first, others) = groups.split_first_mut().expect("a batch has at least one group");
    let mut sum = first.loss;
    for other in others {
        sum += other.loss;
        for (total, part) in first.workspace.gradient.iter_mut().zip(&other.workspace.gradient) {
            total.accumulate(part);
        }
    }
    sum
}

/// The number of weights from which a layer is updated in place. With fewer, the bound that this requires takes as long
/// as the pass over the weights that it saves. On Zen 4 with one sample, a step of `[101,101]` takes 0.85 of the time of
/// separate passes, and one of `[95,95]` 1.08.
const LARGE_LAYER: usize = 10_000;

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
    #[inline(always)]
    fn is_single_block(&self) -> bool {
        self.split.block == self.samples.len()
    }

    /// Returns whether the gradient can be left pending: nothing changes it before the update, and a layer is updated in
    /// place. The batch must be a single block.
    #[inline(always)]
    fn can_wait(&self, layers: &[Dense<B>]) -> bool {
        let in_place = |layer: &Dense<B>| {
            layer.outputs() * layer.inputs() >= LARGE_LAYER && layer.weights.is_updated_in_place(self.samples.len())
        };
        let changes = |shaping: &Shaping| shaping.penalty.is_some() || shaping.clip.is_some();
        self.is_single_block() && layers.iter().any(in_place) && !self.shaping.is_some_and(changes)
    }

    /// Computes the loss of a group's samples, and its gradient in the group's workspace, unless it is `pending`.
    fn evaluate(&self, layers: &[Dense<B>], number: usize, group: &mut Group<B>, pending: bool) {
        group.loss = 0.0;
        if self.is_single_block() {
            let accumulate = (!pending).then_some(false);
            return self.evaluate_block(layers, 0, accumulate, self.samples, group);
        }
        for (block, range) in self.split.blocks(number).enumerate() {
            let first = range.start;
            self.evaluate_block(layers, first, Some(block > 0), &self.samples.slice(range), group);
        }
    }

    /// Adds the loss of a block's samples to that of the group, and computes their gradient, which is added to that of
    /// the blocks before if `accumulate` is true, and is left pending if that is `None`. `first` is the index of the
    /// block's first sample in the batch.
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

    /// Computes the product of the Gauss-Newton matrix at `layers` with `direction`, including the penalty, in the
    /// gradient of the first of `groups`. If `forward` is not set, the groups hold the forward pass with `layers` of
    /// their only block.
    pub(super) fn gauss_newton_product(
        &self,
        layers: &[Dense<B>],
        direction: &[Dense<B>],
        groups: &mut [Group<B>],
        forward: bool,
    ) {
        B::for_each(groups, |number, group| {
            for (block, range) in self.split.blocks(number).enumerate() {
                let samples = self.samples.slice(range.clone());
                if forward {
                    self.forward(layers, range.start, samples.input(), group);
                }
                self.block_product(layers, direction, &samples, group, block > 0);
            }
        });
        add_up(groups);
        if let Some(penalty) = self.shaping.and_then(|shaping| shaping.penalty) {
            penalty.add_curvature(direction, &mut groups[0].workspace.gradient);
        }
    }

    /// Computes J^T H J `direction` of the samples whose forward pass the group holds.
    fn block_product(
        &self,
        layers: &[Dense<B>],
        direction: &[Dense<B>],
        samples: &Samples<'_, B>,
        group: &mut Group<B>,
        accumulate: bool,
    ) {
        let Group { workspace, delta, .. } = group;
        let input = samples.input();
        // The prediction changes by dy = J `direction`, and the gradient of the loss by H dy.
        pushforward(layers, None, Some((input, direction)), workspace);
        let prediction = DualColumns::new(workspace.prediction(), Some(workspace.output_tangent()));
        let delta = delta.get_or_insert_with(|| {
            let (outputs, block) = (prediction.shape().0, workspace.batch());
            DualTensor::new(B::zeros(outputs, block), B::zeros(outputs, block))
        });
        let constant = |columns| DualColumns::new(columns, None);
        let weights = samples.sample_weights().map(constant);
        let scale = Dual::from_f64(1.0 / self.total_weight);
        delta.loss(self.loss, prediction, constant(samples.target()), weights, scale);
        seed(columns(delta.tangent_mut(), samples.len()), workspace);
        pass::backward(layers, workspace);
        pass::gradient(input, workspace, accumulate);
    }

    /// Runs the forward pass, with dropout if there is any. `first` is the index of the first sample of `input` in the
    /// batch.
    #[inline(always)]
    fn forward(&self, layers: &[Dense<B>], first: usize, input: B::Columns<'_>, group: &mut Group<B>) {
        let (activations, workspace) = (self.activations, &mut group.workspace);
        match self.shaping.and_then(|shaping| shaping.dropout.as_ref()) {
            None => pass::forward(layers, activations, input, workspace, |_, _, _| ()),
            Some(dropout) => dropout.forward([self.step, first as u64], layers, activations, input, workspace),
        }
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
        let mut loss = add_up(groups) / batch.total_weight;
        if let Some(shaping) = batch.shaping {
            loss += shaping.shape(layers, &mut groups[0].workspace.gradient, signs);
        }
        first_loss.get_or_insert(loss);
        loss
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        self.gradient().whole()
    }

    fn gradient(&mut self) -> Gradient<'_, B> {
        let Group { workspace, .. } = &mut self.groups[0];
        if !mem::take(&mut self.pending) {
            return workspace.gradient.as_mut_slice().into();
        }
        // A slice of all columns, because its lifetime is a shorter one.
        let input = B::slice(self.batch.samples.input(), 0..workspace.samples);
        Gradient(Err(Pending { input, workspace }))
    }

    fn gauss_newton_product(&mut self, layers: &[Dense<B>], direction: &[Dense<B>], product: &mut [Dense<B>]) {
        check_shapes("gauss_newton_product", DIRECTION, layers, direction);
        check_shapes("gauss_newton_product", PRODUCT, layers, product);
        // The forward pass of a block replaces that of the block before it.
        let blocks = (0..self.groups.len()).any(|group| self.batch.split.blocks(group).nth(1).is_some());
        self.batch.gauss_newton_product(layers, direction, self.groups, blocks);
        self.pending = false;
        self.groups[0].workspace.gradient.swap_with_slice(product);
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
