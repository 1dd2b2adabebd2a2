//! The command line: its options, their checks, and the start of the subcommands.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use mlp_core::{ActivationKind, OptimizerKind};

pub(crate) use self::models::{ExportArgs, InspectArgs, ModelArgs, ModelFormat, PredictArgs};
use crate::commands::{classifier, export, inspect, notebook, predict};
use crate::dtype::Dtype;
use crate::error::{Error, one_line, quoted};
use crate::optimizer;
use crate::output::Output;

mod models;

/// Multi-layer perceptrons at work: a notebook's experiment, classifiers of digits, model files
///
/// Without a subcommand, `mlp-demo notebook` runs with its defaults: the experiment of the
/// notebook "Coding Neural Networks from Scratch". Two networks, [1, 1, 1] and [1, 4, 3, 1],
/// learn three samples, and each loss is printed beside the one that the notebook recorded.
///
/// Exit codes: 0 for success; 1 if training diverged; 2 if the input cannot be used. A message
/// then says what is wrong, where it is, and what was expected.
#[derive(Clone, Debug, Parser)]
#[command(name = "mlp-demo", version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Notebook(NotebookArgs),
    Digits(DigitsArgs),
    Mnist(MnistArgs),
    Predict(PredictArgs),
    Export(ExportArgs),
    Inspect(InspectArgs),
}

/// Run the notebook's experiment; every constant is an option
///
/// Trains on the loss 1/(2N) sum (y - y^)^2 by full-batch gradient descent. Hidden layers have
/// leaky ReLU, the output layer is linear, and biases start at zero. Prints the loss before the
/// update for the epochs divisible by --print-every, then the predictions. In a terminal, it
/// also prints a small loss curve.
///
/// The networks 1,1,1 and 1,4,3,1 start at weights recovered from the losses that the notebook
/// printed (its run was not seeded). Other networks start at weights drawn with seed 0. If the
/// weights, samples, learning rate, slope and number type are the notebook's own, its recorded
/// losses are printed beside the computed ones.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp-demo notebook
          Both networks, with the recorded losses
  mlp-demo notebook --layers 1,8,8,1 --seed 7 --epochs 1000 --print-every 100 --plot loss.svg
          Another network, drawn with seed 7, and a picture of its losses
  mlp-demo notebook --layers 2,4,2 --data samples.csv --format json
          Samples of two features and two targets, under a header such as x1,x2,y1,y2"
)]
pub(crate) struct NotebookArgs {
    /// Sizes of the layers: inputs, hidden layers, outputs [default: 1,1,1, then 1,4,3,1]
    ///
    /// With --weights, the file determines the sizes, and this option may only repeat them.
    #[arg(long, value_name = "SIZES", value_parser = layers)]
    pub(crate) layers: Option<Sizes>,

    /// Learning rate eta, a finite number above 0
    #[arg(long, value_name = "ETA", default_value_t = crate::notebook::LEARNING_RATE, value_parser = learning_rate,
          allow_hyphen_values = true)]
    pub(crate) learning_rate: f64,

    /// Slope alpha of the leaky ReLU below zero, a finite number
    #[arg(long, value_name = "ALPHA", default_value_t = crate::notebook::NEGATIVE_SLOPE, value_parser = finite,
          allow_hyphen_values = true)]
    pub(crate) negative_slope: f64,

    /// Number of epochs; 0 shows the initial network
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = crate::notebook::EPOCHS)]
    pub(crate) epochs: u64,

    /// Print the losses of the epochs divisible by this, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = crate::notebook::RECORD_EVERY,
          value_parser = positive)]
    pub(crate) print_every: u64,

    /// Draw the weights from N(0, 0.1^2) with this seed
    ///
    /// The same seed gives the same weights on every machine. Without this option, 1,1,1 and
    /// 1,4,3,1 start at the notebook's weights, and other networks start at those of seed 0.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        conflicts_with = "weights",
        verbatim_doc_comment
    )]
    pub(crate) seed: Option<u64>,

    /// The number type to compute in
    #[arg(long, value_enum, default_value_t = Dtype::F64)]
    pub(crate) dtype: Dtype,

    /// Start at the weights and biases of a JSON file
    ///
    /// The file is {"weights": [[[..row..],..],..], "biases": [[..],..]}. Each layer's weights
    /// are a row per output, with a number per input. Without "biases", all biases are zero.
    #[arg(long, value_name = "FILE.json", verbatim_doc_comment)]
    pub(crate) weights: Option<PathBuf>,

    /// Train on the samples of a CSV file [default: x = (2, -1, 3), y = (3, 1, 5)]
    ///
    /// The file has a header and then a line per sample. Columns whose name starts with x are
    /// features, and columns whose name starts with y are targets, in the order of the file. The
    /// network must have an input per feature and an output per target.
    #[arg(long, value_name = "FILE.csv", verbatim_doc_comment)]
    pub(crate) data: Option<PathBuf>,

    /// What to print: readable tables, or JSON with all digits
    ///
    /// JSON output has one object per line: {"epoch":0,"loss":5.833616..} with all digits for
    /// each printed epoch, then {"final":{"weights":..,"biases":..,"predictions":..}} with a list
    /// per sample in "predictions". If there are two networks, all lines of the first network
    /// come first.
    #[arg(long, value_enum, default_value_t = Format::Text, verbatim_doc_comment)]
    pub(crate) format: Format,

    /// Draw the losses of all epochs, on a logarithmic scale, to this file
    ///
    /// The file is written after training, completely or not at all. Before training, the
    /// command checks that the file can be written.
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
          Saves a model for `mlp-demo predict` and a picture of losses and accuracies
  mlp-demo digits --optimizer adam --epochs 1000 --patience 10
          Uses Adam until the loss of a validation part stops improving"
)]
#[command(mut_arg("hidden", |arg| arg.default_value("256")))]
#[command(mut_arg("learning_rate", |arg| arg.default_value("0.3")))]
#[command(mut_arg("batch_size", |arg| arg.default_value("16")))]
pub(crate) struct DigitsArgs {
    /// Number of epochs, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 40, value_parser = positive)]
    pub(crate) epochs: u64,

    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

/// Learn the MNIST digits from the four IDX files
///
/// A network learns the training part by gradient descent, or Adam, on the softmax
/// cross-entropy, in mini-batches. The accuracy is measured on the test part. In a terminal, a
/// bar shows the progress; otherwise, a line is printed for each epoch. A confusion matrix is
/// printed last.
///
/// The seed determines the initial weights and the order of the samples.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct MnistArgs {
    /// Directory with the four files of MNIST
    ///
    /// The files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte
    /// and t10k-labels-idx1-ubyte. Each may be compressed with gzip and have .gz at the end of
    /// its name.
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    pub(crate) data: PathBuf,

