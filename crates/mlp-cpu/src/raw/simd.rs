//! Sets of vector instructions: the types that stand for them, their registers, and the choice of the best set that the
//! processor has.

use crate::level::SimdLevel;
use crate::variable::{EnvironmentError, parsed};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64;
use core::array;
use core::marker::PhantomData;
use core::ops::{Add, Mul};
use core::sync::atomic::{AtomicU8, Ordering};
use num_traits::Zero;

/// A computation that is compiled for each [`Isa`]. `run` and every function that it calls must be `#[inline(always)]`
/// or go through [`Isa::call`]. Any other function is compiled for the baseline only.
pub trait Kernel {
    type Output;
    fn run<I: Isa>(self, isa: I) -> Self::Output;
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
    /// Four numbers.
    type FourF32: Vector<f32, Isa = Self>;
    /// Four numbers.
    type FourF64: Vector<f64, Isa = Self>;

    /// The instructions for vectors narrower than a full register. For AVX-512 they are AVX2, which has such vectors,
    /// too, so that the code is not compiled twice.
    type Narrow: Isa + From<Self>;

    /// Runs `kernel` in a function of its own, compiled for these instructions. Compile time grows faster than the
    /// length of a function, and separate functions compile in parallel. Code that does not gain from inlining is
    /// therefore called.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;
}

/// The proof of [`SimdLevel::Baseline`], which every processor has.
#[derive(Clone, Copy)]
pub(crate) struct Baseline;

/// The proof of [`SimdLevel::Avx2`]. Only [`run`] and the conversion from [`Avx512`] create one, and only on a
/// processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx2(());

/// The proof of [`SimdLevel::Avx512`]. Only [`run`] creates one, and only on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl From<Avx512> for Avx2 {
    /// A processor with AVX-512 also has AVX2: `supported` checks both.
    #[inline(always)]
    fn from(_: Avx512) -> Self {
        Self(())
    }
}

impl Isa for Baseline {
    const LEVEL: SimdLevel = SimdLevel::Baseline;
    const COLUMNS: usize = 6;
    const COLUMNS_OF_THREE: usize = 4;
    const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    type F32 = Lanes<f32, 4, Self>;
    type F64 = Lanes<f64, 2, Self>;
    type HalfF32 = Lanes<f32, 2, Self>;
    type HalfF64 = Lanes<f64, 1, Self>;
    type FourF32 = Lanes<f32, 4, Self>;
    type FourF64 = Lanes<f64, 4, Self>;

    type Narrow = Self;

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
    type F32 = x86_64::__m256;
    type F64 = x86_64::__m256d;
    type HalfF32 = x86_64::__m128;
    type HalfF64 = x86_64::__m128d;
    type FourF32 = x86_64::__m128;
    type FourF64 = x86_64::__m256d;
    type Narrow = Self;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        fn call<K: Kernel>(kernel: K, isa: Avx2) -> K::Output {
            kernel.run(isa)
        }
        // SAFETY: `run` creates an `Avx2`, or the `Avx512` that an `Avx2` is derived from, only if `supported` has
        // found AVX2 and FMA.
        unsafe { call(kernel, self) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Isa for Avx512 {
    const LEVEL: SimdLevel = SimdLevel::Avx512;
    const COLUMNS: usize = 8;
    const COLUMNS_OF_THREE: usize = 8;
    const FUSED: bool = true;
    type F32 = x86_64::__m512;
    type F64 = x86_64::__m512d;
    // Never used: vectors narrower than a full register come from `Narrow`.
    type HalfF32 = Lanes<f32, 8, Self>;
    type HalfF64 = Lanes<f64, 4, Self>;
    type FourF32 = Lanes<f32, 4, Self>;
    type FourF64 = Lanes<f64, 4, Self>;
    type Narrow = Avx2;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
        #[inline(never)]
        fn call<K: Kernel>(kernel: K, isa: Avx512) -> K::Output {
            kernel.run(isa)
        }
        // SAFETY: `run` creates an `Avx512` only if `supported` has found all of these features.
        unsafe { call(kernel, self) }
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
    run(Report)
}

/// Runs `kernel`, compiled for the level in use, in a function of its own.
#[inline(always)]
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    match level() {
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx512 => Avx512(()).call(kernel),
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx2 => Avx2(()).call(kernel),
        _ => Baseline.call(kernel),
    }
}

/// Returns the level that `MLP_SIMD` asks for, if it is set.
pub(crate) fn wanted_level() -> Result<Option<SimdLevel>, EnvironmentError> {
    let supported = |level: &SimdLevel| supported(*level);
    parsed(
        "MLP_SIMD",
        || {
            let names: Vec<_> = SimdLevel::ALL
                .iter()
                .copied()
                .filter(supported)
                .map(SimdLevel::name)
                .collect();
            format!("one of the levels that this processor has ({})", names.join(", "))
        },
        |name| name.parse().ok().filter(supported),
    )
}

/// Returns the level in use.
#[inline(always)]
fn level() -> SimdLevel {
    const UNKNOWN: u8 = u8::MAX;
    static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[cold]
    fn detect() -> SimdLevel {
        let best = || SimdLevel::ALL.into_iter().rfind(|&level| supported(level));
        let wanted = wanted_level().ok().flatten();
        let level = wanted.or_else(best).unwrap_or(SimdLevel::Baseline);
        LEVEL.store(level as u8, Ordering::Relaxed);
        level
    }

    match LEVEL.load(Ordering::Relaxed) {
        level if level == SimdLevel::Baseline as u8 => SimdLevel::Baseline,
        level if level == SimdLevel::Avx2 as u8 => SimdLevel::Avx2,
        level if level == SimdLevel::Avx512 as u8 => SimdLevel::Avx512,
        _ => detect(),
    }
}

/// Returns whether the processor has the instructions of `level`.
pub(crate) fn supported(level: SimdLevel) -> bool {
    match level {
        SimdLevel::Baseline => true,
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        #[cfg(target_arch = "x86_64")]
        SimdLevel::Avx512 => {
            supported(SimdLevel::Avx2)
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
        }
        #[cfg(not(target_arch = "x86_64"))]
        _ => false,
    }
}

/// A few numbers that are computed with at once.
pub trait Vector<T>: Copy {
    const LANES: usize;
    /// The instructions that the type is made for.
    type Isa: Isa;

