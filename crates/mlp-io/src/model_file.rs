//! Model files, and networks from PyTorch's files.

mod pytorch;
mod record;

use crate::container::{Contents, MODEL, Opened, layer_tensors, missing, other_dtype, other_shape, unexpected};
use crate::{Dtype, LoadError, Number, SaveError};
use mlp_core::backend::{Tensor, check_layers};
use mlp_core::{Activation, ActivationKind, Dense, Mlp, Model};
use record::Record;
pub use record::SavedActivation;
pub(crate) use record::{KindRecord, activations, check_layer_sizes, kinds, layer_count, read_record, text};
use std::io::Read;
use std::path::Path;

pub use pytorch::{PytorchOptions, load_pytorch, pytorch_from_bytes};

/// Saves a model to a file, which is written whole or not at all. The same model always gives the same bytes.
///
/// The file is a safetensors file. Its tensors are `layers.0.weight` (n_out x n_in, row by row), `layers.0.bias` and so
/// on, in PyTorch's layout:
///
/// ```python
/// state = safetensors.torch.load_file("model.safetensors")
/// network = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
/// network.load_state_dict({f"{2 * int(k.split('.')[1])}.{k.split('.')[2]}": t for k, t in state.items()})
/// ```
///
/// Everything else (activations, loss, scalings, class names, provenance) is JSON in the metadata, under the key `mlp`.
/// Together with the names and shapes of the tensors, it is the file's header, which may have 16 MiB and 65,536
/// tensors. This is enough for 32,768 layers, for 100,000 classes with names of 100 bytes, or for the scaling of
/// 250,000 features. A name may have 4,096 bytes. To be sure before a long training, save the untrained model.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
/// use mlp_io::{load_model, save_model};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.safetensors");
/// let network = Mlp::<Matrix<f32>>::builder(&[4, 16, 3]).hidden(Tanh).seed(1).build()?;
/// let model = Model::new(network, HalfMse);
/// save_model(&path, &model)?;
/// assert_eq!(load_model::<Matrix<f32>>(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if a weight is infinite or NaN, if the file could not be loaded again for another reason, or if it
/// cannot be written. The old file under the path stays, except with
/// [`NotDurable`](crate::SaveErrorKind::NotDurable).
pub fn save_model<B: Tensor<Scalar: Number>, C: SavedActivation>(
    path: impl AsRef<Path>,
    model: &Model<B, C>,
) -> Result<(), SaveError> {
    let path = path.as_ref();
    contents(model).map_err(|e| e.in_file(path))?.save(path)
}

/// Returns the bytes of the file that [`save_model`] writes.
///
/// ```
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
/// use mlp_io::{model_from_bytes, model_to_bytes};
///
/// let model = Model::new(Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?, HalfMse);
/// let bytes = model_to_bytes(&model)?;
/// assert_eq!(model_from_bytes::<Matrix<f64>>(&bytes)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// The errors of [`save_model`], except those of writing the file.
pub fn model_to_bytes<B: Tensor<Scalar: Number>, C: SavedActivation>(
    model: &Model<B, C>,
) -> Result<Vec<u8>, SaveError> {
    contents(model)?.into_bytes()
}

/// Loads a model that [`save_model`] saved.
///
/// Loading takes at most twice the file's bytes and 1 MiB of memory, including the model. If the header has more than
/// 320 KiB, because there are thousands of layers or classes, it may take up to 25 times the header's bytes instead.
/// The limit holds for a backend that gives access to its memory ([`Tensor::memory_mut`]) and pads columns to at most
/// twice their length, as `mlp-cpu` does. Loading never panics, whatever the file contains. If the backend has threads
/// ([`Tensor::for_each`]), one of them reads large matrices while the others transpose what has been read.
///
/// # Errors
/// Returns an error if the file cannot be read, or if any byte of it does not belong to a model of numbers of this
/// type; [`LoadErrorKind`](crate::LoadErrorKind) lists the reasons. If the type of the numbers is unknown, call
/// [`inspect`] first.
pub fn load_model<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Model<B>, LoadError> {
    load_custom_model(path)
}

/// Loads a model like [`load_model`], from the bytes of the file.
///
/// # Errors
/// The errors of [`load_model`].
pub fn model_from_bytes<B: Tensor<Scalar: Number>>(bytes: &[u8]) -> Result<Model<B>, LoadError> {
    custom_model_from_bytes(bytes)
}

/// Loads a model like [`load_model`], whose activations may be of the caller's own type `C`. [`SavedActivation`] shows
/// an example.
///
/// # Errors
/// The errors of [`load_model`].
pub fn load_custom_model<B: Tensor<Scalar: Number>, C: SavedActivation>(
    path: impl AsRef<Path>,
) -> Result<Model<B, C>, LoadError> {
    let path = path.as_ref();
    Opened::file(path).and_then(model).map_err(|e| e.in_file(path))
}

/// Loads a model like [`load_custom_model`], from the bytes of the file.
///
/// # Errors
/// The errors of [`load_model`].
pub fn custom_model_from_bytes<B: Tensor<Scalar: Number>, C: SavedActivation>(
    bytes: &[u8],
) -> Result<Model<B, C>, LoadError> {
    Opened::bytes(bytes).and_then(model)
}

