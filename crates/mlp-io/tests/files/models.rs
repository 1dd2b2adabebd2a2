//! A model that is saved and loaded is the same model.

use mlp_core::activations::{Elu, Identity, LeakyRelu, Relu, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::{
    Activation, ActivationKind, BinaryCrossEntropy, Classes, Dense, ElementLoss, HalfMse, Huber, LossKind, Mlp, Model,
    ModelLoss, NoCustom, Pinball, Provenance, Scalar, Scaling, ScalingKind, SoftmaxCrossEntropy, TargetKind,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{
    LoadErrorKind, Number, SaveErrorKind, SavedActivation, custom_model_from_bytes, inspect, load_custom_model,
    load_model, model_from_bytes, model_to_bytes, npz_to_bytes, save_model,
};
use std::fs;

/// A backend whose columns do not stand one after the other in memory.
#[path = "../../../mlp-core/examples/custom_backend/naive.rs"]
mod naive;
use naive::Naive;

/// Returns a network with numbers that need all their digits.
pub(crate) fn network<T: Element>(sizes: &[usize], activation: impl Into<ActivationKind>) -> Mlp<Matrix<T>> {
    let builder = Mlp::<Matrix<T>>::builder(sizes).hidden(activation).seed(11);
    let mut network = builder.build().unwrap();
    for dense in network.layers_mut() {
        let outputs = dense.outputs();
        dense.bias = Matrix::from_fn(outputs, 1, |i, _| T::from_f64(1.0 / (3.0 + i as f64)));
    }
    network
}

fn round_trip<T: Element + Number>(model: &Model<Matrix<T>>) {
    let bytes = model_to_bytes(model).unwrap();
    assert_eq!(&model_from_bytes::<Matrix<T>>(&bytes).unwrap(), model);
    assert_eq!(
        model_to_bytes(model).unwrap(),
        bytes,
        "the same model must give the same bytes"
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    save_model(&path, model).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(&load_model::<Matrix<T>>(&path).unwrap(), model);
    let summary = inspect(&path).unwrap();
    assert_eq!(summary.layer_sizes, model.network().layer_sizes());
    assert_eq!((summary.dtype, summary.is_model), (T::DTYPE, true));
    assert_eq!(summary.parameters, model.network().parameter_count());
}

#[test]
fn every_activation_and_loss_is_kept_with_its_parameters() {
    let mut activations: Vec<ActivationKind> = ActivationKind::<NoCustom>::NAMES
        .iter()
        .map(|name| name.parse().unwrap())
        .collect();
    activations.push(LeakyRelu::new(0.1 + 0.2).unwrap().into());
    activations.push(Elu::new(-1e-300).unwrap().into());
    let losses: [LossKind; 10] = [
        HalfMse.into(),
        mlp_core::Mse.into(),
        mlp_core::Mae.into(),
        Huber::new(1.0 / 3.0).unwrap().into(),
        Huber::default().into(),
        SoftmaxCrossEntropy::for_classes().into(),
        Pinball::between(0.1, 0.7).unwrap().into(),
        SoftmaxCrossEntropy::for_probabilities().into(),
        SoftmaxCrossEntropy::for_classes().smoothing(0.1).unwrap().into(),
        BinaryCrossEntropy.into(),
    ];
    assert!(
        LossKind::NAMES
            .iter()
            .all(|name| losses.iter().any(|loss| loss.name() == *name))
    );
    for (i, activation) in activations.into_iter().enumerate() {
        let loss = losses[i % losses.len()];
        round_trip(&Model::new(network::<f32>(&[2, 3, 2], activation.clone()), loss));
        round_trip(&Model::new(network::<f64>(&[2, 3, 2], activation), loss));
    }
}

#[test]
fn scalings_classes_and_provenance_are_kept_to_the_last_bit() {
    let offset = vec![0.1 + 0.2, -5e-324, 1.797e308];
    let input = Scaling::from_parts(ScalingKind::Standard, offset, vec![1.0 / 3.0, 5e-324, 1e300]).unwrap();
    let target = Scaling::from_parts(ScalingKind::MinMax, vec![-0.0, 1e-17], vec![std::f64::consts::PI, 1.0]).unwrap();
    let provenance = Provenance {
        version: "9.9.9-rc1".to_owned(),
        seed: Some(u64::MAX),
        data: Some("sha256:\"quoted\" \\ \u{1}\u{2028}é".to_owned()),
        note: Some("second try:\n\"wider\" network \u{1F642}".to_owned()),
    };
    let regression = Model::new(network::<f64>(&[3, 4, 2], Tanh), Huber::default())
        .with_input_scaling(input.clone())
        .unwrap()
        .with_target_scaling(target)
        .unwrap()
        .with_provenance(provenance);
    round_trip(&regression);
    let bits = |scaling: &Scaling| -> Vec<u64> { scaling.offset().iter().map(|x| x.to_bits()).collect() };
    let loaded = model_from_bytes::<Matrix<f64>>(&model_to_bytes(&regression).unwrap()).unwrap();
    assert_eq!(
        bits(loaded.target_scaling().unwrap()),
        bits(regression.target_scaling().unwrap()),
        "every bit must be kept, also of -0.0"
    );

    let names = ["setosa", "", "schön \"und\" {\n}"];
    assert!(Classes::new(names).is_err());
    let names = ["setosa", " ", "schön \"und\" {\n}"];
    let classifier = Model::new(network::<f32>(&[3, 4, 3], Relu), SoftmaxCrossEntropy::for_classes())
        .with_input_scaling(input)
        .unwrap()
        .with_classes(Classes::new(names).unwrap())
        .unwrap();
    round_trip(&classifier);
    let columns = ["sépal, \"length\"", "\u{feff}width\n", " "];
    round_trip(
        &classifier
            .with_feature_names(columns)
            .unwrap()
            .with_target_names(["species"])
            .unwrap(),
    );
    let binary = Model::new(network::<f32>(&[3, 1], Relu), BinaryCrossEntropy);
    round_trip(&binary.with_classes(Classes::new(["no", "yes"]).unwrap()).unwrap());
}

#[test]
fn predictions_have_the_same_bits() {
    let model = Model::new(
        network::<f32>(&[7, 33, 17, 3], Tanh),
        SoftmaxCrossEntropy::for_classes(),
    );
    let loaded = model_from_bytes::<Matrix<f32>>(&model_to_bytes(&model).unwrap()).unwrap();
    let input = Matrix::from_fn(7, 40, |i, j| f32::from_f64(((i * 41 + j) as f64).sin()));
    assert_eq!(loaded.predict(&input), model.predict(&input));
}

#[test]
fn a_model_that_could_not_be_loaded_is_not_saved() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.safetensors");
    let mut model = Model::new(network::<f64>(&[2, 3, 1], Tanh), HalfMse);
    save_model(&path, &model).unwrap();
    let before = fs::read(&path).unwrap();
    model.network_mut().layers_mut()[1].weights = Matrix::from_rows(&[[1.0, f64::NAN, f64::INFINITY]]);
    let error = save_model(&path, &model).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: cannot be saved: tensor `layers.1.weight`: expected finite numbers, got NaN in row 0, column 1",
            path.display()
        )
    );
    assert_eq!(error.kind, SaveErrorKind::NotFinite);
    assert_eq!(fs::read(&path).unwrap(), before, "the old file must be unchanged");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    type Change = fn(&mut [Dense<Matrix<f64>>]);
    let changes: [(Change, &str); 4] = [
        (
            |layers| layers[0].bias = Matrix::zeros(2, 1),
            "layer 0: expected bias of 3 x 1, got 2 x 1",
        ),
        (
            |layers| layers[0].bias = Matrix::zeros(3, 2),
            "layer 0: expected bias of 3 x 1, got 3 x 2",
        ),
        (
            |layers| layers[1].weights = Matrix::zeros(1, 2),
            "layer 1: expected weights of 1 x 3, got 1 x 2",
        ),
        (
            |layers| layers[0] = Dense::zeros(2, 0),
            "layer sizes: expected at least 1 at position 1, got 0",
        ),
    ];
    for (change, message) in changes {
        let mut model = Model::new(network::<f64>(&[2, 3, 1], Tanh), HalfMse);
        change(model.network_mut().layers_mut());
        let error = save_model(&path, &model).unwrap_err().to_string();
        assert_eq!(error, format!("{}: cannot be saved: {message}", path.display()));
        assert_eq!(npz_to_bytes(&model).unwrap_err().to_string(), message);
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    let scaling = Scaling::from_parts(ScalingKind::Standard, vec![0.0; 2], vec![1.0; 2]).unwrap();
    let scaled = Model::new(network::<f64>(&[2, 3, 1], Tanh), HalfMse).with_input_scaling(scaling);
    let mut scaled = scaled.unwrap();
    *scaled.network_mut() = network(&[3, 3, 1], Tanh);
    assert_eq!(
        model_to_bytes(&scaled).unwrap_err().to_string(),
        "cannot be saved: input scaling: expected 3 features, got 2"
    );
    let nowhere = directory.path().join("missing").join("model.safetensors");
    let error = save_model(&nowhere, &model).unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::NotWritten);
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_type_of_the_numbers_must_be_the_requested_one() {
    let bytes = model_to_bytes(&Model::new(network::<f32>(&[2, 1], Tanh), HalfMse)).unwrap();
    let error = model_from_bytes::<Matrix<f64>>(&bytes).unwrap_err();
    assert_eq!(
        error.message,
        "tensor `layers.0.weight`: expected the dtype F64, got F32: load it with a matrix of f32"
    );
    assert_eq!((error.kind, error.file), (LoadErrorKind::Dtype, None));
}

#[test]
fn a_path_that_is_not_a_regular_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing");
    let load = |path| load_model::<Matrix<f32>>(path).unwrap_err();
    let error = load(&*path);
    assert_eq!(error.kind, LoadErrorKind::NotFound);
    assert!(std::error::Error::source(&error).is_some());
    assert!(
        error
            .to_string()
            .starts_with(&format!("{}: cannot be read: ", path.display())),
        "{error}"
    );
    let error = load(directory.path());
    assert_eq!(
        error.to_string(),
        format!("{}: expected a regular file", directory.path().display())
    );
    assert_eq!(error.kind, LoadErrorKind::Io);
    #[cfg(unix)]
    assert_eq!(
        load(std::path::Path::new("/dev/zero")).message,
        "expected a regular file"
    );
    assert!(inspect(&path).is_err());
}

