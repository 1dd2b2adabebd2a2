//! Tests the metrics: every value against scikit-learn's, with and without sample weights; against brute-force
//! definitions on random samples; and that NaN is never right.

use mlp_core::{ConfusionMatrix, Metric, Scores, TargetKind};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A case of the golden file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    kind: String,
    outputs: usize,
    predictions: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    weights: Option<Vec<f64>>,
    values: BTreeMap<String, Option<f64>>,
    confusion: Vec<OfClasses>,
}

/// A confusion matrix, and the metrics of each class.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfClasses {
    counts: Vec<Vec<f64>>,
    precision: Vec<Option<f64>>,
    recall: Vec<Option<f64>>,
    f1: Vec<Option<f64>>,
}

impl Case {
    fn kind(&self) -> TargetKind {
        match self.kind.as_str() {
            "class" => TargetKind::Class,
            "distribution" => TargetKind::Distribution,
            "probability" => TargetKind::Probability,
            "real" => TargetKind::Real,
            other => panic!("unknown kind {other} in the golden file"),
        }
    }

    fn scores(&self) -> Scores {
        let (predictions, targets) = (self.predictions.concat(), self.targets.concat());
        Scores::new(self.outputs, self.kind(), predictions, targets, self.weights.clone())
    }
}

/// Returns all metrics.
fn all() -> Vec<Metric> {
    let names = "accuracy top_1 top_2 top_3 balanced_accuracy precision recall f1 roc_auc log_loss mse rmse mae r2";
    names.split(' ').map(|name| name.parse().unwrap()).collect()
}

/// Returns every metric of a class, for classes 0, 1 and 2.
fn of_classes() -> Vec<Metric> {
    let of_class = |k| [Metric::PrecisionOf(k), Metric::RecallOf(k), Metric::F1Of(k)];
    (0..3).flat_map(of_class).collect()
}

/// Compares to 1e-12, relative for values above 1. `None` stands for NaN.
#[track_caller]
fn check(place: &str, got: f64, expected: Option<f64>) {
    match expected {
        None => assert!(got.is_nan(), "{place}: expected NaN, got {got}"),
        Some(expected) => assert!(
            (got - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{place}: expected {expected}, got {got}"
        ),
    }
}

#[test]
fn values_are_scikit_learns() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../fixtures/metrics.json")).expect("the golden file is valid");
    assert_eq!(cases.len(), 132);
    let mut compared = BTreeSet::new();
    for (index, case) in cases.iter().enumerate() {
        let (kind, scores) = (case.kind(), case.scores());
        let name = format!("case {index}, {kind:?}");
        for metric in all() {
            let place = format!("{name}: {metric}");
            let Some(expected) = case.values.get(&metric.name()) else {
                // For two classes, scikit-learn defines the best k differently.
                let two = matches!(metric, Metric::TopK(_)) && case.outputs == 2;
                assert!(two || !metric.applies_to(kind), "{place} is missing");
                continue;
            };
            assert!(metric.applies_to(kind), "{place}");
            check(&place, metric.value(&scores), *expected);
            compared.insert((case.kind.clone(), metric.name()));
        }
        check_confusion(&name, case, &scores);
        check_classes(&name, case, &scores);
    }
    // 10 metrics of class indices, 14 of distributions, 13 - 2 of probabilities, 4 of real numbers.
    assert_eq!(compared.len(), 10 + 14 + 11 + 4);
}

/// The metrics of each class also equal scikit-learn's values. For several labels, they are the values of class 1 of
/// each label.
fn check_classes(name: &str, case: &Case, scores: &Scores) {
    let classes: Vec<(&OfClasses, usize)> = match case.confusion.as_slice() {
        [one] => (0..one.counts.len()).map(|k| (one, k)).collect(),
        labels => labels.iter().map(|label| (label, 1)).collect(),
    };
    let metrics = |k| [Metric::PrecisionOf(k), Metric::RecallOf(k), Metric::F1Of(k)];
    for (k, (of, row)) in classes.iter().enumerate() {
        for (metric, expected) in metrics(k).into_iter().zip([&of.precision, &of.recall, &of.f1]) {
            // scikit-learn's values are those with `zero_division=0`.
            let expected = expected[*row].unwrap_or(0.0);
            check(&format!("{name}: {metric}"), metric.value(scores), Some(expected));
        }
    }
    for metric in metrics(classes.len()) {
        check(&format!("{name}: {metric}"), metric.value(scores), None);
    }
}

