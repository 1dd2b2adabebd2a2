//! Checks that the padding between and after the columns of a matrix may hold any values: no result depends on it, to
//! the last bit.

use crate::{Element, Matrix, MatrixRef, Operand, gemm};
use core::ops::Range;
use mlp_core::activations::Tanh;
use mlp_core::backend::{Tensor, ZipFormula};
use mlp_core::{ActivationKind, Adam, HalfMse, Loss, Mlp, NoCustom, Samples, Scalar, SoftmaxCrossEntropy, Trainer};

/// Returns a matrix of elements that look random, between -1 and 1.
fn matrix<T: Element>(rows: usize, columns: usize, seed: usize) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |i, j| {
        T::from_f64(((1 + i + 31 * j + 977 * seed) as f64 * 12.9898).sin())
    })
}

/// Returns a copy whose padding is NaN.
fn poisoned<T: Element>(matrix: &Matrix<T>) -> Matrix<T> {
    let ((rows, columns), stride) = (matrix.shape(), matrix.stride());
    let mut poisoned = matrix.clone();
    for (i, value) in poisoned.storage_mut().iter_mut().enumerate() {
        if i % stride >= rows || i / stride >= columns {
            *value = T::from_f64(f64::NAN);
        }
    }
    poisoned
}

/// Returns a matrix of NaN, padding included, as room for a result.
fn room<T: Element>(rows: usize, columns: usize) -> Matrix<T> {
    let mut room = Matrix::zeros(rows, columns);
    room.storage_mut().fill(T::from_f64(f64::NAN));
    room
}

fn bits<'a, T: Element>(matrix: impl Into<MatrixRef<'a, T>>) -> Vec<u64> {
    let bits = |x: T| x.to_f64().to_bits();
    matrix.into().iter_columns().flatten().map(|&x| bits(x)).collect()
}

/// Checks that a computation gives the same results on `operands` as on copies with poisoned padding.
#[track_caller]
fn assert_unmoved<T: Element, const N: usize>(
    what: &str,
    operands: [&Matrix<T>; N],
    compute: impl Fn([&Matrix<T>; N]) -> Vec<Vec<u64>>,
) {
    let clean = compute(operands);
    let nan = |bits: &u64| f64::from_bits(*bits).is_nan();
    assert!(!clean.iter().flatten().any(nan), "{what}: NaN without poisoned padding");
    let operands = operands.map(poisoned);
    let got = compute(operands.each_ref());
    for (result, (got, clean)) in got.iter().zip(&clean).enumerate() {
        let different = got.iter().zip(clean).position(|(got, clean)| got != clean);
        assert!(
            different.is_none() && got.len() == clean.len(),
            "{what}: poisoned padding changed result {result}, element {different:?}"
        );
    }
}

/// Returns shapes (n_out, n_in, samples) up to 20, and some that use other routines.
fn shapes() -> impl Iterator<Item = (usize, usize, usize)> {
    let small = (1..=20).flat_map(|outputs| (1..=20).map(move |inputs| (outputs, inputs)));
    let small = small.flat_map(|(outputs, inputs)| {
        // Each number of outputs and each number of inputs is combined with every number of samples.
        let first = (outputs + inputs) % 3 + 1;
        [first, first + 3, first + 6].map(|samples| (outputs, inputs, samples))
    });
    // These cover copied panels, more columns than one panel, rows of all kinds of tiles, and large layers.
    let large = [
        (35, 300, 27),
        (300, 35, 30),
        (1, 300, 9),
        (300, 1, 9),
        (7, 530, 1),
        (10, 70, 9),
        (3, 250, 300),
        (270, 261, 26),
        (1025, 1025, 3),
        (1025, 1025, 30),
    ];
    small.chain(large)
}

