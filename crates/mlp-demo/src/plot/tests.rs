//! Checks the SVG text of the pictures: its words, lines and marks.

use super::*;

fn curve<'a>(name: &str, values: &'a [f64]) -> Curve<'a> {
    Curve {
        name: name.into(),
        values,
    }
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
    let Places { range, ticks } = Chart::of_losses("t", &curves).places;
    let place = 1.5_f64.log10();
    assert!(range.start < place && place < range.end, "{range:?}");
    assert!(ticks.iter().any(|&tick| short(10_f64.powf(tick)) == "1.5"), "{ticks:?}");
}

#[test]
fn only_lone_points_of_a_long_curve_are_marked() {
    let mut points = [1.0; 100];
    assert_eq!(loss_curves("t", &[curve("c", &points)]).matches("<circle").count(), 0);
    (points[10], points[12]) = (0.0, f64::NAN);
    assert_eq!(loss_curves("t", &[curve("c", &points)]).matches("<circle").count(), 1);
}

#[test]
fn markup_in_names_is_text() {
    let svg = loss_curves("a < b & \"c\"\u{0}", &[curve("</svg>\u{1b}[31m", &[1.0])]);
    let texts = texts(&svg);
    assert!(texts.contains(&"a &lt; b &amp; &quot;c&quot;"), "{texts:?}");
    assert!(texts.contains(&"&lt;/svg&gt; [31m"), "{texts:?}");
    assert!(!svg.contains(['\u{0}', '\u{1b}']));
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
        let values = [low, high];
        let curves = [curve("c", &values)];
        let Chart { places, place, .. } = Chart::of_accuracies("t", &curves);
        let Places { range, ticks } = places;
        assert!(
            (4..=11).contains(&ticks.len()) && ticks.iter().all(|tick| (0.0..=100.0).contains(tick)),
            "{low} {high}: {ticks:?}"
        );
        for value in [low, high] {
            let place = place(value).unwrap();
            assert!(range.start < place && place < range.end, "{value}: {range:?}");
        }
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
