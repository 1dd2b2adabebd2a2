use super::{DataError, Samples};
use crate::backend::{Columns, Tensor};
use alloc::vec::Vec;

/// Samples that own their data: `input` (n_in x N), `target` (n_out x N, or 1 x N class indices) and, if given, a weight
/// for each sample (1 x N). It can be split into a part to train on and a part held out.
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
    weights: Option<B>,
}

impl<B: Tensor> Dataset<B> {
    /// Of `input` and `target`.
    ///
    /// # Errors
    /// If there are no samples, or not as many targets as inputs.
    pub fn new(input: B, target: B) -> Result<Self, DataError> {
        Samples::<B>::new(&input, &target)?;
        Ok(Self {
            input,
            target,
            weights: None,
        })
    }

    /// With a weight for each sample.
    ///
    /// # Errors
    /// As [`Samples::weighted`].
    pub fn weighted(self, weights: B) -> Result<Self, DataError> {
        Samples::<B>::new(&self.input, &self.target)?.weighted(&weights)?;
        Ok(Self {
            weights: Some(weights),
            ..self
        })
    }

    /// All of them, borrowed.
    pub fn samples(&self) -> Samples<'_, B> {
        Samples::of_parts(
            (&self.input).into(),
            (&self.target).into(),
            self.weights.as_ref().map(Into::into),
        )
    }

    /// N, the number of samples.
    pub fn len(&self) -> usize {
        self.input.shape().1
    }

    /// False: a data set has samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs, n_in x N.
    pub fn input(&self) -> &B {
        &self.input
    }

    /// The targets: n_out x N, or 1 x N class indices.
    pub fn target(&self) -> &B {
        &self.target
    }

    /// The weights, 1 x N, if samples are weighted.
    pub fn weights(&self) -> Option<&B> {
        self.weights.as_ref()
    }

    /// With `f` of the inputs in their place, and the same targets and weights.
    ///
    /// ```
    /// # use mlp_core::{Dataset, Scaling};
    /// # use mlp_cpu::Matrix;
    /// # let input = Matrix::<f64>::from_columns(&[[1.0], [3.0]]);
    /// # let target = Matrix::from_columns(&[[0.0], [1.0]]);
    /// let data = Dataset::new(input, target)?.weighted(Matrix::from_columns(&[[2.0], [1.0]]))?;
    /// let scaling = Scaling::min_max::<Matrix<f64>>(data.input())?;
    /// let scaled = data.map_input(|input| scaling.apply(input))?;
    /// assert_eq!(scaled.input(), &Matrix::from_columns(&[[0.0], [1.0]]));
    /// assert_eq!(scaled.weights(), data.weights());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `f` gives another number of samples.
    pub fn map_input(&self, f: impl FnOnce(&B) -> B) -> Result<Self, DataError> {
        self.with(f(&self.input), self.target.clone())
    }

    /// With `f` of the targets in their place, as [`map_input`](Self::map_input).
    ///
    /// # Errors
    /// If `f` gives another number of samples.
    pub fn map_target(&self, f: impl FnOnce(&B) -> B) -> Result<Self, DataError> {
        self.with(self.input.clone(), f(&self.target))
    }

    /// Of `input` and `target`, with the weights that these samples have.
    fn with(&self, input: B, target: B) -> Result<Self, DataError> {
        let data = Self::new(input, target)?;
        match &self.weights {
            Some(weights) => data.weighted(weights.clone()),
            None => Ok(data),
        }
    }

    /// The samples at `indices`, in that order, with their weights; an index may come more than once.
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
    /// If there are no indices, one is out of range, or the weights of the samples are all 0 or have too large a sum.
    pub fn subset(&self, indices: &[usize]) -> Result<Self, DataError> {
        let samples = self.len();
        if let Some(&got) = indices.iter().find(|&&index| index >= samples) {
            return Err(DataError::Index { samples, got });
        }
        let gather = |source: &B| {
            let mut part = B::zeros(source.shape().0, indices.len());
            part.gather(0, source.into(), indices);
            part
        };
        let part = Self::new(gather(&self.input), gather(&self.target))?;
        match &self.weights {
            Some(weights) => part.weighted(gather(weights)),
            None => Ok(part),
        }
    }

    /// The class of each sample: the target itself if it is 1 x N, the row that has the 1 if it is one-hot (K x N).
    ///
    /// # Errors
    /// If a target is no class index, or not one 1 and otherwise 0.
    pub fn labels(&self) -> Result<Vec<usize>, DataError> {
        let target = self.samples().target();
        let rows = target.shape().0;
        let mut values = Vec::new();
        B::read(target, &mut values);
        super::labels::of_targets(&values, rows, self.len())
    }
}
