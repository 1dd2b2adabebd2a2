use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// A confusion matrix: how often samples of each class were predicted as each class. Each cell is a sum of sample
/// weights; a row is a true class, a column a predicted one.
///
/// Let c_tp be the weight of the samples of class t that were predicted as p, and n_t the weight of all samples of
/// class t:
///
/// ```text
/// precision(k) = c_kk / sum_t c_tk
/// recall(k)    = c_kk / n_k
/// f1(k)        = 2 c_kk / (n_k + sum_t c_tk)      the harmonic mean of the two
/// ```
///
/// A sample without a predicted class (one of its predictions was NaN) counts in n_t but in no column. It lowers recall, F1
/// and the accuracies.
///
/// ```
/// use mlp_core::ConfusionMatrix;
///
/// let mut matrix = ConfusionMatrix::new(3);
/// for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
///     matrix.record(truth, predicted);
/// }
/// assert_eq!(matrix.count(0, 1), 1.0);
/// assert_eq!(matrix.recall(0), Some(2.0 / 3.0));
/// assert_eq!(matrix.precision(1), Some(0.5));
/// assert_eq!(matrix.recall(2), None); // no such samples
/// assert_eq!(matrix.balanced_accuracy(), Some((2.0 / 3.0 + 1.0) / 2.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    classes: usize,
    /// A row for each true class: a cell for each predicted class, and one for samples without a predicted class.
    counts: Vec<f64>,
}

impl ConfusionMatrix {
    /// Creates an empty matrix of k classes, numbered from 0.
    ///
    /// # Panics
    /// If k x (k + 1) numbers do not fit into memory.
    #[must_use]
    #[track_caller]
    pub fn new(classes: usize) -> Self {
        let cells = (classes.checked_add(1))
            .and_then(|columns| classes.checked_mul(columns))
            .expect("too many classes: the number of cells of the confusion matrix overflows");
        Self {
            classes,
            counts: vec![0.0; cells],
        }
    }

    /// Counts one sample. `predicted` is a class, or `None` if no class was predicted.
    ///
    /// # Panics
    /// If either class is not below k.
    #[track_caller]
    pub fn record(&mut self, truth: usize, predicted: impl Into<Option<usize>>) {
        self.add(truth, predicted, 1.0);
    }

    /// Counts one sample by its weight. `predicted` is a class, or `None` if no class was predicted.
    ///
    /// # Panics
    /// If either class is not below k.
    #[track_caller]
    pub fn add(&mut self, truth: usize, predicted: impl Into<Option<usize>>, weight: f64) {
        let index = self.index(truth, predicted.into());
        self.counts[index] += weight;
    }

    /// Returns k, the number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns c_tp: the weight of the samples of class `truth` that were predicted as `predicted` or, for
    /// `None::<usize>`, as no class.
    ///
    /// # Panics
    /// If either class is not below k.
    #[must_use]
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: impl Into<Option<usize>>) -> f64 {
        self.counts[self.index(truth, predicted.into())]
    }

    /// Returns n_k: the weight of the samples of a class.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn support(&self, class: usize) -> f64 {
        self.counts[self.index(class, Some(0))..=self.index(class, None)]
            .iter()
            .sum()
    }

    /// Returns sum_t c_tk: the weight of the samples that were predicted as a class.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|truth| self.count(truth, class)).sum()
    }

    /// Returns the weight of all samples.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Returns the share of samples whose class was predicted correctly; `None` if there are no samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let hits = (0..self.classes).map(|class| self.count(class, class)).sum();
        share(hits, self.total())
    }

    /// Returns the mean recall of the classes that have samples; `None` if there are no samples.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|class| self.recall(class)))
    }

    /// Returns the share of the samples predicted as a class that belong to it; `None` if it was never predicted.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.predicted(class))
    }

    /// Returns the share of the samples of a class that were predicted as it; `None` if it has no samples.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.support(class))
    }

    /// Returns the harmonic mean of precision and recall of a class; `None` if it has no samples and was never
    /// predicted.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn f1(&self, class: usize) -> Option<f64> {
        share(
            2.0 * self.count(class, class),
            self.support(class) + self.predicted(class),
        )
    }

    /// Returns the mean precision of the classes that occur, as samples or predictions. A class that is never predicted
    /// counts with precision 0. `None` if there are no samples.
    #[must_use]
    pub fn macro_precision(&self) -> Option<f64> {
        mean(self.occurring().map(|class| self.precision(class).unwrap_or(0.0)))
    }

    /// Returns the mean recall of the classes that occur, as samples or predictions. A class without samples counts
    /// with recall 0. `None` if there are no samples.
    #[must_use]
    pub fn macro_recall(&self) -> Option<f64> {
        mean(self.occurring().map(|class| self.recall(class).unwrap_or(0.0)))
    }

    /// Returns the mean F1 of the classes that occur, as samples or predictions. `None` if there are no samples.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        mean(self.occurring().filter_map(|class| self.f1(class)))
    }

    /// Returns the classes that have samples or were predicted.
    fn occurring(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|&class| self.support(class) > 0.0 || self.predicted(class) > 0.0)
    }

    #[track_caller]
    fn index(&self, truth: usize, predicted: Option<usize>) -> usize {
        let classes = self.classes;
        let shown = predicted.unwrap_or(truth);
        assert!(
            truth < classes && shown < classes,
            "confusion matrix: expected classes below {classes}, got {truth} (true) and {shown} (predicted)"
        );
        truth * (classes + 1) + predicted.unwrap_or(classes)
    }
}

