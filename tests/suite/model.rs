//! Tests the parts around a network: scalings against scikit-learn, a model against its steps done by hand, and the
//! messages for parts that do not match.

use crate::activations::Float;
use crate::naive::{tensor, values};
use mlp_core::activations::{Elu, Tanh, softmax};
use mlp_core::{
    ActivationKind, BinaryCrossEntropy, Classes, ConfusionMatrix, HalfMse, Huber, InferenceWorkspace, LossKind, Metric,
    Mlp, Model, NoCustom, Provenance, Scaling, ScalingKind, Scores, SoftmaxCrossEntropy, TargetKind,
};
use mlp_cpu::Matrix;
use serde::Deserialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A case of the golden file.
#[derive(Deserialize)]
struct Case {
    name: String,
    kind: String,
    fit: usize,
    samples: Vec<Vec<f64>>,
    offset: Vec<f64>,
    scale: Vec<f64>,
    scaled: Vec<Vec<f64>>,
}

/// Compares relative to the value, or to `unit` if that is larger.
fn close(name: &str, got: &[f64], expected: &[f64], tolerance: f64, unit: f64) {
    assert_eq!(got.len(), expected.len(), "{name}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            (got - expected).abs() <= tolerance * expected.abs().max(unit),
            "{name}, {i}: expected {expected:e}, got {got:e}"
        );
    }
}

#[test]
fn scalings_are_those_of_scikit_learn() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../fixtures/scaling.json")).expect("the golden file is valid");
    assert_eq!(cases.len(), 12);
    for case in cases {
        let name = format!("{} {}", case.kind, case.name);
        let input = Matrix::<f64>::from_columns(&case.samples);
        let training_part = input.view().slice(0..case.fit);
        let scaling = match case.kind.as_str() {
            "standard" => Scaling::standard(training_part),
            _ => Scaling::min_max(training_part),
        };
        let scaling = scaling.unwrap();
        assert_eq!(scaling.kind().name(), case.kind);
        close(&format!("{name}: offset"), scaling.offset(), &case.offset, 1e-12, 1e-24);
        close(&format!("{name}: scale"), scaling.scale(), &case.scale, 1e-12, 0.0);
        let scaled = scaling.apply(&input);
        // A scaled number may be off by the rounding of the offset, in units of the scale.
        let lost = case.offset.iter().zip(&case.scale).map(|(o, s)| (o / s).abs());
        let unit = lost.fold(1.0, f64::max);
        close(&name, &scaled.to_vec(), &case.scaled.concat(), 1e-14, unit);

        let back = scaling.invert(&scaled);
        for (feature, &offset) in scaling.offset().iter().enumerate() {
            for sample in 0..input.columns() {
                let (x, y) = (input[(feature, sample)], back[(feature, sample)]);
                assert!(
                    (x - y).abs() <= 4.0 * f64::EPSILON * x.abs().max(offset.abs()),
                    "{name}: {x:e} came back as {y:e}"
                );
            }
        }
    }
}