    /// Number of epochs, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 10, value_parser = positive)]
    pub(crate) epochs: u64,

    #[command(flatten)]
    pub(crate) training: TrainingArgs,
}

// This struct has no doc comment, because clap would show it instead of those of the subcommands.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrainingArgs {
    /// Sizes of the hidden layers, such as 64,32 for two
    #[arg(long, value_name = "SIZES", default_value = "128", value_parser = sizes)]
    pub(crate) hidden: Sizes,

    /// The activation of the hidden layers
    ///
    /// One of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu,
    /// softplus, softsign, hard_tanh and mish, with PyTorch's default parameters.
    #[arg(long, value_name = "NAME", default_value = "leaky_relu", value_parser = models::activation,
          verbatim_doc_comment)]
    pub(crate) activation: ActivationKind,

    /// How weights are updated from the derivatives of the loss
    #[arg(long, value_name = "NAME", default_value = "gradient_descent", value_parser = optimizer::parser())]
    pub(crate) optimizer: OptimizerKind,

    /// Learning rate eta, a finite number above 0; the default for Adam is 0.001
    #[arg(long, value_name = "ETA", default_value = "0.2", value_parser = learning_rate, allow_hyphen_values = true,
          default_value_if("optimizer", "adam", "0.001"))]
    pub(crate) learning_rate: f64,

    /// Number of samples in a mini-batch, at least 1
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 32, value_parser = positive)]
    pub(crate) batch_size: u64,

    /// The seed of everything that is random
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    pub(crate) seed: u64,

    /// The number type to compute in
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    pub(crate) dtype: Dtype,

    /// Stop when the validation loss has not improved for this many epochs, at least 1
    ///
    /// The validation part is a tenth of each class of the training part, drawn with the seed.
    /// The accuracy after each epoch is then measured on the validation part. The network of the
    /// epoch with the least validation loss is tested and saved.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = positive, verbatim_doc_comment)]
    pub(crate) patience: Option<u64>,

    /// Save the trained model to this file
    ///
    /// The file records how pixels are scaled, the names of the classes, the seed and a hash of
    /// the training data. `mlp-demo predict`, `export` and `inspect` read it. PyTorch reads only
    /// the network, because the scaling of pixels is in the file's metadata, under `mlp`.
    /// The file is written after training, completely or not at all. If training diverges, it is
    /// not written. Before training, the command checks that the file can be written.
    #[arg(long, value_name = "FILE.safetensors", verbatim_doc_comment)]
    pub(crate) save: Option<PathBuf>,

    /// Save a checkpoint to this directory after each epoch and keep the last three
    ///
    /// The directory is created if it is missing. If the process is killed, --resume continues
    /// from the last complete checkpoint. Use the directory for one process at a time and for one
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
    let size = |(position, size): (usize, &str)| match size.trim().parse::<usize>() {
        Ok(0) => Err(format!(
            "expected sizes of at least 1, got 0 at position {}",
            position + 1
        )),
        Ok(size) => Ok(size),
        Err(error) => Err(format!("size {}: {error}", position + 1)),
    };
    text.split(',')
        .enumerate()
        .map(size)
        .collect::<Result<_, _>>()
        .map(Sizes)
}

