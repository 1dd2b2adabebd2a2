//! The options of the subcommands, and the checks that need nothing but the option itself.

use crate::writer;
use clap::{Args, ValueEnum};
use mlp_core::{ActivationKind, NoCustom};
use mlp_io::quoted;
use mlp_table::{FoldBy, Inference, Kind, Reader, Recipe, TableOptions};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Train a model on a table, and report how good it is
///
/// Finds out what the columns are, trains networks on parts of the rows, and measures on the
/// rows that a network was not trained on how good it is. Writes the model and a report, a web
/// page that shows what was found; open it in a browser.
///
/// Ctrl-C ends training and keeps the best model so far.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp train houses.csv --target price
          Writes houses.safetensors, the model, and houses.html, the report
  mlp train visits.parquet --target returns --group customer --kind zip=category
          Keeps the rows of a customer together, and takes zip for names, not numbers
  mlp train sales.csv.gz --target units --time day --recipe tabm --no-report
          Tests on later days than it trains on"
)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(crate) learning: LearningArgs,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// The file of the model [default: the name of DATA with .safetensors, here]
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) save: Option<PathBuf>,

    /// The file of the report [default: the name of DATA with .html, here]
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,

    /// Write no report
    #[arg(long, conflicts_with = "report")]
    pub(crate) no_report: bool,

    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,

    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Test how well a recipe learns a table, without keeping a model
///
/// Divides the rows into folds. For each fold, a whole model is trained without its rows and
/// tested on them. The scores are those of the whole procedure, and take as many times as long
/// as `train`.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp cross-validate houses.csv --target price
          The scores of 5 folds together, with intervals
  mlp cross-validate houses.csv --target price --recipe td-s --out folds.csv --keep id
          Also writes the prediction for every row by a model that has not seen it"
)]
pub(crate) struct CrossValidateArgs {
    #[command(flatten)]
    pub(crate) learning: LearningArgs,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    #[command(flatten)]
    pub(crate) out: OutArgs,

    /// How to print the scores
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Search for better settings of a recipe, and keep the best model
///
/// Trains models with settings that are drawn at random, after one with the recipe as it is, and
/// compares them on rows that they were not trained on. The settings are learning rate, weight
/// decay, dropout, width and number of layers, drawn from the space that RealMLP has in TabArena
/// (the learning rate of plain from 0.0001 to 0.01).
///
/// The best model is saved as soon as it is found, and each finished trial is added to a file.
/// The same command continues after them; with the same seed the trials are the same. Run it once at
/// a time for each file of trials. A search on standard input cannot be continued.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp tune houses.csv --target price --budget 10m
          Starts trials for ten minutes; writes houses.tuned.safetensors, the best model, and
          houses.trials.json
  mlp tune houses.csv --target price --trials 100
          Continues until there are 100 trials"
)]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    pub(crate) learning: LearningArgs,

    /// The number of trials, with those of earlier runs
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "50", value_parser = at_least::<1>)]
    pub(crate) trials: usize,

    /// Start no trial after this time, such as 90s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) budget: Option<Duration>,

    /// The file of the trials [default: the name of DATA with .trials.json, here]
    #[arg(long, value_name = "FILE.json")]
    pub(crate) trials_file: Option<PathBuf>,

    /// The file of the best model [default: the name of DATA with .tuned.safetensors, here]
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) save: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// Begin anew, and replace files that exist
    #[arg(long)]
    pub(crate) force: bool,

    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Print what a model predicts for the rows of a table
///
/// Columns are found by name, in any order. The result has the columns of --keep, then
/// `prediction` (a number, or a class as it was written in the training data), for classes
/// `probability:CLASS` each, and with --interval `lower` and `upper`. Rows stay in their order.
/// Kept columns are written as they are in DATA: those of a text file as text. The table is read in
/// parts, so its length does not matter, except for Parquet from standard input or in a .gz file.
///
/// Networks that this library or PyTorch saved predict too: `prediction`, or `output 1`,
/// `output 2`, ... without classes. All their columns are numbers.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp predict --model houses.safetensors new.csv --keep id > prices.csv
          Prices of new houses beside their column id
  mlp predict --model houses.safetensors new.csv --interval 0.9 --out prices.parquet
          With the limits between which 90 of 100 prices lie
  zcat new.csv.gz | mlp predict --model houses.safetensors - --format json
          From standard input, an object per row
  mlp predict --model torch.safetensors --activation tanh samples.csv
          With a network of PyTorch, an nn.Sequential of nn.Linear layers"
)]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    #[command(flatten)]
    pub(crate) out: OutArgs,

    /// How to write the predictions [default: as the name of --out ends; csv without one]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<writer::Format>,

    /// Add the limits between which the target lies with this probability, such as 0.9
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub(crate) interval: Option<f64>,
}

