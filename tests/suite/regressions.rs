//! Tests that this library does not have bugs that were found in other libraries: one test for each, with the project
//! and the number of the report.

pub(crate) mod subnormal;

use crate::activations::{Float, check_positions, functions};
use mlp_core::activations::{GeluTanh, Relu};
use mlp_core::{
    BinaryCrossEntropy, DataError, GradientDescent, HalfMse, Loss, Mlp, Samples, Scalar, SoftmaxCrossEntropy,
    TrainError, Trainer, Workspace, softmax,
};
use mlp_cpu::Matrix;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Fails unless `got` is within `relative` of `expected`, which is not 0.
#[track_caller]
fn assert_near<T: Float>(what: &str, got: T, expected: f64, relative: f64) {
    let error = (got.to_f64() - expected).abs();
    assert!(
        error <= relative * expected.abs(),
        "{what}, {}: expected {expected:e}, got {got:e}",
        T::NAME
    );
}

/// Returns value and derivative of the activation `name`.
fn at<T: Float>(name: &str, z: f64) -> (T, T) {
    let (functions, z) = (functions::<T>(name), T::from_f64(z));
    ((functions.value)(z), (functions.derivative)(z))
}

/// Returns value and gradient of a loss of one output.
fn loss_at<T: Float>(loss: &impl Loss, prediction: f64, target: f64) -> (T, T) {
    let mut gradient = [T::from_f64(f64::NAN)];
    let value = loss.value_and_gradient(&[T::from_f64(prediction)], &[T::from_f64(target)], &mut gradient);
    (value, gradient[0])
}

/// Returns activations and derivatives of a layer of `z.len()` neurons with pre-activations `z`, computed in a matrix.
fn through_a_matrix<T: Float>(name: &str, z: &[T]) -> (Vec<T>, Vec<T>) {
    let layer = mlp_core::Dense {
        weights: Matrix::zeros(z.len(), 1),
        bias: Matrix::from_vec(z.len(), 1, z.to_vec()),
    };
    let network = Mlp::<Matrix<T>>::from_layers(vec![(layer, name.parse().unwrap())]).unwrap();
    let mut workspace = Workspace::new(&network, 1).unwrap();
    network.forward(&Matrix::zeros(1, 1), &mut workspace);
    let derivative = workspace.derivative(0).expect("a nonlinear layer has derivatives");
    (workspace.activation(0).to_vec(), derivative.to_vec())
}

/// Burn #5373: the formula ln(1 + e^z) is infinite above 88.7 in `f32`, and its gradient is NaN. A margin loss built
/// on it has the same problem.
#[test]
fn softplus_is_finite_above_88() {
    for z in [88.7, 88.8, 89.0, 100.0, 1e4, 1e30] {
        assert_eq!(at::<f32>("softplus", z), (z as f32, 1.0), "softplus, f32, at {z}");
        assert_eq!(
            loss_at::<f32>(&BinaryCrossEntropy, z, 0.0),
            (z as f32, 1.0),
            "cross-entropy, f32, at {z}"
        );
    }
    for z in [709.0, 710.0, 1e4, 1e300] {
        assert_eq!(at::<f64>("softplus", z), (z, 1.0), "softplus, f64, at {z}");
    }
}

/// Candle #1722: e^z / (1 + e^z)^2 and similar formulas are NaN for z <= -201 in `f32`.
#[test]
fn sigmoid_gradient_is_finite_below_minus_201() {
    assert_near(
        "sigmoid' at -80",
        at::<f32>("sigmoid", -80.0).1,
        1.804_851_387_845_415_3e-35,
        1e-6,
    );
    for z in [-201.0, -202.0, -500.0, -1e30] {
        assert_eq!(at::<f32>("sigmoid", z), (0.0, 0.0), "sigmoid, f32, at {z}");
        assert_eq!(at::<f32>("sigmoid", -z), (1.0, 0.0), "sigmoid, f32, at {}", -z);
    }
    assert_near(
        "sigmoid' at -201",
        at::<f64>("sigmoid", -201.0).1,
        5.091_070_808_950_11e-88,
        1e-13,
    );
}

