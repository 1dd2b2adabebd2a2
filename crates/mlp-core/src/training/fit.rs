use super::evaluate::Evaluator;
use super::fingerprint::Fingerprint;
use super::random::generator;
use super::trainer::check_parameters;
use super::{
    Dataset, Event, Monitor, Pass, Position, Progress, Samples, StopReason, TrainError, Trainer, TrainingData,
};
use crate::backend::Tensor;
use crate::error::eq_by_debug;
use crate::metric::class_count;
use crate::{Activation, Loss, Metric, Mlp, Optimizer};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use rand::seq::SliceRandom;

/// The number of epochs, the batch size and the order in which training goes through a data set.
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
    /// Whether the epochs before this call count too.
    in_total: bool,
    batch_size: Option<usize>,
    shuffle: Option<u64>,
}

impl FitOptions {
    /// Trains for `epochs` more epochs, each of them one full batch. The rest of an epoch that is under way counts as
    /// one epoch.
    pub fn epochs(epochs: u64) -> Self {
        Self {
            epochs,
            in_total: false,
            batch_size: None,
            shuffle: None,
        }
    }

    /// Trains until the trainer has done `epochs` epochs in total. Use this to resume interrupted training.
    pub fn until(epochs: u64) -> Self {
        Self {
            in_total: true,
            ..Self::epochs(epochs)
        }
    }

    /// Returns the epoch to stop before, for a trainer whose next epoch is `next`.
    fn end(self, next: u64) -> u64 {
        self.epochs.saturating_add(if self.in_total { 0 } else { next })
    }

    /// Trains in mini-batches of `batch_size` samples. The last one of an epoch may be smaller.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = Some(batch_size);
        self
    }

    /// Shuffles the samples anew in each epoch. The order depends only on `seed` and on the number of the epoch, so
    /// training that is interrupted and resumed does the same as uninterrupted training.
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.shuffle = Some(seed);
        self
    }
}

/// How a call of [`Trainer::fit`] ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FitReport {
    /// Why training ended.
    pub stop: StopReason,
    /// The number of epochs that this call completed.
    pub epochs: u64,
    /// The loss of the last epoch, as in [`History::loss`](super::History::loss); NaN if no epoch has ever been
    /// completed.
    pub loss: f64,
}

eq_by_debug! { FitReport }

