//! This library's side of `tests/interchange/interchange.py`. Run it with `cargo run --release -p mlp-io --example
//! interchange_files -- DIRECTORY`.
//!
//! It writes models as safetensors, ONNX and `.npz` files into the directory. Beside each file, a file of the same name
//! with `.json` appended holds inputs and the predictions of `Model::predict`. It also loads the files that PyTorch and
//! scikit-learn wrote into `DIRECTORY/theirs` and adds its predictions. Without a directory it uses a temporary one.

use mlp_core::activations::{Elu, Identity, LeakyRelu, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, BinaryCrossEntropy, Classes, HalfMse, LossKind, Mlp, Model, NoCustom, Scaling, ScalingKind,
    SoftmaxCrossEntropy,
};
use mlp_cpu::Matrix;
use mlp_io::{Number, export_onnx, load_npz, load_pytorch, save_model, save_npz};
use serde::Deserialize;
use serde_json::json;
use std::error::Error;
use std::fs;
use std::path::Path;

const SAMPLES: usize = 23;

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let directory = std::env::args_os().nth(1);
    let directory = directory.as_deref().map_or(own.path(), Path::new);
    write::<f32>(directory, "f32")?;
    write::<f64>(directory, "f64")?;
    let theirs = directory.join("theirs");
    if theirs.is_dir() {
        read(&theirs)?;
    }
    Ok(())
}

fn write<T: Number>(directory: &Path, dtype: &str) -> Result<(), Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let named = ActivationKind::<NoCustom>::NAMES
        .iter()
        .map(|name| Ok(((*name).to_owned(), name.parse()?)));
    let mut activations = named.collect::<Result<Vec<(String, ActivationKind)>, Box<dyn Error>>>()?;
    activations.push(("leaky_relu_0.3".into(), LeakyRelu::new(0.3)?.into()));
    activations.push(("elu_0.7".into(), Elu::new(0.7)?.into()));
    let losses: [LossKind; 3] = [
        HalfMse.into(),
        SoftmaxCrossEntropy::for_classes().into(),
        BinaryCrossEntropy.into(),
    ];
    // The values are the same in both precisions, and small enough that sums in single precision are still exact to
    // 1e-6.
    let values = (0..4 * SAMPLES).map(|i| {
        let size = [1e-3, 0.3, 1.0, 2.0, 4.0][i % 5];
        T::from_f64(size * (f64::from(u32::try_from(i * 37 % 101).unwrap_or(0)) / 50.0 - 1.0))
    });
    let values: Vec<T> = values.collect();
    let mut input = Matrix::<T>::zeros(4, SAMPLES);
    input.write(&values);
    for (name, activation) in activations {
        for loss in losses {
            let network = Mlp::builder(&[4, 16, 16, 3])
                .hidden(activation.clone())
                .seed(11)
                .build()?;
            let plain = Model::new(network, loss);
            let stem = format!("{name}-{}-{dtype}", loss.name());
            if save_npz(directory.join(format!("{stem}.npz")), &plain).is_ok() {
                write_case(directory, &format!("{stem}.npz"), dtype, &plain, &input)?;
            }
            let model = finish(plain)?;
            save_model(directory.join(format!("{stem}.safetensors")), &model)?;
            write_case(directory, &format!("{stem}.safetensors"), dtype, &model, &input)?;
            export_onnx(directory.join(format!("{stem}.onnx")), &model)?;
            write_case(directory, &format!("{stem}.onnx"), dtype, &model, &input)?;
        }
    }
    write_offsets(directory, dtype, &values)
}

