//! Files of models: what is saved is loaded, and nothing else.

use crate::models::{customer_model, customers, house_model, houses, options};
use mlp_io::{LoadErrorKind, SaveErrorKind};
use mlp_table::{FeatureScaling, PreprocessingOptions, TableModel, TableOptions};
use serde_json::Value;

#[test]
fn what_is_saved_is_loaded_to_the_last_bit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    for (model, table) in [(house_model(), houses(0, 50)), (customer_model(), customers(0, 50))] {
        model.save(&path).unwrap();
        let loaded = TableModel::load(&path).unwrap();
        let [before, after] = [model, &loaded].map(|model| model.predict(&table).unwrap().to_batch(Some(0.9)));
        assert_eq!(before, after);
        assert_eq!(loaded.to_bytes().unwrap(), std::fs::read(&path).unwrap());
        assert_eq!(
            (loaded.columns(), loaded.notes(), loaded.scores()),
            (model.columns(), model.notes(), model.scores())
        );
        assert_eq!(
            (loaded.recipe(), loaded.overrides(), loaded.provenance()),
            (model.recipe(), model.overrides(), model.provenance())
        );
        assert!(loaded.curves().eq(model.curves()) && loaded.held_out().is_none());
    }
}

/// The header and the numbers of a file.
fn parts(bytes: &[u8]) -> (Value, &[u8]) {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    (
        serde_json::from_slice(&bytes[8..8 + length]).unwrap(),
        &bytes[8 + length..],
    )
}

/// Returns the file with a changed record.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bytes = customer_model().to_bytes().unwrap();
    let (mut header, numbers) = parts(&bytes);
    let metadata = &mut header["__metadata__"]["mlp_table"];
    let mut record: Value = serde_json::from_str(metadata.as_str().unwrap()).unwrap();
    change(&mut record);
    *metadata = record.to_string().into();
    file(&header, numbers)
}

fn file(header: &Value, numbers: &[u8]) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes(), &header[..], numbers].concat()
}

#[track_caller]
fn refused(bytes: &[u8]) -> (LoadErrorKind, String) {
    let error = TableModel::from_bytes(bytes).map(|_| ()).unwrap_err();
    (error.kind, error.message)
}

#[test]
fn a_file_of_another_kind_or_version_is_told() {
    let network = mlp_core::Mlp::<mlp_cpu::Matrix<f32>>::builder(&[2, 1]).build().unwrap();
    let network = mlp_io::model_to_bytes(&mlp_core::Model::new(network, mlp_core::HalfMse)).unwrap();
    assert_eq!(
        refused(&network),
        (
            LoadErrorKind::OtherKind,
            "expected a model of a table, got a model".to_owned()
        )
    );
    let table = customer_model().to_bytes().unwrap();
    let error = mlp_io::model_from_bytes::<mlp_cpu::Matrix<f32>>(&table).unwrap_err();
    assert_eq!(error.message, "expected a model, got a model of a table");
    let newer = changed(|record| record["version"] = 2.into());
    assert_eq!(
        refused(&newer),
        (
            LoadErrorKind::Version,
            "expected format version 1 or older, got 2: a newer version of this library wrote the file".to_owned()
        )
    );
    let (kind, message) = refused(b"plan,months\nbasic,3\n");
    assert_eq!(kind, LoadErrorKind::NotThisFormat, "{message}");
}