#[test]
fn a_deep_and_a_wide_network() {
    // The names of these layers sort differently as texts than as numbers.
    round_trip(&Model::new(network::<f32>(&[3; 300], Tanh), HalfMse));
    round_trip(&Model::new(network::<f64>(&[1000, 1, 1000], Identity), HalfMse));
    let layer = Dense::<Matrix<f32>>::zeros(1, 1);
    let one = Mlp::from_layers(vec![(layer, Identity.into())]).unwrap();
    round_trip(&Model::new(one, HalfMse));
    assert_eq!(<Matrix<f32> as Tensor>::zeros(1, 1).shape(), (1, 1));
}

#[test]
fn a_model_is_saved_whatever_its_number_of_classes_or_layers() {
    let loads = |model: &Model<Matrix<f32>>| {
        let bytes = model_to_bytes(model).unwrap();
        assert!(&model_from_bytes::<Matrix<f32>>(&bytes).unwrap() == model);
    };
    // Numbers, names like ImageNet's, names of 100 bytes, and names that JSON escapes.
    for (sizes, name) in [
        (
            &[1, 100_000][..],
            &(|i: usize| i.to_string()) as &dyn Fn(usize) -> String,
        ),
        (&[8, 4, 100_000], &|i| format!("n{i:08}")),
        (&[1, 100_000], &|i| format!("{i:0100}")),
        (&[2, 7_536], &|i| format!("\"{i}\"")),
    ] {
        let classes = Classes::new((0..*sizes.last().unwrap()).map(name)).unwrap();
        let model = Model::new(network::<f32>(sizes, Tanh), SoftmaxCrossEntropy::for_classes());
        loads(&model.with_classes(classes).unwrap());
    }
    for count in [985, 4_000] {
        loads(&Model::new(network::<f32>(&vec![1; count + 1], Tanh), HalfMse));
        loads(&Model::new(
            network::<f32>(&vec![1; count + 1], Elu::new(0.5).unwrap()),
            HalfMse,
        ));
    }
    // One scaled feature takes up to 48 bytes of text.
    let scaling = Scaling::from_parts(
        ScalingKind::Standard,
        vec![-1.2345678901234567e-300; 100_000],
        vec![1.5; 100_000],
    );
    let model = Model::new(network::<f32>(&[100_000, 1], Tanh), HalfMse);
    loads(&model.with_input_scaling(scaling.unwrap()).unwrap());
}

