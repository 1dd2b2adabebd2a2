//! Formatting of matrices as text.

use crate::{Matrix, MatrixRef};
use core::fmt::{self, Debug, Display, Formatter};

/// Writes rows as lines, with columns aligned on the right. A precision (`{:.3}`) applies to each number. A dimension
/// above 10 is shortened to its first 3 and last 3 positions.
impl<T: Display> Display for MatrixRef<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_rows(f, *self, "")
    }
}

/// Writes the shape, and then the rows as `Display` does.
impl<T: Display> Debug for MatrixRef<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} x {} [", self.rows(), self.columns())?;
        write_rows(f, *self, "    ")?;
        f.write_str("\n]")
    }
}

/// Writes the matrix as [`MatrixRef`] does.
impl<T: Display + Copy> Display for Matrix<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.view(), f)
    }
}

/// Writes the matrix as [`MatrixRef`] does.
impl<T: Display + Copy> Debug for Matrix<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.view(), f)
    }
}

/// Returns the positions to show of a dimension of `size`. `None` stands for those left out.
fn shown(size: usize) -> Vec<Option<usize>> {
    match size {
        0..=10 => (0..size).map(Some).collect(),
        _ => (0..3)
            .map(Some)
            .chain([None])
            .chain((size - 3..size).map(Some))
            .collect(),
    }
}

fn write_rows<T: Display>(f: &mut Formatter<'_>, matrix: MatrixRef<'_, T>, indent: &str) -> fmt::Result {
    let number = |value: &T| match f.precision() {
        Some(precision) => format!("{value:.precision$}"),
        None => value.to_string(),
    };
    let columns = shown(matrix.columns());
    let cells: Vec<Vec<String>> = shown(matrix.rows())
        .into_iter()
        .map(|i| {
            let cell = |&j: &Option<usize>| match (i, j) {
                (Some(i), Some(j)) => number(&matrix[(i, j)]),
                _ => "...".to_owned(),
            };
            columns.iter().map(cell).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|j| cells.iter().map(|row| row[j].len()).max().unwrap_or(0))
        .collect();
    for (i, row) in cells.iter().enumerate() {
        f.write_str(if i > 0 { "\n" } else { "" })?;
        f.write_str(indent)?;
        for (j, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            write!(f, "{}{cell:>width$}", if j > 0 { "  " } else { "" })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let m = Matrix::from_rows(&[[1.0, -20.5], [300.0, 4.25]]);
        assert_eq!(m.to_string(), "  1  -20.5\n300   4.25");
        assert_eq!(format!("{m:.1}"), "  1.0  -20.5\n300.0    4.2");
        assert_eq!(format!("{m:?}"), "2 x 2 [\n      1  -20.5\n    300   4.25\n]");
    }

    #[test]
    fn large_matrices_are_cut() {
        let m = Matrix::from_fn(11, 12, |i, j| (10 * i + j) as f32);
        let text = m.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 7);
        assert_eq!(lines[0], "  0    1    2  ...    9   10   11");
        assert_eq!(lines[3], "...  ...  ...  ...  ...  ...  ...");
        assert_eq!(lines[6], "100  101  102  ...  109  110  111");
    }

    #[test]
    fn empty_matrices_print_their_shape() {
        assert_eq!(format!("{:?}", Matrix::<f64>::zeros(0, 3)), "0 x 3 [\n\n]");
    }
}
