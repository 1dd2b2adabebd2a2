//! `mlp-demo notebook`: runs the experiment, with any of its constants changed.

use std::fmt::Display;
use std::io::Write;
use std::iter;

use mlp_cpu::Element;
use serde::Serialize;

use super::{aligned, cells, exact, predicted};
use crate::cli::{Format, NotebookArgs, check_dtype};
use crate::dtype::Dtype;
use crate::error::{Error, counted};
use crate::experiment::{Run, Setup, Start};
use crate::notebook::{self, Experiment};
use crate::output::Output;
use crate::output_file::Files;
use crate::plot::{Curve, loss_curves};
use crate::samples::Samples;
use crate::terminal_curve::terminal_curve;
use crate::weights::Weights;

/// Runs the experiment that `args` describe.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written, or if training diverges.
pub(crate) fn run<W: Write>(args: &NotebookArgs, output: &mut Output<W>) -> Result<(), Error> {
    match args.dtype {
        Dtype::F32 => run_as::<f32, _>(args, output),
        Dtype::F64 => run_as::<f64, _>(args, output),
    }
}

fn run_as<T: Element, W: Write>(args: &NotebookArgs, output: &mut Output<W>) -> Result<(), Error> {
    let jobs = jobs(args)?;
    let read = [&args.weights, &args.data].into_iter().flatten().cloned();
    let plot = Files::default().reading(read).output("--plot", args.plot.as_deref())?;
    // All runs are prepared before the first line is written, so that bad input leaves no partial output.
    let runs = jobs
        .iter()
        .map(|job| Run::<T>::new(&job.setup))
        .collect::<Result<Vec<_>, _>>()?;
    let mut losses = jobs
        .iter()
        .map(|_| losses(args.epochs))
        .collect::<Result<Vec<_>, _>>()?;

    for (i, ((job, mut run), losses)) in jobs.iter().zip(runs).zip(&mut losses).enumerate() {
        if args.format == Format::Text {
            if i > 0 {
                output.line(format_args!(""))?;
            }
            write_heading(args, job, &run, output)?;
        }
        for epoch in 0..args.epochs {
            if output.is_closed() && plot.is_none() {
                return Ok(());
            }
            let loss = run.epoch()?;
            losses.push(loss);
            if epoch.is_multiple_of(args.print_every) {
                match args.format {
                    Format::Text => output.line(format_args!("{}", job.text(epoch, loss)))?,
                    Format::Json => output.line(format_args!("{}", json(&Line { epoch, loss })))?,
                }
            }
        }
        match args.format {
            Format::Text => write_results(args, job, &run, losses, output)?,
            Format::Json => output.line(format_args!("{}", last_line(&run)?))?,
        }
    }

    if let (Some(plot), Some(path)) = (plot, &args.plot) {
        let curve = |(job, losses): (&Job, &Vec<f64>)| Curve {
            name: list(&job.layers),
            points: points(losses),
        };
        let curves: Vec<_> = jobs.iter().zip(&losses).map(curve).collect();
        plot.write(loss_curves("loss before each epoch's update", &curves).as_bytes())?;
        if args.format == Format::Text {
            output.line(format_args!("\nLoss curves: {}", path.display()))?;
        }
    }
    Ok(())
}

/// A network to train.
struct Job {
    layers: Vec<usize>,
    setup: Setup,
    /// The origin of its weights, as it is printed.
    origin: String,
    /// The recorded run that this one repeats.
    recorded: Option<Experiment>,
}

impl Job {
    /// Formats the line of an epoch.
    fn text(&self, epoch: u64, loss: f64) -> String {
        let line = format!("Epoch {epoch} - Loss: {loss:.6}");
        match self.recorded_loss(epoch) {
            Some(recorded) => {
                let verdict = if agree(loss, recorded) { "" } else { "   differs" };
                format!("{line}   recorded: {recorded:.6}{verdict}")
            }
            None => line,
        }
    }

    fn recorded_loss(&self, epoch: u64) -> Option<f64> {
        self.recorded.as_ref()?.recorded_loss(epoch)
    }
}

/// Returns whether two losses are printed as the same number.
fn agree(loss: f64, recorded: f64) -> bool {
    format!("{loss:.6}") == format!("{recorded:.6}")
}