/// Writes models of features whose offset is up to 1e7 times the scale.
fn write_offsets<T: Number>(directory: &Path, dtype: &str, values: &[T]) -> Result<(), Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let scale = [1.5, 0.8, 250.0, 3.0];
    for ratio in [1.0, 1e3, 1e5, 1e7] {
        let offset = scale.map(|scale| ratio * scale);
        let scaling = Scaling::from_parts(ScalingKind::Standard, offset.to_vec(), scale.to_vec())?;
        let network = Mlp::<Matrix<T>>::builder(&[4, 16, 16, 3])
            .hidden(Tanh)
            .seed(11)
            .build()?;
        let model = Model::new(network, HalfMse).with_input_scaling(scaling)?;
        let features = values.iter().zip(offset.iter().zip(&scale).cycle());
        let features: Vec<T> = features
            .map(|(value, (offset, scale))| T::from_f64(offset + scale * value.to_f64()))
            .collect();
        let mut input = Matrix::zeros(4, SAMPLES);
        input.write(&features);
        let file = |extension: &str| format!("offset_{ratio:e}-{dtype}.{extension}");
        save_npz(directory.join(file("npz")), &model)?;
        save_model(directory.join(file("safetensors")), &model)?;
        export_onnx(directory.join(file("onnx")), &model)?;
        for extension in ["npz", "safetensors", "onnx"] {
            write_case(directory, &file(extension), dtype, &model, &input)?;
        }
    }
    Ok(())
}

/// Adds scalings if the targets are numbers, and class names if there are classes.
fn finish<T: Number>(model: Model<Matrix<T>>) -> Result<Model<Matrix<T>>, Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let standard =
        |offset: &[f64], scale: &[f64]| Scaling::from_parts(ScalingKind::Standard, offset.to_vec(), scale.to_vec());
    if *model.loss() == HalfMse.into() {
        let model = model.with_input_scaling(standard(&[0.1, -0.5, 0.0, 2.0], &[1.5, 0.8, 1.0, 3.0])?)?;
        Ok(model.with_target_scaling(standard(&[5.0, 0.0, -0.2], &[2.0, 0.1, 1.0])?)?)
    } else {
        Ok(model.with_classes(Classes::new(["ant", "bee", "cat \"é\""])?)?)
    }
}

fn write_case<T: Number>(
    directory: &Path,
    file: &str,
    dtype: &str,
    model: &Model<Matrix<T>>,
    input: &Matrix<T>,
) -> Result<(), Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let scaling = model.input_scaling();
    let ratios = scaling.map(|scaling| {
        scaling
            .offset()
            .iter()
            .zip(scaling.scale())
            .map(|(offset, scale)| offset / scale)
    });
    let case = json!({
        "offset_ratio": ratios.into_iter().flatten().fold(0.0, f64::max),
        "dtype": dtype,
        "loss": model.loss().name(),
        "classes": model.classes().map(Classes::names),
        "inputs": numbers(input),
        "predictions": numbers(&model.predict(input)),
    });
    fs::write(directory.join(format!("{file}.json")), case.to_string())?;
    Ok(())
}

/// Returns the numbers, sample after sample.
fn numbers<T: Number>(matrix: &Matrix<T>) -> Vec<f64>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    matrix.to_vec().into_iter().map(mlp_core::Scalar::to_f64).collect()
}

/// The description of a file from PyTorch or scikit-learn. It is in a file of the same name with `.json` appended.
#[derive(Deserialize)]
struct Theirs {
    dtype: String,
    /// The activation, which PyTorch's files do not contain.
    activation: Option<String>,
    features: usize,
    inputs: Vec<f64>,
}

fn read(directory: &Path) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension == "json") {
            continue;
        }
        let beside = |suffix: &str| format!("{}.{suffix}", path.display());
        let theirs: Theirs = serde_json::from_slice(&fs::read(beside("json"))?)?;
        let predictions = match theirs.dtype.as_str() {
            "f32" => predict::<f32>(&path, &theirs)?,
            _ => predict::<f64>(&path, &theirs)?,
        };
        fs::write(beside("here"), json!(predictions).to_string())?;
    }
    Ok(())
}

fn predict<T: Number>(path: &Path, theirs: &Theirs) -> Result<Vec<f64>, Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let mut input = Matrix::<T>::zeros(theirs.features, theirs.inputs.len() / theirs.features);
    input.write(&theirs.inputs.iter().map(|&x| T::from_f64(x)).collect::<Vec<_>>());
    Ok(numbers(&match &theirs.activation {
        Some(activation) => {
            load_pytorch::<Matrix<T>>(path, activation.parse::<ActivationKind>()?, Identity)?.predict(&input)
        }
        None => load_npz::<Matrix<T>>(path)?.predict(&input),
    }))
}
