//! Tests that every backend does what `Tensor` documents: one suite, which runs for each backend and scalar.
//!
//! Most numbers here are small multiples of 1/8, so that sums of their products are exact in `f32`, whatever their
//! order. Then results must be equal, not just close. [`rounding`] and [`products`] bound the effect of rounding by a
//! tolerance for each type.

mod mismatches;
mod products;

use self::mismatches::mismatches;
use crate::naive::{Naive, tensor, values};
use mlp_core::activations::{Identity, LeakyRelu, Relu, Tanh};
use mlp_core::backend::{Columns, Tensor, ZipFormula};
use mlp_core::{
    Activation, ActivationKind, BinaryCrossEntropy, Dense, Dual, DualTensor, HalfMse, Huber, Loss, Mae, Mse, NoCustom,
    Scalar, SoftmaxCrossEntropy, TargetKind,
};
use mlp_cpu::Matrix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::fmt::Debug;

/// Instantiates the suite for each backend.
macro_rules! conformance {
    ($($module:ident: $backend:ty;)*) => {$(
        mod $module {
            use super::*;
            conformance!(@tests $backend:
                storage, slices, gather, forward, loss, sample_weights, backward, gradient, zip, dot, for_each,
                empty_and_single, rounding, mismatches
            );
        }
    )*};
    (@tests $backend:ty: $($test:ident),*) => {$(
        #[test]
        fn $test() {
            super::$test::<$backend>();
        }
    )*};
}

conformance! {
    matrix_f32: Matrix<f32>;
    matrix_f64: Matrix<f64>;
    naive_f32: Naive<f32>;
    naive_f64: Naive<f64>;
    naive_dual: Naive<Dual<f64>>;
    dual_matrix_f32: DualTensor<Matrix<f32>>;
    dual_matrix_f64: DualTensor<Matrix<f64>>;
    dual_naive_f32: DualTensor<Naive<f32>>;
    dual_naive_f64: DualTensor<Naive<f64>>;
    nested_dual_matrix: DualTensor<DualTensor<Matrix<f64>>>;
}

/// The allowed rounding error of a sum, relative to the sum of the absolute values of its terms.
trait Tolerance: Scalar {
    const TOLERANCE: f64;
}

impl Tolerance for f32 {
    const TOLERANCE: f64 = 1e-6;
}

impl Tolerance for f64 {
    const TOLERANCE: f64 = 2e-15;
}

impl<T: Tolerance> Tolerance for Dual<T> {
    const TOLERANCE: f64 = T::TOLERANCE;
}

/// Layers as (n_out, n_in, samples). The last ones are too large for the loops that `mlp_cpu` has for small layers.
const SHAPES: [(usize, usize, usize); 13] = [
    (1, 1, 1),
    (1, 5, 3),
    (4, 1, 2),
    (3, 4, 5),
    (7, 3, 17),
    (16, 16, 4),
    (17, 16, 5),
    (33, 20, 9),
    (40, 37, 1),
    // Few outputs and many inputs.
    (2, 100, 3),
    (4, 33, 130),
    (8, 70, 9),
    (16, 250, 4),
];

fn rng() -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(2)
}

/// Returns a matrix of multiples of 1/8 between -2 and 2, including 0.
fn eighths<B: Tensor>(rng: &mut impl RngExt, rows: usize, columns: usize) -> B {
    let numbers: Vec<_> = (0..rows * columns)
        .map(|_| f64::from(rng.random_range(-16..=16)) / 8.0)
        .collect();
    tensor((rows, columns), &numbers)
}

/// Returns a matrix of NaN for a result, which must overwrite it.
fn nan<B: Tensor>(rows: usize, columns: usize) -> B {
    tensor((rows, columns), &vec![f64::NAN; rows * columns])
}

fn elements<B: Tensor>(tensor: &B) -> Vec<B::Scalar> {
    values::<B>(tensor.into())
}

fn numbers<B: Tensor>(tensor: &B) -> Vec<f64> {
    elements(tensor).iter().map(|value| value.to_f64()).collect()
}

