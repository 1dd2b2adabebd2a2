use super::split::Split;
use super::{DataError, Diverged, Samples, TrainError};
use crate::backpropagation as pass;
use crate::tensor::Sum;
use crate::{Activation, ActivationKind, Dense, Loss, Mlp, NonFinite, Objective, Optimizer, Scalar, Tensor, Workspace};
use alloc::vec::Vec;

/// Trains a network: holds the loss, the optimiser and the memory that steps work in.
///
/// The memory is allocated by the first step on the largest batch; steps after it allocate nothing. The batch is cut
/// into parts by a rule that knows only sizes, and the parts' sums are added in a fixed order: the same step has the
/// same bits on every run and at any number of threads.
///
/// ```
/// use mlp_core::{GradientDescent, HalfSquaredError, LeakyRelu, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::new(0.01)?).seed(1).build()?;
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
///
/// let mut trainer = Trainer::new(HalfSquaredError, GradientDescent::new(0.1)?);
/// let first = trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// let second = trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// assert!(second < first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer<B: Tensor, L, O> {
    pub(super) loss: L,
    optimizer: O,
    groups: Vec<Group<B>>,
    /// The weights or class indices of a batch, to be looked at.
    pub(super) values: Vec<B::Scalar>,
    /// The next epoch of [`fit`](Self::fit), and the batch within it.
    pub(super) epoch: u64,
    pub(super) batch: usize,
    pub(super) last_finite_loss: Option<f64>,
}

/// The memory of one group of samples.
#[derive(Clone, Debug)]
struct Group<B> {
    workspace: Workspace<B>,
    loss: f64,
}

impl<B: Tensor, L: Loss, O: Optimizer<B>> Trainer<B, L, O> {
    /// With a loss and an optimiser.
    #[must_use]
    pub fn new(loss: L, optimizer: O) -> Self {
        Self {
            loss,
            optimizer,
            groups: Vec::new(),
            values: Vec::new(),
            epoch: 0,
            batch: 0,
            last_finite_loss: None,
        }
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }

    /// The optimiser, to be changed: a schedule sets its learning rate.
    pub fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// One step on a batch: forward, loss, backward, gradient, update. Returns the loss before the update.
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss, memory cannot be had, or the loss or a parameter stops
    /// being finite; the network's parameters are then unchanged.
    pub fn step<C: Activation>(&mut self, network: &mut Mlp<B, C>, samples: Samples<'_, B>) -> Result<f64, TrainError> {
        samples.check(network, &self.loss, &mut self.values)?;
        let total_weight = samples.total_weight(&mut self.values);
        if total_weight <= 0.0 {
            return Err(DataError::Empty.into());
        }
        self.step_checked(network, &samples, total_weight)
    }

    /// [`step`](Self::step) on samples that were checked and whose weights sum to `total_weight`.
    pub(super) fn step_checked<C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        samples: &Samples<'_, B>,
        total_weight: f64,
    ) -> Result<f64, TrainError> {
        let split = Split::new(samples.len(), || network.parameter_count());
        self.reserve(network, split)?;
        let (layers, activations) = network.parts_mut();
        let batch = Batch {
            activations,
            loss: &self.loss,
            samples,
            total_weight,
            split,
        };
        let mut objective = BatchLoss {
            batch,
            groups: &mut self.groups[..split.groups],
        };
        match self.optimizer.step(layers, &mut objective) {
            Ok(loss) => {
                self.last_finite_loss = Some(loss);
                Ok(loss)
            }
            Err(failure) => {
                let (layer, loss) = match failure {
                    NonFinite::Loss { loss } => (objective.first_bad_layer(layers), loss),
                    NonFinite::Parameters { layer, loss } => (Some(layer), loss),
                };
                Err(TrainError::Diverged(Diverged {
                    epoch: self.epoch,
                    batch: self.batch,
                    layer,
                    loss,
                    last_finite_loss: Some(loss).filter(|loss| loss.is_finite()).or(self.last_finite_loss),
                    learning_rate: self.optimizer.learning_rate(),
                }))
            }
        }
    }

    /// Has a workspace of the right size for each group.
    fn reserve<C: Activation>(&mut self, network: &Mlp<B, C>, split: Split) -> Result<(), TrainError> {
        let fits = |group: &Group<B>| {
            group.workspace.batch() >= split.block
                && group.workspace.layers.len() == network.layers().len()
                && group
                    .workspace
                    .gradient
                    .iter()
                    .zip(network.layers())
                    .all(|(gradient, layer)| gradient.weights.shape() == layer.weights.shape())
                && group
                    .workspace
                    .layers
                    .iter()
                    .zip(network.activations())
                    .all(|(buffers, kind)| buffers.derivative.is_none() == matches!(kind, ActivationKind::Identity(_)))
        };
        if self.groups.len() >= split.groups && self.groups.iter().all(fits) {
            return Ok(());
        }
        self.groups.clear();
        for _ in 0..split.groups {
            self.groups.push(Group {
                workspace: Workspace::new(network, split.block)?,
                loss: 0.0,
            });
        }
        Ok(())
    }
}

