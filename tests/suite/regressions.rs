//! Tests that this library does not have bugs that were found in other libraries: one test for each, with the project
//! and the number of the report. Those about files are tests of mlp-io: `tests/files` (safetensors, PyTorch) and
//! `tests/interchange` (npz).

pub(crate) mod subnormal;

use crate::activations::{Float, check_positions, functions};
use mlp_core::activations::{GeluTanh, Relu, Tanh, softmax};
use mlp_core::state::PlateauState;
use mlp_core::{
    ActivationKind, Adam, BinaryCrossEntropy, DataError, EarlyStopping, Event, Every, FitOptions, GaussNewton,
    GradientDescent, HalfMse, Initializer, Lbfgs, Loss, Metric, Mlp, Model, Monitor, Mse, NoCustom, NonFinite,
    Optimizer, ReduceOnPlateau, RmsProp, Samples, Scalar, Scaling, ScalingKind, Schedule, Scores, SoftmaxCrossEntropy,
    StopReason, TargetKind, TrainError, Trainer, Workspace,
};
use mlp_cpu::Matrix;
use std::ops::ControlFlow;
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
            let loss = SoftmaxCrossEntropy::for_classes();
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
    let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), GradientDescent::new(0.1).unwrap());
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
        let loss = SoftmaxCrossEntropy::for_classes();
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

/// PyTorch #47513, optax #1767: a relative threshold takes flat or slowly worsening values below 0 for progress.
#[test]
fn plateau_of_values_below_0() {
    /// Returns the factor after all values and the best value. Values improve if they fall (-1) or rise (1).
    fn observe(direction: f64, values: impl IntoIterator<Item = f64>) -> (f64, Option<f64>) {
        let (reduce, mut state) = (ReduceOnPlateau::new(0.5, 1).unwrap(), PlateauState::default());
        for value in values {
            match direction {
                1.0 => reduce.observe_rising(&mut state, value),
                _ => reduce.observe(&mut state, value),
            };
        }
        (state.factor, state.best)
    }
    for direction in [-1.0, 1.0] {
        for flat in [0.0, -0.0, 5e-324, 1e-310, 1e-3, 0.5, 1.0, 1503.6157, 1e308, f64::MAX] {
            for value in [flat, -flat] {
                let expected = (0.25, Some(value));
                assert_eq!(observe(direction, [value; 5]), expected, "flat {value}, {direction}");
                // A value that is not finite, before the first or later, changes nothing but the count.
                let odd = [
                    f64::NAN,
                    direction * f64::INFINITY,
                    value,
                    value,
                    -direction * f64::INFINITY,
                ];
                assert_eq!(observe(direction, odd), expected, "{odd:?}, {direction}");
            }
        }
        // By 0.9e-4 an epoch away from the best, which is the first; and by as little towards it.
        for sign in [-1.0, 1.0] {
            let values = |step: f64| (0..5).map(move |epoch| sign + step * f64::from(epoch));
            let (factor, best) = observe(direction, values(-0.9e-4 * direction));
            assert_eq!((factor, best), (0.25, Some(sign)), "worse and worse from {sign}");
            let (factor, best) = observe(direction, values(0.4e-4 * direction).take(3));
            assert_eq!((factor, best), (0.5, Some(sign)), "hardly better than {sign}");
            let (factor, best) = observe(direction, values(2e-4 * direction));
            assert_eq!(
                (factor, best),
                (1.0, Some(sign + 8e-4 * direction)),
                "better than {sign}"
            );
        }
        // Through 0, where the threshold is 0.
        let through = [-2.0, -1.0, 0.0, 1e-300, 1.0, 2.0].map(|value| direction * value);
        assert_eq!(observe(direction, through), (1.0, Some(2.0 * direction)));
        assert_eq!(observe(direction, [0.0, -0.0, 0.0]), (0.5, Some(0.0)));
        assert_eq!(
            observe(direction, [1.0, -1.0, -1e-9].map(|v| v * direction)),
            (0.5, Some(direction))
        );
    }
}

