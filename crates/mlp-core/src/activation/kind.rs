//! The activation of a layer as a value: chosen from a file, a command line, or code.

use super::{
    Activation, Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus,
    Softsign, Tanh,
};
use crate::kind::{parameters_of, rebuild};
use crate::{KindError, Scalar};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// No custom activation: the default of [`ActivationKind`]'s parameter. It has no values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoCustom {}

impl Activation for NoCustom {
    fn value<T: Scalar>(&self, _: T) -> T {
        match *self {}
    }
}

/// Declares the enum, its names, its parameters and the dispatch from one list, so that none can miss an entry.
macro_rules! kinds {
    ($($variant:ident, $name:literal $(, $new:ident($($parameter:ident),+))?;)*) => {
        /// Which activation a layer has: one of this crate's, or a custom one of type `C`.
        ///
        /// A network looks at the kind once per layer and batch; the loop over the elements is compiled for each.
        ///
        /// ```
        /// use mlp_core::{ActivationKind, LeakyRelu};
        ///
        /// let kind: ActivationKind = "leaky_relu".parse()?; // alpha = 0.01
        /// assert_eq!(kind, ActivationKind::from(LeakyRelu::default()));
        /// assert_eq!(kind.name(), "leaky_relu");
        /// # Ok::<(), mlp_core::UnknownActivation>(())
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ActivationKind<C = NoCustom> {
            $(
                #[doc = concat!("[`", stringify!($variant), "`], named `", $name, "`.")]
                $variant($variant),
            )*
            /// An activation of your own, named `custom`.
            Custom(C),
        }

        impl<C> ActivationKind<C> {
            /// The names that [`FromStr`] takes, one per built-in activation.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name, stable across versions: what files and command lines say.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Custom(_) => "custom",
                }
            }

            /// The parameters by name, such as `negative_slope` of `leaky_relu`: with the name, what a file stores.
            /// Of your own activation nothing is known: an empty list.
            ///
            /// ```
            /// use mlp_core::{ActivationKind, LeakyRelu};
            ///
            /// let kind: ActivationKind = LeakyRelu::new(0.2)?.into();
            /// assert_eq!(kind.parameters(), [("negative_slope", 0.2)]);
            /// assert_eq!(ActivationKind::from_parts(kind.name(), &kind.parameters())?, kind);
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            pub fn parameters(&self) -> Vec<(&'static str, f64)> {
                match self {
                    $(Self::$variant(activation) => {
                        parameters_of!(activation $(, $new($($parameter),+))?)
                    })*
                    Self::Custom(_) => Vec::new(),
                }
            }

            /// The built-in activation of that [`name`](Self::name) and those [`parameters`](Self::parameters), in any
            /// order.
            ///
            /// # Errors
            /// If no built-in activation has the name, its parameters are not those given, each once, or one of them
            /// lies outside its range.
            pub fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Result<Self, KindError> {
                match name {
                    $($name => {
                        Ok(Self::$variant(rebuild!($variant, $name, parameters $(, $new($($parameter),+))?)))
                    })*
                    _ => Err(KindError::Unknown {
                        what: "activation",
                        expected: Self::NAMES,
                        got: name.to_string(),
                    }),
                }
            }
        }

        /// By name, with default parameters.
        impl<C> FromStr for ActivationKind<C> {
            type Err = UnknownActivation;
            fn from_str(name: &str) -> Result<Self, UnknownActivation> {
                match name {
                    $($name => Ok(Self::$variant($variant::default())),)*
                    _ => Err(UnknownActivation { name: name.to_string() }),
                }
            }
        }

        $(
            impl<C> From<$variant> for ActivationKind<C> {
                fn from(activation: $variant) -> Self {
                    Self::$variant(activation)
                }
            }
        )*

        impl<C: Activation> ActivationKind<C> {
            /// Calls `visitor` with the activation as its own type: what a backend does once per layer and batch, so that
            /// the loop over the elements is compiled for each activation.
            #[inline(always)]
            pub fn visit<V: ActivationVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant(activation) => visitor.visit(activation),)*
                    Self::Custom(activation) => visitor.visit(activation),
                }
            }

            /// The same activation without `C`, if it is one of this crate's: a backend has compiled its loops for these
            /// already.
            #[inline(always)]
            pub fn built_in(&self) -> Option<ActivationKind> {
                match self {
                    $(Self::$variant(activation) => Some(ActivationKind::$variant(activation.clone())),)*
                    Self::Custom(_) => None,
                }
            }
        }

        /// It is an activation itself, which looks up the kind for each element: [`ActivationKind::visit`] does so once
        /// for many.
        impl<C: Activation> Activation for ActivationKind<C> {
            fn value<T: Scalar>(&self, z: T) -> T {
                match self {
                    $(Self::$variant(activation) => activation.value(z),)*
                    Self::Custom(activation) => activation.value(z),
                }
            }

            fn derivative<T: Scalar>(&self, z: T, value: T) -> T {
                match self {
                    $(Self::$variant(activation) => activation.derivative(z, value),)*
                    Self::Custom(activation) => activation.derivative(z, value),
                }
            }

            fn value_and_derivative<T: Scalar>(&self, values: &mut [T], derivatives: &mut [T]) {
                match self {
                    $(Self::$variant(activation) => activation.value_and_derivative(values, derivatives),)*
                    Self::Custom(activation) => activation.value_and_derivative(values, derivatives),
                }
            }
        }
    };
}

kinds! {
    Identity, "identity";
    Relu, "relu";
    LeakyRelu, "leaky_relu", new(negative_slope);
    Sigmoid, "sigmoid";
    Tanh, "tanh";
    Gelu, "gelu";
    GeluTanh, "gelu_tanh";
    Silu, "silu";
    Elu, "elu", new(alpha);
    Selu, "selu";
    Softplus, "softplus";
    Softsign, "softsign";
    HardTanh, "hard_tanh";
    Mish, "mish";
}

/// What to do with an activation of any type: for [`ActivationKind::visit`].
///
/// ```
/// use mlp_core::{Activation, ActivationKind, Relu};
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
    /// What it returns.
    type Output;

    /// Called with the activation.
    fn visit<A: Activation>(self, activation: &A) -> Self::Output;
}

/// A name that no built-in activation has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownActivation {
    /// The name given.
    pub name: String,
}

impl fmt::Display for UnknownActivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown activation `{}`: expected one of {}",
            self.name,
            ActivationKind::<NoCustom>::NAMES.join(", ")
        )
    }
}

impl core::error::Error for UnknownActivation {}
