//! A confusion matrix: how often each class was taken for which.

use std::fmt;

/// Counts of true against predicted classes, k x k.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// `counts[truth * classes + predicted]`.
    counts: Vec<u64>,
}

impl ConfusionMatrix {
    /// An empty matrix of k classes, numbered from 0.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// Counts one sample.
    ///
    /// # Panics
    ///
    /// If either class is not below k.
    #[track_caller]
    pub fn record(&mut self, truth: usize, predicted: usize) {
        let index = self.index(truth, predicted);
        self.counts[index] += 1;
    }

    /// The number of samples of the class `truth` that were taken for `predicted`.
    ///
    /// # Panics
    ///
    /// If either class is not below k.
    #[must_use]
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[self.index(truth, predicted)]
    }

    /// The number of samples.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The share of samples whose class was predicted; `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        share(
            (0..self.classes).map(|class| self.count(class, class)).sum(),
            self.total(),
        )
    }

    /// The share of the samples of a class whose class was predicted; `None` without samples of it.
    ///
    /// # Panics
    ///
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn recall(&self, class: usize) -> Option<f64> {
        let hits = self.count(class, class);
        share(hits, self.row(class).iter().sum())
    }

    fn row(&self, truth: usize) -> &[u64] {
        &self.counts[truth * self.classes..(truth + 1) * self.classes]
    }

    #[track_caller]
    fn index(&self, truth: usize, predicted: usize) -> usize {
        let classes = self.classes;
        assert!(
            truth < classes && predicted < classes,
            "class {truth} or {predicted} is not below {classes}"
        );
        truth * classes + predicted
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A table with a row per true class, a column per predicted class and a last column of recalls; zeros are dots, so
/// that the mistakes stand out.
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = |n: u64| n.to_string().len();
        let last = self.classes.saturating_sub(1) as u64;
        let label = digits(last).max("true".len());
        let cell = 1 + self.counts.iter().copied().max().map_or(1, digits).max(digits(last));

        writeln!(f, "{:label$} | predicted", "")?;
        write!(f, "{:label$} |", "true")?;
        (0..self.classes).try_for_each(|class| write!(f, "{class:>cell$}"))?;
        writeln!(f, " |  recall")?;
        writeln!(
            f,
            "{:-<label$}-+{:-<width$}-+--------",
            "",
            "",
            width = cell * self.classes
        )?;
        for truth in 0..self.classes {
            write!(f, "{truth:>label$} |")?;
            for &count in self.row(truth) {
                if count == 0 {
                    write!(f, "{:>cell$}", "·")?;
                } else {
                    write!(f, "{count:>cell$}")?;
                }
            }
            match self.recall(truth) {
                Some(recall) => writeln!(f, " | {:>6.2}%", 100.0 * recall)?,
                None => writeln!(f, " | {:>7}", "-")?,
            }
        }
        match self.accuracy() {
            Some(accuracy) => write!(f, "accuracy {:.2}% of {}", 100.0 * accuracy, self.total()),
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
        assert_eq!((matrix.count(0, 2), matrix.count(2, 0), matrix.count(1, 0)), (2, 0, 1));
        assert_eq!(matrix.total(), 102);
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
        assert_eq!(example().to_string(), expected);
    }

    #[test]
    fn an_empty_matrix_has_no_accuracy() {
        let matrix = ConfusionMatrix::new(2);
        assert_eq!((matrix.total(), matrix.accuracy(), matrix.recall(1)), (0, None, None));
        assert!(matrix.to_string().ends_with("no samples"));
        assert_eq!(ConfusionMatrix::new(0).accuracy(), None);
    }

    #[test]
    #[should_panic(expected = "class 1 or 3 is not below 3")]
    fn a_class_out_of_range_panics() {
        example().record(1, 3);
    }
}
