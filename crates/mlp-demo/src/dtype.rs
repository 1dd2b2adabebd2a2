//! The number type that a run computes in.

use std::fmt;

/// `f32` or `f64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dtype {
    /// 32 bits: 7 decimal digits, at most 3.4e38
    F32,
    /// 64 bits: 16 decimal digits, at most 1.8e308
    F64,
}

impl Dtype {
    /// Rounds `value` to a number of this type. The result is infinite if `value` is too large, and 0 if it is too
    /// small.
    #[must_use]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }

    /// Returns what a number must be, in the words of an error message.
    pub(crate) const fn finite_number(self) -> &'static str {
        match self {
            Self::F32 => "a finite number (in f32: at most 3.4e38)",
            Self::F64 => "a finite number",
        }
    }
}

/// Writes `f32` or `f64`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_f32_rounds() {
        assert_eq!(Dtype::F32.round(0.1), f64::from(0.1_f32));
        assert_eq!(Dtype::F32.round(3.5e38), f64::INFINITY);
        assert_eq!(Dtype::F32.round(1e-300), 0.0);
        assert_eq!(Dtype::F64.round(1e300), 1e300);
    }
}
