//! A confusion matrix as text. It shows how often each class was predicted as each class.

use mlp_core::ConfusionMatrix;
use std::fmt;

/// A table with a row per true class, a column per predicted class and a last column of recalls. Zeros are shown as
/// dots, so that the mistakes stand out.
#[derive(Clone, Copy, Debug)]
pub struct ConfusionTable<'a>(pub &'a ConfusionMatrix);

impl fmt::Display for ConfusionTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(matrix) = self;
        let classes = matrix.classes();
        let counts = |truth| (0..classes).map(move |predicted| matrix.count(truth, predicted));
        let digits = |n: f64| n.to_string().len();
        let last = digits(classes.saturating_sub(1) as f64);
        let label = last.max("true".len());
        let cell = 1 + (0..classes).flat_map(counts).map(digits).fold(last, usize::max);

        writeln!(f, "{:label$} | predicted", "")?;
        write!(f, "{:label$} |", "true")?;
        (0..classes).try_for_each(|class| write!(f, "{class:>cell$}"))?;
        writeln!(f, " |  recall")?;
        writeln!(f, "{:-<label$}-+{:-<width$}-+--------", "", "", width = cell * classes)?;
        for truth in 0..classes {
            write!(f, "{truth:>label$} |")?;
            for count in counts(truth) {
                if count == 0.0 {
                    write!(f, "{:>cell$}", "·")?;
                } else {
                    write!(f, "{count:>cell$}")?;
                }
            }
            match matrix.recall(truth) {
                Some(recall) => writeln!(f, " | {:>6.2}%", 100.0 * recall)?,
                None => writeln!(f, " | {:>7}", "-")?,
            }
        }
        match matrix.accuracy() {
            Some(accuracy) => write!(f, "accuracy {:.2}% of {}", 100.0 * accuracy, matrix.total()),
            None => write!(f, "no samples"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> ConfusionMatrix {
        let mut matrix = ConfusionMatrix::new(3);
        (0..98).for_each(|_| matrix.record(0, 0));
        matrix.record(0, 2);
        matrix.record(0, 2);
        matrix.record(1, 0);
        matrix.record(1, 1);
        matrix
    }

    #[test]
    fn counts_accuracy_and_recall() {
        let matrix = example();
        assert_eq!(
            (matrix.count(0, 2), matrix.count(2, 0), matrix.count(1, 0)),
            (2.0, 0.0, 1.0)
        );
        assert_eq!(matrix.total(), 102.0);
        assert_eq!(matrix.accuracy(), Some(99.0 / 102.0));
        assert_eq!(
            [matrix.recall(0), matrix.recall(1), matrix.recall(2)],
            [Some(0.98), Some(0.5), None]
        );
    }

    #[test]
    fn the_table_is_aligned() {
        let expected = [
            "     | predicted",
            "true |  0  1  2 |  recall",
            "-----+----------+--------",
            "   0 | 98  ·  2 |  98.00%",
            "   1 |  1  1  · |  50.00%",
            "   2 |  ·  ·  · |       -",
            "accuracy 97.06% of 102",
        ]
        .join("\n");
        assert_eq!(ConfusionTable(&example()).to_string(), expected);
    }

    #[test]
    fn a_wide_count_widens_every_cell() {
        let mut matrix = ConfusionMatrix::new(2);
        matrix.add(0, Some(0), 12345.0);
        matrix.record(1, 0);
        let expected = [
            "     | predicted",
            "true |     0     1 |  recall",
            "-----+-------------+--------",
            "   0 | 12345     · | 100.00%",
            "   1 |     1     · |   0.00%",
            "accuracy 99.99% of 12346",
        ]
        .join("\n");
        assert_eq!(ConfusionTable(&matrix).to_string(), expected);
    }

    #[test]
    fn an_empty_matrix_has_no_accuracy() {
        let matrix = ConfusionMatrix::new(2);
        assert_eq!((matrix.total(), matrix.accuracy(), matrix.recall(1)), (0.0, None, None));
        assert!(ConfusionTable(&matrix).to_string().ends_with("no samples"));
        assert_eq!(ConfusionMatrix::new(0).accuracy(), None);
    }

    #[test]
    #[should_panic(expected = "confusion matrix: expected classes below 3, got 1 (true) and 3 (predicted)")]
    fn a_class_out_of_range_panics() {
        example().record(1, 3);
    }
}
