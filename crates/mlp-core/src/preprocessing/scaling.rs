use super::ScalingError;
use super::fit::{self, Moments};
use crate::backend::{Columns, Tensor, check_shape};
use crate::{KindError, Scalar};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::str::FromStr;

/// Feature by feature x' = (x - offset) / scale, and back x = x' scale + offset.
///
/// Fit it on the columns to train on and on no others, so that what is held out stays unseen; the same scaling is then
/// applied to all. It is computed in `f64` and rounded once to the numbers of the backend.
///
/// ```
/// use mlp_core::Scaling;
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[1.0, 7.0], [3.0, 7.0], [5.0, 7.0], [9.0, 7.0]]);
/// let training_part = input.view().slice(0..3);
/// let scaling = Scaling::min_max::<Matrix<f64>>(training_part)?;
/// assert_eq!((scaling.offset(), scaling.scale()), (&[1.0, 7.0][..], &[4.0, 1.0][..])); // the second is constant
///
/// let scaled: Matrix<f64> = scaling.apply(&input);
/// assert_eq!(scaled, Matrix::from_columns(&[[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [2.0, 0.0]]));
/// assert_eq!(scaling.invert::<Matrix<f64>>(&scaled), input);
/// # Ok::<(), mlp_core::ScalingError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    kind: ScalingKind,
    offset: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaling {
    /// Fits offset = mean and scale = standard deviation, sqrt(1/N sum_i (x_i - mean)^2), of each feature of `columns`
    /// (n x N): mean 0 and variance 1 afterwards.
    ///
    /// A constant feature has scale 1. Constant is one whose variance is no more than the rounding of its N numbers
    /// accounts for, N u v + (N u mean)^2 with v the variance and u = 2^-52: as in scikit-learn's `StandardScaler`.
    ///
    /// # Errors
    /// If there are no features or no samples, a number is infinite or NaN, or the numbers are so large that mean or
    /// deviation is.
    pub fn standard<'a, B: Tensor>(columns: impl Into<B::Columns<'a>>) -> Result<Self, ScalingError> {
        let (columns, kind) = (columns.into(), ScalingKind::Standard);
        let samples = columns.shape().1 as f64;
        let (offset, scale) = Moments::of::<B>(columns)?
            .into_iter()
            .map(|moments| (moments.mean, moments.scale(samples)))
            .unzip();
        Self::from_parts(kind, offset, scale)
    }

    /// Fits offset = min and scale = max - min of each feature of `columns` (n x N): from 0 to 1 afterwards. A
    /// constant feature, max = min, has scale 1.
    ///
    /// As scikit-learn's `MinMaxScaler`, which however takes any feature for constant whose numbers differ by less
    /// than 10 * 2^-52, whatever their unit.
    ///
    /// # Errors
    /// If there are no features or no samples, a number is infinite or NaN, or max - min overflows.
    pub fn min_max<'a, B: Tensor>(columns: impl Into<B::Columns<'a>>) -> Result<Self, ScalingError> {
        let (offset, scale) = fit::bounds::<B>(columns.into())?
            .into_iter()
            .map(|(min, max)| (min, if max > min { max - min } else { 1.0 }))
            .unzip();
        Self::from_parts(ScalingKind::MinMax, offset, scale)
    }

    /// Of an offset and a scale for each feature, as a file holds them.
    ///
    /// # Errors
    /// If there are no features, not as many scales as offsets, an offset is not finite, or a scale is not a finite
    /// number above 0.
    pub fn from_parts(kind: ScalingKind, offset: Vec<f64>, scale: Vec<f64>) -> Result<Self, ScalingError> {
        if offset.is_empty() {
            return Err(ScalingError::Empty { got: (0, scale.len()) });
        }
        if scale.len() != offset.len() {
            return Err(ScalingError::Count {
                offsets: offset.len(),
                scales: scale.len(),
            });
        }
        for (feature, (&offset, &scale)) in offset.iter().zip(&scale).enumerate() {
            if !offset.is_finite() {
                return Err(ScalingError::Offset { feature, got: offset });
            }
            if !(scale.is_finite() && scale > 0.0) {
                return Err(ScalingError::Scale { feature, got: scale });
            }
        }
        Ok(Self { kind, offset, scale })
    }

    /// How it was fitted.
    pub fn kind(&self) -> ScalingKind {
        self.kind
    }

    /// n, the number of features.
    pub fn features(&self) -> usize {
        self.offset.len()
    }

    /// What is subtracted, feature by feature.
    pub fn offset(&self) -> &[f64] {
        &self.offset
    }

    /// What is divided by, feature by feature: above 0.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// (x - offset) / scale of each element of `columns` (n x N): n x N.
    ///
    /// # Panics
    /// If `columns` has not n rows.
    #[must_use]
    pub fn apply<'a, B: Tensor>(&self, columns: impl Into<B::Columns<'a>>) -> B {
        self.map("scaling", columns.into(), Self::apply_to)
    }

    /// x' scale + offset of each element of `columns` (n x N): n x N.
    ///
    /// # Panics
    /// If `columns` has not n rows.
    #[must_use]
    pub fn invert<'a, B: Tensor>(&self, columns: impl Into<B::Columns<'a>>) -> B {
        self.map("inverse scaling", columns.into(), Self::invert_in)
    }

    /// [`apply`](Self::apply) to the features of samples that lie one behind the other.
    pub(crate) fn apply_to<T: Scalar>(&self, values: &mut [T]) {
        self.replace(values, |x, offset, scale| (x - offset) / scale);
    }

    /// [`invert`](Self::invert) of the features of samples that lie one behind the other.
    pub(crate) fn invert_in<T: Scalar>(&self, values: &mut [T]) {
        self.replace(values, |x, offset, scale| x * scale + offset);
    }

    fn replace<T: Scalar>(&self, values: &mut [T], formula: impl Fn(f64, f64, f64) -> f64) {
        for sample in values.chunks_exact_mut(self.features()) {
            for ((value, &offset), &scale) in sample.iter_mut().zip(&self.offset).zip(&self.scale) {
                *value = T::from_f64(formula(value.to_f64(), offset, scale));
            }
        }
    }

    #[track_caller]
    fn map<B: Tensor>(&self, operation: &str, columns: B::Columns<'_>, change: fn(&Self, &mut [B::Scalar])) -> B {
        let (rows, samples) = columns.shape();
        check_shape(operation, "columns", (self.features(), samples), (rows, samples));
        let mut values = Vec::with_capacity(rows * samples);
        B::read(columns, &mut values);
        change(self, &mut values);
        let mut result = B::zeros(rows, samples);
        result.write(&values);
        result
    }
}

/// How a [`Scaling`] was fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScalingKind {
    /// To mean 0 and variance 1, named `standard`.
    Standard,
    /// From 0 to 1, named `min_max`.
    MinMax,
}

impl ScalingKind {
    /// The names that [`FromStr`] takes.
    pub const NAMES: &'static [&'static str] = &["standard", "min_max"];

    /// The name, stable across versions: what files and command lines say.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::MinMax => "min_max",
        }
    }
}

impl FromStr for ScalingKind {
    type Err = KindError;
    fn from_str(name: &str) -> Result<Self, KindError> {
        match name {
            "standard" => Ok(Self::Standard),
            "min_max" => Ok(Self::MinMax),
            _ => Err(KindError::Unknown {
                what: "scaling",
                expected: Self::NAMES,
                got: name.to_owned(),
            }),
        }
    }
}
