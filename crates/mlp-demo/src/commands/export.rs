//! `mlp-demo export`: writes a model in the format of another program.

use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, SaveError, SaveErrorKind, export_onnx, save_model, save_npz};

use crate::error::Error;
use crate::files::Files;
use crate::model::{self, AnyModel};
use crate::options::{ExportArgs, ModelFormat};
use crate::printer::Printer;

/// Writes the model in another format.
///
/// # Errors
///
/// Returns an error for bad input, for a model that the format cannot express, or if the file cannot be written.
pub(crate) fn run(args: &ExportArgs, printer: &mut Printer) -> Result<(), Error> {
    Files::reading([args.model.path.clone()]).writing("--out", Some(&args.out))?;
    match model::load(&args.model.path, args.model.activation.as_ref())? {
        AnyModel::F32(model) => export(&model, args)?,
        AnyModel::F64(model) => export(&model, args)?,
    }
    writeln!(printer, "Model: {}", args.out.display())
}

fn export<T: Element + Number>(model: &Model<Matrix<T>>, args: &ExportArgs) -> Result<(), Error> {
    // A model that the format cannot hold is a problem of the model's file, not of the one to write.
    let refused = |error: SaveError| match error.kind {
        SaveErrorKind::NotWritten | SaveErrorKind::NotDurable => error.into(),
        _ => Error::refused(format_args!("{}: {}", args.model.path.display(), error.message)),
    };
    match args.to {
        ModelFormat::Onnx => export_onnx(&args.out, model).map_err(refused),
        ModelFormat::Npz => save_npz(&args.out, model).map_err(refused),
        ModelFormat::Safetensors => Ok(save_model(&args.out, model)?),
    }
}
