//! Fuzzes the readers of model files and of PyTorch's files.

use crate::memory::bounded;
use crate::{check_message, seal};
use mlp_core::activations::{Identity, Tanh};
use mlp_core::{HalfMse, Model};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, PytorchOptions, model_from_bytes, model_to_bytes};

/// Checks that a file that loads as a model of `f32` or `f64` can be saved, and that the saved file loads as the same
/// model and saves to the same bytes. The model must predict.
pub fn model(bytes: &[u8]) -> bool {
    both(bytes, |bytes| load_model::<f32>(bytes) || load_model::<f64>(bytes))
}

/// Checks that a file that loads as a network of `f32` or `f64` survives in a model file, as for [`model`].
pub fn network(bytes: &[u8]) -> bool {
    both(bytes, |bytes| load_network::<f32>(bytes) || load_network::<f64>(bytes))
}

/// Loads the bytes unchanged, and with corrected lengths and offsets. Returns whether the unchanged bytes loaded.
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
    let options = PytorchOptions::new(Tanh, Identity).convert();
    match bounded(bytes, |bytes| options.load_bytes::<Matrix<T>>(bytes)) {
        Ok(network) => {
            saves(&Model::new(network, HalfMse));
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}

fn saves<T: Element + Number>(model: &Model<Matrix<T>>) {
    let saved = model_to_bytes(model).expect("a loaded model can be saved");
    let again = model_from_bytes::<Matrix<T>>(&saved).expect("a saved model can be loaded");
    assert!(again == *model, "the model changed from {model:?} to {again:?}");
    assert!(
        model_to_bytes(&again).unwrap() == saved,
        "saving again gave other bytes"
    );
    predicts(model);
}

/// Checks that there are three predictions for three samples of zeros.
pub(crate) fn predicts<T: Element + Number>(model: &Model<Matrix<T>>) {
    let sizes = model.network().layer_sizes();
    let predictions = model.predict(&Matrix::zeros(sizes[0], 3));
    assert_eq!(predictions.shape(), (sizes[sizes.len() - 1], 3));
}
