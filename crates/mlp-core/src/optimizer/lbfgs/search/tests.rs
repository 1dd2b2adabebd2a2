use super::*;
use std::format;
use std::vec::Vec;

/// A line that records the lengths at which it is evaluated.
struct Recording<F> {
    /// Returns loss and slope at a length. The first argument is the number of earlier evaluations.
    function: F,
    /// Intervals up to this length are short.
    short: f64,
    lengths: Vec<f64>,
}

impl<F: FnMut(usize, f64) -> (f64, f64)> Recording<F> {
    fn new(function: F) -> Self {
        Self {
            function,
            short: 0.0,
            lengths: Vec::new(),
        }
    }
}

impl<F: FnMut(usize, f64) -> (f64, f64)> Line for Recording<F> {
    fn at(&mut self, length: f64) -> Point {
        let (loss, slope) = (self.function)(self.lengths.len(), length);
        self.lengths.push(length);
        Point { length, loss, slope }
    }

    fn is_short(&mut self, length: f64) -> bool {
        length.abs() <= self.short
    }
}

fn point(length: f64, loss: f64, slope: f64) -> Point {
    Point { length, loss, slope }
}

/// Runs a search from loss 0 and slope -1, whose evaluations return `answers` (loss and slope) one after the other.
/// Returns the lengths that the search tries, and the length that it ends with. Fewer lengths than answers mean that it
/// ended too early.
fn lengths_of(first: f64, answers: &[(f64, f64)]) -> (Vec<f64>, f64) {
    let mut line = Recording::new(|i, _| answers[i]);
    let found = search(&mut line, point(0.0, 0.0, -1.0), first).length;
    (line.lengths, found)
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: f64) {
    let near = (got - expected).abs() <= 1e-12 * expected.abs();
    assert!(near, "{what}: expected {expected}, got {got}");
}

/// The fixture `tests/fixtures/line_search.json` has one search per line: loss, slope, the first length, the length of
/// a short interval, then each length with its loss and slope, and finally the length found.
#[test]
fn every_length_tried_equals_that_of_pytorch() {
    let golden = include_str!("../../../../../../tests/fixtures/line_search.json");
    let rows = golden
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once(']'));
    let mut count = 0;
    for (search_number, (row, _)) in rows.enumerate() {
        let numbers: Vec<f64> = row.split(", ").map(|number| number.parse().unwrap()).collect();
        let [loss, slope, first, short, rest @ .., expected] = &numbers[..] else {
            panic!("search {search_number}: {row}");
        };
        let (answers, []) = rest.as_chunks::<3>() else {
            panic!("search {search_number}: {row}");
        };
        let mut line = Recording::new(|i: usize, length| {
            let what = format!("search {search_number}, evaluation {i}");
            let [at, loss, slope] = *answers
                .get(i)
                .unwrap_or_else(|| panic!("{what} is one evaluation too many"));
            assert_near(&what, length, at);
            (loss, slope)
        });
        line.short = *short;
        let found = search(&mut line, point(0.0, *loss, *slope), *first);
        let what = format!("search {search_number}");
        assert_eq!(line.lengths.len(), answers.len(), "{what}: evaluations");
        assert_near(&what, found.length, *expected);
        count += 1;
    }
    assert_eq!(count, 400);
}

/// With L = -t, the search always wants to go further.
#[test]
fn a_search_of_a_loss_that_always_falls_ends_at_the_last_evaluation() {
    let mut line = Recording::new(|_, length| (-length, -1.0));
    let found = search(&mut line, point(0.0, 0.0, -1.0), 1.0);
    assert_eq!(line.lengths.len(), EVALUATIONS);
    assert!(
        line.lengths.windows(2).all(|pair| pair[1] == 10.0 * pair[0]),
        "{:?}",
        line.lengths
    );
    assert_eq!((found.length, found.loss), (1e24, -1e24));
}

