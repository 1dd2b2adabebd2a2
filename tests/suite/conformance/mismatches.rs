//! Tests that mismatched shapes panic.

use super::Mix;
use mlp_core::activations::Relu;
use mlp_core::backend::{Columns, Tensor};
use mlp_core::{ActivationKind, HalfMse, NoCustom, Scalar, SoftmaxCrossEntropy};
use mlp_cpu::{Matrix, gemm};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Shape = (usize, usize);

/// Asserts that `run` panics as [`mlp_core::backend::shape_mismatch`] does.
#[track_caller]
fn assert_mismatch(operation: &str, expected: Shape, got: Shape, run: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("no panic");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    let shapes = format!(" of {} x {}, got {} x {}", expected.0, expected.1, got.0, got.1);
    assert!(
        message.starts_with(&format!("{operation}: expected ")) && message.ends_with(&shapes),
        "got `{message}`, expected `{operation}: expected ..{shapes}`"
    );
}

/// Mismatched shapes panic with the operation and both shapes. The layer has 3 outputs and 4 inputs, with 5 samples.
pub(super) fn mismatches<B: Tensor>() {
    let zeros = |(rows, columns): Shape| B::zeros(rows, columns);
    assert_mismatch("write", (3, 4), (11, 1), || {
        zeros((3, 4)).write(&[B::Scalar::from_f64(0.0); 11]);
    });
    assert_mismatch("gather", (3, 2), (4, 1), || {
        zeros((3, 2)).gather(0, (&zeros((4, 5))).into(), &[0]);
    });
    assert_mismatch("gather", (3, 1), (3, 2), || {
        zeros((3, 2)).gather(1, (&zeros((3, 5))).into(), &[0, 1]);
    });
    catch_unwind(|| B::zeros(3, 2).gather(0, (&B::zeros(3, 5)).into(), &[5])).expect_err("there is no column 5");
    catch_unwind(|| B::slice((&B::zeros(3, 2)).into(), 1..3).shape()).expect_err("there is no column 2");

    let forward = |a: Shape, derivative: Shape, bias: Shape, input: Shape| {
        let (mut a, mut derivative) = (zeros(a), zeros(derivative));
        a.forward(
            Some(&mut derivative),
            &zeros((3, 4)),
            &zeros(bias),
            (&zeros(input)).into(),
            &ActivationKind::<NoCustom>::from(Relu),
        );
    };
    forward((3, 6), (3, 7), (3, 1), (4, 5));
    assert_mismatch("forward", (3, 5), (2, 5), || forward((2, 5), (3, 5), (3, 1), (4, 5)));
    assert_mismatch("forward", (3, 5), (3, 4), || forward((3, 4), (3, 5), (3, 1), (4, 5)));
    assert_mismatch("forward", (3, 5), (4, 5), || forward((3, 5), (4, 5), (3, 1), (4, 5)));
    assert_mismatch("forward", (3, 5), (3, 4), || forward((3, 5), (3, 4), (3, 1), (4, 5)));
    assert_mismatch("forward", (3, 1), (4, 1), || forward((3, 5), (3, 5), (4, 1), (4, 5)));
    assert_mismatch("forward", (3, 1), (3, 2), || forward((3, 5), (3, 5), (3, 2), (4, 5)));
    assert_mismatch("forward", (4, 5), (3, 5), || forward((3, 5), (3, 5), (3, 1), (3, 5)));

    let loss = |delta: Shape, target: Shape, weights: Shape, classes: bool| {
        let (mut delta, prediction, target, weights) = (zeros(delta), zeros((3, 5)), zeros(target), zeros(weights));
        let (weights, scale) = (Some((&weights).into()), B::Scalar::from_f64(1.0));
        if classes {
            let loss = SoftmaxCrossEntropy::for_classes();
            delta.loss(&loss, (&prediction).into(), (&target).into(), weights, scale);
        } else {
            delta.loss(&HalfMse, (&prediction).into(), (&target).into(), weights, scale);
        }
    };
    loss((3, 6), (3, 5), (1, 5), false);
    loss((3, 6), (1, 5), (1, 5), true);
    assert_mismatch("loss", (1, 5), (3, 5), || loss((3, 5), (3, 5), (1, 5), true));
    assert_mismatch("loss", (3, 5), (1, 5), || loss((3, 5), (1, 5), (1, 5), false));
    assert_mismatch("loss", (3, 5), (3, 4), || loss((3, 5), (3, 4), (1, 5), false));
    assert_mismatch("loss", (3, 5), (2, 5), || loss((2, 5), (3, 5), (1, 5), false));
    assert_mismatch("loss", (3, 5), (3, 4), || loss((3, 4), (3, 5), (1, 5), false));
    assert_mismatch("loss", (1, 5), (1, 4), || loss((3, 5), (3, 5), (1, 4), false));
    assert_mismatch("loss", (1, 5), (2, 5), || loss((3, 5), (3, 5), (2, 5), false));

    let backward = |before: Shape, delta: Shape, derivative: Shape| {
        zeros(before).backward(
            &zeros((3, 4)),
            (&zeros(delta)).into(),
            Some((&zeros(derivative)).into()),
        );
    };
    backward((4, 6), (3, 5), (4, 5));
    assert_mismatch("backward", (3, 5), (4, 5), || backward((4, 5), (4, 5), (4, 5)));
    assert_mismatch("backward", (4, 5), (3, 5), || backward((3, 5), (3, 5), (4, 5)));
    assert_mismatch("backward", (4, 5), (4, 4), || backward((4, 4), (3, 5), (4, 5)));
    assert_mismatch("backward", (4, 5), (3, 5), || backward((4, 5), (3, 5), (3, 5)));
    assert_mismatch("backward", (4, 5), (4, 6), || backward((4, 5), (3, 5), (4, 6)));

    let gradient = |bias: Shape, delta: Shape, input: Shape| {
        zeros((3, 4)).gradient(&mut zeros(bias), (&zeros(delta)).into(), (&zeros(input)).into(), false);
    };
    gradient((3, 1), (3, 5), (4, 5));
    assert_mismatch("gradient", (3, 5), (4, 5), || gradient((3, 1), (4, 5), (4, 5)));
    assert_mismatch("gradient", (4, 5), (3, 5), || gradient((3, 1), (3, 5), (3, 5)));
    assert_mismatch("gradient", (4, 5), (4, 6), || gradient((3, 1), (3, 5), (4, 6)));
    assert_mismatch("gradient", (3, 1), (4, 1), || gradient((4, 1), (3, 5), (4, 5)));

    let zip = |own: Shape, other: Shape, state: Shape| {
        zeros(own).zip((&zeros(other)).into(), [&mut zeros(state)], &Mix);
    };
    zip((3, 5), (3, 4), (3, 6));
    assert_mismatch("zip", (3, 5), (4, 5), || zip((4, 5), (3, 5), (3, 5)));
    assert_mismatch("zip", (3, 5), (3, 4), || zip((3, 4), (3, 5), (3, 5)));
    assert_mismatch("zip", (3, 5), (2, 5), || zip((3, 5), (3, 5), (2, 5)));
    assert_mismatch("zip", (3, 5), (3, 4), || zip((3, 5), (3, 5), (3, 4)));

    let dot = |a: Shape, b: Shape| assert!(zeros(a).dot(&zeros(b)).is_finite());
    dot((3, 4), (3, 4));
    assert_mismatch("dot", (3, 4), (4, 3), || dot((3, 4), (4, 3)));
    assert_mismatch("dot", (3, 4), (3, 5), || dot((3, 4), (3, 5)));
}

#[test]
fn products_that_do_not_fit() {
    let multiply = |a: Shape, b: Shape, c: Shape| {
        let zeros = |(rows, columns)| Matrix::<f64>::zeros(rows, columns);
        gemm((&zeros(a)).into(), (&zeros(b)).into(), &mut zeros(c), false);
    };
    multiply((3, 4), (4, 5), (3, 6));
    assert_mismatch("gemm", (4, 5), (3, 5), || multiply((3, 4), (3, 5), (3, 5)));
    assert_mismatch("gemm", (3, 5), (2, 5), || multiply((3, 4), (4, 5), (2, 5)));
    assert_mismatch("gemm", (3, 5), (3, 4), || multiply((3, 4), (4, 5), (3, 4)));
}
