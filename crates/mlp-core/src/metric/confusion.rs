use alloc::vec;
use alloc::vec::Vec;

/// How often each class was taken for which: sums of sample weights, a row a true class, a column a predicted one.
///
/// With c_tp the weight of the samples of class t that were taken for p, and n_t the weight of all of class t:
///
/// ```text
/// precision(k) = c_kk / sum_t c_tk
/// recall(k)    = c_kk / n_k
/// f1(k)        = 2 c_kk / (n_k + sum_t c_tk)      the harmonic mean of the two
/// ```
///
/// A sample for which nothing was predicted (its predictions were NaN) is in n_t and in no column: it lowers recall,
/// F1 and the accuracies.
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
    /// `counts[truth * classes + predicted]`.
    counts: Vec<f64>,
    /// For each class the weight of its samples for which nothing was predicted.
    unpredicted: Vec<f64>,
}

impl ConfusionMatrix {
    /// An empty matrix of k classes, numbered from 0.
    ///
    /// # Panics
    /// If k x k numbers do not fit the memory.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        let cells = classes
            .checked_mul(classes)
            .expect("a confusion matrix has k x k cells");
        Self {
            classes,
            counts: vec![0.0; cells],
            unpredicted: vec![0.0; classes],
        }
    }

    /// Counts one sample.
    ///
    /// # Panics
    /// If either class is not below k.
    #[track_caller]
    pub fn record(&mut self, truth: usize, predicted: usize) {
        self.add(truth, Some(predicted), 1.0);
    }

    /// Counts one sample by its weight; `predicted` is `None` where no class was predicted.
    ///
    /// # Panics
    /// If either class is not below k.
    #[track_caller]
    pub fn add(&mut self, truth: usize, predicted: Option<usize>, weight: f64) {
        let index = self.index(truth, predicted.unwrap_or(truth));
        match predicted {
            Some(_) => self.counts[index] += weight,
            None => self.unpredicted[truth] += weight,
        }
    }

    /// k, the number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// c_tp: the weight of the samples of the class `truth` that were taken for `predicted`.
    ///
    /// # Panics
    /// If either class is not below k.
    #[must_use]
    #[track_caller]
    pub fn count(&self, truth: usize, predicted: usize) -> f64 {
        self.counts[self.index(truth, predicted)]
    }

    /// n_k: the weight of the samples of a class.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn support(&self, class: usize) -> f64 {
        (0..self.classes)
            .map(|predicted| self.count(class, predicted))
            .sum::<f64>()
            + self.unpredicted[class]
    }

    /// sum_t c_tk: the weight of the samples that were taken for a class.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn predicted(&self, class: usize) -> f64 {
        (0..self.classes).map(|truth| self.count(truth, class)).sum()
    }

    /// The weight of all samples.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.counts.iter().sum::<f64>() + self.unpredicted.iter().sum::<f64>()
    }

    /// The share of samples whose class was predicted; `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        let hits = (0..self.classes).map(|class| self.count(class, class)).sum();
        share(hits, self.total())
    }

    /// The mean of the recalls, of those classes that have samples; `None` without samples.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean((0..self.classes).filter_map(|class| self.recall(class)))
    }

    /// The share of what was taken for a class that is of it; `None` if nothing was.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn precision(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.predicted(class))
    }

    /// The share of the samples of a class that were taken for it; `None` without samples of it.
    ///
    /// # Panics
    /// If the class is not below k.
    #[must_use]
    #[track_caller]
    pub fn recall(&self, class: usize) -> Option<f64> {
        share(self.count(class, class), self.support(class))
    }

    /// The harmonic mean of precision and recall of a class; `None` if it has no samples and none was taken for it.
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

    /// The mean of the precisions of the classes that occur, as samples or predictions; 0 stands for one that is
    /// never predicted. `None` without samples.
    #[must_use]
    pub fn macro_precision(&self) -> Option<f64> {
        mean(self.occurring().map(|class| self.precision(class).unwrap_or(0.0)))
    }

    /// The mean of the recalls of the classes that occur, as samples or predictions; 0 stands for one without
    /// samples. `None` without samples.
    #[must_use]
    pub fn macro_recall(&self) -> Option<f64> {
        mean(self.occurring().map(|class| self.recall(class).unwrap_or(0.0)))
    }

    /// The mean of the F1 of the classes that occur, as samples or predictions. `None` without samples.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        mean(self.occurring().filter_map(|class| self.f1(class)))
    }

    /// The classes that have samples or were predicted.
    fn occurring(&self) -> impl Iterator<Item = usize> {
        (0..self.classes).filter(|&class| self.support(class) > 0.0 || self.predicted(class) > 0.0)
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

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    share(sum, count)
}
