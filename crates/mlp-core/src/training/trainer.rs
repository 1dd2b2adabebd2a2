use super::fingerprint::Fingerprint;
use super::learning_rate::LearningRate;
use super::objective::{Batch, BatchLoss, Group, Shaping};
use super::split::Split;
use super::{
    Clip, Diverged, Dropout, EarlyStopping, Every, History, LikelyCause, Monitor, Penalty, Position, Samples,
    StoppingState, TrainError, TrainerState,
};
use crate::backend::{Tensor, check_shape};
use crate::error::not_negative;
use crate::state::{PlateauState, StateError};
use crate::{
    Activation, Dense, HyperParameterError, Loss, Metric, Mlp, NonFinite, Optimizer, ReduceOnPlateau, Schedule,
};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Trains a network. A trainer holds the loss, the optimizer, all other training options, the progress of the training,
/// and the working memory of the steps.
///
/// The first step on the largest batch allocates the memory, and later steps allocate nothing. The batch is cut into
/// parts by a rule that depends only on sizes, and the sums of the parts are added in a fixed order. Therefore the same
/// step gives the same bits on every run and with any number of threads.
///
/// A trainer belongs to one network: its moments, its history and its best parameters are those of the network that it
/// trains. [`fit`](Self::fit), and a [`step`](Self::step) that follows it, refuse a network whose parameters are neither
/// those that the last call left nor those of the best epoch. A clone, or a network that was saved and loaded, has the
/// same parameters and is accepted. After single steps without early stopping, only the layer sizes are compared. To
/// train another network, use another trainer or [`reset`](Self::reset) this one. To go on after you changed the
/// parameters yourself, say so with [`restore`](Self::restore) and the trainer's own state:
/// `trainer.restore(trainer.state(), network.layers())`.
///
/// ```
/// use mlp_core::activations::LeakyRelu;
/// use mlp_core::{GradientDescent, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).hidden(LeakyRelu::new(0.01)?).seed(1).build()?;
/// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
///
/// let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1)?);
/// let first = trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// let second = trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// assert!(second < first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trainer<B: Tensor, L, O> {
    pub(super) loss: L,
    optimizer: O,
    shaping: Option<Box<Shaping>>,
    pub(super) rate: LearningRate,
    /// The weight decay at the factor 1, and its schedule.
    weight_decay: Option<(f64, Schedule, Every)>,
    pub(super) stopping: Option<(EarlyStopping, StoppingState<B>)>,
    pub(super) metrics: Vec<Metric>,
    pub(super) position: Position,
    pub(super) history: History,
    /// The network that the trainer belongs to, if there is one yet.
    pub(super) network: Option<Fingerprint>,
    groups: Vec<Group<B>>,
    /// The signs of the parameters, for an L1 penalty.
    signs: Vec<Dense<B>>,
    /// Scratch memory to read the weights or the class indices of a batch into.
    pub(super) values: Vec<B::Scalar>,
}

