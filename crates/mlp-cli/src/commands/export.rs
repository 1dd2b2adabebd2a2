//! `mlp export`: writes a model in the format of another program.

use crate::error::Error;
use crate::interrupt;
use crate::model::{self, AnyModel};
use crate::options::{ExportArgs, ModelFormat};
use crate::output::{Files, print};
use clap::ValueEnum as _;
use mlp_core::Model;
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, SaveError, SaveErrorKind, export_onnx, save_model, save_npz};
use std::ffi::OsStr;

pub(crate) fn run(args: &ExportArgs) -> Result<(), Error> {
    let suggested = args.out.extension().map(OsStr::to_ascii_lowercase);
    if ModelFormat::value_variants()
        .iter()
        .any(|other| *other != args.to && suggested.as_deref() == Some(OsStr::new(name(*other))))
    {
        let expected = format_args!("a name that ends in .{}", name(args.to));
        return Err(Error::unexpected("--out", expected, args.out.display()));
    }
    Files::reading([("--model", args.model.path.as_path())], args.force).writing("--out", &args.out)?;
    let model = model::load(&args.model.path, args.model.activation.as_ref())?;
    // The temporary file of --out must be removed.
    interrupt::heed(true);
    match model {
        AnyModel::Table(model) => match args.to {
            ModelFormat::Onnx => model.export_onnx(&args.out).map_err(|error| refused(error, args))?,
            _ => return Err(Error::unexpected("--to", "onnx for a model of a table", name(args.to))),
        },
        AnyModel::F32(model) => export(&model, args)?,
        AnyModel::F64(model) => export(&model, args)?,
    }
    print(&format!("Model: {}\n", args.out.display()))
}

fn export<T: Element + Number>(model: &Model<Matrix<T>>, args: &ExportArgs) -> Result<(), Error> {
    let exported = match args.to {
        ModelFormat::Onnx => export_onnx(&args.out, model),
        ModelFormat::Npz => save_npz(&args.out, model),
        ModelFormat::Safetensors => save_model(&args.out, model),
    };
    exported.map_err(|error| refused(error, args))
}

/// A model that the format cannot hold is a problem of the model's file, not of the one to write.
fn refused(error: SaveError, args: &ExportArgs) -> Error {
    match error.kind {
        SaveErrorKind::NotWritten | SaveErrorKind::NotDurable => error.into(),
        _ => Error::refused(format_args!("{}: {}", args.model.path.display(), error.message)),
    }
}

fn name(format: ModelFormat) -> &'static str {
    match format {
        ModelFormat::Onnx => "onnx",
        ModelFormat::Npz => "npz",
        ModelFormat::Safetensors => "safetensors",
    }
}
