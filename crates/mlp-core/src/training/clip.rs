use crate::backend::{Tensor, ZipFormula};
use crate::error::positive;
use crate::{Dense, HyperParameterError, Scalar};

/// A bound on the gradient g of all parameters together, the penalty's included, before the optimiser sees it.
///
/// A line search ([`Lbfgs`](crate::Lbfgs)) compares the loss with its gradient and is misled by one that was clipped.
///
/// ```
/// use mlp_core::{Clip, FitOptions, GradientDescent, HalfSquaredError, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let (input, target) = (Matrix::from_columns(&[[3.0]]), Matrix::from_columns(&[[1e6]]));
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let before = network.layers()[0].bias[(0, 0)];
/// let mut trainer = Trainer::new(HalfSquaredError, GradientDescent::new(1.0)?).clip(Clip::value(0.5)?);
/// trainer.step(&mut network, Samples::new(&input, &target)?)?;
/// assert_eq!(network.layers()[0].bias[(0, 0)], before + 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip(Bound);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Norm(f64),
    Value(f64),
}

impl Clip {
    /// g becomes g `max` / |g| where its Euclidean norm |g|, over all layers, is above `max`.
    ///
    /// Source: R. Pascanu, T. Mikolov, Y. Bengio, *On the difficulty of training recurrent neural networks* (ICML
    /// 2013).
    ///
    /// # Errors
    /// If `max` is not a finite number above 0.
    pub fn norm(max: f64) -> Result<Self, HyperParameterError> {
        Ok(Self(Bound::Norm(positive("greatest norm of the gradient", max)?)))
    }

    /// Each element of g is cut to [-`max`, `max`].
    ///
    /// # Errors
    /// If `max` is not a finite number above 0.
    pub fn value(max: f64) -> Result<Self, HyperParameterError> {
        Ok(Self(Bound::Value(positive("greatest value in the gradient", max)?)))
    }

    /// Clips `gradient`; `layers` have its shapes.
    pub(super) fn clip<B: Tensor>(self, layers: &[Dense<B>], gradient: &mut [Dense<B>]) {
        match self.0 {
            Bound::Value(max) => change(layers, gradient, &Cut { max }),
            Bound::Norm(max) => {
                let mut norm = norm(gradient);
                // Squares overflow before numbers do: then of the gradient times a power of two, which is exact.
                let small = if norm == f64::INFINITY { SMALL } else { 1.0 };
                if small < 1.0 {
                    change(layers, gradient, &Scale { factor: small });
                    norm = self::norm(gradient);
                }
                if !norm.is_finite() {
                    // Nothing can be made of it: the guard finds it.
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

/// |g|.
fn norm<B: Tensor>(gradient: &[Dense<B>]) -> f64 {
    let squares = |dense: &Dense<B>| dense.weights.dot(&dense.weights) + dense.bias.dot(&dense.bias);
    Scalar::sqrt(gradient.iter().map(squares).sum::<f64>())
}

/// `formula` of the gradient alone. [`Tensor::zip`] wants another operand: the parameters have the shape.
fn change<B: Tensor>(layers: &[Dense<B>], gradient: &mut [Dense<B>], formula: &impl ZipFormula<0>) {
    for (layer, gradient) in layers.iter().zip(gradient) {
        gradient.weights.zip((&layer.weights).into(), [], formula);
        gradient.bias.zip((&layer.bias).into(), [], formula);
    }
}

/// gradient * factor.
struct Scale {
    factor: f64,
}

impl ZipFormula<0> for Scale {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, _: T, []: [T; 0]) -> (T, [T; 0]) {
        (gradient * T::from_f64(self.factor), [])
    }
}

/// The gradient cut to [-max, max].
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
