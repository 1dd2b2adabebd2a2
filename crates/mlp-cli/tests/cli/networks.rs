//! Checks `predict`, `export` and `inspect` of networks that this library or PyTorch saved.

use crate::{files, printed, run_in};
use mlp_core::activations::{Elu, Identity, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::{Classes, Dense, HalfMse, Mlp, Model, Provenance, Scaling, ScalingKind, SoftmaxCrossEntropy};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, load_model, load_npz, onnx_to_bytes, save_model};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns a model with two features and two classes, whose logits are the scaled features.
pub(super) fn classifier<T: Element>() -> Model<Matrix<T>> {
    let one = |rows: &[[f64; 2]]| Matrix::from_fn(2, rows[0].len(), |i, j| T::from_f64(rows[i][j]));
    let layer = Dense {
        weights: one(&[[1.0, 0.0], [0.0, 1.0]]),
        bias: Matrix::zeros(2, 1),
    };
    let network = Mlp::from_layers(vec![(layer, Identity.into())]).unwrap();
    let scaling = Scaling::from_parts(ScalingKind::Standard, vec![1.0, 2.0], vec![2.0, 4.0]).unwrap();
    Model::new(network, SoftmaxCrossEntropy::for_classes())
        .with_input_scaling(scaling)
        .unwrap()
        .with_classes(Classes::new(["short", "tall"]).unwrap())
        .unwrap()
        .with_provenance(Provenance {
            version: "0.1.0".into(),
            seed: Some(7),
            data: Some("sha256:12ab".into()),
            note: Some("a test\nof notes".into()),
        })
}

/// Returns a model without preprocessing that predicts 100 x for its only feature x.
pub(super) fn hundredfold() -> Model<Matrix<f64>> {
    let layer = Dense {
        weights: Matrix::from_rows(&[[100.0]]),
        bias: Matrix::zeros(1, 1),
    };
    Model::new(Mlp::from_layers(vec![(layer, Identity.into())]).unwrap(), HalfMse)
}