/// Asserts that the first columns of `got` equal `expected`, and that the other columns still hold the NaN from
/// [`nan`].
#[track_caller]
fn assert_result<B: Tensor>(what: &str, got: &B, expected: &[B::Scalar]) {
    let got = elements(got);
    assert_same(what, &got[..expected.len()], expected);
    assert!(
        got[expected.len()..].iter().all(|v| v.to_f64().is_nan()),
        "{what}: columns behind the result changed"
    );
}

#[track_caller]
fn assert_same<T: PartialEq + Debug>(what: &str, got: &[T], expected: &[T]) {
    assert_eq!(got.len(), expected.len(), "{what}: number of elements");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            got == expected,
            "{what}: element {i}: got {got:?}, expected {expected:?}"
        );
    }
}

/// Asserts that `got` equals `expected`, up to the rounding of a sum of terms whose absolute values sum to `terms`.
#[track_caller]
fn assert_close<T: Tolerance>(what: &str, index: usize, got: T, expected: f64, terms: f64) {
    let (got, bound) = (got.to_f64(), T::TOLERANCE * terms);
    assert!(
        (got - expected).abs() <= bound,
        "{what}: element {index}: got {got:e}, expected {expected:e} +- {bound:e}"
    );
}

/// Returns every activation by its name.
fn activations() -> impl Iterator<Item = ActivationKind> {
    ActivationKind::<NoCustom>::NAMES
        .iter()
        .map(|name| name.parse().expect("a name from the list"))
}

fn storage<B: Tensor>() {
    for (rows, columns) in [(0, 0), (0, 3), (3, 0), (1, 1), (2, 3)] {
        let mut matrix = B::zeros(rows, columns);
        assert_eq!(matrix.shape(), (rows, columns));
        assert_eq!(B::Columns::from(&matrix).shape(), (rows, columns));
        assert_same(
            "zeros",
            &elements(&matrix),
            &vec![B::Scalar::from_f64(0.0); rows * columns],
        );
        let written: Vec<_> = (0..rows * columns).map(|i| B::Scalar::from_f64(i as f64)).collect();
        matrix.write(&written);
        let mut read = vec![B::Scalar::from_f64(1.0)];
        B::read((&matrix).into(), &mut read);
        assert_eq!(read[0], B::Scalar::from_f64(1.0), "read appends");
        assert_same("write, read", &read[1..], &written);
        // If the elements are in memory, this is where they are read from and written to.
        let lent = |matrix: &B| {
            matrix.memory().map(|(memory, stride)| {
                let column = |j: usize| memory[j * stride..][..rows].to_vec();
                (0..columns).flat_map(column).collect::<Vec<_>>()
            })
        };
        if let Some(lent) = lent(&matrix) {
            assert_same("memory", &lent, &written);
        }
        if let Some((memory, stride)) = matrix.memory_mut() {
            for j in 0..columns {
                memory[j * stride..][..rows].reverse();
            }
            let mut reversed = written.clone();
            reversed.chunks_mut(rows.max(1)).for_each(<[_]>::reverse);
            assert_same("memory_mut", &elements(&matrix), &reversed);
            assert_same("memory", &lent(&matrix).unwrap(), &reversed);
        }
    }
}

fn slices<B: Tensor>() {
    let matrix: B = eighths(&mut rng(), 3, 8);
    let all = elements(&matrix);
    for start in 0..=8 {
        for end in start..=8 {
            let slice = B::slice((&matrix).into(), start..end);
            assert_eq!(slice.shape(), (3, end - start));
            assert_same("slice", &values::<B>(slice), &all[3 * start..3 * end]);
            let half = B::slice(slice, (end - start) / 2..end - start);
            assert_same(
                "slice of a slice",
                &values::<B>(half),
                &all[3 * (start + (end - start) / 2)..3 * end],
            );
        }
    }
}