/// Burn #315: softmax of logits of about 1000 is NaN, its logarithm -inf.
#[test]
fn softmax_of_a_thousand() {
    fn check<T: Float>(tolerance: f64) {
        let logits = [1000.0, 999.0, -1000.0].map(T::from_f64);
        let mut probabilities = [T::zero(); 3];
        softmax(&logits, &mut probabilities);
        assert_near("softmax, class 0", probabilities[0], 0.731_058_578_630_004_9, tolerance);
        assert_near("softmax, class 1", probabilities[1], 0.268_941_421_369_995_1, tolerance);
        assert_eq!(probabilities[2], T::zero(), "softmax, class 2");
        // ln softmax is the negated loss.
        for (class, expected) in [
            (0.0, 0.313_261_687_518_222_85),
            (1.0, 1.313_261_687_518_222_8),
            (2.0, 2_000.313_261_687_518),
        ] {
            let mut gradient = [T::zero(); 3];
            let loss = SoftmaxCrossEntropy::with_classes();
            let value = loss.value_and_gradient(&logits, &[T::from_f64(class)], &mut gradient);
            assert_near(&format!("loss of class {class}"), value, expected, tolerance);
            assert!(
                gradient.iter().all(|g| g.is_finite()),
                "class {class}: gradient {gradient:?}"
            );
        }
    }
    check::<f32>(1e-6);
    check::<f64>(1e-15);
}

/// PyTorch #102894, #49844, #135359: the loss of an infinite logit is NaN even if the label agrees with it.
#[test]
fn binary_cross_entropy_at_infinite_logits() {
    fn check<T: Float>() {
        for (logit, target, value, gradient) in [
            (f64::INFINITY, 1.0, 0.0, 0.0),
            (f64::NEG_INFINITY, 0.0, 0.0, 0.0),
            (f64::INFINITY, 0.0, f64::INFINITY, 1.0),
            (f64::NEG_INFINITY, 1.0, f64::INFINITY, -1.0),
        ] {
            let expected = (T::from_f64(value), T::from_f64(gradient));
            assert_eq!(
                loss_at::<T>(&BinaryCrossEntropy, logit, target),
                expected,
                "logit {logit}, target {target}"
            );
        }
    }
    check::<f32>();
    check::<f64>();
}

/// PyTorch #2221: the sign of a clamp was wrong, and the loss at -100 infinite.
#[test]
fn binary_cross_entropy_at_minus_100() {
    assert_eq!(loss_at::<f32>(&BinaryCrossEntropy, -100.0, 1.0), (100.0, -1.0));
    assert_eq!(loss_at::<f64>(&BinaryCrossEntropy, -100.0, 1.0), (100.0, -1.0));
    assert_eq!(loss_at::<f32>(&BinaryCrossEntropy, 100.0, 0.0), (100.0, 1.0));
    let (value, gradient) = loss_at::<f64>(&BinaryCrossEntropy, -100.0, 0.0);
    assert_near("loss at -100, target 0", value, 3.720_075_976_020_836e-44, 1e-14);
    assert_near("gradient at -100, target 0", gradient, 3.720_075_976_020_836e-44, 1e-14);
}

