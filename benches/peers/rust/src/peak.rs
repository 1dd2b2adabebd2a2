//! The multiply-add peak: as many independent multiply-adds at once as the registers hold.

use crate::{Engine, Setup};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Independent vectors of sums: enough to hide the latency of a multiply-add, few enough to stay in registers.
const SUMS: usize = 12;

/// Rounds of a step.
const ROUNDS: usize = 1 << 16;

/// Computes `sum = multiply_add(factor, sum, term)` in `steps` times `ROUNDS` rounds over all sums.
macro_rules! sums {
    ($steps:expr, $one:expr, $half:expr, $multiply_add:expr) => {{
        // Opaque, so that the compiler cannot predict the sums. 1 / 2 + 1 / 2 is 1 again, so nothing grows or shrinks.
        let (factor, term) = black_box(($half, $half));
        let mut sums = black_box([$one; SUMS]);
        for _ in 0..$steps * ROUNDS {
            for sum in &mut sums {
                *sum = $multiply_add(factor, *sum, term);
            }
        }
        black_box(sums);
    }};
}

/// The kernels for one type on x86-64.
#[cfg(target_arch = "x86_64")]
macro_rules! kernels {
    ($module:ident, $set512:ident, $fmadd512:ident, $set256:ident, $fmadd256:ident, $set128:ident, $mul128:ident, $add128:ident) => {
        mod $module {
            use super::{ROUNDS, SUMS, black_box};
            use std::arch::x86_64::*;

            #[target_feature(enable = "avx512f")]
            pub(super) fn avx512(steps: usize) {
                sums!(steps, $set512(1.0), $set512(0.5), $fmadd512);
            }

            #[target_feature(enable = "avx2,fma")]
            pub(super) fn avx2(steps: usize) {
                sums!(steps, $set256(1.0), $set256(0.5), $fmadd256);
            }

            #[target_feature(enable = "sse2")]
            pub(super) fn baseline(steps: usize) {
                sums!(steps, $set128(1.0), $set128(0.5), |a, b, c| $add128(
                    $mul128(a, b),
                    c
                ));
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
kernels!(
    f32s,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm256_set1_ps,
    _mm256_fmadd_ps,
    _mm_set1_ps,
    _mm_mul_ps,
    _mm_add_ps
);
#[cfg(target_arch = "x86_64")]
kernels!(
    f64s,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm256_set1_pd,
    _mm256_fmadd_pd,
    _mm_set1_pd,
    _mm_mul_pd,
    _mm_add_pd
);

/// A kernel that is safe to call on this CPU, with the name of its instructions and the number of bytes in a vector.
struct Level {
    name: &'static str,
    bytes: usize,
    kernel: unsafe fn(usize),
}

#[cfg(target_arch = "x86_64")]
fn level(single: bool) -> Level {
    if is_x86_feature_detected!("avx512f") {
        let kernel = if single { f32s::avx512 } else { f64s::avx512 };
        Level {
            name: "AVX-512",
            bytes: 64,
            kernel,
        }
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let kernel = if single { f32s::avx2 } else { f64s::avx2 };
        Level {
            name: "AVX2 and FMA",
            bytes: 32,
            kernel,
        }
    } else {
        let kernel = if single { f32s::baseline } else { f64s::baseline };
        Level {
            name: "SSE2",
            bytes: 16,
            kernel,
        }
    }
}

/// On other targets a vector is an array of 16 bytes, which the compiler maps to the target's instructions.
#[cfg(not(target_arch = "x86_64"))]
fn level(single: bool) -> Level {
    fn multiply_add<T: Copy, const N: usize>(f: impl Fn(T, T, T) -> T) -> impl Fn([T; N], [T; N], [T; N]) -> [T; N] {
        move |a, b, c| std::array::from_fn(|i| f(a[i], b[i], c[i]))
    }
    let kernel = if single {
        |steps: usize| sums!(steps, [1.0_f32; 4], [0.5_f32; 4], multiply_add(f32::mul_add))
    } else {
        |steps: usize| sums!(steps, [1.0_f64; 2], [0.5_f64; 2], multiply_add(f64::mul_add))
    };
    Level {
        name: "baseline",
        bytes: 16,
        kernel,
    }
}

/// A step is a fixed number of multiply-adds on each thread.
pub struct Peak {
    kernel: unsafe fn(usize),
    lanes: usize,
    threads: usize,
}

impl Peak {
    pub fn new(setup: &Setup) -> Self {
        let single = setup.dtype == "f32";
        let level = level(single);
        Self {
            kernel: level.kernel,
            lanes: level.bytes / if single { 4 } else { 8 },
            threads: setup.threads,
        }
    }

    /// The instructions it uses.
    pub fn instructions() -> &'static str {
        level(true).name
    }
}

impl Engine for Peak {
    /// Returns the floating-point operations of the steps instead of their losses.
    fn check(&mut self, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
        Ok(vec![(2 * steps * ROUNDS * SUMS * self.lanes * self.threads) as f64])
    }

    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>> {
        // SAFETY: `level` chose a kernel whose instructions this CPU has.
        let kernel = || unsafe { (self.kernel)(steps) };
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(kernel);
            }
            kernel();
        });
        Ok(start.elapsed())
    }
}