fn check_confusion(name: &str, case: &Case, scores: &Scores) {
    let matrices: Vec<ConfusionMatrix> = match case.kind() {
        TargetKind::Probability => {
            let outputs = 0..case.outputs;
            outputs.filter_map(|j| scores.output_confusion_matrix(j)).collect()
        }
        _ => scores.confusion_matrix().into_iter().collect(),
    };
    assert_eq!(matrices.len(), case.confusion.len(), "{name}");
    for (matrix, expected) in matrices.iter().zip(&case.confusion) {
        assert_eq!(matrix.classes(), expected.counts.len(), "{name}");
        for (k, counts) in expected.counts.iter().enumerate() {
            let place = |what: &str| format!("{name}: {what} of class {k}");
            for (predicted, &count) in counts.iter().enumerate() {
                check(&place("count"), matrix.count(k, predicted), Some(count));
            }
            let or_nan = |value: Option<f64>| value.unwrap_or(f64::NAN);
            check(&place("precision"), or_nan(matrix.precision(k)), expected.precision[k]);
            check(&place("recall"), or_nan(matrix.recall(k)), expected.recall[k]);
            check(&place("F1"), or_nan(matrix.f1(k)), expected.f1[k]);
        }
        let total: f64 = expected.counts.iter().flatten().sum();
        let hits: f64 = (0..matrix.classes()).map(|k| expected.counts[k][k]).sum();
        check(name, matrix.total(), Some(total));
        check(name, matrix.accuracy().unwrap(), Some(hits / total));
    }
}

/// Runs `test` on random (prediction in eighths, target, weight) of a few samples.
fn on_random_samples(test: impl Fn(&[(f64, bool, f64)])) {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(23),
        failure_persistence: None,
        ..Config::default()
    });
    let weight = prop_oneof![Just(0.0), Just(1.0), 0.1..3.0];
    let sample = ((0..9_u8).prop_map(|p| f64::from(p) / 8.0), any::<bool>(), weight);
    let samples = prop::collection::vec(sample, 0..24);
    runner
        .run(&samples, |samples| {
            test(&samples);
            Ok(())
        })
        .unwrap();
}

fn binary(samples: &[(f64, bool, f64)], weighted: bool) -> Scores {
    let predictions = samples.iter().map(|s| s.0).collect();
    let targets = samples.iter().map(|s| f64::from(u8::from(s.1))).collect();
    let weights = weighted.then(|| samples.iter().map(|s| s.2).collect());
    Scores::new(1, TargetKind::Probability, predictions, targets, weights)
}

#[test]
fn roc_auc_is_the_share_of_pairs_in_order() {
    on_random_samples(|samples| {
        for weighted in [false, true] {
            let weight = |s: &(f64, bool, f64)| if weighted { s.2 } else { 1.0 };
            let (mut in_order, mut total) = (0.0, 0.0);
            for positive in samples.iter().filter(|s| s.1) {
                for negative in samples.iter().filter(|s| !s.1) {
                    let pair = weight(positive) * weight(negative);
                    total += pair;
                    if positive.0 > negative.0 {
                        in_order += pair;
                    } else if positive.0 == negative.0 {
                        in_order += pair / 2.0;
                    }
                }
            }
            let expected = (total > 0.0).then(|| in_order / total);
            let got = Metric::RocAuc.value(&binary(samples, weighted));
            check(&format!("{samples:?}, weighted {weighted}"), got, expected);
        }
    });
}

#[test]
fn f1_is_the_harmonic_mean() {
    on_random_samples(|samples| {
        let matrix = binary(samples, true).confusion_matrix().unwrap();
        for class in 0..2 {
            if let (Some(precision), Some(recall)) = (matrix.precision(class), matrix.recall(class)) {
                let harmonic = if precision + recall > 0.0 {
                    2.0 * precision * recall / (precision + recall)
                } else {
                    0.0
                };
                check(&format!("{samples:?}"), matrix.f1(class).unwrap(), Some(harmonic));
            }
        }
    });
}

