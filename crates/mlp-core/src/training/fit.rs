use super::{Samples, TrainError, Trainer};
use crate::{Activation, Columns, Loss, Mlp, Optimizer, Tensor};
use alloc::vec::Vec;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

/// How to go through a data set: how many epochs, in what batches, in what order.
///
/// ```
/// use mlp_core::FitOptions;
///
/// let full_batch = FitOptions::epochs(100);
/// let mini_batches = FitOptions::epochs(10).batch_size(32).shuffle(7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct FitOptions {
    epochs: u64,
    batch_size: Option<usize>,
    shuffle: Option<u64>,
}

impl FitOptions {
    /// `epochs` times through the data, each time as one batch.
    pub fn epochs(epochs: u64) -> Self {
        Self {
            epochs,
            batch_size: None,
            shuffle: None,
        }
    }

    /// In mini-batches of `batch_size` samples; the last one of an epoch may be smaller.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self {
            batch_size: Some(batch_size),
            ..self
        }
    }

    /// In an order drawn anew for each epoch. It depends on `seed` and on the number of the epoch only: training that
    /// is interrupted and taken up again goes the same way as training that is not.
    pub fn shuffle(self, seed: u64) -> Self {
        Self {
            shuffle: Some(seed),
            ..self
        }
    }
}

/// What an observer is told after each epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Epoch<'a, B, C> {
    /// The number of the epoch, from 0; a trainer that goes on counts on.
    pub epoch: u64,
    /// The loss: the mean over the epoch's batches, each before its update and counted by its samples (or their
    /// weights). In training on the full batch that is the loss before the update.
    pub loss: f64,
    /// The network after the epoch.
    pub network: &'a Mlp<B, C>,
}

impl<B: Tensor, L: Loss, O: Optimizer<B>> Trainer<B, L, O> {
    /// Trains `network` on `samples` as `options` say; `observer` is called after each epoch. Nothing is printed.
    ///
    /// A trainer counts its epochs: two calls of 50 epochs do, bit for bit, what one call of 100 does.
    ///
    /// ```
    /// use mlp_core::{FitOptions, GradientDescent, Mlp, Samples, SoftmaxCrossEntropy, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-2.0], [-1.0], [1.0], [2.0]]);
    /// let class = Matrix::from_columns(&[[0.0], [0.0], [1.0], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 2]).build()?;
    ///
    /// let mut trainer = Trainer::new(SoftmaxCrossEntropy::with_classes(), GradientDescent::new(0.1)?);
    /// let options = FitOptions::epochs(100).batch_size(2).shuffle(7);
    /// let mut losses = Vec::new();
    /// trainer.fit(&mut network, Samples::new(&input, &class)?, options, |epoch| losses.push(epoch.loss))?;
    /// assert!(losses[99] < 0.1 * losses[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss, the batch size is 0, memory cannot be had, or the loss or a
    /// parameter stops being finite. In the last case the network holds the parameters from before the step that
    /// failed.
    pub fn fit<C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        samples: Samples<'_, B>,
        options: FitOptions,
        mut observer: impl FnMut(Epoch<'_, B, C>),
    ) -> Result<(), TrainError> {
        samples.check(network, &self.loss, &mut self.values)?;
        let size = options.batch_size.unwrap_or(samples.len()).min(samples.len());
        if size == 0 {
            return Err(TrainError::BatchSize);
        }
        let mut order: Vec<usize> = Vec::new();
        let mut gathered = Gathered::zeros(samples, if options.shuffle.is_some() { size } else { 0 });
        for _ in 0..options.epochs {
            if let Some(seed) = options.shuffle {
                order.clear();
                order.extend(0..samples.len());
                order.shuffle(&mut generator(seed, self.epoch));
            }
            let (mut loss, mut weight) = (0.0, 0.0);
            for (batch, start) in (0..samples.len()).step_by(size).enumerate() {
                let range = start..samples.len().min(start + size);
                let part = match options.shuffle {
                    Some(_) => gathered.gather(samples, &order[range]),
                    None => samples.slice(range),
                };
                self.batch = batch;
                let part_weight = part.total_weight(&mut self.values);
                // A batch in which every sample has weight 0 has no loss and no gradient.
                if part_weight > 0.0 {
                    loss += self.step_checked(network, &part, part_weight)? * part_weight;
                    weight += part_weight;
                }
            }
            observer(Epoch {
                epoch: self.epoch,
                loss: loss / weight,
                network,
            });
            self.epoch += 1;
            self.batch = 0;
        }
        Ok(())
    }
}

/// The generator of one epoch's order.
fn generator(seed: u64, epoch: u64) -> Xoshiro256PlusPlus {
    // Multiples of 2^64 over the golden ratio keep neighbouring epochs of neighbouring seeds apart.
    Xoshiro256PlusPlus::seed_from_u64(seed ^ epoch.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A batch of samples collected from all over the data set.
struct Gathered<B> {
    input: B,
    target: B,
    weights: Option<B>,
}

impl<B: Tensor> Gathered<B> {
    fn zeros(like: Samples<'_, B>, size: usize) -> Self {
        Self {
            input: B::zeros(like.input().shape().0, size),
            target: B::zeros(like.target().shape().0, size),
            weights: like.weights().map(|_| B::zeros(1, size)),
        }
    }

    fn gather(&mut self, samples: Samples<'_, B>, indices: &[usize]) -> Samples<'_, B> {
        self.input.gather(0, samples.input(), indices);
        self.target.gather(0, samples.target(), indices);
        if let (Some(weights), Some(all)) = (&mut self.weights, samples.weights()) {
            weights.gather(0, all, indices);
        }
        Samples::of_parts(
            (&self.input).into(),
            (&self.target).into(),
            self.weights.as_ref().map(Into::into),
        )
        .slice(0..indices.len())
    }
}