fn gather<B: Tensor>() {
    let source: B = eighths(&mut rng(), 3, 8);
    let part = B::slice((&source).into(), 2..8);
    let column = |j: usize| values::<B>(B::slice(part, j..j + 1));
    for (start, indices) in [(0, &[5, 0, 0, 3][..]), (2, &[1, 2]), (4, &[]), (0, &[])] {
        let mut gathered: B = tensor((3, 4), &[7.0; 12]);
        gathered.gather(start, part, indices);
        let untouched = vec![B::Scalar::from_f64(7.0); 3];
        let expected = (0..4).flat_map(|j: usize| match j.checked_sub(start).and_then(|j| indices.get(j)) {
            Some(&index) => column(index),
            None => untouched.clone(),
        });
        assert_same("gather", &elements(&gathered), &expected.collect::<Vec<_>>());
    }
}

fn forward<B: Tensor>() {
    let rng = &mut rng();
    for (outputs, inputs, samples) in SHAPES {
        let (weights, bias): (B, B) = (eighths(rng, outputs, inputs), eighths(rng, outputs, 1));
        let longer: B = eighths(rng, inputs, samples + 5);
        let input = B::slice((&longer).into(), 3..samples + 3);
        let (w, b, x) = (elements(&weights), elements(&bias), values::<B>(input));
        let z: Vec<_> = (0..outputs * samples)
            .map(|i| {
                let (i, j) = (i % outputs, i / outputs);
                (0..inputs).fold(b[i], |sum, k| sum + w[i + k * outputs] * x[k + j * inputs])
            })
            .collect();
        for kind in activations() {
            let a: Vec<_> = z.iter().map(|&z| kind.value(z)).collect();
            let d: Vec<_> = z.iter().zip(&a).map(|(&z, &a)| kind.derivative(z, a)).collect();
            let (mut value, mut derivative): (B, B) = (nan(outputs, samples + 2), nan(outputs, samples + 1));
            value.forward(None, &weights, &bias, input, &kind);
            assert_result(kind.name(), &value, &a);
            value = nan(outputs, samples + 2);
            value.forward(Some(&mut derivative), &weights, &bias, input, &kind);
            assert_result(&format!("{} in training", kind.name()), &value, &a);
            assert_result(&format!("{}'", kind.name()), &derivative, &d);
        }
        // A user's own activation takes another code path and must give the same bits.
        let [built_in, own] = [ActivationKind::from(Tanh), ActivationKind::Custom(Tanh)].map(|kind| {
            let (mut value, mut derivative): (B, B) = (nan(outputs, samples + 2), nan(outputs, samples + 1));
            value.forward(Some(&mut derivative), &weights, &bias, input, &kind);
            let mut inference: B = nan(outputs, samples);
            inference.forward(None, &weights, &bias, input, &kind);
            [value, derivative, inference].map(|tensor| {
                let numbers = numbers(&tensor);
                numbers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
            })
        });
        for (own, built_in) in own.iter().zip(&built_in) {
            assert_same("tanh as an activation of one's own", own, built_in);
        }
    }
}

fn loss<B: Tensor<Scalar: Tolerance>>() {
    loss_of::<B, _>(&HalfMse);
    loss_of::<B, _>(&Mse);
    loss_of::<B, _>(&Mae);
    loss_of::<B, _>(&Huber::default());
    loss_of::<B, _>(&BinaryCrossEntropy);
    loss_of::<B, _>(&SoftmaxCrossEntropy::for_classes());
    loss_of::<B, _>(&SoftmaxCrossEntropy::for_probabilities());
}

