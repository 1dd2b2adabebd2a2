//! Trains a classifier and exports it for any runtime that reads ONNX. It takes raw features and returns probabilities.
//!
//! ```sh
//! cargo run --release -p mlp-io --example to_onnx -- target/ring.onnx
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Softplus;
use mlp_core::{BinaryCrossEntropy, Classes, FitOptions, Lbfgs, Mlp, Model, Penalty, Samples, Scaling, Trainer};
use mlp_cpu::Matrix;
use mlp_io::{export_onnx, onnx_to_bytes};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "target/ring.onnx".into()));

    // The task is whether a point, given in millimeters, lies inside a circle with a radius of 30 mm. There are few
    // data and one batch, so L-BFGS is a good choice.
    let input = Matrix::<f64>::from_fn(2, 441, |i, j| {
        5.0 * (if i == 0 { j % 21 } else { j / 21 }) as f64 - 50.0
    });
    let target = Matrix::from_fn(1, 441, |_, j| f64::from(input[(0, j)].hypot(input[(1, j)]) < 30.0));
    let scaling = Scaling::min_max(&input)?;
    let scaled = scaling.apply(&input);
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 12, 1])
        .hidden(Softplus)
        .seed(1)
        .build()?;
    let mut trainer = Trainer::new(BinaryCrossEntropy, Lbfgs::new(1.0)?).penalty(Penalty::l2(1e-4)?);
    trainer.fit(&mut network, Samples::new(&scaled, &target)?, FitOptions::epochs(150))?;

    let model = Model::new(network, BinaryCrossEntropy)
        .with_input_scaling(scaling)?
        .with_classes(Classes::new(["outside", "inside"])?)?;
    let expected = target.to_vec();
    let classes = model.classify(&input).into_iter().zip(expected);
    let wrong = classes
        .filter(|&(class, expected)| class != Some(expected as usize))
        .count();
    assert!(wrong <= 8, "{wrong} of 441 points are classified wrongly");

    // The file has operators for the scaling, the layers, the activations and the sigmoid. Its output is what `predict`
    // returns.
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    export_onnx(&path, &model)?;
    assert_eq!(
        std::fs::read(&path)?,
        onnx_to_bytes(&model)?,
        "the same model must give the same bytes"
    );

    let points = Matrix::from_columns(&[[0.0, 10.0], [30.0, 30.0]]);
    let probabilities = model.predict(&points);
    assert!(
        probabilities[(0, 0)] > 0.9 && probabilities[(0, 1)] < 0.1,
        "{probabilities}"
    );
    println!(
        "import numpy, onnxruntime

session = onnxruntime.InferenceSession({path:?})
(probabilities,) = session.run([\"output\"], {{\"input\": numpy.array([[0.0, 10.0], [30.0, 30.0]])}})

assert numpy.allclose(probabilities, [[{:?}], [{:?}]], rtol=0, atol=1e-12)",
        probabilities[(0, 0)],
        probabilities[(0, 1)]
    );
    Ok(())
}
