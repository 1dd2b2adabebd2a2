//! `mlp-demo digits` and `mlp-demo mnist`.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mlp_core::{Event, History, Metric, StopReason};
use mlp_cpu::Element;
use mlp_io::{Number, model_to_bytes};

use super::exact;
use crate::checkpoints::{Checkpoints, Run};
use crate::classifier::{Classifier, Settings};
use crate::cli::{DigitsArgs, MnistArgs, TrainingArgs, check_dtype};
use crate::confusion::ConfusionTable;
use crate::dtype::Dtype;
use crate::error::{Error, counted};
use crate::idx::Mnist;
use crate::optimizer;
use crate::output::Output;
use crate::output_file::Files;
use crate::plot::{Curve, training_curves};
use crate::task::Task;

/// Trains a classifier of the 8x8 digits.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written, or if training diverges.
pub(crate) fn digits<W: Write>(args: &DigitsArgs, output: &mut Output<W>) -> Result<(), Error> {
    let task = Task::digits(args.training.seed);
    train("digits", task, args.epochs, &args.training, Files::default(), output)
}

/// Trains a classifier of the MNIST digits.
///
/// # Errors
///
/// Returns an error for bad input, before a line is written, or if training diverges.
pub(crate) fn mnist<W: Write>(args: &MnistArgs, output: &mut Output<W>) -> Result<(), Error> {
    let task = Task::mnist(Mnist::load(&args.data)?);
    let files = Files::default().reading(Mnist::paths(&args.data));
    train("mnist", task, args.epochs, &args.training, files, output)
}

fn train<W: Write>(
    command: &str,
    task: Task,
    epochs: u64,
    args: &TrainingArgs,
    files: Files,
    output: &mut Output<W>,
) -> Result<(), Error> {
    check_dtype("--learning-rate", args.learning_rate, args.dtype)?;
    let task = match args.patience {
        Some(_) => task.hold_out(args.seed),
        None => task,
    };
    let settings = Settings {
        hidden: args.hidden.0.clone(),
        activation: args.activation.clone(),
        optimizer: args.optimizer,
        learning_rate: args.learning_rate,
        // A batch size larger than the data means that all of the data is one batch.
        batch_size: usize::try_from(args.batch_size).unwrap_or(usize::MAX),
        seed: args.seed,
        patience: args.patience,
    };
    let run = Run {
        command: command.to_owned(),
        hidden: settings.hidden.clone(),
        activation: settings.activation.name().to_owned(),
        optimizer: settings.optimizer.name().to_owned(),
        learning_rate: settings.learning_rate,
        batch_size: settings.batch_size,
        seed: settings.seed,
        dtype: args.dtype.to_string(),
        patience: settings.patience,
        data: task.hash_of_all(),
    };
    match args.dtype {
        Dtype::F32 => train_as(
            &task,
            epochs,
            args,
            &run,
            Classifier::<f32>::new(&task, &settings)?,
            files,
            output,
        ),
        Dtype::F64 => train_as(
            &task,
            epochs,
            args,
            &run,
            Classifier::<f64>::new(&task, &settings)?,
            files,
            output,
        ),
    }
}