/// The same line, except that the last loss is not below the one before it. The search then finds the one before.
#[test]
fn the_last_evaluation_must_be_lower_than_the_one_before_to_be_found() {
    for last in [-1e23, -0.9e23, f64::INFINITY] {
        let loss = |i: usize, length: f64| if i + 1 == EVALUATIONS { last } else { -length };
        let mut line = Recording::new(|i, length| (loss(i, length), -1.0));
        let found = search(&mut line, point(0.0, 0.0, -1.0), 1.0);
        assert_eq!(line.lengths.len(), EVALUATIONS);
        assert_eq!((found.length, found.loss), (1e23, -1e23), "{last}");
    }
}

#[test]
fn a_start_with_no_lower_point_is_found_after_all_evaluations() {
    for (loss, shrinks) in [(1.0, 0.9), (f64::INFINITY, 0.100_000_1)] {
        let mut line = Recording::new(|_, _| (loss, 1.0));
        let found = search(&mut line, point(0.0, 0.0, -1.0), 1.0);
        assert_eq!((found.length, found.loss), (0.0, 0.0), "{loss}");
        assert_eq!(line.lengths.len(), EVALUATIONS, "{loss}");
        let shorter = line.lengths.windows(2).all(|pair| pair[1] <= shrinks * pair[0]);
        assert!(shorter, "{loss}: {:?}", line.lengths);
    }
}

#[test]
fn a_short_interval_ends_a_search_with_its_lowest_point() {
    for (short, evaluations) in [(2.0, 1), (1.999, 2)] {
        let mut line = Recording::new(|_, _| (4.0, 1.0));
        line.short = short;
        assert_eq!(search(&mut line, point(0.0, 0.0, -1.0), 2.0).length, 0.0);
        // The first interval is between (0, 0) and (2, 4), with slopes of -1 and 1. The next one is within (0, t),
        // where t is less than 1.999.
        assert!(line.lengths.len() >= evaluations, "{short}: {:?}", line.lengths);
        assert_eq!(line.lengths.len() == 1, evaluations == 1, "{short}: {:?}", line.lengths);
    }
}

/// The tenth counts from the lower end, whether that is the shorter or the longer length.
#[test]
fn an_interval_with_an_infinite_loss_is_entered_by_a_tenth() {
    let infinite = (f64::INFINITY, f64::INFINITY);
    let (lengths, found) = lengths_of(10.0, &[infinite, infinite, (-1.0, 0.1)]);
    assert_eq!((lengths, found), (std::vec![10.0, 1.0, 0.1], 0.1));
    // The search goes beyond 1 to 10, because the cubic polynomial has no minimum before, and then between 1 and 10.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), infinite, (-2.0, 0.1)]);
    assert_eq!((lengths, found), (std::vec![1.0, 10.0, 1.9], 1.9));
}

/// The loss is exactly L(0) + c1 t L'(0), and the slope is exactly c2 L'(0) or its negative.
#[test]
fn the_conditions_include_their_bounds() {
    for slope in [0.9, -0.9] {
        assert_eq!(lengths_of(1.0, &[(-1e-4, slope)]), (std::vec![1.0], 1.0));
    }
}

/// As in PyTorch, the loss at the second length does not have to be lower than at the first. From the third on, a
/// length whose loss is not lower ends an interval.
#[test]
fn a_third_length_without_a_lower_loss_than_the_second_ends_the_extension() {
    // L falls with its slope of -1, so the search goes to 10 and to 100. There the third loss equals the second.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), (-10.0, -1.0), (-10.0, -1.0), (-20.0, 0.1)]);
    assert_eq!(lengths[..3], [1.0, 10.0, 100.0]);
    assert!(lengths[3] > 10.0 && lengths[3] < 100.0, "{lengths:?}");
    assert_eq!(found, lengths[3]);
    // The second loss equals the first, and the search goes further.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), (-1.0, -1.0), (-20.0, 0.1)]);
    assert!(lengths[2] > lengths[1], "{lengths:?}");
    assert_eq!(found, lengths[2]);
}

