//! `mlp-demo export`: a model in the format of another program.

use std::io::Write;

use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use mlp_io::{NpzError, Number, OnnxError, export_onnx, save_model, save_npz};

use crate::cli::{ExportArgs, ModelFormat};
use crate::error::Error;
use crate::model::{self, AnyModel};
use crate::output::Output;
use crate::output_file::Files;

/// Writes the model in another format.
///
/// # Errors
///
/// Bad input; a model that the format cannot express; a file that cannot be written.
pub(crate) fn run<W: Write>(args: &ExportArgs, output: &mut Output<W>) -> Result<(), Error> {
    Files::default()
        .reading([args.model.path.clone()])
        .add("--out", &args.out)?;
    match model::load(&args.model.path, args.model.activation.as_ref())? {
        AnyModel::F32(model) => export(&model, args)?,
        AnyModel::F64(model) => export(&model, args)?,
    }
    output.line(format_args!("Model: {}", args.out.display()))
}

fn export<T: Element + Number>(model: &Model<Matrix<T>>, args: &ExportArgs) -> Result<(), Error> {
    let (from, to) = (&args.model.path, &args.out);
    match args.to {
        ModelFormat::Onnx => export_onnx(to, model).map_err(|error| match error {
            OnnxError::Write(error) => error.into(),
            other => Error::about(from)(other),
        }),
        ModelFormat::Npz => save_npz(to, model).map_err(|error| match error {
            NpzError::Write(error) => error.into(),
            other => Error::about(from)(other),
        }),
        ModelFormat::Safetensors => Ok(save_model(to, model)?),
    }
}