/// PyTorch #47513 once more, in training: R2 stays below 0, and the learning rate falls.
#[test]
fn a_flat_r2_below_0_reduces_the_learning_rate() {
    let input = Matrix::<f64>::from_fn(1, 8, |_, j| j as f64);
    let target = Matrix::from_fn(1, 8, |_, j| 100.0 + (j % 3) as f64);
    let samples = Samples::new(&input, &target).unwrap();
    for monitor in [Monitor::Loss, Metric::R2.into()] {
        let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).hidden(Relu).build().unwrap();
        let optimizer = GradientDescent::new(1e-9).unwrap();
        let reduce = ReduceOnPlateau::new(0.1, 2).unwrap();
        let mut trainer = Trainer::new(Mse, optimizer)
            .metrics(&[Metric::R2])
            .reduce_on_plateau(reduce, monitor);
        trainer
            .fit(&mut network, samples.with_validation(samples), FitOptions::epochs(30))
            .unwrap();
        assert!(
            trainer
                .history()
                .metric(Metric::R2)
                .unwrap()
                .iter()
                .all(|&r2| r2 < -1000.0)
        );
        assert!(
            trainer.learning_rate() < 2e-18,
            "{monitor:?}: {:e}",
            trainer.learning_rate()
        );
    }
}

/// Fits a scaling to `values` and fails unless it is right, by its documentation. Returns false if it is an error.
fn scaling_is_right<T: Float>(kind: ScalingKind, values: &[f64]) -> bool {
    let values: Vec<T> = values.iter().map(|&value| T::from_f64(value)).collect();
    // Features of another magnitude stand beside it.
    let columns = Matrix::from_fn(3, values.len(), |i, j| {
        [T::from_f64(j as f64), values[j], T::from_f64(7.0)][i]
    });
    let fitted = match kind {
        ScalingKind::Standard => Scaling::standard(&columns),
        _ => Scaling::min_max(&columns),
    };
    let Ok(scaling) = fitted else { return false };
    let scaled = scaling.apply(&columns);
    let row: Vec<f64> = (0..values.len()).map(|j| scaled[(1, j)].to_f64()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let spread = f64::from(u8::from(values.iter().any(|value| *value != values[0])));
    let (got, expected) = match kind {
        ScalingKind::Standard => {
            let center = mean(&row);
            let squares: Vec<f64> = row.iter().map(|x| (x - center) * (x - center)).collect();
            ([center, mean(&squares)], [0.0, spread])
        }
        _ => {
            let bound = |best: fn(f64, f64) -> f64| row.iter().copied().reduce(best).unwrap();
            ([bound(f64::min), bound(f64::max)], [0.0, spread])
        }
    };
    for (got, expected) in got.into_iter().zip(expected) {
        let what = format!("{kind}, {}, {values:?}: {got}, expected {expected}", T::NAME);
        assert!((got - expected).abs() < 1e-6, "{what}: {scaling:?}");
    }
    let size = values.iter().fold(0.0, |size, value| value.to_f64().abs().max(size));
    let back = scaling.invert(&scaled);
    for (j, value) in values.iter().enumerate() {
        let (back, value) = (back[(1, j)].to_f64(), value.to_f64());
        assert!((back - value).abs() <= 1e-6 * size, "{kind}: {back:e}, {value:e}");
    }
    true
}

/// GluonTS #3070, scikit-learn #34874, #5602, #19726, #35018: the variance overflows or underflows, and the feature
/// passes for a constant one, in silence.
#[test]
fn scaling_of_any_magnitude_is_right_or_an_error() {
    use ScalingKind::{MinMax, Standard};
    let shapes: [&[f64]; 5] = [
        &[-1.5, -0.5, 0.5, 1.5],
        &[0.0, 1.0, 0.25],
        &[0.99, 1.0, 1.02],
        &[1.0, 1.0, 1.0],
        &[-1.0],
    ];
    for shape in shapes {
        for exponent in -300..=307 {
            let values: Vec<f64> = shape.iter().map(|x| x * 10.0_f64.powi(exponent)).collect();
            for kind in [Standard, MinMax] {
                assert!(scaling_is_right::<f64>(kind, &values), "{kind}: {values:?}");
                if (-36..=38).contains(&exponent) && values.iter().all(|value| value.abs() < 3e38) {
                    assert!(scaling_is_right::<f32>(kind, &values), "{kind}, f32: {values:?}");
                }
            }
        }
    }
    const MAX: f64 = f64::MAX;
    let extremes: [(&[f64], [bool; 2]); 16] = [
        (&[1.3e154, 2.6e154], [true, true]),
        (&[1e-200, 0.0, 1e200], [true, true]),
        (&[0.0, 1e-300, 1e300, 0.0], [true, true]),
        (&[1e308, -1e308], [true, false]),
        (&[1.65e308, 0.55e308, -0.55e308, -1.65e308], [true, false]),
        (&[MAX, -MAX], [true, false]),
        (&[1.7e308, 0.9e308, 0.0], [true, true]),
        // The first number is too far from the mean.
        (&[MAX, -MAX, -MAX, -MAX], [false, false]),
        (&[MAX; 3], [true, true]),
        (&[-MAX; 7], [true, true]),
        // A scale below the smallest normal number has too few digits; max - min is exact.
        (&[0.0, 5e-324], [false, true]),
        (&[0.0, 5e-324, 1e-323], [false, true]),
        (&[-1.5e-310, 1.5e-310], [false, true]),
        (&[1e-307, 1.01e-307], [false, true]),
        (&[5e-324; 3], [true, true]),
        (&[0.0, -0.0], [true, true]),
    ];
    for (values, expected) in extremes {
        let got = [Standard, MinMax].map(|kind| scaling_is_right::<f64>(kind, values));
        assert_eq!(got, expected, "{values:?}");
    }
    assert!(
        scaling_is_right::<f32>(Standard, &[0.0, 1e-45, 3e-45]),
        "subnormal in f32 only"
    );
}

type Network = Mlp<Matrix<f64>>;

fn small_network(sizes: &[usize], seed: u64) -> Network {
    Mlp::builder(sizes).hidden(Tanh).seed(seed).build().unwrap()
}

/// Returns a sine and a constant, as input and target.
fn curve() -> (Matrix<f64>, Matrix<f64>) {
    let input = Matrix::from_fn(2, 12, |i, j| (0.7 * (i * 5 + j) as f64).sin());
    let target = Matrix::from_fn(1, 12, |_, j| (j % 5) as f64);
    (input, target)
}

/// Fails unless each trainer refuses each other network, unchanged, and goes on with its own.
fn refuses_another_network<O: Optimizer<Matrix<f64>> + Clone>(optimizer: O) {
    let (input, target) = curve();
    let samples = Samples::new(&input, &target).unwrap();
    let data = samples.with_validation(samples);
    let options = FitOptions::epochs(200).batch_size(5).shuffle(3);
    let fresh = || {
        let reduce = ReduceOnPlateau::new(0.5, 3).unwrap();
        let stopping = EarlyStopping::new(2).min_change(0.05).unwrap();
        let trainer = Trainer::new(Mse, optimizer.clone()).early_stopping(stopping);
        trainer
            .reduce_on_plateau(reduce, Metric::R2)
            .schedule(Schedule::warm_up(4).unwrap(), Every::Batch)
    };
    let mut own = small_network(&[2, 8, 1], 1);
    let mut trainer = fresh();
    let fitted = trainer.fit(&mut own, data, options).unwrap();
    assert!(matches!(fitted.stop, StopReason::Patience { .. }), "{fitted:?}");

    // The first is what the trainer's network was, the second is its clone with one parameter changed.
    let mut changed = own.clone();
    changed.layers_mut()[0].bias[(3, 0)] += 0.5;
    let others = [
        (&[2, 8, 1][..], 1),
        (&[2, 8, 1], 2),
        (&[2, 4, 1], 1),
        (&[2, 8, 8, 1], 1),
        (&[2, 1], 1),
    ];
    let others = others.map(|(sizes, seed)| small_network(sizes, seed));
    for other in others.iter().chain([&changed]) {
        let (mut network, before) = (other.clone(), trainer.state());
        let same_sizes = other.layer_sizes() == own.layer_sizes();
        for result in [
            trainer.fit(&mut network, data, options).map(drop),
            trainer.step(&mut network, samples).map(drop),
        ] {
            let Err(error @ TrainError::OtherNetwork { .. }) = &result else {
                panic!("{other}: {result:?}")
            };
            let expected = if same_sizes {
                "network: expected the parameters that this trainer left or the best ones, got others"
            } else {
                "network: expected the layer sizes [2, 8, 1], which this trainer has trained, got "
            };
            assert!(error.to_string().starts_with(expected), "{error}");
        }
        assert_eq!((&network, &trainer.state()), (other, &before), "nothing changes");

        // After `reset`, all is as with a new trainer.
        let (mut reset, mut expected) = (trainer.clone(), other.clone());
        reset.reset();
        let mut new = fresh();
        let fitted = new.fit(&mut expected, data, options).unwrap();
        assert_eq!(reset.fit(&mut network, data, options), Ok(fitted));
        assert_eq!((&network, reset.state()), (&expected, new.state()));
    }

    // Single steps after the end change nothing of that.
    let (mut stepping, mut network) = (trainer.clone(), own.clone());
    stepping.step(&mut network, samples).unwrap();
    stepping.step(&mut network, samples).unwrap();
    let result = stepping.fit(&mut others[1].clone(), data, options);
    assert!(matches!(result, Err(TrainError::OtherNetwork { .. })), "{result:?}");
    assert_eq!(stepping.fit(&mut network, data, options).unwrap().epochs, 0);

    // The same parameters are the same network, wherever they come from.
    let layers = own.layers().iter().cloned().zip(own.activations().iter().cloned());
    let mut loaded = Network::from_layers(layers.collect()).unwrap();
    let fitted = trainer.fit(&mut loaded, data, options).unwrap();
    assert_eq!((fitted.epochs, &loaded), (0, &own));
    // Whoever changes the parameters, says so.
    trainer.restore(trainer.state(), changed.layers()).unwrap();
    assert_eq!(trainer.fit(&mut changed, data, options).unwrap().epochs, 0);
}

/// Keras #20521, #22967, #3000: a second network is overwritten by the best parameters of the first, or trained with
/// its patience.
#[test]
fn a_trainer_refuses_a_second_network() {
    refuses_another_network(GradientDescent::new(0.05).unwrap());
    refuses_another_network(Adam::new(0.05).unwrap());
    refuses_another_network(RmsProp::new(0.01).unwrap());
    refuses_another_network(Lbfgs::new(1.0).unwrap());
    refuses_another_network(GaussNewton::new(1.0).unwrap());
}

/// Each fold of a cross-validation begins with a clone of the same network, and gets the trainer of the fold before.
#[test]
fn a_trainer_of_another_fold_is_refused() {
    let (input, target) = curve();
    let samples = Samples::new(&input, &target).unwrap();
    let data = samples.with_validation(samples);
    let initial = small_network(&[2, 4, 1], 1);
    let stopping = EarlyStopping::new(2).monitor(Metric::Mae);
    let mut trainer = Trainer::new(Mse, GradientDescent::new(0.05).unwrap()).early_stopping(stopping);
    let mut results = Vec::new();
    for _ in 0..3 {
        let mut network = initial.clone();
        results.push(trainer.fit(&mut network, data, FitOptions::epochs(20)));
        trainer.reset();
    }
    assert_eq!(results[1..], [results[0].clone(), results[0].clone()]);
    let mut last = initial.clone();
    trainer.fit(&mut last, data, FitOptions::epochs(1)).unwrap();
    let result = trainer.fit(&mut initial.clone(), data, FitOptions::epochs(1));
    assert!(matches!(result, Err(TrainError::OtherNetwork { .. })), "{result:?}");
}

/// What is done to the trainer's own network between two calls is no reason to refuse it.
#[test]
fn a_trainer_goes_on_with_its_own_network() {
    let (input, target) = curve();
    let samples = Samples::new(&input, &target).unwrap();
    let data = samples.with_validation(samples);
    let epoch = FitOptions::epochs(1).batch_size(4);
    let mut network = small_network(&[2, 4, 1], 1);
    let stopping = EarlyStopping::new(50).keep_last();
    let mut trainer = Trainer::new(Mse, Adam::new(0.2).unwrap()).early_stopping(stopping);
    for _ in 0..20 {
        trainer.fit(&mut network, data, epoch).unwrap();
    }
    assert!(trainer.restore_best(&mut network));
    trainer.fit(&mut network, data, epoch).unwrap();
    for _ in 0..3 {
        trainer.step(&mut network, samples).unwrap();
    }
    trainer.fit(&mut network, data, epoch).unwrap();
    // The observer ends the training within an epoch.
    let broken = trainer.fit_with(&mut network, data, epoch, |_| ControlFlow::Break(()));
    assert_eq!(broken.unwrap().stop, StopReason::Observer);
    trainer.fit(&mut network, data, epoch).unwrap();
    // A panic in an observer leaves the parameters anywhere.
    let panic = catch_unwind(AssertUnwindSafe(|| {
        trainer.fit_with(&mut network, data, epoch, |_| panic!("in the observer"))
    }));
    assert!(panic.is_err());
    trainer.fit(&mut network, data, epoch).unwrap();
    // A checkpoint in another process.
    let (state, mut loaded) = (trainer.state(), network.clone());
    let mut resumed = Trainer::new(Mse, Adam::new(1.0).unwrap()).early_stopping(stopping);
    resumed.restore(state, loaded.layers()).unwrap();
    let mut other = small_network(&[2, 4, 1], 1);
    assert!(matches!(
        resumed.fit(&mut other, data, epoch),
        Err(TrainError::OtherNetwork { .. })
    ));
    assert_eq!(
        resumed.fit(&mut loaded, data, epoch),
        trainer.fit(&mut network, data, epoch)
    );
    assert_eq!((loaded, resumed.state()), (network.clone(), trainer.state()));
    // Training diverges, and goes on with a smaller learning rate.
    trainer.set_learning_rate(1e308).unwrap();
    let diverged = trainer.fit(&mut network, data, FitOptions::epochs(9));
    assert!(matches!(diverged, Err(TrainError::Diverged(_))), "{diverged:?}");
    trainer.set_learning_rate(1e-3).unwrap();
    let result = trainer.fit(&mut network, data, epoch);
    assert!(!matches!(result, Err(TrainError::OtherNetwork { .. })), "{result:?}");
}

/// Without moments, nothing else notices a network of another shape.
#[test]
fn a_step_on_a_network_of_another_shape_is_refused() {
    let (input, target) = curve();
    let samples = Samples::new(&input, &target).unwrap();
    let mut trainer = Trainer::new(Mse, GradientDescent::new(0.1).unwrap());
    trainer.step(&mut small_network(&[2, 4, 1], 1), samples).unwrap();
    let result = trainer.step(&mut small_network(&[2, 5, 1], 1), samples);
    let expected = (vec![2, 4, 1], vec![2, 5, 1]);
    let Err(TrainError::OtherNetwork { expected: own, got }) = result else {
        panic!("{result:?}")
    };
    assert_eq!((own, got), expected);
}

/// Keras #20521 once more: whatever a user would compare after a resume equals itself, NaN or not.
#[test]
fn records_with_nan_equal_themselves() {
    #[track_caller]
    fn check<T: Clone + PartialEq + std::fmt::Debug>(value: &T, other: Option<&T>) {
        assert_eq!(value, value);
        assert_eq!(value, &value.clone());
        assert!(other.is_none_or(|other| value != other), "{value:?}");
    }
    let (input, target) = curve();
    let samples = Samples::new(&input, &target).unwrap();
    let train = |epochs| {
        let mut trainer = Trainer::new(Mse, Adam::new(0.1).unwrap());
        let mut network = small_network(&[2, 4, 1], 1);
        let fitted = trainer.fit(&mut network, samples, FitOptions::epochs(epochs)).unwrap();
        (trainer, fitted)
    };
    let ((none, not_fitted), (one, fitted), (three, _)) = (train(0), train(1), train(3));
    assert!(one.history().validation_loss[0].is_nan() && not_fitted.loss.is_nan());
    check(one.history(), Some(three.history()));
    check(&one.state(), Some(&none.state()));
    check(&not_fitted, Some(&fitted));
    let mut metric = one.history().clone();
    metric.metrics.push((Metric::RocAuc, vec![f64::NAN]));
    check(&metric, Some(one.history()));
    let mut other = metric.clone();
    other.metrics[0].1[0] = 0.5;
    check(&other, Some(&metric));

    // A single class has no area under its curve.
    let classes = Matrix::zeros(1, 12);
    let one_class = Samples::new(&input, &classes).unwrap();
    let network = small_network(&[2, 2], 1);
    let evaluation = network
        .evaluate(&SoftmaxCrossEntropy::for_classes(), one_class, &[Metric::RocAuc])
        .unwrap();
    assert!(evaluation.metrics[0].is_nan());
    check(&evaluation, None);
    let scores = |p: f64| Scores::new(1, TargetKind::Real, vec![p], vec![0.0], None);
    check(&scores(f64::NAN), Some(&scores(0.0)));
    let event = |loss| Event::Epoch {
        epoch: 0,
        loss: 1.0,
        validation_loss: Some(loss),
    };
    check(&event(f64::NAN), Some(&event(1.0)));

    // Errors name the number that they refuse.
    let nan = Matrix::from_fn(2, 12, |_, _| f64::NAN);
    let refused = Samples::new(&nan, &target).unwrap();
    let mut trainer = Trainer::new(Mse, Adam::new(0.1).unwrap());
    let data_error = trainer
        .fit(&mut small_network(&[2, 1], 1), refused, FitOptions::epochs(1))
        .unwrap_err();
    check(&data_error, Some(&TrainError::BatchSize));
    let mut bad = small_network(&[2, 1], 1);
    bad.layers_mut()[0].bias[(0, 0)] = f64::NAN;
    check(
        &trainer.fit(&mut bad, samples, FitOptions::epochs(1)).unwrap_err(),
        Some(&data_error),
    );
    let large = Matrix::from_fn(1, 12, |_, _| 1e200);
    let too_large = Samples::new(&input, &large).unwrap();
    let diverged = trainer.step(&mut small_network(&[2, 1], 1), too_large).unwrap_err();
    check(&diverged, Some(&data_error));
    check(&GradientDescent::<Matrix<f64>>::new(f64::NAN).unwrap_err(), None);
    check(&Scaling::standard(&nan).unwrap_err(), None);
    check(
        &NonFinite::Loss { loss: f64::NAN },
        Some(&NonFinite::Loss { loss: 1.0 }),
    );
    let initializer = Initializer::Normal {
        standard_deviation: f64::NAN,
    };
    check(
        &Network::builder(&[1, 1]).initializer(initializer).build().unwrap_err(),
        None,
    );
    check(
        &ActivationKind::<NoCustom>::from_parts("elu", &[("alpha", f64::NAN)]).unwrap_err(),
        None,
    );
    let mut state = one.state();
    state
        .optimizer
        .numbers
        .iter_mut()
        .for_each(|(_, value)| *value = f64::NAN);
    check(
        &trainer
            .restore(state, small_network(&[2, 4, 1], 1).layers())
            .unwrap_err(),
        None,
    );
}

/// Deeplearning4j #6748: a prediction that is NaN becomes class 0. Large finite features are enough for NaN.
#[test]
fn nan_is_of_no_class() {
    fn check<T: Float>(logits: &[[f64; 2]], classes: &[Option<usize>]) {
        let layer = mlp_core::Dense {
            weights: Matrix::from_fn(2, 2, |i, j| T::from_f64(if i == j { 1.0 } else { 0.5 })),
            bias: Matrix::zeros(2, 1),
        };
        let network = Mlp::<Matrix<T>>::from_layers(vec![(layer, mlp_core::activations::Identity.into())]).unwrap();
        let input = Matrix::from_fn(2, logits.len(), |i, j| T::from_f64(logits[j][i]));
        for loss in [
            SoftmaxCrossEntropy::for_classes(),
            SoftmaxCrossEntropy::for_probabilities(),
        ] {
            let model = Model::new(network.clone(), loss);
            assert_eq!(model.classify(&input), classes, "{}, {logits:?}", T::NAME);
            let predictions = model.predict(&input).to_vec().into_iter().map(Scalar::to_f64);
            let scores = Scores::new(
                2,
                TargetKind::Class,
                predictions.collect(),
                vec![0.0; logits.len()],
                None,
            );
            let matrix = scores.confusion_matrix().unwrap();
            let none = classes.iter().filter(|class| class.is_none()).count() as f64;
            assert_eq!(
                (matrix.count(0, None::<usize>), matrix.total()),
                (none, classes.len() as f64)
            );
            let right = classes.iter().filter(|class| **class == Some(0)).count() as f64;
            for metric in [Metric::Accuracy, Metric::TopK(1), Metric::BalancedAccuracy] {
                assert_eq!(metric.value(&scores), right / classes.len() as f64, "{metric}");
            }
            assert_eq!(Metric::LogLoss.value(&scores).is_nan(), none > 0.0);
        }
    }
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    check::<f64>(
        &[
            [nan, 1.0],
            [1.0, nan],
            [nan, nan],
            [inf, 1.0],
            [inf, inf],
            [-inf, -inf],
            [inf, -inf],
        ],
        &[None; 7],
    );
    check::<f32>(
        &[[3e38, 3e38], [3e38, 1e38], [1e38, 3e38], [nan, 0.0], [-3e38, -3e38]],
        &[None; 5],
    );
    check::<f64>(
        &[[1.7e308, 1.7e308], [2.0, 1.0], [1.0, 2.0], [1e300, 1e308]],
        &[None, Some(0), Some(1), Some(1)],
    );
    let layer = mlp_core::Dense {
        weights: Matrix::from_rows(&[[1.0_f32, 1.0]]),
        bias: Matrix::zeros(1, 1),
    };
    let network = Mlp::from_layers(vec![(layer, mlp_core::activations::Identity.into())]).unwrap();
    let binary: Model<_> = Model::new(network, BinaryCrossEntropy);
    let nan = f32::NAN;
    let input = Matrix::from_columns(&[
        [nan, 1.0],
        [f32::INFINITY, f32::NEG_INFINITY],
        [3e38, 3e38],
        [-3e38, -3e38],
    ]);
    assert_eq!(binary.classify(&input), [None, None, Some(1), Some(0)]);
}
