//! What a kind (of activation, of loss) needs in order to be stored by name and parameters, and rebuilt from them.

use crate::HyperParameterError;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A name, or parameters beside it, of which no activation, loss or scaling can be made.
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
    /// A name that none has.
    Unknown {
        /// Of what: `activation`, `loss` or `scaling`.
        what: &'static str,
        /// The names there are.
        expected: &'static [&'static str],
        /// The name given.
        got: String,
    },
    /// Parameters missing, too many, repeated or of another kind.
    Parameters {
        /// The name of the activation or loss.
        name: &'static str,
        /// The parameters it has, each to be given once.
        expected: &'static [&'static str],
        /// The parameters given.
        got: Vec<String>,
    },
    /// A parameter outside its range.
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

/// The values of the parameters `expected`, in that order, if `got` has each of them once and no other.
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

/// The parameters of a value by name. Without a list of them it has none.
macro_rules! parameters_of {
    ($value:expr) => {{
        let _ = $value;
        alloc::vec::Vec::new()
    }};
    ($value:expr, $new:ident($($parameter:ident),+)) => {
        alloc::vec![$((stringify!($parameter), $value.$parameter())),+]
    };
}

/// The value of the type named that has the parameters given. What is listed without parameters must be a unit
/// struct, and what is listed with some must have a constructor of just those: else it does not compile.
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
