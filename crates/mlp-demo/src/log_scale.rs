//! A logarithmic scale for losses: the places of losses on it, its range and its ticks.

use std::ops::RangeInclusive;

/// Returns the place log10(loss) of a loss on the scale, or `None` if the loss has no place because it is zero,
/// negative or not finite.
pub(crate) fn place(loss: f64) -> Option<f64> {
    (loss > 0.0 && loss.is_finite()).then(|| loss.log10())
}

/// Returns the least and the greatest of the places, or `None` if there are no places.
pub(crate) fn range(places: impl Iterator<Item = f64>) -> Option<RangeInclusive<f64>> {
    places.fold(None, |range: Option<RangeInclusive<f64>>, place| {
        Some(range.map_or(place..=place, |r| r.start().min(place)..=r.end().max(place)))
    })
}

/// A mark on the scale.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// The place of the number on its scale: log10 of a loss, for example.
    pub(crate) place: f64,
    /// The number as text.
    pub(crate) label: String,
}

/// The least number of ticks on an axis. Fewer ticks would say too little about the numbers between them.
const LEAST: usize = 4;

/// Returns about 4 to 12 ticks at round losses. They are the first of these that are enough: powers of 10; 1, 2 and 5
/// times those powers; more multiples of those powers; even steps.
pub(crate) fn ticks(range: &RangeInclusive<f64>) -> Vec<Tick> {
    const MOST: i32 = 9;
    let (low, high) = (range.start().floor() as i32, range.end().ceil() as i32);
    let inside = |tick: &Tick| range.contains(&tick.place);
    let at = |digit: u8, power: i32| Tick {
        place: f64::from(digit).log10() + f64::from(power),
        label: if (-4..6).contains(&power) {
            let decimals = usize::try_from(-power).unwrap_or(0);
            format!("{:.decimals$}", f64::from(digit) * 10_f64.powi(power))
        } else {
            format!("{digit}e{power}")
        },
    };

    let step = (high - low) / MOST + 1;
    let powers = |digits: &'static [u8]| (low..=high).flat_map(move |power| digits.iter().map(move |&d| at(d, power)));
    let decades = powers(&[1]).filter(|tick| tick.place.rem_euclid(f64::from(step)) == 0.0 && inside(tick));
    let decades: Vec<_> = decades.collect();
    if decades.len() >= LEAST {
        return decades;
    }
    for digits in [&[1, 2, 5][..], &[1, 2, 3, 4, 6, 8]] {
        let some: Vec<_> = powers(digits).filter(inside).collect();
        if some.len() >= LEAST {
            return some;
        }
    }
    let (low, high) = (10_f64.powf(*range.start()), 10_f64.powf(*range.end()));
    let even = even_ticks(low, high, place);
    if !even.is_empty() {
        return even;
    }
    // Subnormal numbers are too coarse for steps between the ends.
    let ends = [(*range.start(), low), (*range.end(), high)];
    ends.into_iter()
        .map(|(place, loss)| Tick {
            place,
            label: short(loss),
        })
        .collect()
}

/// Returns ticks at the multiples of a round step between two numbers of the same order of magnitude. Each tick is at
/// the `place` of its number.
pub(crate) fn even_ticks(low: f64, high: f64, place: fn(f64) -> Option<f64>) -> Vec<Tick> {
    let power = ((high - low) / 5.0).log10().floor();
    let round = [(1.0, power + 1.0), (5.0, power), (2.0, power), (1.0, power)];
    let steps = round.map(|(digit, power)| (digit * 10_f64.powf(power), power));
    let ends = |step: f64| ((low / step).ceil(), (high / step).floor());
    // The last of the steps gives at least five ticks.
    let enough = |&&(step, _): &&(f64, f64)| ends(step).1 - ends(step).0 >= (LEAST - 1) as f64;
    let &(step, power) = steps.iter().find(enough).unwrap_or(&steps[3]);

    let (first, last) = ends(step);
    // There are 4 to 10 ticks. The limits are needed for losses at the ends of the floating-point range.
    let count = (last - first).clamp(-1.0, 10.0) as i32;
    let decimals = if power < 0.0 { -power as usize } else { 0 };
    let label = |loss: f64| {
        if (-6.0..6.0).contains(&power) {
            format!("{loss:.decimals$}")
        } else {
            short(loss)
        }
    };
    (0..=count)
        .map(|i| (first + f64::from(i)) * step)
        .filter_map(|loss| {
            Some(Tick {
                place: place(loss)?,
                label: label(loss),
            })
        })
        .collect()
}

