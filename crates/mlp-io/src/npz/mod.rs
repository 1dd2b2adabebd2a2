//! Exchanges parameters with scikit-learn in `.npz` files.

mod archive;
mod fold;
mod npy;
mod read;
mod write;

use crate::container::open;
use crate::error::quoted;
use crate::{LoadError, LoadErrorKind, Number, SaveError, write_atomically};
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Model};
use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;

const ACTIVATION: &str = "activation";
const OUT_ACTIVATION: &str = "out_activation_";
const HIDDEN_NAMES: &str = "identity, logistic, relu, tanh";
const OUTPUT_NAMES: &str = "identity, logistic, softmax";

/// Writes a model as the parameters of scikit-learn's `MLPClassifier` or `MLPRegressor`. The `.npz` file has the arrays
/// `coefs_N` (n_in x n_out) and `intercepts_N` (n_out) for each layer N, counted from 0, and the names `activation` and
/// `out_activation_`.
///
/// The same model always gives the same bytes, which appear under `path` whole or not at all. The format has no place
/// for some parts of a model. Those that do not affect predictions are left out (class names, provenance, the loss that
/// a regression was trained with). Scalings are worked into the first and the last layer. All numbers of such a file are
/// `f64`, whatever the type of the model, because the weights and the bias of a feature with a large offset nearly
/// cancel: with offset / scale up to 1e7, predictions agree to 1e-6 of their size in `f32` and 1e-8 in `f64`.
///
/// To load the file in Python as an `MLPRegressor` or `MLPClassifier` `m` (whose `classes` are given in the order of
/// the outputs):
///
/// ```python
/// z = numpy.load("model.npz"); n = sum(name.startswith("coefs_") for name in z)
/// m = MLPRegressor(activation=str(z["activation"]))
/// m.coefs_, m.intercepts_ = [z[f"coefs_{i}"] for i in range(n)], [z[f"intercepts_{i}"] for i in range(n)]
/// m.n_layers_, m.n_outputs_, m.out_activation_ = n + 1, len(m.intercepts_[-1]), str(z["out_activation_"])
/// m._label_binarizer = LabelBinarizer().fit(classes); m.classes_ = m._label_binarizer.classes_  # a classifier only
/// ```
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.npz");
/// let model = Model::new(Mlp::<Matrix<f64>>::builder(&[3, 8, 2]).hidden(Tanh).build()?, HalfMse);
/// mlp_io::save_npz(&path, &model)?;
/// assert_eq!(mlp_io::load_npz::<Matrix<f64>>(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if an activation is not one of identity, sigmoid, tanh and ReLU, if hidden layers have different
/// activations, if the last layer is not linear, if a parameter is not finite, if the layers do not match, if the model is too large, or if the file cannot be written.
pub fn save_npz<B, C>(path: impl AsRef<Path>, model: &Model<B, C>) -> Result<(), SaveError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    write::check(model).map_err(|e| e.in_file(path.as_ref()))?;
    write_atomically(path, |file| write::write(model, file))
}

/// Returns the bytes that [`save_npz`] writes.
///
/// # Errors
/// The errors of [`save_npz`], except those of writing the file.
///
/// ```
/// use mlp_core::activations::Gelu;
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 8, 2]).hidden(Gelu).build()?, HalfMse);
/// let error = mlp_io::npz_to_bytes(&model).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "scikit-learn cannot express this network: layer 0: expected one of identity, logistic, relu, tanh, got gelu"
/// );
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
pub fn npz_to_bytes<B, C>(model: &Model<B, C>) -> Result<Vec<u8>, SaveError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    write::check(model)?;
    let mut bytes = Vec::new();
    write::write(model, &mut bytes).map_err(SaveError::not_written)?;
    Ok(bytes)
}

/// Reads the parameters of scikit-learn's `MLPClassifier` or `MLPRegressor` from an `.npz` file like the one that
/// [`save_npz`] writes. To write it from a fitted `m` in Python:
///
/// ```python
/// arrays = {f"{k}_{i}": a for k in ("coefs", "intercepts") for i, a in enumerate(getattr(m, k + "_"))}
/// numpy.savez("model.npz", **arrays, activation=m.activation, out_activation_=m.out_activation_)
/// ```
///
/// The model predicts what `m.predict` of a regressor or `m.predict_proba` of a classifier does. (If `predict_proba`
/// has two columns for a single output, the model predicts the second.) The loss follows from `out_activation_`: half
/// squared error (`identity`), softmax cross-entropy on class indices (`softmax`) or binary cross-entropy (`logistic`).
/// The last layer is linear.
///
/// The file need not be trusted: it cannot make this function panic, run code, or allocate more than twice the length
/// of the file and 1 MiB (with a backend as described at [`load_model`](crate::load_model)). The file must hold exactly
/// these entries, without gaps and with correct checksums. They may be compressed (`numpy.savez_compressed`), at most to
/// a sixteenth; the limit on memory then counts their length after decompression. The elements must be finite, of the type of
/// `B` (`<f4` or `<f8`), and in C or Fortran order. The inputs of each layer must be the outputs of the layer before
/// it. A file may have up to 4,096 entries and 4 GiB.
///
/// # Errors
/// Returns an error that says what is wrong with the file.
///
/// ```
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.npz");
/// std::fs::write(&path, "not a model, but longer than the end record of a zip archive")?;
/// let error = mlp_io::load_npz::<Matrix<f64>>(&path).unwrap_err();
/// assert!(error.to_string().ends_with("expected the end record of a zip archive in the last 22 bytes"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_npz<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Model<B>, LoadError> {
    let path = path.as_ref();
    open(path)
        .and_then(|(mut file, _)| read::model(&mut file))
        .map_err(|e| e.in_file(path))
}

/// Reads a model like [`load_npz`], from the bytes of a file.
///
/// # Errors
/// The errors of [`load_npz`].
///
/// ```
/// use mlp_core::{BinaryCrossEntropy, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 8, 1]).build()?, BinaryCrossEntropy);
/// let bytes = mlp_io::npz_to_bytes(&model)?;
/// assert_eq!(mlp_io::npz_from_bytes::<Matrix<f32>>(&bytes)?, model);
/// assert!(mlp_io::npz_from_bytes::<Matrix<f64>>(&bytes).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn npz_from_bytes<B: Tensor<Scalar: Number>>(bytes: &[u8]) -> Result<Model<B>, LoadError> {
    read::model(&mut Cursor::new(bytes))
}

/// Makes an error about an entry, which has the name that it has in the file, without `.npy`.
fn entry_error(kind: LoadErrorKind, entry: &str, problem: impl Display) -> LoadError {
    LoadError::new(kind, format!("{entry}: {problem}"))
}

/// An entry does not belong to a network of scikit-learn.
fn unknown(entry: &str) -> LoadError {
    let problem = "unexpected entry; expected only coefs_N, intercepts_N, activation and out_activation_";
    entry_error(LoadErrorKind::DoesNotFit, &quoted(entry), problem)
}