/// Compares a loss of a batch with the same loss sample by sample.
fn loss_of<B: Tensor<Scalar: Tolerance>, L: Loss>(loss: &L) {
    let rng = &mut rng();
    for (outputs, _, samples) in SHAPES {
        let all_predictions: B = eighths(rng, outputs, samples + 5);
        let prediction = B::slice((&all_predictions).into(), 3..samples + 3);
        let rows = loss.target_rows(outputs);
        let classes = loss.target_kind() == TargetKind::Class;
        let mut number = || {
            if classes {
                rng.random_range(0..outputs) as f64
            } else {
                rng.random()
            }
        };
        let all_targets: B = tensor(
            (rows, samples + 5),
            &(0..rows * (samples + 5)).map(|_| number()).collect::<Vec<_>>(),
        );
        let target = B::slice((&all_targets).into(), 1..samples + 1);
        let all_weights: B = tensor(
            (1, samples + 5),
            &(0..samples + 5).map(|j| (j % 4) as f64).collect::<Vec<_>>(),
        );
        for weights in [None, Some(B::slice((&all_weights).into(), 2..samples + 2))] {
            let what = format!(
                "{loss:?} of {outputs} x {samples}, sample weights: {}",
                weights.is_some()
            );
            let scale = 0.25;
            let mut delta: B = nan(outputs, samples + 1);
            let got = delta.loss(loss, prediction, target, weights, B::Scalar::from_f64(scale));

            let weights = weights.map_or_else(
                || vec![1.0; samples],
                |w| values::<B>(w).iter().map(|w| w.to_f64()).collect(),
            );
            let (predictions, targets) = (values::<B>(prediction), values::<B>(target));
            let (mut sum, mut terms) = (0.0, 0.0);
            let got_delta = elements(&delta);
            for (j, weight) in weights.iter().enumerate() {
                let mut gradient = vec![B::Scalar::from_f64(0.0); outputs];
                let (p, t) = (&predictions[j * outputs..][..outputs], &targets[j * rows..][..rows]);
                let value = loss.value_and_gradient(p, t, &mut gradient).to_f64();
                sum += weight * value;
                terms += (weight * value).abs();
                for (i, g) in gradient.iter().enumerate() {
                    let expected = scale * weight * g.to_f64();
                    assert_close(
                        &what,
                        i + j * outputs,
                        got_delta[i + j * outputs],
                        expected,
                        expected.abs(),
                    );
                }
            }
            assert_close(&what, 0, got, sum, terms);
            assert!(
                numbers(&delta)[outputs * samples..].iter().all(|d| d.is_nan()),
                "{what}: behind the result"
            );
        }
    }
}

fn sample_weights<B: Tensor>() {
    let prediction: B = tensor((2, 4), &[1.0, 2.0, f64::INFINITY, 0.0, -3.0, 0.5, f64::NAN, 1.0]);
    let target: B = tensor((2, 4), &[0.0; 8]);
    let weights: B = tensor((1, 4), &[2.0, 0.0, 1.0, 0.0]);
    let mut delta: B = nan(2, 4);
    let one = B::Scalar::from_f64(1.0);
    let sum = delta.loss(
        &HalfMse,
        (&prediction).into(),
        (&target).into(),
        Some((&weights).into()),
        one,
    );
    assert_eq!(
        sum.to_f64(),
        2.0 * 2.5 + 4.625,
        "a sample of weight 0 must not count, and others must count by their weight"
    );
    assert_same("delta", &numbers(&delta), &[2.0, 4.0, 0.0, 0.0, -3.0, 0.5, 0.0, 0.0]);
    let sum = delta.loss(&HalfMse, (&prediction).into(), (&target).into(), None, one);
    assert!(
        !sum.is_finite(),
        "without weights the infinite loss must count: {sum:?}"
    );
}

fn backward<B: Tensor>() {
    let rng = &mut rng();
    for (outputs, inputs, samples) in SHAPES {
        let weights: B = eighths(rng, outputs, inputs);
        let (deltas, derivatives): (B, B) = (eighths(rng, outputs, samples + 5), eighths(rng, inputs, samples + 5));
        let delta = B::slice((&deltas).into(), 2..samples + 2);
        let derivative = B::slice((&derivatives).into(), 4..samples + 4);
        let (w, d, f) = (elements(&weights), values::<B>(delta), values::<B>(derivative));
        let products: Vec<_> = (0..inputs * samples)
            .map(|i| {
                let (k, j) = (i % inputs, i / inputs);
                (0..outputs).fold(B::Scalar::from_f64(0.0), |sum, i| {
                    sum + w[i + k * outputs] * d[i + j * outputs]
                })
            })
            .collect();
        let mut result: B = nan(inputs, samples + 1);
        result.backward(&weights, delta, None);
        assert_result("W^T delta", &result, &products);
        result = nan(inputs, samples + 1);
        result.backward(&weights, delta, Some(derivative));
        let expected: Vec<_> = products.iter().zip(f).map(|(&p, f)| p * f).collect();
        assert_result("(W^T delta) * f'", &result, &expected);
    }
}

