//! The scale of a chart's vertical axis: the places of numbers on it, its range, its ticks and their labels.

use std::ops::Range;

use plotters::coord::ranged1d::Ranged as _;
use plotters::coord::types::RangedCoordf64;

/// Returns the place log10(loss) of a loss on a logarithmic axis, or `None` if the loss has no place because it is
/// zero, negative or not finite.
pub(crate) fn log_place(loss: f64) -> Option<f64> {
    (loss > 0.0 && loss.is_finite()).then(|| loss.log10())
}

/// Returns the stretches of successive values that have a place, each as (index, place).
pub(crate) fn stretches(values: &[f64], place: fn(f64) -> Option<f64>) -> Vec<Vec<(usize, f64)>> {
    let places: Vec<_> = values.iter().map(|&value| place(value)).enumerate().collect();
    let stretches = places.split(|(_, place)| place.is_none());
    stretches
        .filter(|stretch| !stretch.is_empty())
        .map(|stretch| stretch.iter().filter_map(|&(i, place)| Some((i, place?))).collect())
        .collect()
}

/// Returns the least and the greatest place, or `None` if there are no places.
pub(crate) fn extent(stretches: &[Vec<(usize, f64)>]) -> Option<(f64, f64)> {
    let places = || stretches.iter().flatten().map(|&(_, place)| place);
    Some((places().reduce(f64::min)?, places().reduce(f64::max)?))
}

/// Returns the places of about 4 to 12 round numbers on a logarithmic axis with this range of places. They are the
/// first of these that are enough: powers of 10; 1, 2 and 5 times those powers; multiples of a round step.
pub(crate) fn log_ticks(range: &Range<f64>) -> Vec<f64> {
    const LEAST: usize = 4;
    let (low, high) = (range.start.floor() as i32, range.end.ceil() as i32);
    let step = (high - low) / 9 + 1;
    let powers = || (low..=high).map(f64::from);
    let decades = powers().filter(|power| power.rem_euclid(f64::from(step)) == 0.0);
    let halves = powers().flat_map(|power| [1.0_f64, 2.0, 5.0].map(|digit| digit.log10() + power));
    for mut ticks in [decades.collect::<Vec<_>>(), halves.collect()] {
        ticks.retain(|tick| range.contains(tick));
        if ticks.len() >= LEAST {
            return ticks;
        }
    }
    // The range spans less than two powers of 10. In units of the lower one, the numbers are neither large nor small.
    let unit = range.start.floor();
    let ticks = even_ticks(10_f64.powf(range.start - unit)..10_f64.powf(range.end - unit));
    ticks.into_iter().map(|tick| tick.log10() + unit).collect()
}

/// Returns 4 to 10 multiples of a round step within a range of numbers.
pub(crate) fn even_ticks(range: Range<f64>) -> Vec<f64> {
    RangedCoordf64::from(range).key_points(10)
}

/// Formats a number in a few characters, with at most four significant digits.
pub(crate) fn short(number: f64) -> String {
    let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
    match rounded.abs() {
        1e-4..1e6 | 0.0 => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the ticks of a logarithmic axis from one loss to another.
    fn ticks(low: f64, high: f64) -> Vec<f64> {
        log_ticks(&(low.log10()..high.log10()))
    }

    fn labels(low: f64, high: f64) -> Vec<String> {
        let ticks = ticks(low, high);
        ticks.into_iter().map(|place| short(10_f64.powf(place))).collect()
    }

    #[test]
    fn only_positive_finite_losses_have_a_place() {
        assert_eq!(log_place(100.0), Some(2.0));
        assert!(log_place(5e-324).is_some() && log_place(f64::MAX).is_some());
        for loss in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(log_place(loss), None, "{loss}");
        }
    }

    #[test]
    fn values_without_a_place_end_a_stretch() {
        let values = [1.0, 10.0, 0.0, -1.0, 100.0, f64::NAN, f64::INFINITY];
        let parts = stretches(&values, log_place);
        assert_eq!(parts, [vec![(0, 0.0), (1, 1.0)], vec![(4, 2.0)]]);
        assert_eq!(extent(&parts), Some((0.0, 2.0)));
        assert_eq!(extent(&stretches(&[0.0], log_place)), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(0.0009, 20.0), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(0.3, 6.0), ["0.5", "1", "2", "5"]);
        assert_eq!(
            labels(0.31, 0.69),
            ["0.35", "0.4", "0.45", "0.5", "0.55", "0.6", "0.65"]
        );
        assert_eq!(
            labels(1.39, 1.81),
            ["1.4", "1.45", "1.5", "1.55", "1.6", "1.65", "1.7", "1.75", "1.8"]
        );
        assert_eq!(
            labels(1e-12, 2e8),
            ["1e-12", "1e-9", "1e-6", "0.001", "1", "1000", "1e6"]
        );
        for (low, high) in [
            (5e-324, f64::MAX),
            (1e300, 1e308),
            (5e-324, 1e-323),
            (0.999, 1.0),
            (1.0, 1.001),
        ] {
            let count = ticks(low, high).len();
            assert!((1..=11).contains(&count), "{low:e} to {high:e}: {count} ticks");
        }
    }

    #[test]
    fn no_range_has_few_ticks_or_a_crowd() {
        for i in 0..400 {
            let low = 10_f64.powf(-4.0 + f64::from(i) / 50.0);
            for j in 1..400 {
                let high = low * 1.02_f64.powi(j * j / 100 + 2);
                let labels = labels(low, high);
                assert!((4..=13).contains(&labels.len()), "{low:e} to {high:e}: {labels:?}");
                let differ = labels.windows(2).all(|pair| pair[0] != pair[1]);
                assert!(differ, "{low:e} to {high:e}: {labels:?}");
            }
        }
    }

    #[test]
    fn tick_places_are_those_of_their_labels() {
        for (low, high) in [(0.001, 20.0), (0.3, 6.0), (1.39, 1.81), (1e-12, 1e8)] {
            for (place, label) in ticks(low, high).into_iter().zip(labels(low, high)) {
                let loss: f64 = label.parse().unwrap();
                assert!((loss.log10() - place).abs() < 1e-12, "{place} {label}");
            }
        }
    }

    #[test]
    fn short_has_at_most_four_digits() {
        let labels = [5.833_616, 0.026_363, 123_456.7, 9.999_96, 1e-7, 2.5e12, -0.5].map(short);
        assert_eq!(labels, ["5.834", "0.02636", "123500", "10", "1e-7", "2.5e12", "-0.5"]);
        assert_eq!([short(0.0), short(f64::NAN)], ["0", "NaN"]);
    }
}
