use super::*;
use std::format;
use std::vec::Vec;

/// A line that notes the lengths it is asked for.
struct Noting<F> {
    /// Loss and slope at a length; the first argument counts the evaluations before it.
    function: F,
    /// An interval up to this long is short.
    short: f64,
    lengths: Vec<f64>,
}

impl<F: FnMut(usize, f64) -> (f64, f64)> Noting<F> {
    fn new(function: F) -> Self {
        Self {
            function,
            short: 0.0,
            lengths: Vec::new(),
        }
    }
}

impl<F: FnMut(usize, f64) -> (f64, f64)> Line for Noting<F> {
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

/// The lengths that a search from loss 0 and slope -1 tries when it is answered so, one loss and slope after another,
/// and the one it ends with; if answers are left, it ended too early.
fn lengths_of(first: f64, answers: &[(f64, f64)]) -> (Vec<f64>, f64) {
    let mut line = Noting::new(|i, _| answers[i]);
    let found = search(&mut line, point(0.0, 0.0, -1.0), first).length;
    (line.lengths, found)
}

#[track_caller]
fn assert_near(what: &str, got: f64, expected: f64) {
    let near = (got - expected).abs() <= 1e-12 * expected.abs();
    assert!(near, "{what}: expected {expected}, got {got}");
}

/// `tests/fixtures/line_search.json`: a search a line; loss, slope, the first length, what is short, then each length
/// with its loss and slope, and the length found.
#[test]
fn every_length_tried_is_that_of_pytorch() {
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
        let mut line = Noting::new(|i: usize, length| {
            let what = format!("search {search_number}, evaluation {i}");
            let [at, loss, slope] = *answers.get(i).unwrap_or_else(|| panic!("{what} is one too many"));
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

/// L = -t: no length is too long, and none is enough.
#[test]
fn a_loss_that_falls_for_ever_ends_at_the_last_evaluation() {
    let mut line = Noting::new(|_, length| (-length, -1.0));
    let found = search(&mut line, point(0.0, 0.0, -1.0), 1.0);
    assert_eq!(line.lengths.len(), EVALUATIONS);
    assert!(
        line.lengths.windows(2).all(|pair| pair[1] == 10.0 * pair[0]),
        "{:?}",
        line.lengths
    );
    assert_eq!((found.length, found.loss), (1e24, -1e24));
}

/// The same, but for the last loss, which is above or equal to the one before it: that one is found.
#[test]
fn at_the_last_evaluation_the_lower_of_two_points_is_found_and_of_equal_ones_the_shorter() {
    for last in [-1e23, -0.9e23, f64::INFINITY] {
        let loss = |i: usize, length: f64| if i + 1 == EVALUATIONS { last } else { -length };
        let mut line = Noting::new(|i, length| (loss(i, length), -1.0));
        let found = search(&mut line, point(0.0, 0.0, -1.0), 1.0);
        assert_eq!(line.lengths.len(), EVALUATIONS);
        assert_eq!((found.length, found.loss), (1e23, -1e23), "{last}");
    }
}

#[test]
fn a_start_that_nothing_is_below_is_found_after_all_evaluations() {
    for (loss, shrinks) in [(1.0, 0.9), (f64::INFINITY, 0.100_000_1)] {
        let mut line = Noting::new(|_, _| (loss, 1.0));
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
        let mut line = Noting::new(|_, _| (4.0, 1.0));
        line.short = short;
        assert_eq!(search(&mut line, point(0.0, 0.0, -1.0), 2.0).length, 0.0);
        // Between (0, 0) and (2, 4), with slopes of -1 and 1, and then within (0, t), t being less than 1.999.
        assert!(line.lengths.len() >= evaluations, "{short}: {:?}", line.lengths);
        assert_eq!(line.lengths.len() == 1, evaluations == 1, "{short}: {:?}", line.lengths);
    }
}

/// From the lower end: be that the shorter one or the longer one.
#[test]
fn of_an_interval_that_ends_in_infinity_a_tenth_is_gone() {
    let infinite = (f64::INFINITY, f64::INFINITY);
    let (lengths, found) = lengths_of(10.0, &[infinite, infinite, (-1.0, 0.1)]);
    assert_eq!((lengths, found), (std::vec![10.0, 1.0, 0.1], 0.1));
    // Goes on beyond 1, to 10 (the cubic polynomial has no minimum before), then between 1 and 10.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), infinite, (-2.0, 0.1)]);
    assert_eq!((lengths, found), (std::vec![1.0, 10.0, 1.9], 1.9));
}

/// A loss of exactly L(0) + c1 t L'(0), and a slope of exactly c2 L'(0).
#[test]
fn the_bounds_of_the_conditions_belong_to_them() {
    for slope in [0.9, -0.9] {
        assert_eq!(lengths_of(1.0, &[(-1e-4, slope)]), (std::vec![1.0], 1.0));
    }
}

/// Of the first two lengths the second may be no lower, as in PyTorch; from the third on it is the end of an interval.
#[test]
fn a_third_length_that_is_no_lower_than_the_second_ends_the_way_on() {
    // L falls by its slope of -1: to 10, to 100. There the third is as low as the second was.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), (-10.0, -1.0), (-10.0, -1.0), (-20.0, 0.1)]);
    assert_eq!(lengths[..3], [1.0, 10.0, 100.0]);
    assert!(lengths[3] > 10.0 && lengths[3] < 100.0, "{lengths:?}");
    assert_eq!(found, lengths[3]);
    // The second is as low as the first was: on from there.
    let (lengths, found) = lengths_of(1.0, &[(-1.0, -1.0), (-1.0, -1.0), (-20.0, 0.1)]);
    assert!(lengths[2] > lengths[1], "{lengths:?}");
    assert_eq!(found, lengths[2]);
}

/// The first end of an interval is the lower one unless the other is lower, and a new point only if it is.
#[test]
fn of_equal_points_the_one_that_was_there_stays() {
    let ends = |a: Point, b: Point, answers: &[(f64, f64)]| {
        let mut line = Noting::new(|i, _| answers[i]);
        // So many evaluations that those answered are the last.
        let found = narrow(&mut line, &point(0.0, 0.0, -1.0), a, b, EVALUATIONS - answers.len());
        (found.length, line.lengths)
    };
    let [near, far] = [point(1.0, -1.0, -1.0), point(3.0, -1.0, 1.0)];
    assert_eq!(ends(near, far, &[]).0, 1.0);
    assert_eq!(ends(far, near, &[]).0, 3.0);
    // A new point as low as the lower one, which is the longer or the shorter end: the lower one is found.
    for (low, high) in [(far, point(1.0, 0.0, -1.0)), (near, point(3.0, 0.0, 1.0))] {
        let (found, lengths) = ends(low, high, &[(-1.0, 1.0)]);
        assert!(lengths[0] > 1.0 && lengths[0] < 3.0, "{lengths:?}");
        assert_eq!(found, low.length);
    }
}

/// Minima of (t - m)^2 within (0, 10), whose margins are at 1 and 9: 1 itself is not near an end.
#[test]
fn the_minimum_is_taken_unless_it_is_near_an_end_for_the_second_time() {
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
        // An end, or beyond it.
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
fn without_a_minimum_the_middle_of_the_bounds_is_taken_and_at_the_bounds_it_stops() {
    let minimum = |a, b| cubic_minimum(&a, &b, 3.0, 7.0);
    // (t - 5)^2, (t - 1)^2 and (t - 9)^2.
    assert_eq!(minimum(point(0.0, 25.0, -10.0), point(10.0, 25.0, 10.0)), 5.0);
    assert_eq!(minimum(point(0.0, 1.0, -2.0), point(10.0, 81.0, 18.0)), 3.0);
    assert_eq!(minimum(point(0.0, 81.0, -18.0), point(10.0, 1.0, 2.0)), 7.0);
    // -t falls for ever.
    assert_eq!(minimum(point(0.0, 0.0, -1.0), point(1.0, -1.0, -1.0)), 7.0);
    // A constant; a cubic polynomial that falls everywhere; one whose numbers are too large.
    assert_eq!(minimum(point(0.0, 2.0, 0.0), point(10.0, 2.0, 0.0)), 5.0);
    assert_eq!(minimum(point(0.0, 0.0, -1.0), point(1.0, -0.5, -1.0)), 5.0);
    assert_eq!(minimum(point(0.0, 1e300, -1e300), point(1e-30, 0.0, -1e300)), 5.0);
}