    /// # Safety
    /// The requirement of [`multiply_add`](Self::multiply_add) applies.
    unsafe fn splat(value: T) -> Self;

    /// # Safety
    /// The requirement of [`multiply_add`](Self::multiply_add) applies, and `LANES` numbers at `from` must be readable.
    unsafe fn load(from: *const T) -> Self;

    /// # Safety
    /// The requirement of [`multiply_add`](Self::multiply_add) applies, and `LANES` numbers at `to` must be writable.
    unsafe fn store(self, to: *mut T);

    /// # Safety
    /// The requirement of [`multiply_add`](Self::multiply_add) applies.
    unsafe fn add(self, other: Self) -> Self;

    /// Returns `self` `factor` + `sum`.
    ///
    /// # Safety
    /// The processor must have the instructions that the type is made for.
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self;
}

/// A number that vector registers hold: `f32` or `f64`.
pub trait Lane: Copy + Zero + Add<Output = Self> + Mul<Output = Self> {
    /// A full vector register.
    type Full<I: Isa>: Vector<Self, Isa = I>;

    /// Half a vector register.
    type Half<I: Isa>: Vector<Self, Isa = I>;

    /// Four numbers.
    type Four<I: Isa>: Vector<Self, Isa = I>;

    /// Returns `self` `factor` + `sum`, rounded once.
    #[must_use]
    fn multiply_add(self, factor: Self, sum: Self) -> Self;
}

macro_rules! impl_lane {
    ($type:ty, $full:ident, $half:ident, $four:ident) => {
        impl Lane for $type {
            type Full<I: Isa> = I::$full;
            type Half<I: Isa> = I::$half;
            type Four<I: Isa> = I::$four;

            #[inline(always)]
            fn multiply_add(self, factor: Self, sum: Self) -> Self {
                self.mul_add(factor, sum)
            }
        }
    };
}
impl_lane!(f32, F32, HalfF32, FourF32);
impl_lane!(f64, F64, HalfF64, FourF64);

/// Any number of lanes. The compiler turns their operations into the instructions that it finds for the level.
#[derive(Clone, Copy)]
pub struct Lanes<T, const N: usize, I>([T; N], PhantomData<I>);

impl<T: Lane, const N: usize, I: Isa> Vector<T> for Lanes<T, N, I> {
    const LANES: usize = N;
    type Isa = I;

    #[inline(always)]
    unsafe fn splat(value: T) -> Self {
        Self([value; N], PhantomData)
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        // SAFETY: the caller promises that N numbers are readable; an array has the alignment of its elements.
        Self(unsafe { from.cast::<[T; N]>().read() }, PhantomData)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        // SAFETY: the caller promises that N numbers are writable; an array has the alignment of its elements.
        unsafe { to.cast::<[T; N]>().write(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(array::from_fn(|i| self.0[i] + other.0[i]), PhantomData)
    }

    #[inline(always)]
    unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
        let lane = |i: usize| {
            // Where `mul_add` is not an instruction, it is a function call.
            if I::FUSED {
                self.0[i].multiply_add(factor.0[i], sum.0[i])
            } else {
                self.0[i] * factor.0[i] + sum.0[i]
            }
        };
        Self(array::from_fn(lane), PhantomData)
    }
}

#[cfg(target_arch = "x86_64")]
mod registers {
    use super::{Avx2, Avx512, Vector};
    use core::arch::x86_64::*;

    macro_rules! vector {
        ($vector:ident of $isa:ty: $element:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $fma:ident) => {
            impl Vector<$element> for $vector {
                const LANES: usize = $lanes;
                type Isa = $isa;

                #[inline(always)]
                unsafe fn splat(value: $element) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(from: *const $element) -> Self {
                    // SAFETY: the caller's promise; the load does not need alignment.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $element) {
                    // SAFETY: the caller's promise; the store does not need alignment.
                    unsafe { $store(to, self) }
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                unsafe fn multiply_add(self, factor: Self, sum: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $fma(self, factor, sum) }
                }
            }
        };
    }
    vector!(__m128 of Avx2: f32, 4, _mm_set1_ps, _mm_loadu_ps, _mm_storeu_ps, _mm_add_ps, _mm_fmadd_ps);
    vector!(__m128d of Avx2: f64, 2, _mm_set1_pd, _mm_loadu_pd, _mm_storeu_pd, _mm_add_pd, _mm_fmadd_pd);
    vector!(__m256 of Avx2: f32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_fmadd_ps);
    vector!(__m256d of Avx2: f64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_fmadd_pd);
    vector!(__m512 of Avx512: f32, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_fmadd_ps);
    vector!(__m512d of Avx512: f64, 8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_fmadd_pd);
}