#[test]
fn scaling_kinds_are_read_by_name() {
    assert_eq!(ScalingKind::NAMES.len(), 2);
    for kind in [ScalingKind::Standard, ScalingKind::MinMax] {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
}

#[test]
fn a_mean_and_a_deviation_are_right_to_the_last_digits_of_the_numbers() {
    // The numbers are multiples of 2^-52 apart: their sum, 8 + 373 2^-52, loses 11 of those.
    let steps = [57.0, 38.0, 53.0, 58.0, 38.0, 43.0, 34.0, 52.0];
    let input = Matrix::from_fn(1, 8, |_, j| 1.0 + steps[j] * f64::EPSILON);
    let scaling = Scaling::standard(&input).unwrap();
    // Their mean is 46.625 of these units, rounded to the nearest number; their variance is 78.484375.
    assert_eq!(scaling.offset(), [1.0 + 47.0 * f64::EPSILON]);
    let deviation = scaling.scale()[0] / f64::EPSILON;
    assert!((deviation / 78.484_375_f64.sqrt() - 1.0).abs() < 1e-14, "{deviation}");
}

/// Returns features of `columns` samples that all differ.
fn raw<T: Float>(inputs: usize, columns: usize) -> Matrix<T> {
    Matrix::from_fn(inputs, columns, |i, j| {
        T::from_f64(100.0 * i as f64 + ((j * 37 + i * 11) % 101) as f64 / 7.0)
    })
}

fn network<T: Float>(outputs: usize) -> Mlp<Matrix<T>> {
    Mlp::builder(&[3, 5, outputs]).hidden(Tanh).seed(7).build().unwrap()
}

fn bits<T: Float>(values: impl IntoIterator<Item = T>) -> Vec<u64> {
    values.into_iter().map(Float::bits).collect()
}

/// Compares a model's predictions with scaling, network and output in turn.
fn check_steps<T: Float>(loss: impl Into<LossKind>, outputs: usize, finish: impl Fn(&[T]) -> Vec<T>) {
    let loss = loss.into();
    let scaling = Scaling::standard(&raw::<T>(3, 20)).unwrap();
    let model = Model::new(network::<T>(outputs), loss);
    for scaled in [false, true] {
        let model = if scaled {
            model.clone().with_input_scaling(scaling.clone()).unwrap()
        } else {
            model.clone()
        };
        for samples in [0, 1, 2, 255, 256, 257, 600] {
            let input = raw::<T>(3, samples);
            let by_hand = Matrix::from_fn(3, samples, |i, j| {
                let x = (input[(i, j)].to_f64() - scaling.offset()[i]) / scaling.scale()[i];
                if scaled { T::from_f64(x) } else { input[(i, j)] }
            });
            let last = network::<T>(outputs).predict(&by_hand);
            let expected: Vec<T> = last.iter_columns().flat_map(&finish).collect();
            let got = model.predict(&input);
            assert_eq!(got.shape(), (outputs, samples));
            let place = format!("{}, {}, {samples} samples, scaled: {scaled}", loss.name(), T::NAME);
            assert_eq!(bits(got.to_vec()), bits(expected), "{place}");
            for j in [0, 1, 254, 255, 256, 599].into_iter().filter(|&j| j < samples) {
                let alone = model.predict(input.view().slice(j..j + 1));
                assert_eq!(
                    bits(alone.to_vec()),
                    bits(got.column(j).iter().copied()),
                    "{place}: {j} alone"
                );
            }
        }
    }
}

fn check_model<T: Float>() {
    check_steps::<T>(HalfMse, 2, <[T]>::to_vec);
    check_steps::<T>(BinaryCrossEntropy, 2, |z| {
        z.iter()
            .map(|&z| mlp_core::Activation::value(&mlp_core::activations::Sigmoid, z))
            .collect()
    });
    for loss in [
        SoftmaxCrossEntropy::for_classes(),
        SoftmaxCrossEntropy::for_probabilities(),
    ] {
        check_steps::<T>(loss, 4, |z| {
            let mut p = z.to_vec();
            softmax(z, &mut p);
            p
        });
    }
}

#[test]
fn predictions_are_the_steps_done_by_hand() {
    check_model::<f32>();
    check_model::<f64>();
}

#[test]
fn predictions_come_back_to_the_units_of_the_target() {
    let target_scaling = Scaling::from_parts(ScalingKind::Standard, vec![1000.0, -1.0], vec![50.0, 0.25]).unwrap();
    let model = Model::new(network::<f64>(2), HalfMse);
    let scaled = model.predict(&raw(3, 300));
    let model = model.with_target_scaling(target_scaling).unwrap();
    let got = model.predict(&raw(3, 300));
    for j in 0..300 {
        let expected = [scaled[(0, j)] * 50.0 + 1000.0, scaled[(1, j)] * 0.25 - 1.0];
        assert_eq!(got.column(j), expected, "sample {j}");
    }
}

/// Returns a network of a single layer whose outputs are its inputs.
fn through(size: usize) -> Mlp<Matrix<f64>> {
    let dense = mlp_core::Dense {
        weights: Matrix::from_fn(size, size, |i, j| f64::from(u8::from(i == j))),
        bias: Matrix::zeros(size, 1),
    };
    Mlp::from_layers(vec![(dense, mlp_core::activations::Identity.into())]).unwrap()
}

#[test]
fn the_first_of_the_largest_outputs_is_the_class() {
    let model = Model::new(through(3), SoftmaxCrossEntropy::for_probabilities());
    let nan = f64::NAN;
    let input = Matrix::from_columns(&[[1.0, 2.0, 2.0], [5.0, 5.0, 5.0], [-3.0, -2.0, -1.0], [0.0, -0.0, -1.0]]);
    let classes = [1, 0, 2, 0].map(Some);
    assert_eq!(model.classify(&input), classes);
    assert_eq!(
        Model::new(through(3), SoftmaxCrossEntropy::for_classes()).classify(&input),
        classes
    );

    let binary = Model::new(through(1), BinaryCrossEntropy);
    let input = Matrix::from_columns(&[[-1.0], [0.0], [1e-3], [9.0], [nan]]);
    assert_eq!(binary.classify(&input), [Some(0), Some(0), Some(1), Some(1), None]);
    assert!(binary.classify(&Matrix::zeros(1, 0)).is_empty());
}

/// Classes, metrics and the confusion matrix follow the same rule.
#[test]
fn a_sample_with_a_nan_among_its_predictions_has_no_class() {
    let nan = f64::NAN;
    let input = Matrix::from_columns(&[[nan, 2.0, 1.0], [1.0, nan, 2.0], [nan; 3], [0.0, 1.0, 2.0]]);
    let model = Model::new(through(3), SoftmaxCrossEntropy::for_classes());
    let classes = model.classify(&input);
    assert_eq!(classes, [None, None, None, Some(2)]);

    let mut matrix = ConfusionMatrix::new(3);
    for (truth, predicted) in [1, 2, 0, 2].into_iter().zip(classes) {
        matrix.record(truth, predicted);
    }
    assert_eq!(
        (matrix.accuracy(), matrix.support(2), matrix.predicted(0)),
        (Some(0.25), 2.0, 0.0)
    );
    let targets = vec![1.0, 2.0, 0.0, 2.0];
    let scores = Scores::new(3, TargetKind::Class, model.predict(&input).to_vec(), targets, None);
    assert_eq!(scores.confusion_matrix(), Some(matrix));
    assert_eq!(Metric::Accuracy.value(&scores), 0.25);
}

/// Makes predictions of one sample, and of more samples than a workspace was made for, in a longer output.
#[test]
fn predictions_into_an_output_and_of_one_sample_are_those_of_predict() {
    let scaling = Scaling::standard(&raw::<f64>(3, 20)).unwrap();
    let unit = Scaling::from_parts(ScalingKind::Standard, vec![1000.0, -1.0], vec![50.0, 0.25]).unwrap();
    let plain = Model::new(network::<f64>(2), HalfMse);
    let scaled = plain
        .clone()
        .with_input_scaling(scaling.clone())
        .unwrap()
        .with_target_scaling(unit)
        .unwrap();
    let classifier = Model::new(network::<f64>(2), SoftmaxCrossEntropy::for_classes());
    let input = raw::<f64>(3, 23);
    for model in [
        plain,
        scaled,
        classifier.clone(),
        classifier.with_input_scaling(scaling).unwrap(),
    ] {
        let expected = model.predict(&input);
        for j in 0..23 {
            assert_eq!(model.predict_one(input.column(j)), expected.column(j), "sample {j}");
        }
        for batch in [0, 1, 4, 23, 40] {
            let mut workspace = InferenceWorkspace::new(model.network(), batch);
            let mut output = Matrix::from_fn(2, 25, |_, _| 7.0);
            for samples in [23, 1, 9, 23] {
                model.predict_into(input.view().slice(0..samples), &mut workspace, &mut output);
            }
            assert_eq!(output.to_vec()[..46], expected.to_vec(), "batch {batch}");
            assert_eq!(output.to_vec()[46..], [7.0; 4], "the columns after the samples stay");
            let network = model.network();
            let mut activation = Matrix::zeros(2, 23);
            network.predict_into(&input, &mut workspace, &mut activation);
            assert_eq!(activation, network.predict(&input));
            assert_eq!(network.predict_one(input.column(3)), activation.column(3));
        }
    }
}

#[test]
fn several_probabilities_are_as_many_labels_and_real_numbers_no_classes() {
    let classes = |names: &[&str]| Classes::new(names.iter().copied()).unwrap();
    let labels = Model::new(through(3), BinaryCrossEntropy);
    let labels = labels.with_classes(classes(&["a", "b", "c"])).unwrap();
    let one = Model::new(through(1), BinaryCrossEntropy);
    assert!(one.clone().with_classes(classes(&["a"])).is_err());
    // An output is a logit.
    assert_eq!(
        one.classify(&Matrix::from_columns(&[[-0.1], [0.0], [0.1]])),
        [0, 0, 1].map(Some)
    );
    let real = Model::new(through(1), HalfMse);
    assert_eq!(
        message(real.clone().with_classes(classes(&["a"]))),
        "classes: expected a loss whose targets are classes or probabilities, got half_squared_error"
    );
    assert!(one.is_classifier() && !labels.is_classifier() && !real.is_classifier());
    for (model, got) in [
        (labels, "3 outputs trained with binary_cross_entropy"),
        (real, "1 outputs trained with half_squared_error"),
    ] {
        let input = Matrix::zeros(model.network().inputs(), 2);
        let panic = catch_unwind(AssertUnwindSafe(|| model.classify(&input))).expect_err(got);
        let expected = format!("classify: needs a model that predicts one class per sample, got {got}");
        assert_eq!(*panic.downcast_ref::<String>().expect("a message"), expected);
    }
}

#[test]
fn a_model_gives_back_what_it_was_given() {
    let plain = Model::new(through(2), HalfMse);
    let classifier = Model::new(through(2), SoftmaxCrossEntropy::for_classes());
    assert_eq!(
        (plain.input_scaling(), plain.target_scaling(), plain.classes()),
        (None, None, None)
    );
    assert_eq!(*plain.provenance(), Provenance::default());
    let (input, target) = (
        standard(2),
        Scaling::min_max(&Matrix::from_columns(&[[0.0, 1.0], [4.0, 3.0]])),
    );
    let target = target.unwrap();
    let provenance = Provenance {
        seed: Some(7),
        data: Some("0123".to_owned()),
        note: Some("a\nb".to_owned()),
        ..Provenance::default()
    };
    let classes = Classes::new(["no", "yes"]).unwrap();
    let model = plain.with_input_scaling(input.clone()).unwrap();
    let model = model.with_target_scaling(target.clone()).unwrap();
    let model = model.with_provenance(provenance.clone());
    assert_eq!(model.input_scaling(), Some(&input));
    assert_eq!(model.target_scaling(), Some(&target));
    let named = classifier.with_classes(classes.clone()).unwrap();
    assert_eq!(named.classes(), Some(&classes));
    assert_eq!(*model.provenance(), provenance);
    assert_eq!(model.loss(), &HalfMse.into());
}

/// Returns the message of the error in `result`.
fn message<T, E: std::error::Error>(result: Result<T, E>) -> String {
    result.err().expect("an error").to_string()
}

/// A model keeps the names of its features and of the numbers of a target, and refuses others.
#[test]
fn names_of_features_and_targets() {
    let regression = Model::new(network::<f32>(2), HalfMse);
    assert_eq!((regression.feature_names(), regression.target_names()), (None, None));
    let named = regression.clone().with_feature_names(["a", "b", "ä c"]).unwrap();
    let named = named.with_target_names(vec!["a".to_owned(), "y".to_owned()]).unwrap();
    assert_eq!(named.feature_names().unwrap(), ["a", "b", "ä c"]);
    assert_eq!(named.target_names().unwrap(), ["a", "y"]);
    assert_ne!(named, regression);
    // A class index is a single number; probabilities are one per output.
    let single = Model::new(network::<f32>(3), SoftmaxCrossEntropy::for_classes());
    let several = Model::new(network::<f32>(3), SoftmaxCrossEntropy::for_probabilities());
    let labels = Model::new(network::<f32>(3), BinaryCrossEntropy);
    assert!(single.clone().with_target_names(["species"]).is_ok());
    assert!(several.with_target_names(["x", "y", "z"]).is_ok() && labels.with_target_names(["x", "y", "z"]).is_ok());

    let features = |names: &[&str]| message(regression.clone().with_feature_names(names.iter().copied()));
    let targets = |names: &[&str]| message(regression.clone().with_target_names(names.iter().copied()));
    for (got, expected) in [
        (features(&["a", "b"]), "feature names: expected 3 names, got 2"),
        (features(&[]), "feature names: expected 3 names, got 0"),
        (
            features(&["a", "b", "a"]),
            "feature names: expected each name once, got `a` at positions 0 and 2",
        ),
        (
            features(&["a", "", "c"]),
            "feature names: expected a name at position 1, got an empty one",
        ),
        (targets(&["y"]), "target names: expected 2 names, got 1"),
        (
            targets(&["y", "y"]),
            "target names: expected each name once, got `y` at positions 0 and 1",
        ),
        (
            targets(&["", ""]),
            "target names: expected a name at position 0, got an empty one",
        ),
        (
            message(single.with_target_names(["x", "y", "z"])),
            "target names: expected 1 names, got 3",
        ),
    ] {
        assert_eq!(got, expected);
    }
}

fn standard(features: usize) -> Scaling {
    Scaling::from_parts(ScalingKind::Standard, vec![0.0; features], vec![1.0; features]).unwrap()
}

#[test]
fn what_does_not_fit_the_network_says_so() {
    let model = Model::new(network::<f32>(2), HalfMse);
    let classifier = Model::new(network::<f32>(2), SoftmaxCrossEntropy::for_classes());
    let binary = Model::new(network::<f32>(1), BinaryCrossEntropy);
    let names = |count: usize| Classes::new((0..count).map(|k| k.to_string())).unwrap();
    for (got, expected) in [
        (
            message(model.clone().with_input_scaling(standard(2))),
            "input scaling: expected 3 features, got 2",
        ),
        (
            message(model.clone().with_target_scaling(standard(3))),
            "target scaling: expected 2 features, got 3",
        ),
        (
            message(classifier.clone().with_target_scaling(standard(2))),
            "target scaling: expected a loss whose targets are real numbers, got softmax_cross_entropy",
        ),
        (
            message(classifier.with_classes(names(3))),
            "classes: expected 2 names, got 3",
        ),
        (
            message(binary.clone().with_classes(names(1))),
            "classes: expected 2 names, got 1",
        ),
    ] {
        assert_eq!(got, expected);
    }
    assert_eq!(
        binary.with_classes(names(2)).unwrap().classes().unwrap().names(),
        ["0", "1"]
    );

    type Use = fn(&Model<Matrix<f32>>, &Matrix<f32>);
    let uses: [(&str, Use); 3] = [
        ("predict: expected input of 3 x 4, got 2 x 4", |model, input| {
            drop(model.predict(input));
        }),
        ("predict: expected input of 3 x 4, got 2 x 4", |model, input| {
            let classifier = Model::new(model.network().clone(), SoftmaxCrossEntropy::for_classes());
            drop(classifier.classify(input));
        }),
        ("scaling: expected columns of 3 x 4, got 2 x 4", |_, input| {
            drop::<Matrix<f32>>(standard(3).apply(input));
        }),
    ];
    for (expected, f) in uses {
        let panic = catch_unwind(AssertUnwindSafe(|| f(&model, &Matrix::zeros(2, 4)))).expect_err(expected);
        assert_eq!(panic.downcast_ref::<String>().expect("a message"), expected);
    }
}

#[test]
fn parts_and_data_that_make_no_scaling_say_where() {
    let parts = |offset: &[f64], scale: &[f64]| {
        message(Scaling::from_parts(
            ScalingKind::MinMax,
            offset.to_vec(),
            scale.to_vec(),
        ))
    };
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let fit = |columns: &[[f64; 2]]| message(Scaling::standard(&Matrix::from_columns(columns)));
    let range = |columns: &[[f64; 2]]| message(Scaling::min_max(&Matrix::from_columns(columns)));
    for (got, expected) in [
        (parts(&[], &[]), "at least one feature and one sample, got 0 x 0"),
        (parts(&[0.0, 1.0], &[1.0]), "2 scales, one for each offset, got 1"),
        (
            parts(&[0.0, nan], &[1.0, 1.0]),
            "a finite offset for feature 1, got NaN",
        ),
        (
            parts(&[0.0, 1.0], &[1.0, 0.0]),
            "a finite scale above 0 for feature 1, got 0",
        ),
        (parts(&[0.0], &[-2.0]), "a finite scale above 0 for feature 0, got -2"),
        (
            parts(&[0.0], &[infinity]),
            "a finite scale above 0 for feature 0, got inf",
        ),
        (parts(&[0.0], &[nan]), "a finite scale above 0 for feature 0, got NaN"),
        (
            fit(&[[1.0, 2.0], [1.0, nan]]),
            "a finite number in row 1, column 1 (a column is a sample), got NaN",
        ),
        (
            range(&[[1.0, 2.0], [-infinity, 0.0]]),
            "a finite number in row 0, column 1 (a column is a sample), got -inf",
        ),
        (
            range(&[[1e308, 2.0], [-1e308, 0.0]]),
            "a finite scale above 0 for feature 0, got inf",
        ),
        (
            fit(&[[2.0, 1.7e308], [1.0, -1.7e308], [1.0, -1.7e308]]),
            "deviations from 2.2e-308 to 1.8e308 for feature 1, got inf",
        ),
        (
            fit(&[[0.0, 2.0], [1e-308, 1.0]]),
            "deviations from 2.2e-308 to 1.8e308 for feature 0, got 5e-309",
        ),
        (
            message(Scaling::standard(&Matrix::<f64>::zeros(2, 0))),
            "at least one feature and one sample, got 2 x 0",
        ),
    ] {
        assert_eq!(got, format!("scaling: expected {expected}"));
    }
    assert_eq!(
        message("normal".parse::<ScalingKind>()),
        "unknown scaling `normal`: expected one of standard, min_max"
    );
    // A feature may be small without being constant.
    let tiny = Scaling::min_max(&Matrix::from_columns(&[[1e-19], [3e-19]])).unwrap();
    assert_eq!(tiny.scale(), [3e-19 - 1e-19]);
    // As in StandardScaler, a feature whose values differ only by rounding is constant.
    let rounding = Matrix::from_fn(1, 40, |_, j| if j % 2 == 0 { 0.3 } else { 0.1 + 0.2 });
    assert_eq!(Scaling::standard(&rounding).unwrap().scale(), [1.0]);
}

#[test]
fn classes_are_named_once_and_looked_up() {
    let classes = Classes::new(["pear", "apple", "fig"]).unwrap();
    assert_eq!(classes.names(), ["pear", "apple", "fig"]);
    assert_eq!(
        ["pear", "apple", "fig", "", "Fig"].map(|name| classes.index_of(name)),
        [Some(0), Some(1), Some(2), None, None]
    );
    assert_eq!(Classes::of_labels(&["9", "10", "9"]).unwrap().names(), ["10", "9"]);
    let one_hot: Matrix<f32> = classes.one_hot(&["fig", "pear"]).unwrap();
    assert_eq!(one_hot, tensor((3, 2), &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0]));
    let indices: Matrix<f32> = classes.indices(&["fig", "pear", "apple"]).unwrap();
    assert_eq!(
        (indices.shape(), values::<Matrix<f32>>((&indices).into())),
        ((1, 3), vec![2.0, 0.0, 1.0])
    );
    for (got, expected) in [
        (message(Classes::new([""; 0])), "at least one name, got none"),
        (message(Classes::of_labels(&[""; 0])), "at least one name, got none"),
        (
            message(Classes::new(["a", ""])),
            "a name at position 1, got an empty one",
        ),
        (
            message(Classes::of_labels(&["a", "b", ""])),
            "a name at position 2, got an empty one",
        ),
        (
            message(Classes::new(["b", "a", "c", "a"])),
            "each name once, got `a` at positions 1 and 3",
        ),
        (
            message(classes.indices::<Matrix<f32>>(&["fig", "plum"])),
            "the name of a class for sample 1, got `plum`",
        ),
        (
            message(classes.one_hot::<Matrix<f32>>(&["plum"])),
            "the name of a class for sample 0, got `plum`",
        ),
    ] {
        assert_eq!(got, format!("classes: expected {expected}"));
    }
}