impl<B: Tensor, L: Loss, O: Optimizer<B>> Trainer<B, L, O> {
    /// Creates a trainer with a loss and an optimizer.
    #[must_use]
    pub fn new(loss: L, optimizer: O) -> Self {
        Self {
            loss,
            optimizer,
            shaping: None,
            rate: LearningRate::default(),
            weight_decay: None,
            stopping: None,
            metrics: Vec::new(),
            position: Position::default(),
            history: History::default(),
            network: None,
            groups: Vec::new(),
            signs: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Multiplies the optimizer's learning rate by a factor that follows `schedule`. Only [`fit`](Self::fit) counts
    /// epochs, so use [`Every::Batch`] if you call [`step`](Self::step) directly.
    #[must_use]
    pub fn schedule(mut self, schedule: Schedule, every: Every) -> Self {
        self.rate_mut().schedule = Some((schedule, every));
        self
    }

    /// Multiplies the weight decay `initial` of the optimizer by a factor that follows `schedule`. For another
    /// probability of dropout in each step, see [`Dropout::schedule`].
    ///
    /// ```
    /// use mlp_core::{AdamW, Every, HalfMse, Schedule, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let trainer = Trainer::<Matrix<f32>, _, _>::new(HalfMse, AdamW::new(0.01)?)
    ///     .weight_decay_schedule(0.02, Schedule::flat_cosine(1000)?, Every::Batch)?;
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if `initial` is not a finite number of at least 0, or if the optimizer has no weight decay.
    pub fn weight_decay_schedule(
        mut self,
        initial: f64,
        schedule: Schedule,
        every: Every,
    ) -> Result<Self, HyperParameterError> {
        self.optimizer.set_weight_decay(initial)?;
        self.weight_decay = Some((initial, schedule, every));
        Ok(self)
    }

    /// Reduces the learning rate when `monitor` stops improving. It can be combined with a schedule.
    #[must_use]
    pub fn reduce_on_plateau(mut self, reduce: ReduceOnPlateau, monitor: impl Into<Monitor>) -> Self {
        let monitor = monitor.into();
        self.add_metric(monitor);
        self.rate_mut().plateau = Some((reduce, monitor, PlateauState::default()));
        self
    }

    /// Adds a penalty on large weights.
    #[must_use]
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.shaping_mut().penalty = Some(penalty);
        self
    }

    /// Clips the gradient.
    #[must_use]
    pub fn clip(mut self, clip: Clip) -> Self {
        self.shaping_mut().clip = Some(clip);
        self
    }

    /// Uses dropout in the hidden layers.
    #[must_use]
    pub fn dropout(mut self, dropout: Dropout) -> Self {
        self.shaping_mut().dropout = Some(dropout);
        self
    }

    /// Uses early stopping.
    #[must_use]
    pub fn early_stopping(mut self, stopping: EarlyStopping) -> Self {
        self.add_metric(stopping.monitored());
        self.stopping = Some((stopping, StoppingState::default()));
        self
    }

    /// Records these metrics of the validation samples after each epoch in [`history`](Self::history).
    /// [`fit`](Self::fit) then requires validation samples.
    #[must_use]
    pub fn metrics(mut self, metrics: &[Metric]) -> Self {
        for &metric in metrics {
            self.add_metric(Monitor::Metric(metric));
        }
        self
    }

    fn add_metric(&mut self, monitor: Monitor) {
        if let Monitor::Metric(metric) = monitor
            && !self.metrics.contains(&metric)
        {
            self.metrics.push(metric);
            self.history.set_metrics(&self.metrics);
        }
    }

    fn shaping_mut(&mut self) -> &mut Shaping {
        self.shaping.get_or_insert_default()
    }

    fn dropout_now(&self) -> Option<&Dropout> {
        self.shaping.as_ref().and_then(|shaping| shaping.dropout.as_ref())
    }

    /// Returns the learning rate that the factors of a schedule and a plateau multiply.
    fn initial_learning_rate(&self) -> f64 {
        if self.rate.varies() {
            self.rate.initial
        } else {
            self.optimizer.learning_rate()
        }
    }

    fn rate_mut(&mut self) -> &mut LearningRate {
        self.rate.initial = self.initial_learning_rate();
        &mut self.rate
    }

    /// Returns the optimizer.
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }

    /// Returns the optimizer as a mutable reference. With a schedule or a plateau, the trainer sets the optimizer's
    /// learning rate before each step; use [`set_learning_rate`](Self::set_learning_rate) to change the initial one.
    pub fn optimizer_mut(&mut self) -> &mut O {
        &mut self.optimizer
    }

    /// Returns the learning rate of the next step: the optimizer's or, with a schedule or a plateau, the initial
    /// learning rate times their factors.
    pub fn learning_rate(&self) -> f64 {
        if self.rate.varies() {
            self.rate.at(&self.position)
        } else {
            self.optimizer.learning_rate()
        }
    }

