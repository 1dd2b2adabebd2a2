//! Tests the factors of the learning rate and of the weight decay for parts of a network.

use crate::determinism::random;
use mlp_core::backend::Objective;
use mlp_core::{
    Adagrad, Adam, AdamW, Dense, Factors, GradientDescent, HalfMse, HyperParameterError, Lbfgs, Mlp, Momentum, NAdam,
    Optimizer, OptimizerKind, RmsProp, Samples, Trainer, Workspace,
};
use mlp_cpu::Matrix;

type Layers = Vec<Dense<Matrix<f64>>>;

/// The numbers of a state by name.
type Numbers = Vec<(String, f64)>;

const fn factors(weights: f64, bias: f64) -> Factors {
    Factors { weights, bias }
}

/// Powers of two and 0, by which products are exact.
const FACTORS: [Factors; 2] = [factors(0.5, 2.0), factors(4.0, 0.0)];

/// Returns layers of 3 -> 4 -> 2 with random numbers.
fn layers(seed: u64) -> Layers {
    let layer = |inputs, outputs, seed| Dense {
        weights: random(outputs, inputs, seed),
        bias: random(outputs, 1, seed + 1),
    };
    vec![layer(3, 4, seed), layer(4, 2, seed + 2)]
}

/// An objective with a given gradient.
struct Given(Layers);

impl Objective<Matrix<f64>> for Given {
    fn evaluate(&mut self, _: &[Dense<Matrix<f64>>]) -> f64 {
        1.0
    }

    fn gradient_mut(&mut self) -> &mut [Dense<Matrix<f64>>] {
        &mut self.0
    }
}

/// Takes three steps with random gradients and returns the parameters.
fn run(mut optimizer: impl Optimizer<Matrix<f64>>) -> Layers {
    let mut layers = layers(0);
    for step in 1..4 {
        optimizer
            .step(&mut layers, &mut Given(self::layers(10 * step)))
            .unwrap();
    }
    layers
}

/// Asserts that with the optimizer `own`, each part of the layers changes as with `alone`, which is given the part's
/// factor.
fn assert_parts<O: Optimizer<Matrix<f64>>>(own: O, factors: &[Factors], alone: impl Fn(f64) -> O) {
    let name = format!("{own:?}");
    for ((l, got), factors) in run(own).iter().enumerate().zip(factors) {
        assert_eq!(got.weights, run(alone(factors.weights))[l].weights, "{name}");
        assert_eq!(got.bias, run(alone(factors.bias))[l].bias, "{name}");
    }
}

#[test]
fn each_part_is_updated_with_its_own_learning_rate() {
    macro_rules! check {
        ($optimizer:expr) => {{
            let plain = $optimizer.unwrap();
            let own = plain.clone().learning_rate_factors(&FACTORS).unwrap();
            assert_parts(own, &FACTORS, |factor| {
                let mut alone = plain.clone();
                alone.set_learning_rate(factor * plain.learning_rate()).unwrap();
                alone
            });
            let ones = plain.clone().learning_rate_factors(&[factors(1.0, 1.0); 2]).unwrap();
            assert_eq!(run(ones), run(plain));
        }};
    }
    check!(GradientDescent::new(0.1));
    check!(Momentum::new(0.1, 0.9));
    check!(Momentum::new(0.1, 0.9).map(|momentum| momentum.nesterov(true)));
    check!(RmsProp::new(0.1));
    check!(RmsProp::new(0.1).and_then(|it| it.centered(true)));
    check!(RmsProp::new(0.1).and_then(|it| it.momentum(0.5)));
    check!(RmsProp::new(0.1).and_then(|it| it.centered(true)?.momentum(0.5)));
    check!(Adagrad::new(0.1));
    check!(Adam::new(0.1));
    check!(NAdam::new(0.1));
    check!(AdamW::new(0.1).and_then(|it| it.weight_decay(0.3)));
    check!(AdamW::new(0.1).and_then(|it| Ok(it.weight_decay(0.3)?.decay_biases(true))));
}

#[test]
fn each_part_has_its_own_weight_decay() {
    let plain = AdamW::new(0.1).unwrap().decay_biases(true);
    let own = plain.clone().weight_decay_factors(&FACTORS).unwrap();
    assert_parts(own, &FACTORS, |factor| {
        plain.clone().weight_decay(factor * 0.01).unwrap()
    });
    let weights_only = plain.clone().decay_biases(false);
    let own = weights_only.clone().weight_decay_factors(&FACTORS).unwrap();
    assert_parts(own, &FACTORS, |factor| {
        weights_only.clone().weight_decay(factor * 0.01).unwrap()
    });
}

#[test]
fn each_part_has_its_own_epsilon() {
    let factors = [factors(0.5, 2.0), factors(4.0, 1.0)];
    let plain = AdamW::new(0.1).unwrap();
    let own = plain.clone().epsilon(0.25).unwrap().epsilon_factors(&factors).unwrap();
    assert_parts(own, &factors, |factor| plain.clone().epsilon(factor * 0.25).unwrap());
}

