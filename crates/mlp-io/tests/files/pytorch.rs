//! Exchange with PyTorch, with the files of `tests/fixtures/README.md`.

use super::models::network;
use mlp_core::activations::{Identity, Tanh};
use mlp_core::{HalfMse, Model, Provenance};
use mlp_cpu::{Element, Matrix};
use mlp_io::{
    Dtype, LoadErrorKind, Number, PytorchOptions, inspect, load_model, load_pytorch, model_to_bytes, pytorch_from_bytes,
};
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
    assert_eq!(
        error.message,
        "tensor `0.weight`: expected the dtype F64, got F32: load it with a matrix of f32"
    );
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
    let many = |count: usize| {
        (0..count)
            .map(|i| format!(r#""{i}":"{i}.weight""#))
            .collect::<Vec<_>>()
            .join(",")
    };
    for metadata in [
        r#"{"epoch":"3"}"#,
        r#"{"format":"pt","epoch":"3","by":"me"}"#,
        "{}",
        "null",
        r#"{"format":"np"}"#,
        r#"{"format":"mlx","0.weight":"0.weight"}"#,
        r#"{"format":""}"#,
        &format!("{{{}}}", many(17).replace(".weight", "")),
        &format!("{{{}}}", many(4_096).replace(".weight", "")),
    ] {
        let bytes = with(metadata);
        assert_eq!(
            pytorch_from_bytes::<Matrix<f32>>(&bytes, Tanh, Identity).unwrap(),
            expected
        );
        fs::write(&path, bytes).unwrap();
        assert_eq!(inspect(&path).unwrap().layer_sizes, expected.layer_sizes());
    }
    let error = pytorch_from_bytes::<Matrix<f32>>(&with(r#"{"mlp_checkpoint":""}"#), Tanh, Identity).unwrap_err();
    assert_eq!(error.to_string(), "expected a PyTorch network, got a checkpoint");
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

#[test]
fn tied_layers_other_names_and_half_precision_predict_the_same_here() {
    let cases = cases("pytorch_named.json");
    assert_eq!(cases.len(), 6);
    for case in &cases {
        let path = fixture(&case.file);
        let (plain, converting) = (
            PytorchOptions::new(Tanh, Identity),
            PytorchOptions::new(Tanh, Identity).convert(),
        );
        let sizes: &[usize] = match case.file.as_str() {
            "pytorch_tied.safetensors" => &[4, 4, 4, 4, 4, 2],
            "pytorch_fc.safetensors" => &[4; 11],
            "pytorch_words.safetensors" => &[4, 6, 5, 2],
            "pytorch_nested.safetensors" => &[4; 4],
            half => {
                let got = if half.contains("bf16") { "BF16" } else { "F16" };
                assert_eq!(inspect(&path).unwrap().dtype.to_string(), got);
                let error = plain.load::<Matrix<f32>>(&path).unwrap_err();
                assert_eq!(error.kind, LoadErrorKind::Dtype);
                assert_eq!(
                    error.message,
                    format!(
                        "tensor `0.weight`: expected the dtype F32, got {got}: PytorchOptions::convert converts it"
                    )
                );
                &[4, 5, 2]
            }
        };
        assert_eq!(inspect(&path).unwrap().layer_sizes, sizes, "{}", case.file);
        let single = converting.load::<Matrix<f32>>(&path).unwrap();
        check(case, &single.predict(&columns::<f32>(&case.inputs)), 1e-6);
        let double = converting.load::<Matrix<f64>>(&path).unwrap();
        check(case, &double.predict(&columns::<f64>(&case.inputs)), 1e-6);
        for (a, b) in single.layers().iter().zip(double.layers()) {
            let wide: Vec<_> = a.weights.to_vec().into_iter().map(f64::from).collect();
            assert_eq!(wide, b.weights.to_vec(), "{}", case.file);
        }
    }
}

/// Returns a file with this metadata whose tensors have these names and shapes, and numbers that count up.
fn file(metadata: &str, tensors: &[(&str, &[usize])]) -> Vec<u8> {
    let (mut entries, mut end) = (vec![format!(r#""__metadata__":{metadata}"#)], 0);
    for (name, shape) in tensors {
        let bytes = 4 * shape.iter().product::<usize>();
        let offsets = [end, end + bytes];
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":{offsets:?}}}"#
        ));
        end += bytes;
    }
    let header = format!("{{{}}}", entries.join(","));
    let mut bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend((0..end / 4).flat_map(|i| (i as f32).to_le_bytes()));
    bytes
}

/// Returns the first weight of each layer, which tells the order of the layers.
fn firsts(options: &PytorchOptions, bytes: &[u8]) -> Result<Vec<f32>, String> {
    let network = options
        .load_bytes::<Matrix<f32>>(bytes)
        .map_err(|error| error.message)?;
    Ok(network.layers().iter().map(|dense| dense.weights[(0, 0)]).collect())
}

#[test]
fn layers_of_any_name_are_read_in_the_only_order_there_is() {
    let options = PytorchOptions::new(Tanh, Identity);
    let square: &[usize] = &[1, 1];
    for (names, expected) in [
        (&["fc1", "fc2", "fc3"][..], &[0.0, 1.0, 2.0][..]),
        (
            &["fc1", "fc10", "fc2", "fc3", "fc4", "fc5", "fc6", "fc7", "fc8", "fc9"],
            &[0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 1.0],
        ),
        (&["0.0", "1.0", "2"], &[0.0, 1.0, 2.0]),
        (&["net.0.0", "net.0.2", "net.10.0", "net.2.0"], &[0.0, 1.0, 3.0, 2.0]),
        (
            &["layers.0.linear", "layers.10.linear", "layers.3.linear"],
            &[0.0, 2.0, 1.0],
        ),
        (&["module._orig_mod.model.0", "module._orig_mod.model.2"], &[0.0, 1.0]),
        (&["l0", "l1"], &[0.0, 1.0]),
        // The tensors are not sorted by name, so their order is the writer's.
        (&["input", "hidden", "out"], &[0.0, 1.0, 2.0]),
        (&["b", "a", "c"], &[0.0, 1.0, 2.0]),
        (&["only"], &[0.0]),
    ] {
        let names: Vec<_> = names.iter().map(|name| format!("{name}.weight")).collect();
        let tensors: Vec<_> = names.iter().map(|name| (name.as_str(), square)).collect();
        assert_eq!(
            firsts(&options, &file("null", &tensors)).as_deref(),
            Ok(expected),
            "{names:?}"
        );
    }
    // A single layer on its own.
    assert_eq!(
        firsts(&options, &file("{}", &[("weight", &[1, 2]), ("bias", &[1])])),
        Ok(vec![0.0])
    );
    // The shapes leave one order.
    let words = file(
        "null",
        &[
            ("exit.weight", &[1, 2]),
            ("head.weight", &[2, 3]),
            ("in.weight", &[3, 4]),
        ],
    );
    assert_eq!(firsts(&options, &words), Ok(vec![8.0, 2.0, 0.0]));
    let mixed = file(
        "null",
        &[
            ("net.0.weight", &[2, 3]),
            ("net.2.weight", &[2, 2]),
            ("out.weight", &[1, 2]),
        ],
    );
    assert_eq!(firsts(&options, &mixed), Ok(vec![0.0, 6.0, 10.0]));
    // PyTorch sorts by the type first, so that order is not the writer's either.
    let halves = |bytes: &[u8]| firsts(&options.clone().convert(), bytes);
    let types = file(
        "null",
        &[("in.weight", square), ("out.weight", square), ("hid.weight", square)],
    );
    assert_eq!(halves(&types), Ok(vec![0.0, 1.0, 2.0]));
    let header = String::from_utf8_lossy(&types[8..types.len() - 12]);
    let header = header.replace(
        r#""F32","shape":[1, 1],"data_offsets":[8, 12]"#,
        r#""F16","shape":[1, 1],"data_offsets":[8, 10]"#,
    );
    let sorted = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 10]].concat();
    let error = halves(&sorted).unwrap_err();
    assert!(
        error.starts_with("neither the names nor the shapes say in which order"),
        "{error}"
    );
    // They leave two orders: the caller says which.
    let two = file(
        "null",
        &[
            ("deep.weight", &[2, 2]),
            ("in.weight", &[2, 2]),
            ("out.weight", &[1, 2]),
        ],
    );
    let error = "neither the names nor the shapes say in which order the layers `deep` and `in` are applied: give a \
                 list of the layers' names in order (PytorchOptions::layers)";
    assert_eq!(firsts(&options, &two), Err(error.to_owned()));
    let listed = |names: &[&str]| firsts(&options.clone().layers(names.iter().copied()), &two);
    assert_eq!(listed(&["in", "deep", "out"]), Ok(vec![4.0, 0.0, 8.0]));
    assert_eq!(listed(&["deep", "in", "deep", "out"]), Ok(vec![0.0, 4.0, 0.0, 8.0]));
    assert_eq!(
        listed(&["deep", "out"]),
        Err("unexpected tensor `in.weight`".to_owned())
    );
    assert_eq!(
        listed(&["deep", "in", "on"]),
        Err("the tensor `on.weight` is missing".to_owned())
    );
    let error = "tensor `in.weight`: expected 1 columns, one per output of the layer before, got 2; is layer `out` an \
                 Embedding? Only Linear layers are read";
    assert_eq!(listed(&["deep", "out", "in"]), Err(error.to_owned()));
}

#[test]
fn tied_layers_are_followed_or_refused() {
    let options = PytorchOptions::new(Tanh, Identity);
    let square: &[usize] = &[2, 2];
    let tied = |metadata: &str| firsts(&options, &file(metadata, &[("0.weight", square), ("4.weight", square)]));
    assert_eq!(tied(r#"{"2.weight":"0.weight"}"#), Ok(vec![0.0, 0.0, 4.0]));
    assert_eq!(
        tied(r#"{"6.weight":"0.weight","2.weight":"4.weight"}"#),
        Ok(vec![0.0, 4.0, 4.0, 0.0])
    );
    assert_eq!(tied(r#"{"2.weight":"the first","epoch":"0"}"#), Ok(vec![0.0, 4.0]));
    for (metadata, error) in [
        (
            r#"{"2.weight":"1.weight"}"#,
            "metadata: `2.weight` is tied to `1.weight`, but the tensor `1.weight` is missing: the file is only a part of a network",
        ),
        (
            r#"{"4.weight":"0.weight"}"#,
            "metadata: `4.weight` is tied to `0.weight`, but `4.weight` is a tensor of its own",
        ),
        (r#"{"2.bias":"0.weight"}"#, "unexpected tensor `2.bias`"),
        (r#"{"2.scale":"0.weight"}"#, "unexpected tensor `2.scale`"),
        (
            r#"{"a.weight":"0.weight"}"#,
            "neither the names nor the shapes say in which order the layers `0` and `a` are applied: give a list of the \
             layers' names in order (PytorchOptions::layers)",
        ),
    ] {
        assert_eq!(tied(metadata), Err(error.to_owned()), "{metadata}");
    }
    let many: Vec<_> = (1..=200).map(|i| format!(r#""{i}.weight":"0.weight""#)).collect();
    let many = file(&format!("{{{}}}", many.join(",")), &[("0.weight", square)]);
    let error = "expected tied layers of at most 256 numbers, 64 times the file's, got 1206";
    assert_eq!(firsts(&options, &many), Err(error.to_owned()));
}

#[test]
fn a_part_of_a_network_is_not_taken_for_a_network() {
    let options = PytorchOptions::new(Tanh, Identity);
    let square: &[usize] = &[2, 2];
    let error = |name: &str, number: usize| {
        Err(format!(
            "layer `{name}`: expected a layer of number {number} before it: a part of a network is not read (a list of \
             the layers' names says that none is missing)"
        ))
    };
    let part = |names: [&str; 2]| firsts(&options, &file("null", &names.map(|name| (name, square))));
    assert_eq!(part(["fc1.weight", "fc3.weight"]), error("fc3", 2));
    assert_eq!(part(["fc2.weight", "fc3.weight"]), error("fc2", 1));
    assert_eq!(part(["net.fc0.weight", "net.fc2.weight"]), error("net.fc2", 1));
    let listed = options.clone().layers(["fc1", "fc3"]);
    let bytes = file("null", &[("fc1.weight", square), ("fc3.weight", square)]);
    assert_eq!(firsts(&listed, &bytes), Ok(vec![0.0, 4.0]));

    let directory = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture("pytorch_f32.safetensors")).unwrap();
    for (name, is_part) in [
        ("model-00001-of-00002.safetensors", true),
        ("model-2-of-2", true),
        ("model_00001-of-00002.safetensors", true),
        ("model_1_of_3.safetensors", true),
        ("2-of-2.safetensors", true),
        ("net.part2-of-3.safetensors", true),
        ("model-00001-of-00001.safetensors", false),
        ("one-of-many.safetensors", false),
        ("best-of-5.safetensors", false),
    ] {
        let path = directory.path().join(name);
        fs::write(&path, &whole).unwrap();
        let (loaded, inspected) = (load_pytorch::<Matrix<f32>>(&path, Tanh, Identity), inspect(&path));
        assert_eq!(loaded.is_err(), is_part, "{name}");
        assert_eq!(inspected.is_err(), is_part, "{name}");
        if let Err(error) = loaded {
            assert_eq!(error.kind, LoadErrorKind::OtherKind);
            assert!(error.message.ends_with(": a network must be in one file"), "{error}");
        }
    }
}

#[test]
fn a_layer_that_is_not_linear_is_refused_by_name_with_what_to_do() {
    let options = PytorchOptions::new(Tanh, Identity);
    let linear: (&str, &[usize]) = ("0.weight", &[2, 2]);
    let fold = "fold it into the Linear layer next to it, or export the network as ONNX";
    let export = "export the network as ONNX";
    let undo = "remove the parametrization before saving (torch.nn.utils), so that the file has the plain weight";
    let one_slope = "replace a PReLU of one slope by a LeakyReLU, or export the network as ONNX";
    type Case<'a> = (&'a [(&'a str, &'a [usize])], &'a str, &'a str, &'a str);
    let cases: [Case<'_>; 14] = [
        (
            &[
                ("1.weight", &[2][..]),
                ("1.bias", &[2]),
                ("1.running_mean", &[2]),
                ("1.num_batches_tracked", &[]),
            ],
            "1",
            "a BatchNorm",
            fold,
        ),
        (&[("net.bn1.running_var", &[2])], "net.bn1", "a BatchNorm", fold),
        (
            &[("1.weight", &[2]), ("1.bias", &[2])],
            "1",
            "a LayerNorm or another normalization",
            export,
        ),
        (&[("act.weight", &[1])], "act", "a PReLU or a normalization", one_slope),
        (
            &[("1.weight_g", &[2, 1]), ("1.weight_v", &[2, 2])],
            "1",
            "under weight_norm",
            undo,
        ),
        (
            &[("2.parametrizations.weight.original0", &[2, 1])],
            "2",
            "under weight_norm",
            undo,
        ),
        (
            &[("2.weight_orig", &[2, 2]), ("2.weight_u", &[2])],
            "2",
            "pruned or under spectral_norm",
            undo,
        ),
        (&[("emb.weight", &[2, 2])], "emb", "an Embedding", export),
        (
            &[("conv.weight", &[2, 2, 1, 1]), ("conv.bias", &[2])],
            "conv",
            "a convolution or a Bilinear",
            export,
        ),
        (
            &[("bi.weight", &[2, 2, 2])],
            "bi",
            "a convolution or a Bilinear",
            export,
        ),
        (
            &[
                ("2.parametrizations.weight.0.base", &[2, 2]),
                ("2.parametrizations.weight.original", &[2, 2]),
            ],
            "2",
            "parametrized",
            undo,
        ),
        // The only order of an adapter's layers is that of a network.
        (
            &[("fc1.lora_A.weight", &[1, 2]), ("fc1.lora_B.weight", &[3, 1])],
            "fc1.lora_A",
            "a LoRA adapter",
            "merge it into its Linear layer before saving",
        ),
        (&[("rnn.weight_ih_l0", &[2, 2])], "rnn", "recurrent", export),
        (
            &[("attention.in_proj_weight", &[6, 2])],
            "attention",
            "an attention",
            export,
        ),
    ];
    for (tensors, layer, what, remedy) in cases {
        let bytes = file("null", &[&[linear], tensors].concat());
        let error = options.load_bytes::<Matrix<f32>>(&bytes).unwrap_err();
        assert_eq!(error.kind, LoadErrorKind::Unsupported);
        let message = format!("layer `{layer}` is {what}, but only Linear layers are read: {remedy}");
        assert_eq!(error.message, message);
    }
    let embedding = file(
        "null",
        &[("0.weight", &[10, 4]), ("1.weight", &[2, 4]), ("1.bias", &[2])],
    );
    let error = "tensor `1.weight`: expected 10 columns, one per output of the layer before, got 4; is layer `0` an \
                 Embedding? Only Linear layers are read";
    assert_eq!(firsts(&options, &embedding), Err(error.to_owned()));
}

#[test]
fn every_half_precision_number_is_converted_exactly() {
    // All finite numbers of both types, as a network of one output.
    for (dtype, exponent, expected) in [
        (
            "BF16",
            0x7f80_u16,
            &(|bits: u16| f32::from_bits(u32::from(bits) << 16)) as &dyn Fn(u16) -> f32,
        ),
        ("F16", 0x7c00, &|bits| {
            // Numbers of half precision are integers of up to 11 bits times a power of 2.
            let (exponent, fraction) = ((bits >> 10) & 31, f32::from(bits & 1023));
            let magnitude = if exponent == 0 {
                fraction * 2_f32.powi(-24)
            } else {
                (1024.0 + fraction) * 2_f32.powi(i32::from(exponent) - 25)
            };
            if bits >> 15 == 1 { -magnitude } else { magnitude }
        }),
    ] {
        let bits: Vec<u16> = (0..=u16::MAX).filter(|bits| bits & exponent != exponent).collect();
        let (count, bytes) = (bits.len(), 2 * bits.len());
        let header = format!(r#"{{"0.weight":{{"dtype":"{dtype}","shape":[1,{count}],"data_offsets":[0,{bytes}]}}}}"#);
        let mut file = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        file.extend(bits.iter().flat_map(|bits| bits.to_le_bytes()));
        let options = PytorchOptions::new(Tanh, Identity).convert();
        let network = options.load_bytes::<Matrix<f32>>(&file).unwrap();
        for (got, bits) in network.layers()[0].weights.to_vec().into_iter().zip(&bits) {
            assert_eq!(got.to_bits(), expected(*bits).to_bits(), "{dtype} {bits:#x}");
        }
        // Infinity and NaN are refused as in other types.
        for (bits, got) in [(exponent, "inf"), (exponent | 0x8000, "-inf"), (exponent | 1, "NaN")] {
            let end = file.len();
            file[end - 2..].copy_from_slice(&bits.to_le_bytes());
            let error = options.load_bytes::<Matrix<f64>>(&file).unwrap_err();
            let column = count - 1;
            assert_eq!(
                error.message,
                format!("tensor `0.weight`: expected finite numbers, got {got} in row 0, column {column}")
            );
        }
    }
}
