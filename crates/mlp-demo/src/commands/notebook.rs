//! `mlp-demo notebook`: runs the experiment, with any of its constants changed.

use mlp_core::{FitOptions, GradientDescent, HalfMse, Mlp, Trainer};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Dtype, Number, write_atomically};
use serde_json::json;

use crate::error::Error;
use crate::files::Files;
use crate::notebook::{self, Experiment, INPUTS, TARGETS};
use crate::number::{check_option, dtype};
use crate::options::{Format, NotebookArgs};
use crate::plot::{Chart, Curve, Quantity, picture};
use crate::printer::Printer;
use crate::terminal_curve::terminal_curve;
use crate::text::{counted, exact, predicted};

/// Runs the experiment that `args` describe. Returns an error for bad input, before a line is written, or if training
/// diverges.
pub(crate) fn run(args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
    match args.dtype {
        Dtype::F32 => run_as::<f32>(args, printer),
        _ => run_as::<f64>(args, printer),
    }
}

fn run_as<T: Element + Number>(args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
    check_option::<T>("--learning-rate", args.learning_rate)?;
    check_option::<T>("--negative-slope", args.negative_slope)?;
    // All networks are prepared before the first line is written, so that bad input leaves no partial output.
    let mut jobs = jobs::<T>(args)?;
    Files::default().writing("--plot", args.plot.as_deref())?;

    for (i, job) in jobs.iter_mut().enumerate() {
        if i > 0 && args.format == Format::Text {
            writeln!(printer)?;
        }
        job.train(args, printer)?;
        // If nobody reads the output, there is work left only for a plot.
        if printer.is_closed() && args.plot.is_none() {
            return Ok(());
        }
        match args.format {
            Format::Text => job.write_results(args, printer)?,
            Format::Json => writeln!(printer, "{}", job.last_line()?)?,
        }
    }

    if let Some(path) = &args.plot {
        let curves = jobs.iter().map(|job| Curve {
            name: format!("{:?}", job.network.layer_sizes()),
            values: &job.losses,
        });
        let svg = picture(&[Chart {
            title: "loss before each epoch's update",
            quantity: Quantity::Loss,
            curves: &curves.collect::<Vec<_>>(),
        }]);
        write_atomically(path, |file| file.write_all(svg.as_bytes()))?;
        if args.format == Format::Text {
            writeln!(printer, "\nLoss curves: {}", path.display())?;
        }
    }
    Ok(())
}

/// Prepares the networks.
fn jobs<T: Element>(args: &NotebookArgs) -> Result<Vec<Job<T>>, Error> {
    // The losses were recorded with these constants, so they apply to no others.
    let same = args.dtype == Dtype::F64
        && args.learning_rate == notebook::LEARNING_RATE
        && args.negative_slope == notebook::NEGATIVE_SLOPE;
    let job = |layers: Vec<usize>| {
        let mut experiments = notebook::experiments().into_iter();
        let embedded = experiments.find(|it| it.layers == layers && args.seed.is_none());
        let (network, origin) = match &embedded {
            Some(experiment) => {
                let origin = "recovered from the losses the notebook printed (its run was not seeded); biases 0";
                (experiment.network(args.negative_slope)?, origin.to_owned())
            }
            None => {
                let (deviation, seed) = (notebook::STANDARD_DEVIATION, args.seed.unwrap_or(0));
                let origin = format!("drawn from N(0, {deviation}^2) with seed {seed}; biases 0");
                (notebook::drawn(&layers, seed, args.negative_slope)?, origin)
            }
        };
        Ok(Job {
            network,
            origin,
            recorded: embedded.filter(|_| same),
            losses: losses(args.epochs)?,
        })
    };
    match &args.layers {
        Some(layers) => Ok(vec![job(layers.0.clone())?]),
        None => notebook::experiments().map(|it| job(it.layers)).into_iter().collect(),
    }
}

/// Allocates room for the loss of every epoch.
fn losses(epochs: u64) -> Result<Vec<f64>, Error> {
    let mut losses = Vec::new();
    if usize::try_from(epochs).is_ok_and(|epochs| losses.try_reserve_exact(epochs).is_ok()) {
        return Ok(losses);
    }
    let bytes = u128::from(epochs) * size_of::<f64>() as u128;
    let expected = "a number of epochs whose losses fit in memory";
    let got = format!("{epochs}, whose losses need {bytes} bytes");
    Err(Error::unexpected("--epochs", expected, got))
}

/// A network to train.
struct Job<T: Element> {
    network: Mlp<Matrix<T>>,
    /// The origin of the initial weights, as it is printed.
    origin: String,
    /// The recorded run that this one repeats.
    recorded: Option<Experiment>,
    /// The losses so far, with room for all epochs.
    losses: Vec<f64>,
}

