use crate::backend::{Tensor, ZipFormula};
use crate::error::positive;
use crate::{Dense, HyperParameterError, Scalar};

/// A bound on the gradient g of all parameters together. The gradient includes the penalty and is clipped before the
/// optimizer sees it.
///
/// Do not clip with a line search ([`Lbfgs`](crate::Lbfgs)): it compares the loss with its gradient, and a clipped
/// gradient misleads it.
///
/// ```
/// use mlp_core::{Clip, FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let (input, target) = (Matrix::from_columns(&[[3.0]]), Matrix::from_columns(&[[1e6]]));
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let before = network.layers()[0].bias[(0, 0)];
/// let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1.0)?).clip(Clip::value(0.5)?);
/// trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// assert_eq!(network.layers()[0].bias[(0, 0)], before + 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip(Bound);

#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Norm(f64),
    Value(f64),
}

impl Clip {
    /// Clips the norm: g becomes g `max` / |g| if its Euclidean norm |g| over all layers is above `max`.
    ///
    /// Source: R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks* (ICML
    /// 2013).
    ///
    /// # Errors
    /// Returns an error if `max` is not a finite number above 0.
    pub fn norm(max: f64) -> Result<Self, HyperParameterError> {
        Ok(Self(Bound::Norm(positive("maximum gradient norm", max)?)))
    }

    /// Clips the values: each element of g is limited to [-`max`, `max`].
    ///
    /// # Errors
    /// Returns an error if `max` is not a finite number above 0.
    pub fn value(max: f64) -> Result<Self, HyperParameterError> {
        Ok(Self(Bound::Value(positive("maximum gradient value", max)?)))
    }

    /// Clips `gradient`. `layers` must have the same shapes.
    pub(super) fn clip<B: Tensor>(self, layers: &[Dense<B>], gradient: &mut [Dense<B>]) {
        match self.0 {
            Bound::Value(max) => change(layers, gradient, &Cut { max }),
            Bound::Norm(max) => {
                let mut norm = norm(gradient);
                // Squares overflow before the numbers themselves do. In that case compute the norm of the gradient
                // times a power of two; that multiplication is exact.
                let small = if norm == f64::INFINITY { SMALL } else { 1.0 };
                if small < 1.0 {
                    change(layers, gradient, &Scale { factor: small });
                    norm = self::norm(gradient);
                }
                if !norm.is_finite() {
                    // The gradient itself is not finite and cannot be clipped. The step will fail.
                } else if norm > max * small {
                    change(layers, gradient, &Scale { factor: max / norm });
                } else if small < 1.0 {
                    change(layers, gradient, &Scale { factor: 1.0 / small });
                }
            }
        }
    }
}

/// 2^-600.
const SMALL: f64 = f64::from_bits((1023 - 600) << 52);

/// Returns |g|.
fn norm<B: Tensor>(gradient: &[Dense<B>]) -> f64 {
    let squares = |dense: &Dense<B>| dense.weights.dot(&dense.weights) + dense.bias.dot(&dense.bias);
    Scalar::sqrt(gradient.iter().map(squares).sum::<f64>())
}

/// Applies `formula` to the gradient. [`Tensor::zip`] needs a second operand, and the parameters have the right shape.
fn change<B: Tensor>(layers: &[Dense<B>], gradient: &mut [Dense<B>], formula: &impl ZipFormula<0>) {
    for (layer, gradient) in layers.iter().zip(gradient) {
        gradient.weights.zip((&layer.weights).into(), [], formula);
        gradient.bias.zip((&layer.bias).into(), [], formula);
    }
}

/// Computes gradient * factor.
struct Scale {
    factor: f64,
}

impl ZipFormula<0> for Scale {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, _: T, []: [T; 0]) -> (T, [T; 0]) {
        (gradient * T::from_f64(self.factor), [])
    }
}

/// Limits the gradient to [-max, max].
struct Cut {
    max: f64,
}

impl ZipFormula<0> for Cut {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, _: T, []: [T; 0]) -> (T, [T; 0]) {
        let max = T::from_f64(self.max);
        (gradient.at_most(max).at_least(-max), [])
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(Clip(Bound), |it| match it.0 {
    Bound::Norm(max) => Self::norm(max),
    Bound::Value(max) => Self::value(max),
});
