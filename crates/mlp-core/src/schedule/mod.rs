//! Schedules: the learning rate as a function of time and of progress.

mod constructors;
mod cosine;
mod factor;
mod plateau;
mod range;

pub use plateau::{PlateauState, ReduceOnPlateau};

use alloc::boxed::Box;

/// A factor of the learning rate as a function of time. In step t = 0, 1, 2, ... (an epoch or a batch), the learning
/// rate is the initial one times `factor(t)`.
///
/// | | factor(t) |
/// |---|---|
/// | [`constant()`](Self::constant) | 1 |
/// | [`step(every, gamma)`](Self::step) | gamma^floor(t / every) |
/// | [`exponential(gamma)`](Self::exponential) | gamma^t |
/// | [`inverse_scaling(power)`](Self::inverse_scaling) | (t + 1)^-power |
/// | [`cosine(steps, min_factor)`](Self::cosine) | half a cosine from 1 down to `min_factor`, constant from t = `steps` on |
/// | [`warm_up(steps)`](Self::warm_up) | (t + 1) / steps, at most 1 |
/// | [`one_cycle(..)`](Self::one_cycle) | half a cosine up to 1, another down |
/// | [`flat_cosine(steps)`](Self::flat_cosine) | 1 for the first half of the steps, then half a cosine down to 0 |
/// | [`cosine_log(cycles, steps)`](Self::cosine_log) | cosine waves from 0 to 1 and back, each twice as long as the one before; then 0 |
/// | [`a.then(steps, b)`](Self::then) | a(t) for t < steps, then b(t - steps) |
/// | [`a.times(b)`](Self::times) | a(t) b(t) |
///
/// A factor is a finite number of at least 0. If it would overflow, it is the largest finite number. Its bits are the
/// same on every machine.
///
/// ```
/// use mlp_core::Schedule;
///
/// // Five epochs rising to the learning rate, then 95 falling to a hundredth of it.
/// let schedule = Schedule::warm_up(5)?.then(5, Schedule::cosine(95, 0.01)?);
/// assert_eq!((schedule.factor(0), schedule.factor(4)), (0.2, 1.0));
/// assert_eq!((schedule.factor(5), schedule.factor(100)), (1.0, 0.01));
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Form);

/// The form of a [`Schedule`]. The numbers are in their ranges, and the depth is at most [`Schedule::MAX_DEPTH`], which
/// bounds the stack of everything that descends into a schedule: computing its factor, serializing it, dropping it.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", deny_unknown_fields)
)]
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Constant,
    Step {
        every: u64,
        gamma: f64,
    },
    Exponential {
        gamma: f64,
    },
    InverseScaling {
        power: f64,
    },
    Cosine {
        steps: u64,
        min_factor: f64,
    },
    WarmUp {
        steps: u64,
    },
    OneCycle {
        steps: u64,
        rise: f64,
        divisor: f64,
        final_divisor: f64,
    },
    FlatCosine {
        steps: u64,
    },
    CosineLog {
        cycles: u64,
        steps: u64,
    },
    Then {
        first: Box<Schedule>,
        steps: u64,
        second: Box<Schedule>,
    },
    Times(Box<Schedule>, Box<Schedule>),
}

impl Schedule {
    /// How deep [`then`](Self::then) and [`times`](Self::times) may nest; a schedule without them is 1 deep. As JSON,
    /// each level takes two levels of nesting, of which many readers allow 127.
    pub const MAX_DEPTH: usize = 50;

    fn depth(&self) -> usize {
        match &self.0 {
            Form::Then { first, second, .. } | Form::Times(first, second) => 1 + first.depth().max(second.depth()),
            _ => 1,
        }
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(Schedule(Form), |it| match it.0 {
    Form::Constant => Ok(Self::constant()),
    Form::Step { every, gamma } => Self::step(every, gamma),
    Form::Exponential { gamma } => Self::exponential(gamma),
    Form::InverseScaling { power } => Self::inverse_scaling(power),
    Form::Cosine { steps, min_factor } => Self::cosine(steps, min_factor),
    Form::WarmUp { steps } => Self::warm_up(steps),
    Form::OneCycle {
        steps,
        rise,
        divisor,
        final_divisor,
    } => Self::one_cycle(steps, rise, divisor, final_divisor),
    Form::FlatCosine { steps } => Self::flat_cosine(steps),
    Form::CosineLog { cycles, steps } => Self::cosine_log(cycles, steps),
    // The parts have been checked as schedules of their own.
    Form::Then { .. } | Form::Times(..) if it.depth() > Self::MAX_DEPTH => {
        let (expected, got) = ("at most 50", it.depth() as f64);
        Err(crate::HyperParameterError::new("nested schedules", expected, got))
    }
    Form::Then { .. } | Form::Times(..) => Ok(it),
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "then: expected schedules nested at most 50 deep, got 51"]
    fn a_schedule_nested_too_deep_panics() {
        let one = Schedule::constant();
        let _ = (0..50).fold(one.clone(), |schedule, _| one.clone().then(1, schedule));
    }
}
