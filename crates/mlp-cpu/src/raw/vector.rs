//! Vector registers.

use crate::Element;
use crate::level::Isa;
use core::array;
use core::marker::PhantomData;

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

/// Any number of lanes. The compiler turns their operations into the instructions that it finds for the level.
pub struct Lanes<T, const N: usize, I>([T; N], PhantomData<I>);

impl<T: Copy, const N: usize, I> Clone for Lanes<T, N, I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Copy, const N: usize, I> Copy for Lanes<T, N, I> {}

impl<T: Element, const N: usize, I: Isa> Vector<T> for Lanes<T, N, I> {
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
mod x86_64 {
    use super::Vector;
    use crate::raw::dispatch::{Avx2, Avx512};
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
