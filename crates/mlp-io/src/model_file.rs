//! Model files, and networks from PyTorch's files.

mod pytorch;
mod record;

use crate::container::{Contents, Opened};
use crate::{Dtype, LoadError, Number, Problem, SaveError, Shape};
use mlp_core::backend::Tensor;
use mlp_core::{ActivationKind, BuildError, Dense, Mlp, Model};
use record::Record;
pub(crate) use record::{KindRecord, activations, layer_sizes, read_record, syntax};
use std::io::Read;
use std::path::Path;

pub use pytorch::{load_network, network_from_bytes};

/// The metadata key of models.
pub(crate) const KEY: &str = "mlp";

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
/// Together with the names and shapes of the tensors, it may take 320 KiB and half as many bytes as the weights, but at
/// most 4 MiB. This is enough for the scaling of 6,800 features without a hidden layer, and of 30,000 or more features
/// with one.
///
/// ```
/// use mlp_core::{HalfSquaredError, Mlp, Model, Tanh};
/// use mlp_cpu::Matrix;
/// use mlp_io::{load_model, save_model};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.safetensors");
/// let network = Mlp::<Matrix<f32>>::builder(&[4, 16, 3]).hidden(Tanh).seed(1).build()?;
/// let model = Model::new(network, HalfSquaredError);
/// save_model(&path, &model)?;
/// assert_eq!(load_model::<Matrix<f32>>(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns [`SaveError::Refused`] if a weight is infinite or NaN, or if the file could not be loaded again for another
/// reason. Returns [`SaveError::Write`] if the file cannot be written. The old file under the path stays in both cases,
/// except with [`DurabilityUncertain`](crate::WriteError::DurabilityUncertain).
pub fn save_model<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>, model: &Model<B>) -> Result<(), SaveError> {
    let path = path.as_ref();
    contents(model).map_err(SaveError::of_file(path))?.save(path)
}

/// Returns the bytes of the file that [`save_model`] writes.
///
/// ```
/// use mlp_core::{HalfSquaredError, Mlp, Model};
/// use mlp_cpu::Matrix;
/// use mlp_io::{model_from_bytes, model_to_bytes};
///
/// let model = Model::new(Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?, HalfSquaredError);
/// let bytes = model_to_bytes(&model)?;
/// assert_eq!(model_from_bytes::<Matrix<f64>>(&bytes)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns [`SaveError::Refused`] in the same cases as [`save_model`].
pub fn model_to_bytes<B: Tensor<Scalar: Number>>(model: &Model<B>) -> Result<Vec<u8>, SaveError> {
    contents(model)
        .and_then(Contents::into_bytes)
        .map_err(SaveError::of_bytes)
}

/// Loads a model that [`save_model`] saved.
///
/// Loading takes at most twice the file's bytes and 1 MiB of memory, including the model. This holds for a backend that
/// gives access to its memory ([`Tensor::memory_mut`]) and pads columns to at most a multiple of 16 numbers, as
/// `mlp-cpu` does. Loading never panics, whatever the file contains. If the backend has threads ([`Tensor::for_each`]),
/// one of them reads large matrices while the others transpose what has been read.
///
/// # Errors
/// Returns an error if the file cannot be read, or if any byte of it does not belong to a model of numbers of this
/// type; [`Problem`] lists the reasons. If the type of the numbers is unknown, call [`inspect`] first.
pub fn load_model<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Model<B>, LoadError> {
    let path = path.as_ref();
    Opened::file(path).and_then(model).map_err(Problem::of_file(path))
}

/// Loads a model like [`load_model`], from the bytes of the file.
///
/// # Errors
/// The errors of [`load_model`].
pub fn model_from_bytes<B: Tensor<Scalar: Number>>(bytes: &[u8]) -> Result<Model<B>, LoadError> {
    Opened::bytes(bytes).and_then(model).map_err(Problem::of_bytes)
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
    /// [`load_network`].
    pub is_model: bool,
}

/// Reads a file's header and reports what the file contains, without loading the tensors.
///
/// ```
/// use mlp_core::{HalfSquaredError, Mlp, Model};
/// use mlp_cpu::Matrix;
/// use mlp_io::{Dtype, inspect, save_model};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.safetensors");
/// let network = Mlp::<Matrix<f32>>::builder(&[4, 16, 3]).build()?;
/// save_model(&path, &Model::new(network, HalfSquaredError))?;
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
    Opened::file(path).and_then(summary).map_err(Problem::of_file(path))
}

fn summary<R: Read + Send>(mut opened: Opened<R>) -> Result<Summary, Problem> {
    let elements = opened
        .header()
        .entries()
        .iter()
        .map(|entry| entry.shape.elements().unwrap_or(0));
    let parameters = elements.fold(0, usize::saturating_add);
    if opened.header().metadata().iter().any(|(key, _)| key == KEY) {
        let text = opened.take_metadata(KEY)?;
        let record = Record::read(&text)?;
        let dtype = record.dtype()?;
        let layer_sizes = record.layer_sizes()?;
        check_tensors(&opened, &layer_sizes, dtype)?;
        Ok(Summary {
            dtype,
            layer_sizes,
            parameters,
            is_model: true,
        })
    } else {
        let plan = pytorch::Plan::new(opened.header()).map_err(|problem| match problem {
            Problem::OtherKind { got, .. } => Problem::OtherKind {
                expected: "a model or a PyTorch network",
                got,
            },
            other => other,
        })?;
        Ok(Summary {
            dtype: plan.dtype(),
            layer_sizes: plan.layer_sizes(),
            parameters,
            is_model: false,
        })
    }
}

