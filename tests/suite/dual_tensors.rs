//! Compares every operation of [`DualTensor`] with the same operation on [`Naive`] of dual numbers, for each choice of
//! operands that have a tangent. All numbers are multiples of 1/8 whose sums are exact, so results must be equal.

use crate::naive::{Naive, tensor, values};
use mlp_core::activations::{LeakyRelu, Mish, Tanh};
use mlp_core::backend::{Tensor, ZipFormula};
use mlp_core::{
    ActivationKind, Dual, DualColumns, DualTensor, HalfMse, Loss, Mlp, Scalar, SoftmaxCrossEntropy, Workspace,
};
use mlp_cpu::Matrix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::panic::{AssertUnwindSafe, catch_unwind};

type Ours = DualTensor<Matrix<f64>>;
type Oracle = Naive<Dual<f64>>;

/// The same matrix twice, with or without a tangent.
fn pair(rng: &mut impl RngExt, (rows, columns): (usize, usize), varies: bool) -> (Ours, Oracle) {
    let mut number = || f64::from(rng.random_range(-16..=16)) / 8.0;
    let numbers: Vec<_> = (0..rows * columns)
        .map(|_| Dual {
            value: number(),
            derivative: if varies { number() } else { 0.0 },
        })
        .collect();
    let (mut ours, mut oracle) = (Ours::zeros(rows, columns), Oracle::zeros(rows, columns));
    ours.write(&numbers);
    oracle.write(&numbers);
    assert_eq!(ours.tangent().is_some(), varies && rows * columns > 0);
    (ours, oracle)
}

#[track_caller]
fn assert_same(what: &str, ours: &Ours, oracle: &Oracle) {
    assert_eq!(values::<Ours>(ours.into()), values::<Oracle>(oracle.into()), "{what}");
}

/// Calls `test` for a few shapes (n_out, n_in, samples), with each choice of three operands that vary.
fn for_cases(mut test: impl FnMut(&mut Xoshiro256PlusPlus, (usize, usize, usize), [bool; 3])) {
    let rng = &mut Xoshiro256PlusPlus::seed_from_u64(5);
    for shape in [(1, 1, 1), (3, 2, 4), (9, 17, 5), (20, 9, 33)] {
        for bits in 0..8 {
            test(rng, shape, [0, 1, 2].map(|bit| bits >> bit & 1 == 1));
        }
    }
}

#[test]
fn forward_is_that_of_dual_numbers() {
    for_cases(|rng, (outputs, inputs, samples), [of_weights, of_bias, of_input]| {
        let (w, w_oracle) = pair(rng, (outputs, inputs), of_weights);
        let (b, b_oracle) = pair(rng, (outputs, 1), of_bias);
        let (x, x_oracle) = pair(rng, (inputs, samples + 2), of_input);
        let (x, x_oracle) = (
            Ours::slice((&x).into(), 1..samples + 1),
            Oracle::slice((&x_oracle).into(), 1..samples + 1),
        );
        for kind in [ActivationKind::from(LeakyRelu::default()), Tanh.into(), Mish.into()] {
            let kind: ActivationKind = kind;
            // What the buffers hold before does not matter.
            let (mut a, _) = pair(rng, (outputs, samples), of_input);
            let (mut d, _) = pair(rng, (outputs, samples), of_bias);
            let mut inference = a.clone();
            let [mut a_oracle, mut d_oracle] = [(); 2].map(|()| Oracle::zeros(outputs, samples));
            a.forward(Some(&mut d), &w, &b, x, &kind);
            a_oracle.forward(Some(&mut d_oracle), &w_oracle, &b_oracle, x_oracle, &kind);
            inference.forward(None, &w, &b, x, &kind);
            let what = format!("{kind} of {outputs} x {inputs}");
            assert_same(&what, &a, &a_oracle);
            assert_same(&what, &d, &d_oracle);
            assert_same(&what, &inference, &a_oracle);
        }
    });
}

#[test]
fn backward_is_that_of_dual_numbers() {
    for_cases(
        |rng, (outputs, inputs, samples), [of_weights, of_delta, of_derivative]| {
            let (w, w_oracle) = pair(rng, (outputs, inputs), of_weights);
            let (delta, delta_oracle) = pair(rng, (outputs, samples), of_delta);
            let (d, d_oracle) = pair(rng, (inputs, samples), of_derivative);
            // What the result holds before does not matter.
            for (with, of_result) in [(false, false), (false, true), (true, false), (true, true)] {
                let (mut result, _) = pair(rng, (inputs, samples), of_result);
                let mut oracle = Oracle::zeros(inputs, samples);
                result.backward(&w, (&delta).into(), with.then_some((&d).into()));
                oracle.backward(&w_oracle, (&delta_oracle).into(), with.then_some((&d_oracle).into()));
                assert_same("backward", &result, &oracle);
            }
        },
    );
}