    /// Changes the learning rate. With a schedule or a plateau, this is the initial learning rate that their factors
    /// multiply; otherwise it is the optimizer's.
    ///
    /// ```
    /// use mlp_core::{Every, GradientDescent, HalfMse, Schedule, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let mut trainer = Trainer::<Matrix<f64>, _, _>::new(HalfMse, GradientDescent::new(0.5)?)
    ///     .schedule(Schedule::warm_up(4)?, Every::Batch);
    /// trainer.set_learning_rate(0.8)?;
    /// assert_eq!(trainer.learning_rate(), 0.8 / 4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number of at least 0. The learning rate is then unchanged.
    pub fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        if self.rate.varies() {
            self.rate.initial = not_negative("learning rate", learning_rate)?;
            return Ok(());
        }
        self.optimizer.set_learning_rate(learning_rate)
    }

    /// Forgets which batches of the current epoch are done. [`fit`](Self::fit) then starts this epoch over, with any
    /// samples and options. The steps already taken are not undone. If no epoch is under way, this does nothing.
    pub fn abandon_epoch(&mut self) {
        self.position = Position {
            batch: 0,
            loss: 0.0,
            weight: 0.0,
            pass: None,
            ..self.position
        };
    }

    /// Starts over, so that the trainer accepts any network: forgets its network, all steps and epochs, the history, the
    /// best parameters, and what the optimizer and a plateau remember. The settings stay, the learning rate included.
    ///
    /// ```
    /// use mlp_core::{Adam, FitOptions, HalfMse, Mlp, Samples, TrainError, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
    /// let samples = Samples::new(&input, &input)?;
    /// let mut trainer = Trainer::new(HalfMse, Adam::new(0.1)?);
    /// for seed in 0..3 {
    ///     let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).seed(seed).build()?;
    ///     let refused = trainer.clone().fit(&mut network, samples, FitOptions::epochs(5));
    ///     assert_eq!(matches!(refused, Err(TrainError::OtherNetwork { .. })), seed > 0);
    ///     trainer.reset();
    ///     trainer.fit(&mut network, samples, FitOptions::epochs(5))?;
    ///     assert_eq!(trainer.history().epochs(), 5);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset(&mut self) {
        self.optimizer.reset();
        if let Some((_, _, state)) = &mut self.rate.plateau {
            *state = PlateauState::default();
        }
        if let Some((_, state)) = &mut self.stopping {
            *state = StoppingState::default();
        }
        self.position = Position::default();
        self.history = History::default();
        self.history.set_metrics(&self.metrics);
        self.network = None;
        self.groups.clear();
    }

    /// Returns the history of all epochs of [`fit`](Self::fit) so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the best epoch so far, from 0, according to early stopping. Returns `None` if there is none yet, or
    /// without early stopping.
    pub fn best_epoch(&self) -> Option<u64> {
        let (_, state) = self.stopping.as_ref()?;
        state.best.map(|_| state.best_epoch)
    }

    /// Gives `network` the parameters of the best epoch, according to early stopping. Returns false if there are none
    /// yet.
    ///
    /// # Panics
    /// Panics if these parameters do not have the shapes of `network`.
    #[track_caller]
    pub fn restore_best<C: Activation>(&self, network: &mut Mlp<B, C>) -> bool {
        let best = self.stopping.iter().flat_map(|(_, state)| &state.best_layers);
        let (count, layers) = (best.clone().count(), network.layers_mut());
        if count == 0 {
            return false;
        }
        check_shape("restore_best", "layers", (count, 1), (layers.len(), 1));
        for (layer, best) in layers.iter_mut().zip(best) {
            check_shape("restore_best", "weights", best.weights.shape(), layer.weights.shape());
            layer.clone_from(best);
        }
        true
    }

    /// Returns everything the trainer must remember, besides the network, to continue later exactly as if it had not
    /// stopped.
    pub fn state(&self) -> TrainerState<B> {
        TrainerState {
            optimizer: self.optimizer.state(),
            initial_learning_rate: self.initial_learning_rate(),
            schedule: self.rate.schedule.clone(),
            weight_decay: self.weight_decay.clone(),
            plateau: self.rate.plateau.map(|(_, _, state)| state),
            stopping: self.stopping.as_ref().map(|(_, state)| state.clone()),
            dropout: self.dropout_now().cloned(),
            position: self.position,
            history: self.history.clone(),
        }
    }

    /// Continues from `state`, with a network whose parameters are `layers`.
    ///
    /// The trainer must be set up like the one that `state` was taken from. The state does not contain the loss, the
    /// penalty, the bounds, the metrics or the patience. It does contain the schedules and dropout, and sets them. (To
    /// add a schedule or dropout that the state does not have, set it on the trainer after this call.)
    ///
    /// # Errors
    /// Returns an error in each of these cases. The trainer is then unchanged.
    ///
    /// - The state belongs to another kind of optimizer, or to a network of other shapes.
    /// - Only one of state and trainer has early stopping, or a reduction on a plateau.
    /// - The trainer has a schedule or dropout, but the state does not.
    /// - The state has a metric that the trainer does not have. (A metric that only the trainer has is NaN for past
    ///   epochs.)
    /// - The state contradicts itself, or contains numbers that no run can produce.
    pub fn restore(&mut self, state: TrainerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.check(layers)?;
        let with_or_without = |there: bool| if there { "a state with it" } else { "a state without it" };
        let both = |what: &'static str, here: bool, there: bool| {
            if here == there {
                Ok(())
            } else {
                Err(StateError::trainer(what, with_or_without(here), with_or_without(there)))
            }
        };
        both("early stopping", self.stopping.is_some(), state.stopping.is_some())?;
        let plateau = self.rate.plateau.is_some();
        both("reduction on a plateau", plateau, state.plateau.is_some())?;
        // A schedule or dropout that only the state has is taken over. One that only the trainer has would be lost
        // silently, so it is an error.
        let schedule = self.rate.schedule.is_some();
        both("schedule", schedule, schedule && state.schedule.is_some())?;
        let decay = self.weight_decay.is_some();
        both("weight decay schedule", decay, decay && state.weight_decay.is_some())?;
        let dropout = self.dropout_now().is_some();
        both("dropout", dropout, dropout && state.dropout.is_some())?;
        let mut metrics = state.history.metrics.iter().map(|(metric, _)| metric);
        if let Some(unknown) = metrics.find(|metric| !self.metrics.contains(metric)) {
            let names: Vec<String> = self.metrics.iter().map(ToString::to_string).collect();
            return Err(StateError::trainer("metrics", names.join(", "), unknown));
        }

        self.optimizer.restore(state.optimizer, layers)?;
        if let (Some((_, old)), Some(new)) = (&mut self.stopping, state.stopping) {
            *old = new;
        }
        if let (Some((_, _, old)), Some(new)) = (&mut self.rate.plateau, state.plateau) {
            *old = new;
        }
        self.rate.initial = state.initial_learning_rate;
        self.rate.schedule = state.schedule;
        self.weight_decay = state.weight_decay;
        if state.dropout.as_ref() != self.dropout_now() {
            self.shaping_mut().dropout = state.dropout;
        }
        self.position = state.position;
        self.history = state.history;
        self.history.set_metrics(&self.metrics);
        self.network = Some(Fingerprint::of(layers));
        Ok(())
    }

    /// Checks that `layers` are those of the trainer's network before steps change them. If it has none yet, this one
    /// becomes its network.
    pub(super) fn claim(&mut self, layers: &[Dense<B>]) -> Result<(), TrainError> {
        let got = Fingerprint::of(layers);
        let best = |(_, state): &(_, StoppingState<B>)| Fingerprint::of(&state.best_layers) == got;
        if let Some(expected) = &self.network
            && !expected.matches(&got)
            && !self.stopping.as_ref().is_some_and(best)
        {
            return Err(TrainError::OtherNetwork {
                expected: expected.layer_sizes.clone(),
                got: got.layer_sizes,
            });
        }
        self.network = Some(got.of_sizes());
        Ok(())
    }

    /// Takes one step on a batch: forward pass, loss, backward pass, gradient, update. Returns the loss before the
    /// update, including the penalty if there is one.
    ///
    /// # Errors
    /// Returns an error if the samples do not fit the network or the loss, if the trainer belongs to another network, if
    /// memory cannot be allocated, or if the loss or a parameter stops being finite. The last case includes samples and
    /// parameters that were not finite in the first place. The network's parameters are then unchanged.
    pub fn step<C: Activation>(&mut self, network: &mut Mlp<B, C>, samples: Samples<'_, B>) -> Result<f64, TrainError> {
        let (kind, rows) = (self.loss.target_kind(), self.loss.target_rows(network.outputs()));
        let total_weight = samples.check(network, kind, rows, &mut self.values)?;
        if self.network.as_ref().is_some_and(Fingerprint::has_parameters) {
            self.claim(network.layers())?;
        }
        match self.step_checked(network, &samples, total_weight) {
            Ok(loss) => {
                // Early stopping may overwrite the parameters later. Without it, a step is spared this pass over them.
                if self.stopping.is_some() {
                    self.network = Some(Fingerprint::of(network.layers()));
                }
                Ok(loss)
            }
            // A step by itself belongs to no pass of `fit`.
            Err(TrainError::Diverged(diverged)) => Err(TrainError::Diverged(Diverged { pass: None, ..diverged })),
            Err(other) => Err(other),
        }
    }

    /// Takes a [`step`](Self::step) on samples that have been checked and whose weights sum to `total_weight`.
    pub(super) fn step_checked<C: Activation>(
        &mut self,
        network: &mut Mlp<B, C>,
        samples: &Samples<'_, B>,
        total_weight: f64,
    ) -> Result<f64, TrainError> {
        let split = Split::new(samples.len(), || network.parameter_count());
        self.reserve(network, split)?;
        if self.rate.varies() {
            self.optimizer.set_learning_rate(self.rate.at(&self.position))?;
        }
        if let Some((initial, schedule, every)) = &self.weight_decay {
            let factor = every.factor(schedule, &self.position);
            self.optimizer.set_weight_decay(initial * factor)?;
        }
        let (layers, activations) = network.parts_mut();
        let batch = Batch {
            activations,
            loss: &self.loss,
            samples,
            total_weight,
            split,
            shaping: self.shaping.as_deref(),
            step: self.position.steps,
        };
        let mut objective = BatchLoss {
            batch,
            groups: &mut self.groups[..split.groups],
            signs: &mut self.signs,
            first_loss: None,
            pending: false,
        };
        match B::with_float_environment(|| self.optimizer.step(layers, &mut objective)) {
            Ok(loss) => {
                self.position.last_finite_loss = Some(loss);
                self.position.steps += 1;
                Ok(loss)
            }
            Err(failure) => {
                // An optimizer that fails before it evaluates the objective does not know the loss.
                let loss = objective.first_loss.unwrap_or(f64::NAN);
                let layer = match failure {
                    NonFinite::Loss { .. } => objective.first_bad_layer(layers),
                    NonFinite::Gradient { layer } | NonFinite::Parameters { layer } => Some(layer),
                };
                // `step` checks this only after a failure, so that a successful step does not pay for it. `fit` has
                // already checked it.
                samples.check_finite(&mut self.values)?;
                check_parameters(layers)?;
                let gradient = matches!(failure, NonFinite::Gradient { .. });
                let finite = Some(loss).filter(|loss| loss.is_finite());
                let last_finite_loss = finite.or(self.position.last_finite_loss);
                Err(TrainError::Diverged(Diverged {
                    step: self.position.steps,
                    epoch: self.position.epoch,
                    batch: self.position.batch,
                    pass: self.position.pass,
                    layer,
                    gradient,
                    loss,
                    last_finite_loss,
                    learning_rate: self.optimizer.learning_rate(),
                    likely_cause: if gradient
                        || last_finite_loss.is_none()
                        || samples.squares_overflow(&mut self.values)
                    {
                        LikelyCause::Data
                    } else {
                        LikelyCause::LearningRate
                    },
                }))
            }
        }
    }

    /// Makes sure that each group has a workspace of the right size. A network of other layer sizes is an error.
    fn reserve<C: Activation>(&mut self, network: &Mlp<B, C>, split: Split) -> Result<(), TrainError> {
        let (layers, activations) = (network.layers(), network.activations());
        if !Group::all_fit(&self.groups, layers, activations, split) {
            self.claim(layers)?;
            self.signs.clear();
            self.groups.clear();
            self.groups = Group::allocate(layers, activations, split)?;
        }
        Ok(())
    }
}

/// Checks that all parameters are finite.
pub(super) fn check_parameters<B: Tensor>(layers: &[Dense<B>]) -> Result<(), TrainError> {
    let bad = |(layer, dense): (usize, &Dense<B>)| Some((layer, dense.first_not_finite()?));
    match layers.iter().enumerate().find_map(bad) {
        Some((layer, got)) => Err(TrainError::Parameters { layer, got }),
        None => Ok(()),
    }
}