/// Measure how well a model predicts a table whose target is known
///
/// Up to 20 classes have a confusion matrix; with --format json up to 1,000, else it is null.
#[derive(Clone, Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_long_help = "\
Examples:
  mlp evaluate --model houses.safetensors sold.csv
          The error of the model for houses that were sold since, with 95 % intervals
  mlp evaluate --model houses.safetensors sold.csv --format json
          The same for a program"
)]
pub(crate) struct EvaluateArgs {
    /// The model that `mlp train` saved
    #[arg(long, value_name = "FILE.safetensors")]
    pub(crate) model: PathBuf,

    #[command(flatten)]
    pub(crate) data: DataArgs,

    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// Print what a model file records: columns or layers, scores, origin
///
/// A file of PyTorch records only the layers and parameters; with --activation, the activations
/// are printed too.
#[derive(Clone, Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// What to print; json only for a model of a table
    #[arg(long, value_enum, default_value_t = Format::Text)]
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
  mlp export --model houses.safetensors --to onnx --out houses.onnx
          The whole model for onnxruntime: an input for each column, as it is in the table
  mlp export --model torch.safetensors --activation relu --to npz --out torch.npz
          A network of PyTorch for scikit-learn"
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

    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
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

// The variants have no doc comments, so that help lists only their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

// These structs have no doc comments, because clap would show them instead of those of the subcommands.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataArgs {
    /// The table: CSV or TSV, plain or .gz, or Parquet; - is standard input
    ///
    /// Text is UTF-8, or UTF-16 with a byte order mark, and has a header with the names of the
    /// columns.
    #[arg(id = "data", value_name = "DATA", verbatim_doc_comment)]
    pub(crate) path: PathBuf,

    /// The character between the cells of a text file [default: a comma, in .tsv files a tab]
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    pub(crate) separator: Option<u8>,
}

impl DataArgs {
    pub(crate) fn reader(&self) -> Reader {
        let reader = Reader::new();
        self.separator.map_or(reader.clone(), |it| reader.separator(it))
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct LearningArgs {
    /// The column to predict: a number, or a class
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: String,

    /// How networks are built and trained
    #[arg(long, value_name = "RECIPE", default_value = "auto", value_parser = clap::builder::PossibleValuesParser::new(
        ["auto", "plain", "td-s", "td", "tabm"]))]
    pub(crate) recipe: String,

    /// The seed of everything that is random
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0)]
    pub(crate) seed: u64,

    /// The number of folds
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value = "5", value_parser = at_least::<2>)]
    pub(crate) folds: usize,

    /// Keep rows with the same value of this column in the same fold
    #[arg(long, value_name = "COLUMN", conflicts_with = "time")]
    pub(crate) group: Option<String>,

    /// Test on later rows than those to train on, by this column of dates or numbers
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,

    /// Take a column for what it is: number, category, boolean, date, or text to leave it out
    #[arg(long, value_name = "COLUMN=KIND", value_parser = kind)]
    pub(crate) kind: Vec<(String, Kind)>,

    /// A text that stands for a missing value, instead of NA, N/A, NaN, null and ?
    ///
    /// The model remembers it for the tables to predict.
    #[arg(long, value_name = "TEXT")]
    pub(crate) missing: Vec<String>,
}