#[test]
fn weight_2_is_the_sample_twice_and_weight_0_leaves_it_out() {
    let predictions = vec![0.2, 0.8, 0.6, 0.4, 0.5, 0.5, f64::NAN, 0.1, 0.9, 0.1];
    let targets = vec![1.0, 1.0, 0.0, 0.0, 1.0];
    let weights = vec![2.0, 1.0, 1.0, 0.0, 3.0];
    let repeated = [0, 0, 1, 2, 4, 4, 4];
    let predictions_repeated = repeated.map(|i| [predictions[2 * i], predictions[2 * i + 1]]).concat();
    let targets_repeated = repeated.map(|i| targets[i]).to_vec();
    let weighted = Scores::new(2, TargetKind::Class, predictions, targets, Some(weights));
    let repeated = Scores::new(2, TargetKind::Class, predictions_repeated, targets_repeated, None);
    let metrics = [all(), of_classes()].concat();
    for metric in metrics.into_iter().filter(|m| m.applies_to(TargetKind::Class)) {
        if metric == Metric::PrecisionOf(2) {
            break; // There are two classes.
        }
        check(&metric.name(), metric.value(&weighted), Some(metric.value(&repeated)));
    }
}

#[test]
fn nan_is_never_right() {
    let nan = f64::NAN;
    // All NaN, or one NaN beside the right class. The target is class 0, to which an argmax could fall back.
    for predictions in [vec![nan, nan], vec![0.9, nan], vec![nan, 0.1]] {
        for (kind, targets) in [
            (TargetKind::Class, vec![0.0]),
            (TargetKind::Distribution, vec![1.0, 0.0]),
        ] {
            let scores = Scores::new(2, kind, predictions.clone(), targets, None);
            for metric in [
                Metric::Accuracy,
                Metric::TopK(1),
                Metric::TopK(2),
                Metric::BalancedAccuracy,
            ] {
                assert_eq!(metric.value(&scores), 0.0, "{metric} of {predictions:?}, {kind:?}");
            }
            for metric in [Metric::Precision, Metric::Recall, Metric::F1] {
                assert_eq!(metric.value(&scores), 0.0, "{metric} of {predictions:?}, {kind:?}");
            }
            assert!(Metric::LogLoss.value(&scores).is_nan(), "{predictions:?}, {kind:?}");
        }
    }
    // The target is 0, and NaN > 0.5 is false, which would agree with it.
    let scores = Scores::new(
        1,
        TargetKind::Probability,
        vec![nan, 0.2, 0.8],
        vec![0.0, 0.0, 1.0],
        None,
    );
    assert_eq!(Metric::Accuracy.value(&scores), 2.0 / 3.0);
    assert_eq!(Metric::BalancedAccuracy.value(&scores), 0.75);
    assert_eq!(Metric::Recall.value(&scores), 0.75);
    for metric in [Metric::RocAuc, Metric::LogLoss, Metric::Mse] {
        assert!(metric.value(&scores).is_nan(), "{metric}");
    }
    let real = Scores::new(1, TargetKind::Real, vec![nan, 1.0], vec![1.0, 1.0], None);
    for metric in [Metric::Mse, Metric::Rmse, Metric::Mae, Metric::R2] {
        assert!(metric.value(&real).is_nan(), "{metric}");
    }
}

#[test]
fn ties_go_to_the_first() {
    let value = |metric: Metric, class| {
        metric.value(&Scores::new(
            4,
            TargetKind::Class,
            vec![0.25; 4],
            vec![f64::from(class)],
            None,
        ))
    };
    for class in 0..4_u8 {
        assert_eq!(value(Metric::Accuracy, class), f64::from(u8::from(class == 0)));
        for k in 1..=5 {
            let expected = f64::from(u8::from(usize::from(class) < k));
            assert_eq!(value(Metric::TopK(k), class), expected, "top {k}, class {class}");
        }
    }
}

#[test]
fn log_loss_is_finite_and_bounded() {
    let bound = -(2_f64.powi(-52)).ln();
    let class = Scores::new(2, TargetKind::Class, vec![0.0, 1.0], vec![0.0], None);
    check("class", Metric::LogLoss.value(&class), Some(bound));
    for (p, t) in [(0.0, 1.0), (1.0, 0.0)] {
        let scores = Scores::new(1, TargetKind::Probability, vec![p], vec![t], None);
        check("probability", Metric::LogLoss.value(&scores), Some(bound));
    }
}

