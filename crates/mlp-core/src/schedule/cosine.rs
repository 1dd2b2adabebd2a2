//! Half a cosine wave with the same bits everywhere. The system's cosine differs between machines.

/// Returns the rise (1 - cos(pi x)) / 2 from 0 to 1 and the fall (1 + cos(pi x)) / 2 from 1 to 0, at x = done / (done +
/// left), for `done` and `left` of at least 0 that are not both 0.
///
/// They are sin^2(pi x / 2) and cos^2(pi x / 2). The lesser one is computed as a square and the greater one as 1 minus
/// it. So both have full relative accuracy, even near an end, and add up to 1.
pub(super) fn rise_and_fall(done: f64, left: f64) -> (f64, f64) {
    let lesser = |part: f64| {
        let sin = sin(core::f64::consts::FRAC_PI_2 * (part / (done + left)));
        sin * sin
    };
    if done <= left {
        let rise = lesser(done);
        (rise, 1.0 - rise)
    } else {
        let fall = lesser(left);
        (1.0 - fall, fall)
    }
}

/// Computes sin(x) for x from 0 to pi/4 by its Taylor series. The first omitted term, x^19 / 19!, is below 1e-19.
fn sin(x: f64) -> f64 {
    // sin(x) / x = 1 - x^2 / (2 * 3) (1 - x^2 / (4 * 5) (1 - ...)), evaluated from the inside out.
    let square = x * x;
    let series = (1..=8).rev().fold(1.0, |series, k| {
        let k = f64::from(2 * k);
        1.0 - square / (k * (k + 1.0)) * series
    });
    x * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::PI;

    #[test]
    fn sine_agrees_with_the_library() {
        for i in 0..=10_000 {
            let x = PI / 4.0 * f64::from(i) / 10_000.0;
            let expected = libm::sin(x);
            assert!(
                (sin(x) - expected).abs() <= 2.5e-16 * expected,
                "{x}: {} != {expected}",
                sin(x)
            );
        }
    }

    #[test]
    fn rise_and_fall_are_those_of_the_cosine() {
        for i in 0..=1000 {
            let x = f64::from(i) / 1000.0;
            let cosine = libm::cos(PI * x);
            let (rise, fall) = rise_and_fall(f64::from(i), f64::from(1000 - i));
            assert!((rise - (1.0 - cosine) / 2.0).abs() < 3e-16, "{i}: {rise}");
            assert!((fall - (1.0 + cosine) / 2.0).abs() < 3e-16, "{i}: {fall}");
            assert_eq!(rise + fall, 1.0, "{i}");
        }
        assert_eq!(rise_and_fall(0.0, 7.0), (0.0, 1.0));
        assert_eq!(rise_and_fall(7.0, 0.0), (1.0, 0.0));
    }

    /// Near an end the wave is a parabola, (pi x / 2)^2, however small it is.
    #[test]
    fn the_lesser_one_keeps_its_relative_accuracy() {
        for part in [1e-3, 1e-6, 1e-9] {
            let x = PI / 2.0 * part / (1.0 + part);
            let expected = x * x * (1.0 - x * x / 3.0);
            for lesser in [rise_and_fall(part, 1.0).0, rise_and_fall(1.0, part).1] {
                assert!((lesser - expected).abs() < 1e-11 * expected, "{part}: {lesser}");
            }
        }
    }
}
