//! The numbers that files hold.

use mlp_core::Scalar;

/// The numbers that files hold: `f32` and `f64`.
pub trait Number: Scalar + sealed::Sealed {
    /// Bytes of a number.
    #[doc(hidden)]
    const SIZE: usize;
    /// NumPy's name of the type.
    #[doc(hidden)]
    const DESCR: &'static str;
    /// From little-endian bytes.
    #[doc(hidden)]
    fn from_le(bytes: &[u8]) -> Self;
    /// Appends the little-endian bytes.
    #[doc(hidden)]
    fn put_le(self, bytes: &mut Vec<u8>);
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

macro_rules! number {
    ($type:ident, $size:literal, $descr:literal) => {
        impl Number for $type {
            const SIZE: usize = $size;
            const DESCR: &'static str = $descr;
            fn from_le(bytes: &[u8]) -> Self {
                bytes.try_into().map_or($type::NAN, $type::from_le_bytes)
            }
            fn put_le(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    };
}
number!(f32, 4, "<f4");
number!(f64, 8, "<f8");