/// PyTorch #51906: the mean over no samples is NaN, silently.
#[test]
fn empty_batch_is_an_error_not_nan() {
    let (input, target) = (Matrix::<f64>::zeros(1, 0), Matrix::<f64>::zeros(1, 0));
    let error = Samples::<Matrix<f64>>::new(&input, &target).unwrap_err();
    assert_eq!(error, DataError::Empty);
    assert_eq!(
        error.to_string(),
        "samples: expected at least one with a weight above 0, got none"
    );

    // Samples that all have weight 0.
    let (one, weights) = (Matrix::zeros(1, 2), Matrix::zeros(1, 2));
    let samples = Samples::<Matrix<f64>>::new(&one, &one).unwrap();
    assert_eq!(samples.weighted(&weights).unwrap_err(), DataError::Empty);

    // For the step itself, this is a programmer's mistake.
    let network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build().unwrap();
    let mut workspace = Workspace::new(&network, 1).unwrap();
    network.forward(&input, &mut workspace);
    let panic = catch_unwind(AssertUnwindSafe(|| network.loss(&HalfMse, &target, &mut workspace)));
    let message = *panic
        .expect_err("expected a panic")
        .downcast::<&str>()
        .expect("a message");
    assert_eq!(message, "loss: expected at least one sample, got none");
}

/// The same (PyTorch #51906) for a slice without samples, or without a sample of positive weight.
#[test]
fn an_empty_slice_of_samples_is_an_error_not_nan() {
    let (data, weights) = (Matrix::zeros(1, 2), Matrix::from_vec(1, 2, vec![0.0, 1.0]));
    let samples = Samples::<Matrix<f64>>::new(&data, &data).unwrap();
    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build().unwrap();
    let before = network.clone();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    for (what, slice) in [
        ("no samples", samples.slice(0..0)),
        ("weight 0", samples.weighted(&weights).unwrap().slice(0..1)),
    ] {
        let step = catch_unwind(AssertUnwindSafe(|| trainer.step(&mut network, slice)));
        let step = step.unwrap_or_else(|_| panic!("{what}: expected an error, got a panic"));
        assert_eq!(step, Err(TrainError::Data(DataError::Empty)), "{what}");
        assert_eq!(network, before, "{what}");
    }
}

/// PyTorch #103316: the cross-entropy of the sigmoid's probabilities has a gradient of 1e-11 at a logit of -50. The
/// correct gradient is -1/8 for each of 8 outputs.
#[test]
fn bce_gradient_survives_minus_50() {
    fn check<T: Float>() {
        let mut gradient = [T::zero(); 8];
        let logits = [T::from_f64(-50.0); 8];
        let value = BinaryCrossEntropy.value_and_gradient(&logits, &[T::one(); 8], &mut gradient);
        assert_eq!(value, T::from_f64(50.0));
        assert_eq!(gradient, [T::from_f64(-0.125); 8]);
    }
    check::<f32>();
    check::<f64>();
}

/// TVM #20184, PyTorch #55587 and #31110: using z instead of softplus(z) above a threshold of 20 gives an error of
/// 1.9e-9, half a million ULP of `f64`, and another threshold in the gradient disagrees with the value.
#[test]
fn softplus_f64_above_threshold_20() {
    for (z, excess, slope) in [
        (20.0, 2.061_153_620_314_381e-9, 0.999_999_997_938_846_3),
        (20.1, 1.865_008_920_163_638e-9, 0.999_999_998_134_991_2),
        (30.0, 9.357_622_968_839_737e-14, 0.999_999_999_999_906_5),
    ] {
        let (value, derivative) = at::<f64>("softplus", z);
        assert!(
            (value - (z + excess)).abs() <= f64::unit(z),
            "softplus at {z}: expected {}, got {value}",
            z + excess
        );
        assert!(
            (derivative - slope).abs() <= f64::unit(1.0),
            "softplus' at {z}: expected {slope}, got {derivative}"
        );
    }
    // The function is smooth: there is no step between the neighbors of the threshold.
    for threshold in [20.0_f64, 30.0, 33.0, 36.7, 40.0] {
        let (below, above) = (
            at::<f64>("softplus", threshold.next_down()),
            at::<f64>("softplus", threshold.next_up()),
        );
        let step = above.0 - below.0;
        assert!(
            (0.0..=4.0 * f64::unit(threshold)).contains(&step),
            "a step of {step:e} at {threshold}"
        );
        assert!(
            (above.1 - below.1).abs() <= 2.0 * f64::unit(1.0),
            "slopes {} and {} at {threshold}",
            below.1,
            above.1
        );
    }
}

