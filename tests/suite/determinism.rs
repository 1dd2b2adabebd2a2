//! Tests that the same seed gives the same bits, and that the bits do not depend on the division of the samples into
//! batches, blocks and calls.

use crate::naive::{Naive, carry, carry_tensor, values};
use crate::network_gradient::{Gradient, Probe, flatten};
use mlp_core::activations::Tanh;
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, FitOptions, GradientDescent, HalfMse, Loss, LossKind, Mlp, NoCustom, Samples, Scalar,
    SoftmaxCrossEntropy, TargetKind, Trainer, Workspace,
};
use mlp_cpu::{Element, Matrix};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

/// Returns the bits of all parameters.
pub(crate) fn bits<B: Tensor>(network: &Mlp<B>) -> Vec<u64> {
    flatten(network.layers())
        .iter()
        .flatten()
        .map(|value| value.to_f64().to_bits())
        .collect()
}

/// Combines many bits into one number.
pub(crate) fn fingerprint(bits: impl IntoIterator<Item = u64>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for bits in bits {
        hasher.write_u64(bits);
    }
    hasher.finish()
}

pub(crate) fn random<T: Element>(rows: usize, columns: usize, seed: u64) -> Matrix<T> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Matrix::from_fn(rows, columns, |_, _| T::from_f64(rng.random_range(-2.0..2.0)))
}

/// Returns the parameters after training from `seed`, with batches drawn from `shuffle` and one call of `fit` for
/// each of `epochs`.
fn train<T: Element>(seed: u64, shuffle: u64, epochs: &[u64]) -> Vec<u64> {
    // The last batch is smaller.
    let mut network = Mlp::<Matrix<T>>::builder(&[3, 19, 23, 1])
        .hidden(Tanh)
        .seed(seed)
        .build()
        .unwrap();
    let (input, target) = (random(3, 50, 1), random(1, 50, 2));
    let samples = Samples::new(&input, &target).unwrap();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.05).unwrap());
    for &epochs in epochs {
        let options = FitOptions::epochs(epochs).batch_size(16).shuffle(shuffle);
        trainer.fit(&mut network, samples, options).unwrap();
    }
    bits(&network)
}

/// Every activation with every loss, in small networks of 1 to 4 layers and batches of 1 to 17 samples: two steps of a
/// trainer, with and without weights, against forward, loss, backward, gradient and update called one by one.
fn steps_are_their_operations<T: Element>() {
    let probabilities: LossKind = SoftmaxCrossEntropy::for_probabilities().into();
    let losses = LossKind::NAMES.iter().map(|name| name.parse().unwrap());
    let losses: Vec<LossKind> = losses.chain([probabilities]).collect();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(15);
    for case in 0..3 * losses.len() * ActivationKind::<NoCustom>::NAMES.len() {
        let loss = losses[case % losses.len()];
        let name = ActivationKind::<NoCustom>::NAMES[case / losses.len() % ActivationKind::<NoCustom>::NAMES.len()];
        let activation: ActivationKind = name.parse().unwrap();
        let (depth, batch) = (1 + case % 4, 1 + case % 17);
        let sizes: Vec<usize> = (0..=depth).map(|_| rng.random_range(1..=9)).collect();
        let outputs = sizes[depth];
        let what = format!("{sizes:?} x {batch}, {name}, {loss}");
        let mut by_operations = Mlp::<Matrix<T>>::builder(&sizes)
            .hidden(activation.clone())
            .output(activation)
            .seed(case as u64)
            .build()
            .unwrap();
        let mut networks = [by_operations.clone(), by_operations.clone()];
        let input = random::<T>(sizes[0], batch, case as u64);
        // A class, or certainty of that class.
        let class = |j: usize| (case + j) % outputs;
        let target = match loss.target_kind() {
            TargetKind::Class => Matrix::from_fn(1, batch, |_, j| T::from_f64(class(j) as f64)),
            _ => Matrix::from_fn(outputs, batch, |i, j| T::from_f64(f64::from(i == class(j)))),
        };
        // The quotients of weights are the same, and a factor of 2 is exact.
        let weights = Matrix::from_fn(1, batch, |_, _| T::from_f64(2.0));
        let samples = Samples::new(&input, &target).unwrap();
        let samples = [samples, samples.weighted(&weights).unwrap()];
        let mut descent = GradientDescent::new(0.1).unwrap();
        let mut trainers = [(); 2].map(|()| Trainer::new(loss, descent.clone()));
        let mut workspace = Workspace::new(&by_operations, batch).unwrap();
        for _ in 0..2 {
            by_operations.forward(&input, &mut workspace);
            let expected = by_operations.loss(&loss, &target, &mut workspace);
            by_operations.backward(&mut workspace);
            by_operations.gradient(&input, &mut workspace);
            let updated = descent.update(by_operations.layers_mut(), workspace.gradient_mut());
            for ((trainer, network), samples) in trainers.iter_mut().zip(&mut networks).zip(samples) {
                let got = trainer.step(network, samples);
                assert_eq!(got.is_ok(), updated.is_ok() && expected.is_finite(), "{what}");
                if let Ok(loss) = got {
                    assert_eq!(loss.to_bits(), expected.to_bits(), "{what}: loss");
                    assert_eq!(bits(network), bits(&by_operations), "{what}");
                }
            }
        }
    }
}

