//! [`Scalar`] for `f32` and `f64`.

use super::Scalar;
use crate::elementary;

macro_rules! impl_scalar {
    ($float:ty: $($function:ident),*) => {
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
            fn largest() -> Self {
                <$float>::MAX
            }

            #[inline(always)]
            fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self {
                if self > other { then } else { otherwise }
            }

            // This takes one instruction. The default formula, which also holds for dual numbers, takes several.
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

            // Computing both together shares the exponential.
            #[inline(always)]
            fn tanh_and_derivative(self) -> (Self, Self) {
                elementary::tanh_and_derivative(self)
            }

            #[inline(always)]
            fn tanh_and_derivatives(values: &mut [Self], derivatives: &mut [Self]) {
                elementary::tanh_and_derivatives(values, derivatives);
            }

            #[inline(always)]
            fn erfc_and_derivative(self) -> (Self, Self) {
                elementary::erfc_and_derivative(self)
            }

            #[inline(always)]
            fn sin_cos(self) -> (Self, Self) {
                let (sin, cos) = elementary::sin_cos(self.into());
                (sin as Self, cos as Self)
            }

            #[inline(always)]
            fn atan(self) -> Self {
                elementary::atan(self.into()) as Self
            }

            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                elementary::powf(self.into(), exponent.into()) as Self
            }

            #[inline(always)]
            fn floor(self) -> Self {
                elementary::floor(self.into()) as Self
            }

            $(
                #[inline(always)]
                fn $function(self) -> Self {
                    elementary::$function(self)
                }
            )*
        }
    };
}

impl_scalar!(f32: exp, exp_m1, ln, ln_1p, tanh, erfc);
impl_scalar!(f64: exp, exp_m1, ln, ln_1p, tanh, erfc);

#[cfg(test)]
mod tests {
    use super::*;

    /// The default formula of `tanh_and_derivative`.
    fn provided<T: Scalar>(x: T) -> (T, T) {
        let (tanh, e) = (x.tanh(), (T::from_f64(-2.0) * x.abs()).exp());
        let sum = T::one() + tanh.abs();
        (tanh, e * (sum * sum))
    }

    #[test]
    fn tanh_and_its_derivative_have_the_bits_of_the_provided_formula() {
        for i in -60_000..=60_000 {
            // The range extends to where the derivative becomes subnormal and then 0.
            let x = f64::from(i) / 1000.0;
            let (got, expected) = ((x as f32).tanh_and_derivative(), provided(x as f32));
            assert_eq!(got.0.to_bits(), expected.0.to_bits(), "tanh {x}, f32");
            assert_eq!(got.1.to_bits(), expected.1.to_bits(), "tanh' {x}, f32");
            for x in [x, 7.0 * x] {
                let (got, expected) = (x.tanh_and_derivative(), provided(x));
                assert_eq!(got.0.to_bits(), expected.0.to_bits(), "tanh {x}, f64");
                assert_eq!(got.1.to_bits(), expected.1.to_bits(), "tanh' {x}, f64");
            }
        }
        for x in [0.0, -0.0, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(x.tanh_and_derivative(), provided(x), "{x}");
        }
        let (tanh, derivative) = f32::NAN.tanh_and_derivative();
        assert!(tanh.is_nan() && derivative.is_nan());
    }
}