#[test]
fn every_kind_comes_back_from_its_name_and_parameters() {
    for &name in ActivationKind::<NoCustom>::NAMES {
        let kind: ActivationKind = name.parse().unwrap();
        assert_eq!(ActivationKind::from_parts(name, &kind.parameters()), Ok(kind), "{name}");
    }
    let elu = ActivationKind::<NoCustom>::from(Elu::new(0.3).unwrap());
    assert_eq!(elu.parameters(), [("alpha", 0.3)]);
    assert_eq!(ActivationKind::from_parts("elu", &[("alpha", 0.3)]), Ok(elu));

    let losses: [LossKind; 11] = [
        HalfMse.into(),
        mlp_core::Mse.into(),
        mlp_core::Mae.into(),
        Huber::default().into(),
        Huber::new(0.1).unwrap().into(),
        mlp_core::Pinball::default().into(),
        mlp_core::Pinball::between(0.1, 0.7).unwrap().into(),
        SoftmaxCrossEntropy::for_classes().into(),
        SoftmaxCrossEntropy::for_classes().smoothing(0.1).unwrap().into(),
        SoftmaxCrossEntropy::for_probabilities().into(),
        BinaryCrossEntropy.into(),
    ];
    for loss in losses {
        assert_eq!(LossKind::from_parts(loss.name(), &loss.parameters()), Ok(loss));
    }
    let mut named: Vec<_> = losses.iter().map(LossKind::name).collect();
    named.dedup();
    assert_eq!(named, LossKind::NAMES);

    let activation = |name, parameters: &[_]| message(ActivationKind::<NoCustom>::from_parts(name, parameters));
    let loss = |name, parameters: &[_]| message(LossKind::from_parts(name, parameters));
    for (got, expected) in [
        (
            activation("relu", &[("alpha", 1.0)]),
            "relu: expected the parameters none, got alpha",
        ),
        (activation("elu", &[]), "elu: expected the parameters alpha, got none"),
        (
            activation("elu", &[("alpha", 1.0), ("alpha", 1.0)]),
            "elu: expected the parameters alpha, got alpha, alpha",
        ),
        (
            activation("elu", &[("alpha", f64::NAN)]),
            "ELU alpha: expected a finite number, got NaN",
        ),
        (
            loss("huber", &[("delta", 0.0)]),
            "Huber delta: expected a finite number above 0, got 0",
        ),
        (
            loss("huber", &[("beta", 1.0)]),
            "huber: expected the parameters delta, got beta",
        ),
        (
            loss(
                "softmax_cross_entropy",
                &[("probabilities", 0.5), ("label_smoothing", 0.0)],
            ),
            "probabilities: expected 0 or 1, got 0.5",
        ),
        (
            loss(
                "softmax_cross_entropy",
                &[("probabilities", 0.0), ("label_smoothing", 1.5)],
            ),
            "label smoothing: expected a number from 0 to 1, got 1.5",
        ),
        (
            loss("softmax_cross_entropy", &[("probabilities", 0.0)]),
            "softmax_cross_entropy: expected the parameters probabilities, label_smoothing, got probabilities",
        ),
        (
            loss("pinball", &[("low", 0.5), ("high", 1.0)]),
            "quantile: expected a number above 0 and below 1, got 1",
        ),
    ] {
        assert_eq!(got, expected);
    }
    assert!(activation("custom", &[]).starts_with("unknown activation `custom`: expected one of identity, relu"));
    assert!(loss("hinge", &[]).starts_with("unknown loss `hinge`: expected one of half_squared_error"));
}
