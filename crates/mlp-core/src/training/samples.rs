use crate::backend::{Columns, Tensor};
use crate::loss::class_index;
use crate::{Activation, DataError, DualColumns, DualTensor, Mlp, Scalar, TargetKind};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// The name of the weights in messages.
const WEIGHTS: &str = "sample weights";

/// What targets and weights are counted in, in messages.
const SAMPLES: &str = "samples, as many as the input has columns";

/// Borrowed samples to train on: `input` (n_in x N), `target` (n_out x N, or 1 x N class indices) and, optionally, a
/// weight for each sample (1 x N). Copies and slices are cheap.
///
/// With weights w, a loss is sum_i w_i l_i / sum_i w_i. A sample of weight 2 counts twice. A sample of weight 0 is left
/// out, whatever its target and however large its loss, but its input must still be finite. Only the ratios of the
/// weights matter. Every batch divides by its own sum of weights, so weights that would underflow or overflow in that
/// division are rejected.
///
/// ```
/// use mlp_core::Samples;
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[2.0], [-1.0], [3.0]]);
/// let target = Matrix::from_columns(&[[3.0], [1.0]]);
/// let error = Samples::<Matrix<f64>>::new(&input, &target).unwrap_err();
/// assert_eq!(error.to_string(), "target: expected 3 samples, as many as the input has columns, got 2");
/// ```
#[derive(Debug)]
pub struct Samples<'a, B: Tensor> {
    input: B::Columns<'a>,
    target: B::Columns<'a>,
    sample_weights: Option<B::Columns<'a>>,
}

impl<B: Tensor> Clone for Samples<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Tensor> Copy for Samples<'_, B> {}

impl<'a, B: Tensor> Samples<'a, B> {
    /// Creates samples from `input` and `target`, without weights.
    ///
    /// # Errors
    /// Returns an error if there are no samples, or if the numbers of inputs and targets differ.
    pub fn new(input: impl Into<B::Columns<'a>>, target: impl Into<B::Columns<'a>>) -> Result<Self, DataError> {
        let (input, target) = (input.into(), target.into());
        let samples = Self {
            input,
            target,
            sample_weights: None,
        };
        if samples.is_empty() {
            return Err(DataError::Empty);
        }
        DataError::check_count("target", SAMPLES, samples.len(), target.shape().1)?;
        Ok(samples)
    }

    /// Gives each sample a weight.
    ///
    /// # Errors
    /// Returns an error if `weights` is not 1 x N, if a weight is negative or not finite, if a weight above 0 is so
    /// small that its inverse is not finite, if all weights are 0, or if the square of their sum is not finite.
    pub fn weighted(self, weights: impl Into<B::Columns<'a>>) -> Result<Self, DataError> {
        let weights = weights.into();
        check_rows(WEIGHTS, 1, weights.shape().0)?;
        DataError::check_count(WEIGHTS, SAMPLES, self.len(), weights.shape().1)?;
        let mut values = Vec::new();
        B::read(weights, &mut values);
        for (sample, weight) in values.iter().map(|w| w.to_f64()).enumerate() {
            if !(weight.is_finite() && weight >= 0.0) {
                let expected = format!("a finite number of at least 0 for sample {sample}");
                return Err(DataError::invalid(WEIGHTS, expected, weight));
            }
            // A batch may consist of this sample alone, and then divides by this weight.
            if weight > 0.0 && !B::Scalar::from_f64(1.0 / weight).is_finite() {
                let expected = format!("0 or a number whose inverse is finite for sample {sample}");
                return Err(DataError::invalid(WEIGHTS, expected, format_args!("{weight:e}")));
            }
        }
        let samples = Self {
            sample_weights: Some(weights),
            ..self
        };
        let total = samples.total_weight(&mut values);
        let scalar = B::Scalar::from_f64(total);
        if total <= 0.0 {
            Err(DataError::Empty)
        } else if (scalar * scalar).is_finite() {
            // The square leaves room for losses: they are multiplied by the weights before they are divided by the sum.
            Ok(samples)
        } else {
            let got = format!("{total:e}; only their ratios matter");
            Err(DataError::invalid(WEIGHTS, "a sum whose square is finite", got))
        }
    }

    /// Returns N, the number of samples.
    pub fn len(&self) -> usize {
        self.input.shape().1
    }

