//! scikit-learn's parameters.

use crate::memory::bounded;
use crate::model::predicts;
use crate::{check_message, seal};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, npz_from_bytes, npz_to_bytes};

/// A file that loads as a model of `f32` or `f64`, as it is or with lengths, places and checksums put right, saves; what
/// is saved loads as the same model and saves to the same bytes. The model predicts.
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
            let saved = npz_to_bytes(&model).expect("what was loaded can be saved");
            let again = npz_from_bytes::<Matrix<T>>(&saved).expect("what was saved can be loaded");
            assert!(again == model, "another model: {again:?} of {model:?}");
            assert!(npz_to_bytes(&again).unwrap() == saved, "other bytes");
            predicts(&model);
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}