#[test]
fn a_malformed_record_is_refused() {
    use LoadErrorKind::{DoesNotFit, Malformed};
    let sort = |list: &mut Value| list.as_array_mut().unwrap().reverse();
    let cases: Vec<(LoadErrorKind, &str, Vec<u8>)> = vec![
        (DoesNotFit, "expected at least one member, got none", {
            let bytes = changed(|record| record["members"] = Value::Array(vec![]));
            let (mut header, _) = parts(&bytes);
            header.as_object_mut().unwrap().retain(|key, _| key == "__metadata__");
            file(&header, &[])
        }),
        (
            DoesNotFit,
            "overrides: epochs: expected a whole number from 1 to 100000, got 0",
            changed(|record| record["overrides"]["epochs"] = 0.into()),
        ),
        (
            Malformed,
            "unknown field `momentum`",
            changed(|record| record["overrides"]["momentum"] = 0.5.into()),
        ),
        (
            DoesNotFit,
            "unexpected tensor `member2.",
            changed(|record| drop(record["members"].as_array_mut().unwrap().pop())),
        ),
        (
            Malformed,
            "unknown field `extra`",
            changed(|record| record["extra"] = 1.into()),
        ),
        (
            Malformed,
            "missing field `notes`",
            changed(|record| drop(record.as_object_mut().unwrap().remove("notes"))),
        ),
        (
            Malformed,
            "unknown variant `best`",
            changed(|record| record["recipe"] = "best".into()),
        ),
        (
            DoesNotFit,
            "calibration: expected that of the target, with sorted and finite numbers",
            changed(|record| record["calibration"] = serde_json::json!({"temperature": 0.0})),
        ),
        (
            DoesNotFit,
            "calibration: expected that of the target, with sorted and finite numbers",
            changed(|record| {
                record["calibration"] = serde_json::json!({"conformal": {"edges": [], "errors": [[1.0]], "rows": [1]}});
            }),
        ),
        (
            DoesNotFit,
            "member1: expected the target of member0, got another one",
            changed(|record| sort(&mut record["members"][1]["preprocessing"]["target"]["values"]["classes"])),
        ),
        (
            DoesNotFit,
            "member1: expected the columns that are not left out, of their kinds, got others",
            changed(|record| record["members"][1]["preprocessing"]["inputs"][0]["name"] = "other".into()),
        ),
        (
            DoesNotFit,
            "member0: expected the columns that are not left out, of their kinds, got others",
            changed(|record| record["columns"][0]["left_out"] = "it is rare".into()),
        ),
        (
            DoesNotFit,
            "member0: expected the columns that are not left out, of their kinds, got others",
            changed(|record| record["columns"][0]["kind"] = "number".into()),
        ),
        (
            DoesNotFit,
            "calibration: expected that of the target, with sorted and finite numbers",
            changed(|record| {
                record["calibration"] = serde_json::json!({"conformal": {"edges": [], "errors": [[1.0]], "rows": [0]}});
            }),
        ),
        (
            Malformed,
            "column `plan`: expected a finite number, or sorted and different values",
            changed(|record| {
                sort(&mut record["members"][1]["preprocessing"]["inputs"][0]["encoding"]["one_hot"]["values"]);
            }),
        ),
    ];
    for (kind, message, bytes) in cases {
        let (got, text) = refused(&bytes);
        assert!(got == kind && text.contains(message), "{message}: {got:?}, {text}");
    }
}

#[test]
fn a_file_with_a_wrong_shape_or_byte_is_refused() {
    let bytes = customer_model().to_bytes().unwrap();
    // Every byte counts: a file cut short or with a byte changed is refused, or is another model; it never panics.
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        assert!(TableModel::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 200) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x11;
        if let Ok(model) = TableModel::from_bytes(&bytes) {
            assert!(model.predict(&customers(0, 3)).is_ok());
        }
    }
    let (mut header, numbers) = parts(&bytes);
    let tensors: Vec<String> = header
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| key.ends_with("bias"))
        .cloned()
        .collect();
    let shape = header[&tensors[0]]["shape"][0].clone();
    header[&tensors[0]]["shape"] = vec![1.into(), shape].into();
    let (kind, message) = refused(&file(&header, numbers));
    assert_eq!(kind, LoadErrorKind::DoesNotFit, "{message}");
}

/// `tests/interchange/interchange.py` checks what onnxruntime computes from the files.
#[test]
fn an_onnx_file_has_the_columns_as_inputs() {
    for (model, inputs, outputs) in [
        (
            house_model(),
            &["area", "heating", "built", "renovated", "noise"][..],
            &["prediction"][..],
        ),
        (
            customer_model(),
            &["plan", "months", "region"],
            &["prediction", "probabilities"],
        ),
    ] {
        let bytes = model.onnx_to_bytes().unwrap();
        let has = |name: &str| {
            // The name of an input or output: field 1 of a message that goes on with its type, field 2.
            let field = [&[10, name.len() as u8], name.as_bytes(), &[18]].concat();
            bytes.windows(field.len()).any(|window| window == field)
        };
        assert!(inputs.iter().chain(outputs).all(|name| has(name)) && !has("id"));
        assert_eq!(model.onnx_to_bytes().unwrap(), bytes);
    }
    let scaling = FeatureScaling::Quantile;
    let preprocessing = Some(PreprocessingOptions { scaling, one_hot: 9 });
    let options = TableOptions {
        preprocessing,
        ..options()
    };
    let error = TableModel::fit(&customers(0, 60), "stays", &options)
        .unwrap()
        .onnx_to_bytes()
        .unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::Refused);
    assert_eq!(
        error.message,
        "expected robust or standard scaling of features, got scaling by quantiles"
    );
}
