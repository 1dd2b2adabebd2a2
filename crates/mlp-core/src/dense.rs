use crate::activations::Identity;
use crate::backend::Tensor;
use crate::error::check_shape;
use crate::optimizer::vector;
use crate::tensor::Sum;
use crate::{ActivationKind, Scalar};
use alloc::vec::Vec;
use core::slice;

/// The parameters of one layer: `weights` W (n_out x n_in) and `bias` b (n_out x 1) of z = W a + b.
///
/// The gradient with respect to a layer's parameters has the same two parts and the same shapes, so it is a `Dense` as
/// well. The same holds for an optimizer's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense<B> {
    /// W, n_out x n_in.
    pub weights: B,
    /// b, n_out x 1.
    pub bias: B,
}

impl<B: Tensor> Dense<B> {
    /// Creates a layer of zeros for `inputs` inputs and `outputs` outputs.
    #[must_use]
    pub fn zeros(inputs: usize, outputs: usize) -> Self {
        Self {
            weights: B::zeros(outputs, inputs),
            bias: B::zeros(outputs, 1),
        }
    }

    /// Creates a layer of zeros with the shape of this one.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        Self::zeros(self.inputs(), self.outputs())
    }

    /// Returns n_in, the number of inputs.
    pub fn inputs(&self) -> usize {
        self.weights.shape().1
    }

    /// Returns n_out, the number of outputs.
    pub fn outputs(&self) -> usize {
        self.weights.shape().0
    }

    /// Returns the first parameter that is not finite, if there is one.
    pub(crate) fn first_not_finite(&self) -> Option<f64> {
        [&self.weights, &self.bias].into_iter().find_map(|tensor| {
            // If the sum of squares is finite, so are all numbers; this check needs no copy.
            if tensor.dot(tensor).is_finite() {
                return None;
            }
            let mut values = Vec::new();
            B::read(tensor.into(), &mut values);
            values.into_iter().map(Scalar::to_f64).find(|value| !value.is_finite())
        })
    }

    /// Computes the pre-activation z = W a + b of each column of `input` and writes it to the first columns of
    /// `pre_activation`.
    ///
    /// A network computes the pre-activation and the activation in one step ([`Mlp::forward`](crate::Mlp::forward));
    /// this function does the first part alone.
    ///
    /// # Panics
    /// If `input` does not have n_in rows, `pre_activation` does not have n_out rows, or it has fewer columns than
    /// `input`.
    #[track_caller]
    pub fn pre_activation<'a>(&self, input: impl Into<B::Columns<'a>>, pre_activation: &mut B) {
        pre_activation.forward(None, &self.weights, &self.bias, input.into(), &IDENTITY);
    }

    /// Returns the dot product of the two layers' parameters as vectors, summed in `f64`.
    ///
    /// With [`add_scaled`](Self::add_scaled) and [`set_scaled`](Self::set_scaled), a method of your own can compute with
    /// the parameters of a network, its gradient or a direction as one vector, layer by layer:
    ///
    /// ```
    /// use mlp_core::{Dense, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// fn dot(a: &[Dense<Matrix<f64>>], b: &[Dense<Matrix<f64>>]) -> f64 {
    ///     a.iter().zip(b).map(|(a, b)| a.dot(b)).sum()
    /// }
    ///
    /// let network = Mlp::<Matrix<f64>>::builder(&[2, 8, 1]).build()?;
    /// let v = network.layers();
    /// let mut w = v.to_vec();
    /// for (w, v) in w.iter_mut().zip(v) {
    ///     w.set_scaled(2.0, v); // w = 2 v
    ///     w.add_scaled(1.0, v); // w = 2 v + v
    /// }
    /// assert!((dot(&w, &w) - 9.0 * dot(v, v)).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn dot(&self, other: &Self) -> f64 {
        check_shapes("dot", NETWORK, slice::from_ref(self), slice::from_ref(other));
        self.weights.dot(&other.weights) + self.bias.dot(&other.bias)
    }

    /// Computes `self` <- `self` + `factor` `other`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn add_scaled(&mut self, factor: f64, other: &Self) {
        check_shapes("add_scaled", NETWORK, slice::from_ref(self), slice::from_ref(other));
        vector::add_scaled(slice::from_mut(self), factor, slice::from_ref(other));
    }

    /// Computes `self` = `factor` `other`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn set_scaled(&mut self, factor: f64, other: &Self) {
        check_shapes("set_scaled", NETWORK, slice::from_ref(self), slice::from_ref(other));
        vector::set_scaled(slice::from_mut(self), factor, slice::from_ref(other));
    }

    /// Adds `other`, which has the same shapes.
    pub(crate) fn accumulate(&mut self, other: &Self) {
        self.weights.zip((&other.weights).into(), [], &Sum);
        self.bias.zip((&other.bias).into(), [], &Sum);
    }
}

/// The activation with which [`Tensor::forward`] computes W a + b.
pub(crate) const IDENTITY: ActivationKind = ActivationKind::Identity(Identity);

/// The names of a direction of the parameters and of its parts in the messages of [`check_shapes`].
pub(crate) const DIRECTION: [&str; 3] = [
    "a direction with layers",
    "a direction of weights",
    "a direction of a bias",
];

/// The names of a network's parameters, as [`DIRECTION`].
pub(crate) const NETWORK: [&str; 3] = ["a network with layers", "weights", "a bias"];

/// The names of a product with a matrix of second derivatives, as [`DIRECTION`].
pub(crate) const PRODUCT: [&str; 3] = ["a product with layers", "a product of weights", "a product of a bias"];

/// Panics unless `got` has the shapes of `layers`. `all`, `weights` and `bias` name `got` and its parts in the message.
#[track_caller]
pub(crate) fn check_shapes<B: Tensor>(
    operation: &str,
    [all, weights, bias]: [&str; 3],
    layers: &[Dense<B>],
    got: &[Dense<B>],
) {
    check_shape(operation, all, (layers.len(), 1), (got.len(), 1));
    for (layer, got) in layers.iter().zip(got) {
        check_shape(operation, weights, layer.weights.shape(), got.weights.shape());
        check_shape(operation, bias, layer.bias.shape(), got.bias.shape());
    }
}