/// PyTorch #48235 (softplus) and XLA #41122 (erf): the value depends on the number of elements of the tensor, because
/// the body of the vector and its remainder are computed by two formulas.
#[test]
fn value_does_not_depend_on_position() {
    for name in ["softplus", "gelu"] {
        for n in 1..=67 {
            let z: Vec<f64> = (0..n).map(|i| 0.37 * f64::from(i) - 11.3).collect();
            check_positions::<f64>(name, &z);
            check_positions::<f32>(name, &z.iter().map(|&z| z as f32).collect::<Vec<_>>());
        }
    }
}

/// Executorch #22323, PyTorch #186278: the tanh form of GELU is NaN below -13 (infinity over infinity within tanh),
/// and so is, silently, the whole network.
#[test]
fn tanh_gelu_below_minus_13() {
    fn check<T: Float>(largest: f64) {
        for z in [
            -12.9,
            -13.0,
            -13.1,
            -20.0,
            -100.0,
            -1e4,
            -1e13,
            -1e30,
            -largest,
            f64::NEG_INFINITY,
        ] {
            let (value, derivative) = at::<T>("gelu_tanh", z);
            let tail = -1e-60..=0.0;
            assert!(
                tail.contains(&value.to_f64()),
                "gelu_tanh, {}, at {z}: got {value:?}",
                T::NAME
            );
            assert!(
                tail.contains(&derivative.to_f64()),
                "gelu_tanh', {}, at {z}: got {derivative:?}",
                T::NAME
            );
        }
    }
    check::<f32>(f32::MAX.into());
    check::<f64>(f64::MAX);

    let mut network = Mlp::<Matrix<f32>>::builder(&[1, 16, 16, 1])
        .hidden(GeluTanh)
        .seed(1)
        .build()
        .unwrap();
    let input = Matrix::from_columns(&[[-1000.0], [1000.0], [0.5]]);
    let target = Matrix::from_columns(&[[1.0], [2.0], [3.0]]);
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1e-9).unwrap());
    for step in 0..10 {
        let loss = trainer.step(&mut network, Samples::new(&input, &target).unwrap());
        assert!(
            loss.as_ref().is_ok_and(|loss| loss.is_finite()),
            "step {step}: {loss:?}"
        );
    }
}

/// The tanh form computed as z/2 (1 + tanh u) cancels below -4 and is 0 below -7 in `f32` (research on PyTorch and
/// JAX).
#[test]
fn tanh_gelu_does_not_cancel_below_minus_4() {
    for (z, expected) in [
        (-8.0, -3.107_782_937_501_111_2e-21),
        (-6.0, -8.439_646_700_762_297e-11),
        (-5.0, -2.291_796_196_629_506e-07),
        (-4.0, -7.024_594_819_237_268e-05),
    ] {
        assert_near(
            &format!("gelu_tanh at {z}"),
            at::<f32>("gelu_tanh", z).0,
            expected,
            1e-5,
        );
        assert_near(
            &format!("gelu_tanh at {z}"),
            at::<f64>("gelu_tanh", z).0,
            expected,
            1e-13,
        );
    }
}

/// tt-metal #56517: exact GELU is 0 below -6, where 1 + erf has no digits left.
#[test]
fn gelu_negative_tail_below_minus_6() {
    for (z, expected) in [
        (-10.0, -7.619_853_024_160_526e-23),
        (-8.0, -4.976_768_459_417_427e-15),
        (-6.0, -5.919_525_870_226_188_5e-09),
    ] {
        assert_near(&format!("gelu at {z}"), at::<f32>("gelu", z).0, expected, 1e-5);
        assert_near(&format!("gelu at {z}"), at::<f64>("gelu", z).0, expected, 1e-13);
    }
}

