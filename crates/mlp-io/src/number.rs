//! The numbers of a file.

use mlp_core::Scalar;
use std::fmt;

/// The type of the numbers in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Dtype {
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// Half precision: [`PytorchOptions::convert`](crate::PytorchOptions::convert) reads it.
    #[serde(skip)]
    F16,
    /// The upper half of an `f32`: [`PytorchOptions::convert`](crate::PytorchOptions::convert) reads it.
    #[serde(skip)]
    BF16,
}

impl Dtype {
    /// Returns the number of bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => size_of::<f32>(),
            Self::F64 => size_of::<f64>(),
            Self::F16 | Self::BF16 => size_of::<u16>(),
        }
    }

    /// Returns whether each number of this type is also a number of `other`.
    pub(crate) fn fits(self, other: Self) -> bool {
        self == other || other == Self::F64 || (other == Self::F32 && self != Self::F64)
    }

    /// Reads a number from its bytes, exactly.
    pub(crate) fn decode(self, bytes: &[u8]) -> f64 {
        let half = || u16::from_le_bytes(bytes.try_into().unwrap_or_default());
        match self {
            Self::F32 => f32::from_le(bytes).into(),
            Self::F64 => f64::from_le(bytes),
            Self::BF16 => f32::from_bits(u32::from(half()) << 16).into(),
            Self::F16 => {
                let (sign, exponent, fraction) = (half() >> 15, (half() >> 10) & 0x1f, f64::from(half() & 0x3ff));
                let magnitude = match exponent {
                    0 => fraction * 2_f64.powi(-24),
                    31 if fraction == 0.0 => f64::INFINITY,
                    31 => f64::NAN,
                    _ => (1024.0 + fraction) * 2_f64.powi(i32::from(exponent).saturating_sub(25)),
                };
                if sign == 1 { -magnitude } else { magnitude }
            }
        }
    }
}

/// `F32`, `F64`, `F16` or `BF16`.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A type of numbers that files can hold: `f32` or `f64`, and no other.
///
/// ```
/// use mlp_io::{Dtype, Number};
///
/// assert_eq!((f32::DTYPE, f64::DTYPE), (Dtype::F32, Dtype::F64));
/// ```
pub trait Number: Scalar + Coded {
    /// Which of the two types this is.
    const DTYPE: Dtype;
}

/// The numbers of a tensor, column by column.
#[derive(Debug)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Conversion between a number and its little-endian bytes.
#[doc(hidden)]
pub trait Coded: Sized {
    /// The bytes of one number.
    type Bytes: Copy + Send + Sync;
    /// The bytes of zero.
    const ZERO: Self::Bytes;
    /// The number of bytes of one number.
    const SIZE: usize = size_of::<Self>();
    /// NumPy's name for the type.
    const DESCR: &'static str;
    fn encode(self) -> Self::Bytes;
    fn decode(bytes: Self::Bytes) -> Self;
    fn flat(bytes: &[Self::Bytes]) -> &[u8];
    fn flat_mut(bytes: &mut [Self::Bytes]) -> &mut [u8];

    /// Reads a number from exactly [`SIZE`](Self::SIZE) bytes.
    fn from_le(bytes: &[u8]) -> Self {
        let mut number = [Self::ZERO];
        Self::flat_mut(&mut number).copy_from_slice(bytes);
        let [number] = number;
        Self::decode(number)
    }

    /// Appends the bytes of the number to `bytes`.
    fn put_le(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(Self::flat(&[self.encode()]));
    }

    #[expect(private_interfaces, reason = "hidden, and only this crate uses it")]
    fn unwrap(values: Values) -> Option<Vec<Self>>;
}

macro_rules! impl_number {
    ($type:ident, $variant:ident, $descr:literal) => {
        impl Number for $type {
            const DTYPE: Dtype = Dtype::$variant;
        }

        impl Coded for $type {
            type Bytes = [u8; size_of::<$type>()];
            const ZERO: Self::Bytes = [0; size_of::<$type>()];
            const DESCR: &'static str = $descr;

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

            #[expect(private_interfaces, reason = "hidden, and only this crate uses it")]
            fn unwrap(values: Values) -> Option<Vec<Self>> {
                match values {
                    Values::$variant(values) => Some(values),
                    _ => None,
                }
            }
        }
    };
}

impl_number!(f32, F32, "<f4");
impl_number!(f64, F64, "<f8");
