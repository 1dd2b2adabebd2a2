//! Tests data sets and class weights: a split has each sample exactly once, with its target and weight; a stratified
//! split has the exact share of each class; and the error for data that cannot be split says why.

use crate::naive::{Naive, values};
use mlp_core::backend::Tensor;
use mlp_core::{ClassWeights, DataError, Dataset, Scalar};
use mlp_cpu::Matrix;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Returns samples of these classes; sample i has the inputs i and -i, and the weight i + 1.
fn data(labels: &[usize]) -> Dataset<Matrix<f64>> {
    let samples = labels.len();
    let input = Matrix::from_fn(2, samples, |i, j| if i == 0 { j as f64 } else { -(j as f64) });
    let target = Matrix::from_fn(1, samples, |_, j| labels[j] as f64);
    let weights = Matrix::from_fn(1, samples, |_, j| (j + 1) as f64);
    Dataset::new(input, target).unwrap().weighted(weights).unwrap()
}

fn one_hot(labels: &[usize], classes: usize) -> Dataset<Matrix<f64>> {
    let (input, weights) = (
        data(labels).input().clone(),
        data(labels).sample_weights().unwrap().clone(),
    );
    let target = Matrix::from_fn(classes, labels.len(), |i, j| f64::from(u8::from(labels[j] == i)));
    Dataset::new(input, target).unwrap().weighted(weights).unwrap()
}

/// Returns the samples of [`data`] that are in a part. Checks that input, target and weight of a sample stay together.
fn members(part: &Dataset<Matrix<f64>>, labels: &[usize]) -> Vec<usize> {
    let part_labels = part.labels().unwrap();
    let member = |j: usize| {
        let i = part.input()[(0, j)] as usize;
        assert_eq!(part.input()[(1, j)], -(i as f64));
        assert_eq!(part_labels[j], labels[i], "the target travels along");
        assert_eq!(
            part.sample_weights().unwrap()[(0, j)],
            (i + 1) as f64,
            "the weight travels along"
        );
        i
    };
    let members: Vec<usize> = (0..part.len()).map(member).collect();
    assert!(members.is_sorted(), "the order must stay: {members:?}");
    members
}