/// A large layer on few samples is updated in place.
#[test]
fn layers_updated_in_place_have_their_factors() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[300, 300, 1]).seed(1).build().unwrap();
    let (input, target) = (random(300, 2, 3), random(1, 2, 4));
    let descent = || {
        GradientDescent::new(0.01)
            .unwrap()
            .learning_rate_factors(&FACTORS)
            .unwrap()
    };
    let mut by_hand = network.clone();
    let mut workspace = Workspace::new(&network, 2).unwrap();
    by_hand.forward(&input, &mut workspace);
    by_hand.loss(&HalfMse, &target, &mut workspace);
    by_hand.backward(&mut workspace);
    by_hand.gradient(&input, &mut workspace);
    descent()
        .update(by_hand.layers_mut(), workspace.gradient_mut())
        .unwrap();

    let samples = Samples::new(&input, &target).unwrap();
    Trainer::new(HalfMse, descent()).step(&mut network, samples).unwrap();
    assert_eq!(network, by_hand);
}

#[test]
fn factors_out_of_their_range_are_errors() {
    for (bad, printed) in [(-0.5, "-0.5"), (f64::INFINITY, "inf"), (f64::NAN, "NaN")] {
        for list in [
            [factors(bad, 1.0), factors(1.0, 1.0)],
            [factors(1.0, 1.0), factors(1.0, bad)],
        ] {
            let adam = AdamW::<Matrix<f64>>::new(0.1).unwrap();
            for (result, name) in [
                (adam.clone().learning_rate_factors(&list), "learning_rate_factor"),
                (adam.clone().epsilon_factors(&list), "epsilon_factor"),
                (adam.weight_decay_factors(&list), "weight_decay_factor"),
            ] {
                let expected = format!("{name}: expected a finite number of at least 0, got {printed}");
                assert_eq!(result.unwrap_err().to_string(), expected);
            }
        }
    }
}

#[test]
#[should_panic = "update: expected factors of layers of 2 x 1, got 1 x 1"]
fn factors_of_another_number_of_layers_panic() {
    run(Adam::new(0.1).unwrap().learning_rate_factors(&FACTORS[..1]).unwrap());
}

#[test]
fn a_state_keeps_the_factors() {
    let plain = || AdamW::<Matrix<f64>>::new(0.1).unwrap();
    let with_factors = || {
        plain()
            .learning_rate_factors(&FACTORS)
            .unwrap()
            .weight_decay_factors(&FACTORS)
            .unwrap()
            .epsilon_factors(&FACTORS)
            .unwrap()
    };
    let state = with_factors().state();
    let layers = layers(0);
    for mut other in [plain(), plain().learning_rate_factors(&[factors(3.0, 3.0); 2]).unwrap()] {
        other.restore(state.clone(), &layers).unwrap();
        assert_eq!(other, with_factors());
        other.reset();
        assert_eq!(other, with_factors());
    }

    let refused = |mut optimizer: AdamW<_>, change: &dyn Fn(&mut Numbers), layers: &[_]| {
        let mut state = state.clone();
        change(&mut state.numbers);
        let before = optimizer.clone();
        let error = optimizer.restore(state, layers).unwrap_err();
        assert_eq!(optimizer, before);
        error.to_string()
    };
    let lost = refused(
        with_factors(),
        &|numbers| numbers.retain(|(name, _)| !name.contains("rate_factor")),
        &layers,
    );
    assert_eq!(lost, "optimizer state: `learning_rate_factor.0.weights` is missing");
    let one = "learning_rate_factor.1.bias";
    let missing = refused(plain(), &|numbers| numbers.retain(|(name, _)| name != one), &layers);
    assert_eq!(missing, "optimizer state: `learning_rate_factor.1.bias` is missing");
    let negative = |numbers: &mut Numbers| numbers.iter_mut().find(|(name, _)| name == one).unwrap().1 = -1.0;
    let expected = "optimizer state: learning_rate_factor: expected a finite number of at least 0, got -1";
    assert_eq!(refused(plain(), &negative, &layers), expected);
    let too_many = refused(plain(), &|_| (), &layers[..1]);
    assert!(too_many.starts_with("optimizer state: unknown entry `"), "{too_many}");
    let too_few = refused(plain(), &|_| (), &[&layers[..], &layers[..1]].concat());
    assert_eq!(too_few, "optimizer state: `learning_rate_factor.2.weights` is missing");

    // Only AdamW has a weight decay.
    let state = Adam::new(0.1)
        .unwrap()
        .state()
        .with_number("weight_decay_factor.0.weights", 1.0);
    let error = Adam::new(0.1).unwrap().restore(state, &layers).unwrap_err();
    assert_eq!(
        error.to_string(),
        "optimizer state: unknown entry `weight_decay_factor.0.weights`"
    );
}

#[test]
fn only_adamw_has_a_weight_decay_to_set() {
    let mut adamw = OptimizerKind::AdamW.build::<Matrix<f64>>(0.1).unwrap();
    adamw.set_weight_decay(0.5).unwrap();
    assert_eq!(
        adamw.state(),
        AdamW::new(0.1).unwrap().weight_decay(0.5).unwrap().state()
    );
    let message = |result: Result<(), HyperParameterError>| result.unwrap_err().to_string();
    let negative = message(adamw.set_weight_decay(-0.5));
    assert_eq!(
        negative,
        "weight decay: expected a finite number of at least 0, got -0.5"
    );
    let none = "weight decay: expected an optimizer that has it, such as AdamW, got 0.5";
    assert_eq!(
        message(Adam::<Matrix<f64>>::new(0.1).unwrap().set_weight_decay(0.5)),
        none
    );
    assert_eq!(
        message(Lbfgs::<Matrix<f64>>::new(0.1).unwrap().set_weight_decay(0.5)),
        none
    );
}
