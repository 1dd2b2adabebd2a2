//! Operations of a network neither write subnormal numbers nor compute with them, because they would take up to a
//! hundred times as long.

use crate::activations::Float;
use crate::determinism::bits;
use core::hint::black_box;
use core::ops::ControlFlow;
use mlp_core::backend::{Objective, Tensor};
use mlp_core::{
    Activation, ActivationKind, Adam, Dense, FitOptions, Mlp, NoCustom, Optimizer, OptimizerKind, Progress, Samples,
    Scalar, SoftmaxCrossEntropy, Trainer, Workspace,
};
use mlp_cpu::Matrix;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The smallest normal number of `T`.
fn normal<T>() -> f64 {
    if size_of::<T>() == size_of::<f32>() {
        f32::MIN_POSITIVE.into()
    } else {
        f64::MIN_POSITIVE
    }
}

/// Fails if a number is subnormal.
#[track_caller]
fn assert_flushed<T: Scalar>(what: &str, values: &[T]) {
    for (i, value) in values.iter().map(|value| value.to_f64()).enumerate() {
        let subnormal = value != 0.0 && value.abs() < normal::<T>();
        assert!(!subnormal, "{what}: number {i} is {value:e}");
    }
}

/// Runs the passes of training and fails if one of their results is subnormal.
#[track_caller]
fn assert_passes_flush<T: Float>(what: &str, network: &Mlp<Matrix<T>>, input: &Matrix<T>) {
    let mut workspace = Workspace::new(network, input.columns()).unwrap();
    network.forward(input, &mut workspace);
    let target = Matrix::zeros(1, input.columns());
    network.loss(&SoftmaxCrossEntropy::for_classes(), &target, &mut workspace);
    network.backward(&mut workspace);
    network.gradient(input, &mut workspace);
    for layer in 0..network.layers().len() {
        let what = |part| format!("{what}, {}: {part} of layer {layer}", T::NAME);
        assert_flushed(&what("activation"), &workspace.activation(layer).to_vec());
        assert_flushed(&what("delta"), &workspace.delta(layer).to_vec());
        if let Some(derivative) = workspace.derivative(layer) {
            assert_flushed(&what("derivative"), &derivative.to_vec());
        }
        let gradient = &workspace.gradient_mut()[layer];
        assert_flushed(&what("gradient"), &gradient.weights.to_vec());
        assert_flushed(&what("bias gradient"), &gradient.bias.to_vec());
    }
    assert_flushed(what, &network.predict(input).to_vec());
}

/// Features from 0 to `factor`.
fn features<T: Scalar>(rows: usize, samples: usize, factor: f64) -> Matrix<T> {
    Matrix::from_fn(rows, samples, |i, j| {
        T::from_f64(factor * (0.5 + 0.5 * ((3 * i + 7 * j) as f64).sin()))
    })
}

/// A network without and one with a tiny kernel's shape.
const SHAPES: [&[usize]; 2] = [&[3, 4, 3, 2], &[24, 70, 40, 10]];

fn network<T: Float>(sizes: &[usize], activation: &str) -> Mlp<Matrix<T>> {
    let activation: ActivationKind = activation.parse().unwrap();
    Mlp::builder(sizes).hidden(activation).seed(1).build().unwrap()
}

/// PyTorch #19651, #10140, Chainer #2554, onnxruntime #7448: a step takes up to 65 times as long, and a prediction up to
/// 100 times, because numbers are subnormal: the exponentials of a confident softmax, derivatives in the tails of an
/// activation, products of small weights and features.
#[test]
fn passes_have_no_subnormal_results() {
    fn test<T: Float>(gaps: [f64; 2]) {
        for sizes in SHAPES {
            for step in 0..=20 {
                let gap = gaps[0] + (gaps[1] - gaps[0]) * f64::from(step) / 20.0;
                let mut network = network::<T>(sizes, "relu");
                let last = network.layers_mut().last_mut().unwrap();
                last.bias[(0, 0)] = T::from_f64(gap);
                assert_passes_flush(&format!("gap {gap}"), &network, &features(sizes[0], 7, 1.0));
            }
            for &name in ActivationKind::<NoCustom>::NAMES {
                for factor in [1.0, 10.0, 30.0, 100.0, 255.0, 1000.0, 1e4] {
                    let what = format!("{name}, features to {factor}");
                    assert_passes_flush(&what, &network::<T>(sizes, name), &features(sizes[0], 7, factor));
                }
                for (small, weight) in [(0.01, 1.0), (1.0, 0.01), (0.1, 0.1), (1e-3, 1e-6)] {
                    let mut network = network::<T>(sizes, name);
                    let scale = |factor: f64| {
                        if factor == 1.0 {
                            1.0
                        } else {
                            factor * normal::<T>().sqrt()
                        }
                    };
                    for layer in network.layers_mut() {
                        layer.weights = Matrix::from_fn(layer.outputs(), layer.inputs(), |i, j| {
                            layer.weights[(i, j)] * T::from_f64(scale(weight))
                        });
                    }
                    let what = format!("{name}, features {small} and weights {weight}");
                    assert_passes_flush(&what, &network, &features(sizes[0], 7, scale(small)));
                }
            }
        }
    }
    test::<f32>([60.0, 112.0]);
    test::<f64>([650.0, 760.0]);
}