#[test]
fn a_model_over_the_documented_limits_is_refused_with_the_figure() {
    let save = |sizes: &[usize], length: usize| {
        let classes = Classes::new((0..*sizes.last().unwrap()).map(|i| format!("{i:0length$}"))).unwrap();
        let model = Model::new(network::<f32>(sizes, Tanh), SoftmaxCrossEntropy::for_classes());
        model_to_bytes(&model.with_classes(classes).unwrap())
            .unwrap_err()
            .message
    };
    let message = save(&[1, 5_000], 3_500);
    assert!(
        message.starts_with("cannot be saved: header: expected at most 16777216 bytes, got 17"),
        "{message}"
    );
    assert!(save(&[1, 2], 5_000).ends_with("expected strings of at most 4096 bytes, got 5000"));
}

#[test]
fn the_bytes_are_the_same_on_any_backend_and_on_any_number_of_threads() {
    // Small and large matrices, with columns that `Matrix` pads and columns that it does not.
    for sizes in [&[3, 5, 1][..], &[700, 129, 1030, 2]] {
        let network = network::<f32>(sizes, Tanh);
        let layers = network.layers().iter().map(|dense| {
            let onto = |matrix: &Matrix<f32>| {
                let mut naive = Naive::zeros(matrix.rows(), matrix.columns());
                naive.write(&matrix.to_vec());
                naive
            };
            (onto(&dense.weights), onto(&dense.bias))
        });
        let layers = layers
            .zip(network.activations())
            .map(|((weights, bias), activation)| (Dense { weights, bias }, activation.clone()));
        let naive = Model::new(Mlp::<Naive<f32>>::from_layers(layers.collect()).unwrap(), HalfMse);
        let model = Model::new(network.clone(), HalfMse);

        let bytes = model_to_bytes(&naive).unwrap();
        assert!(model_from_bytes::<Naive<f32>>(&bytes).unwrap() == naive);
        for threads in [1, 2, 3] {
            mlp_cpu::set_threads(threads.try_into().unwrap());
            assert!(model_to_bytes(&model).unwrap() == bytes, "{threads} threads");
            assert!(
                model_from_bytes::<Matrix<f32>>(&bytes).unwrap() == model,
                "{threads} threads"
            );
        }
    }
}

