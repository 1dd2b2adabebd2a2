//! Transposition of 4 x 4 squares.

/// A number type whose 4 x 4 squares are transposed in registers.
pub trait Square: Sized {
    /// Returns the transpose.
    #[must_use]
    fn transposed(square: [[Self; 4]; 4]) -> [[Self; 4]; 4];
}

impl Square for f32 {
    #[inline(always)]
    fn transposed(square: [[Self; 4]; 4]) -> [[Self; 4]; 4] {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: every x86-64 processor has SSE.
            unsafe { sse(square) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        turn(square)
    }
}

impl Square for f64 {
    #[inline(always)]
    fn transposed(square: [[Self; 4]; 4]) -> [[Self; 4]; 4] {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: every x86-64 processor has SSE2.
            unsafe { sse2(square) }
        }
        #[cfg(not(target_arch = "x86_64"))]
        turn(square)
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn turn<T: Copy>([a, b, c, d]: [[T; 4]; 4]) -> [[T; 4]; 4] {
    core::array::from_fn(|i| [a[i], b[i], c[i], d[i]])
}

/// Transposes by shuffles. The compiler does not generate them by itself; it moves one number at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse")]
#[inline]
fn sse(square: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    use core::arch::x86_64::{__m128, _mm_movehl_ps, _mm_movelh_ps, _mm_unpackhi_ps, _mm_unpacklo_ps};
    use core::mem::transmute;

    // SAFETY: four `f32` and a vector of four have the same size, and any bits are a valid value of either.
    let [a, b, c, d] = square.map(|row| unsafe { transmute::<[f32; 4], __m128>(row) });
    let (ab, cd) = (_mm_unpacklo_ps(a, b), _mm_unpacklo_ps(c, d));
    let (ab_end, cd_end) = (_mm_unpackhi_ps(a, b), _mm_unpackhi_ps(c, d));
    let columns = [
        _mm_movelh_ps(ab, cd),
        _mm_movehl_ps(cd, ab),
        _mm_movelh_ps(ab_end, cd_end),
        _mm_movehl_ps(cd_end, ab_end),
    ];
    // SAFETY: as above.
    columns.map(|column| unsafe { transmute::<__m128, [f32; 4]>(column) })
}

/// The same for `f64`, by halves of two numbers. A backward pass of one sample takes half the time by it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn sse2(square: [[f64; 4]; 4]) -> [[f64; 4]; 4] {
    use core::arch::x86_64::{__m128d, _mm_unpackhi_pd, _mm_unpacklo_pd};
    use core::mem::transmute;

    // SAFETY: four `f64` and two vectors of two have the same size, and any bits are a valid value of either.
    let [a, b, c, d] = square.map(|row| unsafe { transmute::<[f64; 4], [__m128d; 2]>(row) });
    let columns = [
        [_mm_unpacklo_pd(a[0], b[0]), _mm_unpacklo_pd(c[0], d[0])],
        [_mm_unpackhi_pd(a[0], b[0]), _mm_unpackhi_pd(c[0], d[0])],
        [_mm_unpacklo_pd(a[1], b[1]), _mm_unpacklo_pd(c[1], d[1])],
        [_mm_unpackhi_pd(a[1], b[1]), _mm_unpackhi_pd(c[1], d[1])],
    ];
    // SAFETY: as above.
    columns.map(|column| unsafe { transmute::<[__m128d; 2], [f64; 4]>(column) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_is_turned() {
        fn check<T: Square + Copy + PartialEq + core::fmt::Debug>(number: fn(u8) -> T) {
            let square = core::array::from_fn(|i| core::array::from_fn(|j| number(4 * i as u8 + j as u8)));
            assert_eq!(T::transposed(square), turn(square));
        }
        check::<f32>(f32::from);
        check::<f64>(f64::from);
    }
}
