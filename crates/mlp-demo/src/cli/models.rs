//! The options of the subcommands that read a model file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlp_core::ActivationKind;

use super::Format;

/// Print what a model predicts for the samples of a CSV file
///
/// The model is a file of one of two kinds. A file from `mlp-demo digits --save` or from the
/// library's `save_model` records how inputs are scaled and what outputs mean. A file from
/// PyTorch holds an `nn.Sequential` of `nn.Linear` layers and does not record the activation of
/// the hidden layers, so it needs --activation.
///
/// Predictions are computed in the number type of the file, f32 or f64.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo predict --model digits.safetensors --data pixels.csv
          Prints a table with the class and the probabilities of each sample
  mlp-demo predict --model torch.safetensors --activation tanh --data samples.csv --format json
          Prints the outputs of a network that PyTorch saved, with all digits"
)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Predict for the samples of a CSV file
    ///
    /// The file has a header, whose names are not numbers, and then a line per sample with a
    /// number per input of the model.
    #[arg(long, value_name = "FILE.csv", verbatim_doc_comment)]
    pub(crate) data: PathBuf,

    /// What to print: a readable table, or JSON with all digits
    ///
    /// The table shows the first ten outputs of a sample, and dots for the others. JSON output
    /// has one object per sample, with all outputs: {"outputs":[0.02,0.98],"class":"tall"}. The
    /// outputs of a classifier are probabilities; other outputs are in the units of the target.
    /// The class is printed if the model has names of classes.
    #[arg(long, value_enum, default_value_t = Format::Text, verbatim_doc_comment)]
    pub(crate) format: Format,
}

/// Write a model in the format of another program
///
/// An .npz file for scikit-learn can hold a network whose hidden layers all have the same
/// activation, which is one of identity, relu, sigmoid (`logistic` in scikit-learn) and tanh, and
/// whose last layer is linear. Any other network is rejected. The file cannot hold the scaling of
/// inputs and targets, so the scaling is folded into the first and the last layer. Predictions
/// are the same, up to rounding. Names of classes are left out.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo export --model digits.safetensors --to onnx --out digits.onnx
          Writes the whole model for onnxruntime, including scaling and softmax
  mlp-demo digits --activation relu --save relu.safetensors
  mlp-demo export --model relu.safetensors --to npz --out relu.npz
          Writes a network for scikit-learn, which does not have leaky ReLU"
)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The format to write
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) to: ModelFormat,

    /// The file to write; it is written completely or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelFormat {
    /// The whole model for onnxruntime and others; returns what `predict` prints
    Onnx,
    /// A network for scikit-learn, with the scaling folded into its layers
    Npz,
    /// The format of this library, with tensors that PyTorch can read
    Safetensors,
}

/// Print what a model file records about the network, its use and its origin
///
/// A file of this library records the layers and activations, the number of parameters, the
/// loss, the meaning of predictions, how inputs and targets are scaled, the names of the classes,
/// the version, the seed and a hash of the training data. A file of PyTorch records only the
/// layers and parameters; with --activation, the activations are printed too.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

// This struct has no doc comment, because clap would show it instead of those of the subcommands.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model file, saved by this library or by PyTorch
    #[arg(long = "model", value_name = "FILE.safetensors")]
    pub(crate) path: PathBuf,

    /// The activation of the hidden layers; allowed only for files of PyTorch
    ///
    /// One of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu,
    /// softplus, softsign, hard_tanh and mish, with PyTorch's default parameters. The last layer
    /// is linear.
    #[arg(long, value_name = "NAME", value_parser = activation, verbatim_doc_comment)]
    pub(crate) activation: Option<ActivationKind>,
}

pub(super) fn activation(name: &str) -> Result<ActivationKind, String> {
    name.parse().map_err(|_| {
        format!(
            "expected one of {}",
            ActivationKind::<mlp_core::NoCustom>::NAMES.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn help_lists_every_activation() {
        let mut command = super::super::Cli::command();
        for subcommand in ["predict", "digits"] {
            let subcommand = command.find_subcommand_mut(subcommand).unwrap();
            let help = subcommand.render_long_help().to_string();
            for name in ActivationKind::<mlp_core::NoCustom>::NAMES {
                assert!(help.contains(name), "{name}: {help}");
                assert_eq!(activation(name).unwrap().name(), *name);
            }
        }
    }
}
