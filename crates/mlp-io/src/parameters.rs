//! The parameters of a layer, for the file formats of other libraries.

use crate::{Number, SaveError, SaveErrorKind};
use mlp_core::Scalar as _;
use mlp_core::backend::Tensor;

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
