//! Loads models: of tables, of this library, and networks of PyTorch.

use crate::error::Error;
use mlp_core::activations::Identity;
use mlp_core::{ActivationKind, HalfMse, Model};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Dtype, LoadErrorKind, Number, PytorchOptions, load_model, quoted};
use mlp_table::TableModel;
use std::path::Path;

/// A model in the number type of its file; `F16` and `BF16` are converted to `f32`, which is exact.
#[derive(Debug)]
pub(crate) enum AnyModel {
    Table(Box<TableModel>),
    F32(Model<Matrix<f32>>),
    F64(Model<Matrix<f64>>),
}

/// Loads a model. The hidden layers of a network from PyTorch get `activation`, and the model gets a loss that leaves
/// the outputs unchanged.
///
/// # Errors
/// If the file is no model, if `activation` is given for a file that records its own activations, or if it is missing
/// for a file that does not record them.
pub(crate) fn load(path: &Path, activation: Option<&ActivationKind>) -> Result<AnyModel, Error> {
    let file = path.display();
    let table = load_table(path)?;
    let summary = match table {
        Some(_) => None,
        None => Some(mlp_io::inspect(path)?),
    };
    match (&summary, activation) {
        (Some(summary), Some(_)) if !summary.is_model => (),
        (_, Some(activation)) => return Err(records_its_own(path, activation)),
        (Some(summary), None) if !summary.is_model => {
            let expected = format!("the activation of the hidden layers, because {file} does not record it");
            return Err(Error::unexpected("--activation", expected, "none"));
        }
        (_, None) => (),
    }
    Ok(match (table, summary.map(|summary| summary.dtype)) {
        (Some(table), _) => AnyModel::Table(Box::new(table)),
        (None, Some(Dtype::F64)) => AnyModel::F64(network(path, activation)?),
        (None, _) => AnyModel::F32(network(path, activation)?),
    })
}

/// Makes the error of an activation that is given for a file with activations.
pub(crate) fn records_its_own(path: &Path, activation: &ActivationKind) -> Error {
    let expected = format!("no activation, because {} records its own", path.display());
    Error::unexpected("--activation", expected, quoted(activation.name()))
}

/// Loads a model of a table. Returns `None` if the file holds another kind of model.
pub(crate) fn load_table(path: &Path) -> Result<Option<TableModel>, Error> {
    match TableModel::load(path) {
        Ok(model) => Ok(Some(model)),
        Err(error) if error.kind == LoadErrorKind::OtherKind => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn network<T: Element + Number>(path: &Path, activation: Option<&ActivationKind>) -> Result<Model<Matrix<T>>, Error> {
    Ok(match activation {
        None => load_model(path)?,
        Some(activation) => {
            let options = PytorchOptions::new(activation.clone(), Identity).convert();
            Model::new(options.load(path)?, HalfMse)
        }
    })
}