#[test]
fn gradient_is_that_of_dual_numbers() {
    for_cases(|rng, (outputs, inputs, samples), [of_delta, of_input, of_result]| {
        let (delta, delta_oracle) = pair(rng, (outputs, samples), of_delta);
        let (x, x_oracle) = pair(rng, (inputs, samples), of_input);
        for of_bias in [false, true] {
            for accumulate in [false, true] {
                let (mut w, mut w_oracle) = pair(rng, (outputs, inputs), of_result);
                let (mut b, mut b_oracle) = pair(rng, (outputs, 1), of_bias);
                w.gradient(&mut b, (&delta).into(), (&x).into(), accumulate);
                w_oracle.gradient(&mut b_oracle, (&delta_oracle).into(), (&x_oracle).into(), accumulate);
                assert_same("weights", &w, &w_oracle);
                assert_same("bias", &b, &b_oracle);
            }
        }
    });
}

/// own <- own other + own^2, and state <- state * other + own.
struct Mixed;

impl ZipFormula<0> for Mixed {
    fn apply<T: Scalar>(&self, own: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        (own * other + own * own, [])
    }
}

impl ZipFormula<1> for Mixed {
    fn apply<T: Scalar>(&self, own: T, other: T, [state]: [T; 1]) -> (T, [T; 1]) {
        (own * other + own * own, [state * other + own])
    }
}

impl ZipFormula<2> for Mixed {
    fn apply<T: Scalar>(&self, own: T, other: T, states: [T; 2]) -> (T, [T; 2]) {
        (own * other + own * own, states)
    }
}

#[test]
fn zip_and_gather_are_those_of_dual_numbers() {
    for_cases(|rng, (rows, _, samples), [of_own, of_other, of_state]| {
        let shape = (rows, samples + 1);
        let (own, own_oracle) = pair(rng, shape, of_own);
        let (other, other_oracle) = pair(rng, (rows, samples), of_other);
        let (state, state_oracle) = pair(rng, shape, of_state);
        let (mut a, mut b) = (own.clone(), own_oracle.clone());
        assert!(a.zip((&other).into(), [], &Mixed) && b.zip((&other_oracle).into(), [], &Mixed));
        assert_same("zip", &a, &b);
        let (mut a, mut b) = (own.clone(), own_oracle.clone());
        let (mut s, mut t) = (state.clone(), state_oracle.clone());
        assert!(a.zip((&other).into(), [&mut s], &Mixed) && b.zip((&other_oracle).into(), [&mut t], &Mixed));
        assert_same("zip with a state", &a, &b);
        assert_same("the state", &s, &t);

        let (mut a, mut b) = (own, own_oracle);
        a.gather(1, (&other).into(), &vec![samples - 1; samples]);
        b.gather(1, (&other_oracle).into(), &vec![samples - 1; samples]);
        assert_same("gather", &a, &b);
    });
}

#[test]
fn zip_reports_tangents_that_are_not_finite() {
    for value in [f64::NAN, f64::INFINITY] {
        let mut own = Ours::new(Matrix::zeros(1, 1), Matrix::from_columns(&[[value]]));
        let other = Ours::constant(Matrix::zeros(1, 1));
        assert!(!own.zip((&other).into(), [], &Mixed));
        let mut states = [(); 2].map(|()| other.clone());
        assert!(!own.zip((&other).into(), states.each_mut(), &Mixed));
    }
}

#[test]
fn results_that_do_not_fit_are_told_with_both_shapes() {
    #[track_caller]
    fn assert_panics(work: impl FnOnce(), expected: &str) {
        let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("expected a panic");
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some(expected));
    }
    let matrix = |columns| Ours::new(Matrix::zeros(2, columns), Matrix::zeros(2, columns));
    let (own, small) = (matrix(3), matrix(2));
    assert_panics(
        || _ = small.clone().zip((&own).into(), [], &Mixed),
        "zip: expected self of 2 x 3, got 2 x 2",
    );
    let mut states = [own.clone(), small.clone()];
    assert_panics(
        || _ = own.clone().zip((&own).into(), states.each_mut(), &Mixed),
        "zip: expected state of 2 x 3, got 2 x 2",
    );
    assert_panics(
        || {
            _ = small
                .clone()
                .loss(&HalfMse, (&own).into(), (&own).into(), None, Dual::constant(1.0));
        },
        "loss: expected delta of 2 x 3, got 2 x 2",
    );
}

