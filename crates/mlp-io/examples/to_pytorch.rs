//! Trains a network for PyTorch. PyTorch can read the model's file as it is, with three lines of Python.
//!
//! ```sh
//! cargo run --release -p mlp-io --example to_pytorch -- target/parabola.safetensors
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::{Adam, FitOptions, HalfMse, Mlp, Model, Samples, Trainer};
use mlp_cpu::Matrix;
use mlp_io::{load_model, save_model};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .unwrap_or_else(|| "target/parabola.safetensors".into()),
    );

    let input = Matrix::<f32>::from_fn(1, 41, |_, j| 0.05 * j as f32 - 1.0);
    let target = Matrix::from_fn(1, 41, |_, j| input[(0, j)] * input[(0, j)]);
    let mut network = Mlp::<Matrix<f32>>::builder(&[1, 16, 1]).hidden(Tanh).seed(1).build()?;
    let mut trainer = Trainer::new(HalfMse, Adam::new(0.02)?);
    trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(500))?;

    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let model = Model::new(network, HalfMse);
    save_model(&path, &model)?;
    assert_eq!(load_model::<Matrix<f32>>(&path)?, model);

    // PyTorch finds eight bytes with the length of the header, the header in JSON, and the numbers. A weight is n_out x
    // n_in, row by row.
    let bytes = std::fs::read(&path)?;
    let length = u64::from_le_bytes(*bytes.first_chunk().ok_or("the file has no header length")?);
    let header = bytes
        .get(8..8 + usize::try_from(length)?)
        .ok_or("the file has no header")?;
    let header: serde_json::Value = serde_json::from_slice(header)?;
    for (name, shape) in [
        ("layers.0.weight", &[16, 1][..]),
        ("layers.0.bias", &[16]),
        ("layers.1.weight", &[1, 16]),
        ("layers.1.bias", &[1]),
    ] {
        assert_eq!(header[name]["shape"], serde_json::json!(shape), "{name}");
    }

    let prediction = model.predict(&Matrix::from_columns(&[[0.5]]))[(0, 0)];
    assert!((prediction - 0.25).abs() < 0.01, "0.5 squared is not {prediction}");
    println!(
        "import torch
from safetensors.torch import load_file
from torch import nn

state = load_file({path:?})
network = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
network.load_state_dict({{f\"{{2 * int(k.split('.')[1])}}.{{k.split('.')[2]}}\": t for k, t in state.items()}})

assert abs(network(torch.tensor([[0.5]])).item() - {prediction:?}) < 1e-6"
    );
    Ok(())
}