/// The first end of an interval counts as the lower one unless the other is lower. A new point counts as the lower one
/// only if it is lower.
#[test]
fn an_equal_point_does_not_replace_the_earlier_one() {
    let ends = |a: Point, b: Point, answers: &[(f64, f64)]| {
        let mut line = Recording::new(|i, _| answers[i]);
        // Only as many evaluations are left as there are answers.
        let found = narrow(&mut line, &point(0.0, 0.0, -1.0), a, b, EVALUATIONS - answers.len());
        (found.length, line.lengths)
    };
    let [near, far] = [point(1.0, -1.0, -1.0), point(3.0, -1.0, 1.0)];
    assert_eq!(ends(near, far, &[]).0, 1.0);
    assert_eq!(ends(far, near, &[]).0, 3.0);
    // The new point is as low as the lower end, which is the longer or the shorter one. The lower end is found.
    for (low, high) in [(far, point(1.0, 0.0, -1.0)), (near, point(3.0, 0.0, 1.0))] {
        let (found, lengths) = ends(low, high, &[(-1.0, 1.0)]);
        assert!(lengths[0] > 1.0 && lengths[0] < 3.0, "{lengths:?}");
        assert_eq!(found, low.length);
    }
}

/// The polynomials are (t - m)^2 within (0, 10), whose margins are at 1 and 9. A minimum at 1 is not near an end.
#[test]
fn the_minimum_is_used_unless_it_is_near_an_end_for_the_second_time() {
    let parabola = |minimum: f64| {
        let at = |t: f64| point(t, (t - minimum) * (t - minimum), 2.0 * (t - minimum));
        (at(0.0), at(10.0))
    };
    for (minimum, crept_before, expected, crept_after) in [
        (5.0, false, 5.0, false),
        (5.0, true, 5.0, false),
        (1.0, false, 1.0, false),
        (0.5, false, 0.5, true),
        (0.5, true, 1.0, false),
        (9.5, false, 9.5, true),
        (9.5, true, 9.0, false),
        // The minimum is at an end or beyond it.
        (0.0, false, 1.0, false),
        (10.0, false, 9.0, false),
        (-3.0, false, 1.0, false),
        (12.0, true, 9.0, false),
    ] {
        let (left, right) = parabola(minimum);
        for (a, b) in [(left, right), (right, left)] {
            let mut crept = crept_before;
            let length = between(&a, &b, &mut crept);
            assert!((length - expected).abs() < 1e-14, "{minimum}, {crept_before}: {length}");
            assert_eq!(crept, crept_after, "{minimum}, {crept_before}");
        }
    }
}

#[test]
fn the_minimum_is_limited_to_the_bounds_and_is_their_middle_if_there_is_none() {
    let minimum = |a, b| cubic_minimum(&a, &b, 3.0, 7.0);
    // The polynomials are (t - 5)^2, (t - 1)^2 and (t - 9)^2.
    assert_eq!(minimum(point(0.0, 25.0, -10.0), point(10.0, 25.0, 10.0)), 5.0);
    assert_eq!(minimum(point(0.0, 1.0, -2.0), point(10.0, 81.0, 18.0)), 3.0);
    assert_eq!(minimum(point(0.0, 81.0, -18.0), point(10.0, 1.0, 2.0)), 7.0);
    // -t always falls.
    assert_eq!(minimum(point(0.0, 0.0, -1.0), point(1.0, -1.0, -1.0)), 7.0);
    // No minimum: a constant, a cubic polynomial that falls everywhere, and one whose numbers are too large.
    assert_eq!(minimum(point(0.0, 2.0, 0.0), point(10.0, 2.0, 0.0)), 5.0);
    assert_eq!(minimum(point(0.0, 0.0, -1.0), point(1.0, -0.5, -1.0)), 5.0);
    assert_eq!(minimum(point(0.0, 1e300, -1e300), point(1e-30, 0.0, -1e300)), 5.0);
}
