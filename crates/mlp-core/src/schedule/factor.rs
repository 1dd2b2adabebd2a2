//! The factor of a schedule at a given time.

use super::cosine::rise_and_fall;
use super::{Form, Schedule};
use crate::Scalar;

impl Schedule {
    /// Returns the factor of the initial learning rate in step t = 0, 1, 2, ..., a finite number of at least 0.
    #[must_use]
    pub fn factor(&self, t: u64) -> f64 {
        match &self.0 {
            Form::Constant => 1.0,
            Form::Step { every, gamma } => power(*gamma, t / every),
            Form::Exponential { gamma } => power(*gamma, t),
            // t is converted before 1 is added, so there is no overflow.
            Form::InverseScaling { power } => Scalar::exp(-power * Scalar::ln(t as f64 + 1.0)),
            Form::Cosine { steps, min_factor } => {
                let done = t.min(*steps);
                between(1.0, *min_factor, done as f64, (steps - done) as f64)
            }
            Form::WarmUp { steps } if t < *steps => (t + 1) as f64 / *steps as f64,
            Form::WarmUp { .. } => 1.0,
            Form::OneCycle {
                steps,
                rise,
                divisor,
                final_divisor,
            } => {
                let (start, end) = (1.0 / divisor, 1.0 / divisor / final_divisor);
                let last = (steps - 1) as f64;
                let t = t.min(steps - 1) as f64;
                let peak = rise * *steps as f64 - 1.0;
                if t < peak {
                    between(start, 1.0, t, peak - t)
                } else if peak < last {
                    between(1.0, end, t - peak, last - t)
                } else {
                    // The whole cycle is a rise, and t is at or after its end.
                    1.0
                }
            }
            Form::FlatCosine { steps } => {
                let (done, steps) = (t.min(*steps) as f64, *steps as f64);
                let (_, fall) = rise_and_fall((2.0 * done - steps).max(0.0), steps.min(2.0 * (steps - done)));
                fall
            }
            Form::CosineLog { steps, .. } if t >= *steps => 0.0,
            Form::CosineLog { cycles, steps } => {
                let stretch = power(2.0, *cycles) - 1.0;
                let waves = Scalar::log2(1.0 + stretch * (t as f64 / *steps as f64));
                // The distance to the nearest end of a wave, at which the cosine is the same.
                let distance = (waves - Scalar::floor(waves + 0.5)).abs();
                let (rise, _) = rise_and_fall(2.0 * distance, 1.0 - 2.0 * distance);
                rise
            }
            Form::Then { first, steps, second } => match t.checked_sub(*steps) {
                None => first.factor(t),
                Some(t) => second.factor(t),
            },
            Form::Times(a, b) => finite(a.factor(t) * b.factor(t)),
        }
    }
}

/// Returns `x`, or the largest finite number if that is less.
fn finite(x: f64) -> f64 {
    x.min(f64::MAX)
}

/// Computes base^exponent by repeated squaring.
fn power(base: f64, mut exponent: u64) -> f64 {
    let (mut square, mut power) = (base, 1.0);
    while exponent > 0 {
        if exponent % 2 == 1 {
            power *= square;
        }
        square *= square;
        exponent /= 2;
    }
    finite(power)
}

