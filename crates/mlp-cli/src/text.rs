//! How numbers and tables are printed.

use std::fmt::Debug;

/// Formats a number with the fewest digits that determine it: `10`, `0.1`, `1e300`.
pub(crate) fn exact(number: impl Debug) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Formats a number with four digits, as a person reads it: `0.1235`, `1,235`, `12,350,000`, `1.235e-6`.
pub(crate) fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return exact(number);
    }
    let digits = 3 - number.abs().log10().floor() as i32;
    if !(-6..=7).contains(&digits) {
        return format!("{number:.3e}");
    }
    let unit = 10_f64.powi(digits);
    let rounded = (number * unit).round() / unit;
    let text = format!("{rounded:.0$}", digits.max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => format!(
            "{}{}",
            if rounded < 0.0 { "-" } else { "" },
            grouped(rounded.abs() as usize)
        ),
    }
}

/// Formats a number with its noun, such as `1 row` or `12,000 rows`. The plural of the noun is formed with an `s`.
pub(crate) fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// Formats a number such as `12,000`.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let start = digits.len() % 3;
    let mut text = digits[..start].to_owned();
    for group in digits.as_bytes()[start..].chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(group.iter().map(|&digit| char::from(digit)));
    }
    text
}

/// Formats a share such as `12.5 %`, or nothing.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.1} %", 100.0 * share))
}

/// Cuts a text that is too long for its place.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// Formats rows as lines. The cells of a column are as wide as the widest of them; those of the first column begin, and
/// those of the others end below each other if `right` says so.
pub(crate) fn aligned(rows: &[Vec<String>], right: &[bool]) -> String {
    let width = |j: usize| rows.iter().map(|row| row[j].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..right.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).zip(right);
        let cells = cells.map(|((cell, &width), right)| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line: Vec<String> = cells.collect();
        format!("  {}", line.join("  ")).trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let numbers = [
            (0.123_456, "0.1235"),
            (1234.56, "1,235"),
            (-12_345_678.0, "-12,350,000"),
            (-2.5, "-2.5"),
            (0.0, "0"),
            (100.0, "100"),
            (1.234_56e-9, "1.235e-9"),
            (9.999_96, "10"),
            (f64::NAN, "NaN"),
        ];
        for (number, text) in numbers {
            assert_eq!(short(number), text);
        }
        assert_eq!(
            [0, 7, 999, 1000, 1_234_567].map(grouped).join(" "),
            "0 7 999 1,000 1,234,567"
        );
        assert_eq!([counted(1, "row"), counted(2, "row")], ["1 row", "2 rows"]);
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["a", "value"], ["long name", "1"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(
            aligned(&rows, &[false, true]),
            "  a          value\n  long name      1\n"
        );
    }
}
