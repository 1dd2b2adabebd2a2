//! Treats the parameters of all layers as one vector, and provides the passes over it that L-BFGS, Gauss-Newton and
//! equations need.

use crate::backend::{Tensor, ZipFormula};
use crate::{Dense, Scalar};
use alloc::vec::Vec;

pub(crate) fn zeros_like<B: Tensor>(layers: &[Dense<B>]) -> Vec<Dense<B>> {
    layers.iter().map(Dense::zeros_like).collect()
}

/// Computes a . b in f64, tensor after tensor. The order of summation depends only on shapes.
pub(super) fn dot<B: Tensor>(a: &[Dense<B>], b: &[Dense<B>]) -> f64 {
    let products = a.iter().zip(b).map(|(a, b)| a.dot(b));
    products.fold(0.0, |sum, product| sum + product)
}

/// Returns the first layer up to which the sum of the gradient's squares is not finite.
pub(super) fn first_not_finite<B: Tensor>(gradient: &[Dense<B>]) -> Option<usize> {
    let mut sum = 0.0;
    gradient.iter().position(|layer| {
        sum += layer.dot(layer);
        !sum.is_finite()
    })
}

/// Computes the sum of |v_i|. `scratch` is overwritten.
pub(super) fn one_norm<B: Tensor>(vector: &[Dense<B>], scratch: &mut [Dense<B>]) -> f64 {
    signs(scratch, vector);
    dot(vector, scratch)
}

/// Computes own = start + length direction. Returns true if all elements are finite. The direction does not change.
pub(super) fn set_point<B: Tensor>(
    own: &mut [Dense<B>],
    start: &[Dense<B>],
    length: f64,
    direction: &mut [Dense<B>],
) -> bool {
    let formula = Along { length };
    let mut finite = true;
    for ((own, start), direction) in own.iter_mut().zip(start).zip(direction) {
        let weights = [&mut direction.weights];
        finite &= own.weights.zip((&start.weights).into(), weights, &formula);
        finite &= own.bias.zip((&start.bias).into(), [&mut direction.bias], &formula);
    }
    finite
}

fn zip<B: Tensor>(own: &mut [Dense<B>], other: &[Dense<B>], formula: &impl ZipFormula<0>) -> bool {
    let mut finite = true;
    for (own, other) in own.iter_mut().zip(other) {
        finite &= own.weights.zip((&other.weights).into(), [], formula);
        finite &= own.bias.zip((&other.bias).into(), [], formula);
    }
    finite
}

/// Defines a pass over `own` and `other` with factors or bounds, by the formula of an element of each. It returns true
/// if all results are finite.
macro_rules! pass {
    ($(#[$doc:meta])* $name:ident($($factor:ident),*), |$own:pat_param, $other:pat_param| $value:expr) => {
        $(#[$doc])*
        pub(crate) fn $name<B: Tensor>(own: &mut [Dense<B>], $($factor: f64,)* other: &[Dense<B>]) -> bool {
            struct Formula {
                $($factor: f64),*
            }

            impl ZipFormula<0> for Formula {
                #[inline(always)]
                fn apply<T: Scalar>(&self, $own: T, $other: T, []: [T; 0]) -> (T, [T; 0]) {
                    $(let $factor = T::from_f64(self.$factor);)*
                    ($value, [])
                }
            }

            zip(own, other, &Formula { $($factor),* })
        }
    };
}

pass!(
    /// Computes own = factor other.
    set_scaled(factor), |_, other| factor * other
);
pass!(
    /// Computes own <- own + factor other.
    add_scaled(factor), |own, other| own + factor * other
);
pass!(
    /// Computes own <- factor own. `other` is any vector with the same shapes.
    scale(factor), |own, _| factor * own
);
pass!(
    /// Computes own <- other - own.
    subtract_from(), |own, other| other - own
);
pass!(
    /// Computes the factors 1 or -1 that turn v into |v|.
    signs(), |_, other| other.select_gt(T::zero(), T::one(), -T::one())
);
pass!(
    /// Returns true if no |factor v_i| is greater than `bound`. Elements become infinite where it is, and 0 elsewhere.
    is_within(factor, bound),
    |_, other| (factor * other).abs().select_gt(bound, T::from_f64(f64::INFINITY), T::zero())
);

pass!(
    /// Returns true if all elements are equal. Elements of `own` become 0 where they are, and infinite elsewhere.
    are_equal(),
    |own, other| if own == other { T::zero() } else { T::from_f64(f64::INFINITY) }
);

struct Along {
    length: f64,
}

impl ZipFormula<1> for Along {
    #[inline(always)]
    fn apply<T: Scalar>(&self, _: T, start: T, [direction]: [T; 1]) -> (T, [T; 1]) {
        (start + T::from_f64(self.length) * direction, [direction])
    }
}