#[test]
fn a_step_of_a_small_network_is_its_operations() {
    steps_are_their_operations::<f32>();
    steps_are_their_operations::<f64>();
}

fn seeds<T: Element>() {
    let first = train::<T>(1, 1, &[20]);
    assert_eq!(train::<T>(1, 1, &[20]), first, "same seeds");
    assert_ne!(train::<T>(2, 1, &[20]), first, "another seed of the network");
    assert_ne!(train::<T>(1, 2, &[20]), first, "another seed of the order");
    assert_ne!(train::<T>(1, 1, &[0]), first, "training must change something");
    assert_eq!(
        train::<T>(1, 1, &[50, 50]),
        train::<T>(1, 1, &[100]),
        "50 epochs twice, and 100"
    );
    assert_eq!(
        train::<T>(1, 1, &[1, 0, 98, 1]),
        train::<T>(1, 1, &[100]),
        "100 epochs in four calls, and in one"
    );
    assert_eq!(
        train::<T>(1, 1, &[1; 100]),
        train::<T>(1, 1, &[100]),
        "100 epochs in a hundred calls, and in one"
    );
    let initial: HashSet<_> = (0..100).map(|seed| train::<T>(seed, 0, &[])).collect();
    assert_eq!(initial.len(), 100, "100 seeds, 100 networks");
}

#[test]
fn seeds_f32() {
    seeds::<f32>();
}

#[test]
fn seeds_f64() {
    seeds::<f64>();
}

/// Returns a network whose biases are not 0, unlike those of a new network.
fn biased<T: Element>(mut network: Mlp<Matrix<T>>) -> Mlp<Matrix<T>> {
    for layer in network.layers_mut() {
        layer.bias = random(layer.outputs(), 1, 7);
    }
    network
}

/// Asserts that each sample's prediction has the same bits alone, among the others and in training.
fn assert_alone_as_in_batch<T: Element>(network: &Mlp<Matrix<T>>, input: &Matrix<T>) {
    let together = network.predict(input);
    let mut workspace = Workspace::new(network, input.columns()).unwrap();
    network.forward(input, &mut workspace);
    let in_training = workspace.prediction();
    for j in 0..input.columns() {
        let alone = network.predict(input.view().slice(j..j + 1));
        for i in 0..network.outputs() {
            let [alone, together, in_training] = [alone[(i, 0)], together[(i, j)], in_training[(i, j)]];
            let bits = |x: T| x.to_f64().to_bits();
            assert!(
                bits(alone) == bits(together) && bits(alone) == bits(in_training),
                "{:?}, output {i} of sample {j}: alone {alone:e}, among {} samples {together:e}, in training \
                 {in_training:e}",
                network.layer_sizes(),
                input.columns()
            );
        }
    }
}

/// Tests 300 networks of all widths up to 200 and every activation, with every batch size from 1 to 130.
fn alone_as_in_batch<T: Element>() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut tiny, mut in_tiles, mut kinds) = (0, 0, HashSet::new());
    for case in 0..300 {
        let widest = [8, 50, 200][case as usize % 3];
        let sizes: Vec<usize> = (0..rng.random_range(2..=5))
            .map(|_| rng.random_range(1..=widest))
            .collect();
        let mut kind = || {
            let name = *ActivationKind::<NoCustom>::NAMES.choose(&mut rng).unwrap();
            kinds.insert(name);
            name.parse::<ActivationKind>().unwrap()
        };
        let network = Mlp::<Matrix<T>>::builder(&sizes)
            .hidden(kind())
            .output(kind())
            .seed(case)
            .build()
            .unwrap();
        for layer in sizes.windows(2) {
            let small = layer[0] <= 8 && layer[1] <= 8;
            tiny += u32::from(small);
            in_tiles += u32::from(!small);
        }
        assert_alone_as_in_batch(&biased(network), &random(sizes[0], 1 + case as usize % 130, case));
    }
    assert!(
        tiny > 100 && in_tiles > 100,
        "layers by either routine: {tiny}, {in_tiles}"
    );
    assert_eq!(kinds.len(), ActivationKind::<NoCustom>::NAMES.len(), "every activation");
}

