//! The functions that create schedules.

use super::range::{at_least_one, count, share};
use super::{Form, Schedule};
use crate::HyperParameterError;
use crate::error::{in_range, not_negative, positive};
use alloc::boxed::Box;

impl Schedule {
    /// Creates the schedule whose factor is always 1.
    #[must_use]
    pub fn constant() -> Self {
        Self(Form::Constant)
    }

    /// Creates the schedule gamma^floor(t / every), which is multiplied by `gamma` after every `every` steps. It is
    /// `torch.optim.lr_scheduler.StepLR`.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// let schedule = Schedule::step(30, 0.5)?;
    /// assert_eq!([0, 29, 30, 59, 60].map(|t| schedule.factor(t)), [1.0, 1.0, 0.5, 0.5, 0.25]);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Errors
    /// If `every` is 0, or `gamma` is not a finite number above 0.
    pub fn step(every: u64, gamma: f64) -> Result<Self, HyperParameterError> {
        let (every, gamma) = (count("every", every)?, positive("gamma", gamma)?);
        Ok(Self(Form::Step { every, gamma }))
    }

    /// Creates the schedule gamma^t. It is `torch.optim.lr_scheduler.ExponentialLR`.
    ///
    /// The power is computed as a product of squares. It is exact if `gamma` is a power of two; otherwise its relative
    /// error is below t 2^-53. With a gamma above 1 the learning rate rises, which shows at which rate training begins
    /// to diverge.
    ///
    /// # Errors
    /// If `gamma` is not a finite number above 0.
    pub fn exponential(gamma: f64) -> Result<Self, HyperParameterError> {
        let gamma = positive("gamma", gamma)?;
        Ok(Self(Form::Exponential { gamma }))
    }

    /// Creates the schedule (t + 1)^-power. It is `learning_rate="invscaling"` of scikit-learn's `MLPClassifier`, whose
    /// `power_t` is 0.5 by default and whose t counts samples.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// assert!((Schedule::inverse_scaling(0.5)?.factor(99) - 0.1).abs() < 1e-15);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Errors
    /// If `power` is not a finite number of at least 0.
    pub fn inverse_scaling(power: f64) -> Result<Self, HyperParameterError> {
        let power = not_negative("power", power)?;
        Ok(Self(Form::InverseScaling { power }))
    }

    /// Creates the schedule min_factor + (1 - min_factor) (1 + cos(pi t / steps)) / 2 for t < steps, then `min_factor`:
    /// half a cosine. It is `torch.optim.lr_scheduler.CosineAnnealingLR`, except that PyTorch's rises again after
    /// `steps`. For restarts, see [`then`](Self::then).
    ///
    /// Source: I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts* (ICLR 2017), equation
    /// 5.
    ///
    /// # Errors
    /// If `steps` is 0, or `min_factor` is not a number from 0 to 1.
    pub fn cosine(steps: u64, min_factor: f64) -> Result<Self, HyperParameterError> {
        let (steps, min_factor) = (count("steps", steps)?, share("min_factor", min_factor)?);
        Ok(Self(Form::Cosine { steps, min_factor }))
    }

    /// Creates the schedule (t + 1) / steps for t < steps, then 1. It rises linearly: the first step is small, and step
    /// `steps` - 1 is the first with the full learning rate.
    ///
    /// # Errors
    /// If `steps` is 0.
    pub fn warm_up(steps: u64) -> Result<Self, HyperParameterError> {
        let steps = count("steps", steps)?;
        Ok(Self(Form::WarmUp { steps }))
    }