fn products<T: Element>() {
    for (outputs, inputs, samples) in shapes() {
        let what = format!("{outputs} x {inputs}, {samples} samples");
        let (weights, bias) = (matrix::<T>(outputs, inputs, 1), matrix(outputs, 1, 2));
        // There are unread columns before and after those that are read.
        let (input, delta) = (matrix(inputs, samples + 2, 3), matrix(outputs, samples + 3, 4));
        let derivative = matrix(inputs, samples + 1, 5);

        assert_unmoved(
            &format!("forward, {what}"),
            [&weights, &bias, &input],
            |[weights, bias, input]| {
                let (mut value, mut slope) = (room(outputs, samples), room(outputs, samples + 1));
                let input = input.view().slice(1..samples + 1);
                value.forward(
                    Some(&mut slope),
                    weights,
                    bias,
                    input,
                    &ActivationKind::<NoCustom>::from(Tanh),
                );
                let mut inference = room(outputs, samples);
                inference.forward(None, weights, bias, input, &ActivationKind::<NoCustom>::from(Tanh));
                vec![bits(&value), bits(slope.view().slice(0..samples)), bits(&inference)]
            },
        );
        assert_unmoved(
            &format!("backward, {what}"),
            [&weights, &delta, &derivative],
            |[weights, delta, derivative]| {
                let mut results = Vec::new();
                let dense = derivative.to_vec();
                let derivative = [
                    None,
                    Some(derivative.view().slice(0..samples)),
                    Some(derivative.view().slice(1..samples + 1)),
                    Some(MatrixRef::new(inputs, samples, &dense[..inputs * samples])),
                ];
                for derivative in derivative {
                    let mut before = room(inputs, samples);
                    before.backward(weights, delta.view().slice(2..samples + 2), derivative);
                    results.push(bits(&before));
                }
                results
            },
        );
        assert_unmoved(
            &format!("gradient, {what}"),
            [&weights, &bias, &delta, &input],
            |[weights, bias, delta, input]| {
                let delta = [delta.view().slice(0..samples), delta.view().slice(3..samples + 3)];
                let input = input.view().slice(2..samples + 2);
                let (mut gradient, mut bias_gradient) = (room(outputs, inputs), room(outputs, 1));
                gradient.gradient(&mut bias_gradient, delta[0], input, false);
                let (mut sum, mut bias_sum) = (weights.clone(), bias.clone());
                sum.gradient(&mut bias_sum, delta[1], input, true);
                [&gradient, &bias_gradient, &sum, &bias_sum].map(bits).to_vec()
            },
        );
        assert_unmoved(
            &format!("gemm, {what}"),
            [&weights, &input, &delta],
            |[weights, input, delta]| {
                let mut product = room(outputs, samples + 2);
                gemm(weights.into(), input.into(), &mut product, false);
                let mut sum = delta.clone();
                gemm(weights.into(), input.view().slice(0..samples).into(), &mut sum, true);
                let mut turned = room(samples + 2, outputs);
                gemm(
                    Operand::from(input).transposed(),
                    Operand::from(weights).transposed(),
                    &mut turned,
                    false,
                );
                [&product, &sum, &turned].map(bits).to_vec()
            },
        );
    }
}

#[test]
fn products_f32() {
    products::<f32>();
}

#[test]
fn products_f64() {
    products::<f64>();
}

/// A formula in which every result depends on every operand.
struct Mix;

impl<const S: usize> ZipFormula<S> for Mix {
    fn apply<T: Scalar>(&self, own: T, other: T, state: [T; S]) -> (T, [T; S]) {
        let half = T::from_f64(0.5);
        let new = state.iter().fold(own - half * other, |sum, &state| sum + half * state);
        (new, state.map(|state| own + other * state))
    }
}

fn zip_of<T: Element, const S: usize>(rows: usize, columns: usize) {
    let what = format!("zip of {rows} x {columns} with {S}");
    // `own` and the state are as wide as `other`, or wider.
    for (more, more_state) in [(0, 0), (2, 1), (1, 0)] {
        let own = matrix::<T>(rows, columns + more, 1);
        let others = matrix(rows, columns + 3, 2);
        let state = matrix(rows, columns + more_state, 3);
        assert_unmoved(&what, [&own, &others, &state], |[own, others, state]| {
            let dense = others.to_vec();
            let middle: Range<usize> = 1..columns + 1;
            let other = [
                others.view().slice(middle.clone()),
                others.view().slice(3..columns + 3),
                MatrixRef::new(rows, columns, &dense[rows * middle.start..rows * middle.end]),
            ];
            let mut results = Vec::new();
            for other in other {
                let (mut own, mut state) = (own.clone(), core::array::from_fn::<_, S, _>(|_| state.clone()));
                let finite = own.zip(other, state.each_mut(), &Mix);
                assert!(finite, "{what}: reported non-finite elements, but all are finite");
                results.push(bits(&own));
                results.extend(state.iter().map(bits));
            }
            results
        });
    }
}

