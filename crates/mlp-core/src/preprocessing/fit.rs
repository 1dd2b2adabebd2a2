//! The statistics that a scaling is fitted from: means, deviations and bounds of the features, in `f64`.

use crate::backend::{Columns, Tensor};
use crate::scalar::unit;
use crate::{DataError, Scalar};
use alloc::vec::Vec;

/// The number of samples that are read at a time.
const BLOCK: usize = 256;

/// Mean and variance of a feature.
pub(super) struct Moments {
    pub(super) mean: f64,
    /// The variance of the numbers divided by `unit`, a power of two. No bit of a number changes by that division, and
    /// no square overflows or underflows.
    variance: f64,
    unit: f64,
    /// The largest distance of a number from the mean.
    furthest: f64,
}

impl Moments {
    /// Computes the moments of each feature of `columns`, n x N.
    ///
    /// The first pass finds the unit of each feature, the second computes a preliminary mean m, and the third sums the
    /// deviations from m. With D = sum_i (x_i - m), which would be 0 without rounding, the mean is m + D/N and the
    /// variance is 1/N (sum_i (x_i - m)^2 - D^2/N).
    ///
    /// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, *Algorithms for Computing the Sample Variance* (The American
    /// Statistician 37, 1983).
    pub(super) fn of<B: Tensor>(columns: B::Columns<'_>) -> Result<Vec<Self>, DataError> {
        let samples = columns.shape().1 as f64;
        let bounds = bounds::<B>(columns)?;
        let units: Vec<f64> = bounds.iter().map(|&(min, max)| unit(max.max(-min))).collect();
        let mut means = alloc::vec![0.0; columns.shape().0];
        for_each::<B>(columns, |feature, x| means[feature] += x / units[feature])?;
        for mean in &mut means {
            *mean /= samples;
        }
        let mut sums = alloc::vec![(0.0, 0.0); means.len()];
        for_each::<B>(columns, |feature, x| {
            let deviation = x / units[feature] - means[feature];
            let (sum, squares) = &mut sums[feature];
            *sum += deviation;
            *squares += deviation * deviation;
        })?;
        let sums = means.iter().zip(sums).zip(units.iter().zip(bounds));
        let moments = sums.map(|((mean, (sum, squares)), (&unit, (min, max)))| {
            let mean = unit * (mean + sum / samples);
            Self {
                mean,
                variance: (squares - sum * sum / samples) / samples,
                unit,
                furthest: (max - mean).max(mean - min),
            }
        });
        Ok(moments.collect())
    }

    /// Returns the standard deviation, or 1 for a feature whose N numbers differ by rounding only.
    ///
    /// # Errors
    /// Returns the deviation that `f64` cannot express to full accuracy, if there is one.
    pub(super) fn scale(&self, samples: f64) -> Result<f64, f64> {
        let share = samples * f64::EPSILON;
        let rounding = share * (self.mean / self.unit);
        if self.variance <= share * self.variance + rounding * rounding {
            return Ok(1.0);
        }
        let scale = self.unit * Scalar::sqrt(self.variance);
        match [self.furthest, scale]
            .into_iter()
            .find(|deviation| !deviation.is_normal())
        {
            Some(deviation) => Err(deviation),
            None => Ok(scale),
        }
    }
}

/// Returns the least and the greatest number of each feature of `columns`.
pub(super) fn bounds<B: Tensor>(columns: B::Columns<'_>) -> Result<Vec<(f64, f64)>, DataError> {
    let mut bounds = alloc::vec![(f64::INFINITY, f64::NEG_INFINITY); columns.shape().0];
    for_each::<B>(columns, |feature, x| {
        let (min, max) = &mut bounds[feature];
        (*min, *max) = (min.min(x), max.max(x));
    })?;
    Ok(bounds)
}

/// Calls `visit` with each feature's index and value, sample by sample. Data that is empty or not finite is an error.
fn for_each<B: Tensor>(columns: B::Columns<'_>, mut visit: impl FnMut(usize, f64)) -> Result<(), DataError> {
    let (features, samples) = columns.shape();
    if features == 0 || samples == 0 {
        return Err(empty(features, samples));
    }
    let mut values = Vec::with_capacity(features * BLOCK.min(samples));
    for start in (0..samples).step_by(BLOCK) {
        values.clear();
        B::read(B::slice(columns, start..samples.min(start + BLOCK)), &mut values);
        for (i, value) in values.iter().enumerate() {
            let (feature, x) = (i % features, value.to_f64());
            if !x.is_finite() {
                return Err(DataError::NotFinite {
                    what: "scaling",
                    sample: start + i / features,
                    row: feature,
                    got: x,
                });
            }
            visit(feature, x);
        }
    }
    Ok(())
}

/// The error for data without features or samples.
pub(super) fn empty(features: usize, samples: usize) -> DataError {
    let got = format_args!("{features} x {samples}");
    DataError::invalid("scaling", "at least one feature and one sample", got)
}
