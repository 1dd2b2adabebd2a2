//! Reads scikit-learn's networks from files that it wrote with NumPy, and writes them back.

use mlp_core::activations::{Identity, Relu, Sigmoid, Tanh};
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, BinaryCrossEntropy, Classes, HalfMse, Huber, LossKind, Mlp, Model, ModelLoss, OutputTransform,
    Scalar, Scaling, ScalingKind, SoftmaxCrossEntropy,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, SaveErrorKind, load_npz, npz_from_bytes, npz_to_bytes, save_npz};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

mod malformed;

#[derive(Deserialize)]
struct Case {
    dtype: String,
    inputs: Vec<Vec<f64>>,
    predictions: Vec<Vec<f64>>,
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/sklearn")
        .join(name)
}

fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

fn predicts_the_same<T: Scalar + Number>(name: &str, case: &Case, tolerance: f64)
where
    Matrix<T>: Tensor<Scalar = T>,
{
    let model: Model<Matrix<T>> = load_npz(fixture(&format!("{name}.npz"))).unwrap();
    let values: Vec<T> = case.inputs.iter().flatten().map(|&x| T::from_f64(x)).collect();
    let mut input = Matrix::zeros(model.network().inputs(), case.inputs.len());
    input.write(&values);
    let mut got = Vec::new();
    Matrix::read((&model.predict(&input)).into(), &mut got);
    let expected: Vec<f64> = case.predictions.iter().flatten().copied().collect();
    assert_eq!(got.len(), expected.len(), "{name}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let got = got.to_f64();
        let difference = (got - expected).abs();
        assert!(
            difference <= tolerance * expected.abs().max(1.0),
            "{name} {i}: got {got}, expected {expected}"
        );
    }
    assert_eq!(
        npz_from_bytes::<Matrix<T>>(&npz_to_bytes(&model).unwrap()).unwrap(),
        model,
        "{name}"
    );
}

#[test]
fn predicts_what_scikit_learn_does() {
    let cases: BTreeMap<String, Case> = serde_json::from_slice(&fixture_bytes("predictions.json")).unwrap();
    assert_eq!(cases.len(), 8);
    for (name, case) in &cases {
        match case.dtype.as_str() {
            "float64" => predicts_the_same::<f64>(name, case, 1e-12),
            _ => predicts_the_same::<f32>(name, case, 1e-6),
        }
    }
}

#[test]
fn the_names_choose_activations_and_loss() {
    for (name, hidden, loss, output) in [
        (
            "multiclass_relu",
            Relu.into(),
            SoftmaxCrossEntropy::for_classes().into(),
            OutputTransform::Softmax,
        ),
        (
            "binary_tanh",
            Tanh.into(),
            BinaryCrossEntropy.into(),
            OutputTransform::Sigmoid,
        ),
        (
            "multilabel_logistic",
            Sigmoid.into(),
            LossKind::from(BinaryCrossEntropy),
            OutputTransform::Sigmoid,
        ),
        (
            "linear_identity",
            ActivationKind::from(Identity),
            HalfMse.into(),
            OutputTransform::Identity,
        ),
    ] {
        let model = load_npz::<Matrix<f64>>(fixture(&format!("{name}.npz"))).unwrap();
        let (last, first) = model.network().activations().split_last().unwrap();
        assert!(first.iter().all(|activation| *activation == hidden), "{name}");
        assert_eq!(
            (last, model.loss(), model.output()),
            (&Identity.into(), &loss.into(), output),
            "{name}"
        );
    }
}

#[test]
fn fortran_order_is_the_same_network() {
    let [c, fortran] = ["multioutput_relu.npz", "multioutput_relu_fortran.npz"].map(fixture);
    assert_ne!(std::fs::read(&c).unwrap(), std::fs::read(&fortran).unwrap());
    assert_eq!(
        load_npz::<Matrix<f64>>(c).unwrap(),
        load_npz::<Matrix<f64>>(fortran).unwrap()
    );
}