impl<B: Tensor, L: Loss, O: Optimizer<B>> Trainer<B, L, O> {
    /// Trains `network` with the given data and options. It prints nothing: [`history`](Self::history) has the losses
    /// afterwards, and [`fit_with`](Self::fit_with) takes an observer.
    ///
    /// `data` is either [`Samples`] to train on, or such samples together with validation samples
    /// ([`Samples::with_validation`]), which are never trained on.
    ///
    /// A trainer counts its epochs. A hundred calls of one epoch do, bit for bit, the same as one call of 100 epochs,
    /// including the schedule, early stopping and the optimizer's state. (With early stopping, the network has the best
    /// parameters after each call; for training in several calls, use
    /// [`EarlyStopping::keep_last`](super::EarlyStopping::keep_last).)
    ///
    /// ```
    /// use mlp_core::{FitOptions, GradientDescent, Mlp, Samples, SoftmaxCrossEntropy, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-2.0], [-1.0], [1.0], [2.0]]);
    /// let class = Matrix::from_columns(&[[0.0], [0.0], [1.0], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 2]).build()?;
    ///
    /// let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.1)?);
    /// let options = FitOptions::epochs(100).batch_size(2).shuffle(7);
    /// trainer.fit(&mut network, Samples::new(&input, &class)?, options)?;
    /// let losses = &trainer.history().loss;
    /// assert!(losses[99] < 0.1 * losses[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error in each of these cases:
    ///
    /// - A number in the data or a parameter is not finite.
    /// - The samples do not fit the network or the loss.
    /// - The trainer belongs to another network, see [`Trainer`].
    /// - The batch size is 0.
    /// - Memory cannot be allocated.
    /// - Metrics are requested, but there are no validation samples.
    /// - A metric does not fit the targets, or belongs to a class that does not exist.
    /// - An epoch is under way and cannot continue with these samples and options.
    /// - The loss or a parameter stops being finite. The network then holds the parameters from before the step that
    ///   failed, and the epoch is abandoned (see [`Diverged`](super::Diverged)).
    pub fn fit<'a, C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        data: impl Into<TrainingData<'a, B>>,
        options: FitOptions,
    ) -> Result<FitReport, TrainError> {
        self.fit_dyn(network, data.into(), options, &mut |_| ControlFlow::Continue(()))
    }

    /// Trains like [`fit`](Self::fit), with an `observer` that receives each [`Event`] and can end the training.
    ///
    /// If the observer ends the training in the middle of an epoch, the next call of `fit` continues there. The last
    /// event is always [`Event::Stop`], even if an error follows. If `fit` rejects its arguments, there are no events
    /// at all.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use mlp_core::{Event, FitOptions, GradientDescent, HalfMse, Mlp, Samples, StopReason, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
    /// let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1)?);
    /// let samples = Samples::new(&input, &input)?;
    /// let fitted = trainer.fit_with(&mut network, samples, FitOptions::epochs(1000), |progress| {
    ///     match progress.event {
    ///         Event::Epoch { epoch, loss, .. } => {
    ///             println!("Epoch {epoch} - Loss: {loss:.6}");
    ///             if loss < 1e-6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///         }
    ///         _ => ControlFlow::Continue(()),
    ///     }
    /// })?;
    /// assert_eq!(fitted.stop, StopReason::Observer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`fit`](Self::fit).
    pub fn fit_with<'a, C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        data: impl Into<TrainingData<'a, B>>,
        options: FitOptions,
        mut observer: impl FnMut(Progress<'_, B, C>) -> ControlFlow<()>,
    ) -> Result<FitReport, TrainError> {
        self.fit_dyn(network, data.into(), options, &mut observer)
    }

    /// Does the work of [`fit_with`](Self::fit_with), compiled once for all observers.
    fn fit_dyn<C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        data: TrainingData<'_, B>,
        options: FitOptions,
        observer: &mut Observer<'_, B, C>,
    ) -> Result<FitReport, TrainError> {
        let pass = self.check(network, &data, options)?;
        let end = options.end(self.position.epoch);
        self.history.reserve(end.saturating_sub(self.position.epoch));
        let mut batches = Batches::new(data.train, pass);
        let mut evaluator = data.validation.map(|samples| Evaluator::new(network, samples.len()));
        let first = self.position.epoch;
        let stop = loop {
            if let Some((stopping, state)) = &self.stopping
                && stopping.is_over(state)
            {
                break StopReason::Patience {
                    best_epoch: self.best_epoch(),
                };
            }
            if self.position.epoch >= end {
                break StopReason::Epochs;
            }
            match self.epoch(network, &mut batches, observer) {
                Ok(flow) if flow.is_break() => break StopReason::Observer,
                Ok(_) => {}
                Err(error) => {
                    if matches!(error, TrainError::Diverged(_)) {
                        self.abandon_epoch();
                    }
                    let _ = self.notify(network, Event::Stop(StopReason::Error), observer);
                    self.network = Some(Fingerprint::of(network.layers()));
                    return Err(error);
                }
            }
            let validation = data.validation.zip(evaluator.as_mut());
            if self.end_epoch(network, validation, observer).is_break() {
                break StopReason::Observer;
            }
        };
        // Training has ended, so the observer's return value is ignored.
        let _ = self.notify(network, Event::Stop(stop), observer);
        if let Some((stopping, _)) = &self.stopping
            && !stopping.keep_last
            && stop != StopReason::Observer
        {
            self.restore_best(network);
        }
        self.network = Some(Fingerprint::of(network.layers()));
        Ok(FitReport {
            stop,
            epochs: self.position.epoch - first,
            loss: self.history.loss.last().copied().unwrap_or(f64::NAN),
        })
    }

    /// Checks that the metrics, which include the one that is monitored, can be computed.
    fn check_metrics(&self, outputs: usize, validated: bool) -> Result<(), TrainError> {
        let target_kind = self.loss.target_kind();
        let classes = class_count(target_kind, outputs);
        let problem_of = |metric: Metric| match metric {
            Metric::TopK(0) => Some("expected at least 1 as the number of best classes, got 0".to_owned()),
            _ if !metric.applies_to(target_kind) => Some(format!(
                "not defined for {target_kind:?} targets, which this loss takes; choose another metric"
            )),
            _ if metric.class().is_some_and(|class| class >= classes) => {
                Some(format!("expected a class from 0 to {}", classes - 1))
            }
            _ if !validated => {
                Some("needs validation samples, but none were given; add `.with_validation(..)`".to_owned())
            }
            _ => None,
        };
        let mut problems = self
            .metrics
            .iter()
            .filter_map(|&metric| Some((metric, problem_of(metric)?)));
        match problems.next() {
            Some((metric, problem)) => Err(TrainError::Metric { metric, problem }),
            None => Ok(()),
        }
    }

    /// Checks everything that the caller provides, before anything changes.
    fn check<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        data: &TrainingData<'_, B>,
        options: FitOptions,
    ) -> Result<Pass, TrainError> {
        let train = data.train;
        let (kind, rows) = (self.loss.target_kind(), self.loss.target_rows(network.outputs()));
        for samples in [Some(train), data.validation].into_iter().flatten() {
            samples.check_all(network, kind, rows, &mut self.values)?;
        }
        check_parameters(network.layers())?;
        self.check_metrics(network.outputs(), data.validation.is_some())?;
        let batch_size = options.batch_size.unwrap_or(train.len()).min(train.len());
        if batch_size == 0 {
            return Err(TrainError::BatchSize);
        }
        let pass = Pass {
            samples: train.len(),
            batch_size,
            shuffle: options.shuffle,
        };
        match self.position.pass {
            Some(expected) if expected != pass => Err(TrainError::Pass { expected, got: pass }),
            _ => self.claim(network.layers()).map(|()| pass),
        }
    }

    /// Runs the rest of the epoch that is under way, or a new epoch.
    fn epoch<C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        batches: &mut Batches<'_, B>,
        observer: &mut Observer<'_, B, C>,
    ) -> Result<ControlFlow<()>, TrainError> {
        batches.draw(self.position.epoch);
        self.position.pass = Some(batches.pass);
        while self.position.batch < batches.count() {
            let batch = self.position.batch;
            let samples = batches.get(batch);
            let weight = samples.total_weight(&mut self.values);
            // If every sample of a batch has weight 0, the batch has no loss and no gradient.
            if weight <= 0.0 {
                self.position.batch += 1;
                continue;
            }
            let loss = self.step_checked(network, &samples, weight)?;
            self.position.weight += weight;
            // Keep a mean, because the sum of finite losses may be infinite. With a single batch, the mean has exactly
            // the bits of that batch's loss.
            self.position.loss += (loss - self.position.loss) * (weight / self.position.weight);
            self.position.batch += 1;
            let event = Event::Batch {
                epoch: self.position.epoch,
                batch,
                batches: batches.count(),
                loss,
                learning_rate: self.optimizer().learning_rate(),
            };
            if self.notify(network, event, observer).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Does what follows the last batch of an epoch: validation, history, learning rate, early stopping.
    fn end_epoch<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        validation: Option<(Samples<'_, B>, &mut Evaluator<B>)>,
        observer: &mut Observer<'_, B, C>,
    ) -> ControlFlow<()> {
        let Position { epoch, loss, .. } = self.position;
        let validation =
            validation.map(|(samples, evaluator)| evaluator.evaluate(network, &self.loss, samples, &self.metrics));
        let learning_rate = self.optimizer().learning_rate();
        self.history.push(learning_rate, loss, validation.as_ref());
        self.abandon_epoch();
        self.position.epoch += 1;
        let value_of = |monitor: Monitor| monitor.last_value(&self.history, validation.is_some());
        if let Some((reduce, monitor, state)) = &mut self.rate.plateau {
            let value = value_of(*monitor);
            if monitor.rises() {
                reduce.observe_rising(state, value);
            } else {
                reduce.observe(state, value);
            }
        }
        let improvement = self.stopping.as_mut().and_then(|(stopping, state)| {
            let monitor = stopping.monitored();
            let of_validation = validation.is_some() && monitor != Monitor::TrainingLoss;
            let (best, layers) = (value_of(monitor), of_validation.then(|| network.layers()));
            let improved = stopping.observe(state, epoch, best, layers);
            improved.then_some(Event::Improvement { epoch, best })
        });
        let validation_loss = validation.map(|it| it.loss);
        let ended = Event::Epoch {
            epoch,
            loss,
            validation_loss,
        };
        let mut flow = ControlFlow::Continue(());
        for event in [Some(ended), improvement].into_iter().flatten() {
            if self.notify(network, event, observer).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        flow
    }

    fn notify<C>(&self, network: &Mlp<B, C>, event: Event, observer: &mut Observer<'_, B, C>) -> ControlFlow<()> {
        observer(Progress {
            event,
            network,
            history: &self.history,
            snapshot: &|| self.state(),
        })
    }
}

/// The observer of [`Trainer::fit_with`].
type Observer<'a, B, C> = dyn FnMut(Progress<'_, B, C>) -> ControlFlow<()> + 'a;

/// The batches of an epoch: consecutive ranges of the samples, or samples gathered in a random order.
struct Batches<'a, B: Tensor> {
    samples: Samples<'a, B>,
    pass: Pass,
    order: Vec<usize>,
    /// The memory of a shuffled batch.
    gathered: Dataset<B>,
}

impl<'a, B: Tensor> Batches<'a, B> {
    fn new(samples: Samples<'a, B>, pass: Pass) -> Self {
        let gathered = if pass.shuffle.is_some() { pass.batch_size } else { 0 };
        Self {
            samples,
            pass,
            order: Vec::new(),
            gathered: Dataset::zeros(samples, gathered),
        }
    }

    fn count(&self) -> usize {
        self.pass.samples.div_ceil(self.pass.batch_size)
    }

    /// Draws the order of `epoch`.
    fn draw(&mut self, epoch: u64) {
        if let Some(seed) = self.pass.shuffle {
            self.order.clear();
            self.order.extend(0..self.pass.samples);
            self.order.shuffle(&mut generator(seed, &[epoch]));
        }
    }

    fn get(&mut self, batch: usize) -> Samples<'_, B> {
        let start = batch * self.pass.batch_size;
        let range = start..self.pass.samples.min(start + self.pass.batch_size);
        match self.pass.shuffle {
            Some(_) => self.gathered.gather(self.samples, &self.order[range]),
            None => self.samples.slice(range),
        }
    }
}
