//! The subcommands.

pub(crate) mod classifier;
pub(crate) mod export;
pub(crate) mod inspect;
pub(crate) mod notebook;
pub(crate) mod predict;

/// Formats a number as it was given: `10`, `0.1`, `1e300`.
pub(crate) fn exact(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// Formats a computed number with six decimals, or with seven digits if six decimals say too little or too much.
fn predicted(value: f64) -> String {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        format!("{value:.6}")
    } else {
        format!("{value:.6e}")
    }
}

/// Returns the first `most` of `cells`; dots stand for the others.
fn cells(cells: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let more = cells.len() > most;
    cells.take(most).chain(more.then(|| "..".to_owned())).collect()
}

/// Formats the rows as lines, in which the cells of a column are as wide as the widest of them.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let width = |cell: &String| cell.trim_end().chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<_> = (0..columns)
        .map(|j| rows.iter().map(|row| width(&row[j])).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{:>width$}", cell.trim_end()));
        format!("  {}", cells.collect::<Vec<_>>().join("  "))
    };
    rows.iter().map(line).collect()
}
