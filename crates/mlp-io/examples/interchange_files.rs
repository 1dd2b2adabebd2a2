//! Writes models as ONNX and `.npz` files into a directory, each with inputs and what `Model::predict` makes of them, for
//! `tests/interchange/*.py` to hold against onnxruntime and scikit-learn:
//! `cargo run -p mlp-io --example interchange_files -- DIRECTORY`. Without a directory it writes into one of its own.

use mlp_core::{
    ActivationKind, BinaryCrossEntropy, Classes, Elu, HalfSquaredError, LeakyRelu, LossKind, Mlp, Model, NoCustom,
    Scaling, ScalingKind, SoftmaxCrossEntropy, Tensor,
};
use mlp_cpu::Matrix;
use mlp_io::{Number, export_onnx, save_npz};
use serde_json::json;
use std::error::Error;
use std::path::Path;

const SAMPLES: usize = 23;

fn main() -> Result<(), Box<dyn Error>> {
    let own = tempfile::tempdir()?;
    let directory = std::env::args_os().nth(1);
    let directory = directory.as_deref().map_or(own.path(), Path::new);
    write::<f32>(directory, "f32")?;
    write::<f64>(directory, "f64")
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
        HalfSquaredError.into(),
        SoftmaxCrossEntropy::with_classes().into(),
        BinaryCrossEntropy.into(),
    ];
    // The same in both precisions, and of a size whose sums are still exact to 1e-6 in single precision.
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
            export_onnx(directory.join(format!("{stem}.onnx")), &model)?;
            write_case(directory, &format!("{stem}.onnx"), dtype, &model, &input)?;
        }
    }
    Ok(())
}

/// With scalings where the targets are numbers, and class names where there are classes.
fn finish<T: Number>(model: Model<Matrix<T>>) -> Result<Model<Matrix<T>>, Box<dyn Error>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let standard =
        |offset: &[f64], scale: &[f64]| Scaling::from_parts(ScalingKind::Standard, offset.to_vec(), scale.to_vec());
    if model.loss() == LossKind::from(HalfSquaredError) {
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
    let numbers =
        |matrix: &Matrix<T>| -> Vec<f64> { matrix.to_vec().into_iter().map(mlp_core::Scalar::to_f64).collect() };
    let case = json!({
        "dtype": dtype,
        "loss": model.loss().name(),
        "classes": model.classes().map(Classes::names),
        "inputs": numbers(input),
        "predictions": numbers(&model.predict(input)),
    });
    std::fs::write(directory.join(format!("{file}.json")), case.to_string())?;
    Ok(())
}
