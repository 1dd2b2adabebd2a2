use crate::backend::Tensor;
use crate::{DataError, Scalar};
use alloc::vec::Vec;
use core::fmt::Display;

/// A weight for each class, which all its samples get. With such weights, rare classes can count as much as frequent
/// ones.
///
/// ```
/// use mlp_core::{ClassWeights, Samples};
/// use mlp_cpu::Matrix;
///
/// let labels = [0, 1, 1, 1];
/// let weights = ClassWeights::balanced(&labels, 2)?.sample_weights::<Matrix<f64>>(&labels)?;
/// let share = 2.0 / 3.0;
/// assert_eq!(weights, Matrix::from_columns(&[[2.0], [share], [share], [share]]));
///
/// let input = Matrix::from_columns(&[[0.0], [1.0], [2.0], [3.0]]);
/// let target = Matrix::from_columns(&labels.map(|label| [label as f64]));
/// let samples = Samples::<Matrix<f64>>::new(&input, &target)?.weighted(&weights)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ClassWeights(Vec<f64>);

impl ClassWeights {
    /// Creates class weights from a list that starts with class 0. Losses are weighted means, so only the ratios
    /// matter.
    ///
    /// # Errors
    /// Returns an error if there are no weights, if one is negative or not finite, or if all are 0.
    pub fn new(weights: Vec<f64>) -> Result<Self, DataError> {
        if weights.is_empty() {
            return Err(invalid("at least one class", "none"));
        }
        for (class, &got) in weights.iter().enumerate() {
            if !(got.is_finite() && got >= 0.0) {
                let expected = format_args!("a finite number of at least 0 for class {class}");
                return Err(invalid(expected, got));
            }
        }
        if weights.iter().all(|&weight| weight == 0.0) {
            return Err(invalid("a weight above 0", "none"));
        }
        Ok(Self(weights))
    }

    /// Computes weights that give every class the same total weight: w_k = N / (K n_k), where n_k of the N labels are
    /// class k, and K is the number of `classes`. The weights of the samples sum to N. scikit-learn does the same with
    /// `class_weight="balanced"`.
    ///
    /// A class without samples is an error, as in scikit-learn: no weight could give it its share, and usually the
    /// labels are wrong. (If they are right, set the weights with [`new`](Self::new). A default weight of 0 would
    /// silently leave the class out of the validation loss, too.)
    ///
    /// # Errors
    /// Returns an error if there are no classes, if a label is not below `classes`, or if a class has no samples.
    pub fn balanced(labels: &[usize], classes: usize) -> Result<Self, DataError> {
        if classes == 0 {
            return Err(invalid("at least one class", "none"));
        }
        // With more classes than labels, one of the first `labels.len() + 1` classes has no label, and the rest needs
        // no memory.
        let mut counts = alloc::vec![0_usize; classes.min(labels.len() + 1)];
        for (sample, &got) in labels.iter().enumerate() {
            if got >= classes {
                return Err(not_a_class(sample, classes, got));
            }
            if let Some(count) = counts.get_mut(got) {
                *count += 1;
            }
        }
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return Err(invalid(format_args!("at least one sample of class {class}"), "none"));
        }
        let total = labels.len() as f64;
        let weight = |count: usize| total / (classes as f64 * count as f64);
        Ok(Self(counts.into_iter().map(weight).collect()))
    }

    /// Returns the weights, starting with class 0.
    pub fn weights(&self) -> &[f64] {
        &self.0
    }

    /// Returns the weight of each sample, 1 x N, for [`Samples::weighted`](crate::Samples::weighted). A sample has the
    /// weight of its class.
    ///
    /// # Errors
    /// Returns an error if a label is not below the number of classes.
    pub fn sample_weights<B: Tensor>(&self, labels: &[usize]) -> Result<B, DataError> {
        let weight = |(sample, &got): (usize, &usize)| match self.0.get(got) {
            Some(&weight) => Ok(B::Scalar::from_f64(weight)),
            None => Err(not_a_class(sample, self.0.len(), got)),
        };
        let values = labels.iter().enumerate().map(weight).collect::<Result<Vec<_>, _>>()?;
        let mut weights = B::zeros(1, values.len());
        weights.write(&values);
        Ok(weights)
    }
}

fn invalid(expected: impl Display, got: impl Display) -> DataError {
    DataError::invalid("class weights", expected, got)
}

fn not_a_class(sample: usize, classes: usize, got: usize) -> DataError {
    invalid(
        format_args!("a label from 0 to {} for sample {sample}", classes - 1),
        got,
    )
}