impl LearningArgs {
    /// Returns the options of training. `data` is a hash of the data.
    pub(crate) fn options(&self, data: Option<String>) -> TableOptions {
        let mut inference = Inference::default();
        if !self.missing.is_empty() {
            inference = inference.missing(&self.missing);
        }
        for (column, kind) in &self.kind {
            inference = inference.kind(column, *kind);
        }
        TableOptions {
            recipe: Recipe::from_str(&self.recipe).expect("the parser accepts only names of recipes"),
            seed: self.seed,
            folds: self.folds,
            fold_by: match (&self.group, &self.time) {
                (Some(column), _) => FoldBy::Group(column.clone()),
                (_, Some(column)) => FoldBy::Time(column.clone()),
                _ => FoldBy::Row,
            },
            inference,
            data,
            ..TableOptions::default()
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct OutArgs {
    /// Copy this column of DATA to the predictions; repeat it for more columns
    #[arg(long, value_name = "COLUMN")]
    pub(crate) keep: Vec<String>,

    /// The file of the predictions: .csv, .json, .jsonl, .ndjson or .parquet
    ///
    /// It is written completely or not at all.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// The model file, saved by `mlp train`, by this library or by PyTorch
    #[arg(id = "model", long, value_name = "FILE.safetensors")]
    pub(crate) path: PathBuf,

    /// The activation of the hidden layers; allowed only for files of PyTorch
    ///
    /// One of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu,
    /// softplus, softsign, hard_tanh and mish, with PyTorch's default parameters. The last layer
    /// is linear.
    #[arg(long, value_name = "NAME", value_parser = activation, verbatim_doc_comment)]
    pub(crate) activation: Option<ActivationKind>,
}

fn activation(name: &str) -> Result<ActivationKind, String> {
    let known = ActivationKind::<NoCustom>::NAMES.join(", ");
    name.parse().map_err(|_| format!("expected one of {known}"))
}

fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|&number| number >= LEAST);
    number.ok_or_else(|| format!("expected a whole number of at least {LEAST}"))
}

/// Reads a time such as `90s`, `10m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(*seconds).filter(|&seconds| seconds > 0)
    });
    let seconds = seconds.ok_or("expected a time such as 90s, 10m or 2h")?;
    Ok(Duration::from_secs(seconds))
}

fn level(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(level) if 0.0 < level && level < 1.0 => Ok(level),
        _ => Err("expected a number between 0 and 1, such as 0.9".into()),
    }
}

fn separator(text: &str) -> Result<u8, String> {
    match text {
        "\\t" | "tab" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' || matches!(byte, b'\t' | b' ') => Ok(*byte),
            _ => Err("expected one character, such as ; or |, or tab".into()),
        },
    }
}

fn kind(text: &str) -> Result<(String, Kind), String> {
    let kinds = [Kind::Number, Kind::Category, Kind::Boolean, Kind::Date, Kind::Text];
    // The name of a column may contain the sign.
    let (column, name) = text.rsplit_once('=').ok_or("expected COLUMN=KIND")?;
    let kind = kinds.into_iter().find(|kind| kind.to_string() == name);
    let known = "number, category, boolean, date or text";
    let kind = kind.ok_or_else(|| format!("expected a kind after the sign =: {known}, got {}", quoted(name)))?;
    Ok((column.to_owned(), kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        assert_eq!(kind("a=b=date").unwrap(), ("a=b".into(), Kind::Date));
        assert!(kind("zip").is_err());
        assert_eq!(
            kind("zip=word").unwrap_err(),
            "expected a kind after the sign =: number, category, boolean, date or text, got `word`"
        );
        assert_eq!(
            [";", "tab", "\\t", " "].map(|text| separator(text).unwrap()),
            *b";\t\t "
        );
        for text in ["", ";;", "\"", "x", "\n", "é"] {
            assert!(separator(text).is_err(), "{text:?}");
        }
        let seconds = |text| duration(text).map(|time| time.as_secs());
        assert_eq!(
            [seconds("90s"), seconds("10m"), seconds("2h")],
            [Ok(90), Ok(600), Ok(7200)]
        );
        for text in ["", "10", "m", "0s", "-1m", "1.5h", "99999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(level("0.9"), Ok(0.9));
        for text in ["0", "1", "90", "-0.1", "nan", "x"] {
            assert!(level(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_activation_is_known_by_its_name() {
        for name in ActivationKind::<NoCustom>::NAMES {
            assert_eq!(activation(name).unwrap().name(), *name);
        }
    }
}
