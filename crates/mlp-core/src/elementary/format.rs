//! The properties of a floating-point format that the functions need.

use core::ops::{Add, Div, Mul, Neg, Sub};

use super::coefficients::Coefficients;

/// `f32` or `f64`: the constants, and the operations on bits that the functions need in addition to arithmetic.
pub(crate) trait Format:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Coefficients
{
    const ZERO: Self;
    const HALF: Self;
    const ONE: Self;
    const TWO: Self;
    const INFINITY: Self;
    const NAN: Self;
    /// The smallest positive normal number.
    const MIN_POSITIVE: Self;

    /// log2(e).
    const LOG2_E: Self;
    /// ln(2) = `LN_2_HIGH` + `LN_2_LOW`, where the first ends in enough zero bits that its product with any exponent of
    /// the format is exact.
    const LN_2_HIGH: Self;
    const LN_2_LOW: Self;

    /// 1/sqrt(pi).
    const FRAC_1_SQRT_PI: Self;

    /// Adding this number to x rounds x to an integer, which the low bits of the sum then contain: the unit in the last
    /// place of this number is 1, and its own low bits are 0.
    const ROUND: Self;
    /// The bias of the exponent field.
    const BIAS: Self;
    /// A power of two that lifts every subnormal number into the normal range, and its exponent.
    const LIFT: Self;
    const LIFT_EXPONENT: Self;

    /// Beyond these limits, e^x rounds to 0 or overflows.
    const EXP_MIN: Self;
    const EXP_MAX: Self;
    /// Beyond this limit, erfc(x) and e^(-x^2) round to 0.
    const ERFC_MAX: Self;
    /// Beyond this limit, 1 - e^-x rounds to 1.
    const SATURATION: Self;

    /// Returns |x|.
    fn abs(self) -> Self;

    /// Returns -|x| if `sign` is negative, else x unchanged.
    fn with_sign_of(self, sign: Self) -> Self;

    /// Returns the number with only the upper half of its significand, so that its square is exact.
    fn head(self) -> Self;

    /// Returns 2^n, where `self` is `ROUND + BIAS + n`: the low bits become the exponent field.
    fn power_of_two(self) -> Self;

    /// Returns 2^(n - m), where `self` is `ROUND + 2 BIAS + n` and `other` is `ROUND + BIAS + m`.
    fn power_of_two_less(self, other: Self) -> Self;

    /// Returns k and m with x = 2^k m and sqrt(1/2) <= m < sqrt(2), for a positive normal number x.
    fn split_exponent(self) -> (Self, Self);
}

macro_rules! impl_format {
    (
        $float:ident,
        ln_2: $high:literal + $low:literal,
        lift_exponent: $lift_exponent:literal,
        exp: $exp_min:literal .. $exp_max:literal,
        erfc_max: $erfc_max:literal,
        saturation: $saturation:literal,
    ) => {
        impl Format for $float {
            const ZERO: Self = 0.0;
            const HALF: Self = 0.5;
            const ONE: Self = 1.0;
            const TWO: Self = 2.0;
            const INFINITY: Self = Self::INFINITY;
            const NAN: Self = Self::NAN;
            const MIN_POSITIVE: Self = Self::MIN_POSITIVE;
            const LOG2_E: Self = core::$float::consts::LOG2_E;
            const FRAC_1_SQRT_PI: Self = core::$float::consts::FRAC_2_SQRT_PI / 2.0;
            const LN_2_HIGH: Self = $high;
            const LN_2_LOW: Self = $low;
            const ROUND: Self = 1.5 / Self::EPSILON;
            const BIAS: Self = (Self::MAX_EXP - 1) as Self;
            const LIFT: Self = (1_u64 << $lift_exponent) as Self;
            const LIFT_EXPONENT: Self = $lift_exponent as Self;
            const EXP_MIN: Self = $exp_min;
            const EXP_MAX: Self = $exp_max;
            const ERFC_MAX: Self = $erfc_max;
            const SATURATION: Self = $saturation;

            #[inline(always)]
            fn abs(self) -> Self {
                Self::abs(self)
            }

            #[inline(always)]
            fn with_sign_of(self, sign: Self) -> Self {
                Self::from_bits(self.to_bits() | (sign.to_bits() & (-0.0 as Self).to_bits()))
            }

            #[inline(always)]
            fn head(self) -> Self {
                const TAIL: u32 = $float::MANTISSA_DIGITS.div_ceil(2);
                Self::from_bits(self.to_bits() >> TAIL << TAIL)
            }

            #[inline(always)]
            fn power_of_two(self) -> Self {
                Self::from_bits(self.to_bits() << (Self::MANTISSA_DIGITS - 1))
            }

            #[inline(always)]
            fn power_of_two_less(self, other: Self) -> Self {
                Self::from_bits(self.to_bits().wrapping_sub(other.to_bits()) << (Self::MANTISSA_DIGITS - 1))
            }

            #[inline(always)]
            fn split_exponent(self) -> (Self, Self) {
                const FRACTION: u32 = $float::MANTISSA_DIGITS - 1;
                const SQRT_HALF: $float = core::$float::consts::FRAC_1_SQRT_2;
                // The addition carries into the exponent if the significand is sqrt(2) or more.
                let moved = self
                    .to_bits()
                    .wrapping_add((1.0 as Self).to_bits() - SQRT_HALF.to_bits());
                let fraction = moved & ((1 << FRACTION) - 1);
                // The unit in the last place of 1/EPSILON is 1, so writing an integer into its low bits adds the
                // integer to it.
                let counted = Self::from_bits((1.0 / Self::EPSILON).to_bits() | (moved >> FRACTION));
                let exponent = counted - (1.0 / Self::EPSILON + Self::BIAS);
                (exponent, Self::from_bits(fraction + SQRT_HALF.to_bits()))
            }
        }
    };
}

impl_format! {
    f32,
    ln_2: 0.693_145_75 + 1.428_606_8e-6,
    lift_exponent: 24,
    exp: -104.0 .. 89.0,
    erfc_max: 10.2,
    saturation: 20.0,
}

impl_format! {
    f64,
    ln_2: 0.693_147_180_559_890_3 + 5.497_923_018_708_371e-14,
    lift_exponent: 53,
    exp: -746.0 .. 710.0,
    erfc_max: 27.3,
    saturation: 40.0,
}
