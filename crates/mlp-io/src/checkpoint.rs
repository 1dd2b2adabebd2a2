//! Training in files, to be taken up again.

mod directory;
mod history;
mod number;
mod record;

use crate::container::{Contents, Opened, TENSOR_LIMIT, Tensors, header_limit};
use crate::model_file::check_layers;
use crate::{LoadError, Number, Problem, SaveError, Shape};
use mlp_core::backend::Tensor;
use mlp_core::state::{OptimizerState, StoppingState, TrainerState};
use mlp_core::{Dense, History, Mlp};
use record::Record;
use std::io::Read;
use std::path::Path;

pub use directory::CheckpointDirectory;

/// The key of the metadata.
pub(crate) const KEY: &str = "mlp_checkpoint";

/// A network in training, and all that its trainer remembers: what is needed to go on as if it had never stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<B> {
    /// The network.
    pub network: Mlp<B>,
    /// The trainer's state, for [`Trainer::restore`](mlp_core::Trainer::restore).
    pub state: TrainerState<B>,
}

/// Saves training: whole or not at all, and with the same bytes whenever it is the same.
///
/// The file is a safetensors file: `layers.0.weight` and so on as in [`save_model`](crate::save_model), the optimiser's
/// tensors under `optimizer.`, the best parameters of early stopping under `best.`, the history under `history.`; all
/// else is JSON in the metadata, under the key `mlp_checkpoint`.
///
/// ```
/// use mlp_core::{Adam, FitOptions, HalfSquaredError, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
/// use mlp_io::{load_checkpoint, save_checkpoint};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("training.safetensors");
/// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
/// let samples = Samples::new(&input, &input)?;
/// let trainer = || Ok::<_, mlp_core::HyperParameterError>(Trainer::new(HalfSquaredError, Adam::new(0.1)?));
///
/// let mut network = Mlp::<Matrix<f32>>::builder(&[1, 4, 1]).build()?;
/// let mut first = trainer()?;
/// first.fit(&mut network, samples, FitOptions::until(5))?;
/// save_checkpoint(&path, &network, &first.state())?;
///
/// // Later, elsewhere: the same setup, and on from there.
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
/// [`SaveError::Refused`] if a number is infinite or NaN where none may be, the history of L-BFGS is going to be longer
/// than a file of a network of so many layers has room for, or the file could not be loaded for another reason; [`SaveError::Write`] if it cannot be written. What was under the path before is there in both cases, but in
/// [`DurabilityUncertain`](crate::WriteError::DurabilityUncertain).
pub fn save_checkpoint<B: Tensor<Scalar: Number>>(
    path: impl AsRef<Path>,
    network: &Mlp<B>,
    state: &TrainerState<B>,
) -> Result<(), SaveError> {
    let path = path.as_ref();
    let columns = history::columns(&state.history);
    contents(network, state, &columns)
        .map_err(SaveError::of_file(path))?
        .save(path)
}

/// The bytes of the file that [`save_checkpoint`] writes.
///
/// # Errors
/// [`SaveError::Refused`], as [`save_checkpoint`].
pub fn checkpoint_to_bytes<B: Tensor<Scalar: Number>>(
    network: &Mlp<B>,
    state: &TrainerState<B>,
) -> Result<Vec<u8>, SaveError> {
    let columns = history::columns(&state.history);
    contents(network, state, &columns)
        .and_then(Contents::into_bytes)
        .map_err(SaveError::of_bytes)
}

/// Loads training that [`save_checkpoint`] saved. Memory as in [`load_model`](crate::load_model); never panics.
///
/// # Errors
/// If the file cannot be read, or is not, to the last byte, a checkpoint of numbers of this type.
pub fn load_checkpoint<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Checkpoint<B>, LoadError> {
    let path = path.as_ref();
    Opened::file(path).and_then(checkpoint).map_err(Problem::of_file(path))
}

/// As [`load_checkpoint`], of the bytes of the file.
///
/// # Errors
/// As [`load_checkpoint`].
pub fn checkpoint_from_bytes<B: Tensor<Scalar: Number>>(bytes: &[u8]) -> Result<Checkpoint<B>, LoadError> {
    Opened::bytes(bytes).and_then(checkpoint).map_err(Problem::of_bytes)
}

