//! Storing a kind of activation or loss as a name with parameters, and rebuilding it from them.

use crate::HyperParameterError;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A name, or parameters given with it, from which no activation, loss or scaling can be built.
///
/// ```
/// use mlp_core::{ActivationKind, NoCustom};
///
/// let error = ActivationKind::<NoCustom>::from_parts("elu", &[("slope", 0.5)]).unwrap_err();
/// assert_eq!(error.to_string(), "elu: expected the parameters alpha, got slope");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum KindError {
    /// The name is unknown.
    Unknown {
        /// What was named: `activation`, `loss` or `scaling`.
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

impl core::error::Error for KindError {}

impl From<HyperParameterError> for KindError {
    fn from(error: HyperParameterError) -> Self {
        Self::HyperParameter(error)
    }
}

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

/// Lists the parameters of a value by name. Without a list of parameters it has none.
macro_rules! parameters_of {
    ($value:expr) => {{
        let _ = $value;
        alloc::vec::Vec::new()
    }};
    ($value:expr, $new:ident($($parameter:ident),+)) => {
        alloc::vec![$((stringify!($parameter), $value.$parameter())),+]
    };
}

/// Builds a value of the named type from the given parameters. A type that is listed without parameters must be a unit
/// struct, and a type that is listed with parameters must have a constructor that takes exactly those. Otherwise the
/// code does not compile.
macro_rules! rebuild {
    ($type:ident, $name:literal, $given:expr) => {{
        let [] = $crate::kind::arrange($name, &[], $given)?;
        $type
    }};
    ($type:ident, $name:literal, $given:expr, $new:ident($($parameter:ident),+)) => {{
        let [$($parameter),+] = $crate::kind::arrange($name, &[$(stringify!($parameter)),+], $given)?;
        $type::$new($($parameter),+)?
    }};
}

pub(crate) use {parameters_of, rebuild};