#[test]
fn values_and_tangents_are_two_matrices() {
    let [value, tangent] = [1.0, 3.0].map(|x| Matrix::from_columns(&[[x, 2.0]]));
    let columns = DualColumns::<Matrix<f64>>::new((&value).into(), Some((&tangent).into()));
    assert_eq!(values::<Matrix<f64>>(columns.value()), [1.0, 2.0]);
    assert_eq!(columns.tangent().map(values::<Matrix<f64>>), Some(vec![3.0, 2.0]));
    let mut matrix = Ours::new(value.clone(), tangent.clone());
    assert_eq!(matrix.dot(&Ours::new(tangent, value)), 7.0);
    matrix.clear_tangent();
    assert!(matrix.tangent().is_none());

    let mut numbers = [0; 3];
    Ours::for_each(&mut numbers, |i, number| *number = i + 1);
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn losses_are_those_of_dual_numbers() {
    fn compare(loss: &impl Loss, whole: bool) {
        for_cases(|rng, (outputs, _, samples), [of_prediction, of_weights, of_scale]| {
            let (p, p_oracle) = pair(rng, (outputs, samples), of_prediction);
            let rows = loss.target_rows(outputs);
            let numbers: Vec<_> = (0..rows * samples)
                .map(|_| {
                    if whole {
                        rng.random_range(0..outputs) as f64
                    } else {
                        rng.random()
                    }
                })
                .collect();
            let (t, t_oracle): (Ours, Oracle) = (tensor((rows, samples), &numbers), tensor((rows, samples), &numbers));
            let (mut w, mut w_oracle) = pair(rng, (1, samples), of_weights);
            // A sample of weight 0 is left out.
            let mut first = values::<Oracle>((&w_oracle).into());
            first[0] = Dual::constant(0.0);
            w.write(&first);
            w_oracle.write(&first);
            let scale = Dual {
                value: 0.5,
                derivative: f64::from(u8::from(of_scale)),
            };
            let (mut d, _) = pair(rng, (outputs, samples), of_scale);
            let mut d_oracle = Oracle::zeros(outputs, samples);
            let got = d.loss(loss, (&p).into(), (&t).into(), Some((&w).into()), scale);
            let expected = d_oracle.loss(
                loss,
                (&p_oracle).into(),
                (&t_oracle).into(),
                Some((&w_oracle).into()),
                scale,
            );
            assert!((got.value - expected.value).abs() <= 1e-12 * expected.value.abs());
            let (d, d_oracle) = (values::<Ours>((&d).into()), values::<Oracle>((&d_oracle).into()));
            for (got, expected) in d.iter().zip(&d_oracle) {
                assert!((got.value - expected.value).abs() <= 1e-14, "{got:?} {expected:?}");
                assert!(
                    (got.derivative - expected.derivative).abs() <= 1e-13,
                    "{got:?} {expected:?}"
                );
            }
        });
    }
    compare(&HalfMse, false);
    compare(&SoftmaxCrossEntropy::for_classes(), true);
    compare(&SoftmaxCrossEntropy::for_probabilities(), false);
}

/// dL/dtheta of L = sum of l(u, u', u'') with u' = du/dx, by nested dual tensors, against differences of L.
#[test]
fn a_loss_of_derivatives_has_the_gradient_in_the_tangent() {
    let network = Mlp::<Matrix<f64>>::builder(&[1, 5, 4, 1])
        .hidden(Tanh)
        .seed(3)
        .build()
        .unwrap();
    let points = Matrix::from_fn(1, 6, |_, j| j as f64 / 3.0 - 1.0);
    let ones = Matrix::from_fn(1, 6, |_, _| 1.0);

    // L = sum (u'' + u + u' u)^2 / 2.
    let residual = |u: f64, du: f64, ddu: f64| ddu + u + du * u;
    let nested = |network: Mlp<Matrix<f64>>| network.lift().lift();
    let lifted_points = || {
        let inner = DualTensor::new(points.clone(), ones.clone());
        let mut tangent = DualTensor::constant(ones.clone());
        tangent.clear_tangent();
        DualTensor::new(inner, tangent)
    };
    let derivatives = |network: &Mlp<Matrix<f64>>| {
        let u = nested(network.clone()).predict(&lifted_points());
        values::<DualTensor<DualTensor<Matrix<f64>>>>((&u).into())
    };
    let value = |network: &Mlp<Matrix<f64>>| -> f64 {
        let u = derivatives(network);
        u.iter()
            .map(|u| residual(u.value.value, u.value.derivative, u.derivative.derivative).powi(2) / 2.0)
            .sum()
    };

    let lifted = nested(network.clone());
    let mut workspace = Workspace::new(&lifted, 6).unwrap();
    let input = lifted_points();
    lifted.forward(&input, &mut workspace);
    let seeds: Vec<_> = derivatives(&network)
        .iter()
        .map(|y| {
            let (u, du, ddu) = (y.value.value, y.value.derivative, y.derivative.derivative);
            let r = residual(u, du, ddu);
            // Values and tangents change places: dl/du'' is the value of the value.
            Dual {
                value: Dual {
                    value: r,
                    derivative: r * u,
                },
                derivative: Dual {
                    value: 0.0,
                    derivative: r * (1.0 + du),
                },
            }
        })
        .collect();
    let mut seed = DualTensor::<DualTensor<Matrix<f64>>>::zeros(1, 6);
    seed.write(&seeds);
    lifted.pullback(&input, &seed, &mut workspace);

    for layer in 0..3 {
        let gradient = values::<DualTensor<DualTensor<Matrix<f64>>>>((&workspace.gradient()[layer].weights).into());
        for (i, got) in gradient.iter().enumerate() {
            let at = |step: f64| {
                let mut network = network.clone();
                let weights = &mut network.layers_mut()[layer].weights;
                let rows = weights.shape().0;
                weights[(i % rows, i / rows)] += step;
                value(&network)
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            let got = got.derivative.derivative;
            assert!(
                (got - expected).abs() < 1e-7 * expected.abs().max(1.0),
                "{got} {expected}"
            );
        }
    }
}