/// Returns the networks to train, after checking them against the samples.
fn jobs(args: &NotebookArgs) -> Result<Vec<Job>, Error> {
    check_dtype("--learning-rate", args.learning_rate, args.dtype)?;
    check_dtype("--negative-slope", args.negative_slope, args.dtype)?;
    let (samples, source) = match &args.data {
        Some(path) => (Samples::read(path, args.dtype)?, path.display().to_string()),
        None => (
            notebook::samples(),
            "the notebook's samples (use --data for others)".to_owned(),
        ),
    };

    // The losses were recorded with these constants, so they apply to no others.
    let recorded = args.data.is_none()
        && args.dtype == Dtype::F64
        && args.learning_rate == notebook::LEARNING_RATE
        && args.negative_slope == notebook::NEGATIVE_SLOPE;
    let job = |start: Start, origin: String, experiment: Option<Experiment>| -> Result<Job, Error> {
        let layers = start.layers();
        check_samples(&source, &samples, &layers)?;
        let samples = samples.clone();
        let setup = Setup {
            start,
            samples,
            learning_rate: args.learning_rate,
            negative_slope: args.negative_slope,
        };
        Ok(Job {
            layers,
            setup,
            origin,
            recorded: experiment.filter(|_| recorded),
        })
    };
    let drawn = |layers: Vec<usize>, seed: u64| {
        let origin = format!(
            "drawn from N(0, {}^2) with seed {seed}; biases 0",
            notebook::STANDARD_DEVIATION
        );
        job(Start::Drawn { layers, seed }, origin, None)
    };
    let embedded = |experiment: Experiment| {
        let origin = "recovered from the losses the notebook printed (its run was not seeded); biases 0";
        job(
            Start::Given(experiment.weights.clone()),
            origin.to_owned(),
            Some(experiment),
        )
    };

    let experiments = notebook::experiments();
    match (&args.weights, &args.layers, args.seed) {
        (Some(path), layers, _) => {
            let weights = Weights::read(path)?;
            if let Some(layers) = layers {
                weights.check_sizes(path.display(), &layers.0)?;
            }
            weights.check_dtype(path.display(), args.dtype)?;
            Ok(vec![job(Start::Given(weights), path.display().to_string(), None)?])
        }
        (None, None, None) => experiments.into_iter().map(embedded).collect(),
        (None, None, Some(seed)) => experiments.into_iter().map(|it| drawn(it.layers, seed)).collect(),
        (None, Some(layers), seed) => {
            let experiment = experiments
                .into_iter()
                .find(|it| it.layers == layers.0 && seed.is_none());
            let job = match experiment {
                Some(experiment) => embedded(experiment),
                None => drawn(layers.0.clone(), seed.unwrap_or(0)),
            };
            Ok(vec![job?])
        }
    }
}

/// Checks that a network of the given layers has an input per feature and an output per target.
fn check_samples(source: &str, samples: &Samples, layers: &[usize]) -> Result<(), Error> {
    let (inputs, outputs) = (layers[0], layers[layers.len() - 1]);
    if (samples.features, samples.outputs) == (inputs, outputs) {
        return Ok(());
    }
    let counts = |features, targets| format!("{} and {}", counted(features, "feature"), counted(targets, "target"));
    let expected = format!("{} for the layers {}", counts(inputs, outputs), sizes(layers));
    Err(Error::unexpected(
        source,
        expected,
        counts(samples.features, samples.outputs),
    ))
}

/// Allocates room for the loss of every epoch.
fn losses(epochs: u64) -> Result<Vec<f64>, Error> {
    let mut losses = Vec::new();
    match usize::try_from(epochs)
        .ok()
        .and_then(|epochs| losses.try_reserve_exact(epochs).ok())
    {
        Some(()) => Ok(losses),
        None => {
            let bytes = u128::from(epochs) * size_of::<f64>() as u128;
            Err(Error::unexpected(
                "--epochs",
                "a number of epochs whose losses fit in memory",
                format_args!("{epochs}, whose losses need {bytes} bytes"),
            ))
        }
    }
}

fn points(losses: &[f64]) -> Vec<(usize, f64)> {
    losses.iter().copied().enumerate().collect()
}

fn write_heading<T: Element, W: Write>(
    args: &NotebookArgs,
    job: &Job,
    run: &Run<T>,
    output: &mut Output<W>,
) -> Result<(), Error> {
    output.line(format_args!(
        "Network {}: {} in {}, leaky ReLU with slope {}, learning rate {}, {}",
        list(&job.layers),
        counted(run.network().parameter_count(), "parameter"),
        args.dtype,
        exact(args.negative_slope),
        exact(args.learning_rate),
        counted(job.setup.samples.count(), "sample"),
    ))?;
    output.line(format_args!("Initial weights: {}\n", job.origin))
}

fn write_results<T: Element, W: Write>(
    args: &NotebookArgs,
    job: &Job,
    run: &Run<T>,
    losses: &[f64],
    output: &mut Output<W>,
) -> Result<(), Error> {
    let predictions = run.predictions()?;
    let compared = || {
        let printed = (0..)
            .zip(losses)
            .filter(|&(epoch, _)| u64::is_multiple_of(epoch, args.print_every));
        printed.filter_map(|(epoch, &loss)| Some((loss, job.recorded_loss(epoch)?)))
    };
    let total = compared().count();
    if total > 0 {
        let agreeing = compared().filter(|&(loss, recorded)| agree(loss, recorded)).count();
        output.line(format_args!(
            "{agreeing} of {total} losses agree with the recorded ones to the last digit"
        ))?;
    }
    if output.is_terminal() {
        let curve = terminal_curve(&points(losses), 60, 10);
        if !curve.is_empty() {
            output.line(format_args!("\n{curve}"))?;
        }
    }
    output.line(format_args!("\nPredictions after {}:", counted(losses.len(), "epoch")))?;
    output.line(format_args!("{}", predictions_table(&job.setup.samples, &predictions)))
}

