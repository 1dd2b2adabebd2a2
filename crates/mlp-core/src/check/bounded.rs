//! Rounding errors, computed along with a formula.

use super::points::Float;
use crate::Scalar;
use alloc::format;
use alloc::string::String;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use num_traits::{One, Zero};

/// How far a function of [`Scalar`] may be from the exact result, in units in the last place. Their documented errors
/// are smaller.
const ULPS: f64 = 5.0;

/// A number with a bound on the rounding errors that it carries: the running error analysis of J. H. Wilkinson, *Error
/// Analysis Revisited* (IMA Bulletin 22, 1986). The value has the bits that the formula gives in `T`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounded<T> {
    pub(super) value: T,
    /// How far the value may be from the exact result, to first order; infinite if that is unknown.
    pub(super) error: f64,
}

impl<T: Float> Bounded<T> {
    pub(super) fn exact(value: T) -> Self {
        Self { value, error: 0.0 }
    }

    /// Returns a value that is rounded by at most `ulps` and has inherited `error`.
    fn rounded(value: T, error: f64, ulps: f64) -> Self {
        let error = error + ulps * T::EPSILON * value.to_f64().abs() + T::TINY;
        // NaN stands for an infinite factor or value.
        let error = if error.is_nan() { f64::INFINITY } else { error };
        Self { value, error }
    }

    /// Returns a function's `value`, where `error` is what has become of the argument's error; `error` is not
    /// considered if the argument is exact.
    fn function(self, value: T, error: f64) -> Self {
        Self::rounded(value, if self.error == 0.0 { 0.0 } else { error }, ULPS)
    }

    /// Returns |value| as `f64`.
    pub(super) fn size(self) -> f64 {
        self.value.to_f64().abs()
    }

    /// Returns whether the two may be the same number: they differ by no more than their errors and `tolerance` times
    /// this one, or both are NaN.
    pub(super) fn agrees_with(self, other: Self, tolerance: f64) -> bool {
        let (one, two) = (self.value.to_f64(), other.value.to_f64());
        one == two
            || (one.is_nan() && two.is_nan())
            || (one - two).abs() <= self.error + other.error + tolerance * one.abs()
    }

    /// Says how `got` differs from this number, where both are finite.
    pub(super) fn compare(self, got: Self, tolerance: f64) -> Result<(), String> {
        if !self.is_finite() || !got.is_finite() || self.agrees_with(got, tolerance) {
            return Ok(());
        }
        let (expected, error) = (self.value, self.error + got.error);
        Err(format!(
            "expected {expected:?} (dual numbers), got {:?}; rounding explains {error:.1e}",
            got.value
        ))
    }
}

/// Returns `size` times `error`, where no error stays none even if the size is infinite.
fn times(size: f64, error: f64) -> f64 {
    if error == 0.0 { 0.0 } else { size * error }
}

impl<T: Float> PartialEq for Bounded<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Float> Add for Bounded<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::rounded(self.value + other.value, self.error + other.error, 1.0)
    }
}

impl<T: Float> Sub for Bounded<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl<T: Float> Mul for Bounded<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let error = times(self.size() + self.error, other.error) + times(other.size(), self.error);
        Self::rounded(self.value * other.value, error, 1.0)
    }
}

impl<T: Float> Div for Bounded<T> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let least = (other.size() - other.error).max(0.0);
        let error = (self.error + times(value.to_f64().abs(), other.error)) / least;
        Self::rounded(value, error, 1.0)
    }
}

impl<T: Float> Neg for Bounded<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self {
            value: -self.value,
            ..self
        }
    }
}