/// What the loss of a batch is a loss of.
struct Batch<'a, 'samples, B: Tensor, C, L> {
    activations: &'a [ActivationKind<C>],
    loss: &'a L,
    /// By reference: copied, it would cost a tiny network a hundredth of its step.
    samples: &'a Samples<'samples, B>,
    total_weight: f64,
    split: Split,
}

impl<B: Tensor, C: Activation, L: Loss> Batch<'_, '_, B, C, L> {
    /// The loss of the samples of a group, and its gradient into the group's workspace.
    fn evaluate(&self, layers: &[Dense<B>], number: usize, group: &mut Group<B>) {
        let workspace = &mut group.workspace;
        let mut sum = 0.0;
        for (block, range) in self.split.blocks(number).enumerate() {
            let part;
            let samples = if range.len() == self.samples.len() {
                self.samples
            } else {
                part = self.samples.slice(range);
                &part
            };
            pass::forward(layers, self.activations, samples.input(), workspace);
            sum += pass::loss(
                self.loss,
                samples.target(),
                samples.weights(),
                self.total_weight,
                workspace,
            );
            pass::backward(layers, workspace);
            pass::gradient(samples.input(), workspace, block > 0);
        }
        group.loss = sum;
    }
}

/// The loss of a batch as a function of the parameters.
struct BatchLoss<'a, 'samples, B: Tensor, C, L> {
    batch: Batch<'a, 'samples, B, C, L>,
    groups: &'a mut [Group<B>],
}

impl<B: Tensor, C: Activation, L: Loss> Objective<B> for BatchLoss<'_, '_, B, C, L> {
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64 {
        let Self { batch, groups } = self;
        B::for_each(groups, |i, group| batch.evaluate(layers, i, group));
        let (first, others) = groups.split_first_mut().expect("a batch has a group");
        let mut sum = first.loss;
        for other in others {
            sum += other.loss;
            for (total, part) in first.workspace.gradient.iter_mut().zip(&other.workspace.gradient) {
                total.weights.zip((&part.weights).into(), [], &Sum);
                total.bias.zip((&part.bias).into(), [], &Sum);
            }
        }
        sum / batch.total_weight
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.groups[0].workspace.gradient
    }
}

impl<B: Tensor, C: Activation, L> BatchLoss<'_, '_, B, C, L> {
    /// The first layer with an output that is not finite, for the parameters `layers`.
    fn first_bad_layer(&mut self, layers: &[Dense<B>]) -> Option<usize> {
        let workspace = &mut self.groups[0].workspace;
        let Batch {
            activations,
            samples,
            split,
            ..
        } = self.batch;
        let mut values = Vec::new();
        let blocks = (0..split.groups).flat_map(|group| split.blocks(group));
        blocks
            .filter_map(|range| {
                pass::forward(layers, activations, B::slice(samples.input(), range), workspace);
                (0..layers.len()).find(|&layer| {
                    values.clear();
                    B::read(workspace.activation(layer), &mut values);
                    !values.iter().all(|a| a.is_finite())
                })
            })
            .min()
    }
}
