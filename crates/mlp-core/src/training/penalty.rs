use crate::backend::{Tensor, ZipFormula};
use crate::error::not_negative;
use crate::optimizer::vector::zeros_like;
use crate::{Dense, HyperParameterError, Scalar};
use alloc::vec::Vec;

/// A penalty on large weights. It adds lambda1 sum |w| + lambda2/2 sum w^2 over the weights of all layers to the
/// training loss, and lambda1 sign(w) + lambda2 w to the gradient of the weights, with sign(0) = 0.
///
/// Biases are not penalized unless [`penalize_biases`](Self::penalize_biases) is set. The penalty is not divided by the
/// number of samples: scikit-learn's `alpha` is lambda2 times the number of samples in a batch, and `weight_decay` of
/// PyTorch's SGD is lambda2 with biases.
///
/// L1 makes many weights small, but a weight becomes exactly 0 only if a step happens to end there. For decoupled
/// weight decay, which does not enter the moments of the gradient, use [`AdamW`](crate::AdamW).
///
/// ```
/// use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Penalty, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let mut trainer =
///     Trainer::new(HalfMse, GradientDescent::new(0.1)?).penalty(Penalty::l2(0.25)?);
/// trainer.fit(&mut network, Samples::new(&input, &input)?, FitOptions::epochs(300))?;
/// // (w - 1)^2 / 2 + 0.25 w^2 / 2 is least at w = 1 / 1.25.
/// assert!((network.layers()[0].weights[(0, 0)] - 0.8).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Penalty {
    l1: f64,
    l2: f64,
    biases: bool,
}

impl Penalty {
    /// Creates the L1 penalty lambda1 sum |w|.
    ///
    /// # Errors
    /// Returns an error if `lambda1` is not a finite number of at least 0.
    pub fn l1(lambda1: f64) -> Result<Self, HyperParameterError> {
        Self::elastic_net(lambda1, 0.0)
    }

    /// Creates the L2 penalty lambda2/2 sum w^2.
    ///
    /// # Errors
    /// Returns an error if `lambda2` is not a finite number of at least 0.
    pub fn l2(lambda2: f64) -> Result<Self, HyperParameterError> {
        Self::elastic_net(0.0, lambda2)
    }

    /// Creates the elastic net penalty lambda1 sum |w| + lambda2/2 sum w^2.
    ///
    /// # Errors
    /// Returns an error if one of them is not a finite number of at least 0.
    pub fn elastic_net(lambda1: f64, lambda2: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            l1: not_negative("L1 penalty", lambda1)?,
            l2: not_negative("L2 penalty", lambda2)?,
            biases: false,
        })
    }

    /// Sets whether the biases are penalized as well. By default they are not.
    #[must_use]
    pub fn penalize_biases(self, penalize_biases: bool) -> Self {
        Self {
            biases: penalize_biases,
            ..self
        }
    }

    /// Adds the penalty's gradient to `gradient` and returns the penalty. `signs` is memory for the signs of the
    /// parameters, which only L1 needs.
    pub(super) fn add<B: Tensor>(
        self,
        layers: &[Dense<B>],
        gradient: &mut [Dense<B>],
        signs: &mut Vec<Dense<B>>,
    ) -> f64 {
        let (mut absolute, mut squares) = (0.0, 0.0);
        if self.l2 > 0.0 {
            for (parameters, gradient) in self.tensors(layers).zip(self.tensors_mut(gradient)) {
                gradient.zip(parameters.into(), [], &L2 { lambda: self.l2 });
                squares += parameters.dot(parameters);
            }
        }
        if self.l1 > 0.0 {
            if signs.is_empty() {
                *signs = zeros_like(layers);
            }
            let gradients = self.tensors_mut(gradient).zip(self.tensors_mut(signs));
            for (parameters, (gradient, signs)) in self.tensors(layers).zip(gradients) {
                gradient.zip(parameters.into(), [&mut *signs], &L1 { lambda: self.l1 });
                absolute += parameters.dot(signs);
            }
        }
        self.l1 * absolute + 0.5 * self.l2 * squares
    }

    /// Adds the product of the penalty's second derivatives with `direction` to `product`: lambda2 v. Those of |w| are 0.
    pub(super) fn add_curvature<B: Tensor>(self, direction: &[Dense<B>], product: &mut [Dense<B>]) {
        if self.l2 > 0.0 {
            for (direction, product) in self.tensors(direction).zip(self.tensors_mut(product)) {
                product.zip(direction.into(), [], &L2 { lambda: self.l2 });
            }
        }
    }

    /// Returns the tensors of `layers` that belong to penalized parameters.
    fn tensors<B>(self, layers: &[Dense<B>]) -> impl Iterator<Item = &B> {
        let layers = layers.iter();
        layers.flat_map(move |dense| {
            [Some(&dense.weights), self.biases.then_some(&dense.bias)]
                .into_iter()
                .flatten()
        })
    }

    /// Returns the same as [`tensors`](Self::tensors), as mutable references.
    fn tensors_mut<B>(self, layers: &mut [Dense<B>]) -> impl Iterator<Item = &mut B> {
        let layers = layers.iter_mut();
        layers
            .flat_map(move |Dense { weights, bias }| [Some(weights), self.biases.then_some(bias)].into_iter().flatten())
    }
}

/// Computes gradient + lambda w.
struct L2 {
    lambda: f64,
}

impl ZipFormula<0> for L2 {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, []: [T; 0]) -> (T, [T; 0]) {
        (gradient + T::from_f64(self.lambda) * parameter, [])
    }
}

/// Computes gradient + lambda sign(w), and stores sign(w).
struct L1 {
    lambda: f64,
}

impl ZipFormula<1> for L1 {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, _: [T; 1]) -> (T, [T; 1]) {
        let (zero, one) = (T::zero(), T::one());
        let sign = parameter.select_gt(zero, one, zero.select_gt(parameter, -one, zero));
        (gradient + T::from_f64(self.lambda) * sign, [sign])
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(
    Penalty {
        l1: f64,
        l2: f64,
        biases: bool
    },
    |it| Self::elastic_net(it.l1, it.l2).map(|_| it)
);
