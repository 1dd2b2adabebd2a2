//! `mlp-demo digits` and `mlp-demo mnist`.

use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mlp_core::{Event, FitReport, History, Metric, OptimizerKind, StopReason};
use mlp_cpu::Element;
use mlp_io::{CheckpointDirectory, Dtype, Number, save_model, write_atomically};

use crate::checkpoints::{self, RunRecord};
use crate::classifier::Classifier;
use crate::error::Error;
use crate::files::Files;
use crate::idx::Mnist;
use crate::number::{check_option, dtype};
use crate::options::{DigitsArgs, MnistArgs, TrainingArgs};
use crate::plot::{Chart, Curve, Quantity, picture};
use crate::printer::Printer;
use crate::task::Task;
use crate::text::{counted, exact, list};

/// Trains a classifier of the 8x8 digits. Returns an error for bad input, before a line is written, or if training
/// diverges.
pub(crate) fn digits(args: &DigitsArgs, printer: &mut Printer) -> Result<(), Error> {
    let task = Task::digits(args.training.settings.seed);
    train("digits", task, &args.training, Files::default(), printer)
}

/// Trains a classifier of the MNIST digits. Its errors are those of [`digits`].
pub(crate) fn mnist(args: &MnistArgs, printer: &mut Printer) -> Result<(), Error> {
    let task = Task::mnist(Mnist::load(&args.data)?);
    let files = Files::reading(Mnist::paths(&args.data));
    train("mnist", task, &args.training, files, printer)
}

fn train(
    command: &'static str,
    task: Task,
    args: &TrainingArgs,
    files: Files,
    printer: &mut Printer,
) -> Result<(), Error> {
    let (task, seen) = match args.settings.patience {
        Some(_) => (task.hold_out(args.settings.seed), "Validation"),
        None => (task, "Test"),
    };
    let job = Job {
        command,
        task,
        args,
        seen,
    };
    match args.dtype {
        Dtype::F32 => job.train::<f32>(files, printer),
        _ => job.train::<f64>(files, printer),
    }
}

/// A classifier to train.
struct Job<'a> {
    command: &'static str,
    task: Task,
    args: &'a TrainingArgs,
    /// The name of the part that is evaluated after each epoch.
    seen: &'static str,
}

