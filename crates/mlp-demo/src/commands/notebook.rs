//! `mlp-demo notebook`: runs the experiment, with any of its constants changed.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::iter;

use mlp_core::activations::LeakyRelu;
use mlp_core::{Dataset, Mlp};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Dtype, Number};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;
use crate::experiment::Run;
use crate::files::{self, Files};
use crate::notebook::{self, Experiment};
use crate::number::{check_option, dtype};
use crate::options::{Format, NotebookArgs};
use crate::plot::{Curve, loss_curves};
use crate::printer::Printer;
use crate::samples;
use crate::terminal_curve::terminal_curve;
use crate::text::{aligned, cells, counted, exact, list, predicted};
use crate::weights::{Weights, check_sizes};

/// Runs the experiment that `args` describe.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written, or if training diverges.
pub(crate) fn run(args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
    match args.dtype {
        Dtype::F32 => run_as::<f32>(args, printer),
        _ => run_as::<f64>(args, printer),
    }
}

fn run_as<T: Element + Number>(args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
    check_option::<T>("--learning-rate", args.learning_rate)?;
    check_option::<T>("--negative-slope", args.negative_slope)?;
    let data = match &args.data {
        Some(path) => samples::read::<T>(path)?,
        None => notebook::samples(),
    };
    // All runs are prepared before the first line is written, so that bad input leaves no partial output.
    let mut jobs = jobs(args, &data)?;
    let read = [&args.weights, &args.data].into_iter().flatten().cloned();
    Files::reading(read).writing("--plot", args.plot.as_deref())?;

    for (i, job) in jobs.iter_mut().enumerate() {
        if args.format == Format::Text {
            if i > 0 {
                writeln!(printer)?;
            }
            write_heading(args, job, printer)?;
        }
        for epoch in 0..args.epochs {
            if printer.is_closed() && args.plot.is_none() {
                return Ok(());
            }
            let loss = job.run.epoch()?;
            job.losses.push(loss);
            if epoch.is_multiple_of(args.print_every) {
                match args.format {
                    Format::Text => writeln!(printer, "{}", text(epoch, loss, job.recorded_loss(epoch)))?,
                    Format::Json => writeln!(printer, "{}", json!({ "epoch": epoch, "loss": loss }))?,
                }
            }
        }
        match args.format {
            Format::Text => write_results(args, job, printer)?,
            Format::Json => writeln!(printer, "{}", last_line(&job.run)?)?,
        }
    }

    if let Some(path) = &args.plot {
        let curves = jobs.iter().map(|job| Curve {
            name: format!("{:?}", job.run.network.layer_sizes()),
            values: &job.losses,
        });
        let curves: Vec<_> = curves.collect();
        files::write(path, loss_curves("loss before each epoch's update", &curves).as_bytes())?;
        if args.format == Format::Text {
            writeln!(printer, "\nLoss curves: {}", path.display())?;
        }
    }
    Ok(())
}

/// A network to train.
struct Job<'a, T: Element> {
    run: Run<'a, T>,
    /// The origin of its initial weights, as it is printed.
    origin: String,
    /// The recorded run that this one repeats.
    recorded: Option<Experiment>,
    /// The losses so far, with room for all epochs.
    losses: Vec<f64>,
}

impl<T: Element> Job<'_, T> {
    fn recorded_loss(&self, epoch: u64) -> Option<f64> {
        self.recorded.as_ref()?.recorded_loss(epoch)
    }
}

/// Formats the line of an epoch.
fn text(epoch: u64, loss: f64, recorded: Option<f64>) -> String {
    let line = format!("Epoch {epoch} - Loss: {loss:.6}");
    match recorded {
        Some(recorded) => {
            let verdict = if agree(loss, recorded) { "" } else { "   differs" };
            format!("{line}   recorded: {recorded:.6}{verdict}")
        }
        None => line,
    }
}

/// Returns whether two losses are printed as the same number.
fn agree(loss: f64, recorded: f64) -> bool {
    format!("{loss:.6}") == format!("{recorded:.6}")
}

