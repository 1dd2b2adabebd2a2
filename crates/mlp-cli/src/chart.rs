//! Charts: the places of lines, dots, bars and labels, which the template of the report draws as SVG.
//!
//! Colors and sizes of text are those of the page, so that a chart is readable in the dark and on paper.

use crate::text::{cut, short};
use serde::Serialize;
use std::fmt::Write as _;
use std::ops::Range;

/// The inner area of a chart, in pixels.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 344.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 206.0;

/// The height of a row with a name, and the most characters of the name that are shown.
const ROW: f64 = 18.0;
const LONGEST_NAME: usize = 18;

/// The most points of a line or a cloud of dots; more would look the same.
const MOST_POINTS: usize = 600;

/// A chart, 360 pixels wide.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    title: String,
    x_label: String,
    y_label: String,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    shapes: Vec<Shape>,
    marks: Vec<Mark>,
    /// The left and the lower end of the inner area.
    left: f64,
    bottom: f64,
    /// The names of the colors, if there are several.
    legend: Vec<(usize, String)>,
    #[serde(skip)]
    x: Range<f64>,
    #[serde(skip)]
    y: Range<f64>,
}

/// A place on an axis, with its label.
#[derive(Clone, Debug, Serialize)]
struct Tick {
    at: f64,
    label: String,
}

/// A path in one of the colors.
#[derive(Clone, Debug, Serialize)]
struct Shape {
    kind: &'static str,
    color: usize,
    path: String,
}

/// A large dot, which tells what it stands for.
#[derive(Clone, Debug, Serialize)]
struct Mark {
    x: f64,
    y: f64,
    color: usize,
    title: String,
}

impl Chart {
    /// Makes an empty chart with these names and ranges of the axes.
    pub(crate) fn new(title: &str, labels: [&str; 2], x: Range<f64>, y: Range<f64>) -> Self {
        Self::within([LEFT, BOTTOM], title, labels, x, y)
    }

    /// Makes an empty chart with a row for each name. The heights of the rows are 0, -1, -2, ...
    pub(crate) fn of_rows(title: &str, x_label: &str, x: Range<f64>, names: &[String]) -> Self {
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let left = 14.0 + 7.0 * longest.min(LONGEST_NAME) as f64;
        let rows = names.len() as f64;
        let mut chart = Self::within([left, TOP + ROW * rows], title, [x_label, ""], x, 0.5 - rows..0.5);
        let tick = |(i, name): (usize, &String)| chart.y_tick(-(i as f64), cut(name, LONGEST_NAME));
        chart.y_ticks = names.iter().enumerate().map(tick).collect();
        chart
    }

    fn within(
        [left, bottom]: [f64; 2],
        title: &str,
        [x_label, y_label]: [&str; 2],
        x: Range<f64>,
        y: Range<f64>,
    ) -> Self {
        let (x, y) = (widened(x), widened(y));
        let mut chart = Self {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            y_label: y_label.to_owned(),
            x_ticks: vec![],
            y_ticks: vec![],
            shapes: vec![],
            marks: vec![],
            left,
            bottom,
            legend: vec![],
            x,
            y,
        };
        chart.x_ticks = ticks(&chart.x).map(|(at, label)| chart.x_tick(at, label)).collect();
        chart.y_ticks = ticks(&chart.y).map(|(at, label)| chart.y_tick(at, label)).collect();
        chart
    }

    /// Replaces the labels of the horizontal axis.
    pub(crate) fn with_x_ticks(mut self, labels: impl IntoIterator<Item = (f64, String)>) -> Self {
        self.x_ticks = labels.into_iter().map(|(at, label)| self.x_tick(at, label)).collect();
        self
    }

    /// Names a color.
    pub(crate) fn with_legend(mut self, color: usize, name: &str) -> Self {
        self.legend.push((color, name.to_owned()));
        self
    }

    /// Draws a line through points.
    pub(crate) fn line(self, color: usize, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.path("line", color, points, |path, x, y| {
            let command = if path.is_empty() { 'M' } else { 'L' };
            _ = write!(path, "{command}{x:.1} {y:.1}");
        })
    }

    /// Draws a dot at each point.
    pub(crate) fn dots(self, color: usize, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.path("dots", color, points, |path, x, y| _ = write!(path, "M{x:.1} {y:.1}h0"))
    }

    /// Draws a large dot at each point, which shows its text to the pointer.
    pub(crate) fn marks(mut self, color: usize, points: impl IntoIterator<Item = ((f64, f64), String)>) -> Self {
        for ((x, y), title) in points {
            let [x, y] = [self.at_x(x), self.at_y(y)].map(tenth);
            self.marks.push(Mark { x, y, color, title });
        }
        self
    }

    /// Draws a bar of each height between neighboring edges, of which there is one more.
    pub(crate) fn bars(self, color: usize, edges: &[f64], heights: &[f64]) -> Self {
        let ground = self.at_y(self.y.start.max(0.0));
        let width = self.at_x(edges[1]) - self.at_x(edges[0]) - 1.0;
        let points = edges.iter().copied().zip(heights.iter().copied());
        self.path("bars", color, points, |path, x, y| {
            _ = write!(path, "M{x:.1} {ground:.1}V{y:.1}h{width:.1}V{ground:.1}z");
        })
    }

    /// Draws a thin line from one point to another, to compare with.
    pub(crate) fn guide(self, from: (f64, f64), to: (f64, f64)) -> Self {
        let chart = self.line(0, [from, to]);
        chart.renamed("guide")
    }

