//! Kinds: activations, losses and other choices as values with a stable name. Files and command lines store a kind as
//! its name and parameters.

use crate::HyperParameterError;
use crate::error::{error_by_message, from_variant};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A name that no activation, loss, metric, scaling, initializer or optimizer has, or parameters that do not belong to
/// the name.
///
/// ```
/// use mlp_core::{ActivationKind, NoCustom};
///
/// let error = ActivationKind::<NoCustom>::from_parts("elu", &[("slope", 0.5)]).unwrap_err();
/// assert_eq!(error.to_string(), "elu: expected the parameters alpha, got slope");
/// let error = "f2".parse::<mlp_core::Metric>().unwrap_err();
/// assert!(error.to_string().starts_with("unknown metric `f2`: expected one of accuracy, "));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum KindError {
    /// The name is unknown.
    Unknown {
        /// What was named, such as `activation`.
        what: &'static str,
        /// The known names.
        expected: &'static [&'static str],
        /// The name given.
        got: String,
    },
    /// Parameters are missing, superfluous, repeated or belong to another kind.
    Parameters {
        /// The name of the activation or loss.
        name: &'static str,
        /// The parameters that it has. Each must be given once.
        expected: &'static [&'static str],
        /// The parameters given.
        got: Vec<String>,
    },
    /// A parameter is outside its range.
    HyperParameter(HyperParameterError),
}

impl KindError {
    pub(crate) fn unknown(what: &'static str, expected: &'static [&'static str], got: &str) -> Self {
        let got = got.to_owned();
        Self::Unknown { what, expected, got }
    }
}

impl fmt::Display for KindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { what, expected, got } => {
                write!(f, "unknown {what} `{got}`: expected one of {}", expected.join(", "))
            }
            Self::Parameters { name, expected, got } => {
                let list = |names: String| if names.is_empty() { "none".to_owned() } else { names };
                let (expected, got) = (list(expected.join(", ")), list(got.join(", ")));
                write!(f, "{name}: expected the parameters {expected}, got {got}")
            }
            Self::HyperParameter(error) => error.fmt(f),
        }
    }
}

error_by_message! { KindError }

/// Returns the values of the parameters `expected`, in that order, if `got` contains each of them once and no others.
pub(crate) fn arrange<const N: usize>(
    name: &'static str,
    expected: &'static [&'static str; N],
    got: &[(&str, f64)],
) -> Result<[f64; N], KindError> {
    let mut values = [0.0; N];
    let mut all = got.len() == N;
    for (value, parameter) in values.iter_mut().zip(expected) {
        match got.iter().find(|(name, _)| name == parameter) {
            Some((_, given)) => *value = *given,
            None => all = false,
        }
    }
    if all {
        Ok(values)
    } else {
        let got = got.iter().map(|(name, _)| (*name).to_owned()).collect();
        Err(KindError::Parameters { name, expected, got })
    }
}

/// Gives each variant of an enum a stable name: `NAMES`, `name`, `Display` and `FromStr`. The expression after a name is
/// the value that the name stands for.
macro_rules! names {
    ($kind:ident $(<$type:ident> $custom:ident)?, $what:literal; $($name:literal => $pattern:pat, $value:expr;)+) => {
        impl $(<$type>)? $kind $(<$type>)? {
            /// The names that [`FromStr`](core::str::FromStr) accepts.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Returns the name used in files and on command lines. It is stable across versions.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($pattern => $name,)+
                    $(Self::$custom(_) => "custom",)?
                }
            }
        }

        /// Writes the name.
        impl $(<$type>)? core::fmt::Display for $kind $(<$type>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.name())
            }
        }

        /// Parses a name; the parameters are the defaults.
        impl $(<$type>)? core::str::FromStr for $kind $(<$type>)? {
            type Err = $crate::KindError;

            fn from_str(name: &str) -> Result<Self, $crate::KindError> {
                match name {
                    $($name => Ok($value),)+
                    _ => Err($crate::KindError::unknown($what, Self::NAMES, name)),
                }
            }
        }
    };
}

