//! Schedules: the learning rate as a function of time and of progress.

mod constructors;
mod cosine;
mod factor;
mod plateau;
mod plateau_text;
mod range;
mod reader;
mod text;

pub use plateau::{PlateauState, ReduceOnPlateau};
pub use reader::ScheduleError;

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
/// | [`cosine(steps, least)`](Self::cosine) | half a cosine from 1 down to `least`, constant from t = `steps` on |
/// | [`warm_up(steps)`](Self::warm_up) | (t + 1) / steps, at most 1 |
/// | [`one_cycle(..)`](Self::one_cycle) | half a cosine up to 1, another down |
/// | [`a.then(steps, b)`](Self::then) | a(t) for t < steps, then b(t - steps) |
/// | [`a.times(b)`](Self::times) | a(t) b(t) |
///
/// A factor is a finite number of at least 0. If it would overflow, it is the largest finite number. Its bits are the
/// same on every machine.
///
/// # As text
/// A schedule displays as the expression that creates it, and that text parses to an equal schedule. This serves
/// checkpoints, command lines and configuration files.
///
/// ```
/// use mlp_core::Schedule;
///
/// // Five epochs rising to the learning rate, then 95 falling to a hundredth of it.
/// let schedule = Schedule::warm_up(5)?.then(5, Schedule::cosine(95, 0.01)?);
/// assert_eq!((schedule.factor(0), schedule.factor(4)), (0.2, 1.0));
/// assert_eq!((schedule.factor(5), schedule.factor(100)), (1.0, 0.01));
///
/// let text = "then(warm_up(5), 5, cosine(95, 0.01))";
/// assert_eq!(schedule.to_string(), text);
/// assert_eq!(text.parse(), Ok(schedule));
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Form);

/// The form of a [`Schedule`]. The numbers are in their ranges, and the depth is at most [`Schedule::MAX_DEPTH`], which
/// bounds the stack of everything that descends into a schedule: computing its factor, writing its text, dropping it.
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
        least: f64,
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
    Then {
        first: Box<Schedule>,
        steps: u64,
        second: Box<Schedule>,
    },
    Times(Box<Schedule>, Box<Schedule>),
}

impl Schedule {
    /// How deep [`then`](Self::then) and [`times`](Self::times) may nest; a schedule without them is 1 deep.
    pub const MAX_DEPTH: usize = 128;

    fn depth(&self) -> usize {
        match &self.0 {
            Form::Then { first, second, .. } | Form::Times(first, second) => 1 + first.depth().max(second.depth()),
            _ => 1,
        }
    }
}
