//! Checkpoints: training saved to files, from which it can resume.

mod directory;
mod history;
mod record;

use crate::container::{CHECKPOINT, Contents, HEADER_LIMIT, Opened, Shape, TENSOR_LIMIT, check_shapes, other_shape};
use crate::model_file::{network, text};
use crate::{LoadError, LoadErrorKind, Number, SaveError};
use mlp_core::Mlp;
use mlp_core::backend::{Tensor, check_layers};
use mlp_core::state::{OptimizerState, StoppingState, TrainerState};
use record::{HistoryRecord, Record};
use std::io::Read;
use std::path::Path;

pub use directory::CheckpointDirectory;

/// A network in training and everything that its trainer remembers. This is all that is needed to resume training as if
/// it had never stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<B> {
    /// The network.
    pub network: Mlp<B>,
    /// The trainer's state, for [`Trainer::restore`](mlp_core::Trainer::restore).
    pub state: TrainerState<B>,
}

/// Saves training to a file, which is written whole or not at all. The same training always gives the same bytes.
///
/// The file is a safetensors file. It holds `layers.0.weight` and so on as in [`save_model`](crate::save_model), the
/// optimizer's tensors under `optimizer.`, the best parameters of early stopping under `best.`, and the history under
/// `history.`. Everything else is JSON in the metadata, under the key `mlp_checkpoint`.
///
/// ```
/// use mlp_core::{Adam, FitOptions, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
/// use mlp_io::{load_checkpoint, save_checkpoint};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("training.safetensors");
/// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
/// let samples = Samples::new(&input, &input)?;
/// let trainer = || Ok::<_, mlp_core::HyperParameterError>(Trainer::new(HalfMse, Adam::new(0.1)?));
///
/// let mut network = Mlp::<Matrix<f32>>::builder(&[1, 4, 1]).build()?;
/// let mut first = trainer()?;
/// first.fit(&mut network, samples, FitOptions::until(5))?;
/// save_checkpoint(&path, &network, &first.state())?;
///
/// // Later, in another process: use the same setup and continue from the checkpoint.
/// let checkpoint = load_checkpoint::<Matrix<f32>>(&path)?;
/// let mut resumed = checkpoint.network;
/// let mut second = trainer()?;
/// second.restore(checkpoint.state, resumed.layers())?;
/// second.fit(&mut resumed, samples, FitOptions::until(10))?;
///
/// first.fit(&mut network, samples, FitOptions::until(10))?;
/// assert_eq!(resumed, network);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if a number that must be finite is infinite or NaN, if the history of L-BFGS will grow longer than
/// a file of a network with this many layers has room for, if the file could not be loaded again for another reason, or
/// if it cannot be written. The old file under the path stays, except with
/// [`NotDurable`](crate::SaveErrorKind::NotDurable).
pub fn save_checkpoint<B: Tensor<Scalar: Number>>(
    path: impl AsRef<Path>,
    network: &Mlp<B>,
    state: &TrainerState<B>,
) -> Result<(), SaveError> {
    let path = path.as_ref();
    contents(network, state)
        .map_err(|e| SaveError::unloadable(e).in_file(path))?
        .save(path)
}

/// Returns the bytes of the file that [`save_checkpoint`] writes.
///
/// # Errors
/// The errors of [`save_checkpoint`], except those of writing the file.
pub fn checkpoint_to_bytes<B: Tensor<Scalar: Number>>(
    network: &Mlp<B>,
    state: &TrainerState<B>,
) -> Result<Vec<u8>, SaveError> {
    contents(network, state).map_err(SaveError::unloadable)?.into_bytes()
}

/// Loads training that [`save_checkpoint`] saved. The memory limit is that of [`load_model`](crate::load_model). Never
/// panics.
///
/// # Errors
/// Returns an error if the file cannot be read, or if any byte of it does not belong to a checkpoint of numbers of this
/// type.
pub fn load_checkpoint<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Checkpoint<B>, LoadError> {
    let path = path.as_ref();
    Opened::file(path).and_then(checkpoint).map_err(|e| e.in_file(path))
}

/// Loads training like [`load_checkpoint`], from the bytes of the file.
///
/// # Errors
/// The errors of [`load_checkpoint`].
pub fn checkpoint_from_bytes<B: Tensor<Scalar: Number>>(bytes: &[u8]) -> Result<Checkpoint<B>, LoadError> {
    Opened::bytes(bytes).and_then(checkpoint)
}

fn contents<'a, B: Tensor<Scalar: Number>>(
    network: &'a Mlp<B>,
    state: &'a TrainerState<B>,
) -> Result<Contents<'a>, LoadError> {
    check_tensors(network, state)?;
    check_history_size(network, &state.optimizer, state.history.metrics.len())?;
    let text = text(CHECKPOINT, &Record::of(network, state))?;
    // The record must be readable.
    Record::read(&text)?.activations()?;
    let mut contents = Contents::new(CHECKPOINT, text);
    contents.layers("layers", network.layers());
    for (name, layers) in &state.optimizer.tensors {
        contents.layers(&optimizer_prefix(name), layers);
    }
    if let Some(stopping) = &state.stopping {
        contents.layers("best", &stopping.best_layers);
    }
    for (name, values) in history::columns(&state.history) {
        if !values.is_empty() {
            contents.numbers(name, values);
        }
    }
    Ok(contents)
}

