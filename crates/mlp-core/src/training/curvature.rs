//! The second derivatives of a training loss, as products with a vector: they take the time of a few steps, where the
//! matrix itself would need the square of the number of parameters.

use super::objective::{Batch, BatchLoss, Group, Shaping};
use super::split::Split;
use super::{DataError, Dropout, Penalty, Samples, TrainError};
use crate::backend::{Objective, Tensor};
use crate::dense::{DIRECTION, check_shapes};
use crate::optimizer::vector::zeros_like;
use crate::tensor::Other;
use crate::{Activation, ActivationKind, Dense, DualTensor, Loss, Mlp};
use alloc::vec::Vec;

/// Computes H v for the Hessian H of the loss of `samples` with respect to the parameters, and v = `direction`, which
/// has the shapes of the parameters. The product has these shapes as well.
///
/// [`Curvature`] keeps the memory between calls, and knows penalty and dropout.
///
/// ```
/// use mlp_core::{HalfMse, Mlp, Samples, hessian_vector_product};
/// use mlp_cpu::Matrix;
///
/// // y = w x + b has L = (w x + b - t)^2 / 2, and thus H = (x^2, x; x, 1).
/// let network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
/// let (input, target) = (Matrix::from_columns(&[[3.0]]), Matrix::from_columns(&[[1.0]]));
/// let mut direction = network.layers().to_vec();
/// direction[0].weights[(0, 0)] = 1.0;
/// direction[0].bias[(0, 0)] = 0.0;
/// let product = hessian_vector_product(&network, &HalfMse, Samples::new(&input, &target)?, &direction)?;
/// assert_eq!((product[0].weights[(0, 0)], product[0].bias[(0, 0)]), (9.0, 3.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the samples do not fit the network or the loss, if the sum of their weights is 0, or if memory cannot be allocated.
///
/// # Panics
/// If `direction` does not have the shapes of the parameters.
#[track_caller]
pub fn hessian_vector_product<B: Tensor, C: Activation, L: Loss>(
    network: &Mlp<B, C>,
    loss: &L,
    samples: Samples<'_, B>,
    direction: &[Dense<B>],
) -> Result<Vec<Dense<B>>, TrainError> {
    let mut curvature = Curvature::new(loss.clone());
    curvature.hessian_vector_product(network, samples, direction)?;
    Ok(curvature.product)
}

/// The second derivatives of a training loss L(W) with respect to all parameters W of a network, as products with a
/// direction v, which has the shapes of the parameters. With predictions y(W), their Jacobian J = dy/dW, and H_y the
/// second derivatives of the loss with respect to y,
///
/// ```text
/// H v = d/dt grad L(W + t v) at t = 0                      Hessian
/// G v = J^T H_y J v                                        Gauss-Newton matrix
/// H = G + sum_i dL/dy_i * (second derivatives of y_i)
/// ```
///
/// G is positive semidefinite if the loss is convex in the prediction, and equals H where the network fits its targets
/// or is linear. Both matrices are symmetric. A penalty adds lambda2 v to both products.
///
/// H v is the tangent of the gradient, computed with dual numbers ([`DualTensor`]): exact up to rounding, with no step
/// size. It takes about three times as long as a gradient, and G v one and a half times. At a kink, each formula has the
/// derivative of one side; the second derivative of ReLU is 0 everywhere. Numbers that are not finite propagate to the
/// product.
///
/// The first call with the largest batch allocates the memory, and later calls with the same layer sizes allocate
/// nothing. The products have the same bits on any number of threads.
///
/// Sources: B. A. Pearlmutter, *Fast exact multiplication by the Hessian* (Neural Computation 6, 1994); N. N.
/// Schraudolph, *Fast curvature matrix-vector products for second-order gradient descent* (Neural Computation 14, 2002).
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{Curvature, HalfMse, Mlp, Penalty, Samples};
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).build()?;
/// let input = Matrix::from_columns(&[[-1.0], [0.5], [2.0]]);
/// let samples = Samples::new(&input, &input)?;
/// let mut curvature = Curvature::new(HalfMse).penalty(Penalty::l2(0.01)?);
///
/// let direction = network.layers().to_vec();
/// let product = curvature.hessian_vector_product(&network, samples, &direction)?;
/// assert_eq!(product[0].weights.shape(), (8, 1));
///
/// // v.G v is not negative, because the loss is convex in the prediction.
/// let product = curvature.gauss_newton_product(&network, samples, &direction)?;
/// let terms = product.iter().zip(&direction).flat_map(|(product, direction)| {
///     let of = |a: &Matrix<f64>, b: &Matrix<f64>| a.to_vec().iter().zip(b.to_vec()).map(|(a, b)| a * b).sum::<f64>();
///     [of(&product.weights, &direction.weights), of(&product.bias, &direction.bias)]
/// });
/// assert!(terms.sum::<f64>() > 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Curvature<B: Tensor, L> {
    loss: L,
    shaping: Shaping,
    /// The number of the step whose dropout is used.
    step: u64,
    /// The parameters, with the direction as their tangent. Empty before the first Hessian-vector product.
    lifted: Vec<Dense<DualTensor<B>>>,
    lifted_groups: Vec<Group<DualTensor<B>>>,
    /// The signs of the parameters, for an L1 penalty.
    signs: Vec<Dense<DualTensor<B>>>,
    /// The Hessian-vector product.
    product: Vec<Dense<B>>,
    /// The memory of Gauss-Newton products.
    groups: Vec<Group<B>>,
    values: Vec<B::Scalar>,
}

