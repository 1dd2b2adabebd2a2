//! How numbers, tables and texts from files are printed.

use std::fmt::Debug;

/// Formats a number with the fewest digits that determine it: `10`, `0.1`, `1e300`.
pub(crate) fn exact(number: impl Debug) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Formats a computed number with six decimals, or with seven digits if six decimals say too little or too much.
pub(crate) fn predicted(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        format!("{value:.6}")
    } else {
        format!("{value:.6e}")
    }
}

/// Formats a list such as `1,4,3,1`.
pub(crate) fn list(numbers: &[usize]) -> String {
    let numbers: Vec<_> = numbers.iter().map(usize::to_string).collect();
    numbers.join(",")
}

/// Formats a number with its noun, such as `1 row` or `2 rows`. The plural of the noun must be formed with an `s`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// Formats text from a user's file for a message: between backticks, cut if it is long, on one line.
pub(crate) fn quoted(text: &[u8]) -> String {
    mlp_io::quoted(&String::from_utf8_lossy(text))
}

/// Returns the first `most` of `cells`; dots stand for the others.
pub(crate) fn cells(cells: impl IntoIterator<Item = String>, most: usize) -> Vec<String> {
    let mut cells: Vec<_> = cells.into_iter().take(most + 1).collect();
    if let Some(more) = cells.get_mut(most) {
        "..".clone_into(more);
    }
    cells
}

/// Formats the rows as lines, in which the cells of a column are as wide as the widest of them.
pub(crate) fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |cell: &String| cell.trim_end().chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|j| rows.iter().map(|row| width(&row[j])).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, width)| format!("  {:>width$}", cell.trim_end()));
        cells.collect()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(quoted(b"abc"), "`abc`");
        assert_eq!(quoted(b"a\nb\x1b[31m"), r"`a\nb\u{1b}[31m`");
        assert_eq!(quoted(&[b'1'; 60]), format!("`{}`", "1".repeat(60)));
        assert_eq!(quoted(&[b'1'; 100_000]), format!("`{}…`", "1".repeat(60)));
        assert_eq!(quoted("é".repeat(70).as_bytes()), format!("`{}…`", "é".repeat(60)));
        assert_eq!(quoted(b"\xff1"), "`\u{fffd}1`");
    }

    #[test]
    fn one_row_but_two_rows() {
        assert_eq!(
            [counted(0, "row"), counted(1, "row"), counted(2, "row")],
            ["0 rows", "1 row", "2 rows"]
        );
    }

    #[test]
    fn computed_numbers_have_six_decimals_or_seven_digits() {
        assert_eq!(
            [0.0, 4.987_654_321, 1e-9, 1e30].map(predicted),
            ["0.000000", "4.987654", "1.000000e-9", "1.000000e30"]
        );
    }
}