    /// Returns true if there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the inputs, n_in x N.
    pub fn input(&self) -> B::Columns<'a> {
        self.input
    }

    /// Returns the targets: n_out x N, or 1 x N class indices.
    pub fn target(&self) -> B::Columns<'a> {
        self.target
    }

    /// Returns the weights, 1 x N, if the samples are weighted.
    pub fn sample_weights(&self) -> Option<B::Columns<'a>> {
        self.sample_weights
    }

    /// Returns the samples in `range`.
    ///
    /// # Panics
    /// Panics if `range` ends after the last sample, or if its end is before its start.
    #[must_use]
    #[track_caller]
    pub fn slice<'short>(self, range: Range<usize>) -> Samples<'short, B>
    where
        'a: 'short,
    {
        Samples {
            input: B::slice(self.input, range.clone()),
            target: B::slice(self.target, range.clone()),
            sample_weights: self.sample_weights.map(|weights| B::slice(weights, range)),
        }
    }

    /// Combines these samples, to train on, with `validation` samples, which are evaluated after each epoch.
    pub fn with_validation(self, validation: Self) -> TrainingData<'a, B> {
        TrainingData {
            train: self,
            validation: Some(validation),
        }
    }

    /// Returns the same samples as constants among dual numbers.
    pub(super) fn lift(self) -> Samples<'a, DualTensor<B>> {
        let constant = |columns| DualColumns::new(columns, None);
        Samples::of_parts(
            constant(self.input),
            constant(self.target),
            self.sample_weights.map(constant),
        )
    }

    /// Creates samples from parts that are known to fit together.
    pub(super) fn of_parts(
        input: B::Columns<'a>,
        target: B::Columns<'a>,
        sample_weights: Option<B::Columns<'a>>,
    ) -> Self {
        Self {
            input,
            target,
            sample_weights,
        }
    }

    /// Returns the sum of the weights, or N without weights. `values` is scratch memory.
    pub(super) fn total_weight(&self, values: &mut Vec<B::Scalar>) -> f64 {
        self.sample_weights.map_or(self.len() as f64, |weights| {
            values.clear();
            B::read(weights, values);
            values.iter().map(|w| w.to_f64()).sum()
        })
    }

    /// Checks the inputs against `network`, the targets, which have `rows` numbers of this kind, and that a sample has a
    /// weight above 0. Returns the sum of the weights. Targets of samples with weight 0 are ignored. Numbers that are not
    /// finite are left to [`check_finite`](Self::check_finite), except in class indices. `values` is scratch memory.
    // A call of its own would take a third of a step of `[1,1,1]` on three samples.
    #[inline(always)]
    pub(super) fn check<C: Activation>(
        &self,
        network: &Mlp<B, C>,
        kind: TargetKind,
        rows: usize,
        values: &mut Vec<B::Scalar>,
    ) -> Result<f64, DataError> {
        if self.is_empty() {
            return Err(DataError::Empty);
        }
        check_rows("input", network.inputs(), self.input.shape().0)?;
        check_rows("target", rows, self.target.shape().0)?;
        if kind != TargetKind::Real {
            self.check_targets(kind, network.outputs(), values)?;
        }
        let total_weight = self.total_weight(values);
        if total_weight > 0.0 {
            Ok(total_weight)
        } else {
            Err(DataError::Empty)
        }
    }

    /// Checks the targets of samples whose weight is not 0, for a network with that many outputs.
    #[inline(never)]
    fn check_targets(&self, kind: TargetKind, outputs: usize, values: &mut Vec<B::Scalar>) -> Result<(), DataError> {
        values.clear();
        B::read(self.target, values);
        let numbers = values.len();
        if let Some(weights) = self.sample_weights {
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

    /// Returns true if the square of an input or a target is not finite.
    pub(super) fn squares_overflow(&self, values: &mut Vec<B::Scalar>) -> bool {
        values.clear();
        B::read(self.input, values);
        B::read(self.target, values);
        values.iter().any(|&x| !(x * x).is_finite())
    }

    /// Runs [`check`](Self::check) and [`check_finite`](Self::check_finite).
    pub(crate) fn check_all<C: Activation>(
        &self,
        network: &Mlp<B, C>,
        kind: TargetKind,
        rows: usize,
        values: &mut Vec<B::Scalar>,
    ) -> Result<(), DataError> {
        self.check(network, kind, rows, values)?;
        self.check_finite(values)
    }

    /// Checks that all inputs are finite, and all targets of samples whose weight is not 0. `values` is scratch memory.
    pub(super) fn check_finite(&self, values: &mut Vec<B::Scalar>) -> Result<(), DataError> {
        /// The number of samples checked at a time, few enough to stay in the cache.
        const BLOCK: usize = 64;
        let mut weights = Vec::new();
        if let Some(columns) = self.sample_weights {
            B::read(columns, &mut weights);
        }
        for (what, columns) in [("input", self.input), ("target", self.target)] {
            let (rows, samples) = columns.shape();
            for start in (0..samples).step_by(BLOCK) {
                values.clear();
                B::read(B::slice(columns, start..samples.min(start + BLOCK)), values);
                // A fold without an early exit can be vectorized.
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

/// Checks the target of a sample whose weight is not 0.
fn check_target<T: Scalar>(kind: TargetKind, outputs: usize, sample: usize, target: &[T]) -> Result<(), DataError> {
    /// How far the sum of probabilities may be from 1: they may be rounded to three digits.
    const ROUNDING: f64 = 1e-3;
    let (mut sum, classes) = (0.0, outputs);
    for (row, got) in target.iter().map(|y| y.to_f64()).enumerate() {
        if kind == TargetKind::Class {
            if class_index(got, classes).is_none() {
                let expected = format!("a class index from 0 to {} for sample {sample}", classes - 1);
                return Err(DataError::invalid("target", expected, got));
            }
        } else if got.is_finite() && !(0.0..=1.0).contains(&got) {
            let expected = format!("a number from 0 to 1 in row {row}, column {sample} (a column is a sample)");
            return Err(DataError::invalid("target", expected, got));
        }
        sum += got;
    }
    if kind == TargetKind::Distribution && (sum - 1.0).abs() > ROUNDING && sum.is_finite() {
        let expected = format!("probabilities that sum to 1 in column {sample} (a column is a sample)");
        return Err(DataError::invalid("target", expected, format_args!("a sum of {sum}")));
    }
    Ok(())
}

/// Samples to train on and, optionally, samples to validate with.
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

/// Returns an error unless a matrix has as many rows as expected.
fn check_rows(what: &'static str, expected: usize, got: usize) -> Result<(), DataError> {
    let of = match expected {
        1 => "row (a column is a sample)",
        _ => "rows (a column is a sample)",
    };
    DataError::check_count(what, of, expected, got)
}
