//! The activation of a layer as a value, which can be chosen in a file, on a command line or in code.

use super::{
    Activation, Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus,
    Softsign, Tanh,
};
use crate::Scalar;
use crate::kind::kinds;

/// The default of [`ActivationKind`]'s parameter, for networks without a custom activation. The type has no values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoCustom {}

impl Activation for NoCustom {
    fn value<T: Scalar>(&self, _: T) -> T {
        match *self {}
    }
}

kinds! {
    $ match_kind, "activation";
    /// The activation of a layer: one of this crate's, or a custom one of type `C`.
    ///
    /// A network looks at the kind once per layer and batch. The loop over the elements is compiled separately for each
    /// kind. A kind is also itself an activation, which looks up the kind for each element.
    ///
    /// ```
    /// use mlp_core::activations::LeakyRelu;
    /// use mlp_core::ActivationKind;
    ///
    /// let kind: ActivationKind = "leaky_relu".parse()?; // negative_slope = 0.01
    /// assert_eq!(kind, ActivationKind::from(LeakyRelu::default()));
    /// assert_eq!(kind.name(), "leaky_relu");
    ///
    /// let kind: ActivationKind = LeakyRelu::new(0.2)?.into();
    /// assert_eq!(kind.parameters(), [("negative_slope", 0.2)]);
    /// assert_eq!(ActivationKind::from_parts(kind.name(), &kind.parameters())?, kind);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Debug, PartialEq)]
    ActivationKind [<C>] <C = NoCustom> Custom;
    "identity" => Identity(), Identity;
    "relu" => Relu(), Relu;
    "leaky_relu" => LeakyRelu(negative_slope), LeakyRelu::new(negative_slope)?;
    "sigmoid" => Sigmoid(), Sigmoid;
    "tanh" => Tanh(), Tanh;
    "gelu" => Gelu(), Gelu;
    "gelu_tanh" => GeluTanh(), GeluTanh;
    "silu" => Silu(), Silu;
    "elu" => Elu(alpha), Elu::new(alpha)?;
    "selu" => Selu(), Selu;
    "softplus" => Softplus(), Softplus;
    "softsign" => Softsign(), Softsign;
    "hard_tanh" => HardTanh(), HardTanh;
    "mish" => Mish(), Mish;
}

impl<C: Activation> ActivationKind<C> {
    /// Calls `visitor` with the activation as its own type. A backend does so once per layer and batch, so that the
    /// loop over the elements is compiled separately for each activation.
    #[inline(always)]
    pub fn visit<V: ActivationVisitor>(&self, visitor: V) -> V::Output {
        match_kind!(self, activation => visitor.visit(activation))
    }

    /// Returns the same activation without `C` if it is one of this crate's, for which a backend has compiled its loops
    /// already.
    ///
    /// # Errors
    /// If the activation is a custom one, which is returned.
    #[inline(always)]
    pub fn built_in(&self) -> Result<ActivationKind, &C> {
        match_kind!(self, activation => Ok((*activation).into()), activation => Err(activation))
    }
}

impl<C: Activation> Activation for ActivationKind<C> {
    fn value<T: Scalar>(&self, z: T) -> T {
        match_kind!(self, activation => activation.value(z))
    }

    fn derivative<T: Scalar>(&self, z: T, value: T) -> T {
        match_kind!(self, activation => activation.derivative(z, value))
    }

    fn value_and_derivative<T: Scalar>(&self, values: &mut [T], derivatives: &mut [T]) {
        match_kind!(self, activation => activation.value_and_derivative(values, derivatives));
    }
}

/// An operation on an activation of any type, for [`ActivationKind::visit`].
///
/// ```
/// use mlp_core::activations::Relu;
/// use mlp_core::{Activation, ActivationKind};
/// use mlp_core::backend::ActivationVisitor;
///
/// /// f(z) of all elements.
/// struct Apply<'a>(&'a mut [f32]);
///
/// impl ActivationVisitor for Apply<'_> {
///     type Output = ();
///
///     fn visit<A: Activation>(self, activation: &A) {
///         for z in self.0 {
///             *z = activation.value(*z);
///         }
///     }
/// }
///
/// let mut values = [-1.0, 2.0];
/// ActivationKind::<Relu>::from(Relu).visit(Apply(&mut values));
/// assert_eq!(values, [0.0, 2.0]);
/// ```
pub trait ActivationVisitor {
    /// The result of the operation.
    type Output;

    /// Called with the activation.
    fn visit<A: Activation>(self, activation: &A) -> Self::Output;
}