/// Creates a directory with the models `f32.safetensors` and `f64.safetensors` (the classifier) and
/// `hundredfold.safetensors`, and with samples for them.
pub(super) fn directory() -> tempfile::TempDir {
    fn save<B: Tensor<Scalar: Number>>(directory: &Path, name: &str, model: &Model<B>) {
        save_model(directory.join(name), model).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    save(directory.path(), "f32.safetensors", &classifier::<f32>());
    save(directory.path(), "f64.safetensors", &classifier::<f64>());
    save(directory.path(), "hundredfold.safetensors", &hundredfold());
    let write = |name: &str, content: &str| fs::write(directory.path().join(name), content).unwrap();
    write("two.csv", "height,weight\n3,2\n1, 10\n");
    write("one.csv", "x\n0.5\n-2\n");
    directory
}

/// Returns the path of a network that PyTorch saved.
pub(super) fn pytorch(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mlp-io/tests/fixtures");
    path.join(name).to_str().expect("UTF-8").to_owned()
}

/// Parses an object per line and returns the numbers and the class of each.
fn predictions(text: &str) -> Vec<(Vec<f64>, Option<String>)> {
    let line = |line: &str| {
        let object: serde_json::Map<String, Value> = serde_json::from_str(line).expect(line);
        let class = object.get("prediction").and_then(Value::as_str);
        (
            object.values().filter_map(Value::as_f64).collect(),
            class.map(str::to_owned),
        )
    };
    text.lines().map(line).collect()
}

#[test]
fn json_has_probabilities_and_class_of_each_sample() {
    let directory = directory();
    let predict = |model: &str| {
        printed(
            directory.path(),
            &["predict", "--model", model, "two.csv", "--format", "json"],
        )
    };
    // (3, 2) is scaled to (1, 0) and (1, 10) to (0, 2).
    let softmax = |z: [f64; 2]| z.map(|z_j| z_j.exp() / (z[0].exp() + z[1].exp()));
    let expected = [(softmax([1.0, 0.0]), "short"), (softmax([0.0, 2.0]), "tall")];
    for (model, tolerance) in [("f64.safetensors", 1e-15), ("f32.safetensors", 1e-7)] {
        let text = predict(model);
        let got = predictions(&text);
        assert_eq!(got.len(), 2);
        for ((outputs, class), (expected, name)) in got.iter().zip(expected) {
            assert_eq!(class.as_deref(), Some(name), "{text}");
            assert_eq!(outputs.len(), 2);
            for (output, expected) in outputs.iter().zip(expected) {
                assert!((output - expected).abs() <= tolerance, "{output} {expected}");
            }
        }
        let start = "{\"prediction\":\"short\",\"probability:short\":0.731058";
        assert!(text.starts_with(start), "{text}");
    }
    let first = predict("f32.safetensors").lines().next().unwrap().len();
    assert!(
        first < 90,
        "expected as many digits as an f32 needs, not as an f64 needs"
    );
}

#[test]
fn without_classes_there_is_no_class() {
    let directory = directory();
    let arguments = ["predict", "--model", "hundredfold.safetensors", "one.csv"];
    assert_eq!(
        printed(directory.path(), &[&arguments[..], &["--format", "json"]].concat()),
        "{\"prediction\":50.0}\n{\"prediction\":-200.0}\n"
    );
    assert_eq!(printed(directory.path(), &arguments), "prediction\n50.0\n-200.0\n");
}

#[test]
fn columns_are_kept_before_the_predictions() {
    let directory = directory();
    fs::write(
        directory.path().join("t.csv"),
        "height,id,weight\n3,\"a,b\",2\n1,c,10\n",
    )
    .unwrap();
    let arguments = ["predict", "--model", "f32.safetensors", "t.csv", "--keep", "id"];
    assert_eq!(
        printed(directory.path(), &arguments),
        "id,prediction,probability:short,probability:tall\n\
         \"a,b\",short,0.7310586,0.26894143\n\
         c,tall,0.11920292,0.880797\n"
    );
}

#[test]
fn networks_of_pytorch_predict_what_pytorch_predicts() {
    let directory = tempfile::tempdir().unwrap();
    // The second file lists tied layers, other names and half precision.
    let cases = ["pytorch.json", "pytorch_named.json"].map(|list| fs::read(pytorch(list)).unwrap());
    let cases = cases
        .map(|list| serde_json::from_slice::<Vec<Value>>(&list).unwrap())
        .concat();
    let numbers = |value: &Value| -> Vec<Vec<f64>> { serde_json::from_value(value.clone()).unwrap() };
    let mut compared = 0;
    for case in &cases {
        let file = case["file"].as_str().unwrap();
        // Only the networks whose hidden layers all have tanh are used.
        if file.contains("deep") {
            continue;
        }
        let (inputs, expected) = (numbers(&case["inputs"]), numbers(&case["predictions"]));
        let row = |row: &Vec<f64>| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let rows: Vec<_> = inputs.iter().map(row).collect();
        let header = &"a,b,c,d"[..2 * inputs[0].len() - 1];
        fs::write(
            directory.path().join("in.csv"),
            format!("{header}\n{}\n", rows.join("\n")),
        )
        .unwrap();
        let model = pytorch(file);
        let text = printed(
            directory.path(),
            &[
                "predict",
                "--model",
                &model,
                "--activation",
                "tanh",
                "in.csv",
                "--format",
                "json",
            ],
        );
        let tolerance = if file.contains("f64") { 1e-12 } else { 1e-6 };
        let got = predictions(&text);
        assert_eq!(got.len(), expected.len());
        for ((outputs, class), expected) in got.iter().zip(&expected) {
            assert_eq!(class, &None);
            assert_eq!(outputs.len(), expected.len());
            for (output, expected) in outputs.iter().zip(expected) {
                assert!((output - expected).abs() <= tolerance, "{file}: {output} {expected}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 36, "{compared}");
}

#[test]
fn models_are_exported() {
    let directory = directory();
    let export = |model: &str, to: &str, out: &str| {
        let text = printed(
            directory.path(),
            &["export", "--model", model, "--to", to, "--out", out],
        );
        assert_eq!(text, format!("Model: {out}\n"));
        directory.path().join(out)
    };
    let onnx = export("f32.safetensors", "onnx", "model.onnx");
    assert_eq!(fs::read(onnx).unwrap(), onnx_to_bytes(&classifier::<f32>()).unwrap());
    let npz = export("hundredfold.safetensors", "npz", "model.npz");
    assert_eq!(load_npz::<Matrix<f64>>(npz).unwrap().network(), hundredfold().network());
    let same = export("f64.safetensors", "safetensors", "same.safetensors");
    assert_eq!(load_model::<Matrix<f64>>(same).unwrap(), classifier::<f64>());

    let theirs = pytorch("pytorch_f32.safetensors");
    let arguments = [
        "export",
        "--model",
        &theirs,
        "--activation",
        "elu",
        "--to",
        "safetensors",
    ];
    printed(
        directory.path(),
        &[&arguments[..], &["--out", "ours.safetensors"]].concat(),
    );
    let ours = load_model::<Matrix<f32>>(directory.path().join("ours.safetensors")).unwrap();
    assert_eq!(ours.network().layer_sizes(), [3, 5, 4, 2]);
    assert_eq!(
        ours.network().activations(),
        [Elu::default().into(), Elu::default().into(), Identity.into()]
    );
    assert!(files(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn an_npz_has_the_scalings_in_its_layers() {
    let directory = tempfile::tempdir().unwrap();
    let network = Mlp::<Matrix<f64>>::builder(&[3, 5, 4, 2])
        .hidden(Tanh)
        .seed(3)
        .build()
        .unwrap();
    let input = Scaling::from_parts(ScalingKind::Standard, vec![1.5, -20.0, 0.0], vec![0.5, 4.0, 3.0]).unwrap();
    let target = Scaling::from_parts(ScalingKind::MinMax, vec![-3.0, 0.25], vec![7.0, 0.125]).unwrap();
    let plain = Model::new(network, HalfMse);
    let with_input = plain.clone().with_input_scaling(input).unwrap();
    let with_target = plain.clone().with_target_scaling(target.clone()).unwrap();
    let with_both = with_input.clone().with_target_scaling(target).unwrap();
    let samples = Matrix::from_fn(3, 40, |i, j| 2.0 * ((i + 3 * j) as f64).sin() - [0.0, 20.0, 0.0][i]);
    for model in [plain, with_input, with_target, with_both] {
        save_model(directory.path().join("m.safetensors"), &model).unwrap();
        printed(
            directory.path(),
            &[
                "export",
                "--model",
                "m.safetensors",
                "--to",
                "npz",
                "--out",
                "m.npz",
                "--force",
            ],
        );
        let got = load_npz::<Matrix<f64>>(directory.path().join("m.npz"))
            .unwrap()
            .predict(&samples);
        for (got, expected) in got.into_vec().into_iter().zip(model.predict(&samples).into_vec()) {
            assert!(
                (got - expected).abs() <= 1e-12 * expected.abs().max(1.0),
                "{got} {expected}"
            );
        }
    }
}

#[test]
fn inspect_prints_what_the_file_records() {
    let directory = directory();
    let inspect = |model: &str| printed(directory.path(), &["inspect", "--model", model]);
    let expected = [
        "Network [2, 2]: 6 parameters in f64",
        "Layer 0: 2 -> 2, identity",
        "Loss: softmax_cross_entropy (probabilities 0, label_smoothing 0)",
        "Predictions: probabilities, by softmax",
        "Input scaling: standard, (x - offset) / scale, offset 1 to 2, scale 2 to 4",
        "Target scaling: none",
        "Classes: short, tall",
        "Version: 0.1.0",
        "Seed: 7",
        "Training data: sha256:12ab",
        r"Note: a test\nof notes",
    ];
    assert_eq!(inspect("f64.safetensors").lines().collect::<Vec<_>>(), expected);
    let text = inspect("hundredfold.safetensors");
    for line in [
        "Network [1, 1]: 2 parameters in f64",
        "Loss: half_squared_error",
        "Predictions: the outputs of the last layer",
        "Input scaling: none",
        "Classes: not named",
        "Seed: not known",
        "Training data: not known",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    let expected = [
        "Network [3, 5, 4, 2]: 54 parameters in f32",
        "Layer 0: 3 -> 5",
        "Layer 1: 5 -> 4",
        "Layer 2: 4 -> 2",
        "A network saved by PyTorch: the file does not record activations, loss, preprocessing, classes or provenance",
    ];
    let theirs = pytorch("pytorch_f32.safetensors");
    let text = inspect(&theirs);
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);

    let text = printed(
        directory.path(),
        &["inspect", "--model", &theirs, "--activation", "leaky_relu"],
    );
    let expected = [
        "Network [3, 5, 4, 2]: 54 parameters in f32",
        "Layer 0: 3 -> 5, leaky_relu (negative_slope 0.01)",
        "Layer 1: 5 -> 4, leaky_relu (negative_slope 0.01)",
        "Layer 2: 4 -> 2, identity",
        "A network saved by PyTorch: the file does not record activations, loss, preprocessing, classes or provenance",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn columns_are_found_by_the_names_that_a_model_keeps() {
    let directory = directory();
    let save = |name: &str, names: [&str; 2]| {
        let model = classifier::<f64>().with_feature_names(names).unwrap();
        let model = model.with_target_names(["size\nclass"]).unwrap();
        save_model(directory.path().join(name), &model).unwrap();
    };
    save("named.safetensors", ["height", "weight"]);
    save("years.safetensors", ["2019", "2020"]);
    let predict = |model: &str, csv: &str| {
        fs::write(directory.path().join("t.csv"), csv).unwrap();
        run_in(directory.path(), &["predict", "--model", model, "t.csv"])
    };
    let expected = predict("f64.safetensors", "height,weight\n3,2\n1,10\n").stdout;
    for (csv, ignored) in [
        ("height,weight\n3,2\n1,10\n", ""),
        ("weight,height\n2,3\n10,1\n", ""),
        ("weight , \"height\"\r2,3\r10,1\r", ""),
        ("id,weight,2024,height\na,2,?,3\nb,10,,1\n", "`id`, `2024`"),
        (",weight,id,height\n0,2,a,3\n1,10,c,1\n", "`column 1`, `id`"),
        ("Weight,height,weight\n9,3,2\n9,1,10\n", "`Weight`"),
    ] {
        let finished = predict("named.safetensors", csv);
        let warning = "warning: t.csv: columns that named.safetensors does not use are ignored: ";
        let warning = if ignored.is_empty() {
            String::new()
        } else {
            format!("{warning}{ignored}\n")
        };
        let got = (finished.code, finished.stdout, finished.stderr);
        assert_eq!(got, (Some(0), expected.clone(), warning), "{csv:?}");
    }
    assert_eq!(
        predict("years.safetensors", "2020,2019,id\n2,3,a\n10,1,b\n").stdout,
        expected
    );

    for (csv, message) in [
        (
            "height,width\n3,2\n",
            "expected a column `weight`, got 2 columns, among them `height`, `width`",
        ),
        (
            "a,b\n3,2\n",
            "expected a column `height`, got 2 columns, among them `a`, `b`",
        ),
        (
            "height;weight\n3;2\n",
            "expected a column `height`, got only `height;weight`; \
             set --separator, or name it by a first line such as `sep=;`",
        ),
        (
            "3,2\n1,10\n",
            "line 1: expected a header with the names of the columns, got only numbers, such as `3`; \
             put a line with the names before them",
        ),
        (
            "height,weight,height\n3,2,3\n",
            "line 1: `height` is the name of column 1 and of column 3; rename one of them",
        ),
        (
            "id,weight,height\n0,2,tall\n",
            "line 2, column `height`: expected a number, got `tall`",
        ),
        (
            "id,weight,height\n\"0,2,3\n",
            "line 2, column `id`: expected a quote that closes the cell, got the end of the file",
        ),
        (
            "id,weight,height\nx,2\n",
            "line 2: expected 3 cells as in the header, got 2",
        ),
        (
            "id,weight,height\nx\"y,2,3\n",
            "line 2, column `id`: expected quotes only around a whole cell, got `x\"y`",
        ),
    ] {
        let finished = predict("named.safetensors", csv);
        let (_, error) = finished.stderr.split_once("error: ").unwrap();
        let got = (finished.code, finished.stdout.as_str(), error);
        assert_eq!(got, (Some(2), "", format!("t.csv: {message}\n").as_str()), "{csv:?}");
    }
    // A model without names takes the columns as they come.
    let finished = predict("f64.safetensors", "b,a\n3,2\n1,10\n");
    assert_eq!((finished.stdout, finished.stderr.as_str()), (expected, ""));

    let inspected = printed(directory.path(), &["inspect", "--model", "named.safetensors"]);
    let unnamed = printed(directory.path(), &["inspect", "--model", "f64.safetensors"]);
    let names = ["Features: height, weight", r"Targets: size\nclass"];
    let (names, others): (Vec<_>, Vec<_>) = inspected.lines().partition(|line| names.contains(line));
    assert_eq!((names.len(), others), (2, unnamed.lines().collect()));
    let export = [
        "export",
        "--model",
        "named.safetensors",
        "--to",
        "safetensors",
        "--out",
        "same.safetensors",
    ];
    printed(directory.path(), &export);
    let same = load_model::<Matrix<f64>>(directory.path().join("same.safetensors")).unwrap();
    assert_eq!(same.feature_names().unwrap(), ["height", "weight"]);
}

/// PyTorch's `nn.Linear(.., bias=False)` saves no bias tensor, not even one of zeros.
#[test]
fn inspect_counts_only_the_biases_that_exist() {
    let directory = tempfile::tempdir().unwrap();
    let header = concat!(
        r#"{"0.weight":{"dtype":"F64","shape":[5,3],"data_offsets":[0,120]},"#,
        r#""0.bias":{"dtype":"F64","shape":[5],"data_offsets":[120,160]},"#,
        r#""2.weight":{"dtype":"F64","shape":[2,5],"data_offsets":[160,240]}}"#,
    );
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend((0..30).flat_map(|i| f64::from(i).to_le_bytes()));
    fs::write(directory.path().join("theirs.safetensors"), file).unwrap();
    for more in [&[][..], &["--activation", "tanh"]] {
        let text = printed(
            directory.path(),
            &[&["inspect", "--model", "theirs.safetensors"], more].concat(),
        );
        assert!(text.starts_with("Network [3, 5, 2]: 30 parameters in f64\n"), "{text}");
    }
}