/// AiDotNet #355: z phi(z) in the derivative of GELU is infinity times 0 for large finite z.
#[test]
fn gelu_derivative_large_finite() {
    fn check<T: Float>(largest: f64) {
        for name in ["gelu", "gelu_tanh", "silu", "mish"] {
            for z in [1e3, 1e4, 1e10, 1e20, 1e30, largest] {
                assert_eq!(
                    at::<T>(name, z),
                    (T::from_f64(z), T::one()),
                    "{name}, {}, at {z}",
                    T::NAME
                );
                assert_eq!(
                    at::<T>(name, -z),
                    (T::zero(), T::zero()),
                    "{name}, {}, at {}",
                    T::NAME,
                    -z
                );
            }
        }
    }
    check::<f32>(f32::MAX.into());
    check::<f64>(f64::MAX);
}

/// AiDotNet #594: tanh computed by an exponential without a clamp is NaN from about 20 on, but only in the lanes of a
/// vector. The remainder, computed one by one, was right.
#[test]
fn tanh_no_nan_above_20_in_any_lane() {
    fn check<T: Float>() {
        for n in 1..=67 {
            for size in [20.0, 45.0, 89.0, 355.0, 711.0, 1e30] {
                let z: Vec<T> = (0..n)
                    .map(|i| T::from_f64(if i % 2 == 0 { size } else { -size }))
                    .collect();
                let (values, derivatives) = through_a_matrix("tanh", &z);
                for (i, (&value, &derivative)) in values.iter().zip(&derivatives).enumerate() {
                    let expected = if i % 2 == 0 { T::one() } else { -T::one() };
                    assert_eq!(value, expected, "tanh({size}), {}, element {i} of {n}", T::NAME);
                    let in_range = (0.0..=1.7e-17).contains(&derivative.to_f64());
                    assert!(
                        in_range,
                        "tanh'({size}), {}, element {i} of {n}: got {derivative:?}",
                        T::NAME
                    );
                }
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

/// dynet #1525: the logistic function is 0.5 from 89 on, where a vector's minimum drops the NaN of an overflow.
#[test]
fn logistic_at_89() {
    assert_near(
        "sigmoid(-89)",
        at::<f32>("sigmoid", -89.0).0,
        2.227_363_561_795_743_8e-39,
        1e-5,
    );
    for n in 1..=67 {
        let z: Vec<f32> = (0..n)
            .map(|i| if i % 3 == 0 { -89.0 } else { 89.0 + i as f32 })
            .collect();
        let (values, _) = through_a_matrix("sigmoid", &z);
        for (i, value) in values.into_iter().enumerate() {
            if i % 3 == 0 {
                // The result is subnormal, so it is 0 in a network.
                assert_eq!(value, 0.0, "sigmoid(-89), element {i} of {n}");
            } else {
                assert_eq!(value, 1.0, "sigmoid({}), element {i} of {n}", z[i]);
            }
        }
    }
}

/// tt-metal #55349: the derivative of tanh was 13,479 ULP off, and 0.9992 at 0.
#[test]
fn tanh_gradient_near_zero() {
    fn check<T: Float>() {
        assert_eq!(at::<T>("tanh", 0.0), (T::zero(), T::one()));
        for i in 1..=2_000 {
            let z = T::from_f64(f64::from(i) * 1e-5);
            let (wide, got) = (z.to_f64(), at::<T>("tanh", z.to_f64()).1);
            let square = wide * wide;
            let expected = 1.0 - square * (1.0 - square * (2.0 / 3.0 - square * (17.0 / 45.0 - square * 62.0 / 315.0)));
            let error = (got.to_f64() - expected).abs() / T::unit(0.5);
            assert!(
                error <= 5.0,
                "tanh', {}, at {z}: expected {expected}, got {got}, {error} ULP apart",
                T::NAME
            );
        }
    }
    check::<f32>();
    check::<f64>();
}

/// XLA's exhaustive test of its CPU backend: e^88.7228394 is the largest `f32` there, where it overflows.
#[test]
fn exp_overflow_boundary() {
    // The largest argument that does not overflow, and the next one, which does.
    let (last, first) = (88.722_83_f32, 88.722_84_f32);
    assert_eq!(last.next_up(), first);
    assert_near("the last finite exp", Scalar::exp(last), f64::from(last).exp(), 1e-7);
    assert_eq!(Scalar::exp(first), f32::INFINITY);

    let (last, first) = (709.782_712_893_384_f64, 709.782_712_893_384_1_f64);
    assert_eq!(last.next_up(), first);
    assert_near(
        "the last finite exp",
        Scalar::exp(last),
        1.797_693_134_862_273e308,
        1e-15,
    );
    assert_eq!(Scalar::exp(first), f64::INFINITY);

    // At the other end, the smallest argument whose exponential is not 0.
    assert_eq!(
        (Scalar::exp(-103.972_f32), Scalar::exp(-103.973_f32)),
        (f32::from_bits(1), 0.0)
    );
    assert_eq!(
        (Scalar::exp(-745.133_f64), Scalar::exp(-745.134_f64)),
        (f64::from_bits(1), 0.0)
    );
}

/// `f32::max(z, 0.0)` is 0 for NaN. So a ReLU that uses it hides that training has diverged, and so does a maximum
/// over the logits of a softmax.
#[test]
fn relu_keeps_nan() {
    assert!(at::<f32>("relu", f64::NAN).0.is_nan() && at::<f64>("relu", f64::NAN).0.is_nan());
    for n in 1..=67 {
        let mut z = vec![-1.0_f32; n];
        z[n - 1] = f32::NAN;
        let (values, _) = through_a_matrix("relu", &z);
        assert!(
            values[n - 1].is_nan(),
            "element {} of {n}: got {}",
            n - 1,
            values[n - 1]
        );
    }

    let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 2])
        .hidden(Relu)
        .seed(1)
        .build()
        .unwrap();
    network.layers_mut()[0].bias[(2, 0)] = f64::NAN;
    let (input, target) = (Matrix::from_columns(&[[1.0]]), Matrix::from_columns(&[[0.0]]));
    assert!(network.predict(&input).to_vec().iter().all(|a| a.is_nan()));
    let mut trainer = Trainer::new(SoftmaxCrossEntropy::with_classes(), GradientDescent::new(0.1).unwrap());
    let error = trainer
        .step(&mut network, Samples::new(&input, &target).unwrap())
        .unwrap_err();
    assert!(matches!(error, TrainError::Parameters { layer: 0, .. }), "{error}");
}

/// scikit-learn clips probabilities before the logarithm. Its loss stays constant there while the gradient does not
/// vanish, so a line search sees no slope. Here the gradient is the slope of the value at any logit.
#[test]
fn loss_and_gradient_agree_at_extreme_logits() {
    for logit in [-800.0, -100.0, -40.0, 40.0, 100.0, 800.0] {
        for target in [0.0, 0.25, 1.0] {
            let (below, above) = (loss_at::<f64>(&BinaryCrossEntropy, logit - 0.5, target), logit + 0.5);
            let slope = loss_at::<f64>(&BinaryCrossEntropy, above, target).0 - below.0;
            let gradient = loss_at::<f64>(&BinaryCrossEntropy, logit, target).1;
            let what = format!("binary cross-entropy, logit {logit}, target {target}");
            assert!(
                (slope - gradient).abs() <= 1e-12,
                "{what}: slope {slope}, gradient {gradient}"
            );
        }
        let loss = SoftmaxCrossEntropy::with_classes();
        let value = |logit: f64| loss.value(&[logit, 0.0], &[0.0]);
        let mut gradient = [0.0; 2];
        let _ = loss.value_and_gradient(&[logit, 0.0], &[0.0], &mut gradient);
        let slope = value(logit + 0.5) - value(logit - 0.5);
        assert!(
            (slope - gradient[0]).abs() <= 1e-12,
            "softmax, logit {logit}: slope {slope}, gradient {gradient:?}"
        );
    }
}
