//! The options of the subcommands, and the checks that need nothing but the option itself.

use std::num::ParseIntError;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, ValueEnum};
use mlp_core::{ActivationKind, NoCustom, OptimizerKind};
use mlp_io::{Dtype, quoted};

use crate::notebook;

/// Run the notebook's experiment; every constant is an option
///
/// Trains on the loss 1/(2N) sum (y - y^)^2 by full-batch gradient descent. Hidden layers have
/// leaky ReLU, the output layer is linear, and biases start at zero. Prints the loss before the
/// update for the epochs divisible by --print-every, then the predictions. In a terminal, it
/// also prints a small loss curve.
///
/// The networks 1,1,1 and 1,4,3,1 start at weights recovered from the losses that the notebook
/// printed (its run was not seeded). Other networks start at weights drawn with seed 0. If the
/// weights, learning rate, slope and number type are the notebook's own, its recorded losses are
/// printed beside the computed ones. To train on a table of your own, use `mlp train`.
#[derive(Clone, Debug, Parser)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo notebook
          Both networks, with the recorded losses
  mlp-demo notebook --layers 1,8,8,1 --seed 7 --epochs 1000 --print-every 100 --plot loss.svg
          Another network, drawn with seed 7, and a picture of its losses"
)]
pub(crate) struct NotebookArgs {
    /// Sizes of the layers: one input, hidden layers, one output [default: 1,1,1, then 1,4,3,1]
    #[arg(long, value_name = "SIZES", value_parser = layers)]
    pub(crate) layers: Option<Sizes>,

    /// Learning rate eta, a finite number above 0
    #[arg(long, value_name = "ETA", default_value_t = notebook::LEARNING_RATE, value_parser = learning_rate,
          allow_hyphen_values = true)]
    pub(crate) learning_rate: f64,

    /// Slope alpha of the leaky ReLU below zero, a finite number
    #[arg(long, value_name = "ALPHA", default_value_t = notebook::NEGATIVE_SLOPE, value_parser = finite,
          allow_hyphen_values = true)]
    pub(crate) negative_slope: f64,

    /// Number of epochs; 0 shows the initial network
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = notebook::EPOCHS)]
    pub(crate) epochs: u64,

    /// Print the losses of the epochs divisible by this, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = notebook::RECORD_EVERY,
          value_parser = positive::<u64>)]
    pub(crate) print_every: u64,

    /// Draw the weights from N(0, 0.1^2) with this seed
    ///
    /// The same seed gives the same weights on every machine. Without this option, 1,1,1 and
    /// 1,4,3,1 start at the notebook's weights, and other networks start at those of seed 0.
    #[arg(long, value_name = "N", allow_negative_numbers = true, verbatim_doc_comment)]
    pub(crate) seed: Option<u64>,

    /// The number type to compute in
    #[arg(long, value_name = "DTYPE", value_parser = dtype(), default_value = "f64")]
    pub(crate) dtype: Dtype,

    /// What to print: readable tables, or JSON with all digits
    ///
    /// JSON output has one object per line: {"epoch":0,"loss":5.833616..} for each printed epoch,
    /// then {"final":{"weights":..,"biases":..,"predictions":..}} with a list per sample in
    /// "predictions".
    #[arg(long, value_enum, default_value_t = Format::Text, verbatim_doc_comment)]
    pub(crate) format: Format,

    /// Draw the losses of all epochs, on a logarithmic scale, to this file
    ///
    /// The file is written after training, completely or not at all.
    #[arg(long, value_name = "FILE.svg", verbatim_doc_comment)]
    pub(crate) plot: Option<PathBuf>,
}

// The variants have no doc comments, so that help lists only their names. The option describes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Learn the 1,797 handwritten 8x8 digits of the UCI repository, which are built in
///
/// A network learns four fifths of the digits by gradient descent, or Adam, on the softmax
/// cross-entropy, in mini-batches. The other fifth, which is a fifth of each class, is not used
/// for training, and the accuracy is measured on it. In a terminal, a bar shows the progress;
/// otherwise, a line is printed for each epoch. A confusion matrix is printed last.
///
/// The seed determines which digits are held out, the initial weights, and the order of the
/// samples.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo digits --save digits.safetensors --plot digits.svg
          Saves a model for `mlp predict` and a picture of losses and accuracies
  mlp-demo digits --optimizer adam --epochs 1000 --patience 10
          Uses Adam until the loss of a validation part stops improving"
)]
#[command(mut_arg("epochs", |arg| arg.default_value("40")))]
#[command(mut_arg("hidden", |arg| arg.default_value("256")))]
#[command(mut_arg("learning_rate", |arg| arg.default_value("0.3")))]
#[command(mut_arg("batch_size", |arg| arg.default_value("16")))]
pub(crate) struct DigitsArgs {
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// Learn the MNIST digits from the four IDX files
///
/// A network learns the training part as `mlp-demo digits` does, and the accuracy is measured on
/// the test part. The seed determines the initial weights and the order of the samples.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct MnistArgs {
    /// Directory with the four files of MNIST
    ///
    /// The files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
    /// and t10k-labels-idx1-ubyte, plain or compressed with gzip (.gz).
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    pub(crate) data: PathBuf,

    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

// These structs have no doc comments, because clap would show them instead of those of the subcommands. The first one
// determines the course of training.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Sizes of the hidden layers, such as 64,32 for two
    #[arg(long, value_name = "SIZES", default_value = "128", value_parser = sizes)]
    pub(crate) hidden: Sizes,