/// Checks that columns of the state after those of `other` keep their values.
fn wider_state<T: Element>(rows: usize, columns: usize) {
    let (mut own, other) = (matrix::<T>(rows, columns, 1), matrix(rows, columns, 2));
    let mut state = matrix::<T>(rows, columns + 3, 3);
    let before = bits(state.view().slice(columns..columns + 3));
    own.zip((&other).into(), [&mut state], &Mix);
    let after = bits(state.view().slice(columns..columns + 3));
    assert_eq!(
        after, before,
        "the update of {rows} x {columns} elements changed the state after them"
    );
}

#[test]
fn columns_after_the_state_keep_their_values() {
    for rows in 1..=20 {
        for columns in 1..=9 {
            wider_state::<f32>(rows, columns);
            wider_state::<f64>(rows, columns);
        }
    }
}

/// Checks that the flag depends on every element, and on nothing else.
fn finite_flag<T: Element>(rows: usize, columns: usize) {
    struct Take;
    impl ZipFormula<0> for Take {
        fn apply<T: Scalar>(&self, _: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
            (other, [])
        }
    }
    let take = |own: usize, other: &Matrix<T>| room(rows, own).zip(other.into(), [], &Take);
    let clean = poisoned(&matrix::<T>(rows, columns, 1));
    for own in [columns, columns + 1] {
        assert!(
            take(own, &clean),
            "{rows} x {columns} in {own} columns: reported non-finite elements, but all are finite"
        );
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for index in [
                (0, 0),
                (rows - 1, 0),
                (0, columns - 1),
                (rows / 2, columns / 2),
                (rows - 1, columns - 1),
            ] {
                let mut other = clean.clone();
                other[index] = T::from_f64(bad);
                assert!(
                    !take(own, &other),
                    "{rows} x {columns} in {own} columns: {bad} at {index:?} is not reported"
                );
            }
        }
    }
}

fn loss_of<T: Element, L: Loss>(loss: &L, outputs: usize, samples: usize) {
    let what = format!("{loss:?} of {outputs} x {samples}");
    let prediction = matrix::<T>(outputs, samples + 1, 1);
    let rows = loss.target_rows(outputs);
    let target = Matrix::from_fn(rows, samples + 2, |_, j| T::from_f64((j % outputs) as f64));
    let weights = Matrix::from_fn(1, samples + 3, |_, j| T::from_f64((j % 3) as f64));
    assert_unmoved(
        &what,
        [&prediction, &target, &weights],
        |[prediction, target, weights]| {
            let mut results = Vec::new();
            for weights in [None, Some(weights.view().slice(2..samples + 2))] {
                let (prediction, target) = (prediction.view().slice(1..samples + 1), target.view().slice(0..samples));
                let mut delta = room(outputs, samples);
                let sum = delta.loss(loss, prediction, target, weights, T::from_f64(0.25));
                results.extend([bits(&delta), vec![sum.to_f64().to_bits()]]);
            }
            results
        },
    );
}

