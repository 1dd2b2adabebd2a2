use crate::backend::{Columns, Tensor};
use crate::loss::class_index;
use crate::{Activation, Loss, Mlp, Scalar, TargetKind};
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// Samples to train on: `input` (n_in x N), `target` (n_out x N, or 1 x N class indices) and, if given, a weight for
/// each sample (1 x N). Borrowed: cheap to copy and to cut.
///
/// With weights w, a loss is sum_i w_i l_i / sum_i w_i, so that weight 2 is the sample twice and weight 0 leaves it
/// out, whatever its target and however large its loss; its input must be finite all the same. Only the ratios of the
/// weights matter, and every batch divides by its own sum: weights so small or so large that numbers end are refused.
///
/// ```
/// use mlp_core::Samples;
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0]]);
/// let error = Samples::<Matrix<f64>>::new(&input, &target).unwrap_err();
/// assert_eq!(error.to_string(), "target: expected 3 samples, got 2");
/// ```
#[derive(Debug)]
pub struct Samples<'a, B: Tensor> {
    input: B::Columns<'a>,
    target: B::Columns<'a>,
    weights: Option<B::Columns<'a>>,
}

impl<B: Tensor> Clone for Samples<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Tensor> Copy for Samples<'_, B> {}

impl<'a, B: Tensor> Samples<'a, B> {
    /// Of `input` and `target`.
    ///
    /// # Errors
    /// If there are no samples, or not as many targets as inputs.
    pub fn new(input: impl Into<B::Columns<'a>>, target: impl Into<B::Columns<'a>>) -> Result<Self, DataError> {
        let (input, target) = (input.into(), target.into());
        let samples = Self {
            input,
            target,
            weights: None,
        };
        if samples.is_empty() {
            return Err(DataError::Empty);
        }
        check_count("target", samples.len(), target.shape().1)?;
        Ok(samples)
    }