/// What a file contains, according to its header.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The type of the numbers, which says whether to load the file with `f32` or `f64`.
    pub dtype: Dtype,
    /// Neurons per layer, inputs first.
    pub layer_sizes: Vec<usize>,
    /// The number of parameters: weights, and biases where the file has them (PyTorch's layers may lack them).
    pub parameters: usize,
    /// Whether the file is a model, for [`load_model`]. Otherwise it is a network without activations, for
    /// [`load_pytorch`].
    pub is_model: bool,
}

/// Reads a file's header and reports what the file contains, without loading the tensors.
///
/// ```
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
/// use mlp_io::{Dtype, inspect, save_model};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.safetensors");
/// let network = Mlp::<Matrix<f32>>::builder(&[4, 16, 3]).build()?;
/// save_model(&path, &Model::new(network, HalfMse))?;
/// let summary = inspect(&path)?;
/// assert_eq!((summary.dtype, summary.layer_sizes, summary.is_model), (Dtype::F32, vec![4, 16, 3], true));
/// assert_eq!(summary.parameters, (4 + 1) * 16 + (16 + 1) * 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if the file cannot be read, or is neither a model nor a network.
pub fn inspect(path: impl AsRef<Path>) -> Result<Summary, LoadError> {
    let path = path.as_ref();
    pytorch::check_whole(path)
        .and_then(|()| summary(Opened::file(path)?))
        .map_err(|e| e.in_file(path))
}

fn summary<R: Read + Send>(mut opened: Opened<R>) -> Result<Summary, LoadError> {
    let elements = opened
        .header()
        .entries()
        .iter()
        .map(|entry| entry.shape.elements().unwrap_or(0));
    let parameters = elements.fold(0, usize::saturating_add);
    let is_model = opened.header().metadata().iter().any(|(key, _)| key == MODEL);
    let (dtype, layer_sizes) = if is_model {
        let record = Record::read(&opened.take_metadata(MODEL)?)?;
        check_tensors(&opened, &record.layer_sizes, record.dtype)?;
        (record.dtype, record.layer_sizes)
    } else {
        let plan = pytorch::Plan::new(opened.header(), "a model or a PyTorch network", None)?;
        (plan.dtype, plan.layer_sizes())
    };
    Ok(Summary {
        dtype,
        layer_sizes,
        parameters,
        is_model,
    })
}

fn contents<B: Tensor<Scalar: Number>, C: SavedActivation>(model: &Model<B, C>) -> Result<Contents<'_>, SaveError> {
    let layers = model.network().layers();
    let record = || {
        check_layers(layers).map_err(LoadError::network)?;
        let record = text(MODEL, &Record::of(model))?;
        Record::check::<B, C>(&record, model.network().activations()).map(|()| record)
    };
    let mut contents = Contents::new(MODEL, record().map_err(SaveError::unloadable)?);
    contents.layers("layers", layers);
    Ok(contents)
}

fn model<B: Tensor<Scalar: Number>, C: SavedActivation, R: Read + Send>(
    mut opened: Opened<R>,
) -> Result<Model<B, C>, LoadError> {
    let text = opened.take_metadata(MODEL)?;
    let record = Record::read(&text)?;
    drop(text);
    check_tensors(&opened, &record.layer_sizes, record.dtype)?;
    let activations = record.activations()?;
    if record.dtype != B::Scalar::DTYPE {
        return Err(other_dtype("layers.0.weight", B::Scalar::DTYPE, record.dtype));
    }
    let loss = record.loss()?;
    let mut tensors = opened.tensors()?;
    let layers = tensors.take_layers("layers", &record.layer_sizes, activations.len())?;
    tensors.finish()?;
    record.finish(Model::new(network(layers, activations)?, loss))
}

pub(crate) fn network<B: Tensor, C: Activation>(
    layers: Vec<Dense<B>>,
    activations: Vec<ActivationKind<C>>,
) -> Result<Mlp<B, C>, LoadError> {
    Mlp::from_layers(layers.into_iter().zip(activations).collect()).map_err(LoadError::network)
}

/// Checks that the tensors are exactly those of layers of these sizes.
fn check_tensors<R: Read + Send>(opened: &Opened<R>, layer_sizes: &[usize], dtype: Dtype) -> Result<(), LoadError> {
    let entries = opened.header().entries_by_name();
    let mut found = vec![false; entries.len()];
    for (tensor, shape) in layer_tensors("layers", layer_sizes, layer_sizes.len().saturating_sub(1)) {
        // The first missing tensor ends the loop, so that no more names are made than the file has.
        let place = entries.binary_search_by_key(&&tensor, |entry| &entry.name);
        let place = place.map_err(|_| missing(&tensor))?;
        let (Some(entry), Some(found)) = (entries.get(place), found.get_mut(place)) else {
            return Err(missing(&tensor));
        };
        if entry.dtype != dtype {
            return Err(other_dtype(&tensor, dtype, entry.dtype));
        }
        if entry.shape != shape {
            return Err(other_shape(&tensor, shape, entry.shape));
        }
        *found = true;
    }
    match entries.iter().zip(found).find(|(_, found)| !found) {
        Some((entry, _)) => Err(unexpected(&entry.name)),
        None => Ok(()),
    }
}
