//! Names the layers of other programs' files that are no `nn.Linear`.

use crate::error::quoted;
use crate::{LoadError, LoadErrorKind};

const NORMALIZATION: &str = "a LayerNorm or another normalization";
const FOLD: &str = "fold it into the Linear layer next to it, or export the network as ONNX";
const MERGE: &str = "merge it into its Linear layer before saving";
const EXPORT: &str = "export the network as ONNX";
const UNDO: &str = "remove the parametrization before saving (torch.nn.utils), so that the file has the plain weight";

/// Returns an error that names the first layer that is no `nn.Linear`, if the names or the numbers of dimensions of the
/// file's tensors show that there is one.
pub(super) fn refusal<'a>(tensors: impl Iterator<Item = (&'a str, usize)> + Clone) -> Option<LoadError> {
    let found = |(name, _): (&'a str, usize)| {
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", name));
        let (what, remedy) = match part {
            "running_mean" | "running_var" | "num_batches_tracked" => ("a BatchNorm", FOLD),
            "weight_g" | "weight_v" | "original0" | "original1" => ("under weight_norm", UNDO),
            "weight_orig" | "weight_mask" | "weight_u" => ("pruned or under spectral_norm", UNDO),
            "original" => ("parametrized", UNDO),
            "in_proj_weight" => ("an attention", EXPORT),
            _ if part.starts_with("weight_ih") || part.starts_with("weight_hh") => ("recurrent", EXPORT),
            _ if last(layer).starts_with("lora_") => ("a LoRA adapter", MERGE),
            _ => return None,
        };
        let layer = layer.strip_suffix(".parametrizations.weight").unwrap_or(layer);
        Some((layer, what, remedy))
    };
    // Only the dimensions tell these.
    let shaped = |(name, dimensions): (&'a str, usize)| {
        let prefix = name.strip_suffix("weight")?;
        let layer = prefix.strip_suffix('.').or(prefix.is_empty().then_some(""))?;
        let has_bias = || {
            tensors
                .clone()
                .any(|(other, _)| other.strip_suffix("bias") == Some(prefix))
        };
        match dimensions {
            1 if has_bias() => Some((layer, NORMALIZATION, EXPORT)),
            1 => Some((
                layer,
                "a PReLU or a normalization",
                "replace a PReLU of one slope by a LeakyReLU, or export the network as ONNX",
            )),
            3.. => Some((layer, "a convolution or a Bilinear", EXPORT)),
            _ if last(layer).to_ascii_lowercase().contains("emb") && !has_bias() => {
                Some((layer, "an Embedding", EXPORT))
            }
            _ => None,
        }
    };
    let (layer, what, remedy) = tensors
        .clone()
        .find_map(found)
        .or_else(|| tensors.clone().find_map(shaped))?;
    let layer = quoted(layer);
    let message = format!("layer {layer} is {what}, but only Linear layers are read: {remedy}");
    Some(LoadError::new(LoadErrorKind::Unsupported, message))
}

/// Returns the last component of a name.
fn last(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}
