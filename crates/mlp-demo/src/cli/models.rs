//! The options of the subcommands that read a model file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mlp_core::ActivationKind;

use super::Format;

/// Print what a model predicts for the samples of a CSV file
///
/// The model is one that `mlp-demo digits --save` or the library's `save_model` wrote, which
/// says itself how inputs are scaled and what outputs mean, or an `nn.Sequential` of `nn.Linear`
/// layers that PyTorch saved, to which --activation adds what its file does not say.
///
/// It computes in f32 or f64, whatever the file holds.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo predict --model digits.safetensors --data pixels.csv
          A table with the class and the probabilities of each sample
  mlp-demo predict --model torch.safetensors --activation tanh --data samples.csv --format json
          What a network of PyTorch gives, with all digits"
)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Predict for the samples of a CSV file
    ///
    /// A header comes first, with names that are not numbers, then a line per sample with a
    /// number per input of the model.
    #[arg(long, value_name = "FILE.csv", verbatim_doc_comment)]
    pub(crate) data: PathBuf,

    /// What to print: a table to read, or JSON with all digits
    ///
    /// The table shows the first ten outputs of a sample, and dots for the others. JSON is
    /// an object a sample, with all outputs: {"outputs":[0.02,0.98],"class":"tall"}. The outputs
    /// of a classifier are probabilities, others are in the target's units; there is a class
    /// where the model has names of classes.
    #[arg(long, value_enum, default_value_t = Format::Text, verbatim_doc_comment)]
    pub(crate) format: Format,
}

/// Write a model in the format of another program
///
/// An .npz file for scikit-learn holds networks whose hidden layers all have the same of identity,
/// relu, sigmoid (there `logistic`) and tanh, and whose last layer is linear; any other is refused.
/// It has no place for scaling of inputs and targets, which is worked into the first and the last
/// layer: predictions are the same, up to rounding. Names of classes are left out.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo export --model digits.safetensors --to onnx --out digits.onnx
          The whole model for onnxruntime, scaling and softmax included
  mlp-demo digits --activation relu --save relu.safetensors
  mlp-demo export --model relu.safetensors --to npz --out relu.npz
          A network for scikit-learn, which has no leaky ReLU"
)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// The format to write
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) to: ModelFormat,

    /// The file to write, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelFormat {
    /// For onnxruntime and others: the whole model; it gives what `predict` prints
    Onnx,
    /// For scikit-learn: a network of its activations, scalings worked in
    Npz,
    /// Of this library, with the tensors as PyTorch has them
    Safetensors,
}

/// Print what a model file says of the network, its use and its origin
///
/// That is layers and activations, the number of parameters, the loss, what predictions are, how
/// inputs and targets are scaled, the names of the classes, and version, seed and hash of the
/// training data. A file of PyTorch says of these the layers and parameters alone; with
/// --activation the activations stand beside them.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

// No documentation comment: it would replace that of the subcommands.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model, a file of this library or of PyTorch
    #[arg(long = "model", value_name = "FILE.safetensors")]
    pub(crate) path: PathBuf,

    /// The activation of the hidden layers, for a file of PyTorch, and for no other
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
