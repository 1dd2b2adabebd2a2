use super::fit::{self, Moments};
use crate::backend::{Columns, IntoColumns, Tensor, check_shape};
use crate::kind::names;
use crate::{DataError, Scalar};
use alloc::vec::Vec;

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
/// # Ok::<(), mlp_core::DataError>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
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
    /// If there are no features or no samples, a number is infinite or NaN, the distance of a number from the mean
    /// overflows, or the deviation is below 2.2e-308, the smallest normal number, and not 0.
    pub fn standard<'a, X: IntoColumns<'a>>(columns: X) -> Result<Self, DataError> {
        let columns = columns.into_columns();
        let samples = columns.shape().1 as f64;
        let (mut offset, mut scale) = (Vec::new(), Vec::new());
        for (feature, moments) in Moments::of::<X::Tensor>(columns)?.iter().enumerate() {
            offset.push(moments.mean);
            scale.push(moments.scale(samples).map_err(|got| {
                let expected = format_args!("deviations from 2.2e-308 to 1.8e308 for feature {feature}");
                DataError::invalid("scaling", expected, format_args!("{got:e}"))
            })?);
        }
        Self::from_parts(ScalingKind::Standard, offset, scale)
    }

    /// Fits offset = min and scale = max - min of each feature of `columns` (n x N). The scaled features range from 0
    /// to 1. A constant feature, max = min, has scale 1.
    ///
    /// This is scikit-learn's `MinMaxScaler`, with one difference: scikit-learn also treats a feature as constant if
    /// its numbers differ by less than 10 * 2^-52, whatever their unit.
    ///
    /// # Errors
    /// If there are no features or no samples, a number is infinite or NaN, or max - min overflows.
    pub fn min_max<'a, X: IntoColumns<'a>>(columns: X) -> Result<Self, DataError> {
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
    pub fn from_parts(kind: ScalingKind, offset: Vec<f64>, scale: Vec<f64>) -> Result<Self, DataError> {
        if offset.is_empty() {
            return Err(fit::empty(0, scale.len()));
        }
        DataError::check_count("scaling", "scales, one for each offset", offset.len(), scale.len())?;
        for (feature, (&offset, &scale)) in offset.iter().zip(&scale).enumerate() {
            if !offset.is_finite() {
                let expected = format_args!("a finite offset for feature {feature}");
                return Err(DataError::invalid("scaling", expected, offset));
            }
            if !(scale.is_finite() && scale > 0.0) {
                let expected = format_args!("a finite scale above 0 for feature {feature}");
                return Err(DataError::invalid("scaling", expected, scale));
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
    #[track_caller]
    pub fn apply<'a, X: IntoColumns<'a>>(&self, columns: X) -> X::Tensor {
        self.map("scaling", columns.into_columns(), Self::apply_to)
    }

    /// Returns x' scale + offset of each element of `columns` (n x N), as n x N.
    ///
    /// # Panics
    /// If `columns` does not have n rows.
    #[must_use]
    #[track_caller]
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
    /// From the least and the greatest number to a fixed range, named `min_max`. [`Scaling::min_max`] maps to 0 to 1; a
    /// scaling [from parts](Scaling::from_parts) may have another range, such as -1 to 1.
    MinMax,
}

names! {
    ScalingKind, "scaling";
    "standard" => Self::Standard, Self::Standard;
    "min_max" => Self::MinMax, Self::MinMax;
}

#[cfg(feature = "serde")]
crate::serialize::checked!(
    Scaling { kind: ScalingKind, offset: Vec<f64>, scale: Vec<f64> },
    |it| Self::from_parts(it.kind, it.offset, it.scale)
);

#[cfg(feature = "serde")]
crate::serialize::by_name!(ScalingKind);
