use super::range::share;
use crate::HyperParameterError;
use crate::error::below_one;

/// Reduces the learning rate when a loss has stopped falling. When more than `patience` epochs in a row are not better
/// than the best one, the factor of the learning rate is multiplied by `factor`, down to `min_factor`.
///
/// ```text
/// v < best - threshold |best|:   best = v,  bad_epochs = 0
/// otherwise:                     bad_epochs + 1;  if it is above patience:
///                                f <- max(f factor, min_factor),  bad_epochs = 0
/// ```
///
/// v is the epoch's value, and f the factor of the initial learning rate, which is 1 at first. The defaults are
/// threshold = 1e-4 and min_factor = 0. This is `torch.optim.lr_scheduler.ReduceLROnPlateau` with `mode="min"`,
/// `threshold_mode="rel"`, no cool-down, and `eps=0`, so a reduction counts however small it is. A value that is NaN or
/// infinite is never better.
///
/// One thing differs from PyTorch: there, the bound is best (1 - threshold), which is above a best value that is
/// negative, so a flat or slowly rising negative value counts as better for ever. For values above 0 the two are equal.
///
/// This type holds the configuration. A [`PlateauState`] holds the progress of a training, which is all that a
/// checkpoint has to store.
///
/// ```
/// use mlp_core::ReduceOnPlateau;
/// use mlp_core::state::PlateauState;
///
/// let plateau = ReduceOnPlateau::new(0.5, 1)?;
/// let mut state = PlateauState::default();
/// let factors = [3.0, 2.0, 2.0, 2.0, 1.0].map(|loss| {
///     plateau.observe(&mut state, loss);
///     state.factor
/// });
/// assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5]);
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReduceOnPlateau {
    factor: f64,
    patience: u64,
    threshold: f64,
    min_factor: f64,
}

impl ReduceOnPlateau {
    /// Creates a reduction by `factor` after more than `patience` epochs in a row that were not better.
    ///
    /// # Errors
    /// If `factor` is not a number above 0 and below 1.
    pub fn new(factor: f64, patience: u64) -> Result<Self, HyperParameterError> {
        if !(factor > 0.0 && factor < 1.0) {
            return Err(HyperParameterError::new(
                "factor",
                "a number above 0 and below 1",
                factor,
            ));
        }
        Ok(Self {
            factor,
            patience,
            threshold: 1e-4,
            min_factor: 0.0,
        })
    }

    /// Sets the threshold, which is 1e-4 by default: the share of the best value's size by which a value must be lower
    /// to be better. If the best value is 0, any lower value is better.
    ///
    /// # Errors
    /// If `threshold` is not a number of at least 0 and below 1.
    pub fn threshold(self, threshold: f64) -> Result<Self, HyperParameterError> {
        let threshold = below_one("threshold", threshold)?;
        Ok(Self { threshold, ..self })
    }

    /// Sets the least factor of the initial learning rate, which is 0 by default.
    ///
    /// # Errors
    /// If `min_factor` is not a number from 0 to 1.
    pub fn min_factor(self, min_factor: f64) -> Result<Self, HyperParameterError> {
        let min_factor = share("min_factor", min_factor)?;
        Ok(Self { min_factor, ..self })
    }

    /// Updates `state` with the value of an epoch, such as its validation loss; lower is better. Returns true if that
    /// reduced the factor.
    pub fn observe(&self, state: &mut PlateauState, value: f64) -> bool {
        let better = state
            .best
            .is_none_or(|best| value < best * (1.0 - self.threshold.copysign(best)));
        self.advance(state, value, better)
    }

    /// Like [`observe`](Self::observe), but for a value where higher is better, such as an accuracy. A better value is
    /// one with v > best + threshold |best|. This is `mode="max"` of PyTorch, with the same difference for negative
    /// values.
    pub fn observe_rising(&self, state: &mut PlateauState, value: f64) -> bool {
        let better = state
            .best
            .is_none_or(|best| value > best * (1.0 + self.threshold.copysign(best)));
        self.advance(state, value, better)
    }

    fn advance(&self, state: &mut PlateauState, value: f64, better: bool) -> bool {
        if better && value.is_finite() {
            state.best = Some(value);
            state.bad_epochs = 0;
            return false;
        }
        state.bad_epochs = state.bad_epochs.saturating_add(1);
        // With a patience of 2^64 - 1, the count saturates there and never exceeds it.
        if state.bad_epochs <= self.patience {
            return false;
        }
        state.bad_epochs = 0;
        let before = state.factor;
        state.factor = (before * self.factor).max(self.min_factor);
        state.factor < before
    }
}

/// The progress of a [`ReduceOnPlateau`].
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlateauState {
    /// The factor of the initial learning rate.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub factor: f64,
    /// The best value so far, counting only improvements by the threshold; `None` if no value was finite yet.
    #[cfg_attr(feature = "serde", serde(with = "crate::state::numbers"))]
    pub best: Option<f64>,
    /// How many epochs in a row were not better, since the best one or the last reduction.
    pub bad_epochs: u64,
}

