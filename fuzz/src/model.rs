//! Model files, and PyTorch's.

use crate::memory::bounded;
use crate::{check_message, seal};
use mlp_core::{HalfSquaredError, Identity, Model, Tanh};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, model_from_bytes, model_to_bytes, network_from_bytes};

/// A file that loads as a model of `f32` or `f64` saves; what is saved loads as the same model and saves to the same
/// bytes. The model predicts.
pub fn model(bytes: &[u8]) -> bool {
    both(bytes, |bytes| load_model::<f32>(bytes) || load_model::<f64>(bytes))
}

/// A file that loads as a network of `f32` or `f64` is one that a model file keeps: as for [`model`].
pub fn network(bytes: &[u8]) -> bool {
    both(bytes, |bytes| load_network::<f32>(bytes) || load_network::<f64>(bytes))
}

/// Loads the bytes as they are, which is told, and with lengths and places put right.
pub(crate) fn both(bytes: &[u8], load: impl Fn(&[u8]) -> bool) -> bool {
    let loaded = load(bytes);
    if let Some(sealed) = seal::safetensors(bytes).filter(|sealed| sealed != bytes) {
        load(&sealed);
    }
    loaded
}

fn load_model<T: Element + Number>(bytes: &[u8]) -> bool {
    match bounded(bytes, model_from_bytes::<Matrix<T>>) {
        Ok(model) => {
            saves(&model);
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}

fn load_network<T: Element + Number>(bytes: &[u8]) -> bool {
    match bounded(bytes, |bytes| network_from_bytes::<Matrix<T>>(bytes, Tanh, Identity)) {
        Ok(network) => {
            saves(&Model::new(network, HalfSquaredError));
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}

fn saves<T: Element + Number>(model: &Model<Matrix<T>>) {
    let saved = model_to_bytes(model).expect("what was loaded can be saved");
    let again = model_from_bytes::<Matrix<T>>(&saved).expect("what was saved can be loaded");
    assert!(again == *model, "another model: {again:?} of {model:?}");
    assert!(model_to_bytes(&again).unwrap() == saved, "other bytes");
    predicts(model);
}

/// For three samples of zeros there are three predictions.
pub(crate) fn predicts<T: Element + Number>(model: &Model<Matrix<T>>) {
    let sizes = model.network().layer_sizes();
    let predictions = model.predict(&Matrix::zeros(sizes[0], 3));
    assert_eq!(predictions.shape(), (sizes[sizes.len() - 1], 3));
}