    /// Creates a schedule of one cycle. It rises from 1 / divisor to 1 during the first `rise` (a share) of `steps`,
    /// then falls to 1 / (divisor final_divisor), where it stays from t = steps - 1 on. Both ways are half a cosine:
    ///
    /// ```text
    /// p = rise steps - 1                                                    the peak
    /// h(x) = (1 - cos(pi x)) / 2                                            from 0 to 1
    /// factor(t) = a + (1 - a) h(t / p)                      t < p           a = 1 / divisor
    /// factor(t) = 1 - (1 - b) h((t - p) / (steps - 1 - p))  t >= p          b = a / final_divisor
    /// ```
    ///
    /// The initial learning rate is the highest of the cycle. The schedule is `torch.optim.lr_scheduler.OneCycleLR`
    /// with its cosine. PyTorch calls `rise`, `divisor` and `final_divisor` `pct_start`, `div_factor` and
    /// `final_div_factor`; their defaults there are 0.3, 25 and 1e4. The momentum is not changed.
    ///
    /// Source: L. N. Smith, N. Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    /// Rates* (2019).
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// let schedule = Schedule::one_cycle(100, 0.3, 25.0, 1e4)?;
    /// assert_eq!([0, 29, 99, 1000].map(|t| schedule.factor(t)), [0.04, 1.0, 4e-6, 4e-6]);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Errors
    /// If `steps` is 0, `rise` is not a number from 0 to 1, or a divisor is not a finite number of at least 1.
    pub fn one_cycle(steps: u64, rise: f64, divisor: f64, final_divisor: f64) -> Result<Self, HyperParameterError> {
        Ok(Self(Form::OneCycle {
            steps: count("steps", steps)?,
            rise: share("rise", rise)?,
            divisor: at_least_one("divisor", divisor)?,
            final_divisor: at_least_one("final divisor", final_divisor)?,
        }))
    }

    /// Creates the schedule that is 1 for t < steps / 2, then (1 + cos(pi (2 t / steps - 1))) / 2, and 0 from t = `steps`
    /// on. It is `flat_cos` of pytabkit.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// let schedule = Schedule::flat_cosine(8)?;
    /// assert_eq!([0, 4, 8, 9].map(|t| schedule.factor(t)), [1.0, 1.0, 0.0, 0.0]);
    /// assert!((schedule.factor(6) - 0.5).abs() < 1e-15);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// Source: D. Holzmueller, L. Grinsztajn, I. Steinwart, *Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
    /// on Tabular Data* (NeurIPS 2024).
    ///
    /// # Errors
    /// If `steps` is 0.
    pub fn flat_cosine(steps: u64) -> Result<Self, HyperParameterError> {
        let steps = count("steps", steps)?;
        Ok(Self(Form::FlatCosine { steps }))
    }

    /// Creates a schedule of cosine waves, each twice as long as the one before:
    ///
    /// ```text
    /// factor(t) = (1 - cos(2 pi log2(1 + (2^cycles - 1) t / steps))) / 2      t < steps
    /// ```
    ///
    /// It is 0 at t = 0, between two waves, and from t = `steps` on. With 4 cycles it is `coslog4` of pytabkit.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// // A wave of one step, one of two and one of four.
    /// let schedule = Schedule::cosine_log(3, 7)?;
    /// let lows = [0, 1, 3, 7, 8].map(|t| schedule.factor(t));
    /// assert!(lows.iter().all(|factor| *factor < 1e-30));
    /// assert!(schedule.factor(2) > 0.9);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// Source: see [`flat_cosine`](Self::flat_cosine).
    ///
    /// # Errors
    /// If `cycles` is not a whole number from 1 to 64, or `steps` is 0.
    pub fn cosine_log(cycles: u64, steps: u64) -> Result<Self, HyperParameterError> {
        let within = (1..=64).contains(&cycles);
        in_range("cycles", "a whole number from 1 to 64", cycles as f64, within)?;
        let steps = count("steps", steps)?;
        Ok(Self(Form::CosineLog { cycles, steps }))
    }

