use super::{Monitor, StoppingState};
use crate::error::not_negative;
use crate::{Dense, HyperParameterError};

/// Early stopping: training ends when the monitored value has not improved on its best for `patience` epochs. A value
/// that is NaN or infinite is never an improvement.
///
/// When patience or the requested epochs end, the network gets the parameters of the best epoch. Observers see the
/// network as the last step left it, in [`Event::Stop`](super::Event::Stop) too, so a checkpoint that they save resumes
/// with the same bits. If the same trainer is to go on in another call of [`fit`](super::Trainer::fit), use
/// [`keep_last`](Self::keep_last).
///
/// Only validation measures how good the parameters after an epoch are. The training loss is measured before each step.
/// If the training loss is monitored, no parameters are kept, and the network stays as the last step left it.
///
/// Source: L. Prechelt, *Early Stopping -- But When?* (Neural Networks: Tricks of the Trade, 1998).
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{EarlyStopping, FitOptions, HalfMse, Mlp, Momentum, Samples, StopReason, Trainer};
/// use mlp_cpu::Matrix;
///
/// let sine = |from: f64| {
///     let input = Matrix::from_fn(1, 10, |_, j| from + 0.2 * j as f64);
///     let target = Matrix::from_fn(1, 10, |_, j| input[(0, j)].sin() + 0.1 * (9 * j % 7) as f64);
///     (input, target)
/// };
/// let (train, held_out) = (sine(0.0), sine(0.1));
/// let data = Samples::new(&train.0, &train.1)?.with_validation(Samples::new(&held_out.0, &held_out.1)?);
///
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 20, 1]).hidden(Tanh).build()?;
/// let mut trainer = Trainer::new(HalfMse, Momentum::new(0.05, 0.9)?)
///     .early_stopping(EarlyStopping::new(20));
/// let fitted = trainer.fit(&mut network, data, FitOptions::epochs(100_000))?;
/// let StopReason::Patience { best_epoch: Some(best_epoch) } = fitted.stop else { panic!("it went on") };
/// assert_eq!(trainer.history().epochs() as u64, best_epoch + 1 + 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    patience: u64,
    min_change: f64,
    monitor: Monitor,
    pub(super) keep_last: bool,
}

impl EarlyStopping {
    /// Stops after `patience` epochs without an improvement of the validation loss (or of the training loss, if there
    /// are no validation samples).
    ///
    /// Training always ends with an epoch that is not an improvement, so a patience of 0 means the same as 1.
    #[must_use]
    pub fn new(patience: u64) -> Self {
        Self {
            patience,
            min_change: 0.0,
            monitor: Monitor::Loss,
            keep_last: false,
        }
    }

    /// Leaves the network with the parameters of the last epoch when training ends.
    /// [`Trainer::restore_best`](super::Trainer::restore_best) gives it those of the best epoch.
    #[must_use]
    pub fn keep_last(mut self) -> Self {
        self.keep_last = true;
        self
    }

    /// Monitors this value instead of the loss.
    #[must_use]
    pub fn monitor(mut self, monitor: impl Into<Monitor>) -> Self {
        self.monitor = monitor.into();
        self
    }

    /// Counts a value as an improvement only if it is better than the best by more than `min_change`, which is 0 by
    /// default.
    ///
    /// # Errors
    /// Returns an error if `min_change` is not a finite number of at least 0.
    pub fn min_change(mut self, min_change: f64) -> Result<Self, HyperParameterError> {
        self.min_change = not_negative("min_change", min_change)?;
        Ok(self)
    }

    /// Returns the value that is monitored.
    pub fn monitored(&self) -> Monitor {
        self.monitor
    }

    /// Returns true if training ends in `state`.
    pub(super) fn is_over<B>(&self, state: &StoppingState<B>) -> bool {
        state.epochs_since >= self.patience.max(1)
    }