fn gradient<B: Tensor>() {
    let rng = &mut rng();
    for (outputs, inputs, samples) in SHAPES {
        let (deltas, xs): (B, B) = (eighths(rng, outputs, samples + 5), eighths(rng, inputs, samples + 5));
        let (delta, input) = (
            B::slice((&deltas).into(), 2..samples + 2),
            B::slice((&xs).into(), 4..samples + 4),
        );
        let (d, x) = (values::<B>(delta), values::<B>(input));
        let sums = |start: &[B::Scalar], inputs: usize, x: &dyn Fn(usize, usize) -> B::Scalar| {
            (0..outputs * inputs)
                .map(|i| {
                    let (i, k) = (i % outputs, i / outputs);
                    (0..samples).fold(start[i + k * outputs], |sum, j| sum + d[i + j * outputs] * x(k, j))
                })
                .collect::<Vec<_>>()
        };
        let (before_weights, before_bias): (B, B) = (eighths(rng, outputs, inputs), eighths(rng, outputs, 1));
        for accumulate in [false, true] {
            let zeros = || B::zeros(outputs, inputs);
            let start = if accumulate {
                (before_weights.clone(), before_bias.clone())
            } else {
                (zeros(), zeros())
            };
            let mut weights = if accumulate {
                before_weights.clone()
            } else {
                nan(outputs, inputs)
            };
            let mut bias = if accumulate {
                before_bias.clone()
            } else {
                nan(outputs, 1)
            };
            weights.gradient(&mut bias, delta, input, accumulate);
            let what = format!("{outputs} x {inputs}, {samples} samples, accumulate: {accumulate}");
            let expected = sums(&elements(&start.0), inputs, &|k, j| x[k + j * inputs]);
            assert_same(&format!("dL/dW, {what}"), &elements(&weights), &expected);
            let expected = sums(&elements(&start.1), 1, &|_, _| B::Scalar::from_f64(1.0));
            assert_same(&format!("dL/db, {what}"), &elements(&bias), &expected);
        }
        let mut memory = Dense {
            weights: nan(outputs, inputs),
            bias: nan(outputs, 1),
        };
        let (mut updated, mut expected): (B, B) = (before_weights.clone(), nan(outputs, inputs));
        updated.update_in_place(&mut memory, delta, input, &Mix);
        let mut bias = nan(outputs, 1);
        expected.gradient(&mut bias, delta, input, false);
        expected.zip((&before_weights).into(), [], &Mix);
        let what = format!("in place, {outputs} x {inputs}, {samples} samples");
        assert_same(&format!("W, {what}"), &elements(&updated), &elements(&expected));
        assert_same(&format!("dL/db, {what}"), &elements(&memory.bias), &elements(&bias));
    }
}

/// A formula whose results all depend on every operand.
struct Mix;

impl<const S: usize> ZipFormula<S> for Mix {
    fn apply<T: Scalar>(&self, own: T, other: T, state: [T; S]) -> (T, [T; S]) {
        let factor = |s: usize| T::from_f64(s as f64 + 2.0);
        let new = (0..S).fold(own - factor(1) * other, |sum, s| sum + factor(s) * state[s]);
        (new, core::array::from_fn(|s| other - factor(s) * state[s] + own))
    }
}

fn zip<B: Tensor>() {
    zip_with::<B, 0>();
    zip_with::<B, 1>();
    zip_with::<B, 2>();
    finite_flag::<B>();
}