/// Declares an enum with a variant for each of the listed types, their names, their parameters, and a macro that
/// matches on the enum, all from one list, so that none of them can miss an entry. An entry gives a name, a type, its
/// parameters, and the value with these parameters. `$` is passed as an argument, because the macro that is declared
/// needs one.
macro_rules! kinds {
    (
        $dollar:tt $dispatch:ident, $what:literal;
        $(#[$attribute:meta])*
        $kind:ident $generics:tt $(<$type:ident = $default:ident> $custom:ident)?;
        $($name:literal => $variant:ident($($parameter:ident),*), $value:expr;)+
    ) => {
        $(#[$attribute])*
        #[non_exhaustive]
        pub enum $kind $(<$type = $default>)? {
            $(
                #[doc = concat!("[`", stringify!($variant), "`], named `", $name, "`.")]
                $variant($variant),
            )+
            $(
                /// A value of your own type, named `custom`.
                $custom($type),
            )?
        }

        $crate::kind::names! {
            $kind $(<$type> $custom)?, $what;
            $($name => Self::$variant(_), Self::$variant($variant::default());)+
        }

        impl $(<$type>)? $kind $(<$type>)? {
            /// Returns the parameters by name. A file stores them with the [`name`](Self::name).
            #[must_use]
            pub fn parameters(&self) -> alloc::vec::Vec<(&'static str, f64)> {
                match self {
                    $(Self::$variant(_value) => [$((stringify!($parameter), _value.$parameter())),*].into(),)+
                    // The parameters of a custom one are not known.
                    $(Self::$custom(_) => alloc::vec::Vec::new(),)?
                }
            }

            /// Returns the value with this [`name`](Self::name) and these [`parameters`](Self::parameters), in any
            /// order.
            ///
            /// # Errors
            /// Returns an error if the name is none of [`NAMES`](Self::NAMES), if the parameters given are not exactly
            /// those that belong to the name, each once, or if one of them is outside its range.
            pub fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Result<Self, $crate::KindError> {
                match name {
                    $($name => {
                        let [$($parameter),*] =
                            $crate::kind::arrange($name, &[$(stringify!($parameter)),*], parameters)?;
                        Ok(Self::$variant($value))
                    })+
                    _ => Err($crate::KindError::unknown($what, Self::NAMES, name)),
                }
            }
        }

        $($crate::error::from_variant! { $kind $generics $variant($variant) })+

        /// Evaluates an expression with the value that the kind holds, whatever its type. A custom value may have an
        /// expression of its own.
        macro_rules! $dispatch {
            ($dollar kind:expr, $dollar value:ident => $dollar result:expr) => {
                $dispatch!($dollar kind, $dollar value => $dollar result, $dollar value => $dollar result)
            };
            (
                $dollar kind:expr, $dollar value:ident => $dollar result:expr,
                $dollar other:pat => $dollar other_result:expr
            ) => {
                match $dollar kind {
                    $($kind::$variant($dollar value) => $dollar result,)+
                    $($kind::$custom($dollar other) => $dollar other_result,)?
                }
            };
        }
    };
}

pub(crate) use {kinds, names};

from_variant! { KindError [] HyperParameter(HyperParameterError) }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActivationKind, Initializer, LossKind, NoCustom, ScalingKind};
    use alloc::string::ToString;
    use core::fmt::{Debug, Display};
    use core::str::FromStr;

    fn check<K: FromStr<Err = KindError> + Display + Debug>(
        what: &str,
        names: &[&str],
        name_of: fn(&K) -> &'static str,
    ) {
        for &name in names {
            let kind: K = name.parse().unwrap();
            assert_eq!((name_of(&kind), kind.to_string().as_str()), (name, name));
            assert_eq!(std::format!("{kind:>30}"), std::format!("{name:>30}"));
        }
        for unknown in ["", "Custom", "custom", &names[0].to_uppercase()] {
            assert_eq!(
                unknown.parse::<K>().unwrap_err().to_string(),
                std::format!("unknown {what} `{unknown}`: expected one of {}", names.join(", "))
            );
        }
    }

    #[test]
    fn every_kind_reads_and_writes_its_names() {
        type Activation = ActivationKind<NoCustom>;
        check("activation", Activation::NAMES, Activation::name);
        check("loss", LossKind::NAMES, LossKind::name);
        check("scaling", ScalingKind::NAMES, ScalingKind::name);
        check("initializer", Initializer::NAMES, Initializer::name);
    }
}