fn contents<'a, B: Tensor<Scalar: Number>>(
    network: &'a Mlp<B>,
    state: &'a TrainerState<B>,
    columns: &'a [history::Column],
) -> Result<Contents<'a>, Problem> {
    check_shapes(network, state, columns)?;
    check_history_size(network, &state.optimizer, columns.len())?;
    let text = Record::of(network, state, columns).text()?;
    check_record(&text)?;
    let mut contents = Contents::new(KEY, text);
    contents.layers("layers", network.layers());
    for (name, layers) in &state.optimizer.tensors {
        contents.layers(&optimizer_prefix(name), layers);
    }
    if let Some(stopping) = &state.stopping {
        contents.layers("best", &stopping.best_layers);
    }
    for column in columns {
        if !column.values.is_empty() {
            contents.numbers(format!("history.{}", column.name), &column.values);
        }
        if let Some(codes) = &column.codes {
            contents.numbers(codes_name(&column.name), codes);
        }
    }
    Ok(contents)
}

/// That each tensor has the shape that it is read with.
fn check_shapes<B: Tensor>(
    network: &Mlp<B>,
    state: &TrainerState<B>,
    columns: &[history::Column],
) -> Result<(), Problem> {
    check_layers(network.layers()).map_err(Problem::Network)?;
    let sizes = network.layer_sizes();
    for (name, layers) in &state.optimizer.tensors {
        check_set(&optimizer_prefix(name), &sizes, layers)?;
    }
    if let Some(stopping) = &state.stopping {
        check_set("best", &sizes, &stopping.best_layers)?;
    }
    let expected = Shape::Vector(state.history.epochs());
    let other = columns
        .iter()
        .find(|column| Shape::Vector(column.values.len()) != expected);
    other.map_or(Ok(()), |column| {
        Err(Problem::TensorShape {
            tensor: format!("history.{}", column.name),
            expected,
            got: Shape::Vector(column.values.len()),
        })
    })
}

/// That these are layers of a network of these sizes, of any number of sets.
fn check_set<B: Tensor>(prefix: &str, layer_sizes: &[usize], layers: &[Dense<B>]) -> Result<(), Problem> {
    let sizes = layer_sizes.iter().zip(layer_sizes.iter().skip(1)).cycle();
    for ((layer, dense), (&inputs, &outputs)) in layers.iter().enumerate().zip(sizes) {
        for (what, tensor, expected) in [
            ("weight", &dense.weights, (outputs, inputs)),
            ("bias", &dense.bias, (outputs, 1)),
        ] {
            let got = tensor.shape();
            if got != expected {
                let shape = |(rows, columns)| Shape::Matrix(rows, columns);
                return Err(Problem::TensorShape {
                    tensor: format!("{prefix}.{layer}.{what}"),
                    expected: shape(expected),
                    got: shape(got),
                });
            }
        }
    }
    Ok(())
}

/// That the steps that L-BFGS is to remember fit a file when they are all there: to be told with the first checkpoint,
/// not in the middle of training.
fn check_history_size<B: Tensor<Scalar: Number>>(
    network: &Mlp<B>,
    optimizer: &OptimizerState<B>,
    columns: usize,
) -> Result<(), Problem> {
    /// Bytes of the header for a tensor, with room for the largest numbers of such a file.
    const ENTRY: usize = 128;
    /// The network, the best one, and the last change and gradient.
    const OTHERS: usize = 4;
    let mut numbers = optimizer.numbers.iter();
    let Some((_, got)) = numbers.find(|(name, _)| optimizer.kind == "lbfgs" && name == "history_size") else {
        return Ok(());
    };
    // Times a change and a gradient, what is there already included.
    let sets = |history: usize| history.saturating_mul(2).saturating_add(OTHERS);
    let layers = network.layers().len();
    let fits = |history: usize| {
        let columns = columns.saturating_mul(2);
        let tensors = layers
            .saturating_mul(2)
            .saturating_mul(sets(history))
            .saturating_add(columns);
        let numbers = network.parameter_count().saturating_mul(sets(history));
        let header = tensors.saturating_mul(ENTRY) as u64;
        let data = numbers.saturating_mul(B::Scalar::DTYPE.size()) as u64;
        tensors <= TENSOR_LIMIT && header <= header_limit(header, header.saturating_add(data))
    };
    let got = *got as usize;
    if fits(got) {
        return Ok(());
    }
    let limit = (1..got.min(TENSOR_LIMIT)).rev().find(|&history| fits(history));
    Err(Problem::HistorySize {
        layers,
        limit: limit.unwrap_or(0),
        got,
    })
}