fn model(hidden: impl Into<ActivationKind>, loss: impl Into<ModelLoss>) -> Model<Matrix<f64>> {
    Model::new(
        Mlp::builder(&[3, 5, 4, 2]).hidden(hidden).seed(7).build().unwrap(),
        loss,
    )
}

#[test]
fn a_written_file_is_read_back_and_has_the_same_bytes_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.npz");
    for loss in [
        HalfMse.into(),
        SoftmaxCrossEntropy::for_classes().into(),
        LossKind::from(BinaryCrossEntropy),
    ] {
        for hidden in [ActivationKind::from(Relu), Tanh.into(), Sigmoid.into(), Identity.into()] {
            let model = model(hidden, loss);
            save_npz(&path, &model).unwrap();
            assert_eq!(load_npz::<Matrix<f64>>(&path).unwrap(), model);
            assert_eq!(std::fs::read(&path).unwrap(), npz_to_bytes(&model).unwrap());
        }
    }
}

#[test]
fn single_layers_and_odd_shapes_round_trip() {
    for sizes in [&[1, 1][..], &[1, 300], &[300, 1], &[2, 70, 1, 33]] {
        let network = Mlp::<Matrix<f32>>::builder(sizes).seed(1).build().unwrap();
        let model = Model::new(network, HalfMse);
        assert_eq!(
            npz_from_bytes::<Matrix<f32>>(&npz_to_bytes(&model).unwrap()).unwrap(),
            model
        );
    }
}

#[test]
fn networks_that_scikit_learn_cannot_express_are_refused() {
    let refused = |model: &Model<Matrix<f64>>, expected: &str| {
        let error = npz_to_bytes(model).unwrap_err();
        assert_eq!(error.kind, SaveErrorKind::Refused, "{error}");
        assert_eq!(
            error.to_string(),
            format!("scikit-learn cannot express this network: {expected}")
        );
    };
    for name in ActivationKind::<mlp_core::NoCustom>::NAMES {
        if !["identity", "relu", "sigmoid", "tanh"].contains(name) {
            let hidden: ActivationKind = name.parse().unwrap();
            let expected = format!("layer 0: expected one of identity, logistic, relu, tanh, got {name}");
            refused(&model(hidden, HalfMse), &expected);
        }
    }
    let network = Mlp::builder(&[2, 2]).output(Tanh).build().unwrap();
    refused(
        &Model::new(network, HalfMse),
        "layer 0: expected a linear last layer, got tanh",
    );

    let scaling = Scaling::from_parts(ScalingKind::Standard, vec![1e308; 3], vec![1e-10; 3]).unwrap();
    let scaled = model(Relu, HalfMse).with_input_scaling(scaling).unwrap();
    let error = npz_to_bytes(&scaled).unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::NotFinite);
    assert!(
        error
            .message
            .starts_with("layer 0: expected finite numbers after scaling, got "),
        "{error}"
    );

    let mut layers = Vec::new();
    for activation in [ActivationKind::from(Relu), Tanh.into(), Identity.into()] {
        layers.push((mlp_core::Dense::zeros(2, 2), activation));
    }
    let mixed = Model::new(Mlp::from_layers(layers).unwrap(), HalfMse);
    refused(&mixed, "layer 1: expected the activation of layer 0, got tanh");

    let mut infinite = model(Relu, HalfMse);
    infinite.network_mut().layers_mut()[1]
        .bias
        .write(&[0.0, 0.0, f64::INFINITY, 0.0]);
    let error = npz_to_bytes(&infinite).unwrap_err();
    assert_eq!(error.to_string(), "layer 1: expected finite bias, got inf");
}

