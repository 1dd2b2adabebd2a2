//! scikit-learn's parameters in an `.npz` file.

mod archive;
mod error;
mod npy;
mod read;
mod write;

pub use error::NpzError;

use crate::{Number, write_atomically};
use archive::Source;
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Model};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

const ACTIVATION: &str = "activation";
const OUT_ACTIVATION: &str = "out_activation_";
const HIDDEN_NAMES: &str = "identity, logistic, relu, tanh";
const OUTPUT_NAMES: &str = "identity, logistic, softmax";

/// Writes the parameters of scikit-learn's `MLPClassifier` or `MLPRegressor`: an `.npz` file of the arrays `coefs_N`
/// (n_in x n_out) and `intercepts_N` (n_out), for each layer N from 0, and the names `activation` and
/// `out_activation_`.
///
/// The same model gives the same bytes, and they appear under `path` whole or not at all. What the file has no place
/// for is left out where predictions do not depend on it (class names, provenance, which loss a regression was trained
/// with), and refused where they do (scalings: keep the features scaled by scikit-learn's `StandardScaler` in front).
///
/// In Python, where `m` is an `MLPRegressor` or `MLPClassifier` (whose `classes` are given in the outputs' order):
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
/// use mlp_core::{HalfSquaredError, Mlp, Model, Tanh};
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.npz");
/// let model = Model::new(Mlp::<Matrix<f64>>::builder(&[3, 8, 2]).hidden(Tanh).build()?, HalfSquaredError);
/// mlp_io::save_npz(&path, &model)?;
/// assert_eq!(mlp_io::load_npz::<Matrix<f64>>(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NpzError::Inexpressible`] if an activation is none of identity, sigmoid, tanh and ReLU, hidden layers have
/// different ones, the last layer is not linear, or there are scalings; [`NpzError::NotFiniteLayer`],
/// [`NpzError::Network`] and [`NpzError::TooLarge`]; [`NpzError::Write`] if the file cannot be written.
pub fn save_npz<B, C>(path: impl AsRef<Path>, model: &Model<B, C>) -> Result<(), NpzError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    write::check(model)?;
    write_atomically(path, |file| write::write(model, |bytes| file.write_all(bytes)))?;
    Ok(())
}

/// The bytes that [`save_npz`] writes.
///
/// # Errors
/// As [`save_npz`], but for those of the file.
///
/// ```
/// use mlp_core::{Gelu, HalfSquaredError, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 8, 2]).hidden(Gelu).build()?, HalfSquaredError);
/// let error = mlp_io::npz_to_bytes(&model).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "scikit-learn has no such network: layer 0: expected one of identity, logistic, relu, tanh, got gelu"
/// );
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
pub fn npz_to_bytes<B, C>(model: &Model<B, C>) -> Result<Vec<u8>, NpzError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    write::check(model)?;
    let mut bytes = Vec::new();
    write::write(model, |piece| {
        bytes.extend_from_slice(piece);
        Ok::<_, NpzError>(())
    })?;
    Ok(bytes)
}

/// Reads the parameters of scikit-learn's `MLPClassifier` or `MLPRegressor` from an `.npz` file, as [`save_npz`] writes
/// it. From a fitted `m` in Python:
///
/// ```python
/// arrays = {f"{k}_{i}": a for k in ("coefs", "intercepts") for i, a in enumerate(getattr(m, k + "_"))}
/// numpy.savez("model.npz", **arrays, activation=m.activation, out_activation_=m.out_activation_)
/// ```
///
/// The model predicts what `m.predict` of a regressor or `m.predict_proba` of a classifier does (where that has two
/// columns for a single output, its second). Its loss follows from `out_activation_`: half squared error (`identity`),
/// softmax cross-entropy on class indices (`softmax`) or binary cross-entropy (`logistic`); its last layer is linear.
///
/// The file may come from anywhere: it cannot make this function panic, run code, or allocate more than twice its
/// length and 1 MiB (with a backend as [`load_model`](crate::load_model) says). It must hold these entries and no others,
/// without compression or gaps, with right checksums, elements of the type of `B` (`<f4` or `<f8`), in C or Fortran
/// order, that are finite, and shapes that chain. A file may have up to 4,096 entries and 4 GiB.
///
/// # Errors
/// What is wrong with the file, one variant of [`NpzError`] each.
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
pub fn load_npz<B: Tensor<Scalar: Number>>(path: impl AsRef<Path>) -> Result<Model<B>, NpzError> {
    let path = path.as_ref();
    let open = || {
        // Asked of the path first: to open a pipe waits for its other end.
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("expected a regular file"));
        }
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    let (file, length) = open().map_err(|source| cannot_read(path, source))?;
    read::model(&mut FileSource { path, file, length }).map_err(|problem| problem.in_file(path))
}

/// As [`load_npz`], from the bytes of a file.
///
/// # Errors
/// As [`load_npz`].
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
pub fn npz_from_bytes<B: Tensor<Scalar: Number>>(mut bytes: &[u8]) -> Result<Model<B>, NpzError> {
    read::model(&mut bytes)
}

fn cannot_read(path: &Path, source: io::Error) -> NpzError {
    NpzError::Read {
        path: path.to_path_buf(),
        source,
    }
}

/// A file, of which a piece at a time is in memory.
struct FileSource<'a> {
    path: &'a Path,
    file: File,
    /// At the start: a file that shrinks later is an error, and what it grows by is not looked at.
    length: u64,
}

impl Source for FileSource<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<(), NpzError> {
        let mut read = || {
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.read_exact(into)
        };
        read().map_err(|source| cannot_read(self.path, source))
    }
}

impl Source for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<(), NpzError> {
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(into.len()));
        // Every place that is read lies before the end record, according to it.
        let piece = start.zip(end).and_then(|(start, end)| self.get(start..end));
        into.copy_from_slice(piece.ok_or(NpzError::NotZip)?);
        Ok(())
    }
}