/// Tests layers of 2^20 weights and more, which are multiplied in place, in blocks, or by `matrixmultiply`.
fn large_layers_alone_as_in_batch<T: Element>() {
    for sizes in [&[1030, 1021, 3][..], &[5, 523, 2011], &[17, 1 << 16, 16]] {
        let network = biased(Mlp::<Matrix<T>>::builder(sizes).hidden(Tanh).seed(4).build().unwrap());
        for samples in [2, 9, 33] {
            assert_alone_as_in_batch(&network, &random(sizes[0], samples, 5));
        }
    }
}

#[test]
fn large_layers_alone_as_in_batch_f32() {
    large_layers_alone_as_in_batch::<f32>();
}

#[test]
fn large_layers_alone_as_in_batch_f64() {
    large_layers_alone_as_in_batch::<f64>();
}

#[test]
fn alone_as_in_batch_f32() {
    alone_as_in_batch::<f32>();
}

#[test]
fn alone_as_in_batch_f64() {
    alone_as_in_batch::<f64>();
}

/// 600 samples pass through the network in three blocks.
#[test]
fn blocks_do_not_show() {
    for sizes in [&[3, 1][..], &[2, 16, 16, 3], &[5, 40, 50, 4], &[300, 20, 10]] {
        for samples in [255, 256, 257, 512, 600] {
            let network = biased(Mlp::<Matrix<f64>>::builder(sizes).hidden(Tanh).seed(5).build().unwrap());
            assert_alone_as_in_batch(&network, &random(sizes[0], samples, 6));
            let network: Mlp<Matrix<f32>> = carry(&network);
            assert_alone_as_in_batch(&network, &random(sizes[0], samples, 6));
        }
    }
}

/// Returns the loss, and the gradient that an optimizer is given.
fn trainers_gradient<B: Tensor>(network: &Mlp<B>, input: &B, target: &B) -> (f64, Gradient<B::Scalar>) {
    let mut trainer = Trainer::new(HalfMse, Probe::default());
    let loss = trainer
        .step(&mut network.clone(), Samples::new(input, target).unwrap())
        .unwrap();
    (loss, flatten(&trainer.optimizer().0))
}

/// A batch of 10,000 samples is divided into groups of blocks; its gradient is that of the undivided batch, up to
/// rounding.
#[test]
fn groups_of_a_batch_add_up() {
    let network = Mlp::<Matrix<f64>>::builder(&[4, 8, 3])
        .hidden(Tanh)
        .seed(7)
        .build()
        .unwrap();
    for samples in [127, 128, 129, 256, 257, 2048, 2049, 10_000] {
        let (input, target) = (random(4, samples, 8), random(3, samples, 9));
        let (loss, gradient) = trainers_gradient(&network, &input, &target);
        assert_eq!(
            trainers_gradient(&network, &input, &target),
            (loss, gradient.clone()),
            "the same bits again"
        );

        let naive: Mlp<Naive<f64>> = carry(&network);
        let (input, target): (Naive<f64>, Naive<f64>) = (carry_tensor(&input), carry_tensor(&target));
        let mut workspace = Workspace::new(&naive, samples).unwrap();
        naive.forward(&input, &mut workspace);
        let expected_loss = naive.loss(&HalfMse, &target, &mut workspace);
        naive.backward(&mut workspace);
        naive.gradient(&input, &mut workspace);
        assert!(
            (loss / expected_loss - 1.0).abs() < 1e-13,
            "{samples} samples: loss {loss}, expected {expected_loss}"
        );
        for (part, (got, expected)) in gradient.iter().zip(flatten(workspace.gradient())).enumerate() {
            for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
                assert!(
                    (got - expected).abs() < 1e-14,
                    "{samples} samples, part {part}, element {i}: got {got:e}, expected {expected:e}"
                );
            }
        }
    }
}

/// The sizes of earlier batches do not affect later results.
#[test]
fn memory_is_reused_without_a_trace() {
    let network = Mlp::<Matrix<f32>>::builder(&[4, 20, 20, 3])
        .hidden(Tanh)
        .seed(7)
        .build()
        .unwrap();
    let (input, target) = (random(4, 3000, 8), random(3, 3000, 9));
    let samples = Samples::new(&input, &target).unwrap();
    let mut used = Trainer::new(HalfMse, Probe::default());
    for size in [5, 100, 3000, 1, 300, 129, 3000, 2] {
        let loss = used.step(&mut network.clone(), samples.slice(0..size)).unwrap();
        let mut fresh = Trainer::new(HalfMse, Probe::default());
        assert_eq!(
            fresh.step(&mut network.clone(), samples.slice(0..size)).unwrap(),
            loss,
            "loss of {size} samples"
        );
        let (got, expected) = (&used.optimizer().0, &fresh.optimizer().0);
        assert_eq!(flatten(got), flatten(expected), "gradient of {size} samples");
        assert!(
            values::<Matrix<f32>>((&got[0].weights).into())
                .iter()
                .any(|&g| g != 0.0),
            "a gradient of zeros"
        );
    }
}
