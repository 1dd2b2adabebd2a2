//! A small loss curve for the terminal, in braille dots.

use std::fmt::Write as _;

use crate::log_scale::{place, range, short};

/// The bits of the 2 x 4 dots of a character: those of the left column and those of the right column, from the top.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BLANK: u32 = 0x2800;

/// Draws losses over epochs on a logarithmic scale. The curve takes `width` x `height` characters. The axes around it
/// are labeled with the greatest and the least loss and with the first and the last epoch.
///
/// `points` are epochs, in ascending order, with their losses. Losses that are zero, negative or not finite have no
/// place on the scale and break the curve. The text does not end with a line break. It is empty if there is nothing to
/// draw.
#[must_use]
pub fn terminal_curve(points: &[(usize, f64)], width: usize, height: usize) -> String {
    let places = || points.iter().filter_map(|&(_, loss)| place(loss));
    let (Some(losses), Some(&(first, _)), Some(&(last, _))) = (range(places()), points.first(), points.last()) else {
        return String::new();
    };
    let mut dots = Dots::new(width.max(1), height.max(1));
    let (right, bottom) = ((2 * dots.width - 1) as f64, (4 * dots.height - 1) as f64);
    let dot = |epoch: usize, place: f64| {
        let x = share(epoch.saturating_sub(first) as f64, last.saturating_sub(first) as f64);
        let y = share(losses.end() - place, losses.end() - losses.start());
        (x * right, y * bottom)
    };
    let mut previous = None;
    for &(epoch, loss) in points {
        let here = place(loss).map(|place| dot(epoch, place));
        if let Some(here) = here {
            dots.line(previous.unwrap_or(here), here);
        }
        previous = here;
    }

    let drawn = || {
        points
            .iter()
            .map(|&(_, loss)| loss)
            .filter(|&loss| place(loss).is_some())
    };
    let top = drawn().reduce(f64::max).map_or_else(String::new, short);
    let low = drawn().reduce(f64::min).map_or_else(String::new, short);
    let margin = top.len().max(low.len()).max("loss".len());
    let mut text = String::new();
    for (row, cells) in dots.rows().enumerate() {
        let label = match row {
            0 => &top,
            _ if row + 1 == dots.height && low != top => &low,
            _ => "",
        };
        let tick = if label.is_empty() { '│' } else { '┤' };
        let cells: String = cells.iter().filter_map(|&bits| char::from_u32(BLANK + bits)).collect();
        let _ = writeln!(text, "{label:>margin$} {tick}{cells}");
    }
    let _ = writeln!(text, "{:margin$} └{}", "loss", "─".repeat(dots.width));
    let (first, last) = (format!("epoch {first}"), last.to_string());
    let gap = dots.width.saturating_sub(first.len() + last.len()).max(1);
    let _ = write!(text, "{:margin$}  {first}{:gap$}{last}", "", "");
    text
}

/// Returns part / whole, or 0 if `whole` is 0. A single epoch is thus at the left, and equal losses are at the top.
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A picture with 2 x 4 dots per character.
struct Dots {
    width: usize,
    height: usize,
    cells: Vec<u32>,
}

impl Dots {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            cells: vec![0; width * height],
        }
    }

    fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.cells.chunks(self.width)
    }

    fn set(&mut self, x: usize, y: usize) {
        self.cells[(y / 4) * self.width + x / 2] |= DOTS[x % 2][y % 4];
    }

    /// Draws a line of dots without gaps, including both ends.
    fn line(&mut self, (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let t = step as f64 / steps as f64;
            self.set(
                (x0 + t * (x1 - x0)).round() as usize,
                (y0 + t * (y1 - y0)).round() as usize,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_fall_on_the_logarithmic_scale() {
        let expected = [
            "100.0 ┤⠑⠢⣀⠀⠀⠀⠀⠀",
            "      │⠀⠀⠀⠑⢄⠀⠀⠀",
            "1.000 ┤⠀⠀⠀⠀⠀⠉⠢⢄",
            "loss  └────────",
            "       epoch 0 20",
        ];
        let text = terminal_curve(&[(0, 100.0), (10, 10.0), (20, 1.0)], 8, 3);
        assert_eq!(text, expected.join("\n"), "\n{text}");
    }

    /// Returns, for each column of dots of a curve, the rows of the dots that are set, counted from the top.
    fn dots(text: &str, width: usize) -> Vec<Vec<usize>> {
        let mut columns = vec![vec![]; 2 * width];
        for (row, line) in text.lines().filter(|line| line.contains(['┤', '│'])).enumerate() {
            for (cell, c) in line.split(['┤', '│']).nth(1).unwrap().chars().enumerate() {
                for (side, column) in DOTS.iter().enumerate() {
                    let set = (0..4).filter(|&y| (c as u32 - BLANK) & column[y] != 0);
                    columns[2 * cell + side].extend(set.map(|y| 4 * row + y));
                }
            }
        }
        columns
    }

    #[test]
    fn ends_and_extremes_are_at_the_borders() {
        let dots = dots(&terminal_curve(&[(5, 1.0), (10, 100.0), (25, 10.0)], 20, 4), 20);
        assert_eq!(dots[0], [15], "the least loss");
        assert!(
            dots[10].contains(&0),
            "the greatest loss, a quarter of the way: {:?}",
            dots[10]
        );
        assert_eq!(dots[39], [8], "log10(10) is half way");
        assert!(dots.iter().all(|column| !column.is_empty()), "no gaps: {dots:?}");
    }

    #[test]
    fn losses_without_a_place_break_the_curve() {
        let text = terminal_curve(
            &[(0, 1.0), (1, 1.0), (2, 0.0), (3, f64::NAN), (4, 1.0), (5, 1.0)],
            10,
            2,
        );
        let set: Vec<_> = dots(&text, 10).iter().map(|column| !column.is_empty()).collect();
        assert!(set[..=3].iter().all(|&s| s) && set[16..].iter().all(|&s| s), "{text}");
        assert!(!set[6..14].iter().any(|&s| s), "{text}");
        assert_eq!(
            text.matches("1.000").count(),
            1,
            "one label when all losses are equal: {text}"
        );
    }

    #[test]
    fn odd_curves_are_drawn_too() {
        assert_eq!(terminal_curve(&[], 60, 10), "");
        assert_eq!(terminal_curve(&[(0, 0.0), (1, f64::NAN)], 60, 10), "");
        assert_eq!(
            terminal_curve(&[(3, 1.5)], 4, 1),
            "1.500 ┤⠁⠀⠀⠀\nloss  └────\n       epoch 3 3"
        );
        for points in [[(0, 5e-324), (usize::MAX, f64::MAX)], [(9, 1.0), (3, 2.0)]] {
            for (width, height) in [(60, 10), (1, 1), (0, 0)] {
                let text = terminal_curve(&points, width, height);
                assert_eq!(text.lines().count(), height.max(1) + 2, "{text}");
            }
        }
    }
}