    /// Observes the value after an epoch and returns true if it is an improvement. For a value of validation samples,
    /// `layers` are the parameters that it belongs to.
    pub(super) fn observe<B: Clone>(
        &self,
        state: &mut StoppingState<B>,
        epoch: u64,
        value: f64,
        layers: Option<&[Dense<B>]>,
    ) -> bool {
        let better = match state.best {
            Some(best) if self.monitor.rises() => value > best + self.min_change,
            Some(best) => value < best - self.min_change,
            None => true,
        };
        let improved = better && value.is_finite();
        if improved {
            state.best = Some(value);
            state.best_epoch = epoch;
            state.epochs_since = 0;
            state.best_layers = layers.unwrap_or_default().to_vec();
        } else {
            state.epochs_since += 1;
        }
        improved
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(
    EarlyStopping {
        patience: u64,
        min_change: f64,
        monitor: Monitor,
        keep_last: bool
    },
    |it| it.min_change(it.min_change)
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;

    /// Returns which of `values` are improvements.
    fn improvements<const N: usize>(stopping: EarlyStopping, values: [f64; N]) -> [bool; N] {
        let mut state = StoppingState::<()>::default();
        let mut epoch = 0;
        values.map(|value| {
            epoch += 1;
            stopping.observe(&mut state, epoch, value, None)
        })
    }

    #[test]
    fn an_improvement_is_better_by_more_than_the_minimum_change() {
        let plain = EarlyStopping::new(9);
        let values = [f64::NAN, 1.0, 1.0, 0.75, f64::NAN, 0.5, 2.0];
        let falling = [false, true, false, true, false, true, false];
        assert_eq!(improvements(plain, values), falling);
        let rising = [false, true, false, false, false, false, true];
        assert_eq!(improvements(plain.monitor(Metric::Accuracy), values), rising);

        // An infinite value is not an improvement, neither as the first value nor as a later one.
        let infinite = f64::INFINITY;
        for (monitor, second) in [(Monitor::Loss, 0.5), (Metric::Accuracy.into(), 2.0)] {
            let values = [infinite, -infinite, 1.0, infinite, -infinite, second];
            let expected = [false, false, true, false, false, true];
            assert_eq!(improvements(plain.monitor(monitor), values), expected, "{monitor:?}");
        }

        let demanding = plain.min_change(0.5).unwrap();
        let values = [1.0, 0.75, 0.5, 0.25, 0.75, 1.25];
        assert_eq!(
            improvements(demanding, values),
            [true, false, false, true, false, false]
        );
        let values = [1.0, 1.25, 1.5, 1.75, 2.25, 2.5];
        let rising = [true, false, false, true, false, true];
        assert_eq!(improvements(demanding.monitor(Metric::Accuracy), values), rising);
    }

    #[test]
    fn values_of_any_sign_are_compared_alike() {
        // Both directions meet flat values, worse ones, hardly better ones, and pass through 0.
        let stopping = EarlyStopping::new(9).min_change(0.25).unwrap();
        let values = [1.0, 1.0, 1.5, 0.875, 0.0, -0.0, -0.125, -1.0, -1.0, -0.9, -1.125, -2.0];
        let expected = [0, 4, 7, 11];
        let expected = core::array::from_fn(|i| expected.contains(&i));
        assert_eq!(improvements(stopping, values), expected, "falling");
        let rising = stopping.monitor(Metric::R2);
        assert_eq!(improvements(rising, values.map(|value| -value)), expected, "rising");
    }

    #[test]
    fn a_patience_of_0_ends_with_the_first_epoch_that_is_not_an_improvement() {
        for patience in [0, 1] {
            let (stopping, mut state) = (EarlyStopping::new(patience), StoppingState::<()>::default());
            assert!(!stopping.is_over(&state), "before the first epoch");
            stopping.observe(&mut state, 0, 1.0, None);
            assert!(!stopping.is_over(&state), "after an improvement");
            stopping.observe(&mut state, 1, 1.0, None);
            assert!(stopping.is_over(&state), "after an epoch without improvement");
        }
    }
}