/// Returns the members of both parts. Checks that together they have each sample exactly once.
fn parts(split: (Dataset<Matrix<f64>>, Dataset<Matrix<f64>>), labels: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let (train, held_out) = (members(&split.0, labels), members(&split.1, labels));
    let mut all = [train.clone(), held_out.clone()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
    (train, held_out)
}

fn check<S: Strategy>(cases: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let generator = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    TestRunner::new_with_rng(config, generator).run(&cases, test).unwrap();
}

#[test]
fn a_split_has_each_sample_once() {
    check(
        (2..200_usize, 0.01..0.99_f64, any::<u64>()),
        |(samples, fraction, seed)| {
            let labels: Vec<usize> = (0..samples).map(|i| i % 3).collect();
            let expected = (fraction * samples as f64).round() as usize;
            match data(&labels).split(fraction, seed) {
                Ok(split) => {
                    let (train, held_out) = parts(split, &labels);
                    prop_assert_eq!((train.len(), held_out.len()), (samples - expected, expected));
                }
                Err(error) => {
                    prop_assert!(expected == 0 || expected == samples);
                    prop_assert_eq!(error, data(&labels).split(fraction, seed ^ 1).unwrap_err());
                }
            }
            Ok(())
        },
    );
}

#[test]
fn every_class_keeps_its_share() {
    let cases = (proptest::collection::vec(0..4_usize, 4..120), 0.1..0.9, any::<u64>());
    check(cases, |(labels, fraction, seed)| {
        let count = |members: &[usize], class| members.iter().filter(|&&i| labels[i] == class).count();
        let all: Vec<usize> = (0..labels.len()).collect();
        match data(&labels).stratified_split(fraction, seed) {
            Ok(split) => {
                let (train, held_out) = parts(split, &labels);
                prop_assert_eq!(held_out.len(), (fraction * labels.len() as f64).round() as usize);
                for class in 0..4 {
                    let size = count(&all, class);
                    let share = held_out.len() as f64 * size as f64 / labels.len() as f64;
                    let got = count(&held_out, class);
                    prop_assert!(
                        (got as f64 - share).abs() < 1.0,
                        "{} of class {}, share {}",
                        got,
                        class,
                        share
                    );
                    prop_assert_eq!(got == 0, size == 0);
                    prop_assert_eq!(count(&train, class) == 0, size == 0);
                }
                // One-hot targets give the same split.
                let split = one_hot(&labels, 4).stratified_split(fraction, seed).unwrap();
                prop_assert_eq!(parts(split, &labels), (train, held_out));
            }
            Err(error) => {
                let expected = (0..4).flat_map(|class| [0, count(&all, class)].map(|held_out| (class, held_out)));
                let mut expected = expected.map(|(class, held_out)| {
                    let samples = count(&all, class);
                    format!(
                        "split: expected samples of class {class} in both parts, got {held_out} of {samples} held out"
                    )
                });
                prop_assert!(expected.any(|message| message == error.to_string()), "{}", error);
            }
        }
        Ok(())
    });
}

#[test]
fn shares_go_to_the_largest_remainders() {
    // 3 of 12 for classes of 5, 4 and 3: 1.25, 1 and 0.75. 4 of 10 for 5 and 5: 2 and 2. 3 of 10 for 5 and 5: 1.5 each,
    // and the lower class gets the remainder.
    for (sizes, fraction, expected) in [
        (&[5, 4, 3][..], 0.25, &[1, 1, 1][..]),
        (&[5, 5], 0.4, &[2, 2]),
        (&[5, 5], 0.3, &[2, 1]),
        (&[50, 30, 20], 0.1, &[5, 3, 2]),
        (&[7, 7, 7], 0.5, &[4, 4, 3]),
        (&[2, 9, 9], 0.33, &[1, 3, 3]),
    ] {
        let labels: Vec<usize> = (0..).zip(sizes).flat_map(|(class, &size)| vec![class; size]).collect();
        let (_, held_out) = data(&labels).stratified_split(fraction, 3).unwrap();
        let held_out = held_out.labels().unwrap();
        let got: Vec<usize> = (0..sizes.len())
            .map(|class| held_out.iter().filter(|&&k| k == class).count())
            .collect();
        assert_eq!(got, expected, "{sizes:?} {fraction}");
    }
}

#[test]
fn the_seed_says_which() {
    let labels: Vec<usize> = (0..100).map(|i| usize::from(i >= 60)).collect();
    let split = |seed| parts(data(&labels).split(0.3, seed).unwrap(), &labels);
    let stratified = |seed| parts(data(&labels).stratified_split(0.3, seed).unwrap(), &labels);
    assert_eq!(split(1), split(1));
    assert_eq!(stratified(1), stratified(1));
    assert_ne!(split(1), split(2));
    assert_ne!(stratified(1), stratified(2));
    // In 400 splits every sample is held out about 30 % of the time, and none always or never.
    for draw in [&split as &dyn Fn(u64) -> (Vec<usize>, Vec<usize>), &stratified] {
        let mut counts = [0; 100];
        for seed in 0..400 {
            draw(seed).1.into_iter().for_each(|i| counts[i] += 1);
        }
        assert!(counts.iter().all(|count| (75..=165).contains(count)), "{counts:?}");
    }
}

#[test]
fn any_backend_and_scalar_gives_the_same_parts() {
    fn held_out<B: Tensor>() -> Vec<f64> {
        let mut column = B::zeros(1, 20);
        column.write(&(0..20).map(|i| B::Scalar::from_f64(f64::from(i))).collect::<Vec<_>>());
        let mut target = B::zeros(1, 20);
        target.write(
            &(0..20)
                .map(|i| B::Scalar::from_f64(f64::from(i % 2)))
                .collect::<Vec<_>>(),
        );
        let (_, part) = Dataset::new(column, target).unwrap().stratified_split(0.25, 5).unwrap();
        values::<B>(part.input().into())
            .into_iter()
            .map(Scalar::to_f64)
            .collect()
    }
    let expected = held_out::<Matrix<f64>>();
    assert_eq!(expected.len(), 5);
    assert_eq!(held_out::<Matrix<f32>>(), expected);
    assert_eq!(held_out::<Naive<f64>>(), expected);
    assert_eq!(held_out::<Naive<f32>>(), expected);
}

#[test]
fn what_cannot_be_split_is_named() {
    type Parts = (Dataset<Matrix<f64>>, Dataset<Matrix<f64>>);
    let message = |result: Result<Parts, DataError>| result.unwrap_err().to_string();
    for fraction in [0.0, 1.0, -0.5, 1.5, f64::NAN] {
        let expected = format!("split: expected a fraction above 0 and below 1, got {fraction}");
        assert_eq!(message(data(&[0, 1, 0, 1]).split(fraction, 0)), expected);
        assert_eq!(message(data(&[0, 1, 0, 1]).stratified_split(fraction, 0)), expected);
    }
    let parts = "split: expected samples in both parts, got";
    assert_eq!(message(data(&[0; 4]).split(0.1, 0)), format!("{parts} 0 of 4 held out"));
    assert_eq!(message(data(&[0; 4]).split(0.9, 0)), format!("{parts} 4 of 4 held out"));
    assert_eq!(
        message(data(&[0]).stratified_split(0.5, 0)),
        format!("{parts} 1 of 1 held out")
    );
    let class = |class| format!("split: expected samples of class {class} in both parts, got");
    assert_eq!(
        message(data(&[5, 5, 5, 9, 5]).stratified_split(0.2, 0)),
        format!("{} 0 of 1 held out", class(9))
    );
    assert_eq!(
        message(data(&[5, 5, 5, 9, 5]).stratified_split(0.8, 0)),
        format!("{} 1 of 1 held out", class(9))
    );
    // A class without samples needs no sample in a part; a huge index needs no memory.
    assert!(data(&[0, 3, 0, 3]).stratified_split(0.5, 0).is_ok());
    assert!(data(&[0, 1 << 52, 0, 1 << 52]).stratified_split(0.5, 0).is_ok());

    let with_target = |target: Matrix<f64>| {
        Dataset::new(Matrix::<f64>::zeros(1, 2), target)
            .unwrap()
            .stratified_split(0.5, 0)
    };
    for bad in [0.5, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let target = Matrix::from_columns(&[[0.0], [bad]]);
        assert_eq!(
            message(with_target(target)),
            format!("target: expected a class index for sample 1, got {bad}")
        );
    }
    for bad in [[0.0, 0.0], [1.0, 1.0], [1.0, 0.5], [0.5, 0.5], [f64::NAN, 1.0]] {
        let target = Matrix::from_columns(&[[1.0, 0.0], bad]);
        assert_eq!(
            message(with_target(target)),
            "target: expected a one-hot column (one 1, otherwise 0) for sample 1, got other numbers"
        );
    }
    // One of the parts has no weight.
    let target = Matrix::<f64>::zeros(1, 2);
    let one_weight = Dataset::new(target.clone(), target).unwrap();
    let one_weight = one_weight.weighted(Matrix::from_columns(&[[1.0], [0.0]])).unwrap();
    assert_eq!(one_weight.split(0.5, 0).unwrap_err(), DataError::Empty);
}

#[test]
fn a_subset_is_what_it_was_asked_for() {
    let labels = [0, 1, 2, 1];
    let part = data(&labels).subset(&[3, 0, 3]).unwrap();
    assert_eq!(
        part.input(),
        &Matrix::from_columns(&[[3.0, -3.0], [0.0, 0.0], [3.0, -3.0]])
    );
    assert_eq!(
        part.sample_weights(),
        Some(&Matrix::from_columns(&[[4.0], [1.0], [4.0]]))
    );
    assert_eq!(
        (part.labels().unwrap(), part.len(), part.is_empty()),
        (vec![1, 0, 1], 3, false)
    );
    assert_eq!(part.samples().sample_weights().unwrap().shape(), (1, 3));
    assert_eq!(data(&labels).subset(&[]).unwrap_err(), DataError::Empty);
    let error = data(&labels).subset(&[0, 4]).unwrap_err();
    assert_eq!(error.to_string(), "samples: expected an index from 0 to 3, got 4");

    let column = |samples| Matrix::<f64>::zeros(1, samples);
    assert_eq!(Dataset::new(column(0), column(0)).unwrap_err(), DataError::Empty);
    let error = Dataset::new(column(2), column(3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "target: expected 2 samples, as many as the input has columns, got 3"
    );
    let error = Dataset::new(column(2), column(2))
        .unwrap()
        .weighted(column(3))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "sample weights: expected 2 samples, as many as the input has columns, got 3"
    );
}

#[test]
fn balanced_weights_give_every_class_the_same_total() {
    // numpy.bincount and compute_class_weight("balanced", ..): 6 / (3 * [3, 2, 1]).
    let labels = [0, 1, 0, 2, 1, 0];
    let weights = ClassWeights::balanced(&labels, 3).unwrap();
    assert_eq!(weights.weights(), [6.0 / 9.0, 1.0, 2.0]);
    let samples = weights.sample_weights::<Matrix<f32>>(&labels).unwrap();
    let share = (2.0_f64 / 3.0) as f32;
    assert_eq!(
        samples,
        Matrix::from_columns(&[[share], [1.0], [share], [2.0], [1.0], [share]])
    );
    assert_eq!(weights.sample_weights::<Matrix<f64>>(&[]).unwrap().shape(), (1, 0));
    let own = ClassWeights::new(vec![0.0, 3.0]).unwrap();
    let samples = own.sample_weights::<Matrix<f64>>(&[1, 0]).unwrap();
    assert_eq!(samples, Matrix::from_columns(&[[3.0], [0.0]]));
}

#[test]
fn what_cannot_be_class_weights_is_named() {
    fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
        let message = result.unwrap_err().to_string();
        message
            .strip_prefix("class weights: expected ")
            .expect("the prefix")
            .to_string()
    }
    assert_eq!(message(ClassWeights::new(vec![])), "at least one class, got none");
    assert_eq!(message(ClassWeights::balanced(&[], 0)), "at least one class, got none");
    assert_eq!(
        message(ClassWeights::balanced(&[], 2)),
        "at least one sample of class 0, got none"
    );
    assert_eq!(
        message(ClassWeights::balanced(&[0, 2], 3)),
        "at least one sample of class 1, got none"
    );
    assert_eq!(
        message(ClassWeights::balanced(&[0, 1], usize::MAX)),
        "at least one sample of class 2, got none"
    );
    assert_eq!(
        message(ClassWeights::balanced(&[9, 1], usize::MAX)),
        "at least one sample of class 0, got none"
    );
    assert_eq!(
        message(ClassWeights::balanced(&[0, 1, 2], 2)),
        "a label from 0 to 1 for sample 2, got 2"
    );
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let expected = format!("a finite number of at least 0 for class 1, got {bad}");
        assert_eq!(message(ClassWeights::new(vec![1.0, bad])), expected);
    }
    assert_eq!(message(ClassWeights::new(vec![0.0, 0.0])), "a weight above 0, got none");
    let weights = ClassWeights::new(vec![1.0]).unwrap();
    let labels = weights.sample_weights::<Matrix<f64>>(&[0, 1]);
    assert_eq!(message(labels), "a label from 0 to 0 for sample 1, got 1");
}
