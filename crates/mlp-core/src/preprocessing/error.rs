use core::fmt;

/// Data to which no scaling can be fitted, or parts that do not form a scaling.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScalingError {
    /// There are no features, or no samples to fit to.
    Empty {
        /// The features and samples given.
        got: (usize, usize),
    },
    /// A number in the data is infinite or NaN.
    NonFinite {
        /// The feature, from 0: the row.
        feature: usize,
        /// The sample, from 0: the column.
        sample: usize,
        /// The number.
        got: f64,
    },
    /// There are more or fewer scales than offsets.
    Count {
        /// How many offsets there are.
        offsets: usize,
        /// How many scales there are.
        scales: usize,
    },
    /// An offset is infinite or NaN. A fitted offset is so if the numbers in the data are too large.
    Offset {
        /// The feature, from 0.
        feature: usize,
        /// The offset.
        got: f64,
    },
    /// A scale is not a finite number above 0. A fitted scale is so if the numbers in the data are too large.
    Scale {
        /// The feature, from 0.
        feature: usize,
        /// The scale.
        got: f64,
    },
}

impl fmt::Display for ScalingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { got } => write!(
                f,
                "scaling: expected at least one feature and one sample, got {} x {}",
                got.0, got.1
            ),
            Self::NonFinite { feature, sample, got } => write!(
                f,
                "scaling: expected a finite number in row {feature}, column {sample} (a column is a sample), got {got}"
            ),
            Self::Count { offsets, scales } => {
                write!(
                    f,
                    "scaling: expected {offsets} scales, one for each offset, got {scales}"
                )
            }
            Self::Offset { feature, got } => {
                write!(f, "scaling: expected a finite offset for feature {feature}, got {got}")
            }
            Self::Scale { feature, got } => write!(
                f,
                "scaling: expected a finite scale above 0 for feature {feature}, got {got}"
            ),
        }
    }
}

impl core::error::Error for ScalingError {}