/// That the record can be read.
fn check_record(text: &str) -> Result<(), Problem> {
    let record = Record::read(text)?;
    record.layer_sizes()?;
    record.activations()?;
    record.optimizer()?;
    record.stopping()?;
    record.schedule()?;
    record.plateau()?;
    record.dropout()?;
    record.position()?;
    record.epochs()?;
    let columns = record.columns().map(|(name, _)| (name.to_owned(), Vec::new()));
    history::of_columns(columns.collect()).map(drop)
}

fn codes_name(column: &str) -> String {
    format!("history.{column}.codes")
}

fn optimizer_prefix(name: &str) -> String {
    format!("optimizer.{name}")
}

fn checkpoint<B: Tensor<Scalar: Number>, R: Read + Send>(mut opened: Opened<R>) -> Result<Checkpoint<B>, Problem> {
    let text = opened.take_metadata(KEY)?;
    let record = Record::read(&text)?;
    drop(text);
    let layer_sizes = record.layer_sizes()?;
    let activations = record.activations()?;
    let mut tensors = opened.tensors::<B>()?;
    let layers = take_layers(&mut tensors, "layers", &layer_sizes, activations.len())?;
    let network = Mlp::from_layers(layers.into_iter().zip(activations).collect()).map_err(Problem::Network)?;

    let (kind, numbers, names) = record.optimizer()?;
    let mut optimizer = OptimizerState::new(&kind);
    optimizer.numbers = numbers;
    for (name, count) in names {
        let layers = take_layers(&mut tensors, &optimizer_prefix(&name), &layer_sizes, count)?;
        optimizer.tensors.push((name, layers));
    }
    // What is loaded can be saved.
    check_history_size(&network, &optimizer, record.columns().count())?;
    let stopping = match record.stopping()? {
        Some((best, best_epoch, epochs_since, count)) => Some(StoppingState {
            best,
            best_epoch,
            epochs_since,
            best_layers: take_layers(&mut tensors, "best", &layer_sizes, count)?,
        }),
        None => None,
    };
    let history = take_history(&mut tensors, &record)?;
    tensors.finish()?;
    let state = TrainerState {
        optimizer,
        initial_learning_rate: record.initial_learning_rate(),
        schedule: record.schedule()?,
        plateau: record.plateau()?,
        stopping,
        dropout: record.dropout()?,
        position: record.position()?,
        history,
    };
    Ok(Checkpoint { network, state })
}

/// Takes so many layers, any number of sets of those of the network, one after the other.
fn take_layers<B: Tensor<Scalar: Number>>(
    tensors: &mut Tensors<B>,
    prefix: &str,
    layer_sizes: &[usize],
    count: usize,
) -> Result<Vec<Dense<B>>, Problem> {
    let shapes = layer_sizes.iter().zip(layer_sizes.iter().skip(1)).cycle();
    let mut layers = Vec::new();
    // The first that is missing ends this, so that there are no more than the file has.
    for (layer, (&inputs, &outputs)) in (0..count).zip(shapes) {
        let weights = tensors.take(&format!("{prefix}.{layer}.weight"), Shape::Matrix(outputs, inputs))?;
        let bias = tensors.take(&format!("{prefix}.{layer}.bias"), Shape::Vector(outputs))?;
        layers.push(Dense { weights, bias });
    }
    Ok(layers)
}

fn take_history<B: Tensor<Scalar: Number>>(tensors: &mut Tensors<B>, record: &Record) -> Result<History, Problem> {
    let epochs = record.epochs()?;
    let mut columns = Vec::new();
    for (name, coded) in record.columns() {
        let mut values: Vec<f64> = Vec::new();
        if epochs > 0 {
            values = tensors.take_vector(&format!("history.{name}"), epochs)?;
        }
        if coded {
            let codes: Vec<f64> = tensors.take_vector(&codes_name(name), epochs)?;
            history::decode(name, &mut values, &codes)?;
        }
        columns.push((name.to_owned(), values));
    }
    history::of_columns(columns)
}
