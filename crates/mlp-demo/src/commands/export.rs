//! `mlp-demo export`: writes a model in the format of another program.

use mlp_core::{ActivationKind, Dense, Mlp, Model};
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

/// Folds the scalings of a model into its first and last layer and returns a model without scalings:
/// W (x - offset) / scale + b is (W / scale) x + b - W (offset / scale), and (W a + b) scale + offset is
/// (scale W) a + scale b + offset. The predictions are the same, up to rounding. A model whose last layer is not linear
/// is returned unchanged.
fn folded<T: Element>(model: &Model<Matrix<T>>) -> Model<Matrix<T>> {
    let network = model.network();
    let [.., ActivationKind::Identity(_)] = network.activations() else {
        return model.clone();
    };
    let activations = network.activations().iter().cloned();
    let mut layers: Vec<_> = network.layers().iter().cloned().zip(activations).collect();
    if let (Some(scaling), Some((Dense { weights, bias }, _))) = (model.input_scaling(), layers.first_mut()) {
        for i in 0..bias.rows() {
            let mut shift = 0.0;
            for (j, (&offset, &scale)) in scaling.offset().iter().zip(scaling.scale()).enumerate() {
                let weight = weights[(i, j)].to_f64();
                shift += weight * (offset / scale);
                weights[(i, j)] = T::from_f64(weight / scale);
            }
            bias[(i, 0)] = T::from_f64(bias[(i, 0)].to_f64() - shift);
        }
    }
    if let (Some(scaling), Some((Dense { weights, bias }, _))) = (model.target_scaling(), layers.last_mut()) {
        for (i, (&offset, &scale)) in scaling.offset().iter().zip(scaling.scale()).enumerate() {
            for j in 0..weights.columns() {
                weights[(i, j)] = T::from_f64(weights[(i, j)].to_f64() * scale);
            }
            bias[(i, 0)] = T::from_f64(bias[(i, 0)].to_f64() * scale + offset);
        }
    }
    Model::new(
        Mlp::from_layers(layers).expect("the sizes of the layers are unchanged"),
        model.loss(),
    )
}

fn export<T: Element + Number>(model: &Model<Matrix<T>>, args: &ExportArgs) -> Result<(), Error> {
    // A model that the format cannot hold is a problem of the model's file, not of the one to write.
    let refused = |error: SaveError| match error.kind {
        SaveErrorKind::NotWritten | SaveErrorKind::NotDurable => error.into(),
        _ => Error::refused(format_args!("{}: {}", args.model.path.display(), error.message)),
    };
    match args.to {
        ModelFormat::Onnx => export_onnx(&args.out, model).map_err(refused),
        ModelFormat::Npz => save_npz(&args.out, &folded(model)).map_err(refused),
        ModelFormat::Safetensors => Ok(save_model(&args.out, model)?),
    }
}