#[test]
fn names_and_the_kind_of_regression_are_left_out() {
    let named = model(Relu, SoftmaxCrossEntropy::for_probabilities());
    let named = named.with_classes(Classes::new(["a", "b"]).unwrap()).unwrap();
    let read = npz_from_bytes::<Matrix<f64>>(&npz_to_bytes(&named).unwrap()).unwrap();
    assert_eq!((read.classes(), read.network()), (None, named.network()));
    let huber = model(Relu, Huber::new(0.5).unwrap());
    let read = npz_from_bytes::<Matrix<f64>>(&npz_to_bytes(&huber).unwrap()).unwrap();
    assert_eq!(read.loss(), &HalfMse.into());
}

/// Returns the largest difference between the predictions of a model of two scaled features and those of its file, which
/// are computed in `f64`, relative to the scale of the targets.
fn off_by<T: Element + Number>(sizes: &[usize], kind: ScalingKind, offset: f64, scale: f64) -> f64 {
    let target_scale = 3.0;
    let features = Scaling::from_parts(kind, vec![offset, -offset], vec![scale, 2.0 * scale]).unwrap();
    let targets = Scaling::from_parts(kind, vec![offset; 2], vec![target_scale; 2]).unwrap();
    let network = Mlp::<Matrix<T>>::builder(sizes).hidden(Tanh).seed(5).build().unwrap();
    let scaled = Model::new(network.clone(), HalfMse)
        .with_input_scaling(features)
        .unwrap();
    let model = if offset.abs() > 100.0 {
        scaled // the predictions of type `T` could not be told apart
    } else {
        scaled.with_target_scaling(targets).unwrap()
    };
    let bytes = npz_to_bytes(&model).unwrap();
    let read = npz_from_bytes::<Matrix<f64>>(&bytes).unwrap();
    let input = Matrix::from_fn(2, 64, |i, j| {
        let place = 2.0 * ((3 * i + j) as f64 * 0.7).sin();
        T::from_f64([offset, -offset][i] + [scale, 2.0 * scale][i] * place)
    });
    let wide = Matrix::from_fn(2, 64, |i, j| input[(i, j)].to_f64());
    let (expected, got) = (model.predict(&input), read.predict(&wide));
    let pairs = expected.to_vec().into_iter().zip(got.to_vec());
    pairs
        .map(|(a, b)| (a.to_f64() - b).abs() / b.abs().max(1.0))
        .fold(0.0, f64::max)
}

#[test]
fn scalings_are_worked_into_the_layers_without_loss_of_accuracy() {
    for sizes in [&[2, 2][..], &[2, 16, 2], &[2, 8, 8, 2]] {
        for (offset, scale) in [
            (0.0, 1.0),
            (1.0, 1.0),
            (-50.0, 0.5),
            (101_325.0, 144.0),
            (2020.0, 1.44),
            (1.7e9, 25_000.0),
            (4.7e8, 3_000.0),
            (1.7e9, 1_040.0),
            (1e7, 1.0),
            (1e-3, 1e-10),
            (-1e30, 1e23),
        ] {
            for kind in [ScalingKind::Standard, ScalingKind::MinMax] {
                let single = off_by::<f32>(sizes, kind, offset, scale);
                assert!(single <= 1e-6, "{sizes:?}, {offset} / {scale}: {single:e} in f32");
                let double = off_by::<f64>(sizes, kind, offset, scale);
                assert!(double <= 1e-8, "{sizes:?}, {offset} / {scale}: {double:e} in f64");
            }
        }
    }
}

#[test]
fn a_model_without_scaling_keeps_the_type_of_its_numbers() {
    let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 2]).build().unwrap(), HalfMse);
    let bytes = npz_to_bytes(&model).unwrap();
    assert!(bytes.windows(5).any(|part| part == b"'<f4'") && !bytes.windows(5).any(|part| part == b"'<f8'"));
    let one = Scaling::from_parts(ScalingKind::Standard, vec![0.5; 3], vec![2.0; 3]).unwrap();
    let bytes = npz_to_bytes(&model.with_input_scaling(one).unwrap()).unwrap();
    assert!(!bytes.windows(5).any(|part| part == b"'<f4'"));
}
