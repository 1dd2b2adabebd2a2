//! Forward-mode automatic differentiation.

use super::Scalar;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use num_traits::{One, Zero};

/// A dual number `value + derivative * eps` with `eps^2 = 0`: a value together with its derivative with respect to
/// one variable, exact up to rounding, with no step size.
///
/// Evaluate a formula at [`Dual::variable`] and read both from the result. `Dual<Dual<T>>` carries the second
/// derivative as well. Comparisons ([`Scalar::select_gt`]) consider the value only.
///
/// A derivative that is exactly 0, like that of a constant, stays 0 whatever it is multiplied by. The product of the
/// constant 0.01 and a variable at infinity therefore has the derivative 0.01, not NaN.
///
/// The rules follow W. K. Clifford, *Preliminary sketch of biquaternions* (1873); their use for differentiation follows
/// A. Griewank and A. Walther, *Evaluating Derivatives* (2nd ed., SIAM 2008), chapter 3.
///
/// ```
/// use mlp_core::{Dual, Scalar};
///
/// let x = Dual::variable(3.0_f64);
/// let y = x * x + Dual::from_f64(1.0);
/// assert_eq!((y.value, y.derivative), (10.0, 6.0));
///
/// let x = Dual::variable(Dual::variable(3.0_f64));
/// assert_eq!((x * x * x).derivative.derivative, 18.0); // (x^3)'' = 6 x
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<T> {
    /// f(x).
    pub value: T,
    /// f'(x).
    pub derivative: T,
}

impl<T: Scalar> Dual<T> {
    #[inline(always)]
    pub(crate) fn new(value: T, derivative: T) -> Self {
        Self { value, derivative }
    }

    /// Creates the variable to differentiate by, with derivative 1.
    #[inline(always)]
    pub fn variable(value: T) -> Self {
        Self::new(value, T::one())
    }

    /// Creates a constant, with derivative 0.
    #[inline(always)]
    pub fn constant(value: T) -> Self {
        Self::new(value, T::zero())
    }

    /// Applies the chain rule for an outer function f with `value` = f(self.value) and `slope` = f'(self.value).
    #[inline(always)]
    fn chain(self, value: T, slope: T) -> Self {
        Self::new(value, times(self.derivative, slope))
    }
}

/// Returns `derivative` * `factor`, or 0 if the derivative is 0, even if the factor is infinite. The compiler knows
/// that the derivative of a constant is 0, and then does not even compute the factor.
#[inline(always)]
fn times<T: Scalar>(derivative: T, factor: T) -> T {
    if derivative.is_zero() {
        T::zero()
    } else {
        derivative * factor
    }
}

impl<T: Scalar> Add for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::new(self.value + other.value, self.derivative + other.derivative)
    }
}

impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::new(self.value - other.value, self.derivative - other.derivative)
    }
}

impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::new(
            self.value * other.value,
            times(self.derivative, other.value) + times(other.derivative, self.value),
        )
    }
}

impl<T: Scalar> Div for Dual<T> {
    type Output = Self;
    /// Uses (u/v)' = (u' - (u/v) v') / v, which avoids v^2: it overflows long before the quotient does. A quotient of 0
    /// has no share of v', which may have overflowed together with v.
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let share = if value.is_zero() {
            value
        } else {
            times(other.derivative, value)
        };
        Self::new(value, (self.derivative - share) / other.value)
    }
}

impl<T: Scalar> Neg for Dual<T> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        Self::new(-self.value, -self.derivative)
    }
}

