//! Numbers read and written one at a time, as `.npz` and ONNX files need it.

use crate::{Dtype, Number, SaveError, SaveErrorKind};
use mlp_core::Scalar as _;
use mlp_core::backend::Tensor;

pub(crate) trait LittleEndian: Number {
    /// The number of bytes of one number.
    const SIZE: usize = size_of::<Self>();
    /// NumPy's name for the type.
    const DESCR: &'static str = match Self::DTYPE {
        Dtype::F32 => "<f4",
        Dtype::F64 => "<f8",
    };

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
}

impl<T: Number> LittleEndian for T {}

/// Returns the weights or the bias (`what`) of a layer, column after column. They must be finite.
pub(crate) fn parameters<B: Tensor<Scalar: Number>>(
    layer: usize,
    what: &str,
    part: &B,
) -> Result<Vec<B::Scalar>, SaveError> {
    let mut values = Vec::new();
    B::read(part.into(), &mut values);
    match values
        .iter()
        .map(|value| value.to_f64())
        .find(|value| !value.is_finite())
    {
        Some(got) => {
            let message = format!("layer {layer}: expected finite {what}, got {got}");
            Err(SaveError::new(SaveErrorKind::NotFinite, message))
        }
        None => Ok(values),
    }
}