/// Writes a table with a row per true class, a column per predicted class and a last column of recalls, and then the
/// accuracy. Zeros are shown as dots, so that the mistakes stand out. If there are samples without a predicted class, a
/// column `none` counts them.
///
/// ```
/// use mlp_core::ConfusionMatrix;
///
/// let mut matrix = ConfusionMatrix::new(2);
/// for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
///     matrix.record(truth, predicted);
/// }
/// let table = [
///     "     | predicted",
///     "true | 0 1 |  recall",
///     "-----+-----+--------",
///     "   0 | 2 1 |  66.67%",
///     "   1 | · 1 | 100.00%",
///     "accuracy 75.00% of 4",
/// ];
/// assert_eq!(matrix.to_string(), table.join("\n"));
/// ```
impl fmt::Display for ConfusionMatrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let classes = self.classes;
        let digits = |n: f64| n.to_string().len();
        let last = digits(classes.saturating_sub(1) as f64);
        let label = last.max("true".len());
        let mut columns: Vec<_> = (0..classes).map(|class| (Some(class), class.to_string())).collect();
        if (0..classes).any(|truth| self.count(truth, None::<usize>) > 0.0) {
            columns.push((None, "none".to_string()));
        }
        let widest = columns.last().map_or(0, |(_, name)| name.len());
        let cell = 1 + self.counts.iter().copied().map(digits).fold(widest, usize::max);

        writeln!(f, "{:label$} | predicted", "")?;
        write!(f, "{:label$} |", "true")?;
        columns.iter().try_for_each(|(_, name)| write!(f, "{name:>cell$}"))?;
        writeln!(f, " |  recall")?;
        writeln!(
            f,
            "{:-<label$}-+{:-<width$}-+--------",
            "",
            "",
            width = cell * columns.len()
        )?;
        for truth in 0..classes {
            write!(f, "{truth:>label$} |")?;
            for (predicted, _) in &columns {
                match self.count(truth, *predicted) {
                    0.0 => write!(f, "{:>cell$}", "·")?,
                    count => write!(f, "{count:>cell$}")?,
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

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    share(sum, count)
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
        assert_eq!(example().to_string(), expected);
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
        assert_eq!(matrix.to_string(), expected);
    }

    #[test]
    fn samples_without_a_predicted_class_have_a_column() {
        let mut matrix = ConfusionMatrix::new(2);
        matrix.record(0, 0);
        matrix.record(1, None::<usize>);
        let expected = [
            "     | predicted",
            "true |    0    1 none |  recall",
            "-----+----------------+--------",
            "   0 |    1    ·    · | 100.00%",
            "   1 |    ·    ·    1 |   0.00%",
            "accuracy 50.00% of 2",
        ]
        .join("\n");
        assert_eq!(matrix.to_string(), expected);
    }

    #[test]
    fn an_empty_matrix_has_no_accuracy() {
        let matrix = ConfusionMatrix::new(2);
        assert_eq!((matrix.total(), matrix.accuracy(), matrix.recall(1)), (0.0, None, None));
        assert!(matrix.to_string().ends_with("no samples"));
        assert_eq!(ConfusionMatrix::new(0).accuracy(), None);
    }

    #[test]
    #[should_panic(expected = "confusion matrix: expected classes below 3, got 1 (true) and 3 (predicted)")]
    fn a_class_out_of_range_panics() {
        example().record(1, 3);
    }
}
