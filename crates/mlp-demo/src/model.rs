//! Loads models that this library or PyTorch saved.

use std::path::Path;

use mlp_core::activations::Identity;
use mlp_core::{ActivationKind, HalfMse, Model};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Dtype, Number, PytorchOptions, load_model};

use crate::error::Error;

/// A model in the number type of its file; `F16` and `BF16` are converted to `f32`, which is exact.
#[derive(Debug)]
pub(crate) enum AnyModel {
    F32(Model<Matrix<f32>>),
    F64(Model<Matrix<f64>>),
}

/// Loads a model that this library saved or a network that PyTorch saved. The hidden layers of a network from PyTorch
/// get `activation`, and the model gets a loss that leaves the outputs unchanged.
///
/// # Errors
///
/// Returns an error if the file is neither of these, if `activation` is given for a file that records its own
/// activations, or if `activation` is missing for a file that does not record them.
pub(crate) fn load(path: &Path, activation: Option<&ActivationKind>) -> Result<AnyModel, Error> {
    let summary = mlp_io::inspect(path)?;
    let file = path.display();
    match (summary.is_model, activation) {
        (true, Some(activation)) => {
            let expected = format!("no activation, because {file} records its own");
            Err(Error::unexpected(
                "--activation",
                expected,
                format_args!("`{}`", activation.name()),
            ))
        }
        (false, None) => {
            let expected = format!("the activation of the hidden layers, because {file} does not record it");
            Err(Error::unexpected("--activation", expected, "none"))
        }
        _ => match summary.dtype {
            Dtype::F64 => load_as(path, activation).map(AnyModel::F64),
            _ => load_as(path, activation).map(AnyModel::F32),
        },
    }
}

fn load_as<T: Element + Number>(path: &Path, activation: Option<&ActivationKind>) -> Result<Model<Matrix<T>>, Error> {
    Ok(match activation {
        None => load_model(path)?,
        Some(activation) => {
            let options = PytorchOptions::new(activation.clone(), Identity).convert();
            Model::new(options.load(path)?, HalfMse)
        }
    })
}
