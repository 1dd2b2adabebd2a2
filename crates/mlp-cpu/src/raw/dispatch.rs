//! Runs kernels with the best instructions that the processor has.

use crate::level::{Baseline, Isa, Kernel, SimdLevel};
use core::sync::atomic::{AtomicU8, Ordering};

/// The proof of [`SimdLevel::Avx2`]. Only [`run`] and [`Avx512::avx2`] create one, and only on a processor that has the
/// instructions.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx2(());

/// The proof of [`SimdLevel::Avx512`]. Only [`run`] creates one, and only on a processor that has the instructions.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx512(());

#[cfg(target_arch = "x86_64")]
impl Avx512 {
    /// Returns the proof of AVX2. A processor with AVX-512 also has AVX2: `supported` checks both.
    #[inline(always)]
    pub(crate) fn avx2(self) -> Avx2 {
        Avx2(())
    }
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

/// Implements [`Isa::call`] for AVX-512.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn call_avx512<K: Kernel>(kernel: K, isa: Avx512) -> K::Output {
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    #[inline(never)]
    fn call<K: Kernel>(kernel: K, isa: Avx512) -> K::Output {
        kernel.run(isa)
    }
    // SAFETY: `run` creates an `Avx512` only if `supported` has found all of these features.
    unsafe { call(kernel, isa) }
}

/// Implements [`Isa::call`] for AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn call_avx2<K: Kernel>(kernel: K, isa: Avx2) -> K::Output {
    #[target_feature(enable = "avx2,fma")]
    #[inline(never)]
    fn call<K: Kernel>(kernel: K, isa: Avx2) -> K::Output {
        kernel.run(isa)
    }
    // SAFETY: `run` creates an `Avx2`, or the `Avx512` that an `Avx2` is derived from, only if `supported` has found
    // AVX2 and FMA.
    unsafe { call(kernel, isa) }
}

/// Returns the level in use.
#[inline(always)]
fn level() -> SimdLevel {
    const UNKNOWN: u8 = u8::MAX;
    static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[cold]
    fn detect() -> SimdLevel {
        let wanted = std::env::var("MLP_SIMD").ok().and_then(|name| name.parse().ok());
        let best = SimdLevel::ALL
            .into_iter()
            .rfind(|&level| supported(level))
            .unwrap_or(SimdLevel::Baseline);
        let level = wanted.filter(|&level| supported(level)).unwrap_or(best);
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

fn supported(level: SimdLevel) -> bool {
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