fn weight_name(layer: usize) -> String {
    format!("layers.{layer}.weight")
}

fn bias_name(layer: usize) -> String {
    format!("layers.{layer}.bias")
}

fn contents<B: Tensor<Scalar: Number>>(model: &Model<B>) -> Result<Contents<'_>, Problem> {
    check_layers(model.network().layers()).map_err(Problem::Network)?;
    let record = Record::of(model).text()?;
    Record::check::<B>(&record)?;
    let mut contents = Contents::new(KEY, record);
    contents.layers("layers", model.network().layers());
    Ok(contents)
}

fn model<B: Tensor<Scalar: Number>, R: Read + Send>(mut opened: Opened<R>) -> Result<Model<B>, Problem> {
    let text = opened.take_metadata(KEY)?;
    let record = Record::read(&text)?;
    drop(text);
    let (layer_sizes, dtype) = (record.layer_sizes()?, record.dtype()?);
    check_tensors(&opened, &layer_sizes, dtype)?;
    let activations = record.activations()?;
    if dtype != B::Scalar::DTYPE {
        let (tensor, expected) = (weight_name(0), B::Scalar::DTYPE);
        return Err(Problem::TensorDtype {
            tensor,
            expected,
            got: dtype,
        });
    }
    let loss = record.loss()?;
    let mut tensors = opened.tensors()?;
    let shapes = layer_sizes.iter().zip(layer_sizes.iter().skip(1)).enumerate();
    let mut layers = Vec::new();
    for ((layer, (&inputs, &outputs)), activation) in shapes.zip(activations) {
        let weights = tensors.take(&weight_name(layer), Shape::Matrix(outputs, inputs))?;
        let bias = tensors.take(&bias_name(layer), Shape::Vector(outputs))?;
        layers.push((Dense { weights, bias }, activation));
    }
    tensors.finish()?;
    record.finish(Model::new(network(layers)?, loss))
}

fn network<B: Tensor>(layers: Vec<(Dense<B>, ActivationKind)>) -> Result<Mlp<B>, Problem> {
    Mlp::from_layers(layers).map_err(Problem::Network)
}

/// Checks that the layers form a network, as [`Mlp::from_layers`] requires. They may have been changed since the
/// network was built.
pub(crate) fn check_layers<B: Tensor>(layers: &[Dense<B>]) -> Result<(), BuildError> {
    let mut inputs = layers.first().map_or(0, Dense::inputs);
    for (layer, dense) in layers.iter().enumerate() {
        let (outputs, columns) = dense.weights.shape();
        if outputs == 0 || columns == 0 {
            let position = layer.saturating_add(usize::from(columns > 0));
            return Err(BuildError::EmptyLayer { position });
        }
        for (what, expected, got) in [
            ("weights", (outputs, inputs), dense.weights.shape()),
            ("bias", (outputs, 1), dense.bias.shape()),
        ] {
            if got != expected {
                return Err(BuildError::LayerShape {
                    layer,
                    what,
                    expected,
                    got,
                });
            }
        }
        inputs = outputs;
    }
    Ok(())
}

/// Checks that the tensors are exactly those of layers of these sizes.
fn check_tensors<R: Read + Send>(opened: &Opened<R>, layer_sizes: &[usize], dtype: Dtype) -> Result<(), Problem> {
    let mut expected = Vec::new();
    for (layer, (&inputs, &outputs)) in layer_sizes.iter().zip(layer_sizes.iter().skip(1)).enumerate() {
        for (tensor, shape) in [
            (weight_name(layer), Shape::Matrix(outputs, inputs)),
            (bias_name(layer), Shape::Vector(outputs)),
        ] {
            // The first missing tensor ends the loop, so that no more names are made than the file has.
            let Some(entry) = opened.header().entry(&tensor) else {
                return Err(Problem::MissingTensor { tensor });
            };
            if entry.dtype != dtype {
                return Err(Problem::TensorDtype {
                    tensor,
                    expected: dtype,
                    got: entry.dtype,
                });
            }
            if entry.shape != shape {
                return Err(Problem::TensorShape {
                    tensor,
                    expected: shape,
                    got: entry.shape,
                });
            }
            expected.push(tensor);
        }
    }
    expected.sort_unstable();
    let mut names = opened.header().entries().iter().map(|entry| &entry.name);
    match names.find(|name| expected.binary_search(name).is_err()) {
        Some(tensor) => Err(Problem::UnexpectedTensor { tensor: tensor.clone() }),
        None => Ok(()),
    }
}