#[test]
fn without_samples_nothing_is_defined() {
    for kind in [
        TargetKind::Class,
        TargetKind::Distribution,
        TargetKind::Probability,
        TargetKind::Real,
    ] {
        for outputs in [1, 3] {
            let empty = Scores::new(outputs, kind, vec![], vec![], None);
            let targets = vec![0.0; if kind == TargetKind::Class { 1 } else { outputs }];
            let weightless = Scores::new(outputs, kind, vec![0.0; outputs], targets, Some(vec![0.0]));
            for metric in [all(), of_classes()].concat() {
                assert!(metric.value(&empty).is_nan(), "{metric} of {kind:?}");
                assert!(metric.value(&weightless).is_nan(), "{metric} of {kind:?}");
            }
        }
    }
}

#[test]
fn constant_targets_are_constant_though_their_mean_is_rounded() {
    let r2 = |predictions: [f64; 3]| {
        Metric::R2.value(&Scores::new(
            1,
            TargetKind::Real,
            predictions.to_vec(),
            vec![0.1; 3],
            None,
        ))
    };
    assert_ne!((0.1 + 0.1 + 0.1) / 3.0, 0.1);
    assert_eq!((r2([0.1; 3]), r2([0.1, 0.1, 0.2])), (1.0, 0.0));
}

#[test]
fn the_better_predictions_have_the_better_value() {
    let target = [0.0, 1.0, 1.0, 0.0];
    let scores =
        |predictions: [f64; 4]| Scores::new(1, TargetKind::Probability, predictions.to_vec(), target.to_vec(), None);
    let (good, bad) = (scores([0.1, 0.9, 0.8, 0.2]), scores([0.9, 0.7, 0.3, 0.4]));
    let metrics = [all(), of_classes()[..6].to_vec()].concat();
    for metric in metrics.into_iter().filter(|m| m.applies_to(TargetKind::Probability)) {
        let (good, bad) = (metric.value(&good), metric.value(&bad));
        assert_eq!(good > bad, metric.higher_is_better(), "{metric}: {good}, {bad}");
        assert_ne!(good, bad, "{metric}");
    }
}

#[test]
fn the_best_none_of_the_classes_are_no_metric() {
    let class = |k| Metric::TopK(k).applies_to(TargetKind::Class);
    assert_eq!([class(0), class(1)], [false, true]);
    let scores = Scores::new(2, TargetKind::Class, vec![0.9, 0.1], vec![0.0], None);
    assert!(Metric::TopK(0).value(&scores).is_nan());
    assert_eq!(Metric::TopK(1).value(&scores), 1.0);
}

#[test]
fn a_confusion_matrix_counts_what_is_recorded() {
    let mut matrix = ConfusionMatrix::new(3);
    matrix.record(0, 0);
    matrix.record(0, 1);
    matrix.record(1, 1);
    matrix.add(1, None, 0.5);
    assert_eq!([matrix.count(0, 0), matrix.count(0, 1), matrix.count(1, 1)], [1.0; 3]);
    assert_eq!((matrix.total(), matrix.accuracy()), (3.5, Some(2.0 / 3.5)));
    // Class 2 has no samples and was not predicted, so no mean includes it.
    assert_eq!(matrix.macro_recall(), Some((0.5 + 1.0 / 1.5) / 2.0));
}

#[test]
fn scores_know_how_many_samples_they_have() {
    let scores = |samples: usize| {
        Scores::new(
            2,
            TargetKind::Real,
            vec![0.5; 2 * samples],
            vec![0.0; 2 * samples],
            None,
        )
    };
    assert_eq!((scores(0).len(), scores(0).is_empty()), (0, true));
    assert_eq!((scores(3).len(), scores(3).is_empty()), (3, false));
}

#[test]
fn certainty_is_held_apart_from_1_as_from_0() {
    let loss = |p: f64| {
        let scores = Scores::new(2, TargetKind::Class, vec![1.0 - p, p], vec![1.0], None);
        Metric::LogLoss.value(&scores)
    };
    // -ln(1 - 2^-52) is 2^-52 and half its square; -ln(2^-52) is 52 ln(2).
    assert!((loss(1.0) - f64::EPSILON).abs() < 1e-30);
    assert!((loss(0.0) - 36.043_653_389_117_15).abs() < 1e-13);
}

#[test]
fn of_two_classes_the_curve_is_that_of_the_second() {
    // The first prediction orders no pair, the second orders all; they need not sum to 1.
    let predictions = vec![0.5, 0.1, 0.5, 0.4, 0.5, 0.35, 0.5, 0.3];
    let scores = Scores::new(2, TargetKind::Class, predictions, vec![0.0, 1.0, 1.0, 0.0], None);
    assert_eq!(Metric::RocAuc.value(&scores), 1.0);
}