fn train_as<T: Element + Number, W: Write>(
    task: &Task,
    epochs: u64,
    args: &TrainingArgs,
    run: &Run,
    mut classifier: Classifier<T>,
    files: Files,
    output: &mut Output<W>,
) -> Result<(), Error> {
    let mut files = files.checkpoints(args.checkpoint.as_deref());
    let save = files.output("--save", args.save.as_deref())?;
    let plot = files.output("--plot", args.plot.as_deref())?;
    let mut checkpoints = None;
    if let Some(path) = &args.checkpoint {
        let (directory, latest) = Checkpoints::open(path, args.resume, run)?;
        if let Some(latest) = latest {
            classifier.resume(latest.network, latest.state)?;
            let done = classifier.history().epochs() as u64;
            if epochs < done {
                let expected = format!("at least {done}, the number of epochs already trained");
                return Err(Error::unexpected("--epochs", expected, epochs));
            }
        }
        checkpoints = Some(directory);
    }
    write_heading(task, args, &classifier, output)?;

    let bar = progress_bar(epochs, output.is_terminal());
    bar.set_position(classifier.history().epochs() as u64);
    let writes = save.is_some() || plot.is_some() || checkpoints.is_some();
    let seen = if args.patience.is_some() { "Validation" } else { "Test" };
    let fitted = classifier.fit(epochs, |progress| {
        if let Event::Epoch { epoch, loss, .. } = progress.event {
            let accuracy = last_accuracy(progress.history);
            if bar.is_hidden() {
                output.line(format_args!(
                    "Epoch {epoch} - Loss: {loss:.6} - {seen} accuracy: {accuracy}"
                ))?;
            }
            bar.inc(1);
            bar.set_message(format!("loss {loss:.6}, accuracy {accuracy}"));
            if let Some(checkpoints) = &checkpoints {
                checkpoints.save(progress.network, &progress.state())?;
            }
        }
        // Training ends early if nobody reads the output and no file was requested.
        Ok(if output.is_closed() && !writes {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    });
    let fitted = match fitted {
        Ok(fitted) => fitted,
        Err(error) => {
            bar.abandon();
            end_line(&bar, output)?;
            return Err(error);
        }
    };
    bar.finish();
    end_line(&bar, output)?;
    if let (
        StopReason::Patience {
            best_epoch: Some(best_epoch),
        },
        Some(patience),
    ) = (fitted.stop, args.patience)
    {
        output.line(format_args!(
            "Stopped: the validation loss has not improved for {} since epoch {best_epoch}",
            counted(usize::try_from(patience).unwrap_or(usize::MAX), "epoch"),
        ))?;
    }

    let test = classifier.test();
    output.line(format_args!("\nResults on the test part after training:\n"))?;
    output.line(format_args!("{}", ConfusionTable(&test)))?;
    if save.is_some() || plot.is_some() {
        output.line(format_args!(""))?;
    }
    if let (Some(file), Some(path)) = (save, &args.save) {
        file.write(&model_to_bytes(&classifier.model())?)?;
        output.line(format_args!("Model: {}", path.display()))?;
    }
    if let (Some(file), Some(path)) = (plot, &args.plot) {
        file.write(curves(classifier.history(), &seen.to_lowercase()).as_bytes())?;
        output.line(format_args!("Loss and accuracy curves: {}", path.display()))?;
    }
    Ok(())
}

fn write_heading<T: Element, W: Write>(
    task: &Task,
    args: &TrainingArgs,
    classifier: &Classifier<T>,
    output: &mut Output<W>,
) -> Result<(), Error> {
    output.line(format_args!(
        "Network {:?}: {} in {}, {}, seed {}",
        classifier.network().layer_sizes(),
        counted(classifier.network().parameter_count(), "parameter"),
        args.dtype,
        args.activation.name(),
        args.seed,
    ))?;
    let validation = match task.validation.labels.len() {
        0 => String::new(),
        images => format!("{images} to validate with, "),
    };
    output.line(format_args!(
        "Images: {} to train on, {validation}{} to test with",
        task.train.labels.len(),
        task.test.labels.len(),
    ))?;
    output.line(format_args!(
        "{}: learning rate {}, batches of {}",
        optimizer::title(args.optimizer),
        exact(args.learning_rate),
        args.batch_size,
    ))?;
    if let Some(path) = &args.checkpoint {
        let begin = match classifier.history().epochs() {
            0 => "from the beginning".to_owned(),
            done => format!("resuming after {}", counted(done, "epoch")),
        };
        output.line(format_args!("Checkpoints: {}, {begin}", path.display()))?;
    }
    output.line(format_args!(""))
}

/// Draws the losses of the training part and of the part that is evaluated after each epoch, whose name is `seen`, and
/// the accuracy on the latter.
fn curves(history: &History, seen: &str) -> String {
    let curve = |name: &str, values: &[f64]| Curve {
        name: name.to_owned(),
        points: values.iter().copied().enumerate().collect(),
    };
    let losses = [curve("training", &history.loss), curve(seen, &history.validation_loss)];
    let accuracy = history.metric(Metric::Accuracy).unwrap_or_default();
    training_curves(&losses, &[curve(seen, accuracy)])
}

/// Prints a line break after a visible bar, because the bar leaves the cursor at its end.
fn end_line<W: Write>(bar: &ProgressBar, output: &mut Output<W>) -> Result<(), Error> {
    if bar.is_hidden() {
        Ok(())
    } else {
        output.line(format_args!(""))
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