fn layers(text: &str) -> Result<Sizes, String> {
    let sizes = sizes(text)?;
    match sizes.0.len() {
        0 | 1 => Err("expected at least 2 sizes (inputs, outputs), got 1".into()),
        _ => Ok(sizes),
    }
}

fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("expected a finite number, got {}", quoted(text.as_bytes()))),
    }
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match finite(text) {
        Ok(value) if value > 0.0 => Ok(value),
        _ => Err(format!(
            "expected a finite number above 0, got {}",
            quoted(text.as_bytes())
        )),
    }
}

fn positive(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".into()),
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

/// Checks that `value` is also a finite number in `dtype`, and that it does not become 0 there if it is not 0.
pub(crate) fn check_dtype(option: &str, value: f64, dtype: Dtype) -> Result<(), Error> {
    let rounded = dtype.round(value);
    if !rounded.is_finite() {
        Err(Error::unexpected(
            option,
            dtype.finite_number(),
            format_args!("{value:e}"),
        ))
    } else if rounded == 0.0 && value != 0.0 {
        Err(Error::unexpected(
            option,
            format_args!("a number that does not round to 0 in {dtype}"),
            format_args!("{value:e}"),
        ))
    } else {
        Ok(())
    }
}

/// Runs the command with the given arguments and returns its exit code: 0 for success, 1 if training diverged, 2 for
/// bad input. The first argument is the name of the program.
///
/// Results are written to standard output, and the message about a failure is written to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_all(arguments.into_iter().collect())
}

/// Does the work of [`run`]. It is not generic, so that it is compiled in this crate instead of in the binary.
fn run_all(arguments: Vec<OsString>) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(error) => {
            // Help and version go to standard output and are not failures. It is not an error if nobody reads them.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut output = Output::stdout();
    let result = match &command {
        Command::Notebook(args) => notebook::run(args, &mut output),
        Command::Digits(args) => classifier::digits(args, &mut output),
        Command::Mnist(args) => classifier::mnist(args, &mut output),
        Command::Predict(args) => predict::run(args, &mut output),
        Command::Export(args) => export::run(args, &mut output),
        Command::Inspect(args) => inspect::run(args, &mut output),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If the message cannot be written either, the exit code still reports the failure.
            let _ = writeln!(io::stderr(), "error: {}", one_line(&error.to_string()));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Parses the subcommand. If there is none, returns the notebook's experiment with its defaults.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    match Cli::try_parse_from(arguments)?.command {
        Some(command) => Ok(command),
        None => {
            let command = Cli::try_parse_from(["mlp-demo", "notebook"])?.command;
            Ok(command.expect("the subcommand is given"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_is_the_notebook_with_its_constants() {
        let Command::Notebook(args) = parse(["mlp-demo".into()]).unwrap() else {
            panic!("expected the notebook command")
        };
        assert_eq!((args.learning_rate, args.negative_slope), (0.1, 0.01));
        assert_eq!((args.epochs, args.print_every, args.dtype), (100, 5, Dtype::F64));
        assert!(args.layers.is_none() && args.seed.is_none() && args.weights.is_none() && args.data.is_none());
    }

    #[test]
    fn sizes_are_checked() {
        assert_eq!(layers("1,4, 3 ,1"), Ok(Sizes(vec![1, 4, 3, 1])));
        assert_eq!(sizes("128"), Ok(Sizes(vec![128])));
        assert_eq!(
            layers("3").unwrap_err(),
            "expected at least 2 sizes (inputs, outputs), got 1"
        );
        assert_eq!(
            layers("1,0,1").unwrap_err(),
            "expected sizes of at least 1, got 0 at position 2"
        );
        assert_eq!(
            layers("1,,1").unwrap_err(),
            "size 2: cannot parse integer from empty string"
        );
        assert_eq!(layers("1,-2").unwrap_err(), "size 2: invalid digit found in string");
        assert!(layers("1,99999999999999999999").unwrap_err().contains("too large"));
    }

    #[test]
    fn numbers_are_checked_in_the_type_they_are_used_in() {
        assert_eq!(learning_rate("1e-3"), Ok(1e-3));
        for text in ["0", "-0", "-1", "nan", "inf", "-inf", "1e999", "abc", ""] {
            assert_eq!(
                learning_rate(text).unwrap_err(),
                format!("expected a finite number above 0, got `{text}`")
            );
        }
        for text in ["nan", "-inf", "1e999", "abc", ""] {
            assert_eq!(
                finite(text).unwrap_err(),
                format!("expected a finite number, got `{text}`")
            );
        }
        assert_eq!(finite("-0.5"), Ok(-0.5));
        assert!(check_dtype("--x", 0.0, Dtype::F32).is_ok() && check_dtype("--x", 1e300, Dtype::F64).is_ok());
        let message = |value| check_dtype("--x", value, Dtype::F32).unwrap_err().to_string();
        assert_eq!(
            message(-1e300),
            "--x: expected a finite number (in f32: at most 3.4e38), got -1e300"
        );
        assert_eq!(
            message(1e-300),
            "--x: expected a number that does not round to 0 in f32, got 1e-300"
        );
    }
}