fn zip_with<B: Tensor, const S: usize>() {
    let rng = &mut rng();
    for (rows, columns) in [(1, 1), (3, 4), (20, 17), (1, 0), (0, 2)] {
        let others: B = eighths(rng, rows, columns + 3);
        let other = B::slice((&others).into(), 2..columns + 2);
        let mut own: B = eighths(rng, rows, columns + 1);
        let mut state: [B; S] = core::array::from_fn(|_| eighths(rng, rows, columns + 2));
        let (old, old_state) = (elements(&own), state.each_ref().map(elements));
        assert!(own.zip(other, state.each_mut(), &Mix), "all new elements are finite");
        let (new, new_state) = (elements(&own), state.each_ref().map(elements));
        let others = values::<B>(other);
        for i in 0..rows * columns {
            let expected: (_, [_; S]) = Mix.apply(old[i], others[i], core::array::from_fn(|s| old_state[s][i]));
            let got = (new[i], core::array::from_fn(|s| new_state[s][i]));
            assert!(
                got == expected,
                "element {i} of {rows} x {columns}: got {got:?}, expected {expected:?}"
            );
        }
        assert_same("columns behind", &new[rows * columns..], &old[rows * columns..]);
        for (new, old) in new_state.iter().zip(&old_state) {
            assert_same(
                "columns of the state behind",
                &new[rows * columns..],
                &old[rows * columns..],
            );
        }
    }
}

/// Returns the other element.
struct Take;

impl ZipFormula<1> for Take {
    fn apply<T: Scalar>(&self, _: T, other: T, state: [T; 1]) -> (T, [T; 1]) {
        (other, state)
    }
}

fn finite_flag<B: Tensor>() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (other, own, state, finite) in [
        ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0], true),
        ([1.0, 2.0], [nan, -inf], [nan, inf], true),
        ([inf, 2.0], [0.0; 2], [0.0; 2], false),
        ([1.0, -inf], [0.0; 2], [0.0; 2], false),
        ([1.0, nan], [0.0; 2], [0.0; 2], false),
    ] {
        let other: B = tensor((1, 2), &other);
        // The third column is not used, and not finite.
        let mut own: B = tensor((1, 3), &[own[0], own[1], nan]);
        let mut state: B = tensor((1, 2), &state);
        let got = own.zip((&other).into(), [&mut state], &Take);
        assert!(got == finite, "new elements {other:?}: got {got}, expected {finite}");
    }
}

fn dot<B: Tensor>() {
    let rng = &mut rng();
    for (rows, columns) in [(1, 1), (3, 4), (20, 17), (0, 3), (3, 0)] {
        let (a, b): (B, B) = (eighths(rng, rows, columns), eighths(rng, rows, columns));
        let expected: f64 = numbers(&a).iter().zip(numbers(&b)).map(|(a, b)| a * b).sum();
        assert_eq!(a.dot(&b), expected, "{rows} x {columns}");
    }
}

fn for_each<B: Tensor>() {
    let mut items: Vec<_> = (0..1000).map(|i| (i, 0)).collect();
    B::for_each(&mut items, |i, (item, runs)| {
        assert_eq!(i, *item);
        *runs += 1;
    });
    assert!(items.iter().all(|&(_, runs)| runs == 1), "every task runs once");
    B::for_each(&mut [], |_, (): &mut ()| panic!("a task without an item"));
}