/// Prepares the runs of the networks, after checking them against the samples.
fn jobs<'a, T: Element + Number>(args: &NotebookArgs, data: &'a Dataset<Matrix<T>>) -> Result<Vec<Job<'a, T>>, Error> {
    // The losses were recorded with these constants, so they apply to no others.
    let same = args.data.is_none()
        && args.dtype == Dtype::F64
        && args.learning_rate == notebook::LEARNING_RATE
        && args.negative_slope == notebook::NEGATIVE_SLOPE;
    let job = |network: Mlp<Matrix<T>>, origin: String, recorded: Option<Experiment>| {
        check_samples(args, data, &network)?;
        Ok(Job {
            run: Run::new(network, data, args.learning_rate)?,
            origin,
            recorded: recorded.filter(|_| same),
            losses: losses(args.epochs)?,
        })
    };
    if let Some(path) = &args.weights {
        let origin = path.display().to_string();
        let network = Weights::read(path)?.network(&origin, LeakyRelu::new(args.negative_slope)?)?;
        if let Some(layers) = &args.layers {
            check_sizes(&origin, &network.layer_sizes(), &layers.0)?;
        }
        return Ok(vec![job(network, origin, None)?]);
    }
    let drawn = |layers: &[usize], seed: u64| {
        let deviation = notebook::STANDARD_DEVIATION;
        let origin = format!("drawn from N(0, {deviation}^2) with seed {seed}; biases 0");
        job(notebook::drawn(layers, seed, args.negative_slope)?, origin, None)
    };
    let embedded = |experiment: Experiment| {
        let origin = "recovered from the losses the notebook printed (its run was not seeded); biases 0";
        let network = experiment.network(args.negative_slope)?;
        job(network, origin.to_owned(), Some(experiment))
    };
    let mut experiments = notebook::experiments().into_iter();
    match (&args.layers, args.seed) {
        (None, None) => experiments.map(embedded).collect(),
        (None, Some(seed)) => experiments.map(|it| drawn(&it.layers, seed)).collect(),
        (Some(layers), seed) => match experiments.find(|it| it.layers == layers.0 && seed.is_none()) {
            Some(experiment) => Ok(vec![embedded(experiment)?]),
            None => Ok(vec![drawn(&layers.0, seed.unwrap_or(0))?]),
        },
    }
}

/// Checks that the network has an input per feature and an output per target.
fn check_samples<T: Element>(
    args: &NotebookArgs,
    data: &Dataset<Matrix<T>>,
    network: &Mlp<Matrix<T>>,
) -> Result<(), Error> {
    let expected = (network.inputs(), network.outputs());
    let got = (data.input().rows(), data.target().rows());
    if got == expected {
        return Ok(());
    }
    let source = args.data.as_ref().map(|path| path.display().to_string());
    let source = source.unwrap_or_else(|| "the notebook's samples (use --data for others)".to_owned());
    let counts = |(x, y)| format!("{} and {}", counted(x, "feature"), counted(y, "target"));
    let layers = list(&network.layer_sizes());
    let expected = format!("{} for the layers {layers}", counts(expected));
    Err(Error::unexpected(source, expected, counts(got)))
}

/// Allocates room for the loss of every epoch.
fn losses(epochs: u64) -> Result<Vec<f64>, Error> {
    let mut losses = Vec::new();
    let bytes = u128::from(epochs) * size_of::<f64>() as u128;
    if usize::try_from(epochs).is_ok_and(|epochs| losses.try_reserve_exact(epochs).is_ok()) {
        return Ok(losses);
    }
    let expected = "a number of epochs whose losses fit in memory";
    let got = format!("{epochs}, whose losses need {bytes} bytes");
    Err(Error::unexpected("--epochs", expected, got))
}

fn write_heading<T: Element + Number>(
    args: &NotebookArgs,
    job: &Job<'_, T>,
    printer: &mut Printer,
) -> Result<(), Error> {
    let network = &job.run.network;
    writeln!(
        printer,
        "Network {:?}: {} in {}, leaky ReLU with slope {}, learning rate {}, {}",
        network.layer_sizes(),
        counted(network.parameter_count(), "parameter"),
        dtype::<T>(),
        exact(args.negative_slope),
        exact(args.learning_rate),
        counted(job.run.data.len(), "sample"),
    )?;
    writeln!(printer, "Initial weights: {}\n", job.origin)
}

fn write_results<T: Element>(args: &NotebookArgs, job: &Job<'_, T>, printer: &mut Printer) -> Result<(), Error> {
    let predictions = job.run.predictions()?;
    let printed = (0..)
        .zip(&job.losses)
        .filter(|&(epoch, _)| u64::is_multiple_of(epoch, args.print_every));
    let compared = printed.filter_map(|(epoch, &loss)| Some(agree(loss, job.recorded_loss(epoch)?)));
    let compared: Vec<bool> = compared.collect();
    if !compared.is_empty() {
        writeln!(
            printer,
            "{} of {} losses agree with the recorded ones to the last digit",
            compared.iter().filter(|&&agrees| agrees).count(),
            compared.len()
        )?;
    }
    if printer.is_terminal() {
        let curve = terminal_curve(&job.losses, 60, 10);
        if !curve.is_empty() {
            writeln!(printer, "\n{curve}")?;
        }
    }
    writeln!(printer, "\nPredictions after {}:", counted(job.losses.len(), "epoch"))?;
    writeln!(printer, "{}", predictions_table(job.run.data, &predictions))
}

