//! Checks the scores of trained networks: the scores that scikit-learn's own tests demand of its networks, on its data
//! (`sklearn/neural_network/tests/test_mlp.py`), and held-out scores on public data sets.
//!
//! Networks and numbers of iterations are those of scikit-learn's tests. Their penalty is so small (alpha / N <= 1e-6)
//! that these tests have none. scikit-learn tests one seed; these tests use several.

#[path = "quality/data.rs"]
mod data;

use data::Data;
use mlp_core::activations::{Identity, Relu, Sigmoid, Tanh};
use mlp_core::{
    ActivationKind, Adam, BinaryCrossEntropy, HalfMse, Initializer, Lbfgs, Loss, Mlp, Optimizer, Samples,
    SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};

type Network<T> = Mlp<Matrix<T>>;

const SEEDS: u64 = 3;

/// The four activations of scikit-learn.
fn activations() -> [ActivationKind; 4] {
    [Identity.into(), Sigmoid.into(), Tanh.into(), Relu.into()]
}

/// Builds a network with one hidden layer and weights drawn as in scikit-learn.
fn network<T: Element>(
    inputs: usize,
    hidden: usize,
    outputs: usize,
    activation: &ActivationKind,
    seed: u64,
) -> Network<T> {
    Mlp::builder(&[inputs, hidden, outputs])
        .hidden(activation.clone())
        .initializer(Initializer::GlorotUniform)
        .seed(seed)
        .build()
        .unwrap()
}

/// Trains on `iterations` full batches.
fn train<T: Element>(
    network: &mut Network<T>,
    loss: impl Loss,
    optimizer: impl Optimizer<Matrix<T>>,
    data: &Data<T>,
    iterations: usize,
) {
    let samples = Samples::new(&data.input, &data.target).unwrap();
    let mut trainer = Trainer::new(loss, optimizer);
    for _ in 0..iterations {
        trainer.step(network, samples).unwrap();
    }
}

fn lbfgs<T: Element>() -> Lbfgs<Matrix<T>> {
    Lbfgs::new(1.0).unwrap()
}

/// Returns the share of samples whose largest output is that of the target, a class index.
fn accuracy<T: Element>(network: &Network<T>, data: &Data<T>) -> f64 {
    let outputs = network.predict(&data.input);
    let right = |&sample: &usize| {
        let logits = outputs.column(sample);
        let class = (0..logits.len()).max_by(|&a, &b| logits[a].to_f64().total_cmp(&logits[b].to_f64()));
        class == Some(data.target[(0, sample)].to_f64() as usize)
    };
    share(data, right)
}

/// Returns the share of samples whose labels, each 0 or 1, are all predicted. An output above 0 is a probability above
/// 1/2.
fn labels_right<T: Element>(network: &Network<T>, data: &Data<T>) -> f64 {
    let outputs = network.predict(&data.input);
    let right = |&sample: &usize| {
        let labels = data.target.column(sample).iter().map(|label| label.to_f64() == 1.0);
        labels.eq(outputs.column(sample).iter().map(|logit| logit.to_f64() > 0.0))
    };
    share(data, right)
}

fn share<T: Element>(data: &Data<T>, right: impl Fn(&usize) -> bool) -> f64 {
    (0..data.len()).filter(right).count() as f64 / data.len() as f64
}

/// Returns R2 = 1 - sum (y^ - y)^2 / sum (y - mean y)^2, averaged over the outputs.
fn r2<T: Element>(network: &Network<T>, data: &Data<T>) -> f64 {
    let prediction = network.predict(&data.input);
    let outputs = data.target.shape().0;
    let of_output = |i: usize| {
        let target: Vec<f64> = (0..data.len()).map(|j| data.target[(i, j)].to_f64()).collect();
        let mean = target.iter().sum::<f64>() / target.len() as f64;
        let total: f64 = target.iter().map(|y| (y - mean).powi(2)).sum();
        let rest: f64 = target
            .iter()
            .enumerate()
            .map(|(j, y)| (prediction[(i, j)].to_f64() - y).powi(2))
            .sum();
        1.0 - rest / total
    };
    (0..outputs).map(of_output).sum::<f64>() / outputs as f64
}

#[track_caller]
fn assert_above(score: f64, least: f64, case: &str) {
    assert!(score > least, "{case}: expected a score above {least}, got {score}");
}

/// Uses the first 200 samples of digits 0 to 2 and of digits 0 to 1, and trains on 150 of them.
fn digits<T: Element>(classes: usize) -> Data<T> {
    let digits = data::digits::<T>();
    let chosen: Vec<usize> = (0..digits.len())
        .filter(|&i| digits.target[(0, i)].to_f64() < classes as f64)
        .collect();
    let first = digits.subset(&chosen[..200]).to_unit();
    first.subset(&(0..150).collect::<Vec<_>>())
}