    /// The activation of the hidden layers
    ///
    /// One of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu,
    /// softplus, softsign, hard_tanh and mish, with PyTorch's default parameters.
    #[arg(long, value_name = "NAME", default_value = "leaky_relu", value_parser = activation,
          verbatim_doc_comment)]
    pub(crate) activation: ActivationKind,

    /// How weights are updated from the derivatives of the loss
    #[arg(long, value_name = "NAME", default_value = "gradient_descent", value_parser = optimizer())]
    pub(crate) optimizer: OptimizerKind,

    /// Learning rate eta, a finite number above 0; the default for Adam is 0.001
    #[arg(long, value_name = "ETA", default_value = "0.2", value_parser = learning_rate, allow_hyphen_values = true,
          default_value_if("optimizer", "adam", "0.001"))]
    pub(crate) learning_rate: f64,

    /// Number of samples in a mini-batch, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32,
          value_parser = positive::<usize>)]
    pub(crate) batch_size: usize,

    /// The seed of everything that is random
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    pub(crate) seed: u64,

    /// Stop when the validation loss has not improved for this many epochs, at least 1
    ///
    /// The validation part is a tenth of each class of the training part, drawn with the seed.
    /// The accuracy after each epoch is then measured on the validation part. The network of the
    /// epoch with the least validation loss is tested and saved.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = positive::<u64>, verbatim_doc_comment)]
    pub(crate) patience: Option<u64>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct TrainingArgs {
    /// Number of epochs, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10, value_parser = positive::<u64>)]
    pub(crate) epochs: u64,

    #[command(flatten)]
    pub(crate) settings: Settings,

    /// The number type to compute in
    #[arg(long, value_name = "DTYPE", value_parser = dtype(), default_value = "f32")]
    pub(crate) dtype: Dtype,

    /// Save the trained model to this file, for `mlp predict`, `export` and `inspect`
    ///
    /// The file also records how pixels are scaled, the names of the classes, the seed and a hash
    /// of the training data. It is written after training, completely or not at all. If training
    /// diverges, it is not written.
    #[arg(long, value_name = "FILE.safetensors", verbatim_doc_comment)]
    pub(crate) save: Option<PathBuf>,

    /// Save a checkpoint to this directory after each epoch and keep the last three
    ///
    /// The directory is created if it is missing. Use it for one process at a time and for one
    /// training run only. The names run.json and checkpoint-* in it are reserved.
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    pub(crate) checkpoint: Option<PathBuf>,

    /// Continue from the last checkpoint of --checkpoint, as if training had never stopped
    ///
    /// The result is the same to the bit. All options except --epochs and the files must be those
    /// of the run that was stopped. The value of --epochs includes the epochs of that run. If the
    /// directory is empty or missing, training starts from the beginning.
    #[arg(long, requires = "checkpoint", verbatim_doc_comment)]
    pub(crate) resume: bool,

    /// Draw losses and accuracies of all epochs to this file
    ///
    /// The file is written in the same way as that of --save.
    #[arg(long, value_name = "FILE.svg", verbatim_doc_comment)]
    pub(crate) plot: Option<PathBuf>,
}

/// Sizes of layers, each at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes(pub(crate) Vec<usize>);

fn sizes(text: &str) -> Result<Sizes, String> {
    let size = |(place, size): (usize, &str)| match size.trim().parse() {
        Ok(0) => Err(format!("expected sizes of at least 1, got 0 at position {place}")),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("size {place}: {error}")),
    };
    (1..)
        .zip(text.split(','))
        .map(size)
        .collect::<Result<_, _>>()
        .map(Sizes)
}

/// Reads the sizes of a network for the notebook's samples, which have one feature and one target.
fn layers(text: &str) -> Result<Sizes, String> {
    let sizes = sizes(text)?;
    match sizes.0[..] {
        [1, .., 1] => Ok(sizes),
        [inputs, .., outputs] => Err(format!(
            "expected 1 input and 1 output, as the notebook's samples have, got {inputs} and {outputs}"
        )),
        _ => Err("expected at least 2 sizes (inputs, outputs), got 1".into()),
    }
}

fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("expected a finite number, got {}", quoted(text))),
    }
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match finite(text) {
        Ok(value) if value > 0.0 => Ok(value),
        _ => Err(format!("expected a finite number above 0, got {}", quoted(text))),
    }
}

fn positive<N: FromStr<Err = ParseIntError> + PartialEq + Default>(text: &str) -> Result<N, String> {
    match text.parse() {
        Ok(value) if value == N::default() => Err("expected at least 1".into()),
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

fn dtype() -> impl TypedValueParser<Value = Dtype> {
    let types = [
        PossibleValue::new("f32").help("32 bits: 7 decimal digits, at most 3.4e38"),
        PossibleValue::new("f64").help("64 bits: 16 decimal digits, at most 1.8e308"),
    ];
    let dtype = |name: String| if name == "f32" { Dtype::F32 } else { Dtype::F64 };
    PossibleValuesParser::new(types).map(dtype)
}

fn optimizer() -> impl TypedValueParser<Value = OptimizerKind> {
    let optimizers = [
        PossibleValue::new("gradient_descent")
            .help("Subtracts the learning rate times its derivative from each parameter"),
        PossibleValue::new("adam").help("Takes steps of about the learning rate, however large the derivative"),
    ];
    PossibleValuesParser::new(optimizers).try_map(|name| name.parse())
}

fn activation(name: &str) -> Result<ActivationKind, String> {
    let known = ActivationKind::<NoCustom>::NAMES.join(", ");
    name.parse().map_err(|_| format!("expected one of {known}"))
}

#[cfg(test)]
mod tests;
