//! Draws curves of losses and accuracies as an SVG picture.

use std::ops::{Range, RangeInclusive};

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::log_scale::{self, Tick};

/// Width and height of a chart in pixels.
const SIZE: (u32, u32) = (960, 600);
const FONT: &str = "sans-serif";
/// Colors that color-blind readers can tell apart (Okabe and Ito, 2008).
const COLORS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
/// The largest number of points in a curve for which each point gets a marker.
const MOST_MARKERS: usize = 50;

/// A long curve is divided into this many buckets, and only the least and the greatest value of each are drawn.
const MOST_BUCKETS: usize = 1000;

/// The losses, or the accuracies, of one training run.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The name in the legend.
    pub name: String,
    /// The epochs, in ascending order, with their values.
    pub points: Vec<(usize, f64)>,
}

/// Draws curves of losses over epochs, with a logarithmic loss axis and a legend, and returns the SVG text.
///
/// A loss that is zero, negative or not finite has no place on the axis: the curve is broken there, and the legend
/// counts such points. If no other points are left, the axes are drawn without a curve.
///
/// # Panics
///
/// Never panics, because drawing to a string cannot fail.
#[must_use]
pub fn loss_curves(title: &str, curves: &[Curve]) -> String {
    let chart = Chart {
        title,
        name: "loss (log scale)",
        axis: Axis::of_losses(curves),
        curves,
        legend: SeriesLabelPosition::UpperRight,
    };
    picture(SIZE, |area| chart.draw(area, &Common::of(&[&chart])))
}

/// Draws the losses and, below them, the accuracies (shares from 0 to 1) of a classifier over epochs, and returns the
/// SVG text. Losses are drawn as in [`loss_curves`]; accuracies have a linear axis, in percent. An epoch is at the same
/// place in both charts, and curves of the same name have the same color.
///
/// # Panics
///
/// Never panics, because drawing to a string cannot fail.
#[must_use]
pub fn training_curves(losses: &[Curve], accuracies: &[Curve]) -> String {
    let (width, height) = SIZE;
    let upper = Chart {
        title: "loss by epoch",
        name: "loss (log scale)",
        axis: Axis::of_losses(losses),
        curves: losses,
        legend: SeriesLabelPosition::UpperRight,
    };
    let lower = Chart {
        title: "accuracy by epoch",
        name: "accuracy (%)",
        axis: Axis::of_shares(accuracies),
        curves: accuracies,
        legend: SeriesLabelPosition::LowerRight,
    };
    let common = Common::of(&[&upper, &lower]);
    picture((width, 2 * height), |area| {
        let (above, below) = area.split_vertically(height);
        upper.draw(&above, &common)?;
        lower.draw(&below, &common)
    })
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Returns the SVG text of a picture that `draw` draws on a white background.
fn picture(size: (u32, u32), draw: impl FnOnce(&Area<'_>) -> Drawn) -> String {
    let mut svg = String::new();
    let drawn = || -> Drawn {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        draw(&root)?;
        root.present()?;
        Ok(())
    };
    drawn().expect("drawing to a string cannot fail: no file is written and no system font is read");
    svg
}

/// Curves over epochs, with their axes and a legend.
struct Chart<'a> {
    title: &'a str,
    /// The name of the vertical axis.
    name: &'a str,
    axis: Axis,
    curves: &'a [Curve],
    legend: SeriesLabelPosition,
}

/// The properties that the charts of a picture share.
struct Common<'a> {
    epochs: Range<usize>,
    /// The number of characters in the longest label of a vertical axis.
    widest: usize,
    /// The names of the curves, each once. The index of a name determines its color.
    names: Vec<&'a str>,
}

impl<'a> Common<'a> {
    fn of(charts: &[&Chart<'a>]) -> Self {
        let curves = || charts.iter().flat_map(|chart| chart.curves);
        let epochs = || curves().flat_map(|curve| &curve.points).map(|&(epoch, _)| epoch);
        let first = epochs().min().unwrap_or(0).min(usize::MAX - 1);
        let last = epochs().max().unwrap_or(first).max(first + 1);
        let ticks = charts.iter().flat_map(|chart| &chart.axis.ticks);
        let mut names = vec![];
        for curve in curves() {
            if !names.contains(&curve.name.as_str()) {
                names.push(curve.name.as_str());
            }
        }
        Self {
            epochs: first..last,
            widest: ticks.map(|tick| tick.label.len()).max().unwrap_or(0),
            names,
        }
    }

    fn color(&self, name: &str) -> RGBColor {
        let place = self.names.iter().position(|other| *other == name).unwrap_or(0);
        COLORS[place % COLORS.len()]
    }
}

impl Chart<'_> {
    fn draw(&self, area: &Area<'_>, common: &Common<'_>) -> Drawn {
        let Self {
            title,
            name,
            axis,
            curves,
            legend,
        } = self;
        let place = axis.place;

        let mut chart = ChartBuilder::on(area)
            .caption(printable(title), (FONT, 24))
            .margin(16)
            .margin_right(28)
            .x_label_area_size(52)
            .y_label_area_size(44 + 9 * u32::try_from(common.widest)?)
            .build_cartesian_2d(common.epochs.clone(), axis.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(11)
            .x_desc("epoch")
            .y_desc(*name)
            .axis_desc_style((FONT, 18))
            .label_style((FONT, 15))
            .draw()?;

        for curve in *curves {
            let color = common.color(&curve.name);
            let line = color.stroke_width(2);
            let (stretches, left_out) = stretches(&curve.points, place);
            let marked = curve.points.len() <= MOST_MARKERS;
            for stretch in &stretches {
                if marked || stretch.len() == 1 {
                    chart.draw_series(stretch.iter().map(|&point| Circle::new(point, 3, color.filled())))?;
                }
            }
            let mut name = printable(&curve.name);
            if left_out > 0 {
                name += &format!(" ({left_out} of {} not drawable)", curve.points.len());
            }
            // The legend needs an entry even if nothing is drawn, so the first stretch may be empty.
            let mut stretches = stretches.into_iter();
            chart
                .draw_series(LineSeries::new(stretches.next().unwrap_or_default(), line))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], line));
            for stretch in stretches {
                chart.draw_series(LineSeries::new(stretch, line))?;
            }
        }
        if !curves.is_empty() {
            chart
                .configure_series_labels()
                .position(legend.clone())
                .background_style(WHITE.mix(0.85))
                .border_style(BLACK.mix(0.3))
                .legend_area_size(30)
                .margin(10)
                .label_font((FONT, 16))
                .draw()?;
        }
        Ok(())
    }
}

