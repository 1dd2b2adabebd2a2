#[cfg(test)]
mod children;
#[cfg(test)]
mod tests;

use crate::raw::dispatch;
#[cfg(target_arch = "x86_64")]
use crate::raw::dispatch::{Avx2, Avx512};
use crate::raw::vector::{Lanes, Vector};
use core::fmt;
use core::str::FromStr;

/// A set of vector instructions that the kernels are compiled for.
///
/// The level is chosen once, when the first kernel runs. It is the best level that the processor supports, or the one
/// that the environment variable `MLP_SIMD` names, if the processor supports it. (The `matrixmultiply` crate, which
/// computes the products of large layers at the baseline, makes its own choice.)
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
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|level| level.name() == name).ok_or(())
    }
}

/// Returns the level that kernels run at, as a kernel reports it.
///
/// ```
/// println!("kernels for {}", mlp_cpu::simd_level());
/// ```
pub fn simd_level() -> SimdLevel {
    struct Report;
    impl Kernel for Report {
        type Output = SimdLevel;
        #[inline(always)]
        fn run<I: Isa>(self, _: I) -> SimdLevel {
            I::LEVEL
        }
    }
    dispatch::run(Report)
}

/// The instructions that a kernel is compiled for. A value of such a type proves that the processor has them.
pub trait Isa: Copy {
    /// The level of these instructions.
    const LEVEL: SimdLevel;
    /// The number of columns of a product whose sums stay in registers, with two vectors of rows.
    const COLUMNS: usize;
    /// The number of such columns with three vectors of rows.
    const COLUMNS_OF_THREE: usize;
    /// Whether a b + c is a single instruction.
    const FUSED: bool;
    /// A full register.
    type F32: Vector<f32, Isa = Self>;
    /// A full register.
    type F64: Vector<f64, Isa = Self>;
    /// Half a register.
    type HalfF32: Vector<f32, Isa = Self>;
    /// Half a register.
    type HalfF64: Vector<f64, Isa = Self>;

    /// The instructions for vectors narrower than a full register. For AVX-512 they are AVX2, which has such vectors,
    /// too, so that the code is not compiled twice.
    type Narrow: Isa;

    /// Returns the proof for the narrow instructions.
    fn narrow(self) -> Self::Narrow;

    /// Runs `kernel` in a function of its own, compiled for these instructions. Compile time grows faster than the
    /// length of a function, and separate functions compile in parallel. Code that does not gain from inlining is
    /// therefore called.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;
}

/// [`SimdLevel::Baseline`].
#[derive(Clone, Copy)]
pub(crate) struct Baseline;

impl Isa for Baseline {
    const LEVEL: SimdLevel = SimdLevel::Baseline;
    const COLUMNS: usize = 6;
    const COLUMNS_OF_THREE: usize = 4;
    const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    type F32 = Lanes<f32, 4, Self>;
    type F64 = Lanes<f64, 2, Self>;
    type HalfF32 = Lanes<f32, 2, Self>;
    type HalfF64 = Lanes<f64, 1, Self>;

    type Narrow = Self;

    #[inline(always)]
    fn narrow(self) -> Self {
        self
    }

    #[inline(never)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx2 {
    const LEVEL: SimdLevel = SimdLevel::Avx2;
    const COLUMNS: usize = 6;
    const COLUMNS_OF_THREE: usize = 4;
    const FUSED: bool = true;
    type F32 = core::arch::x86_64::__m256;
    type F64 = core::arch::x86_64::__m256d;
    type HalfF32 = core::arch::x86_64::__m128;
    type HalfF64 = core::arch::x86_64::__m128d;
    type Narrow = Self;

    #[inline(always)]
    fn narrow(self) -> Self {
        self
    }

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        dispatch::call_avx2(kernel, self)
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const LEVEL: SimdLevel = SimdLevel::Avx512;
    const COLUMNS: usize = 8;
    const COLUMNS_OF_THREE: usize = 8;
    const FUSED: bool = true;
    type F32 = core::arch::x86_64::__m512;
    type F64 = core::arch::x86_64::__m512d;
    // Never used: vectors narrower than a full register come from `Narrow`.
    type HalfF32 = Lanes<f32, 8, Self>;
    type HalfF64 = Lanes<f64, 4, Self>;
    type Narrow = Avx2;

    #[inline(always)]
    fn narrow(self) -> Avx2 {
        self.avx2()
    }

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        dispatch::call_avx512(kernel, self)
    }
}

/// A computation that is compiled for each [`Isa`]. `run` and every function that it calls must be `#[inline(always)]`
/// or go through [`Isa::call`]. Any other function is compiled for the baseline only.
pub trait Kernel {
    type Output;
    fn run<I: Isa>(self, isa: I) -> Self::Output;
}
