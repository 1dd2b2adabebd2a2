//! How numbers are printed.

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

#[cfg(test)]
mod tests {
    use super::*;

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