/// dfdx #59, Keras #3576, PyTorch #3863, LBANN #56, DyNet #896: the first moment of a unit that is dead decays to a few
/// units of the smallest subnormal number and stays there, since 0.9 k rounds to k; each later step is slow.
#[test]
fn moments_of_dead_units_become_zero() {
    fn test<T: Float>(smallest: f64) {
        for kind in ["momentum", "rms_prop", "adagrad", "adam", "adamw", "nadam"] {
            for sizes in SHAPES {
                for units in [1.0, 4.0, 9.0, 1e3] {
                    let mut network = network::<T>(sizes, "relu");
                    let mut optimizer = kind.parse::<OptimizerKind>().unwrap().build(1e-3).unwrap();
                    let mut gradient: Vec<_> = network.layers().iter().map(Dense::zeros_like).collect();
                    Matrix::<T>::with_float_environment(|| {
                        optimizer.step(network.layers_mut(), &mut Still(&mut gradient)).unwrap()
                    });
                    let mut state = optimizer.state();
                    for (_, layers) in &mut state.tensors {
                        for layer in layers {
                            let moment = T::from_f64(units * smallest);
                            layer.weights = Matrix::from_fn(layer.outputs(), layer.inputs(), |_, _| moment);
                        }
                    }
                    optimizer.restore(state, network.layers()).unwrap();
                    let mut gradient: Vec<_> = network.layers().iter().map(Dense::zeros_like).collect();
                    Matrix::<T>::with_float_environment(|| {
                        optimizer.step(network.layers_mut(), &mut Still(&mut gradient)).unwrap()
                    });
                    for (name, layers) in optimizer.state().tensors {
                        for layer in layers {
                            assert_flushed(&format!("{kind}, {name}"), &layer.weights.to_vec());
                        }
                    }
                }
            }
        }
    }
    test::<f32>(f32::from_bits(1).into());
    test::<f64>(f64::from_bits(1));
}

/// The same in an ordinary training, where nothing is forced: ten easy classes, features from 0 to 1. Units die, and
/// their moments decay through the subnormal numbers.
#[test]
fn an_ordinary_training_has_no_subnormal_moments() {
    let input = Matrix::<f32>::from_fn(16, 80, |i, j| {
        let noise = ((3 * i + 7 * j) % 11) as f32 / 22.0;
        if i % 10 == j % 10 { 1.0 - noise } else { noise }
    });
    let target = Matrix::from_fn(1, 80, |_, j| (j % 10) as f32);
    let samples = Samples::new(&input, &target).unwrap();
    let mut network = network::<f32>(&[16, 24, 24, 10], "relu");
    let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), Adam::new(1e-2).unwrap());
    let mut zeros = Vec::new();
    for hundred in 1..=30 {
        let options = FitOptions::epochs(10).batch_size(8).shuffle(1);
        trainer.fit(&mut network, samples, options).unwrap();
        zeros.push(0);
        for (name, layers) in trainer.state().optimizer.tensors {
            for layer in layers {
                let moments = layer.weights.to_vec();
                assert_flushed(&format!("{name} after {hundred}00 steps"), &moments);
                *zeros.last_mut().unwrap() += moments.iter().filter(|moment| **moment == 0.0).count();
            }
        }
    }
    assert!(zeros[29] > zeros[0], "no moment has decayed: {zeros:?}");
}

/// A loss with a constant gradient.
struct Still<'a, B>(&'a mut [Dense<B>]);

