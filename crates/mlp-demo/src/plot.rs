//! Draws curves of losses and accuracies as an SVG picture.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use crate::scale::{even_ticks, extent, log_place, log_ticks, short, stretches};

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

/// The losses, or the accuracies, of the epochs of one training run.
#[derive(Clone, Debug)]
pub(crate) struct Curve<'a> {
    /// The name in the legend.
    pub(crate) name: String,
    /// The value of each epoch, from epoch 0.
    pub(crate) values: &'a [f64],
}

/// Draws curves of losses over epochs, with a logarithmic loss axis and a legend, and returns the SVG text.
///
/// A loss that is zero, negative or not finite has no place on the axis: the curve is broken there, and the legend
/// counts such points. If no other points are left, the axes are drawn without a curve.
pub(crate) fn loss_curves(title: &str, curves: &[Curve<'_>]) -> String {
    picture(&[Chart::of_losses(title, curves)])
}

/// Draws the losses and, below them, the accuracies (shares from 0 to 1) of a classifier over epochs, and returns the
/// SVG text. Losses are drawn as in [`loss_curves`]; accuracies have a linear axis, in percent. An epoch is at the same
/// place in both charts, and curves of the same name have the same color.
pub(crate) fn training_curves(losses: &[Curve<'_>], accuracies: &[Curve<'_>]) -> String {
    picture(&[
        Chart::of_losses("loss by epoch", losses),
        Chart::of_accuracies("accuracy by epoch", accuracies),
    ])
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws charts, one below the other, on a white background.
fn picture(charts: &[Chart<'_>]) -> String {
    let mut svg = String::new();
    let curves = || charts.iter().flat_map(|chart| chart.curves);
    let last = curves().map(|curve| curve.values.len()).max().unwrap_or(0).max(2) - 1;
    let color = |name: &str| {
        let place = curves().position(|curve| curve.name == name).unwrap_or(0);
        COLORS[place % COLORS.len()]
    };
    let mut draw = || -> Drawn {
        let size = (SIZE.0, SIZE.1 * u32::try_from(charts.len())?);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        for (chart, area) in charts.iter().zip(root.split_evenly((charts.len(), 1))) {
            chart.draw(&area, last, &color)?;
        }
        Ok(root.present()?)
    };
    draw().expect("drawing to a string cannot fail: no file is written and no system font is read");
    svg
}

/// Curves over epochs, with their axes and a legend. Values have places on the vertical axis.
struct Chart<'a> {
    title: &'a str,
    /// The name of the vertical axis.
    axis: &'static str,
    curves: &'a [Curve<'a>],
    /// Returns the place of a value, or `None` if the value has no place.
    place: fn(f64) -> Option<f64>,
    /// Returns the number with which a place is labeled.
    number: fn(f64) -> f64,
    places: Places,
    legend: SeriesLabelPosition,
}

impl<'a> Chart<'a> {
    /// Returns a chart with the logarithmic axis that the curves need. Its places are log10(loss).
    fn of_losses(title: &'a str, curves: &'a [Curve<'a>]) -> Self {
        let range = range(curves, log_place, (-1.0, 1.0), 0.01);
        Self {
            title,
            axis: "loss (log scale)",
            curves,
            place: log_place,
            number: |place| 10_f64.powf(place),
            places: Places {
                ticks: log_ticks(&range),
                range,
            },
            legend: SeriesLabelPosition::UpperRight,
        }
    }

    /// Returns a chart with the linear axis, in percent, that the curves need.
    fn of_accuracies(title: &'a str, curves: &'a [Curve<'a>]) -> Self {
        let percent = |share: f64| share.is_finite().then_some(100.0 * share);
        let range = range(curves, percent, (0.0, 100.0), 0.5);
        Self {
            title,
            axis: "accuracy (%)",
            curves,
            place: percent,
            number: |percent| percent,
            places: Places {
                ticks: even_ticks(range.start.max(0.0)..range.end.min(100.0)),
                range,
            },
            legend: SeriesLabelPosition::LowerRight,
        }
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, last: usize, color: &dyn Fn(&str) -> RGBColor) -> Drawn {
        let mut chart = ChartBuilder::on(area)
            .caption(printable(self.title), (FONT, 24))
            .margin(16)
            .margin_right(28)
            .x_label_area_size(52)
            .y_label_area_size(90)
            .build_cartesian_2d(0..last, self.places.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(11)
            .x_desc("epoch")
            .y_desc(self.axis)
            .y_label_formatter(&|&place| short((self.number)(place)))
            .axis_desc_style((FONT, 18))
            .label_style((FONT, 15))
            .draw()?;

        for Curve { name, values } in self.curves {
            let line = color(name).stroke_width(2);
            let stretches = stretches(values, self.place);
            for stretch in &stretches {
                if values.len() <= MOST_MARKERS || stretch.len() == 1 {
                    chart.draw_series(stretch.iter().map(|&point| Circle::new(point, 3, color(name).filled())))?;
                }
                chart.draw_series(LineSeries::new(thinned(stretch), line))?;
            }
            let mut name = printable(name);
            let left_out = values.len() - stretches.iter().map(Vec::len).sum::<usize>();
            if left_out > 0 {
                name += &format!(" ({left_out} of {} not drawable)", values.len());
            }
            // The legend has an entry even if nothing is drawn, so it belongs to an empty series.
            chart
                .draw_series(LineSeries::new([], line))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], line));
        }
        if !self.curves.is_empty() {
            chart
                .configure_series_labels()
                .position(self.legend.clone())
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

/// The places on a vertical axis.
#[derive(Clone, Debug)]
struct Places {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Places {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, pixels: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range.clone()).map(place, pixels)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// Returns the range of the curves' places, or `none` if there are no places, extended at both ends by a margin: a
/// twentieth of the range, but at least `least`.
fn range(curves: &[Curve<'_>], place: fn(f64) -> Option<f64>, none: (f64, f64), least: f64) -> Range<f64> {
    let stretches: Vec<_> = curves.iter().flat_map(|curve| stretches(curve.values, place)).collect();
    let (low, high) = extent(&stretches).unwrap_or(none);
    let margin = (0.05 * (high - low)).max(least);
    low - margin..high + margin
}

/// Thins a stretch that has far more points than the picture has columns. It keeps the least and the greatest value of
/// each of [`MOST_BUCKETS`] buckets, which looks the same, and both ends of the stretch.
fn thinned(stretch: &[(usize, f64)]) -> Vec<(usize, f64)> {
    if stretch.len() <= 2 * MOST_BUCKETS {
        return stretch.to_vec();
    }
    let by_place = |a: &&(usize, f64), b: &&(usize, f64)| a.1.total_cmp(&b.1);
    let extremes = |bucket: &[(usize, f64)]| {
        [bucket.iter().min_by(by_place), bucket.iter().max_by(by_place)].map(Option::<&_>::copied)
    };
    let buckets = stretch.chunks(stretch.len().div_ceil(MOST_BUCKETS));
    let ends = [stretch.first().copied(), stretch.last().copied()];
    let mut thinned: Vec<_> = buckets.flat_map(extremes).chain(ends).flatten().collect();
    thinned.sort_by_key(|&(epoch, _)| epoch);
    thinned.dedup();
    thinned
}

/// Replaces the control characters, and the other characters that XML cannot hold, by spaces.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), " ")
}

#[cfg(test)]
mod tests;
