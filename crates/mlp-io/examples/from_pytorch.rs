//! Loads a network that PyTorch trained and saved, and predicts with it. The file was written by
//! `safetensors.torch.save_file(network.state_dict(), path)`, where `network` is an `nn.Sequential` of `nn.Linear`
//! layers with `nn.Tanh` between them.
//!
//! ```sh
//! cargo run --release -p mlp-io --example from_pytorch
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::{Identity, Tanh};
use mlp_core::{HalfMse, Model};
use mlp_cpu::Matrix;
use mlp_io::{Dtype, inspect, load_model, load_pytorch, save_model};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = fixtures.join("pytorch_f32.safetensors");

    // The file has the layer sizes and the type of the numbers, but not the activations, which the caller must know.
    let summary = inspect(&path)?;
    println!("{:?} of {}", summary.layer_sizes, summary.dtype);
    assert_eq!(summary.dtype, Dtype::F32);
    let network = load_pytorch::<Matrix<f32>>(&path, Tanh, Identity)?;

    // The inputs that PyTorch was given, one list per sample, and its predictions for them.
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(fixtures.join("pytorch.json"))?)?;
    let case = &cases[0];
    assert_eq!(case["file"], "pytorch_f32.safetensors");
    let inputs: Vec<[f32; 3]> = serde_json::from_value(case["inputs"].clone())?;
    let expected: Vec<[f32; 2]> = serde_json::from_value(case["predictions"].clone())?;
    let predictions = network.predict(&Matrix::from_columns(&inputs));
    println!("\n  here                     PyTorch");
    for (here, there) in predictions.iter_columns().zip(&expected) {
        println!("{here:>11.7?}  {there:>11.7?}");
        for (a, b) in here.iter().zip(there) {
            assert!((a - b).abs() < 1e-6, "{a} here, {b} in PyTorch");
        }
    }

    // Saved as a model of this library, the file is complete: it has the activations, and the loss of the training.
    let model = Model::new(network, HalfMse);
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("model.safetensors");
    save_model(&path, &model)?;
    assert_eq!(load_model::<Matrix<f32>>(&path)?, model);
    assert!(inspect(&path)?.is_model);
    Ok(())
}