macro_rules! assigning {
    ($($trait:ident $method:ident $operator:tt),*) => {$(
        impl<T: Scalar> $trait for Dual<T> {
            #[inline(always)]
            fn $method(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}
assigning!(AddAssign add_assign +, SubAssign sub_assign -, MulAssign mul_assign *, DivAssign div_assign /);

impl<T: Scalar> Zero for Dual<T> {
    #[inline(always)]
    fn zero() -> Self {
        Self::constant(T::zero())
    }
    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.value.is_zero() && self.derivative.is_zero()
    }
}

impl<T: Scalar> One for Dual<T> {
    #[inline(always)]
    fn one() -> Self {
        Self::constant(T::one())
    }
}

impl<T: Scalar> Scalar for Dual<T> {
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        Self::constant(T::from_f64(value))
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.value.to_f64()
    }

    #[inline(always)]
    fn largest() -> Self {
        Self::constant(T::largest())
    }

    #[inline(always)]
    fn select_gt(self, other: Self, then: Self, otherwise: Self) -> Self {
        Self::new(
            self.value.select_gt(other.value, then.value, otherwise.value),
            self.value.select_gt(other.value, then.derivative, otherwise.derivative),
        )
    }

    /// Like the default, except that the derivative at NaN is NaN.
    #[inline(always)]
    fn at_least(self, bound: Self) -> Self {
        let equal_or_nan = self.value * T::zero();
        let otherwise = bound.value.select_gt(self.value, bound.derivative, equal_or_nan);
        Self::new(
            self.value.at_least(bound.value),
            self.value.select_gt(bound.value, self.derivative, otherwise),
        )
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.value.is_finite() && self.derivative.is_finite()
    }

    #[inline(always)]
    fn abs(self) -> Self {
        let sign = self.value.select_gt(T::zero(), T::one(), -T::one());
        self.chain(self.value.abs(), sign)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, T::from_f64(0.5) / root)
    }

    #[inline(always)]
    fn exp(self) -> Self {
        let exp = self.value.exp();
        self.chain(exp, exp)
    }

    #[inline(always)]
    fn exp_m1(self) -> Self {
        self.chain(self.value.exp_m1(), self.value.exp())
    }

    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::one() / self.value)
    }

    #[inline(always)]
    fn ln_1p(self) -> Self {
        self.chain(self.value.ln_1p(), T::one() / (T::one() + self.value))
    }

    #[inline(always)]
    fn tanh(self) -> Self {
        let (tanh, derivative) = self.value.tanh_and_derivative();
        self.chain(tanh, derivative)
    }

    /// The values have the bits of those without a derivative. tanh'' = -2 tanh tanh'.
    #[inline(always)]
    fn tanh_and_derivative(self) -> (Self, Self) {
        let (tanh, derivative) = self.value.tanh_and_derivative();
        let second = T::from_f64(-2.0) * tanh * derivative;
        (self.chain(tanh, derivative), self.chain(derivative, second))
    }

    #[inline(always)]
    fn sin_cos(self) -> (Self, Self) {
        let (sin, cos) = self.value.sin_cos();
        (self.chain(sin, cos), self.chain(cos, -sin))
    }

    #[inline(always)]
    fn atan(self) -> Self {
        let slope = T::one() / (T::one() + self.value * self.value);
        self.chain(self.value.atan(), slope)
    }

    /// Uses (x^p)' = x' p x^(p-1) + p' x^p ln x. The first term is exact at x = 0, too.
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        let (x, p) = (self.value, exponent.value);
        let power = x.powf(p);
        let by_base = times(self.derivative, times(p, x.powf(p - T::one())));
        Self::new(power, by_base + times(exponent.derivative, power * x.ln()))
    }

    #[inline(always)]
    fn floor(self) -> Self {
        Self::constant(self.value.floor())
    }

    #[inline(always)]
    fn erfc(self) -> Self {
        let (erfc, derivative) = self.value.erfc_and_derivative();
        self.chain(erfc, derivative)
    }

    /// The values have the bits of those without a derivative. (erfc)'' = -2 x erfc'.
    #[inline(always)]
    fn erfc_and_derivative(self) -> (Self, Self) {
        let (erfc, derivative) = self.value.erfc_and_derivative();
        let second = T::from_f64(-2.0) * self.value * derivative;
        (self.chain(erfc, derivative), self.chain(derivative, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (name, f, f', f'' at x), by calculus.
    type Row = (&'static str, fn(Dual<Dual<f64>>) -> Dual<Dual<f64>>, f64, f64, f64);

    #[test]
    fn first_and_second_derivatives_follow_calculus() {
        let x = 0.75_f64;
        let e = x.exp();
        let (t, g) = (x.tanh(), core::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
        let (sin, cos, tan) = (x.sin(), x.cos(), x.tan());
        let rows: [Row; 24] = [
            ("x * x * x", |x| x * x * x, x, 3.0 * x * x, 6.0 * x),
            ("1 / x", |x| Dual::one() / x, x, -1.0 / (x * x), 2.0 / (x * x * x)),
            (
                "x / (1 + x)",
                |x| x / (Dual::one() + x),
                x,
                (1.0 + x).powi(-2),
                -2.0 * (1.0 + x).powi(-3),
            ),
            ("-x - 1", |x| -x - Dual::one(), x, -1.0, 0.0),
            ("|-x|", |x| (-x).abs(), x, 1.0, 0.0),
            ("sqrt", Scalar::sqrt, x, 0.5 / x.sqrt(), -0.25 * x.powf(-1.5)),
            ("exp", Scalar::exp, x, e, e),
            ("exp_m1", Scalar::exp_m1, x, e, e),
            ("ln", Scalar::ln, x, 1.0 / x, -1.0 / (x * x)),
            ("ln_1p", Scalar::ln_1p, x, 1.0 / (1.0 + x), -1.0 / (1.0 + x).powi(2)),
            ("tanh", Scalar::tanh, x, 1.0 - t * t, -2.0 * t * (1.0 - t * t)),
            ("erfc", Scalar::erfc, x, -g, 2.0 * x * g),
            ("sin", Scalar::sin, x, cos, -sin),
            ("cos", Scalar::cos, x, -sin, -cos),
            ("tan", Scalar::tan, x, 1.0 + tan * tan, 2.0 * tan * (1.0 + tan * tan)),
            (
                "atan",
                Scalar::atan,
                x,
                1.0 / (1.0 + x * x),
                -2.0 * x / (1.0 + x * x).powi(2),
            ),
            ("sinh", Scalar::sinh, x, x.cosh(), x.sinh()),
            ("cosh", Scalar::cosh, x, x.sinh(), x.cosh()),
            (
                "log2",
                Scalar::log2,
                x,
                core::f64::consts::LOG2_E / x,
                -core::f64::consts::LOG2_E / (x * x),
            ),
            ("x^5", |x| x.powi(5), x, 5.0 * x.powi(4), 20.0 * x.powi(3)),
            ("x^-2", |x| x.powi(-2), x, -2.0 * x.powi(-3), 6.0 * x.powi(-4)),
            (
                "x^1.5",
                |x| x.powf(Dual::from_f64(1.5)),
                x,
                1.5 * x.sqrt(),
                0.75 / x.sqrt(),
            ),
            (
                "x^x",
                |x| x.powf(x),
                x,
                x.powf(x) * (1.0 + x.ln()),
                x.powf(x) * ((1.0 + x.ln()).powi(2) + 1.0 / x),
            ),
            ("x - floor(x)", |x| x - x.floor(), x, 1.0, 0.0),
        ];
        for (name, f, x, first, second) in rows {
            let y = f(Dual::variable(Dual::variable(x)));
            assert!(
                (y.value.derivative - first).abs() < 1e-14,
                "{name}': {} != {first}",
                y.value.derivative
            );
            assert!(
                (y.derivative.derivative - second).abs() < 1e-13,
                "{name}'': {:?} != {second}",
                y.derivative
            );
        }
    }

    #[test]
    fn powers_of_zero() {
        let zero = Dual::variable(0.0);
        for (p, value, derivative) in [
            (0.0, 1.0, 0.0),
            (1.0, 0.0, 1.0),
            (1.5, 0.0, 0.0),
            (0.5, 0.0, f64::INFINITY),
        ] {
            assert_eq!(zero.powf(Dual::constant(p)), Dual { value, derivative }, "{p}");
        }
        for (n, value, derivative) in [
            (0, 1.0, 0.0),
            (1, 0.0, 1.0),
            (2, 0.0, 0.0),
            (-1, f64::INFINITY, -f64::INFINITY),
        ] {
            assert_eq!(zero.powi(n), Dual { value, derivative }, "{n}");
        }
    }

    /// 1/x^3 where x^3 and its derivative overflow: the exact derivatives round to 0.
    #[test]
    fn a_quotient_of_0_has_no_derivative_where_the_denominator_overflows() {
        let x = Dual::variable(Dual::variable(1e200_f64));
        let zero = Dual::constant(Dual::constant(0.0));
        for cube in [x * x * x, x.powi(3)] {
            assert!(cube.derivative.value.is_infinite());
            assert_eq!(Dual::one() / cube, zero);
        }
        assert_eq!(x.powi(-3), zero);
        // 0 / v with an infinite v', as of v = 1 + sqrt(x) at 0.
        let x = Dual::variable(0.0);
        assert_eq!((x / (Dual::one() + x.sqrt())).derivative, 1.0);
    }

    #[test]
    fn assigning_operators_are_the_plain_ones() {
        let (x, y) = (
            Dual::variable(3.0),
            Dual {
                value: 2.0,
                derivative: -5.0,
            },
        );
        let mut z = x;
        z += y;
        z *= y;
        z -= x;
        z /= y;
        assert_eq!(z, ((x + y) * y - x) / y);
    }

    #[test]
    fn select_drops_the_branch_not_taken() {
        let zero = Dual::constant(0.0);
        let infinite = Dual {
            value: f64::INFINITY,
            derivative: f64::NAN,
        };
        let one = Dual::variable(1.0);
        assert_eq!(one.select_gt(zero, one, infinite), one);
        assert_eq!((-one).select_gt(zero, infinite, one), one);
        assert!(!infinite.is_finite() && one.is_finite());
    }

    #[test]
    fn a_constant_has_no_derivative_even_times_infinity() {
        let x = Dual::variable(f64::NEG_INFINITY);
        assert_eq!(
            Dual::constant(0.5) * x,
            Dual {
                value: f64::NEG_INFINITY,
                derivative: 0.5
            }
        );
        assert_eq!((Dual::constant(1000.0).exp() * Dual::one()).derivative, 0.0);
        // A derivative that is 0 at one point only keeps its own derivative: (3 x^2)'' = 6 at 0.
        let x = Dual::variable(Dual::variable(0.0));
        assert_eq!(
            (Dual::constant(Dual::constant(3.0)) * (x * x)).derivative.derivative,
            6.0
        );
    }

    #[test]
    fn bounds_take_the_left_derivative_and_keep_nan() {
        let zero = Dual::constant(0.0);
        for (x, least, most) in [(-1.0, 0.0, 1.0), (-0.0, 0.0, 1.0), (0.0, 0.0, 1.0), (1.0, 1.0, 0.0)] {
            assert_eq!(
                Dual::variable(x).at_least(zero),
                Dual {
                    value: f64::max(x, 0.0),
                    derivative: least
                },
                "{x}"
            );
            assert_eq!(
                Dual::variable(x).at_most(zero),
                Dual {
                    value: f64::min(x, 0.0),
                    derivative: most
                },
                "{x}"
            );
        }
        assert!(Dual::variable(f64::NAN).at_least(zero).derivative.is_nan());
        assert!(f64::NAN.at_least(0.0).is_nan() && f64::NAN.at_most(0.0).is_nan());
        assert_eq!(Scalar::at_least(f64::NEG_INFINITY, 0.0), 0.0);
    }
}
