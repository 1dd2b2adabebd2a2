#[cfg(test)]
pub(crate) mod tests;

use core::fmt;
use core::str::FromStr;

/// A set of vector instructions that the kernels are compiled for.
///
/// The level is chosen once, when the first kernel runs. It is the best level that the processor supports, or the one
/// that the environment variable `MLP_SIMD` names, if the processor supports it
/// ([`check_environment`](crate::check_environment) tells whether it does). The `matrixmultiply` crate, which
/// computes the products of large layers at the baseline, makes its own choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SimdLevel {
    /// The instructions that every processor of the target has: SSE2 on x86-64, NEON on AArch64.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 (F, VL, BW, DQ).
    Avx512,
}

impl SimdLevel {
    /// All levels, from the lowest to the highest.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// Returns the name that `MLP_SIMD` uses: `baseline`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for SimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SimdLevel {
    type Err = UnknownSimdLevel;

    fn from_str(name: &str) -> Result<Self, UnknownSimdLevel> {
        let level = Self::ALL.into_iter().find(|level| level.name() == name);
        level.ok_or_else(|| UnknownSimdLevel { name: name.to_owned() })
    }
}

/// A name that no level has.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSimdLevel {
    /// The name given.
    pub name: String,
}

impl fmt::Display for UnknownSimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = SimdLevel::ALL;
        write!(f, "unknown SIMD level `{}`: expected one of {first}", self.name)?;
        others.iter().try_for_each(|level| write!(f, ", {level}"))
    }
}

impl fmt::Debug for UnknownSimdLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for UnknownSimdLevel {}
