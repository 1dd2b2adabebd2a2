//! Tests that initial weights follow the distributions they are named for: they are compared with an independent
//! sampler, and they must give pre-activations of variance 1.

use mlp_core::activations::{Relu, Selu, Tanh};
use mlp_core::{ActivationKind, Dense, Initializer, Mlp, Workspace};
use mlp_cpu::Matrix;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Normal, Uniform};

/// Returns the weights of one layer of 100 x 200.
fn weights(initializer: Initializer) -> Vec<f64> {
    let network: Mlp<Matrix<f64>> = Mlp::builder(&[100, 200])
        .initializer(initializer)
        .seed(5)
        .build()
        .unwrap();
    assert!(
        network.layers()[0].bias.to_vec().iter().all(|&b| b == 0.0),
        "biases start at zero"
    );
    network.layers()[0].weights.to_vec()
}

/// Computes the two-sample statistic of Kolmogorov and Smirnov: the largest distance between the distribution
/// functions.
fn distance(mut a: Vec<f64>, mut b: Vec<f64>) -> f64 {
    assert_eq!(a.len(), b.len());
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let below = |x: &f64| b.partition_point(|y| y <= x);
    let n = a.len() as f64;
    a.iter()
        .enumerate()
        .map(|(i, x)| (i as f64 + 1.0 - below(x) as f64).abs() / n)
        .fold(0.0, f64::max)
}

#[test]
fn distributions_are_those_of_an_independent_sampler() {
    let draw = |distribution: &dyn Fn(&mut Xoshiro256PlusPlus) -> f64| -> Vec<f64> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(99);
        (0..20_000).map(|_| distribution(&mut rng)).collect()
    };
    let normal = |variance: f64| {
        let normal = Normal::new(0.0, variance.sqrt()).unwrap();
        draw(&|rng| normal.sample(rng))
    };
    let uniform = |limit: f64| {
        let uniform = Uniform::new(-limit, limit).unwrap();
        draw(&|rng| uniform.sample(rng))
    };
    // For 20,000 numbers each, a distance of 0.0195 or more has probability 0.001.
    for (initializer, expected) in [
        (
            Initializer::Normal {
                standard_deviation: 0.1,
            },
            normal(0.01),
        ),
        (Initializer::GlorotNormal, normal(2.0 / 300.0)),
        (Initializer::GlorotUniform, uniform((6.0_f64 / 300.0).sqrt())),
        (Initializer::HeNormal, normal(2.0 / 100.0)),
        (Initializer::HeUniform, uniform((6.0_f64 / 100.0).sqrt())),
        (Initializer::LecunUniform, uniform((3.0_f64 / 100.0).sqrt())),
        (Initializer::LecunNormal, normal(1.0 / 100.0)),
        (Initializer::MeanSquareGain, normal(1.0 / 100.0)),
    ] {
        let distance = distance(weights(initializer), expected);
        assert!(distance < 0.0195, "{initializer:?}: distance {distance}");
    }
    let wrong = distance(weights(Initializer::HeNormal), normal(1.7 / 100.0));
    assert!(
        wrong > 0.0195,
        "a variance 15 % off would not be noticed: distance {wrong}"
    );
}

/// The allowed variance for one draw of eight layers of 300 neurons, each with a factor of about 1 +- 0.13.
const ABOUT_ONE: std::ops::Range<f64> = 0.4..2.0;

#[test]
fn the_gain_of_the_activation_keeps_deep_pre_activations_at_variance_one() {
    for kind in ActivationKind::<mlp_core::NoCustom>::NAMES {
        let kind: ActivationKind = kind.parse().unwrap();
        let variance = last_variance(kind.clone(), Initializer::MeanSquareGain);
        assert!(ABOUT_ONE.contains(&variance), "{}: variance {variance}", kind.name());
    }
    assert!(
        last_variance(Tanh.into(), Initializer::GlorotNormal) < 0.4,
        "the activation's gain is needed"
    );
    assert!(
        last_variance(Relu.into(), Initializer::LecunNormal) < 0.1,
        "the activation's gain is needed"
    );
    assert!(ABOUT_ONE.contains(&last_variance(Relu.into(), Initializer::HeNormal)));
    assert!(ABOUT_ONE.contains(&last_variance(Selu.into(), Initializer::LecunNormal)));
}

/// Returns the mean square of the eighth layer's pre-activations, for normal inputs.
fn last_variance(hidden: ActivationKind, initializer: Initializer) -> f64 {
    let network: Mlp<Matrix<f64>> = Mlp::builder(&[300; 9])
        .hidden(hidden)
        .initializer(initializer)
        .build()
        .unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let input = Matrix::from_fn(300, 20, |_, _| normal.sample(&mut rng));
    let mut workspace = Workspace::new(&network, 20).unwrap();
    network.forward(&input, &mut workspace);
    // The output layer is linear, so its activation is its pre-activation.
    let z = workspace.prediction();
    z.to_vec().iter().map(|z| z * z).sum::<f64>() / z.to_vec().len() as f64
}

