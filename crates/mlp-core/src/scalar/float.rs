//! [`Scalar`] for `f32` and `f64`.

use super::Scalar;
use crate::elementary;

macro_rules! impl_scalar {
    ($float:ty) => {
        impl Scalar for $float {
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self {
                if self > other { then } else { otherwise }
            }

            // One instruction, where the provided formula, which is right for dual numbers too, takes several.
            #[inline(always)]
            fn at_least(self, bound: Self) -> Self {
                if bound > self { bound } else { self }
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                <$float>::abs(self)
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                num_traits::Float::sqrt(self)
            }

            #[inline(always)]
            fn exp(self) -> Self {
                elementary::exp(self)
            }

            #[inline(always)]
            fn exp_m1(self) -> Self {
                elementary::exp_m1(self)
            }

            #[inline(always)]
            fn ln(self) -> Self {
                elementary::ln(self)
            }

            #[inline(always)]
            fn ln_1p(self) -> Self {
                elementary::ln_1p(self)
            }

            #[inline(always)]
            fn tanh(self) -> Self {
                elementary::tanh(self)
            }

            // They share the exponential.
            #[inline(always)]
            fn tanh_and_derivative(self) -> (Self, Self) {
                elementary::tanh_and_derivative(self)
            }

            #[inline(always)]
            fn erfc(self) -> Self {
                elementary::erfc(self)
            }
        }
    };
}

impl_scalar!(f32);
impl_scalar!(f64);
