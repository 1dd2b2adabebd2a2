//! The vertical axis of a chart: the places of numbers on it, their extent and their labels.

/// Returns the place log10(loss) of a loss on a logarithmic axis, or `None` if the loss has no place because it is
/// zero, negative or not finite.
pub(crate) fn log_place(loss: f64) -> Option<f64> {
    (loss > 0.0 && loss.is_finite()).then(|| loss.log10())
}

/// Returns the stretches of successive values that have a place on an axis, each as (index, place).
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
    fn short_has_at_most_four_digits() {
        let labels = [5.833_616, 0.026_363, 123_456.7, 9.999_96, 1e-7, 2.5e12, -0.5].map(short);
        assert_eq!(labels, ["5.834", "0.02636", "123500", "10", "1e-7", "2.5e12", "-0.5"]);
        assert_eq!([short(0.0), short(f64::NAN)], ["0", "NaN"]);
    }
}