    /// With a weight for each sample.
    ///
    /// # Errors
    /// If `weights` is not 1 x N, a weight is negative or not finite, one above 0 is too small to be divided by, all
    /// are 0, or the square of their sum is not finite.
    pub fn weighted(self, weights: impl Into<B::Columns<'a>>) -> Result<Self, DataError> {
        let weights = weights.into();
        check_rows("sample weights", 1, weights.shape().0)?;
        check_count("sample weights", self.len(), weights.shape().1)?;
        let mut values = Vec::new();
        B::read(weights, &mut values);
        for (sample, weight) in values.iter().map(|w| w.to_f64()).enumerate() {
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(DataError::Weight { sample, got: weight });
            }
            // It may be all the weight of a batch.
            if weight > 0.0 && !B::Scalar::from_f64(1.0 / weight).is_finite() {
                return Err(DataError::SmallWeight { sample, got: weight });
            }
        }
        let samples = Self {
            weights: Some(weights),
            ..self
        };
        let total = samples.total_weight(&mut values);
        let scalar = B::Scalar::from_f64(total);
        if total <= 0.0 {
            Err(DataError::Empty)
        } else if (scalar * scalar).is_finite() {
            // Room for losses: they are multiplied by the weights before they are divided by the sum.
            Ok(samples)
        } else {
            Err(DataError::TotalWeight { got: total })
        }
    }

    /// N, the number of samples.
    pub fn len(&self) -> usize {
        self.input.shape().1
    }

    /// If there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs, n_in x N.
    pub fn input(&self) -> B::Columns<'a> {
        self.input
    }

    /// The targets: n_out x N, or 1 x N class indices.
    pub fn target(&self) -> B::Columns<'a> {
        self.target
    }

    /// The weights, 1 x N, if samples are weighted.
    pub fn weights(&self) -> Option<B::Columns<'a>> {
        self.weights
    }

    /// The samples in `range`.
    ///
    /// # Panics
    /// If `range` ends behind the last sample, or before it starts.
    #[must_use]
    pub fn slice<'short>(self, range: Range<usize>) -> Samples<'short, B>
    where
        'a: 'short,
    {
        Samples {
            input: B::slice(self.input, range.clone()),
            target: B::slice(self.target, range.clone()),
            weights: self.weights.map(|weights| B::slice(weights, range)),
        }
    }

    /// These samples to train on, and `validation` to look at after each epoch.
    pub fn validated_by(self, validation: Self) -> TrainingData<'a, B> {
        TrainingData {
            train: self,
            validation: Some(validation),
        }
    }

    /// Of parts that are known to fit.
    pub(super) fn of_parts(input: B::Columns<'a>, target: B::Columns<'a>, weights: Option<B::Columns<'a>>) -> Self {
        Self { input, target, weights }
    }

    /// The sum of the weights, by way of `values`; N without weights.
    pub(super) fn total_weight(&self, values: &mut Vec<B::Scalar>) -> f64 {
        self.weights.map_or(self.len() as f64, |weights| {
            values.clear();
            B::read(weights, values);
            values.iter().map(|w| w.to_f64()).sum()
        })
    }

    /// Checks the features against `network`, the targets against `loss`: those of samples that count, by way of
    /// `values`. What is not finite is left to [`check_finite`](Self::check_finite), but for class indices.
    pub(super) fn check<C: Activation>(
        &self,
        network: &Mlp<B, C>,
        loss: &impl Loss,
        values: &mut Vec<B::Scalar>,
    ) -> Result<(), DataError> {
        let outputs = network.outputs();
        if self.is_empty() {
            return Err(DataError::Empty);
        }
        check_rows("input", network.inputs(), self.input.shape().0)?;
        check_rows("target", loss.target_rows(outputs), self.target.shape().0)?;
        let kind = loss.target_kind();
        if kind == TargetKind::Real {
            return Ok(());
        }
        values.clear();
        B::read(self.target, values);
        let numbers = values.len();
        if let Some(weights) = self.weights {
            B::read(weights, values);
        }
        let (targets, weights) = values.split_at(numbers);
        let rows = self.target.shape().0.max(1);
        for (sample, target) in targets.chunks_exact(rows).enumerate() {
            if weights.get(sample).is_none_or(|weight| weight.to_f64() > 0.0) {
                check_target(kind, outputs, sample, target)?;
            }
        }
        Ok(())
    }

    /// If the square of an input or a target is no finite number.
    pub(super) fn squares_overflow(&self, values: &mut Vec<B::Scalar>) -> bool {
        values.clear();
        B::read(self.input, values);
        B::read(self.target, values);
        values.iter().any(|&x| !(x * x).is_finite())
    }

    /// All of these checks, and that there is a sample that counts.
    pub(crate) fn check_all<C: Activation>(
        &self,
        network: &Mlp<B, C>,
        loss: &impl Loss,
        values: &mut Vec<B::Scalar>,
    ) -> Result<(), DataError> {
        self.check(network, loss, values)?;
        self.check_finite(values)?;
        if self.total_weight(values) > 0.0 {
            Ok(())
        } else {
            Err(DataError::Empty)
        }
    }

    /// Checks that all inputs are finite, and the targets of all samples that count, by way of `values`.
    pub(super) fn check_finite(&self, values: &mut Vec<B::Scalar>) -> Result<(), DataError> {
        /// Samples that are looked at together, while they are in the cache.
        const BLOCK: usize = 64;
        let mut weights = Vec::new();
        if let Some(columns) = self.weights {
            B::read(columns, &mut weights);
        }
        for (what, columns) in [("input", self.input), ("target", self.target)] {
            let (rows, samples) = columns.shape();
            for start in (0..samples).step_by(BLOCK) {
                values.clear();
                B::read(B::slice(columns, start..samples.min(start + BLOCK)), values);
                // Without an early end it is done in vectors.
                if values.iter().fold(true, |finite, value| finite & value.is_finite()) {
                    continue;
                }
                for (i, value) in values.iter().map(|value| value.to_f64()).enumerate() {
                    let (sample, row) = (start + i / rows, i % rows);
                    let counts = what == "input" || weights.get(sample).is_none_or(|weight| weight.to_f64() > 0.0);
                    if counts && !value.is_finite() {
                        return Err(DataError::NotFinite {
                            what,
                            sample,
                            row,
                            got: value,
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Checks the target of a sample that counts.
fn check_target<T: Scalar>(kind: TargetKind, outputs: usize, sample: usize, target: &[T]) -> Result<(), DataError> {
    /// How far probabilities may be from together 1: three digits of them.
    const ROUNDING: f64 = 1e-3;
    let (mut sum, classes) = (0.0, outputs);
    for (row, got) in target.iter().map(|y| y.to_f64()).enumerate() {
        if kind == TargetKind::Class {
            if class_index(got, classes).is_none() {
                return Err(DataError::Class { sample, classes, got });
            }
        } else if got.is_finite() && !(0.0..=1.0).contains(&got) {
            return Err(DataError::Probability { sample, row, got });
        }
        sum += got;
    }
    if kind == TargetKind::Distribution && (sum - 1.0).abs() > ROUNDING && sum.is_finite() {
        return Err(DataError::Distribution { sample, got: sum });
    }
    Ok(())
}

/// Samples to train on, and perhaps samples to validate with.
#[derive(Debug)]
pub struct TrainingData<'a, B: Tensor> {
    pub(super) train: Samples<'a, B>,
    pub(super) validation: Option<Samples<'a, B>>,
}

impl<B: Tensor> Clone for TrainingData<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Tensor> Copy for TrainingData<'_, B> {}

impl<'a, B: Tensor> From<Samples<'a, B>> for TrainingData<'a, B> {
    fn from(train: Samples<'a, B>) -> Self {
        Self {
            train,
            validation: None,
        }
    }
}

fn check_rows(what: &'static str, expected: usize, got: usize) -> Result<(), DataError> {
    if expected == got {
        Ok(())
    } else {
        Err(DataError::Rows { what, expected, got })
    }
}

fn check_count(what: &'static str, expected: usize, got: usize) -> Result<(), DataError> {
    if expected == got {
        Ok(())
    } else {
        Err(DataError::Count { what, expected, got })
    }
}

/// Data that cannot be trained on.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DataError {
    /// No samples, or none with a weight above 0.
    Empty,
    /// Inputs, targets or weights with another number of rows than the network, or the loss, takes.
    Rows {
        /// Which of them.
        what: &'static str,
        /// The rows needed.
        expected: usize,
        /// The rows given.
        got: usize,
    },
    /// More or fewer targets or weights than inputs.
    Count {
        /// Which of them.
        what: &'static str,
        /// The number of inputs.
        expected: usize,
        /// The number given.
        got: usize,
    },
    /// A target that is not the index of a class.
    Class {
        /// The sample.
        sample: usize,
        /// How many classes the network tells apart.
        classes: usize,
        /// The target given.
        got: f64,
    },
    /// A target that is to be a probability, and is less than 0 or more than 1.
    Probability {
        /// The sample: the column.
        sample: usize,
        /// The output: the row.
        row: usize,
        /// The target given.
        got: f64,
    },
    /// A target whose probabilities of all classes are not together 1, to three digits.
    Distribution {
        /// The sample: the column.
        sample: usize,
        /// Their sum.
        got: f64,
    },
    /// A sample that is not there.
    Index {
        /// How many samples there are.
        samples: usize,
        /// The index given.
        got: usize,
    },
    /// A target that says no class.
    Label {
        /// The sample.
        sample: usize,
        /// How many numbers its target has: one is a class index, more are one-hot.
        rows: usize,
    },
    /// Sample weights whose sum is so large that its square is infinite.
    TotalWeight {
        /// The sum.
        got: f64,
    },
    /// A sample weight above 0 that is too small to be divided by.
    SmallWeight {
        /// The sample.
        sample: usize,
        /// Its weight.
        got: f64,
    },
    /// An input or a target that is infinite or NaN.
    NotFinite {
        /// Which of them.
        what: &'static str,
        /// The sample: the column, or the row of a table with a sample a row.
        sample: usize,
        /// The feature or the output: the row.
        row: usize,
        /// The number given.
        got: f64,
    },
    /// A sample weight that is negative, infinite or NaN.
    Weight {
        /// The sample.
        sample: usize,
        /// Its weight.
        got: f64,
    },
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("samples: expected at least one with a weight above 0, got none"),
            Self::Rows { what, expected, got } => {
                let rows = if *expected == 1 { "row" } else { "rows" };
                write!(
                    f,
                    "{what}: expected {expected} {rows} (a column is a sample), got {got}"
                )
            }
            Self::Count { what, expected, got } => write!(f, "{what}: expected {expected} samples, got {got}"),
            Self::Class { sample, classes, got } => {
                write!(
                    f,
                    "target: expected a class index from 0 to {} for sample {sample}, got {got}",
                    classes - 1
                )
            }
            Self::NotFinite { what, sample, row, got } => {
                write!(
                    f,
                    "{what}: expected a finite number in row {row}, column {sample} (a column is a sample), got {got}"
                )
            }
            Self::Probability { sample, row, got } => {
                write!(
                    f,
                    "target: expected a number from 0 to 1 in row {row}, column {sample} (a column is a sample), got \
                     {got}"
                )
            }
            Self::Distribution { sample, got } => {
                write!(
                    f,
                    "target: expected probabilities of together 1 in column {sample} (a column is a sample), got {got}"
                )
            }
            Self::Index { samples, got } => {
                write!(f, "samples: expected an index from 0 to {}, got {got}", samples - 1)
            }
            Self::Label { sample, rows: 1 } => write!(f, "target: expected a class index for sample {sample}"),
            Self::Label { sample, .. } => write!(f, "target: expected one 1 and otherwise 0 for sample {sample}"),
            Self::TotalWeight { got } => {
                write!(
                    f,
                    "sample weights: expected a sum whose square is finite, got {got:e}; only their ratios matter"
                )
            }
            Self::SmallWeight { sample, got } => {
                write!(
                    f,
                    "sample weights: expected 0 or a number that can be divided by for sample {sample}, got {got:e}"
                )
            }
            Self::Weight { sample, got } => {
                write!(
                    f,
                    "sample weights: expected a finite number of at least 0 for sample {sample}, got {got}"
                )
            }
        }
    }
}

impl core::error::Error for DataError {}
