//! Models from files, whoever wrote them.

use std::path::Path;

use mlp_core::{ActivationKind, HalfSquaredError, Identity, Model};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, load_model, load_network};

use crate::error::Error;

/// A model of the numbers that its file holds.
#[derive(Debug)]
pub(crate) enum AnyModel {
    F32(Model<Matrix<f32>>),
    F64(Model<Matrix<f64>>),
}

/// Loads a model that this library saved, or a network that PyTorch did, whose hidden layers then have `activation`.
/// Such a network gets a loss that leaves its outputs as they are.
///
/// # Errors
///
/// A file that is neither, and an activation for a file that says its own, or none for one that does not.
pub(crate) fn load(path: &Path, activation: Option<&ActivationKind>) -> Result<AnyModel, Error> {
    let summary = mlp_io::inspect(path)?;
    match (summary.is_model, activation) {
        (true, Some(activation)) => Err(Error::unexpected(
            "--activation",
            format_args!("no activation, as {} says its own", path.display()),
            format_args!("`{}`", activation.name()),
        )),
        (false, None) => Err(Error::unexpected(
            "--activation",
            format_args!("that of the hidden layers, which {} does not say", path.display()),
            "none",
        )),
        _ => match summary.dtype {
            mlp_io::Dtype::F32 => load_as(path, activation).map(AnyModel::F32),
            mlp_io::Dtype::F64 => load_as(path, activation).map(AnyModel::F64),
            other => Err(Error::unexpected(path.display(), "F32 or F64", other)),
        },
    }
}

fn load_as<T: Element + Number>(path: &Path, activation: Option<&ActivationKind>) -> Result<Model<Matrix<T>>, Error> {
    Ok(match activation {
        None => load_model(path)?,
        Some(activation) => Model::new(load_network(path, activation.clone(), Identity)?, HalfSquaredError),
    })
}