/// q e for an error e = target - prediction above 0, else (q - 1) e; it takes targets of the given kind.
#[derive(Clone, Debug)]
struct Quantile {
    q: f64,
    kind: TargetKind,
}

impl ElementLoss for Quantile {
    fn target_kind(&self) -> TargetKind {
        self.kind
    }

    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let (q, error) = (T::from_f64(self.q), target - prediction);
        error.select_gt(T::zero(), q * error, (q - T::one()) * error)
    }
}

/// Returns the record of a quantile loss under this name.
fn quantile(name: &str, q: f64, kind: TargetKind) -> ModelLoss {
    ModelLoss::custom(name, &[("q", q), ("beta", -0.5)], &Quantile { q, kind })
}

#[test]
fn a_model_with_a_custom_loss_is_saved_and_predicts_without_its_type() {
    use TargetKind::{Class, Distribution, Probability, Real};
    let (directory, q) = (tempfile::tempdir().unwrap(), 1.0 / 3.0);
    let path = directory.path().join("model");
    for (kind, name) in [
        (Real, "real"),
        (Probability, "probability"),
        (Distribution, "distribution"),
        (Class, "class"),
    ] {
        let loss = quantile("quantile", q, kind);
        let model = Model::new(network::<f64>(&[2, 3, 2], Tanh), loss.clone());
        let model = if kind == Real {
            let scaling = Scaling::from_parts(ScalingKind::Standard, vec![5.0, 0.0], vec![2.0, 0.5]).unwrap();
            model.with_target_scaling(scaling).unwrap()
        } else {
            model.with_classes(Classes::new(["low", "high"]).unwrap()).unwrap()
        };
        save_model(&path, &model).unwrap();
        let header = String::from_utf8_lossy(&fs::read(&path).unwrap()).replace(r#"\""#, "\"");
        let parameters = format!(r#"{{"beta":-0.5,"q":{q}}}"#);
        let text = format!(r#""loss":{{"name":"quantile","parameters":{parameters}}},"target_kind":"{name}""#);
        assert!(header.contains(&text), "{header}");
        let loaded = load_model::<Matrix<f64>>(&path).unwrap();
        assert_eq!((&loaded, loaded.loss()), (&model, &loss));
        assert_eq!(loaded.predict_one(&[0.5, -2.0]), model.predict_one(&[0.5, -2.0]));
        assert_eq!(loaded.loss().parameters(), [("beta", -0.5), ("q", q)]);
        let build = |kind| {
            let built = loaded.loss().build(|name, parameters| match (name, parameters) {
                ("quantile", &[("beta", _), ("q", q)]) => Some(Quantile { q, kind }),
                _ => None,
            });
            built.map(|loss| loss.q)
        };
        assert_eq!(build(kind), Some(q));
        assert_eq!(
            build(TargetKind::Probability),
            (kind == TargetKind::Probability).then_some(q)
        );
    }

    // Together with a custom activation, whose type is needed.
    let model = Model::new(with_custom("square", 2.0).into_network(), quantile("quantile", q, Real));
    let bytes = model_to_bytes(&model).unwrap();
    assert_eq!(custom_model_from_bytes::<Matrix<f32>, Square>(&bytes).unwrap(), model);
    let error = model_from_bytes::<Matrix<f32>>(&bytes).unwrap_err();
    let message = "layer 0: unknown activation `square`: ";
    assert!(error.message.starts_with(message), "{error}");

    let save = |loss: ModelLoss| model_to_bytes(&Model::new(network::<f32>(&[2, 1], Tanh), loss));
    for (name, q, problem) in [
        ("huber", 1.0, "loss: huber is the name of another loss"),
        ("quantile", f64::INFINITY, "metadata mlp: "),
        (&"q".repeat(5_000), 1.0, "metadata mlp: "),
    ] {
        let error = save(quantile(name, q, Real)).unwrap_err();
        assert_eq!(error.kind, SaveErrorKind::Refused);
        let message = format!("cannot be saved: {problem}");
        assert!(error.message.starts_with(&message), "{error}");
    }
    // An odd name.
    let loss = quantile("q \u{0}\n\"é", q, Real);
    let loaded = model_from_bytes::<Matrix<f32>>(&save(loss.clone()).unwrap()).unwrap();
    assert_eq!(loaded.loss(), &loss);
}

/// f(z) = z^2 / width, under a name that the caller chooses.
#[derive(Clone, Debug, PartialEq)]
struct Square {
    name: String,
    width: f64,
}

impl Activation for Square {
    fn value<T: Scalar>(&self, z: T) -> T {
        z * z / T::from_f64(self.width)
    }
}

impl SavedActivation for Square {
    fn name(&self) -> &str {
        &self.name
    }

    fn parameters(&self) -> Vec<(&str, f64)> {
        vec![("width", self.width)]
    }

    fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Option<Self> {
        match parameters {
            [("width", width)] if name != "forgotten" => Some(Self {
                name: name.to_owned(),
                width: *width,
            }),
            _ => None,
        }
    }
}

/// Returns a model with this activation and one of mlp-core's.
fn with_custom(name: &str, width: f64) -> Model<Matrix<f32>, Square> {
    let layers = network::<f32>(&[2, 3, 3, 1], Tanh).layers().to_vec();
    let square = Square {
        name: name.to_owned(),
        width,
    };
    let activations = [
        ActivationKind::Custom(square),
        Elu::new(0.5).unwrap().into(),
        Identity.into(),
    ];
    Model::new(
        Mlp::from_layers(layers.into_iter().zip(activations).collect()).unwrap(),
        HalfMse,
    )
}

#[test]
fn a_model_with_a_custom_activation_is_saved_and_loaded_by_giving_its_type() {
    let model = with_custom("square", 1.0 / 3.0);
    let bytes = model_to_bytes(&model).unwrap();
    let loaded = custom_model_from_bytes::<Matrix<f32>, Square>(&bytes).unwrap();
    assert_eq!(loaded, model);
    assert_eq!(loaded.predict_one(&[0.5, -2.0]), model.predict_one(&[0.5, -2.0]));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model");
    save_model(&path, &model).unwrap();
    assert_eq!(load_custom_model::<Matrix<f32>, Square>(&path).unwrap(), model);
    assert_eq!(inspect(&path).unwrap().layer_sizes, [2, 3, 3, 1]);
    // A model without a custom activation loads too.
    let plain = Model::new(network::<f32>(&[2, 1], Tanh), HalfMse);
    let bytes = model_to_bytes(&plain).unwrap();
    let loaded = custom_model_from_bytes::<Matrix<f32>, Square>(&bytes).unwrap();
    assert_eq!(model_to_bytes(&loaded).unwrap(), bytes);

    let error = load_model::<Matrix<f32>>(&path).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Malformed);
    assert!(
        error
            .message
            .starts_with("layer 0: unknown activation `square`: expected one of identity, "),
        "{error}"
    );
    assert!(
        error
            .message
            .ends_with("; load_custom_model reads an activation of your own, given its type"),
        "{error}"
    );
    for (name, width, problem) in [
        ("relu", 1.0, "layer 0: relu: expected the parameters none, got width"),
        ("forgotten", 1.0, "layer 0: unknown activation `forgotten`: "),
        ("square", f64::NAN, "metadata mlp: "),
    ] {
        let error = model_to_bytes(&with_custom(name, width)).unwrap_err();
        assert_eq!(error.kind, SaveErrorKind::Refused);
        assert!(
            error.message.starts_with(&format!("cannot be saved: {problem}")),
            "{error}"
        );
    }
}
