//! Exchange with PyTorch, with the files of `tests/fixtures/README.md`.

use super::models::network;
use mlp_core::activations::{Identity, Tanh};
use mlp_core::{HalfMse, Model, Provenance};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Dtype, Number, inspect, load_model, load_pytorch, model_to_bytes, pytorch_from_bytes};
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Case {
    file: String,
    inputs: Vec<Vec<f64>>,
    predictions: Vec<Vec<f64>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn cases(name: &str) -> Vec<Case> {
    serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap()
}

/// Returns a matrix with one sample per column.
fn columns<T: Element>(samples: &[Vec<f64>]) -> Matrix<T> {
    Matrix::from_fn(samples[0].len(), samples.len(), |i, j| T::from_f64(samples[j][i]))
}

/// Checks the distance between predictions, which is relative where a number is greater than 1.
fn check<T: Element>(case: &Case, predictions: &Matrix<T>, tolerance: f64) {
    for (j, sample) in case.predictions.iter().enumerate() {
        for (i, &expected) in sample.iter().enumerate() {
            let got = predictions[(i, j)].to_f64();
            let distance = (got - expected).abs() / expected.abs().max(1.0);
            assert!(
                distance <= tolerance,
                "{}: sample {j}, output {i}: expected {expected}, got {got}",
                case.file
            );
        }
    }
    assert_eq!(predictions.shape(), (case.predictions[0].len(), case.predictions.len()));
}

fn check_theirs<T: Element + Number>(case: &Case, tolerance: f64) {
    let network = load_pytorch::<Matrix<T>>(fixture(&case.file), Tanh, Identity).unwrap();
    check(case, &network.predict(&columns::<T>(&case.inputs)), tolerance);
    let bytes = fs::read(fixture(&case.file)).unwrap();
    assert_eq!(
        pytorch_from_bytes::<Matrix<T>>(&bytes, Tanh, Identity).unwrap(),
        network
    );
    if case.file.contains("no_bias") {
        assert!(network.layers()[1].bias.to_vec().iter().all(|b| b.to_f64() == 0.0));
    }
}

#[test]
fn networks_from_pytorch_predict_the_same_here() {
    let cases = cases("pytorch.json");
    assert_eq!(cases.len(), 7);
    for case in &cases {
        let summary = inspect(fixture(&case.file)).unwrap();
        assert!(!summary.is_model);
        if case.file.contains("deep") {
            assert_eq!(summary.layer_sizes, [2; 13]);
        } else {
            assert_eq!(summary.layer_sizes, [3, 5, 4, 2]);
            // There are 3 * 5 + 5 * 4 + 4 * 2 weights, and 5 + 4 + 2 biases, less those of a layer without a bias.
            let biases = if case.file.contains("no_bias") {
                5 + 2
            } else {
                5 + 4 + 2
            };
            assert_eq!(summary.parameters, 43 + biases);
        }
        match summary.dtype {
            Dtype::F32 => check_theirs::<f32>(case, 1e-6),
            _ => check_theirs::<f64>(case, 1e-12),
        }
    }
    // The file is refused as a model, and as a network with the other type of numbers.
    let path = fixture("pytorch_f32.safetensors");
    let error = load_model::<Matrix<f32>>(&path).unwrap_err();
    assert_eq!(error.message, "metadata: unexpected key `format`");
    let error = load_pytorch::<Matrix<f64>>(&path, Tanh, Identity).unwrap_err();
    assert_eq!(error.message, "tensor `0.weight`: expected the dtype F64, got F32");
}

#[test]
fn metadata_given_to_pytorch_is_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("network.safetensors");
    let whole = fs::read(fixture("pytorch_f32.safetensors")).unwrap();
    let length = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let (header, numbers) = whole[8..].split_at(length);
    let header = std::str::from_utf8(header).unwrap();
    assert!(header.contains(r#"{"format":"pt"}"#), "{header}");
    let with = |metadata: &str| {
        let header = header.replace(r#"{"format":"pt"}"#, metadata);
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), numbers].concat()
    };
    let expected = pytorch_from_bytes::<Matrix<f32>>(&whole, Tanh, Identity).unwrap();
    for metadata in [r#"{"epoch":"3"}"#, r#"{"format":"pt","epoch":"3","by":"me"}"#, "{}"] {
        let bytes = with(metadata);
        assert_eq!(
            pytorch_from_bytes::<Matrix<f32>>(&bytes, Tanh, Identity).unwrap(),
            expected
        );
        fs::write(&path, bytes).unwrap();
        assert_eq!(inspect(&path).unwrap().layer_sizes, expected.layer_sizes());
    }
    for (metadata, message) in [
        (r#"{"epoch":"3","format":"tf"}"#, "metadata: unexpected key `format`"),
        (
            r#"{"epoch":"3","mlp_checkpoint":""}"#,
            "expected a PyTorch network, got a checkpoint",
        ),
    ] {
        let error = pytorch_from_bytes::<Matrix<f32>>(&with(metadata), Tanh, Identity).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

/// Returns the model of the file that PyTorch was given.
fn ours<T: Element>() -> Model<Matrix<T>> {
    let provenance = Provenance {
        version: "0.1.0".to_owned(),
        seed: Some(11),
        ..Provenance::default()
    };
    Model::new(network::<T>(&[3, 5, 4, 2], Tanh), HalfMse).with_provenance(provenance)
}

fn check_ours<T: Element + Number>(case: &Case, tolerance: f64) {
    let bytes = model_to_bytes(&ours::<T>()).unwrap();
    let path = fixture(&case.file);
    if std::env::var_os("MLP_IO_REMAKE").is_some() {
        fs::write(&path, &bytes).unwrap();
    }
    assert!(
        fs::read(&path).unwrap() == bytes,
        "{}: the bytes differ from those that PyTorch was given",
        case.file
    );
    let model = load_model::<Matrix<T>>(&path).unwrap();
    check(case, &model.predict(&columns::<T>(&case.inputs)), tolerance);
}

#[test]
fn our_files_predict_the_same_in_pytorch() {
    let cases = cases("ours.json");
    assert_eq!(cases.len(), 2);
    check_ours::<f32>(&cases[0], 1e-6);
    check_ours::<f64>(&cases[1], 1e-12);
}
