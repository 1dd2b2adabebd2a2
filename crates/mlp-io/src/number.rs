//! The numbers of a file.

use crate::container::Values;
use mlp_core::Scalar;
use std::fmt;

/// What a number of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dtype {
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl Dtype {
    /// Bytes a number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::F64 => size_of::<f64>(),
        }
    }

    /// The name in the file's header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F64 => "F64",
        }
    }
}

/// `F32` or `F64`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that files hold: `f32` or `f64`, and no other.
///
/// ```
/// use mlp_io::{Dtype, Number};
///
/// assert_eq!((f32::DTYPE, f64::DTYPE), (Dtype::F32, Dtype::F64));
/// ```
pub trait Number: Scalar + Coded {
    /// Which of the two it is.
    const DTYPE: Dtype;
}

/// How a number is written: little-endian.
#[doc(hidden)]
pub trait Coded: Sized {
    /// Its bytes.
    type Bytes: Copy + Send + Sync;
    /// Those of zero.
    const ZERO: Self::Bytes;
    fn encode(self) -> Self::Bytes;
    fn decode(bytes: Self::Bytes) -> Self;
    fn flat(bytes: &[Self::Bytes]) -> &[u8];
    fn flat_mut(bytes: &mut [Self::Bytes]) -> &mut [u8];
    #[expect(private_interfaces, reason = "hidden, and of use to this crate alone")]
    fn unwrap(values: Values) -> Option<Vec<Self>>;
}

macro_rules! impl_number {
    ($type:ident, $variant:ident) => {
        impl Number for $type {
            const DTYPE: Dtype = Dtype::$variant;
        }

        impl Coded for $type {
            type Bytes = [u8; size_of::<$type>()];
            const ZERO: Self::Bytes = [0; size_of::<$type>()];

            #[inline(always)]
            fn encode(self) -> Self::Bytes {
                self.to_le_bytes()
            }

            #[inline(always)]
            fn decode(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }

            fn flat(bytes: &[Self::Bytes]) -> &[u8] {
                bytes.as_flattened()
            }

            fn flat_mut(bytes: &mut [Self::Bytes]) -> &mut [u8] {
                bytes.as_flattened_mut()
            }

            #[expect(private_interfaces, reason = "hidden, and of use to this crate alone")]
            fn unwrap(values: Values) -> Option<Vec<Self>> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

impl_number!(f32, F32);
impl_number!(f64, F64);