impl<B: Tensor, L: Loss> Curvature<B, L> {
    /// Creates the second derivatives of `loss`, the mean over the samples.
    #[must_use]
    pub fn new(loss: L) -> Self {
        Self {
            loss,
            shaping: Shaping::default(),
            step: 0,
            lifted: Vec::new(),
            lifted_groups: Vec::new(),
            signs: Vec::new(),
            product: Vec::new(),
            groups: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a penalty on large weights to the loss.
    #[must_use]
    pub fn penalty(mut self, penalty: Penalty) -> Self {
        self.shaping.penalty = Some(penalty);
        self
    }

    /// Uses the dropout of training step number `step`, from 0.
    #[must_use]
    pub fn dropout(mut self, dropout: Dropout, step: u64) -> Self {
        self.shaping.dropout = Some(dropout);
        self.step = step;
        self
    }

    /// Returns H `direction`.
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss, if the sum of their weights is 0, or if memory cannot be
    /// allocated.
    ///
    /// # Panics
    /// If `direction` does not have the shapes of the parameters.
    #[track_caller]
    pub fn hessian_vector_product<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        samples: Samples<'_, B>,
        direction: &[Dense<B>],
    ) -> Result<&[Dense<B>], TrainError> {
        let total_weight = self.check(network, &samples, direction)?;
        self.lift(network.layers(), direction);
        let split = Split::new(samples.len(), || network.parameter_count());
        reserve(&mut self.lifted_groups, &self.lifted, network.activations(), split)?;
        let mut objective = BatchLoss {
            batch: Batch {
                activations: network.activations(),
                loss: &self.loss,
                samples: &samples.lift(),
                total_weight,
                split,
                shaping: Some(&self.shaping),
                step: self.step,
            },
            groups: &mut self.lifted_groups[..split.groups],
            signs: &mut self.signs,
            first_loss: None,
            pending: false,
        };
        B::with_float_environment(|| objective.evaluate(&self.lifted));
        for (product, gradient) in self.product.iter_mut().zip(objective.gradient_mut()) {
            core::mem::swap(&mut product.weights, gradient.weights.tangent_mut());
            core::mem::swap(&mut product.bias, gradient.bias.tangent_mut());
        }
        Ok(&self.product)
    }

    /// Returns G `direction`.
    ///
    /// # Errors
    /// Returns the same errors as [`hessian_vector_product`](Self::hessian_vector_product).
    ///
    /// # Panics
    /// If `direction` does not have the shapes of the parameters.
    #[track_caller]
    pub fn gauss_newton_product<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        samples: Samples<'_, B>,
        direction: &[Dense<B>],
    ) -> Result<&[Dense<B>], TrainError> {
        let total_weight = self.check(network, &samples, direction)?;
        let (layers, activations) = (network.layers(), network.activations());
        let split = Split::new(samples.len(), || network.parameter_count());
        reserve(&mut self.groups, layers, activations, split)?;
        let batch = Batch {
            activations,
            loss: &self.loss,
            samples: &samples,
            total_weight,
            split,
            shaping: Some(&self.shaping),
            step: self.step,
        };
        let groups = &mut self.groups[..split.groups];
        B::with_float_environment(|| batch.gauss_newton_product(layers, direction, groups, true));
        Ok(&groups[0].workspace.gradient)
    }

    /// Checks the arguments of a product and returns the sum of the samples' weights.
    #[track_caller]
    fn check<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        samples: &Samples<'_, B>,
        direction: &[Dense<B>],
    ) -> Result<f64, DataError> {
        check_shapes("Curvature", DIRECTION, network.layers(), direction);
        let (kind, rows) = (self.loss.target_kind(), self.loss.target_rows(network.outputs()));
        samples.check(network, kind, rows, &mut self.values)
    }

    /// Copies the parameters and the direction to `lifted`. For other shapes than before, allocates it anew.
    fn lift(&mut self, layers: &[Dense<B>], direction: &[Dense<B>]) {
        let same = |(own, layer): (&Dense<B>, &Dense<B>)| own.weights.shape() == layer.weights.shape();
        if self.product.len() != layers.len() || !self.product.iter().zip(layers).all(same) {
            self.product = zeros_like(layers);
            self.lifted = layers
                .iter()
                .map(|layer| Dense::zeros(layer.inputs(), layer.outputs()))
                .collect();
            self.signs.clear();
        }
        for ((own, layer), direction) in self.lifted.iter_mut().zip(layers).zip(direction) {
            for (own, value, tangent) in [
                (&mut own.weights, &layer.weights, &direction.weights),
                (&mut own.bias, &layer.bias, &direction.bias),
            ] {
                own.value_mut().zip(value.into(), [], &Other);
                own.tangent_mut().zip(tangent.into(), [], &Other);
            }
        }
    }
}

/// Makes sure that there is memory for each group of `split`.
fn reserve<B: Tensor, C: Activation>(
    groups: &mut Vec<Group<B>>,
    layers: &[Dense<B>],
    activations: &[ActivationKind<C>],
    split: Split,
) -> Result<(), TrainError> {
    if !Group::all_fit(groups, layers, activations, split) {
        groups.clear();
        *groups = Group::allocate(layers, activations, split)?;
    }
    Ok(())
}