/// Formats a table with a row per sample: its features, its targets and its predictions. Rows and numbers that would be
/// too many to read are left out.
fn predictions_table(samples: &Samples, predictions: &[Vec<f64>]) -> String {
    const MOST_ROWS: usize = 20;
    const MOST_NUMBERS: usize = 4;
    let names = |name: &str, n: usize| -> Vec<String> {
        let numbered = |i: usize| {
            if n == 1 {
                name.to_owned()
            } else {
                format!("{name}{}", i + 1)
            }
        };
        cells((0..n).map(numbered), MOST_NUMBERS)
    };
    let numbers = |values: &[f64]| cells(values.iter().map(|&value| number(value)), MOST_NUMBERS);

    let header = [
        names("x", samples.features),
        names("target ", samples.outputs),
        names("prediction ", samples.outputs),
    ];
    let inputs = samples.inputs.chunks(samples.features);
    let targets = samples.targets.chunks(samples.outputs);
    let rows = inputs.zip(targets).zip(predictions);
    let rows = rows.map(|((x, y), p)| {
        [
            numbers(x),
            numbers(y),
            cells(p.iter().map(|&p| predicted(p)), MOST_NUMBERS),
        ]
    });
    let rows: Vec<_> = iter::once(header)
        .chain(rows.take(MOST_ROWS))
        .map(|groups| groups.concat())
        .collect();

    let mut lines = aligned(&rows);
    if predictions.len() > MOST_ROWS {
        lines.push(format!(
            "  and {}",
            counted(predictions.len() - MOST_ROWS, "more sample")
        ));
    }
    lines.join("\n")
}

/// Formats a number from a file as it is, or shortened if it is long.
fn number(value: f64) -> String {
    let text = exact(value);
    if text.len() <= 10 { text } else { predicted(value) }
}

/// Formats sizes as `[1, 4, 3, 1]`.
fn list(layers: &[usize]) -> String {
    format!("{layers:?}")
}

/// Formats sizes as `1,4,3,1`, the form that `--layers` takes.
fn sizes(layers: &[usize]) -> impl Display {
    layers.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

/// A line of `--format json`.
#[derive(Serialize)]
struct Line {
    epoch: u64,
    loss: f64,
}

#[derive(Serialize)]
struct LastLine<'a> {
    r#final: Final<'a>,
}

#[derive(Serialize)]
struct Final<'a> {
    weights: &'a [Vec<Vec<f64>>],
    biases: &'a [Vec<f64>],
    predictions: &'a [Vec<f64>],
}

/// Returns the last line of a network in `--format json`.
fn last_line<T: Element>(run: &Run<T>) -> Result<String, Error> {
    let (weights, predictions) = (run.weights(), run.predictions()?);
    let r#final = Final {
        weights: weights.weights(),
        biases: weights.biases(),
        predictions: &predictions,
    };
    Ok(json(&LastLine { r#final }))
}

fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("numbers and lists of numbers are valid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_differs_from_the_recorded_one_says_so() {
        let [small, _] = notebook::experiments();
        let job = Job {
            layers: small.layers.clone(),
            setup: Setup::notebook(Start::Given(small.weights.clone())),
            origin: String::new(),
            recorded: Some(small),
        };
        assert_eq!(
            job.text(5, 2.902_166_4),
            "Epoch 5 - Loss: 2.902166   recorded: 2.902166"
        );
        assert_eq!(
            job.text(5, 2.902_166_6),
            "Epoch 5 - Loss: 2.902167   recorded: 2.902166   differs"
        );
        assert_eq!(job.text(6, 2.5), "Epoch 6 - Loss: 2.500000");
        let job = Job { recorded: None, ..job };
        assert_eq!(job.text(5, 2.902_166_4), "Epoch 5 - Loss: 2.902166");
    }

    #[test]
    fn predictions_are_a_table() {
        let table = predictions_table(&notebook::samples(), &[vec![2.5], vec![-1.0], vec![1e9]]);
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
        let samples = Samples {
            features: 6,
            outputs: 2,
            inputs: vec![0.1; 150],
            targets: vec![1.0; 50],
        };
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
        let short = [3.0, -0.5, 0.1 + 0.2, 1e300, 1e-12, 123_456_789_012.0].map(number);
        assert_eq!(short, ["3", "-0.5", "0.300000", "1e300", "1e-12", "1.234568e11"]);
        assert_eq!(
            [0.0, 4.987_654_321, 1e-9, 1e30].map(predicted),
            ["0.000000", "4.987654", "1.000000e-9", "1.000000e30"]
        );
    }
}