impl<B: Tensor> Objective<B> for Still<'_, B> {
    fn evaluate(&mut self, _: &[Dense<B>]) -> f64 {
        0.0
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        self.0
    }
}

/// Trains on numbers many of which are subnormal, with a trainer or by the separate steps, and returns the bits of the
/// parameters.
pub(crate) fn train_on_subnormals<T: Float>(sizes: &[usize], samples: usize, separate: bool) -> Vec<u64> {
    let mut network = network::<T>(sizes, "tanh");
    for j in 0..sizes[1] {
        network.layers_mut()[1].weights[(0, j)] = T::from_f64(normal::<T>() * 0.3 * j as f64);
    }
    let mut input = features::<T>(sizes[0], samples, 60.0);
    for j in 0..samples {
        for x in input.column_mut(j).iter_mut().skip(j % 3).step_by(3) {
            *x *= T::from_f64(normal::<T>() / 64.0);
        }
    }
    let target = Matrix::zeros(1, samples);
    let loss = SoftmaxCrossEntropy::for_classes();
    let mut optimizer = Adam::new(1e-3).unwrap();
    let mut trainer = Trainer::new(loss, optimizer.clone());
    let mut workspace = Workspace::new(&network, samples).unwrap();
    for _ in 0..5 {
        if separate {
            network.forward(&input, &mut workspace);
            network.loss(&loss, &target, &mut workspace);
            network.backward(&mut workspace);
            network.gradient(&input, &mut workspace);
            optimizer
                .update(network.layers_mut(), workspace.gradient_mut())
                .unwrap();
        } else {
            trainer
                .step(&mut network, Samples::new(&input, &target).unwrap())
                .unwrap();
        }
    }
    bits(&network)
}

#[test]
fn separate_steps_have_the_bits_of_a_step_with_subnormal_numbers() {
    for sizes in SHAPES {
        assert_eq!(
            train_on_subnormals::<f32>(sizes, 7, true),
            train_on_subnormals::<f32>(sizes, 7, false)
        );
        assert_eq!(
            train_on_subnormals::<f64>(sizes, 7, true),
            train_on_subnormals::<f64>(sizes, 7, false)
        );
    }
}

/// Panics at 13.
#[derive(Clone, Debug)]
struct Unlucky;

impl Activation for Unlucky {
    fn value<T: Scalar>(&self, z: T) -> T {
        assert!(z.to_f64() != 13.0, "13");
        z
    }
}

/// No operation changes the mode of the caller, whether it ends or panics, and observers run in the caller's mode.
#[test]
fn subnormal_numbers_of_the_caller_stay() {
    #[track_caller]
    fn assert_gradual() {
        assert!(black_box(f64::MIN_POSITIVE) * black_box(0.5) > 0.0);
    }
    for sizes in SHAPES {
        let mut network = Mlp::<Matrix<f64>, Unlucky>::builder(sizes)
            .hidden(ActivationKind::Custom(Unlucky))
            .seed(1)
            .build()
            .unwrap();
        let (input, target) = (features(sizes[0], 7, 1.0), Matrix::zeros(1, 7));
        let samples = Samples::new(&input, &target).unwrap();
        let loss = SoftmaxCrossEntropy::for_classes();
        let _ = network.predict(&input);
        assert_gradual();
        let _ = network.evaluate(&loss, samples, &[]).unwrap();
        assert_gradual();
        for optimizer in ["adam", "lbfgs"] {
            let optimizer = optimizer.parse::<OptimizerKind>().unwrap().build(1e-3).unwrap();
            let mut trainer = Trainer::new(loss, optimizer);
            let observe = |_: Progress<'_, _, _>| {
                assert_gradual();
                ControlFlow::Continue(())
            };
            trainer
                .fit_with(&mut network, samples, FitOptions::epochs(2), observe)
                .unwrap();
            assert_gradual();
            let mut unlucky = network.clone();
            unlucky.layers_mut()[0].weights = Matrix::zeros(sizes[1], sizes[0]);
            unlucky.layers_mut()[0].bias[(1, 0)] = 13.0;
            trainer.reset(); // for another network
            let step = AssertUnwindSafe(|| trainer.step(&mut unlucky, samples).map(drop));
            assert!(catch_unwind(step).is_err());
            assert_gradual();
            assert!(catch_unwind(AssertUnwindSafe(|| unlucky.predict(&input))).is_err());
            assert_gradual();
        }
    }
}
