use super::{DataError, Samples};
use crate::backend::{Columns, Tensor};
use alloc::vec::Vec;

/// Samples that own their data: `input` (n_in x N), `target` (n_out x N, or 1 x N class indices) and, optionally, a
/// weight for each sample (1 x N). A data set can be split into a part to train on and a part that is held out.
///
/// ```
/// use mlp_core::Dataset;
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]);
/// let class = Matrix::from_columns(&[[0.0], [0.0], [0.0], [0.0], [1.0], [1.0]]);
/// let data = Dataset::new(input, class)?;
///
/// // Half of each class is held out.
/// let (train, held_out) = data.stratified_split(0.5, 1)?;
/// assert_eq!(train.labels()?, [0, 0, 1]);
/// assert_eq!(held_out.labels()?, [0, 0, 1]);
/// assert_eq!(held_out.samples().len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset<B> {
    input: B,
    target: B,
    sample_weights: Option<B>,
}

impl<B: Tensor> Dataset<B> {
    /// Creates a data set from `input` and `target`, without weights.
    ///
    /// # Errors
    /// Returns an error if there are no samples, or if the numbers of inputs and targets differ.
    pub fn new(input: B, target: B) -> Result<Self, DataError> {
        let data = Self {
            input,
            target,
            sample_weights: None,
        };
        data.checked()
    }

    /// Gives each sample a weight.
    ///
    /// # Errors
    /// Returns the same errors as [`Samples::weighted`].
    pub fn weighted(self, weights: B) -> Result<Self, DataError> {
        let sample_weights = Some(weights);
        Self { sample_weights, ..self }.checked()
    }

    /// Borrows all samples.
    pub fn samples(&self) -> Samples<'_, B> {
        Samples::of_parts(
            (&self.input).into(),
            (&self.target).into(),
            self.sample_weights.as_ref().map(Into::into),
        )
    }

    /// Returns N, the number of samples.
    pub fn len(&self) -> usize {
        self.input.shape().1
    }

    /// Returns false, because a data set always has samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the inputs, n_in x N.
    pub fn input(&self) -> &B {
        &self.input
    }

    /// Returns the targets: n_out x N, or 1 x N class indices.
    pub fn target(&self) -> &B {
        &self.target
    }

    /// Returns the weights, 1 x N, if the samples are weighted.
    pub fn sample_weights(&self) -> Option<&B> {
        self.sample_weights.as_ref()
    }

    /// Returns a data set whose inputs are `f` applied to these inputs, with the same targets and weights.
    ///
    /// ```
    /// # use mlp_core::{Dataset, Scaling};
    /// # use mlp_cpu::Matrix;
    /// # let input = Matrix::<f64>::from_columns(&[[1.0], [3.0]]);
    /// # let target = Matrix::from_columns(&[[0.0], [1.0]]);
    /// let data = Dataset::new(input, target)?.weighted(Matrix::from_columns(&[[2.0], [1.0]]))?;
    /// let scaling = Scaling::min_max(data.input())?;
    /// let scaled = data.map_input(|input| scaling.apply(input))?;
    /// assert_eq!(scaled.input(), &Matrix::from_columns(&[[0.0], [1.0]]));
    /// assert_eq!(scaled.sample_weights(), data.sample_weights());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if `f` changes the number of samples.
    pub fn map_input(&self, f: impl FnOnce(&B) -> B) -> Result<Self, DataError> {
        self.with(f(&self.input), self.target.clone())
    }

    /// Returns a data set whose targets are `f` applied to these targets, with the same inputs and weights.
    ///
    /// # Errors
    /// Returns an error if `f` changes the number of samples.
    pub fn map_target(&self, f: impl FnOnce(&B) -> B) -> Result<Self, DataError> {
        self.with(self.input.clone(), f(&self.target))
    }

    /// Creates a data set from `input` and `target` with the weights of this one.
    fn with(&self, input: B, target: B) -> Result<Self, DataError> {
        let sample_weights = self.sample_weights.clone();
        let data = Self {
            input,
            target,
            sample_weights,
        };
        data.checked()
    }

    fn checked(self) -> Result<Self, DataError> {
        let samples = Samples::<B>::new(&self.input, &self.target)?;
        if let Some(weights) = &self.sample_weights {
            samples.weighted(weights)?;
        }
        Ok(self)
    }

    /// Returns the samples at `indices`, in that order, with their weights. An index may occur more than once.
    ///
    /// ```
    /// # use mlp_core::Dataset;
    /// # use mlp_cpu::Matrix;
    /// let column = Matrix::<f64>::from_columns(&[[5.0], [6.0], [7.0]]);
    /// let part = Dataset::new(column.clone(), column)?.subset(&[2, 0])?;
    /// assert_eq!(part.input(), &Matrix::from_columns(&[[7.0], [5.0]]));
    /// # Ok::<(), mlp_core::DataError>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if there are no indices, if an index is out of range, or if the weights of the samples are all
    /// 0 or their sum is too large.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, DataError> {
        let samples = self.len();
        if let Some(&got) = indices.iter().find(|&&index| index >= samples) {
            let expected = format_args!("an index from 0 to {}", samples - 1);
            return Err(DataError::invalid("samples", expected, got));
        }
        let mut part = Self::zeros(self.samples(), indices.len());
        part.gather(self.samples(), indices);
        part.checked()
    }

    /// Allocates memory for up to `size` of `samples`.
    pub(super) fn zeros(samples: Samples<'_, B>, size: usize) -> Self {
        Self {
            input: B::zeros(samples.input().shape().0, size),
            target: B::zeros(samples.target().shape().0, size),
            sample_weights: samples.sample_weights().map(|_| B::zeros(1, size)),
        }
    }

    /// Copies the samples with these indices to the front, and returns them.
    pub(super) fn gather(&mut self, samples: Samples<'_, B>, indices: &[usize]) -> Samples<'_, B> {
        self.input.gather(0, samples.input(), indices);
        self.target.gather(0, samples.target(), indices);
        if let (Some(weights), Some(all)) = (&mut self.sample_weights, samples.sample_weights()) {
            weights.gather(0, all, indices);
        }
        self.samples().slice(0..indices.len())
    }

    /// Returns the class of each sample: the target itself if targets are 1 x N, or the row with the 1 if they are
    /// one-hot (K x N).
    ///
    /// # Errors
    /// Returns an error if a target is neither a class index nor one-hot.
    pub fn labels(&self) -> Result<Vec<usize>, DataError> {
        let target = self.samples().target();
        let rows = target.shape().0;
        let mut values = Vec::new();
        B::read(target, &mut values);
        super::labels::of_targets(&values, rows, self.len())
    }
}