/// A vertical axis: the places of values on it, the range of places, and the ticks.
#[derive(Clone)]
struct Axis {
    /// Returns the place of a value, or `None` if the value has no place.
    place: fn(f64) -> Option<f64>,
    places: Range<f64>,
    ticks: Vec<Tick>,
}

impl Axis {
    /// Returns the logarithmic axis that the curves need, with a margin. Its places are log10(loss), and its ticks are
    /// those of [`log_scale`].
    fn of_losses(curves: &[Curve]) -> Self {
        let places = with_margin(curves, log_scale::place, -1.0..=1.0, 0.01);
        Self {
            place: log_scale::place,
            ticks: log_scale::ticks(&(places.start..=places.end)),
            places,
        }
    }

    /// Returns the linear axis, in percent, that the curves need, with a margin.
    fn of_shares(curves: &[Curve]) -> Self {
        let percent = |share: f64| share.is_finite().then_some(100.0 * share);
        let places = with_margin(curves, percent, 0.0..=100.0, 0.5);
        let mut ticks = log_scale::even_ticks(places.start.max(0.0), places.end.min(100.0), Some);
        ticks.retain(|tick| (0.0..=100.0).contains(&tick.place));
        Self {
            place: percent,
            places,
            ticks,
        }
    }
}

/// Returns the range of the curves' places, or `none` if there are no places, extended at both ends by a margin: a
/// twentieth of the range, but at least `least`.
fn with_margin(curves: &[Curve], place: fn(f64) -> Option<f64>, none: RangeInclusive<f64>, least: f64) -> Range<f64> {
    let values = curves.iter().flat_map(|curve| &curve.points);
    let places = values.filter_map(|&(_, value)| place(value));
    let (low, high) = log_scale::range(places).unwrap_or(none).into_inner();
    let margin = (0.05 * (high - low)).max(least);
    low - margin..high + margin
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, pixels: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.places.clone()).map(place, pixels)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.places.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        self.ticks
            .iter()
            .find(|tick| tick.place == *place)
            .map_or_else(String::new, |tick| tick.label.clone())
    }
}

/// Returns the stretches of successive points that can be drawn, as (epoch, place), and the number of points that
/// cannot be drawn.
fn stretches(points: &[(usize, f64)], place: fn(f64) -> Option<f64>) -> (Vec<Vec<(usize, f64)>>, usize) {
    let mut stretches = vec![];
    let mut stretch = vec![];
    let mut left_out = 0;
    for &(epoch, value) in points {
        if let Some(place) = place(value) {
            stretch.push((epoch, place));
        } else {
            left_out += 1;
            stretches.push(std::mem::take(&mut stretch));
        }
    }
    stretches.push(stretch);
    stretches.retain(|stretch| !stretch.is_empty());
    (stretches.into_iter().map(thinned).collect(), left_out)
}

/// Thins a stretch that has far more points than the picture has columns. It keeps the least and the greatest value of
/// each of [`MOST_BUCKETS`] buckets, which looks the same, and both ends of the stretch.
fn thinned(stretch: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    let (Some(&first), Some(&last)) = (stretch.first(), stretch.last()) else {
        return stretch;
    };
    if stretch.len() <= 2 * MOST_BUCKETS {
        return stretch;
    }
    let mut thinned = vec![first];
    for bucket in stretch.chunks(stretch.len().div_ceil(MOST_BUCKETS)) {
        let by_place = |a: &&(usize, f64), b: &&(usize, f64)| a.1.total_cmp(&b.1);
        let extremes = [bucket.iter().min_by(by_place), bucket.iter().max_by(by_place)];
        let mut extremes: Vec<_> = extremes.into_iter().flatten().copied().collect();
        extremes.sort_by_key(|&(epoch, _)| epoch);
        thinned.extend(extremes);
    }
    thinned.push(last);
    thinned.dedup();
    thinned
}

/// Replaces the control characters, and the other characters that XML cannot hold, by spaces.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}

#[cfg(test)]
mod tests;
