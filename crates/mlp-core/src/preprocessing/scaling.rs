use super::ScalingError;
use super::fit::{self, Moments};
use crate::backend::{Columns, IntoColumns, Tensor, check_shape};
use crate::{KindError, Scalar};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::str::FromStr;

/// A scaling of each feature, x' = (x - offset) / scale, and its inverse, x = x' scale + offset.
///
/// Fit it to the training columns only, so that held-out data stays unseen. Then apply the same scaling to all data. It
/// is computed in `f64` and rounded once to the numbers of the backend.
///
/// ```
/// use mlp_core::Scaling;
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[1.0, 7.0], [3.0, 7.0], [5.0, 7.0], [9.0, 7.0]]);
/// let training_part = input.view().slice(0..3);
/// let scaling = Scaling::min_max(training_part)?;
/// assert_eq!((scaling.offset(), scaling.scale()), (&[1.0, 7.0][..], &[4.0, 1.0][..])); // the second is constant
///
/// let scaled = scaling.apply(&input);
/// assert_eq!(scaled, Matrix::from_columns(&[[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [2.0, 0.0]]));
/// assert_eq!(scaling.invert(&scaled), input);
/// # Ok::<(), mlp_core::ScalingError>(())
/// ```
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(remote = "Self", deny_unknown_fields)
)]
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    kind: ScalingKind,
    offset: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaling {
    /// Fits offset = mean and scale = standard deviation, sqrt(1/N sum_i (x_i - mean)^2), of each feature of `columns`
    /// (n x N). The scaled features have mean 0 and variance 1.
    ///
    /// A constant feature has scale 1. As in scikit-learn's `StandardScaler`, a feature is constant if rounding of its
    /// N numbers alone could explain its variance v, that is, if v <= N u v + (N u mean)^2 with u = 2^-52.
    ///
    /// # Errors
    /// If there are no features or no samples, a number is infinite or NaN, or the numbers are so large that the mean
    /// or the deviation is.
    pub fn standard<'a, X: IntoColumns<'a>>(columns: X) -> Result<Self, ScalingError> {
        let (columns, kind) = (columns.into_columns(), ScalingKind::Standard);
        let samples = columns.shape().1 as f64;
        let (offset, scale) = Moments::of::<X::Tensor>(columns)?
            .into_iter()
            .map(|moments| (moments.mean, moments.scale(samples)))
            .unzip();
        Self::from_parts(kind, offset, scale)
    }

    /// Fits offset = min and scale = max - min of each feature of `columns` (n x N). The scaled features range from 0
    /// to 1. A constant feature, max = min, has scale 1.
    ///
    /// This is scikit-learn's `MinMaxScaler`, with one difference: scikit-learn also treats a feature as constant if
    /// its numbers differ by less than 10 * 2^-52, whatever their unit.
    ///
    /// # Errors
    /// If there are no features or no samples, a number is infinite or NaN, or max - min overflows.
    pub fn min_max<'a, X: IntoColumns<'a>>(columns: X) -> Result<Self, ScalingError> {
        let (offset, scale) = fit::bounds::<X::Tensor>(columns.into_columns())?
            .into_iter()
            .map(|(min, max)| (min, if max > min { max - min } else { 1.0 }))
            .unzip();
        Self::from_parts(ScalingKind::MinMax, offset, scale)
    }

    /// Creates a scaling from an offset and a scale for each feature, as stored in a file.
    ///
    /// # Errors
    /// If there are no features, there are more or fewer scales than offsets, an offset is not finite, or a scale is
    /// not a finite number above 0.
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

    /// Returns how the scaling was fitted.
    pub fn kind(&self) -> ScalingKind {
        self.kind
    }

    /// Returns n, the number of features.
    pub fn features(&self) -> usize {
        self.offset.len()
    }

    /// Returns the numbers that are subtracted, feature by feature.
    pub fn offset(&self) -> &[f64] {
        &self.offset
    }

    /// Returns the divisors, feature by feature. They are above 0.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Returns (x - offset) / scale of each element of `columns` (n x N), as n x N.
    ///
    /// # Panics
    /// If `columns` does not have n rows.
    #[must_use]
    pub fn apply<'a, X: IntoColumns<'a>>(&self, columns: X) -> X::Tensor {
        self.map("scaling", columns.into_columns(), Self::apply_to)
    }

    /// Returns x' scale + offset of each element of `columns` (n x N), as n x N.
    ///
    /// # Panics
    /// If `columns` does not have n rows.
    #[must_use]
    pub fn invert<'a, X: IntoColumns<'a>>(&self, columns: X) -> X::Tensor {
        self.map("inverse scaling", columns.into_columns(), Self::invert_in)
    }

    /// Runs [`apply`](Self::apply) in place on the features of consecutive samples.
    pub(crate) fn apply_to<T: Scalar>(&self, values: &mut [T]) {
        self.replace(values, |x, offset, scale| (x - offset) / scale);
    }

    /// Runs [`invert`](Self::invert) in place on the features of consecutive samples.
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
    /// The names that [`FromStr`] accepts.
    pub const NAMES: &'static [&'static str] = &["standard", "min_max"];

    /// Returns the name used in files and on command lines. It is stable across versions.
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

#[cfg(feature = "serde")]
crate::serialize::checked!(Scaling, |it| Self::from_parts(it.kind, it.offset, it.scale));

#[cfg(feature = "serde")]
crate::serialize::by_name!(ScalingKind);
