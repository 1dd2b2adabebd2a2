//! Draws curves of losses and accuracies as an SVG picture.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use crate::scale::{extent, short, stretches};

/// Width and height of a chart in pixels.
const SIZE: (u32, u32) = (960, 600);
const FONT: &str = "sans-serif";
/// Colors that color-blind readers can tell apart (Okabe and Ito, 2008).
const COLORS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];
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

/// Curves over epochs, with their axes and a legend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    pub(crate) quantity: Quantity,
    pub(crate) curves: &'a [Curve<'a>],
}

/// The quantity of a chart, which determines its vertical axis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quantity {
    /// The axis is logarithmic. A loss that is zero, negative or not finite has no place on it: the curve is broken
    /// there, and the legend counts such points. If no other points are left, the axes are drawn without a curve.
    Loss,
    /// Shares from 0 to 1, on a linear axis in percent.
    Accuracy,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws charts, one below the other, and returns the SVG text. An epoch is at the same place in all charts, and curves
/// of the same name have the same color.
pub(crate) fn picture(charts: &[Chart<'_>]) -> String {
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

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Chart<'_> {
    /// Draws the chart for the epochs from 0 to `last`, on the axis that its curves need.
    fn draw(&self, area: &Area<'_>, last: usize, color: &dyn Fn(&str) -> RGBColor) -> Drawn {
        let curves = self.curves.iter();
        let stretches: Vec<_> = curves.flat_map(|curve| stretches(curve.values, self.place())).collect();
        let extent = extent(&stretches);
        match self.quantity {
            Quantity::Loss => {
                let (range, ticks) = log_axis(extent.unwrap_or((0.1, 10.0)));
                self.draw_on(area, last, range.log_scale().with_key_points(ticks), color)
            }
            Quantity::Accuracy => {
                let (low, _) = extent.unwrap_or((0.0, 100.0));
                self.draw_on(area, last, percent_above(low)..100.0, color)
            }
        }
    }

    /// Returns the function from a value to its place on the axis, if it has one.
    fn place(&self) -> fn(f64) -> Option<f64> {
        match self.quantity {
            Quantity::Loss => |loss| (loss > 0.0 && loss.is_finite()).then_some(loss),
            Quantity::Accuracy => |share| share.is_finite().then_some(100.0 * share),
        }
    }

    fn draw_on<Y>(&self, area: &Area<'_>, last: usize, axis: Y, color: &dyn Fn(&str) -> RGBColor) -> Drawn
    where
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let (name, legend) = match self.quantity {
            Quantity::Loss => ("loss (log scale)", SeriesLabelPosition::UpperRight),
            Quantity::Accuracy => ("accuracy (%)", SeriesLabelPosition::LowerRight),
        };
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, (FONT, 24))
            .margin(16)
            .margin_right(28)
            .x_label_area_size(52)
            .y_label_area_size(90)
            .build_cartesian_2d(0..last, axis)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(11)
            .x_desc("epoch")
            .y_desc(name)
            .y_label_formatter(&|&place| short(place))
            .axis_desc_style((FONT, 18))
            .label_style((FONT, 15))
            .draw()?;

        for Curve { name, values } in self.curves {
            let line = color(name).stroke_width(2);
            let stretches = stretches(values, self.place());
            for stretch in &stretches {
                if values.len() <= MOST_MARKERS || stretch.len() == 1 {
                    chart.draw_series(stretch.iter().map(|&point| Circle::new(point, 3, color(name).filled())))?;
                }
                chart.draw_series(LineSeries::new(thinned(stretch), line))?;
            }
            let left_out = values.len() - stretches.iter().map(Vec::len).sum::<usize>();
            let label = match left_out {
                0 => name.clone(),
                _ => format!("{name} ({left_out} of {} not drawable)", values.len()),
            };
            // The legend has an entry even if nothing is drawn, so it belongs to an empty series.
            chart
                .draw_series(LineSeries::new([], line))?
                .label(label)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], line));
        }
        if !self.curves.is_empty() {
            chart
                .configure_series_labels()
                .position(legend)
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

/// Returns the range of a logarithmic axis, which goes from one power of 10 to another, and its ticks: some powers of
/// 10, and 2 and 5 times these powers if they are few.
fn log_axis((least, greatest): (f64, f64)) -> (Range<f64>, Vec<f64>) {
    let low = least.log10().floor() as i32;
    let high = (greatest.log10().ceil() as i32).max(low + 1);
    let power = |exponent: i32| 10_f64.powf(exponent.into());
    // Beyond the least and the greatest positive number, the powers would be 0 and infinite.
    let range = power(low).max(f64::from_bits(1))..power(high).min(f64::MAX);
    let digits: &[f64] = if high - low <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let powers = (low..=high).step_by(1 + (high - low) as usize / 10).map(power);
    let ticks = powers.flat_map(|power| digits.iter().map(move |digit| digit * power));
    let ticks = ticks.filter(|tick| (range.start..=range.end).contains(tick)).collect();
    (range, ticks)
}

/// Returns the start of an axis that ends at 100: a multiple of 10 below the least accuracy.
fn percent_above(least: f64) -> f64 {
    (10.0 * (least / 10.0).ceil() - 10.0).max(0.0)
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

#[cfg(test)]
mod tests;