impl Job<'_> {
    fn train<T: Element + Number>(&self, files: Files, printer: &mut Printer) -> Result<(), Error> {
        let args = self.args;
        check_option::<T>("--learning-rate", args.settings.learning_rate)?;
        let mut classifier = Classifier::<T>::new(&self.task, &args.settings)?;
        let mut files = files.checkpoints(args.checkpoint.as_deref());
        files.writing("--save", args.save.as_deref())?;
        files.writing("--plot", args.plot.as_deref())?;
        let checkpoints = self.open_checkpoints(&mut classifier)?;
        self.write_heading(&classifier, printer)?;
        let fitted = self.fit(&mut classifier, checkpoints.as_ref(), printer)?;
        self.write_results(&classifier, fitted, printer)
    }

    /// Opens the checkpoint directory, if there is one, and resumes from the newest checkpoint in it.
    fn open_checkpoints<T: Element + Number>(
        &self,
        classifier: &mut Classifier<T>,
    ) -> Result<Option<CheckpointDirectory>, Error> {
        let Some(path) = &self.args.checkpoint else {
            return Ok(None);
        };
        let (directory, latest) = checkpoints::open(path, self.args.resume, &self.record::<T>())?;
        if let Some(latest) = latest {
            classifier.resume(latest.network, latest.state)?;
            let done = classifier.history().epochs() as u64;
            if self.args.epochs < done {
                let expected = format!("at least {done}, the number of epochs already trained");
                return Err(Error::unexpected("--epochs", expected, self.args.epochs));
            }
        }
        Ok(Some(directory))
    }

    /// Returns everything that determines the course of training, except the number of epochs.
    fn record<T: Number>(&self) -> RunRecord {
        let settings = &self.args.settings;
        let patience = settings.patience.map_or("none".to_owned(), |it| it.to_string());
        vec![
            ("the subcommand", self.command.to_owned()),
            ("--dtype", dtype::<T>()),
            ("--hidden", list(&settings.hidden.0)),
            ("--activation", settings.activation.name().to_owned()),
            ("--optimizer", settings.optimizer.to_string()),
            ("--learning-rate", exact(settings.learning_rate)),
            ("--batch-size", settings.batch_size.to_string()),
            ("--seed", settings.seed.to_string()),
            ("--patience", patience),
            ("the images and labels", self.task.hash_of_all()),
        ]
    }

    /// Trains the classifier and shows the progress: a bar in a terminal, otherwise a line for each epoch.
    fn fit<T: Element + Number>(
        &self,
        classifier: &mut Classifier<T>,
        checkpoints: Option<&CheckpointDirectory>,
        printer: &mut Printer,
    ) -> Result<FitReport, Error> {
        let bar = progress_bar(self.args.epochs, printer.is_terminal());
        bar.set_position(classifier.history().epochs() as u64);
        let writes = self.args.save.is_some() || self.args.plot.is_some() || checkpoints.is_some();
        let seen = self.seen;
        let fitted = classifier.fit(self.args.epochs, |progress| {
            if let Event::Epoch { epoch, loss, .. } = progress.event {
                let accuracy = last_accuracy(progress.history);
                if bar.is_hidden() {
                    writeln!(printer, "Epoch {epoch} - Loss: {loss:.6} - {seen} accuracy: {accuracy}")?;
                }
                bar.inc(1);
                bar.set_message(format!("loss {loss:.6}, accuracy {accuracy}"));
                if let Some(checkpoints) = checkpoints {
                    checkpoints.save(progress.network, &progress.state())?;
                }
            }
            // Training ends early if nobody reads the output and no file was requested.
            if printer.is_closed() && !writes {
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        });
        match fitted {
            Ok(_) => bar.finish(),
            Err(_) => bar.abandon(),
        }
        if !bar.is_hidden() {
            // The bar leaves the cursor at its end.
            writeln!(printer)?;
        }
        fitted
    }

    fn write_heading<T: Element + Number>(
        &self,
        classifier: &Classifier<T>,
        printer: &mut Printer,
    ) -> Result<(), Error> {
        let (settings, network) = (&self.args.settings, classifier.model.network());
        writeln!(
            printer,
            "Network {:?}: {} in {}, {}, seed {}",
            network.layer_sizes(),
            counted(network.parameter_count(), "parameter"),
            dtype::<T>(),
            settings.activation.name(),
            settings.seed,
        )?;
        let task = &self.task;
        let [train, validation, test] = [&task.train, &task.validation, &task.test].map(|part| part.labels.len());
        let validation = match validation {
            0 => String::new(),
            count => format!("{count} to validate with, "),
        };
        writeln!(printer, "Images: {train} to train on, {validation}{test} to test with")?;
        let optimizer = match settings.optimizer {
            OptimizerKind::Adam => "Adam",
            _ => "Gradient descent",
        };
        writeln!(
            printer,
            "{optimizer}: learning rate {}, batches of {}",
            exact(settings.learning_rate),
            settings.batch_size,
        )?;
        if let Some(path) = &self.args.checkpoint {
            let begin = match classifier.history().epochs() {
                0 => "from the beginning".to_owned(),
                done => format!("resuming after {}", counted(done, "epoch")),
            };
            writeln!(printer, "Checkpoints: {}, {begin}", path.display())?;
        }
        writeln!(printer)
    }

    /// Prints why training stopped early and how good the network is, and writes the requested files.
    fn write_results<T: Element + Number>(
        &self,
        classifier: &Classifier<T>,
        fitted: FitReport,
        printer: &mut Printer,
    ) -> Result<(), Error> {
        let (save, plot) = (&self.args.save, &self.args.plot);
        let patience = self.args.settings.patience;
        if let (StopReason::Patience { best_epoch: Some(best) }, Some(patience)) = (fitted.stop, patience) {
            let epochs = counted(patience as usize, "epoch");
            writeln!(
                printer,
                "Stopped: the validation loss has not improved for {epochs} since epoch {best}"
            )?;
        }
        writeln!(printer, "\nResults on the test part after training:\n")?;
        writeln!(printer, "{}", classifier.test()?)?;
        if save.is_some() || plot.is_some() {
            writeln!(printer)?;
        }
        if let Some(path) = save {
            save_model(path, &classifier.model)?;
            writeln!(printer, "Model: {}", path.display())?;
        }
        if let Some(path) = plot {
            let svg = self.curves(classifier.history());
            write_atomically(path, |file| file.write_all(svg.as_bytes()))?;
            writeln!(printer, "Loss and accuracy curves: {}", path.display())?;
        }
        Ok(())
    }

    /// Draws the losses of the training part and of the part that is evaluated after each epoch, and the accuracy on
    /// the latter.
    fn curves(&self, history: &History) -> String {
        let seen = self.seen.to_lowercase();
        let curve = |name: &str, values| Curve {
            name: name.to_owned(),
            values,
        };
        let accuracy = history.metric(Metric::Accuracy).unwrap_or_default();
        picture(&[
            Chart {
                title: "loss by epoch",
                quantity: Quantity::Loss,
                curves: &[curve("training", &history.loss), curve(&seen, &history.validation_loss)],
            },
            Chart {
                title: "accuracy by epoch",
                quantity: Quantity::Accuracy,
                curves: &[curve(&seen, accuracy)],
            },
        ])
    }
}

/// Formats the accuracy of the last epoch, such as `97.49%`.
fn last_accuracy(history: &History) -> String {
    let accuracies = history.metric(Metric::Accuracy).unwrap_or_default();
    format!("{:.2}%", 100.0 * accuracies.last().copied().unwrap_or(f64::NAN))
}

/// Creates a bar that is visible on standard error if both standard error and standard output are terminals, and hidden
/// otherwise.
fn progress_bar(epochs: u64, terminal: bool) -> ProgressBar {
    if !terminal {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("epoch {pos:>3}/{len} [{bar:20}] {elapsed_precise} {wide_msg}")
        .expect("the template is valid")
        .progress_chars("=> ");
    let bar = ProgressBar::new(epochs).with_style(style);
    // The steady tick keeps the clock of the bar running within an epoch.
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
