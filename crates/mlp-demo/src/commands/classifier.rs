//! `mlp-demo digits` and `mlp-demo mnist`.

use std::io::Write;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use mlp_core::ConfusionMatrix;
use mlp_cpu::Element;

use super::exact;
use crate::classifier::{Classifier, Settings, Task};
use crate::cli::{DigitsArgs, MnistArgs, TrainingArgs, check_dtype};
use crate::confusion::ConfusionTable;
use crate::dtype::Dtype;
use crate::error::{Error, counted};
use crate::idx::Mnist;
use crate::output::Output;

/// Learns the 8x8 digits.
///
/// # Errors
///
/// Bad input, before a line is written; training that diverges.
pub(crate) fn digits<W: Write>(args: &DigitsArgs, output: &mut Output<W>) -> Result<(), Error> {
    train(&Task::digits(args.training.seed), args.epochs, &args.training, output)
}

/// Learns the MNIST digits.
///
/// # Errors
///
/// Bad input, before a line is written; training that diverges.
pub(crate) fn mnist<W: Write>(args: &MnistArgs, output: &mut Output<W>) -> Result<(), Error> {
    let task = Task::mnist(Mnist::load(&args.data)?);
    train(&task, args.epochs, &args.training, output)
}

fn train<W: Write>(task: &Task, epochs: u64, args: &TrainingArgs, output: &mut Output<W>) -> Result<(), Error> {
    check_dtype("--learning-rate", args.learning_rate, args.dtype)?;
    let settings = Settings {
        hidden: args.hidden.0.clone(),
        learning_rate: args.learning_rate,
        // A batch larger than the data is all of the data.
        batch_size: usize::try_from(args.batch_size).unwrap_or(usize::MAX),
        seed: args.seed,
    };
    match args.dtype {
        Dtype::F32 => train_as(task, epochs, args, Classifier::<f32>::new(task, &settings)?, output),
        Dtype::F64 => train_as(task, epochs, args, Classifier::<f64>::new(task, &settings)?, output),
    }
}

fn train_as<T: Element, W: Write>(
    task: &Task,
    epochs: u64,
    args: &TrainingArgs,
    mut classifier: Classifier<T>,
    output: &mut Output<W>,
) -> Result<(), Error> {
    output.line(format_args!(
        "Network {:?}: {} in {}, leaky ReLU, seed {}",
        classifier.network().layer_sizes(),
        counted(classifier.network().parameter_count(), "parameter"),
        args.dtype,
        args.seed,
    ))?;
    output.line(format_args!(
        "Images: {} to train on, {} to test with",
        task.train.labels.len(),
        task.test.labels.len(),
    ))?;
    output.line(format_args!(
        "Gradient descent: learning rate {}, batches of {}\n",
        exact(args.learning_rate),
        args.batch_size,
    ))?;

    let bar = progress_bar(epochs, output.is_terminal());
    let mut test = ConfusionMatrix::new(task.classes);
    for epoch in 0..epochs {
        if output.is_closed() {
            return Ok(());
        }
        let loss = match classifier.epoch() {
            Ok(loss) => loss,
            Err(error) => {
                bar.abandon();
                end_line(&bar, output)?;
                return Err(error);
            }
        };
        test = classifier.test();
        let accuracy = percent(&test);
        if bar.is_hidden() {
            output.line(format_args!(
                "Epoch {epoch} - Loss: {loss:.6} - Test accuracy: {accuracy}"
            ))?;
        }
        bar.inc(1);
        bar.set_message(format!("loss {loss:.6}, accuracy {accuracy}"));
    }
    bar.finish();
    end_line(&bar, output)?;
    output.line(format_args!("\nThe test part after training:\n"))?;
    output.line(format_args!("{}", ConfusionTable(&test)))
}

/// A line break after a bar that is seen: it leaves the cursor behind its end.
fn end_line<W: Write>(bar: &ProgressBar, output: &mut Output<W>) -> Result<(), Error> {
    if bar.is_hidden() {
        Ok(())
    } else {
        output.line(format_args!(""))
    }
}

/// `97.49%`.
fn percent(matrix: &ConfusionMatrix) -> String {
    format!("{:.2}%", 100.0 * matrix.accuracy().unwrap_or(f64::NAN))
}

/// On standard error, if both it and standard output are a terminal; else hidden.
fn progress_bar(epochs: u64, terminal: bool) -> ProgressBar {
    if !terminal {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("epoch {pos:>3}/{len} [{bar:20}] {elapsed_precise} {wide_msg}")
        .expect("the template is valid")
        .progress_chars("=> ");
    let bar = ProgressBar::new(epochs).with_style(style);
    // The clock goes on within an epoch.
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
