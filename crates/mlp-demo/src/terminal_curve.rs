//! A small loss curve for the terminal, in braille dots.

use crate::scale::{extent, log_place, short, stretches};

/// The bits of the 2 x 4 dots of a character: those of the left column and those of the right column, from the top.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const BLANK: u32 = 0x2800;

/// Draws the losses of the epochs from 0 on a logarithmic scale. The curve takes `width` x `height` characters, at
/// least one each. The axes around it are labeled with the greatest and the least loss and with the first and the last
/// epoch.
///
/// Losses that are zero, negative or not finite have no place on the scale and break the curve. The text does not end
/// with a line break. It is empty if there is nothing to draw.
pub(crate) fn terminal_curve(losses: &[f64], width: usize, height: usize) -> String {
    let stretches = stretches(losses, log_place);
    let Some((low, high)) = extent(&stretches) else {
        return String::new();
    };
    let last = losses.len() - 1;
    let mut cells = vec![vec![BLANK; width]; height];
    // A single epoch is at the left, and equal losses are at the top.
    let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let dot = |(epoch, place): (usize, f64)| {
        let x = share(epoch as f64, last as f64) * (2 * width - 1) as f64;
        (x, share(high - place, high - low) * (4 * height - 1) as f64)
    };
    for stretch in &stretches {
        // A point on its own is a line from itself to itself.
        for (&from, &to) in stretch
            .iter()
            .zip(stretch.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(stretch))
        {
            draw_line(&mut cells, dot(from), dot(to));
        }
    }

    let (top, bottom) = (short(10_f64.powf(high)), short(10_f64.powf(low)));
    let margin = top.len().max(bottom.len()).max("loss".len());
    let mut text = String::new();
    for (row, cells) in cells.iter().enumerate() {
        let (label, tick) = match row {
            0 => (top.as_str(), '┤'),
            _ if row + 1 == height && bottom != top => (bottom.as_str(), '┤'),
            _ => ("", '│'),
        };
        let cells: String = cells.iter().copied().filter_map(char::from_u32).collect();
        text += &format!("{label:>margin$} {tick}{cells}\n");
    }
    let last = last.to_string();
    let gap = width.saturating_sub("epoch 0".len() + last.len()).max(1);
    text + &format!(
        "{:margin$} └{}\n{:margin$}  epoch 0{:gap$}{last}",
        "loss",
        "─".repeat(width),
        "",
        ""
    )
}

/// Draws a line of dots without gaps, including both ends.
fn draw_line(cells: &mut [Vec<u32>], (x0, y0): (f64, f64), (x1, y1): (f64, f64)) {
    let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().max(1.0) as usize;
    for step in 0..=steps {
        let t = step as f64 / steps as f64;
        let x = (x0 + t * (x1 - x0)).round() as usize;
        let y = (y0 + t * (y1 - y0)).round() as usize;
        cells[y / 4][x / 2] |= DOTS[x % 2][y % 4];
    }
}

#[cfg(test)]
mod tests;