fn digits_are_learned<T: Element>() {
    let (three, two) = (digits::<T>(3), digits::<T>(2));
    for activation in activations() {
        for seed in 0..SEEDS {
            let case = format!("{activation:?}, seed {seed}");
            let mut classifier = network(64, 50, 3, &activation, seed);
            train(
                &mut classifier,
                SoftmaxCrossEntropy::for_classes(),
                lbfgs(),
                &three,
                150,
            );
            assert_above(accuracy(&classifier, &three), 0.95, &format!("three digits, {case}"));
            let mut classifier = network(64, 50, 1, &activation, seed);
            train(&mut classifier, BinaryCrossEntropy, lbfgs(), &two, 150);
            assert_above(labels_right(&classifier, &two), 0.95, &format!("two digits, {case}"));
        }
    }
}

#[test]
fn lbfgs_learns_digits_in_150_iterations() {
    digits_are_learned::<f64>();
    digits_are_learned::<f32>();
}

#[test]
fn lbfgs_fits_a_noisy_regression() {
    let data = data::read::<f64>("regression", 1);
    for activation in activations() {
        for seed in 0..SEEDS {
            let mut regressor = network(10, 50, 1, &activation, seed);
            train(&mut regressor, HalfMse, lbfgs(), &data, 200);
            // A nonlinear network does much better than a line.
            let least = if activation == Identity.into() { 0.80 } else { 0.98 };
            assert_above(r2(&regressor, &data), least, &format!("{activation:?}, seed {seed}"));
        }
    }
}

#[test]
fn lbfgs_learns_five_labels_at_once() {
    let data = data::read::<f64>("multilabel", 5);
    for seed in 0..SEEDS {
        let mut classifier = network(20, 50, 5, &Sigmoid.into(), seed);
        train(&mut classifier, BinaryCrossEntropy, lbfgs(), &data, 150);
        assert_above(labels_right(&classifier, &data), 0.97, &format!("seed {seed}"));
    }
}

#[test]
fn lbfgs_fits_five_outputs_at_once() {
    let data = data::read::<f64>("multi_output", 5);
    for seed in 0..SEEDS {
        let mut regressor = network(100, 50, 5, &Relu.into(), seed);
        train(&mut regressor, HalfMse, lbfgs(), &data, 200);
        assert_above(r2(&regressor, &data), 0.9, &format!("seed {seed}"));
    }
}

#[test]
fn xor_is_solved_from_each_of_a_hundred_seeds() {
    let data = Data::<f64> {
        input: Matrix::from_columns(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
        target: Matrix::from_columns(&[[0.0], [1.0], [1.0], [0.0]]),
    };
    for seed in 0..100 {
        let fresh = || {
            Network::<f64>::builder(&[2, 16, 1])
                .hidden(Tanh)
                .seed(seed)
                .build()
                .unwrap()
        };
        let mut by_adam = fresh();
        train(&mut by_adam, BinaryCrossEntropy, Adam::new(0.1).unwrap(), &data, 100);
        assert_above(labels_right(&by_adam, &data), 0.99, &format!("Adam, seed {seed}"));
        let mut by_lbfgs = fresh();
        train(&mut by_lbfgs, BinaryCrossEntropy, lbfgs(), &data, 30);
        assert_above(labels_right(&by_lbfgs, &data), 0.99, &format!("L-BFGS, seed {seed}"));
    }
}

/// Splits `data` into two of every three samples for training and the third for testing. The samples are ordered by
/// class, or not at all.
fn held_out(data: &Data<f64>) -> [Data<f64>; 2] {
    let (asked, known): (Vec<usize>, Vec<usize>) = (0..data.len()).partition(|i| i % 3 == 0);
    let (known, asked) = (data.subset(&known), data.subset(&asked));
    [known.standardized(&known), asked.standardized(&known)]
}

#[test]
fn samples_held_out_are_classified() {
    let sets = [
        ("iris", data::read("iris", 1), 3, 0.95),
        ("wine", data::read("wine", 1), 3, 0.95),
        ("breast_cancer", data::read("breast_cancer", 1), 2, 0.95),
        ("digits", data::digits(), 10, 0.94),
    ];
    for (name, data, classes, least) in sets {
        let [known, asked] = held_out(&data);
        for seed in 0..SEEDS {
            let mut classifier = network(known.input.shape().0, 32, classes, &Relu.into(), seed);
            let loss = SoftmaxCrossEntropy::for_classes();
            train(&mut classifier, loss, Adam::new(0.01).unwrap(), &known, 100);
            assert_above(accuracy(&classifier, &asked), least, &format!("{name}, seed {seed}"));
        }
    }
}

#[test]
fn a_target_held_out_is_predicted() {
    let mut data = data::read("diabetes", 1);
    // The target in units of about its standard deviation, from about its mean.
    data.target = Matrix::from_fn(1, data.len(), |_, j| (data.target[(0, j)] - 150.0) / 75.0);
    let [known, asked] = held_out(&data);
    for seed in 0..SEEDS {
        let mut regressor = network(10, 32, 1, &Relu.into(), seed);
        train(&mut regressor, HalfMse, Adam::new(0.01).unwrap(), &known, 50);
        assert_above(r2(&regressor, &asked), 0.45, &format!("seed {seed}"));
    }
}