/// With dimensions of 0 nothing is computed: without samples the gradient is 0, and without inputs the bias remains.
fn empty_and_single<B: Tensor>() {
    for (outputs, inputs, samples) in [
        (3, 4, 0),
        (20, 20, 0),
        (1024, 1024, 0),
        (3, 0, 2),
        (0, 4, 2),
        (0, 0, 0),
        (1, 1, 1),
    ] {
        let what = format!("{outputs} x {inputs}, {samples} samples");
        let ones = |rows: usize, columns: usize| tensor::<B>((rows, columns), &vec![1.0; rows * columns]);
        let (weights, bias, input) = (ones(outputs, inputs), ones(outputs, 1), ones(inputs, samples));
        let (mut z, mut derivative): (B, B) = (nan(outputs, samples), nan(outputs, samples));
        z.forward(
            Some(&mut derivative),
            &weights,
            &bias,
            (&input).into(),
            &ActivationKind::<NoCustom>::from(Relu),
        );
        assert_same(&what, &numbers(&z), &vec![inputs as f64 + 1.0; outputs * samples]);
        z.forward(
            None,
            &weights,
            &bias,
            (&input).into(),
            &ActivationKind::<NoCustom>::from(LeakyRelu::default()),
        );
        assert_same(&what, &numbers(&z), &vec![inputs as f64 + 1.0; outputs * samples]);

        let target = ones(outputs, samples);
        let mut delta: B = nan(outputs, samples);
        let sum = delta.loss(&HalfMse, (&z).into(), (&target).into(), None, B::Scalar::from_f64(1.0));
        assert_eq!(
            sum.to_f64(),
            0.5 * (inputs * inputs * outputs * samples) as f64,
            "{what}"
        );

        let mut before: B = nan(inputs, samples);
        before.backward(&weights, (&delta).into(), None);
        assert_same(
            &what,
            &numbers(&before),
            &vec![(inputs * outputs) as f64; inputs * samples],
        );

        let (mut weights, mut bias): (B, B) = (nan(outputs, inputs), nan(outputs, 1));
        weights.gradient(&mut bias, (&delta).into(), (&input).into(), false);
        assert_same(
            &what,
            &numbers(&weights),
            &vec![(inputs * samples) as f64; outputs * inputs],
        );
        assert_same(&what, &numbers(&bias), &vec![(inputs * samples) as f64; outputs]);
    }
}

/// Tests sums of arbitrary numbers, including long sums.
fn rounding<B: Tensor<Scalar: Tolerance>>() {
    let rng = &mut rng();
    for (outputs, inputs, samples) in [(3, 5, 4), (5, 300, 3), (300, 5, 3), (7, 40, 300)] {
        let mut random = |rows: usize, columns: usize| -> B {
            tensor(
                (rows, columns),
                &(0..rows * columns)
                    .map(|_| rng.random_range(-1.0..1.0))
                    .collect::<Vec<_>>(),
            )
        };
        let (weights, bias, input, delta) = (
            random(outputs, inputs),
            random(outputs, 1),
            random(inputs, samples),
            random(outputs, samples),
        );
        let (w, b, x, d) = (numbers(&weights), numbers(&bias), numbers(&input), numbers(&delta));
        let check = |what: &str, got: &B, rows: usize, terms: &dyn Fn(usize, usize) -> Vec<f64>| {
            for (index, got) in elements(got).into_iter().enumerate() {
                let terms = terms(index % rows, index / rows);
                let (sum, size) = (terms.iter().sum(), terms.iter().map(|term| term.abs()).sum());
                assert_close(what, index, got, sum, size);
            }
        };
        let mut z: B = nan(outputs, samples);
        z.forward(
            None,
            &weights,
            &bias,
            (&input).into(),
            &ActivationKind::<NoCustom>::from(Identity),
        );
        check("z", &z, outputs, &|i, j| {
            (0..inputs)
                .map(|k| w[i + k * outputs] * x[k + j * inputs])
                .chain([b[i]])
                .collect()
        });
        let mut before: B = nan(inputs, samples);
        before.backward(&weights, (&delta).into(), None);
        check("W^T delta", &before, inputs, &|k, j| {
            (0..outputs).map(|i| w[i + k * outputs] * d[i + j * outputs]).collect()
        });
        let (mut gradient, mut bias_gradient): (B, B) = (nan(outputs, inputs), nan(outputs, 1));
        gradient.gradient(&mut bias_gradient, (&delta).into(), (&input).into(), false);
        check("dL/dW", &gradient, outputs, &|i, k| {
            (0..samples).map(|j| d[i + j * outputs] * x[k + j * inputs]).collect()
        });
        check("dL/db", &bias_gradient, outputs, &|i, _| {
            (0..samples).map(|j| d[i + j * outputs]).collect()
        });
        let terms: Vec<_> = numbers(&z).iter().zip(&d).map(|(a, b)| a * b).collect();
        assert_close(
            "dot",
            0,
            B::Scalar::from_f64(z.dot(&delta)),
            terms.iter().sum(),
            terms.iter().map(|term| term.abs()).sum(),
        );
    }
}