/// Interpolates by half a cosine from `from` (nothing done) to `to` (nothing left). Both ends are exact.
fn between(from: f64, to: f64, done: f64, left: f64) -> f64 {
    let (rise, fall) = rise_and_fall(done, left);
    from * fall + to * rise
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::PI;

    fn assert_near(what: &str, got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-14 * expected,
            "{what}: expected {expected}, got {got}"
        );
    }

    /// Each schedule is compared with its formula, evaluated by `libm`.
    #[test]
    fn factors_follow_the_formulas() {
        let step = Schedule::step(7, 0.3).unwrap();
        let exponential = Schedule::exponential(0.97).unwrap();
        let inverse = Schedule::inverse_scaling(0.7).unwrap();
        let cosine = Schedule::cosine(50, 0.1).unwrap();
        let warm_up = Schedule::warm_up(12).unwrap();
        let warm_cosine = warm_up.clone().then(12, Schedule::cosine(30, 0.1).unwrap());
        let cycle = Schedule::one_cycle(50, 0.25, 10.0, 100.0).unwrap();
        let (flat, log) = (Schedule::flat_cosine(49).unwrap(), Schedule::cosine_log(4, 49).unwrap());
        for t in 0..50 {
            let x = t as f64;
            assert_eq!(Schedule::constant().factor(t), 1.0);
            assert_near("step", step.factor(t), libm::pow(0.3, libm::floor(x / 7.0)));
            assert_near("exponential", exponential.factor(t), libm::pow(0.97, x));
            assert_near("inverse scaling", inverse.factor(t), libm::pow(x + 1.0, -0.7));
            let half_wave = (1.0 + libm::cos(PI * x / 50.0)) / 2.0;
            assert_near("cosine", cosine.factor(t), 0.1 + 0.9 * half_wave);
            assert_eq!(warm_up.factor(t), f64::min(1.0, (x + 1.0) / 12.0), "warm-up {t}");
            let expected = if x < 11.5 {
                0.1 + 0.9 * (1.0 - libm::cos(PI * x / 11.5)) / 2.0
            } else {
                0.001 + 0.999 * (1.0 + libm::cos(PI * (x - 11.5) / 37.5)) / 2.0
            };
            let error = (cycle.factor(t) - expected).abs();
            let half_wave = (1.0 + libm::cos(PI * (x - 12.0) / 30.0)) / 2.0;
            let expected_warm = match t {
                ..12 => (x + 1.0) / 12.0,
                12..42 => 0.1 + 0.9 * half_wave,
                _ => 0.1,
            };
            assert_near("cosine with warm-up", warm_cosine.factor(t), expected_warm);
            assert!(error < 1e-15, "one cycle {t}: {} != {expected}", cycle.factor(t));
            let expected = match t {
                ..25 => 1.0,
                25..49 => (1.0 + libm::cos(PI * (2.0 * x / 49.0 - 1.0))) / 2.0,
                _ => 0.0,
            };
            let error = (flat.factor(t) - expected).abs();
            assert!(error < 1e-15, "flat cosine {t}: {} != {expected}", flat.factor(t));
            let waves = libm::log2(1.0 + 15.0 * x / 49.0);
            let error = (log.factor(t) - (1.0 - libm::cos(2.0 * PI * waves)) / 2.0).abs();
            assert!(error < 1e-14, "cosine of a logarithm {t}: {}", log.factor(t));
        }
    }

    #[test]
    fn schedules_stay_at_their_ends() {
        let cosine = Schedule::cosine(3, 0.125).unwrap();
        assert_eq!(
            [0, 3, 4, u64::MAX].map(|t| cosine.factor(t)),
            [1.0, 0.125, 0.125, 0.125]
        );
        assert_eq!(Schedule::warm_up(2).unwrap().factor(u64::MAX), 1.0);
        assert_eq!(Schedule::warm_up(u64::MAX).unwrap().factor(u64::MAX - 1), 1.0);
        let late = Schedule::inverse_scaling(1.0).unwrap().factor(u64::MAX);
        assert_near("late", late, libm::ldexp(1.0, -64));
        assert_eq!(Schedule::inverse_scaling(0.0).unwrap().factor(9), 1.0);
        let flat = |steps| Schedule::flat_cosine(steps).unwrap();
        assert_eq!([0, 1, 2, u64::MAX].map(|t| flat(1).factor(t)), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!([1, 2, 4, 5].map(|t| flat(4).factor(t)), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(flat(u64::MAX).factor(u64::MAX / 2), 1.0);
        let log = |steps| Schedule::cosine_log(64, steps).unwrap();
        assert_eq!([0, 1, 2, u64::MAX].map(|t| log(1).factor(t)), [0.0; 4]);
        assert_eq!([0, 9, 10].map(|t| log(9).factor(t)), [0.0; 3]);
        let cycle = Schedule::one_cycle(4, 0.5, 4.0, 2.0).unwrap();
        assert_eq!(
            [0, 1, 3, 4, u64::MAX].map(|t| cycle.factor(t)),
            [0.25, 1.0, 0.125, 0.125, 0.125]
        );
    }

    #[test]
    fn a_cycle_may_consist_of_one_way() {
        let rise = Schedule::one_cycle(5, 1.0, 4.0, 2.0).unwrap();
        assert_eq!([0, 4, 5, 9].map(|t| rise.factor(t)), [0.25, 1.0, 1.0, 1.0]);
        // The rise ends one step before the first step, and the fall begins there.
        let fall = Schedule::one_cycle(5, 0.0, 4.0, 2.0).unwrap();
        assert_near(
            "first",
            fall.factor(0),
            0.125 + 0.875 * (1.0 + libm::cos(PI / 5.0)) / 2.0,
        );
        assert_eq!([4, 5].map(|t| fall.factor(t)), [0.125; 2]);
        // The rise ends with the first step, so there is nothing to rise from.
        assert_eq!(Schedule::one_cycle(4, 0.25, 4.0, 2.0).unwrap().factor(0), 1.0);
        assert_eq!(Schedule::one_cycle(1, 1.0, 4.0, 2.0).unwrap().factor(0), 1.0);
        assert_eq!(Schedule::one_cycle(1, 0.3, 4.0, 2.0).unwrap().factor(0), 0.125);
    }

    #[test]
    fn compositions_count_and_multiply() {
        let half = Schedule::exponential(0.5).unwrap();
        let then = half.clone().then(3, half.clone());
        assert_eq!([0, 1, 2, 3, 4].map(|t| then.factor(t)), [1.0, 0.5, 0.25, 1.0, 0.5]);
        assert_eq!(half.clone().then(0, Schedule::constant()).factor(0), 1.0);
        let inner = Schedule::constant().then(1, half.clone().then(2, Schedule::step(1, 0.25).unwrap()));
        assert_eq!([0, 1, 2, 3, 4].map(|t| inner.factor(t)), [1.0, 1.0, 0.5, 1.0, 0.25]);
        assert_eq!(half.clone().times(half).factor(3), 1.0 / 64.0);
    }

    #[test]
    fn factors_are_finite_and_not_negative() {
        let growing = Schedule::exponential(2.0).unwrap();
        assert_eq!(growing.factor(1023), libm::ldexp(1.0, 1023));
        let dying = Schedule::exponential(0.5).unwrap();
        let zero = Schedule::cosine(1, 0.0).unwrap();
        for (schedule, expected) in [
            (growing.clone(), f64::MAX),
            (growing.clone().times(growing.clone()), f64::MAX),
            (dying.clone(), 0.0),
            (growing.clone().times(dying), 0.0),
            (growing.times(zero), 0.0),
            (Schedule::step(1, f64::MAX).unwrap(), f64::MAX),
            (Schedule::inverse_scaling(f64::MAX).unwrap(), 0.0),
            (Schedule::one_cycle(1, 0.0, f64::MAX, f64::MAX).unwrap(), 0.0),
        ] {
            for t in [2000, u64::MAX] {
                assert_eq!(schedule.factor(t), expected, "{schedule:?}, t = {t}");
            }
        }
    }

    /// The bits are the same with and without the standard library, on every machine.
    #[test]
    fn bits_are_fixed() {
        let cycle = Schedule::one_cycle(100, 0.3, 25.0, 10000.0).unwrap();
        let cosine = Schedule::cosine(33, 0.1).unwrap();
        let slow = Schedule::inverse_scaling(0.5).unwrap();
        let step = Schedule::step(7, 0.9).unwrap();
        let schedule = cycle.then(90, cosine).times(slow.times(step));
        let sum = (0..130).fold(0_u64, |sum, t| {
            sum.wrapping_mul(31).wrapping_add(schedule.factor(t).to_bits())
        });
        assert_eq!(sum, 12_218_786_807_803_407_192);
    }
}