/// Formats a loss in a few characters, with four significant digits.
pub(crate) fn short(loss: f64) -> String {
    if loss == 0.0 || !loss.is_finite() {
        return loss.to_string();
    }
    // The loss is rounded before its decimals are chosen, because rounding may add a digit, as for 9.9999.
    let rounded = format!("{loss:.3e}");
    match rounded.split_once('e').and_then(|(_, power)| power.parse::<i32>().ok()) {
        Some(power @ -4..=5) => format!("{loss:.*}", usize::try_from(3 - power).unwrap_or(0)),
        _ => rounded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64) -> Vec<String> {
        ticks(&(low.log10()..=high.log10()))
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn only_positive_finite_losses_have_a_place() {
        assert_eq!(place(100.0), Some(2.0));
        assert!(place(5e-324).is_some() && place(f64::MAX).is_some());
        for loss in [0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(place(loss), None, "{loss}");
        }
    }

    #[test]
    fn the_range_spans_all_places() {
        assert_eq!(range([2.0, -1.0, 0.5].into_iter()), Some(-1.0..=2.0));
        assert_eq!(range([2.0].into_iter()), Some(2.0..=2.0));
        assert_eq!(range(std::iter::empty()), None);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(0.001, 20.0), ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!(labels(0.3, 6.0), ["0.5", "1", "2", "5"]);
        assert_eq!(labels(0.015, 0.16), ["0.02", "0.03", "0.04", "0.06", "0.08", "0.1"]);
        assert_eq!(
            labels(0.31, 0.69),
            ["0.35", "0.40", "0.45", "0.50", "0.55", "0.60", "0.65"]
        );
        assert_eq!(labels(1.39, 1.81), ["1.4", "1.5", "1.6", "1.7", "1.8"]);
        assert_eq!(
            labels(1e-12, 1e8),
            ["1e-12", "1e-9", "1e-6", "0.001", "1", "1000", "1e6"]
        );
        for (low, high) in [
            (5e-324, f64::MAX),
            (1e300, 1e308),
            (5e-324, 1e-323),
            (0.999_999, 1.0),
            (1.0, 1.000_001),
        ] {
            let count = labels(low, high).len();
            assert!((1..=10).contains(&count), "{low:e} to {high:e}: {count} ticks");
        }
    }

    #[test]
    fn no_range_has_few_ticks_or_a_crowd() {
        for i in 0..400 {
            let low = 10_f64.powf(-4.0 + f64::from(i) / 50.0);
            for j in 1..400 {
                let high = low * 1.01_f64.powi(j * j / 50 + 1);
                let labels = labels(low, high);
                assert!((4..=13).contains(&labels.len()), "{low:e} to {high:e}: {labels:?}");
                let differ = labels.windows(2).all(|pair| pair[0] != pair[1]);
                assert!(differ, "{low:e} to {high:e}: {labels:?}");
            }
        }
    }

    #[test]
    fn tick_places_are_those_of_their_labels() {
        for (low, high) in [(0.001_f64, 20.0_f64), (0.3, 6.0), (1.39, 1.81), (1e-12, 1e8)] {
            for tick in ticks(&(low.log10()..=high.log10())) {
                let loss: f64 = tick.label.parse().unwrap();
                assert!((loss.log10() - tick.place).abs() < 1e-12, "{tick:?}");
            }
        }
    }

    #[test]
    fn short_has_four_digits() {
        let short = [5.833_616, 0.026_363, 123_456.7, 9.999_96, 1e-7, 2.5e12, 5e-324].map(short);
        assert_eq!(
            short,
            [
                "5.834",
                "0.02636",
                "123457",
                "10.00",
                "1.000e-7",
                "2.500e12",
                "4.941e-324"
            ]
        );
        assert_eq!([super::short(0.0), super::short(f64::NAN)], ["0", "NaN"]);
    }
}