    /// Returns a schedule that is `self` for the first `steps` steps, then `next`, whose steps count from 0 again. It
    /// is `torch.optim.lr_scheduler.SequentialLR`.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// // A cosine with two restarts.
    /// let cosine = Schedule::cosine(10, 0.0)?;
    /// let restarts = cosine.clone().then(10, cosine.clone()).then(20, cosine);
    /// assert_eq!([0, 10, 20].map(|t| restarts.factor(t)), [1.0; 3]);
    /// assert!(restarts.factor(19) < 0.03);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Panics
    /// If the result is nested more than [`MAX_DEPTH`](Self::MAX_DEPTH) deep.
    #[must_use]
    #[track_caller]
    pub fn then(self, steps: u64, next: Self) -> Self {
        check_depth("then", &self, &next);
        Self(Form::Then {
            first: Box::new(self),
            steps,
            second: Box::new(next),
        })
    }

    /// Returns a schedule whose factor is the product of both factors, for example to add a warm-up to another schedule
    /// that starts at the same time.
    ///
    /// ```
    /// # use mlp_core::Schedule;
    /// let schedule = Schedule::warm_up(4)?.times(Schedule::step(2, 0.5)?);
    /// assert_eq!([0, 1, 2, 3, 4].map(|t| schedule.factor(t)), [0.25, 0.5, 0.375, 0.5, 0.25]);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    ///
    /// # Panics
    /// If the result is nested more than [`MAX_DEPTH`](Self::MAX_DEPTH) deep.
    #[must_use]
    #[track_caller]
    pub fn times(self, other: Self) -> Self {
        check_depth("times", &self, &other);
        Self(Form::Times(Box::new(self), Box::new(other)))
    }
}

#[track_caller]
fn check_depth(operation: &str, a: &Schedule, b: &Schedule) {
    let depth = 1 + a.depth().max(b.depth());
    assert!(
        depth <= Schedule::MAX_DEPTH,
        "{operation}: expected schedules nested at most {} deep, got {depth}",
        Schedule::MAX_DEPTH
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn numbers_outside_their_range_are_refused_by_name() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (schedule, expected) in [
            (
                Schedule::step(0, 0.5),
                "every: expected a whole number of at least 1, got 0",
            ),
            (Schedule::step(1, 0.0), "gamma: expected a finite number above 0, got 0"),
            (
                Schedule::step(1, inf),
                "gamma: expected a finite number above 0, got inf",
            ),
            (
                Schedule::exponential(-1.0),
                "gamma: expected a finite number above 0, got -1",
            ),
            (
                Schedule::exponential(nan),
                "gamma: expected a finite number above 0, got NaN",
            ),
            (
                Schedule::inverse_scaling(-0.5),
                "power: expected a finite number of at least 0, got -0.5",
            ),
            (
                Schedule::inverse_scaling(inf),
                "power: expected a finite number of at least 0, got inf",
            ),
            (
                Schedule::cosine(0, 0.5),
                "steps: expected a whole number of at least 1, got 0",
            ),
            (
                Schedule::cosine(1, -0.1),
                "min_factor: expected a number from 0 to 1, got -0.1",
            ),
            (
                Schedule::cosine(1, 1.5),
                "min_factor: expected a number from 0 to 1, got 1.5",
            ),
            (
                Schedule::warm_up(0),
                "steps: expected a whole number of at least 1, got 0",
            ),
            (
                Schedule::flat_cosine(0),
                "steps: expected a whole number of at least 1, got 0",
            ),
            (
                Schedule::cosine_log(0, 9),
                "cycles: expected a whole number from 1 to 64, got 0",
            ),
            (
                Schedule::cosine_log(65, 9),
                "cycles: expected a whole number from 1 to 64, got 65",
            ),
            (
                Schedule::cosine_log(4, 0),
                "steps: expected a whole number of at least 1, got 0",
            ),
            (
                Schedule::one_cycle(9, 1.5, 2.0, 2.0),
                "rise: expected a number from 0 to 1, got 1.5",
            ),
            (
                Schedule::one_cycle(9, 0.5, 0.5, 2.0),
                "divisor: expected a finite number of at least 1, got 0.5",
            ),
            (
                Schedule::one_cycle(9, 0.5, 2.0, inf),
                "final divisor: expected a finite number of at least 1, got inf",
            ),
        ] {
            assert_eq!(schedule.unwrap_err().to_string(), expected);
        }
    }
}