macro_rules! assigning {
    ($($trait:ident $method:ident $operator:tt),*) => {$(
        impl<T: Float> $trait for Bounded<T> {
            fn $method(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}
assigning!(AddAssign add_assign +, SubAssign sub_assign -, MulAssign mul_assign *, DivAssign div_assign /);

impl<T: Float> Zero for Bounded<T> {
    fn zero() -> Self {
        Self::exact(T::zero())
    }
    /// A zero that remains of terms that cancel is none: it carries their errors.
    fn is_zero(&self) -> bool {
        self.value.is_zero() && self.error <= 64.0 * T::TINY
    }
}

impl<T: Float> One for Bounded<T> {
    fn one() -> Self {
        Self::exact(T::one())
    }
}

impl<T: Float> Scalar for Bounded<T> {
    /// A short number like 0.5 is taken as exact, any other as rounded.
    fn from_f64(value: f64) -> Self {
        let exact = f64::from(value as f32) == value || value.is_nan();
        let error = if exact { 0.0 } else { T::EPSILON * value.abs() };
        Self {
            value: T::from_f64(value),
            error,
        }
    }

    fn to_f64(self) -> f64 {
        self.value.to_f64()
    }

    fn largest() -> Self {
        Self::exact(T::largest())
    }

    /// If the errors leave open which is greater, both branches are possible.
    fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self {
        let (distance, error) = ((self.value - other.value).to_f64().abs(), self.error + other.error);
        let taken = if self.value > other.value { then } else { otherwise };
        let open = if error == 0.0 || distance > error {
            0.0
        } else {
            (then.value - otherwise.value).to_f64().abs() + then.error.max(otherwise.error)
        };
        Self {
            error: taken.error + open,
            ..taken
        }
    }

    fn at_least(self, bound: Self) -> Self {
        Self {
            value: self.value.at_least(bound.value),
            error: self.error.max(bound.error),
        }
    }

    fn is_finite(self) -> bool {
        self.value.is_finite()
    }

    fn abs(self) -> Self {
        Self {
            value: self.value.abs(),
            ..self
        }
    }

    fn sqrt(self) -> Self {
        let (root, x) = (self.value.sqrt(), self.to_f64());
        self.function(root, self.error / (root.to_f64() + Scalar::sqrt(x + self.error)))
    }

    fn exp(self) -> Self {
        let exp = self.value.exp();
        self.function(exp, exp.to_f64() * Scalar::exp_m1(self.error))
    }

    fn exp_m1(self) -> Self {
        let exp = Scalar::exp(self.to_f64());
        self.function(self.value.exp_m1(), exp * Scalar::exp_m1(self.error))
    }

    fn ln(self) -> Self {
        self.function(self.value.ln(), self.error / (self.to_f64() - self.error).max(0.0))
    }

    fn ln_1p(self) -> Self {
        let least = (1.0 + self.to_f64() - self.error).max(0.0);
        self.function(self.value.ln_1p(), self.error / least)
    }

    fn tanh(self) -> Self {
        let slope = self.to_f64().tanh_and_derivative().1;
        self.function(self.value.tanh(), (slope * self.error).min(2.0))
    }

    fn erfc(self) -> Self {
        let slope = self.to_f64().erfc_and_derivative().1;
        self.function(self.value.erfc(), (slope.abs() * self.error).min(2.0))
    }

    fn sin_cos(self) -> (Self, Self) {
        let (sin, cos) = self.value.sin_cos();
        let error = |slope: T| (slope.to_f64().abs() + self.error) * self.error;
        (self.function(sin, error(cos)), self.function(cos, error(sin)))
    }

    fn atan(self) -> Self {
        let slope = 1.0 / (1.0 + self.size() * self.size());
        self.function(self.value.atan(), slope * self.error)
    }

    fn powf(self, exponent: Self) -> Self {
        let power = self.value.powf(exponent.value);
        let ln = Scalar::ln(self.to_f64());
        let by_base = times(exponent.size(), self.error / (self.to_f64() - self.error).max(0.0));
        let relative = if self.error == 0.0 { 0.0 } else { by_base } + times(ln.abs(), exponent.error);
        let ulps = ULPS
            + if ln.is_finite() {
                (exponent.to_f64() * ln).abs()
            } else {
                0.0
            };
        Self::rounded(power, times(power.to_f64().abs(), relative), ulps)
    }

    fn floor(self) -> Self {
        let ends = [self.to_f64() - self.error, self.to_f64() + self.error].map(Scalar::floor);
        Self {
            value: self.value.floor(),
            error: if self.error == 0.0 { 0.0 } else { ends[1] - ends[0] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dual;

    /// Formulas with cancellation and large slopes; none has a kink between 1.3 and 1.31.
    fn formulas<T: Scalar>(x: T) -> [T; 12] {
        let c = T::from_f64;
        [
            (x - c(1.3)) * c(1e3),
            x.exp() - x.exp_m1() - T::one(),
            (x * c(1e4)).sin(),
            (c(-20.0) * x).exp().ln_1p(),
            (x * x - c(1.69)) / (x - c(1.2)),
            (x.ln() * c(50.0)).tanh().erfc(),
            x.powf(c(30.0)) - x.powi(30),
            x.tan().atan() - x,
            x.sinh() - x.cosh(),
            (x - c(1.25)).sqrt() - x.log2(),
            (c(1e3) * x).at_least(c(-1.0)).at_most(c(1e9)).abs(),
            x - x.floor(),
        ]
    }

    #[test]
    fn errors_in_f32_are_within_their_bounds() {
        let mut close = 0;
        for i in 0..200 {
            let x = 1.3 + 5e-5 * i as f32;
            let got = formulas(Dual::variable(Bounded::exact(x)));
            let plain = formulas(Dual::variable(x));
            let exact = formulas(Dual::variable(f64::from(x)));
            for (j, ((got, plain), exact)) in got.into_iter().zip(plain).zip(exact).enumerate() {
                let numbers = [
                    (got.value, plain.value, exact.value),
                    (got.derivative, plain.derivative, exact.derivative),
                ];
                for (got, plain, exact) in numbers {
                    assert_eq!(got.value.to_bits(), plain.to_bits(), "formula {j} at {x}");
                    let error = (got.to_f64() - exact).abs();
                    assert!(error <= got.error, "formula {j} at {x}: {error} > {}", got.error);
                    close += usize::from(error * 100.0 > got.error);
                }
            }
        }
        // The bounds are not far too large either.
        assert!(close > 2000, "{close}");
    }

    fn bounded(value: f64, error: f64) -> Bounded<f64> {
        Bounded { value, error }
    }

    /// A function with errors, and its reference.
    type Function = (fn(Bounded<f64>) -> Bounded<f64>, fn(f64) -> f64);

    #[test]
    fn an_error_grows_by_the_slope() {
        const ERROR: f64 = 1e-6;
        let functions: [Function; 15] = [
            (|x| x * Bounded::exact(3.0), |x| x * 3.0),
            (|x| x / Bounded::exact(3.0), |x| x / 3.0),
            (|x| Bounded::exact(3.0) / x, |x| 3.0 / x),
            (Scalar::sqrt, libm::sqrt),
            (Scalar::exp, libm::exp),
            (Scalar::exp_m1, libm::expm1),
            (Scalar::ln, libm::log),
            (Scalar::ln_1p, libm::log1p),
            (Scalar::tanh, libm::tanh),
            (Scalar::erfc, libm::erfc),
            (Scalar::sin, libm::sin),
            (Scalar::cos, libm::cos),
            (Scalar::atan, libm::atan),
            (|x| x.powf(Bounded::exact(2.5)), |x| libm::pow(x, 2.5)),
            (|p| Bounded::exact(0.3).powf(p), |p| libm::pow(0.3, p)),
        ];
        for (number, (function, reference)) in functions.into_iter().enumerate() {
            for x in [0.2, 1.7] {
                let change = (reference(x + ERROR) - reference(x - ERROR)).abs() / 2.0;
                let error = function(bounded(x, ERROR)).error;
                assert!(
                    (error / change - 1.0).abs() < 1e-4,
                    "function {number} at {x}: {error} for {change}"
                );
                // An exact argument leaves rounding.
                let Bounded { value, error } = function(Bounded::exact(x));
                assert!(error > 0.0 && error < 10.0 * f64::EPSILON * value.abs());
            }
        }
        let ulps = Bounded::exact(0.2).powf(Bounded::exact(2.5)).error / (f64::EPSILON * libm::pow(0.2, 2.5));
        assert!((ulps - (ULPS + 2.5 * libm::log(5.0))).abs() < 1e-9, "{ulps}");
        assert!((Bounded::exact(5e-324) * Bounded::exact(0.5)).error > 0.0);
    }

    #[test]
    fn large_errors_have_a_bound_too() {
        let functions: [(Function, f64); 7] = [
            ((|x| (x + Bounded::one()) * x, |x| (x + 1.0) * x), 2.0),
            ((|x| Bounded::one() / x, |x| 1.0 / x), 1.0),
            ((Scalar::sqrt, libm::sqrt), 0.0),
            ((Scalar::ln, libm::log), 1.0),
            ((Scalar::ln_1p, libm::log1p), 0.0),
            ((Scalar::sin, libm::sin), core::f64::consts::FRAC_PI_2),
            ((|x| x.powf(Bounded::exact(2.0)), |x| x * x), 1.0),
        ];
        for (number, ((function, reference), x)) in functions.into_iter().enumerate() {
            let error = function(bounded(x, 0.5)).error;
            for end in [x - 0.5, x + 0.5].map(reference).into_iter().filter(|y| y.is_finite()) {
                let change = (end - reference(x)).abs();
                assert!(
                    error.is_finite() && change <= error * (1.0 + 1e-12),
                    "function {number}: {error} for {change}"
                );
            }
        }
        assert_eq!(bounded(0.5, 1.0).ln().error, f64::INFINITY);
    }

    #[test]
    fn a_step_within_the_error_may_be_taken() {
        let [then, otherwise] = [bounded(5.0, 0.125), bounded(2.0, 0.25)];
        let select = |one: Bounded<f64>, other: Bounded<f64>| {
            let chosen = one.select_gt(other, then, otherwise);
            (chosen.value, chosen.error)
        };
        assert_eq!(select(bounded(1.0, 0.25), bounded(0.75, 0.125)), (5.0, 3.375));
        assert_eq!(select(bounded(0.75, 0.125), bounded(1.0, 0.25)), (2.0, 3.5));
        // The two may be equal.
        assert_eq!(select(bounded(1.0, 0.25), Bounded::exact(0.75)), (5.0, 3.375));
        assert_eq!(select(bounded(2.0, 0.25), bounded(1.0, 0.25)), (5.0, 0.125));
        assert_eq!(select(Bounded::one(), Bounded::one()), (2.0, 0.25));

        for (x, error) in [(1.9, 1.0), (1.5, 0.0)] {
            let floor = bounded(x, 0.2).floor();
            assert_eq!((floor.value, floor.error), (1.0, error));
        }
        assert_eq!(Bounded::exact(1.5).floor().error, 0.0);
        let size = bounded(-2.0, 0.1).abs();
        assert_eq!((size.value, size.error), (2.0, 0.1));
    }

    #[test]
    fn numbers_without_a_short_form_are_rounded() {
        let error = |x| <Bounded<f64> as Scalar>::from_f64(x).error;
        assert_eq!([0.5, f64::NAN, 0.1].map(error), [0.0, 0.0, f64::EPSILON * 0.1]);
    }

    #[test]
    fn numbers_agree_within_their_errors_and_the_tolerance() {
        let (one, other) = (bounded(10.0, 0.1), bounded(10.3, 0.15));
        assert!(!one.agrees_with(other, 0.0) && one.agrees_with(other, 0.01));
        let [nan, infinity] = [f64::NAN, f64::INFINITY].map(Bounded::exact);
        assert!(nan.agrees_with(nan, 0.0) && infinity.agrees_with(infinity, 0.0));
        assert!(!nan.agrees_with(one, 0.0) && !one.agrees_with(nan, 0.0));
        assert!(one.is_finite() && !infinity.is_finite());

        assert_eq!(infinity.compare(one, 0.0), Ok(()));
        assert_eq!(one.compare(infinity, 0.0), Ok(()));
        assert_eq!(one.compare(other, 0.01), Ok(()));
        let error = bounded(1.0, 0.25).compare(bounded(3.0, 0.5), 0.0).unwrap_err();
        assert_eq!(error, "expected 1.0 (dual numbers), got 3.0; rounding explains 7.5e-1");
    }

    #[test]
    fn equality_is_that_of_the_values_and_a_zero_has_no_error() {
        assert!(bounded(1.0, 0.5) == Bounded::one() && bounded(1.0, 0.0) != Bounded::exact(2.0));
        let tiny = <f64 as Float>::TINY;
        assert!(Bounded::<f64>::zero().is_zero() && bounded(0.0, 64.0 * tiny).is_zero());
        assert!(!bounded(0.0, 65.0 * tiny).is_zero() && !Bounded::<f64>::one().is_zero());
    }
}