/// The state before the first epoch, with factor 1.
impl Default for PlateauState {
    fn default() -> Self {
        Self {
            factor: 1.0,
            best: None,
            bad_epochs: 0,
        }
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(
    ReduceOnPlateau {
        factor: f64,
        patience: u64,
        threshold: f64,
        min_factor: f64
    },
    |it| Self::new(it.factor, it.patience)
        .and_then(|_| it.threshold(it.threshold))
        .and_then(|_| it.min_factor(it.min_factor))
);

#[cfg(feature = "serde")]
crate::serialize::checked!(
    PlateauState {
        #[serde(with = "crate::state::numbers")]
        factor: f64,
        #[serde(with = "crate::state::numbers")]
        best: Option<f64>,
        bad_epochs: u64,
    },
    |it| share("factor", it.factor).map(|_| it)
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn factors(plateau: ReduceOnPlateau, values: &[f64]) -> Vec<f64> {
        let mut state = PlateauState::default();
        let mut factors = Vec::new();
        for &value in values {
            let before = state.factor;
            assert_eq!(plateau.observe(&mut state, value), state.factor < before);
            factors.push(state.factor);
        }
        factors
    }

    #[test]
    fn patience_counts_epochs_in_a_row() {
        let plateau = ReduceOnPlateau::new(0.5, 2).unwrap();
        assert_eq!(factors(plateau, &[1.0; 7]), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25]);
        assert_eq!(factors(plateau, &[3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0])[5..], [1.0, 0.5]);
        let at_once = ReduceOnPlateau::new(0.5, 0).unwrap();
        assert_eq!(factors(at_once, &[1.0, 1.0, 0.5, 0.75]), [1.0, 0.5, 0.5, 0.25]);
        let never = ReduceOnPlateau::new(0.5, u64::MAX).unwrap();
        let mut state = PlateauState {
            bad_epochs: u64::MAX,
            ..PlateauState::default()
        };
        assert!(!never.observe(&mut state, f64::NAN));
        assert_eq!(state.bad_epochs, u64::MAX);
    }

    #[test]
    fn better_is_lower_by_the_threshold() {
        let plateau = ReduceOnPlateau::new(0.5, 0).unwrap().threshold(0.25).unwrap();
        assert_eq!(factors(plateau, &[4.0, 3.0]), [1.0, 0.5], "equal to the bound");
        assert_eq!(factors(plateau, &[4.0, 2.9375, 2.25]), [1.0, 1.0, 0.5]);
        let exact = plateau.threshold(0.0).unwrap();
        assert_eq!(
            factors(exact, &[4.0, 3.9999999999999996, 3.9999999999999996]),
            [1.0, 1.0, 0.5]
        );
    }

    #[test]
    fn the_factor_stops_at_the_least() {
        let plateau = ReduceOnPlateau::new(0.5, 0).unwrap().min_factor(0.375).unwrap();
        assert_eq!(factors(plateau, &[1.0; 4]), [1.0, 0.5, 0.375, 0.375]);
    }

    #[test]
    fn values_that_are_not_finite_are_never_better() {
        let plateau = ReduceOnPlateau::new(0.5, 0).unwrap();
        for observe in [ReduceOnPlateau::observe, ReduceOnPlateau::observe_rising] {
            let mut state = PlateauState::default();
            for (value, factor) in [(f64::NAN, 0.5), (f64::INFINITY, 0.25), (f64::NEG_INFINITY, 0.125)] {
                assert!(observe(&plateau, &mut state, value));
                assert_eq!((state.best, state.factor), (None, factor));
            }
            assert!(!observe(&plateau, &mut state, 1.0));
            assert_eq!(state.best, Some(1.0));
            for value in [f64::INFINITY, f64::NEG_INFINITY] {
                assert!(observe(&plateau, &mut state, value));
                assert_eq!(state.best, Some(1.0));
            }
        }
    }

    #[test]
    fn numbers_outside_their_range_are_named() {
        let message = |result: Result<ReduceOnPlateau, HyperParameterError>| std::format!("{}", result.unwrap_err());
        for factor in [0.0, 1.0, -0.5, f64::NAN] {
            let expected = std::format!("factor: expected a number above 0 and below 1, got {factor}");
            assert_eq!(message(ReduceOnPlateau::new(factor, 1)), expected);
        }
        let plateau = ReduceOnPlateau::new(0.1, 10).unwrap();
        assert_eq!(
            message(plateau.threshold(1.0)),
            "threshold: expected a number of at least 0 and below 1, got 1"
        );
        assert_eq!(
            message(plateau.min_factor(1.5)),
            "min_factor: expected a number from 0 to 1, got 1.5"
        );
        assert!(plateau.threshold(0.0).is_ok() && plateau.min_factor(0.0).is_ok() && plateau.min_factor(1.0).is_ok());
    }
}
