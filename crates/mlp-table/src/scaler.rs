//! The scaling of a single feature.

use serde::{Deserialize, Serialize};

/// How features are scaled, from the rows that a [`Preprocessing`](crate::Preprocessing) is fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeatureScaling {
    /// x' = c / sqrt(1 + (c / 3)^2) with c = (x - median) / (q75 - q25): robust scaling with smooth clipping to the
    /// range from -3 to 3. If q75 = q25, the divisor is (max - min) / 2; if that is 0 too, c = 0. It applies to all
    /// features, also to those of categories.
    ///
    /// Source: D. Holzmüller, L. Grinsztajn, I. Steinwart, *Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
    /// on Tabular Data* (NeurIPS 2024).
    #[default]
    Robust,
    /// x' = (x - mean) / deviation, with the population standard deviation; 0 for a constant. Features of categories
    /// stay as they are.
    Standard,
    /// The quantile of the standard normal distribution at the share of values below x, between -5.2 and 5.2, from
    /// max(min(rows / 30, 1000), 10) quantiles. A value that several of them have gets their middle, so that a column of
    /// mostly zeros has its zeros in the middle. Features of categories stay as they are.
    Quantile,
}

/// A fitted scaling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Scaler {
    /// x' = (x - offset) * factor.
    Affine { offset: f64, factor: f64 },
    /// The same, then x' = x / sqrt(1 + (x / 3)^2).
    Clipped { offset: f64, factor: f64 },
    /// The values at equally spaced shares from 0 to 1.
    Quantile(Vec<f64>),
}

impl Scaler {
    /// The scaler that changes nothing.
    pub(crate) const IDENTITY: Self = Self::Affine {
        offset: 0.0,
        factor: 1.0,
    };

    /// Fits a scaler to at least one finite value.
    pub(crate) fn fit(scaling: FeatureScaling, values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        match scaling {
            FeatureScaling::Robust => {
                let [q25, q50, q75] = [0.25, 0.5, 0.75].map(|share| quantile(&sorted, share));
                let half_range = 0.5 * sorted[sorted.len() - 1] - 0.5 * sorted[0];
                let divisor = if q75 > q25 { q75 - q25 } else { half_range };
                Self::Clipped {
                    offset: q50,
                    factor: reciprocal(divisor),
                }
            }
            FeatureScaling::Standard => {
                let (mean, deviation) = moments(values);
                Self::Affine {
                    offset: mean,
                    factor: reciprocal(deviation),
                }
            }
            FeatureScaling::Quantile => {
                let count = (values.len() / 30).clamp(10, 1000);
                let share = |i| i as f64 / (count - 1) as f64;
                Self::Quantile((0..count).map(|i| quantile(&sorted, share(i))).collect())
            }
        }
    }

    /// Scales a finite value.
    pub(crate) fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Affine { offset, factor } => affine(x, *offset, *factor),
            Self::Clipped { offset, factor } => {
                let x = affine(x, *offset, *factor);
                // For a huge x the square is infinite, and the limit is 3.
                let clipped = x / (1.0 + (x / 3.0) * (x / 3.0)).sqrt();
                if x.abs() > 1e9 { 3.0_f64.copysign(x) } else { clipped }
            }
            Self::Quantile(values) => normal_quantile(share_below(values, x)),
        }
    }

    /// Returns whether every number is finite and the quantiles are sorted.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Affine { offset, factor } | Self::Clipped { offset, factor } => {
                offset.is_finite() && factor.is_finite() && *factor >= 0.0
            }
            Self::Quantile(values) => {
                values.len() >= 2 && values.iter().all(|value| value.is_finite()) && values.is_sorted()
            }
        }
    }
}

/// Returns (x - offset) * factor. The difference of the halves does not overflow, so the result is not NaN.
fn affine(x: f64, offset: f64, factor: f64) -> f64 {
    2.0 * ((x / 2.0 - offset / 2.0) * factor)
}

/// Returns 1/x, or 0 if x is 0 or so small that 1/x overflows: a feature that varies so little is constant.
fn reciprocal(x: f64) -> f64 {
    let reciprocal = 1.0 / x;
    if reciprocal.is_finite() { reciprocal } else { 0.0 }
}

/// Returns the quantile of sorted values by linear interpolation, as NumPy does: the value at position share * (n - 1).
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let position = share * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let fraction = position - below as f64;
    sorted[below] * (1.0 - fraction) + sorted[above] * fraction
}

/// Returns the mean and the population standard deviation. The values are divided by the largest one, so that nothing
/// overflows.
pub(crate) fn moments(values: &[f64]) -> (f64, f64) {
    let (n, first) = (values.len() as f64, values[0]);
    if values.iter().all(|&value| value == first) {
        return (first, 0.0);
    }
    let unit = values.iter().fold(0.0, |unit: f64, value| unit.max(value.abs()));
    let mean = values.iter().map(|value| value / unit).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value / unit - mean).powi(2)).sum();
    (mean * unit, (squares / n).sqrt() * unit)
}

/// Returns the share of values below `x`, from the values at equally spaced shares; for a value that several shares
/// have, their middle.
fn share_below(values: &[f64], x: f64) -> f64 {
    let last = values.len() - 1;
    let (from, to) = (
        values.partition_point(|&value| value < x),
        values.partition_point(|&value| value <= x),
    );
    let position = if from < to {
        (from + to - 1) as f64 / 2.0
    } else if from == 0 || from > last {
        from.min(last) as f64
    } else {
        let (low, high) = (values[from - 1], values[from]);
        (from - 1) as f64 + (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
    };
    position / last as f64
}

/// Returns the x below which a standard normal variable lies with probability `share`, to seven digits. The share is
/// first moved into the range from 1e-7 to 1 - 1e-7.
///
/// Source: M. J. Wichura, *Algorithm AS 241: The Percentage Points of the Normal Distribution* (Applied Statistics 37,
/// 1988), PPND7.
fn normal_quantile(share: f64) -> f64 {
    let q = share.clamp(1e-7, 1.0 - 1e-7) - 0.5;
    let ratio = |r: f64, above: [f64; 4], below: [f64; 4]| {
        let polynomial = |[a, b, c, d]: [f64; 4]| ((d * r + c) * r + b) * r + a;
        polynomial(above) / polynomial(below)
    };
    if q.abs() <= 0.425 {
        let above = [3.387_132_717_9, 50.434_271_938, 159.291_132_02, 59.109_374_72];
        let below = [1.0, 17.895_169_469, 78.757_757_664, 67.187_563_6];
        return q * ratio(0.180_625 - q * q, above, below);
    }
    let r = (-(0.5 - q.abs()).ln()).sqrt();
    let magnitude = if r <= 5.0 {
        let above = [1.423_437_277_7, 2.756_815_39, 1.306_728_481_6, 0.170_238_211_03];
        ratio(r - 1.6, above, [1.0, 0.737_001_642_5, 0.120_211_320_75, 0.0])
    } else {
        let above = [6.657_905_115, 3.081_226_386, 0.428_682_943_37, 0.017_337_203_997];
        ratio(r - 5.0, above, [1.0, 0.241_978_942_25, 0.012_258_202_635, 0.0])
    };
    magnitude.copysign(q)
}