fn other_operations<T: Element>() {
    for rows in 1..=20 {
        for columns in 1..=9 {
            zip_of::<T, 0>(rows, columns);
            zip_of::<T, 2>(rows, columns);
            finite_flag::<T>(rows, columns);
            loss_of::<T, _>(&HalfMse, rows, columns);
            loss_of::<T, _>(&SoftmaxCrossEntropy::for_classes(), rows, columns);

            let a = matrix::<T>(rows, columns, 1);
            let indices: Vec<_> = (0..columns).rev().chain([0]).collect();
            assert_unmoved(&format!("a matrix of {rows} x {columns}"), [&a], |[a]| {
                let mut gathered = room(rows, columns + 1);
                gathered.gather(0, a.into(), &indices);
                let mut read = Vec::new();
                Matrix::read(a.into(), &mut read);
                let mut written = room(rows, columns);
                written.write(&read);
                let column = |values: Vec<T>| bits(MatrixRef::new(values.len(), 1, &values));
                vec![
                    bits(&gathered),
                    bits(&written),
                    column(read),
                    column(a.to_vec()),
                    column(a.clone().into_vec()),
                    bits(&a.transposed()),
                    bits(&a.view().to_matrix()),
                    vec![a.dot(a).to_bits()],
                    format!("{a} {a:?}").bytes().map(u64::from).collect(),
                ]
            });
            let mut b = poisoned(&a);
            assert!(
                a == b && b.view() == a.view(),
                "{rows} x {columns}: matrices that differ only in padding must be equal"
            );
            b[(rows - 1, columns - 1)] = T::from_f64(3.0);
            assert!(
                a != b && a.view() != b.view(),
                "{rows} x {columns}: matrices with a different element must not be equal"
            );
        }
    }
}

#[test]
fn other_operations_f32() {
    other_operations::<f32>();
}

#[test]
fn other_operations_f64() {
    other_operations::<f64>();
}

/// The updates are large enough for several threads.
#[test]
fn large_updates() {
    for (rows, columns) in [(1, 140_001), (17, 9_001), (70_001, 2)] {
        zip_of::<f32, 0>(rows, columns);
        zip_of::<f64, 2>(rows, columns);
        finite_flag::<f32>(rows, columns);
        finite_flag::<f64>(rows, columns);
    }
}

/// Trains a network with poisoned weights on poisoned samples.
fn training<T: Element>() {
    for sizes in [
        &[1, 1, 1][..],
        &[3, 5, 7, 2],
        &[5, 17, 9, 3],
        &[19, 33, 1],
        &[70, 60, 18],
    ] {
        for samples in [1, 7, 300] {
            let mut network = Mlp::<Matrix<T>>::builder(sizes)
                .hidden(Tanh)
                .output(Tanh)
                .seed(1)
                .build()
                .unwrap();
            let (input, target) = (matrix(sizes[0], samples, 1), matrix(sizes[sizes.len() - 1], samples, 2));
            let train = |mut network: Mlp<Matrix<T>>, input: &Matrix<T>, target: &Matrix<T>| {
                let mut trainer = Trainer::new(HalfMse, Adam::new(0.01).unwrap());
                let samples = Samples::new(input, target).unwrap();
                let losses: Vec<_> = (0..5)
                    .map(|_| trainer.step(&mut network, samples).unwrap().to_bits())
                    .collect();
                let parameters = network
                    .layers()
                    .iter()
                    .flat_map(|layer| [bits(&layer.weights), bits(&layer.bias)]);
                (losses, parameters.collect::<Vec<_>>())
            };
            let expected = train(network.clone(), &input, &target);
            for layer in network.layers_mut() {
                (layer.weights, layer.bias) = (poisoned(&layer.weights), poisoned(&layer.bias));
            }
            let got = train(network, &poisoned(&input), &poisoned(&target));
            assert!(
                got == expected,
                "{sizes:?}, {samples} samples: poisoned padding changed the training"
            );
        }
    }
}

#[test]
fn training_f32() {
    training::<f32>();
}

#[test]
fn training_f64() {
    training::<f64>();
}

/// Checks that the poison is where it should be.
#[test]
fn there_is_padding() {
    for (rows, columns, padding) in [
        (1, 1, 15),
        (3, 4, 4),
        (5, 1, 11),
        (16, 3, 0),
        (17, 2, 30),
        (8, 2, 0),
        (9, 1, 7),
    ] {
        let poisoned = poisoned(&matrix::<f32>(rows, columns, 1));
        let nan = poisoned.storage().iter().filter(|x| x.is_nan()).count();
        assert_eq!(nan, padding, "{rows} x {columns}");
        assert_eq!(poisoned.storage().len(), rows * columns + padding, "{rows} x {columns}");
    }
}