/// Formats a table with a row per sample: its features, its targets and its predictions. Rows and numbers that would be
/// too many to read are left out.
fn predictions_table<T: Element>(data: &Dataset<Matrix<T>>, predictions: &[Vec<f64>]) -> String {
    const MOST_ROWS: usize = 20;
    const MOST_NUMBERS: usize = 4;
    let names = |name: &str, n: usize| {
        let numbered = |i| if n == 1 { name.to_owned() } else { format!("{name}{i}") };
        cells((0..n).map(|i| numbered(i + 1)), MOST_NUMBERS)
    };
    let numbers = |values: &[T]| cells(values.iter().map(|&value| number(value, value.to_f64())), MOST_NUMBERS);

    let (features, targets) = (data.input().rows(), data.target().rows());
    let header = [
        names("x", features),
        names("target ", targets),
        names("prediction ", targets),
    ];
    let samples = data.input().iter_columns().zip(data.target().iter_columns());
    let rows = samples.zip(predictions).take(MOST_ROWS).map(|((x, y), p)| {
        let predictions = p.iter().map(|&p| predicted(p));
        [numbers(x), numbers(y), cells(predictions, MOST_NUMBERS)]
    });
    let rows: Vec<_> = iter::once(header).chain(rows).map(|groups| groups.concat()).collect();

    let mut lines = aligned(&rows);
    if predictions.len() > MOST_ROWS {
        let more = counted(predictions.len() - MOST_ROWS, "more sample");
        lines.push(format!("  and {more}"));
    }
    lines.join("\n")
}

/// Formats a number from a file, whose value is `value`, as it is, or shortened if it is long.
fn number(number: impl Debug, value: f64) -> String {
    let text = exact(number);
    if text.len() <= 10 { text } else { predicted(value) }
}

#[derive(Serialize)]
struct Final {
    #[serde(flatten)]
    weights: Weights,
    predictions: Vec<Vec<f64>>,
}

/// Returns the last line of a network in `--format json`.
fn last_line<T: Element>(run: &Run<'_, T>) -> Result<String, Error> {
    let (weights, predictions) = (Weights::of(&run.network), run.predictions()?);
    let line = BTreeMap::from([("final", Final { weights, predictions })]);
    Ok(serde_json::to_string(&line).expect("numbers and lists of numbers are valid JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_differs_from_the_recorded_one_says_so() {
        assert_eq!(
            text(5, 2.902_166_4, Some(2.902_166)),
            "Epoch 5 - Loss: 2.902166   recorded: 2.902166"
        );
        assert_eq!(
            text(5, 2.902_166_6, Some(2.902_166)),
            "Epoch 5 - Loss: 2.902167   recorded: 2.902166   differs"
        );
        assert_eq!(text(6, 2.5, None), "Epoch 6 - Loss: 2.500000");
    }

    #[test]
    fn predictions_are_a_table() {
        let table = predictions_table(&notebook::samples::<f64>(), &[vec![2.5], vec![-1.0], vec![1e9]]);
        let expected = [
            "   x  target  prediction",
            "   2       3    2.500000",
            "  -1       1   -1.000000",
            "   3       5  1.000000e9",
        ];
        assert_eq!(table, expected.join("\n"), "\n{table}");
    }

    #[test]
    fn large_tables_are_cut() {
        let samples = Dataset::new(
            Matrix::from_fn(6, 25, |_, _| 0.1_f32),
            Matrix::from_fn(2, 25, |_, _| 1.0),
        );
        let samples = samples.unwrap();
        let table = predictions_table(&samples, &vec![vec![0.25; 2]; 25]);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 22);
        assert_eq!(
            lines[0],
            "   x1   x2   x3   x4  ..  target 1  target 2  prediction 1  prediction 2"
        );
        assert_eq!(
            lines[1],
            "  0.1  0.1  0.1  0.1  ..         1         1      0.250000      0.250000"
        );
        assert_eq!(lines[21], "  and 5 more samples");
    }

    #[test]
    fn numbers_are_short() {
        let short = [3.0, -0.5, 0.1 + 0.2, 1e300, 1e-12, 123_456_789_012.0].map(|it| number(it, it));
        assert_eq!(short, ["3", "-0.5", "0.300000", "1e300", "1e-12", "1.234568e11"]);
        assert_eq!(number(0.1_f32, 0.1_f32.into()), "0.1");
    }
}