/// Checks that each tensor has the shape that the reader will expect.
fn check_tensors<B: Tensor>(network: &Mlp<B>, state: &TrainerState<B>) -> Result<(), LoadError> {
    check_layers(network.layers()).map_err(LoadError::network)?;
    let sizes = network.layer_sizes();
    for (name, layers) in &state.optimizer.tensors {
        check_shapes(&optimizer_prefix(name), &sizes, layers)?;
    }
    if let Some(stopping) = &state.stopping {
        check_shapes("best", &sizes, &stopping.best_layers)?;
    }
    let expected = Shape::Vector(state.history.epochs());
    let mut columns = history::columns(&state.history).map(|(name, values)| (name, Shape::Vector(values.len())));
    match columns.find(|(_, got)| *got != expected) {
        Some((name, got)) => Err(other_shape(&name, expected, got)),
        None => Ok(()),
    }
}

/// Checks that a file has room for all the steps that L-BFGS is to remember. Without this check, saving would fail in
/// the middle of training instead of at the first checkpoint.
fn check_history_size<B: Tensor<Scalar: Number>>(
    network: &Mlp<B>,
    optimizer: &OptimizerState<B>,
    metrics: usize,
) -> Result<(), LoadError> {
    /// Bytes that the header takes for one tensor, with room for the largest numbers of such a file.
    const ENTRY: usize = 128;
    /// The sets of tensors besides the history: the network, the best network, and the last change and gradient.
    const OTHERS: usize = 4;
    let mut numbers = optimizer.numbers.iter();
    let Some((_, got)) = numbers.find(|(name, _)| optimizer.kind == "lbfgs" && name == "history_size") else {
        return Ok(());
    };
    // Each step is a change and a gradient. The steps that are already stored count too.
    let sets = |history: usize| history.saturating_mul(2).saturating_add(OTHERS);
    let layers = network.layers().len();
    let fits = |history: usize| {
        let columns = metrics.saturating_add(3);
        let tensors = layers
            .saturating_mul(2)
            .saturating_mul(sets(history))
            .saturating_add(columns);
        tensors <= TENSOR_LIMIT && tensors.saturating_mul(ENTRY) as u64 <= HEADER_LIMIT
    };
    let got = *got as usize;
    if fits(got) {
        return Ok(());
    }
    let limit = (1..got.min(TENSOR_LIMIT)).rev().find(|&history| fits(history));
    let limit = limit.unwrap_or(0);
    let message =
        format!("L-BFGS: a checkpoint of {layers} layers has room for a history of at most {limit} steps, got {got}");
    Err(LoadError::new(LoadErrorKind::Unsupported, message))
}

fn optimizer_prefix(name: &str) -> String {
    format!("optimizer.{name}")
}

fn checkpoint<B: Tensor<Scalar: Number>, R: Read + Send>(mut opened: Opened<R>) -> Result<Checkpoint<B>, LoadError> {
    let text = opened.take_metadata(CHECKPOINT)?;
    let record = Record::read(&text)?;
    drop(text);
    let (activations, layer_sizes) = (record.activations()?, record.layer_sizes);
    let mut tensors = opened.tensors_except::<B>(history::PREFIX)?;
    let layers = tensors.take_layers("layers", &layer_sizes, activations.len())?;
    let network = network(layers, activations)?;

    let mut optimizer = OptimizerState::new(&record.optimizer.kind);
    optimizer.numbers = record.optimizer.numbers;
    for (name, count) in record.optimizer.tensors {
        let layers = tensors.take_layers(&optimizer_prefix(&name), &layer_sizes, count)?;
        optimizer.tensors.push((name, layers));
    }
    // A checkpoint that loads must also be savable.
    check_history_size(&network, &optimizer, record.history.metrics.len())?;
    let stopping = match record.stopping {
        Some(stopping) => Some(StoppingState {
            best: stopping.best,
            best_epoch: stopping.best_epoch,
            epochs_since: stopping.epochs_since,
            best_layers: tensors.take_layers("best", &layer_sizes, stopping.layers)?,
        }),
        None => None,
    };
    let HistoryRecord { epochs, metrics } = record.history;
    let history = history::take(&mut tensors, epochs, metrics)?;
    tensors.finish()?;
    let state = TrainerState {
        optimizer,
        initial_learning_rate: record.initial_learning_rate,
        schedule: record.schedule,
        weight_decay: record.weight_decay,
        plateau: record.plateau,
        stopping,
        dropout: record.dropout,
        position: record.position,
        history,
    };
    Ok(Checkpoint { network, state })
}
