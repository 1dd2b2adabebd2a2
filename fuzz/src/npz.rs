//! Fuzzes the reader of scikit-learn's parameters.

use crate::memory::bounded;
use crate::model::predicts;
use crate::{check_message, seal};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, npz_from_bytes, npz_to_bytes};

/// Checks that a file that loads as a model of `f32` or `f64`, unchanged or with corrected lengths, offsets and
/// checksums, can be saved, and that the saved file loads as the same model and saves to the same bytes. The model must
/// predict.
pub fn npz(bytes: &[u8]) -> bool {
    let load = |bytes: &[u8]| load::<f32>(bytes) || load::<f64>(bytes);
    let loaded = load(bytes);
    if let Some(sealed) = seal::npz(bytes).filter(|sealed| sealed != bytes) {
        load(&sealed);
    }
    loaded
}

fn load<T: Element + Number>(bytes: &[u8]) -> bool {
    match bounded(bytes, npz_from_bytes::<Matrix<T>>) {
        Ok(model) => {
            let saved = npz_to_bytes(&model).expect("a loaded model can be saved");
            let again = npz_from_bytes::<Matrix<T>>(&saved).expect("a saved model can be loaded");
            assert!(again == model, "the model changed from {model:?} to {again:?}");
            assert!(npz_to_bytes(&again).unwrap() == saved, "saving again gave other bytes");
            predicts(&model);
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}