impl<T: Element + Number> Job<T> {
    /// Trains on all samples at once and prints the losses. Ends early if nobody reads them and no plot needs them.
    fn train(&mut self, args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
        let data = notebook::samples();
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(args.learning_rate)?);
        if args.format == Format::Text {
            self.write_heading(args, printer)?;
        }
        for epoch in 0..args.epochs {
            if printer.is_closed() && args.plot.is_none() {
                break;
            }
            let loss = trainer
                .fit(&mut self.network, data.samples(), FitOptions::epochs(1))?
                .loss;
            self.losses.push(loss);
            if epoch.is_multiple_of(args.print_every) {
                match args.format {
                    Format::Text => writeln!(printer, "{}", epoch_line(epoch, loss, self.recorded_loss(epoch)))?,
                    Format::Json => writeln!(printer, "{}", json!({ "epoch": epoch, "loss": loss }))?,
                }
            }
        }
        Ok(())
    }

    fn recorded_loss(&self, epoch: u64) -> Option<f64> {
        self.recorded.as_ref()?.recorded_loss(epoch)
    }

    /// Returns the prediction for each sample, or an error with exit code 1 if one of them is not finite.
    fn predictions(&self) -> Result<Vec<f64>, Error> {
        let outputs = self.network.predict(notebook::samples().input()).into_vec();
        if let Some(sample) = outputs.iter().position(|output| !output.is_finite()) {
            return Err(Error::Diverged(format!(
                "training diverged: after the last epoch the prediction for sample {} is not finite; the learning rate \
                 is probably too large",
                sample + 1
            )));
        }
        Ok(outputs.into_iter().map(T::to_f64).collect())
    }

    fn write_heading(&self, args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
        writeln!(
            printer,
            "Network {:?}: {} in {}, leaky ReLU with slope {}, learning rate {}, {}",
            self.network.layer_sizes(),
            counted(self.network.parameter_count(), "parameter"),
            dtype::<T>(),
            exact(args.negative_slope),
            exact(args.learning_rate),
            counted(INPUTS.len(), "sample"),
        )?;
        writeln!(printer, "Initial weights: {}\n", self.origin)
    }

    fn write_results(&self, args: &NotebookArgs, printer: &mut Printer) -> Result<(), Error> {
        let predictions = self.predictions()?;
        let printed = (0..).zip(&self.losses);
        let printed = printed.filter(|&(epoch, _)| u64::is_multiple_of(epoch, args.print_every));
        let compared = printed.filter_map(|(epoch, &loss)| Some(agree(loss, self.recorded_loss(epoch)?)));
        let compared: Vec<bool> = compared.collect();
        if !compared.is_empty() {
            let (agreeing, all) = (compared.iter().filter(|&&agrees| agrees).count(), compared.len());
            let verdict = "losses agree with the recorded ones to the last digit";
            writeln!(printer, "{agreeing} of {all} {verdict}")?;
        }
        if printer.is_terminal() {
            let curve = terminal_curve(&self.losses, 60, 10);
            if !curve.is_empty() {
                writeln!(printer, "\n{curve}")?;
            }
        }
        writeln!(printer, "\nPredictions after {}:", counted(self.losses.len(), "epoch"))?;
        writeln!(printer, "{}", predictions_table(&predictions))
    }

    /// Returns the last line of a network in `--format json`. `f32` numbers become the `f64` numbers of the same value.
    fn last_line(&self) -> Result<String, Error> {
        let numbers = |column: &[T]| -> Vec<f64> { column.iter().map(|number| number.to_f64()).collect() };
        let columns = |matrix: &Matrix<T>| -> Vec<_> { matrix.iter_columns().map(numbers).collect() };
        let layers = || self.network.layers().iter();
        let weights: Vec<_> = layers().map(|layer| columns(&layer.weights.transposed())).collect();
        let biases: Vec<_> = layers().flat_map(|layer| columns(&layer.bias)).collect();
        let predictions: Vec<_> = self.predictions()?.into_iter().map(|number| [number]).collect();
        // In an object, the macro `json` would sort the keys.
        let [weights, biases, predictions] = [json!(weights), json!(biases), json!(predictions)];
        Ok(format!(
            r#"{{"final":{{"weights":{weights},"biases":{biases},"predictions":{predictions}}}}}"#
        ))
    }
}

/// Formats the line of an epoch.
fn epoch_line(epoch: u64, loss: f64, recorded: Option<f64>) -> String {
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

/// Formats a table with a row per sample: its input, its target and its prediction.
fn predictions_table(predictions: &[f64]) -> String {
    let predictions: Vec<_> = predictions.iter().map(|&prediction| predicted(prediction)).collect();
    let name = "prediction";
    let width = predictions.iter().map(String::len).fold(name.len(), usize::max);
    let mut table = format!("   x  target  {name:>width$}");
    for ((x, target), prediction) in INPUTS.iter().zip(TARGETS).zip(predictions) {
        table += &format!("\n  {x:>2}  {target:>6}  {prediction:>width$}");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_differs_from_the_recorded_one_says_so() {
        assert_eq!(
            epoch_line(5, 2.902_166_4, Some(2.902_166)),
            "Epoch 5 - Loss: 2.902166   recorded: 2.902166"
        );
        assert_eq!(
            epoch_line(5, 2.902_166_6, Some(2.902_166)),
            "Epoch 5 - Loss: 2.902167   recorded: 2.902166   differs"
        );
        assert_eq!(epoch_line(6, 2.5, None), "Epoch 6 - Loss: 2.500000");
    }

    #[test]
    fn predictions_are_a_table() {
        let table = predictions_table(&[2.5, -1.0, 1e9]);
        let expected = [
            "   x  target  prediction",
            "   2       3    2.500000",
            "  -1       1   -1.000000",
            "   3       5  1.000000e9",
        ];
        assert_eq!(table, expected.join("\n"), "\n{table}");
        let wide = predictions_table(&[2.5, -1.0, -1e100]);
        let lines: Vec<_> = wide.lines().collect();
        assert_eq!(
            (lines[0], lines[3]),
            ("   x  target     prediction", "   3       5  -1.000000e100")
        );
    }
}