#[test]
fn an_f32_network_is_the_rounded_f64_one() {
    let wide: Mlp<Matrix<f64>> = Mlp::builder(&[7, 9, 2]).seed(11).build().unwrap();
    let narrow: Mlp<Matrix<f32>> = Mlp::builder(&[7, 9, 2]).seed(11).build().unwrap();
    for (wide, narrow) in wide.layers().iter().zip(narrow.layers()) {
        let rounded: Vec<f32> = wide.weights.to_vec().into_iter().map(|w| w as f32).collect();
        assert_eq!(narrow.weights.to_vec(), rounded);
    }
}

/// Returns the columns' population standard deviation of each row.
fn deviations(rows: &Matrix<f64>) -> Vec<f64> {
    let deviation = |row: usize| {
        let values: Vec<f64> = (0..rows.columns()).map(|sample| rows[(row, sample)]).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    (0..rows.rows()).map(deviation).collect()
}

/// The expected numbers are those of NumPy: `W / (X @ W.T).std(axis=0)[:, None]`.
#[test]
fn weights_are_divided_by_the_deviation_that_numpy_computes() {
    let weights = Matrix::from_rows(&[[1.0, 2.0], [-0.5, 0.25], [3.0, -1.0]]);
    let input = Matrix::from_columns(&[[0.5, -1.0], [2.0, 0.25], [-0.75, 1.5], [1.0, 3.0]]);
    let layer = Dense {
        weights,
        bias: Matrix::zeros(3, 1),
    };
    let mut network = Mlp::<Matrix<f64>>::from_layers(vec![(layer, Tanh.into())]).unwrap();
    network.initialize_from_data(&input, 1);
    let expected = [
        [0.33196735469061434, 0.6639347093812287],
        [-0.7656028224478577, 0.38280141122392886],
        [0.8632200015187277, -0.28774000050624254],
    ];
    for (i, expected) in expected.iter().enumerate() {
        for (j, expected) in expected.iter().enumerate() {
            let got = network.layers()[0].weights[(i, j)];
            assert!(
                (got - expected).abs() < 1e-15 * expected.abs(),
                "{i}, {j}: {got}, {expected}"
            );
        }
    }
}

/// In every layer, pre-activations have deviation 1, and minus the bias is a mean of 5 of them with the weights of a
/// random point of a simplex. Its variance is 5 E[s^2] = 1/3 of theirs.
#[test]
fn each_layer_is_adapted_to_the_data() {
    let input = Matrix::from_fn(3, 500, |i, j| {
        [1e4, 1e-4, 1.0][i] * ((7 * j + 3 * i) as f64).sin() + 2.0
    });
    let start = Mlp::<Matrix<f64>>::builder(&[3, 2000, 1000, 4])
        .hidden(Tanh)
        .seed(1)
        .build()
        .unwrap();
    let adapted = |seed| {
        let mut network = start.clone();
        network.initialize_from_data(&input, seed);
        network
    };
    let network = adapted(2);
    let mut workspace = Workspace::new(&network, 500).unwrap();
    network.forward(&input, &mut workspace);
    let (mut squares, mut neurons) = (0.0, 0.0);
    for (l, layer) in network.layers().iter().enumerate() {
        let mut z = Matrix::zeros(layer.outputs(), 500);
        if l == 0 {
            layer.pre_activation(&input, &mut z);
        } else {
            layer.pre_activation(workspace.activation(l - 1), &mut z);
        }
        for (neuron, deviation) in deviations(&z).into_iter().enumerate() {
            assert!(
                (deviation - 1.0).abs() < 1e-9,
                "layer {l}, neuron {neuron}: {deviation}"
            );
            let values: Vec<f64> = (0..500).map(|sample| z[(neuron, sample)]).collect();
            let (low, high) = values
                .iter()
                .fold((f64::MAX, f64::MIN), |(low, high), z| (low.min(*z), high.max(*z)));
            assert!(
                low < 1e-9 && high > -1e-9,
                "layer {l}, neuron {neuron}: from {low} to {high}"
            );
            squares += (values.iter().sum::<f64>() / 500.0).powi(2);
            neurons += 1.0;
        }
    }
    let variance: f64 = squares / neurons;
    assert!((variance - 1.0 / 3.0).abs() < 0.03, "{variance}");

    assert_eq!(network, adapted(2));
    let [first, other] = [&network, &adapted(3)].map(|network| network.layers()[0].clone());
    assert_eq!(first.weights, other.weights);
    assert_ne!(first.bias, other.bias);
}

#[test]
fn neurons_without_deviation_keep_their_weights() {
    let constant = Matrix::from_fn(2, 7, |i, _| 0.1 * (i + 1) as f64);
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 9, 1]).seed(1).build().unwrap();
    let before = network.clone();
    network.initialize_from_data(&constant, 1);
    for (layer, before) in network.layers().iter().zip(before.layers()) {
        assert_eq!(layer.weights, before.weights);
    }
    // The biases make every pre-activation 0.
    assert!(network.predict(&constant).to_vec().iter().all(|y| y.abs() < 1e-15));
}

#[test]
#[should_panic = "initialize_from_data: expected at least one sample, got none"]
fn data_without_samples_panic() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 1]).build().unwrap();
    network.initialize_from_data(&Matrix::zeros(2, 0), 1);
}

#[test]
#[should_panic = "initialize_from_data: expected input of 2 x 5, got 3 x 5"]
fn data_of_other_features_panic() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 1]).build().unwrap();
    network.initialize_from_data(&Matrix::zeros(3, 5), 1);
}
