//! Tests that initial weights follow the distributions they are named for: they are compared with an independent
//! sampler, and they must give pre-activations of variance 1.

use mlp_core::activations::{Relu, Selu, Tanh};
use mlp_core::{ActivationKind, Initializer, Mlp, Workspace};
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
