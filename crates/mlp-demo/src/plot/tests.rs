//! Checks the SVG text of the pictures: its words, lines and marks.

use super::*;

fn curve<'a>(name: &str, values: &'a [f64]) -> Curve<'a> {
    Curve {
        name: name.into(),
        values,
    }
}

fn loss_curves(title: &str, curves: &[Curve<'_>]) -> String {
    picture(&[Chart {
        title,
        quantity: Quantity::Loss,
        curves,
    }])
}

fn training_curves(losses: &[Curve<'_>], accuracies: &[Curve<'_>]) -> String {
    picture(&[
        Chart {
            title: "loss by epoch",
            quantity: Quantity::Loss,
            curves: losses,
        },
        Chart {
            title: "accuracy by epoch",
            quantity: Quantity::Accuracy,
            curves: accuracies,
        },
    ])
}

/// Returns the texts of a picture, in order.
fn texts(svg: &str) -> Vec<&str> {
    let texts = svg.split("<text").skip(1);
    texts
        .map(|text| text.split('>').nth(1).unwrap().split('<').next().unwrap().trim())
        .collect()
}

#[test]
fn title_axes_ticks_and_legend_are_there() {
    let curves = [curve("1-1-1", &[10.0, 1.0, 0.1]), curve("1-4-3-1", &[5.0, 0.01])];
    let svg = loss_curves("Loss by epoch", &curves);
    let texts = texts(&svg);
    for text in [
        "Loss by epoch",
        "epoch",
        "loss (log scale)",
        "0",
        "2",
        "0.01",
        "0.1",
        "1",
        "10",
        "1-1-1",
        "1-4-3-1",
    ] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    assert_eq!(
        svg.matches("#0072B2").count(),
        3 + 1 + 1,
        "3 markers, a line and its legend"
    );
    assert_eq!(
        svg.matches("#D55E00").count(),
        2 + 1 + 1,
        "2 markers, a line and its legend"
    );
}

#[test]
fn the_loss_axis_is_logarithmic() {
    let svg = loss_curves("t", &[curve("c", &[100.0, 10.0, 1.0])]);
    let mut lines = svg
        .split("<polyline")
        .skip(1)
        .filter_map(|line| line.split("/>").next());
    let line = lines.find(|line| line.contains("#0072B2")).unwrap();
    let points = line.split("points=\"").nth(1).unwrap().split('"').next().unwrap();
    let y: Vec<i32> = points
        .split_whitespace()
        .map(|p| p.split_once(',').unwrap().1.parse().unwrap())
        .collect();
    assert_eq!(y.len(), 3);
    assert!(((y[1] - y[0]) - (y[2] - y[1])).abs() <= 1 && y[0] < y[1], "{y:?}");
}

#[test]
fn losses_without_a_place_break_the_curve_and_are_counted() {
    let values = [1.0, 0.5, 0.0, -1.0, 0.2, f64::NAN, f64::INFINITY];
    let svg = loss_curves("t", &[curve("c", &values)]);
    assert!(texts(&svg).contains(&"c (4 of 7 not drawable)"), "{:?}", texts(&svg));
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn odd_curves_are_drawn_too() {
    for values in [
        &[][..],
        &[0.0],
        &[1.5],
        &[1.0, 1.0],
        &[5e-324, f64::MAX],
        &[5e-324, 1e-323],
    ] {
        let svg = loss_curves("t", &[curve("the name", values)]);
        assert!(texts(&svg).contains(&"epoch"), "{values:?}");
        assert!(
            texts(&svg).iter().any(|text| text.starts_with("the name")),
            "{values:?}"
        );
    }
    assert!(texts(&loss_curves("t", &[])).contains(&"epoch"));
}

#[test]
fn long_curves_are_thinned_and_keep_their_ends_and_spikes() {
    let mut points: Vec<_> = (0..100_003).map(|i| (i, -(i as f64))).collect();
    points[77_777].1 = 5.0;
    let thin = thinned(&points);
    assert!(thin.len() <= 2 * MOST_BUCKETS + 2, "{}", thin.len());
    assert!(thin.contains(&(77_777, 5.0)));
    assert_eq!((thin.first(), thin.last()), (points.first(), points.last()));
    assert!(thin.is_sorted_by(|a, b| a.0 < b.0));
    assert_eq!(thinned(&points[..2000]), points[..2000]);
}

#[test]
fn a_single_point_is_marked_off_the_border() {
    let curves = [curve("c", &[1.5])];
    assert_eq!(loss_curves("t", &curves).matches("<circle").count(), 1);
    let (range, ticks) = log_axis((1.5, 1.5));
    assert_eq!((range, ticks), (1.0..10.0, vec![1.0, 2.0, 5.0, 10.0]));
}

/// Returns the labels of a logarithmic axis for losses from `low` to `high`.
fn labels(low: f64, high: f64) -> Vec<String> {
    log_axis((low, high)).1.into_iter().map(short).collect()
}

#[test]
fn ticks_are_round_and_few() {
    assert_eq!(
        labels(0.0009, 20.0),
        ["0.0001", "0.001", "0.01", "0.1", "1", "10", "100"]
    );
    assert_eq!(labels(0.3, 6.0), ["0.1", "0.2", "0.5", "1", "2", "5", "10"]);
    assert_eq!(labels(0.31, 0.69), ["0.1", "0.2", "0.5", "1"]);
    assert_eq!(labels(0.1, 1.0), ["0.1", "0.2", "0.5", "1"]);
    assert_eq!(
        labels(1e-12, 2e8),
        ["1e-12", "1e-9", "1e-6", "0.001", "1", "1000", "1e6", "1e9"]
    );
    for (low, high) in [
        (5e-324, f64::MAX),
        (1e300, 1e308),
        (5e-324, 1e-323),
        (0.999, 1.0),
        (1.0, 1.001),
    ] {
        let (range, ticks) = log_axis((low, high));
        assert!(0.0 < range.start && range.start <= low && high <= range.end && range.end.is_finite());
        assert!((1..=11).contains(&ticks.len()), "{low:e} to {high:e}: {ticks:?}");
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
fn ticks_are_the_numbers_of_their_labels() {
    for (low, high) in [(0.001, 20.0), (0.3, 6.0), (1.39, 1.81), (1e-12, 1e8)] {
        for (tick, label) in log_axis((low, high)).1.into_iter().zip(labels(low, high)) {
            let loss: f64 = label.parse().unwrap();
            assert!((loss / tick - 1.0).abs() < 1e-12, "{tick} {label}");
        }
    }
}

#[test]
fn only_lone_points_of_a_long_curve_are_marked() {
    let mut points = [1.0; 100];
    assert_eq!(loss_curves("t", &[curve("c", &points)]).matches("<circle").count(), 0);
    (points[10], points[12]) = (0.0, f64::NAN);
    assert_eq!(loss_curves("t", &[curve("c", &points)]).matches("<circle").count(), 1);
}

#[test]
fn accuracies_are_below_the_losses_in_percent() {
    let losses = [curve("training", &[1.0, 0.1]), curve("test", &[0.9, 0.2])];
    let accuracies = [curve("test", &[0.5, 1.0, f64::NAN])];
    let svg = training_curves(&losses, &accuracies);
    let texts = texts(&svg);
    for text in [
        "loss by epoch",
        "loss (log scale)",
        "training",
        "accuracy by epoch",
        "accuracy (%)",
        "60",
        "100",
        "test (1 of 3 not drawable)",
    ] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    assert_eq!(texts.iter().filter(|text| **text == "epoch").count(), 2);
    assert!(!svg.contains("NaN"));
    assert!(training_curves(&[], &[]).contains("accuracy (%)"));
}

#[test]
fn no_tick_is_beyond_100_percent() {
    for (low, high) in [
        (0.0, 1.0),
        (0.5, 1.0),
        (0.8, 0.96),
        (0.963, 0.981),
        (0.99, 1.0),
        (1.0, 1.0),
        (0.0, 0.0),
    ] {
        let start = percent_above(100.0 * low);
        assert!((0.0..100.0).contains(&start) && start <= 100.0 * low, "{low}: {start}");
        let svg = training_curves(&[], &[curve("c", &[low, high])]);
        let numbers: Vec<f64> = texts(&svg).iter().filter_map(|text| text.parse().ok()).collect();
        assert!(
            numbers.contains(&start) && numbers.iter().all(|number| (0.0..=100.0).contains(number)),
            "{low} {high}: {numbers:?}"
        );
    }
}

/// Returns the places of the marks in a color, as (x, y).
fn marks(svg: &str, color: &str) -> Vec<(i32, i32)> {
    let number = |mark: &str, name: &str| {
        let value = mark
            .split(&format!(" {name}=\""))
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        value.parse().unwrap()
    };
    let marks = svg
        .split("<circle")
        .skip(1)
        .map(|mark| mark.split("/>").next().unwrap());
    let of_color = marks.filter(|mark| mark.contains(color));
    of_color.map(|mark| (number(mark, "cx"), number(mark, "cy"))).collect()
}

#[test]
fn stacked_charts_have_the_same_epochs_and_colors() {
    let losses = [curve("training", &[0.31, 0.3]), curve("validation", &[0.305, 0.302])];
    // The accuracies have much shorter labels than the losses, and one more epoch.
    let svg = training_curves(&losses, &[curve("validation", &[0.0, 1.0, 0.5])]);
    assert_eq!(marks(&svg, "#0072B2").len(), 2, "training is only in the upper chart");
    let marks = marks(&svg, "#D55E00");
    let height = SIZE.1 as i32;
    let [upper, lower] = [true, false].map(|up| marks.iter().filter(move |mark| (mark.1 < height) == up));
    let x = |marks: &mut dyn Iterator<Item = &(i32, i32)>| marks.map(|mark| mark.0).collect::<Vec<_>>();
    let (upper, lower) = (x(&mut { upper }), x(&mut { lower }));
    assert_eq!((upper.len(), lower.len()), (2, 3), "{marks:?}");
    assert_eq!(upper, lower[..2]);
}