    fn renamed(mut self, kind: &'static str) -> Self {
        if let Some(shape) = self.shapes.last_mut() {
            shape.kind = kind;
        }
        self
    }

    fn path(
        mut self,
        kind: &'static str,
        color: usize,
        points: impl IntoIterator<Item = (f64, f64)>,
        put: impl Fn(&mut String, f64, f64),
    ) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().filter(|(x, y)| (x + y).is_finite()).collect();
        let mut path = String::new();
        for (x, y) in thinned(&points) {
            put(&mut path, self.at_x(x), self.at_y(y));
        }
        self.shapes.push(Shape { kind, color, path });
        self
    }

    fn x_tick(&self, at: f64, label: String) -> Tick {
        let at = tenth(self.at_x(at));
        Tick { at, label }
    }

    fn y_tick(&self, at: f64, label: String) -> Tick {
        let at = tenth(self.at_y(at));
        Tick { at, label }
    }

    /// Returns where a value is on the horizontal axis; what lies beyond an end is drawn at it.
    fn at_x(&self, x: f64) -> f64 {
        self.left + (RIGHT - self.left) * share(&self.x, x)
    }

    fn at_y(&self, y: f64) -> f64 {
        self.bottom - (self.bottom - TOP) * share(&self.y, y)
    }
}

/// Rounds a number of pixels, because more digits would only make the page longer.
fn tenth(pixels: f64) -> f64 {
    (10.0 * pixels).round() / 10.0
}

fn share(range: &Range<f64>, value: f64) -> f64 {
    ((value - range.start) / (range.end - range.start)).clamp(0.0, 1.0)
}

/// Returns the range of values, without those that are not finite.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Range<f64> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let extent = finite.fold(f64::INFINITY..f64::NEG_INFINITY, |extent, value| {
        extent.start.min(value)..extent.end.max(value)
    });
    if extent.start <= extent.end { extent } else { 0.0..1.0 }
}

/// Makes room in a range of a single value.
fn widened(range: Range<f64>) -> Range<f64> {
    match range.start < range.end {
        true => range,
        false => range.start - 0.5_f64.max(range.start.abs() / 10.0)..range.end + 0.5_f64.max(range.end.abs() / 10.0),
    }
}

/// Returns at most six round numbers in a range, with their labels.
fn ticks(range: &Range<f64>) -> impl Iterator<Item = (f64, String)> + use<> {
    let raw = (range.end - range.start) / 5.0;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|&step| step >= raw).unwrap_or(10.0 * power);
    let (first, last) = ((range.start / step).ceil(), (range.end / step).floor());
    let largest = range.start.abs().max(range.end.abs());
    let (unit, suffix) = match largest {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    // Adding zero makes 0 of -0.
    let tick = move |i: usize| (first + i as f64) * step + 0.0;
    // A multiple of the step has a few digits more than its floating-point number shows.
    let label = move |tick: f64| match tick {
        0.0 => "0".to_owned(),
        _ => format!("{}{suffix}", short((tick / step).round() * step / unit)),
    };
    (0..=(last - first) as usize).map(move |i| (tick(i), label(tick(i))))
}

/// Returns points at even distances, of those that are too many to see.
fn thinned(points: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.last().filter(|_| !(points.len() - 1).is_multiple_of(step));
    points.iter().step_by(step).chain(last).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range<f64>) -> Vec<String> {
        ticks(&range).map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_in_the_range() {
        assert_eq!(labels(0.0..1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(labels(-0.3..0.3), ["-0.2", "0", "0.2"]);
        assert_eq!(labels(12_000.0..61_000.0), ["20k", "30k", "40k", "50k", "60k"]);
        assert_eq!(labels(0.0..3e6), ["0", "1M", "2M", "3M"]);
        for exponent in -30..30 {
            let range = -1.7 * 10_f64.powi(exponent)..2.9 * 10_f64.powi(exponent);
            let count = ticks(&range).count();
            assert!((2..=6).contains(&count), "{range:?}: {count}");
            assert!(ticks(&range).all(|(tick, _)| range.start <= tick && tick <= range.end));
        }
    }

    #[test]
    fn everything_is_drawn_inside() {
        let chart = Chart::new("", ["", ""], 0.0..10.0, 0.0..1.0)
            .line(0, [(-5.0, 0.0), (5.0, f64::NAN), (20.0, 2.0)])
            .dots(1, (0..10_000).map(|i| (f64::from(i) / 1e3, 0.5)));
        assert_eq!(chart.shapes[0].path, "M56.0 206.0L344.0 10.0");
        assert!(chart.shapes[1].path.matches('M').count() <= MOST_POINTS + 1);
        assert_eq!(extent([f64::NAN]), 0.0..1.0);
        let names = ["a", "a name that is longer than its place"].map(String::from);
        let rows = Chart::of_rows("", "", 0.0..10.0, &names).marks(0, [((5.0, -1.0), names[1].clone())]);
        assert_eq!(rows.y_ticks[1].label, "a name that is lo…");
        assert_eq!((rows.marks[0].x, rows.marks[0].y), (242.0, 37.0));
        assert_eq!((rows.marks[0].y, rows.bottom), (rows.y_ticks[1].at, 46.0));
        assert_eq!(Chart::new("", ["", ""], 2.0..2.0, 0.0..0.0).x, 1.5..2.5);
    }
}
