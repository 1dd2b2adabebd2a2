//! The activation of a layer as a value, which can be chosen in a file, on a command line or in code.

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

/// The default of [`ActivationKind`]'s parameter, for networks without a custom activation. The type has no values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoCustom {}

impl Activation for NoCustom {
    fn value<T: Scalar>(&self, _: T) -> T {
        match *self {}
    }
}

/// Declares the enum, its names, its parameters and the dispatch from one list, so that none of them can miss an entry.
macro_rules! kinds {
    ($($variant:ident, $name:literal $(, $new:ident($($parameter:ident),+))?;)*) => {
        /// The activation of a layer: one of this crate's, or a custom one of type `C`.
        ///
        /// A network looks at the kind once per layer and batch. The loop over the elements is compiled separately for
        /// each kind.
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
            /// The names that [`FromStr`] accepts, one per built-in activation.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Returns the name used in files and on command lines. It is stable across versions.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Custom(_) => "custom",
                }
            }

            /// Returns the parameters by name, such as `negative_slope` of `leaky_relu`. A file stores them with the
            /// name. The list is empty for a custom activation, whose parameters are not known.
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

            /// Returns the built-in activation with this [`name`](Self::name) and these
            /// [`parameters`](Self::parameters), in any order.
            ///
            /// # Errors
            /// If no built-in activation has the name, the parameters given are not exactly those of the activation,
            /// each once, or one of them is outside its range.
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

        /// Parses a name; the parameters are the defaults.
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
            /// Calls `visitor` with the activation as its own type. A backend does so once per layer and batch, so that
            /// the loop over the elements is compiled separately for each activation.
            #[inline(always)]
            pub fn visit<V: ActivationVisitor>(&self, visitor: V) -> V::Output {
                match self {
                    $(Self::$variant(activation) => visitor.visit(activation),)*
                    Self::Custom(activation) => visitor.visit(activation),
                }
            }

            /// Returns the same activation without `C` if it is one of this crate's, for which a backend has compiled its
            /// loops already.
            ///
            /// # Errors
            /// If the activation is a custom one, which is returned.
            #[inline(always)]
            pub fn built_in(&self) -> Result<ActivationKind, &C> {
                match self {
                    $(Self::$variant(activation) => Ok(ActivationKind::$variant(activation.clone())),)*
                    Self::Custom(activation) => Err(activation),
                }
            }
        }

        /// A kind is itself an activation, which looks up the kind for each element; [`ActivationKind::visit`] looks it
        /// up once for many elements.
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

/// An operation on an activation of any type, for [`ActivationKind::visit`].
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
    /// The result of the operation.
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
