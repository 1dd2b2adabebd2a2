//! Tests the optimizers that evaluate the gradient once a step. Momentum, Nesterov's momentum, RMSprop, Adagrad, Adam,
//! AdamW and NAdam follow PyTorch for 100 steps, name invalid arguments, and pass over the parameters once.

use crate::naive::{Naive, tensor, values};
use mlp_core::activations::{Identity, Relu, Softsign, Tanh};
use mlp_core::backend::{Objective, Tensor, ZipFormula};
use mlp_core::state::{OptimizerState, StateError};
use mlp_core::{
    ActivationKind, Adagrad, Adam, AdamW, Dense, Factors, GradientDescent, HalfMse, HyperParameterError, Mlp, Momentum,
    NAdam, NonFinite, Optimizer, RmsProp, Samples, Scalar, TrainError, Trainer,
};
use mlp_cpu::{Element, Matrix, MatrixRef};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `fixtures/first_order.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    layers: Vec<usize>,
    steps: usize,
    inputs: Vec<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    weights: Vec<Vec<Vec<f64>>>,
    biases: Vec<Vec<f64>>,
    runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    optimizer: String,
    parameters: BTreeMap<String, f64>,
    /// Pairs of a step and the learning rate from this step on.
    learning_rates: Vec<(usize, f64)>,
    /// Pairs of a factor for the weights of a layer and one for its bias; empty if all are 1.
    #[serde(default)]
    learning_rate_factors: Vec<(f64, f64)>,
    #[serde(default)]
    weight_decay_factors: Vec<(f64, f64)>,
    losses: Vec<f64>,
    final_weights: Vec<Vec<Vec<f64>>>,
    final_biases: Vec<Vec<f64>>,
}

/// Returns rows as a matrix.
fn from_rows<B: Tensor>(rows: &[Vec<f64>]) -> B {
    let columns = rows[0].len();
    let by_column: Vec<f64> = (0..columns).flat_map(|j| rows.iter().map(move |row| row[j])).collect();
    tensor((rows.len(), columns), &by_column)
}

/// Returns samples as a matrix.
fn from_samples<B: Tensor>(samples: &[Vec<f64>]) -> B {
    tensor((samples[0].len(), samples.len()), &samples.concat())
}

fn layers<B: Tensor>(weights: &[Vec<Vec<f64>>], biases: &[Vec<f64>]) -> Vec<Dense<B>> {
    let layer = |(weights, bias): (&Vec<Vec<f64>>, &Vec<f64>)| Dense {
        weights: from_rows(weights),
        bias: tensor((bias.len(), 1), bias),
    };
    weights.iter().zip(biases).map(layer).collect()
}

/// Returns all parameters: layer after layer, weights column after column, then the bias.
fn flat<B: Tensor>(layers: &[Dense<B>]) -> Vec<f64> {
    let tensors = layers.iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    tensors
        .flat_map(|tensor| values::<B>(tensor.into()))
        .map(Scalar::to_f64)
        .collect()
}

fn factors(pairs: &[(f64, f64)]) -> Vec<Factors> {
    let factors = |&(weights, bias): &(f64, f64)| Factors { weights, bias };
    pairs.iter().map(factors).collect()
}

fn assert_near(what: &str, got: f64, expected: f64, tolerance: f64) {
    assert!(
        (got - expected).abs() <= tolerance * expected.abs(),
        "{what}: expected {expected}, got {got}"
    );
}

impl Golden {
    /// Trains by `run` with `optimizer` and compares every loss, and every parameter at the end.
    fn follow<B: Tensor>(&self, run: &Run, optimizer: impl Optimizer<B>, tolerance: f64) {
        let name = format!("{} {:?} {:?}", run.optimizer, run.parameters, run.learning_rates);
        let last = self.weights.len() - 1;
        let start = layers(&self.weights, &self.biases).into_iter().enumerate();
        let start = start.map(|(l, layer)| {
            let activation: ActivationKind = if l == last { Identity.into() } else { Softsign.into() };
            (layer, activation)
        });
        let mut network = Mlp::<B>::from_layers(start.collect()).unwrap();
        assert_eq!(network.layer_sizes(), self.layers, "{name}");
        let (input, target) = (from_samples(&self.inputs), from_samples(&self.targets));
        let samples = Samples::new(&input, &target).unwrap();

        let mut trainer = Trainer::new(HalfMse, optimizer);
        assert_eq!(run.losses.len(), self.steps, "{name}");
        for (step, &expected) in (1..).zip(&run.losses) {
            if let Some(&(_, rate)) = run.learning_rates.iter().find(|(first, _)| *first == step) {
                trainer.optimizer_mut().set_learning_rate(rate).unwrap();
            }
            let loss = trainer.step(&mut network, samples).unwrap();
            assert_near(&format!("{name}: loss of step {step}"), loss, expected, tolerance);
        }
        let expected = flat::<Naive<f64>>(&layers(&run.final_weights, &run.final_biases));
        let got = flat(network.layers());
        assert_eq!(got.len(), expected.len(), "{name}");
        for (p, (got, expected)) in got.into_iter().zip(expected).enumerate() {
            assert_near(&format!("{name}: parameter {p}"), got, expected, tolerance);
        }
    }

    fn follow_all<B: Tensor + PartialEq>(&self, tolerance: f64) {
        // These were shown without the effect of options.
        let mut defaults = Vec::new();
        for run in &self.runs {
            let parameter = |name| run.parameters[name];
            let rate = run.learning_rates[0].1;
            match run.optimizer.as_str() {
                "momentum" => {
                    self.follow::<B>(run, Momentum::new(rate, parameter("momentum")).unwrap(), tolerance);
                }
                "nesterov" => {
                    let optimizer = Momentum::new(rate, parameter("momentum")).unwrap().nesterov(true);
                    self.follow::<B>(run, optimizer, tolerance);
                }
                "adam" => {
                    let (beta1, beta2, epsilon) = (parameter("beta1"), parameter("beta2"), parameter("epsilon"));
                    let plain = Adam::new(rate).unwrap();
                    let changed = plain.clone().betas(beta1, beta2).unwrap().epsilon(epsilon).unwrap();
                    if changed == plain {
                        defaults.push("adam");
                    }
                    self.follow::<B>(run, changed, tolerance);
                }
                "rms_prop" => {
                    let plain = RmsProp::new(rate).unwrap();
                    let changed = plain.clone().rho(parameter("rho")).unwrap();
                    let changed = changed.epsilon(parameter("epsilon")).unwrap();
                    let changed = changed.centered(parameter("centered") == 1.0).unwrap();
                    let changed = changed.momentum(parameter("momentum")).unwrap();
                    if changed == plain {
                        defaults.push("rms_prop");
                    }
                    self.follow::<B>(run, changed, tolerance);
                }
                "adagrad" => {
                    let plain = Adagrad::new(rate).unwrap();
                    let changed = plain.clone().epsilon(parameter("epsilon")).unwrap();
                    if changed == plain {
                        defaults.push("adagrad");
                    }
                    self.follow::<B>(run, changed, tolerance);
                }
                "adamw" => {
                    let plain = AdamW::new(rate).unwrap();
                    let changed = plain
                        .clone()
                        .betas(parameter("beta1"), parameter("beta2"))
                        .unwrap()
                        .epsilon(parameter("epsilon"))
                        .unwrap()
                        .weight_decay(parameter("weight_decay"))
                        .unwrap()
                        .decay_biases(parameter("decay_biases") == 1.0);
                    if changed == plain {
                        defaults.push("adamw");
                    }
                    let changed = changed
                        .learning_rate_factors(&factors(&run.learning_rate_factors))
                        .unwrap()
                        .weight_decay_factors(&factors(&run.weight_decay_factors))
                        .unwrap();
                    self.follow::<B>(run, changed, tolerance);
                }
                "nadam" => {
                    let plain = NAdam::new(rate).unwrap();
                    let changed = plain
                        .clone()
                        .betas(parameter("beta1"), parameter("beta2"))
                        .unwrap()
                        .epsilon(parameter("epsilon"))
                        .unwrap()
                        .momentum_decay(parameter("momentum_decay"))
                        .unwrap();
                    if changed == plain {
                        defaults.push("nadam");
                    }
                    self.follow::<B>(run, changed, tolerance);
                }
                other => panic!("unknown optimizer {other} in the golden file"),
            }
        }
        defaults.dedup();
        assert_eq!(defaults, ["adam", "rms_prop", "adagrad", "adamw", "nadam"]);
    }
}

#[test]
fn a_hundred_steps_follow_pytorch() {
    let golden: Golden =
        serde_json::from_str(include_str!("../fixtures/first_order.json")).expect("the golden file is valid");
    assert_eq!((golden.steps, golden.runs.len()), (100, 22));
    golden.follow_all::<Matrix<f64>>(1e-12);
    golden.follow_all::<Naive<f64>>(1e-12);
    golden.follow_all::<Matrix<f32>>(1e-4);
}

/// An objective with a given loss and gradient.
struct Told<B> {
    loss: f64,
    told: Vec<Dense<B>>,
    /// The copy that the optimizer gets and may overwrite.
    gradient: Vec<Dense<B>>,
}

impl<B: Tensor> Told<B> {
    fn new(gradient: Vec<Dense<B>>) -> Self {
        Self {
            loss: 1.0,
            told: gradient.clone(),
            gradient,
        }
    }
}

impl<B: Tensor> Objective<B> for Told<B> {
    fn evaluate(&mut self, _: &[Dense<B>]) -> f64 {
        self.gradient.clone_from(&self.told);
        self.loss
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.gradient
    }
}

/// Returns a layer of one output whose weights and bias are `numbers`.
fn layer<B: Tensor>(numbers: &[f64]) -> Dense<B> {
    let (bias, weights) = numbers.split_last().unwrap();
    Dense {
        weights: tensor((1, weights.len()), weights),
        bias: tensor((1, 1), &[*bias]),
    }
}

/// While the gradient does not change, Adam's bias-corrected moments are the gradient and its square in every step.
/// So each step changes the parameter by eta g / (|g| + epsilon), even where 1 - beta^t, computed as a difference,
/// has lost most of its digits.
#[test]
fn adam_frees_its_moments_of_their_bias() {
    fn check<T: Element>(gradients: &[f64], steps: usize, tolerance: f64) {
        for (beta1, beta2) in [
            (0.9, 0.999),
            (0.0, 0.0),
            (0.5, 0.9),
            (0.99, 0.1),
            (1.0 - 1e-5, 1.0 - 1e-7),
            (0.9, 1.0 - 1e-12),
        ] {
            if T::from_f64(1.0 - beta2).to_f64() == 0.0 {
                continue;
            }
            for epsilon in [1e-8, 1e-3, 10.0] {
                let mut optimizer = Adam::<Matrix<T>>::new(0.125)
                    .unwrap()
                    .betas(beta1, beta2)
                    .unwrap()
                    .epsilon(epsilon)
                    .unwrap();
                let mut objective = Told::new(vec![layer(gradients)]);
                for step in 1..=steps {
                    let mut layers = vec![layer(&vec![0.0; gradients.len()])];
                    assert_eq!(optimizer.step(&mut layers, &mut objective), Ok(1.0));
                    for (&g, got) in gradients.iter().zip(flat(&layers)) {
                        let what = format!("betas {beta1}, {beta2}, epsilon {epsilon}, step {step}, gradient {g}");
                        assert_near(&what, got, -0.125 * g / (g.abs() + epsilon), tolerance);
                    }
                }
            }
        }
    }
    check::<f64>(&[0.0, 1e-100, -3e-11, 1e-8, -0.7, 1.0, 30.0, -1e120], 300, 2e-13);
    check::<f32>(&[0.0, 1e-12, 1e-8, -0.7, 1.0, 30.0, -1e12], 60, 3e-5);
}

#[test]
fn hyper_parameters_out_of_range_are_errors() {
    type M = Momentum<Matrix<f64>>;
    type A = Adam<Matrix<f64>>;
    fn check(name: &str, range: &str, bad: &[(f64, &str)], make: impl Fn(f64) -> Result<(), HyperParameterError>) {
        for (value, printed) in bad {
            let error = make(*value).unwrap_err();
            assert_eq!(error.to_string(), format!("{name}: expected {range}, got {printed}"));
        }
    }
    let not_finite = [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (-0.5, "-0.5"),
    ];
    let not_positive = [&not_finite[..], &[(0.0, "0"), (-0.0, "-0")]].concat();
    let not_below_one = [&not_finite[..], &[(1.0, "1"), (1.5, "1.5"), (-0.125, "-0.125")]].concat();

    let (name, positive) = ("learning rate", "a finite number above 0");
    check(name, positive, &not_positive, |x| M::new(x, 0.9).map(drop));
    check(name, positive, &not_positive, |x| {
        M::new(x, 0.9).map(|momentum| momentum.nesterov(true)).map(drop)
    });
    check(name, positive, &not_positive, |x| A::new(x).map(drop));
    check("epsilon", positive, &not_positive, |x| {
        A::new(0.1)?.epsilon(x).map(drop)
    });
    let below_one = "a number of at least 0 and below 1";
    check("momentum", below_one, &not_below_one, |x| M::new(0.1, x).map(drop));
    check("momentum", below_one, &not_below_one, |x| {
        M::new(0.1, x).map(|momentum| momentum.nesterov(true)).map(drop)
    });
    check("beta1", below_one, &not_below_one, |x| {
        A::new(0.1)?.betas(x, 0.9).map(drop)
    });
    check("beta2", below_one, &not_below_one, |x| {
        A::new(0.1)?.betas(0.9, x).map(drop)
    });

    type R = RmsProp<Matrix<f64>>;
    type G = Adagrad<Matrix<f64>>;
    type W = AdamW<Matrix<f64>>;
    type N = NAdam<Matrix<f64>>;
    check(name, positive, &not_positive, |x| R::new(x).map(drop));
    check(name, positive, &not_positive, |x| G::new(x).map(drop));
    check(name, positive, &not_positive, |x| W::new(x).map(drop));
    check(name, positive, &not_positive, |x| N::new(x).map(drop));
    let name = "epsilon";
    check(name, positive, &not_positive, |x| R::new(0.1)?.epsilon(x).map(drop));
    check(name, positive, &not_positive, |x| G::new(0.1)?.epsilon(x).map(drop));
    check(name, positive, &not_positive, |x| W::new(0.1)?.epsilon(x).map(drop));
    check(name, positive, &not_positive, |x| N::new(0.1)?.epsilon(x).map(drop));
    check("rho", below_one, &not_below_one, |x| R::new(0.1)?.rho(x).map(drop));
    check("momentum", below_one, &not_below_one, |x| {
        R::new(0.1)?.momentum(x).map(drop)
    });
    check("beta1", below_one, &not_below_one, |x| {
        W::new(0.1)?.betas(x, 0.9).map(drop)
    });
    check("beta2", below_one, &not_below_one, |x| {
        N::new(0.1)?.betas(0.9, x).map(drop)
    });
    let not_negative = "a finite number of at least 0";
    check("weight decay", not_negative, &not_finite, |x| {
        W::new(0.1)?.weight_decay(x).map(drop)
    });
    check("momentum decay", not_negative, &not_finite, |x| {
        N::new(0.1)?.momentum_decay(x).map(drop)
    });
    assert!(W::new(0.1).unwrap().weight_decay(0.0).is_ok() && N::new(0.1).unwrap().momentum_decay(0.0).is_ok());
    assert!(R::new(0.1).unwrap().rho(0.0).unwrap().momentum(0.0).is_ok());

    // The ends of the ranges are valid.
    assert!(
        M::new(f64::MIN_POSITIVE, 0.0).is_ok()
            && M::new(f64::MAX, 1.0 - f64::EPSILON)
                .map(|momentum| momentum.nesterov(true))
                .is_ok()
    );
    assert!(A::new(f64::MAX).unwrap().betas(0.0, 0.0).is_ok());
    assert!(
        A::new(0.1)
            .unwrap()
            .betas(1.0 - f64::EPSILON, 1.0 - f64::EPSILON)
            .is_ok()
    );
    assert!(A::new(0.1).unwrap().epsilon(f64::MIN_POSITIVE).is_ok());
}

/// Returns two layers.
fn start() -> Vec<Dense<Matrix<f64>>> {
    vec![layer(&[1.0, -2.0, 0.5]), layer(&[0.25, 0.0])]
}

/// Returns `optimizer` after `steps` steps from `layers`.
fn stepped<O: Optimizer<Matrix<f64>>>(mut optimizer: O, layers: &mut [Dense<Matrix<f64>>], steps: usize) -> O {
    let mut objective = Told::new(vec![layer(&[0.5, 1.0, -1.0]), layer(&[-2.0, 0.125])]);
    for _ in 0..steps {
        assert_eq!(optimizer.step(layers, &mut objective), Ok(1.0));
    }
    optimizer
}

/// Files store these names and must stay readable for years.
#[test]
fn states_have_names() {
    let (mut a, mut b) = (start(), start());
    let momentum = stepped(Momentum::new(0.5, 0.5).unwrap(), &mut a, 2).state();
    let velocity = vec![layer(&[0.75, 1.5, -1.5]), layer(&[-3.0, 0.1875])];
    assert_eq!(
        momentum,
        OptimizerState::new("momentum")
            .with_number("learning_rate", 0.5)
            .with_number("momentum", 0.5)
            .with_number("nesterov", 0.0)
            .with_number("steps", 2.0)
            .with_tensors("velocity", velocity)
    );
    let nesterov = stepped(Momentum::new(0.5, 0.5).unwrap().nesterov(true), &mut b, 2).state();
    let differing: Vec<_> = momentum
        .numbers
        .iter()
        .zip(&nesterov.numbers)
        .filter(|(a, b)| a != b)
        .collect();
    assert_eq!(differing.len(), 1, "{differing:?}");
    assert_eq!(*differing[0].1, ("nesterov".to_owned(), 1.0));
    assert_eq!(nesterov.tensors, momentum.tensors);
    assert_ne!(a, b);

    let adam = Adam::new(0.5).unwrap().betas(0.5, 0.75).unwrap().epsilon(0.25).unwrap();
    assert_eq!(
        stepped(adam, &mut start(), 1).state(),
        OptimizerState::new("adam")
            .with_number("learning_rate", 0.5)
            .with_number("beta1", 0.5)
            .with_number("beta2", 0.75)
            .with_number("epsilon", 0.25)
            .with_number("steps", 1.0)
            .with_tensors("first_moment", vec![layer(&[0.25, 0.5, -0.5]), layer(&[-1.0, 0.0625])])
            .with_tensors(
                "second_moment",
                vec![layer(&[0.0625, 0.25, 0.25]), layer(&[1.0, 0.003_906_25])]
            )
    );
    let names = |state: State| {
        let numbers: Vec<_> = state.numbers.into_iter().map(|(name, _)| name).collect();
        let tensors: Vec<_> = state.tensors.into_iter().map(|(name, _)| name).collect();
        format!("{}: {}; {}", state.kind, numbers.join(" "), tensors.join(" "))
    };
    let rms_prop = || RmsProp::new(0.5).unwrap();
    let numbers = "rms_prop: learning_rate rho epsilon centered momentum steps";
    assert_eq!(names(rms_prop().state()), format!("{numbers}; mean_square"));
    assert_eq!(
        names(rms_prop().centered(true).unwrap().state()),
        format!("{numbers}; mean_square mean")
    );
    let rms_prop = rms_prop().momentum(0.5).unwrap();
    assert_eq!(names(rms_prop.state()), format!("{numbers}; mean_square velocity"));
    assert_eq!(
        names(rms_prop.centered(true).unwrap().state()),
        format!("{numbers}; mean_square mean velocity")
    );
    assert_eq!(
        names(Adagrad::new(0.5).unwrap().state()),
        "adagrad: learning_rate epsilon steps; sum_of_squares"
    );
    assert_eq!(
        names(AdamW::new(0.5).unwrap().state()),
        "adamw: learning_rate beta1 beta2 epsilon weight_decay decay_biases steps; first_moment second_moment"
    );
    let nadam = stepped(NAdam::new(0.5).unwrap().momentum_decay(0.0).unwrap(), &mut start(), 2).state();
    assert!(nadam.numbers.contains(&("momentum_product".to_owned(), 0.45 * 0.45)));
    assert_eq!(
        names(nadam),
        "nadam: learning_rate beta1 beta2 epsilon momentum_decay momentum_product steps; first_moment second_moment"
    );
    assert_eq!(
        Adam::<Matrix<f64>>::new(0.5).unwrap().state().tensors,
        [
            ("first_moment".to_owned(), Vec::new()),
            ("second_moment".to_owned(), Vec::new())
        ],
        "before the first step"
    );
}

type State = OptimizerState<Matrix<f64>>;

/// Replaces the number `name`.
fn number(mut state: State, name: &str, value: f64) -> State {
    state.numbers.iter_mut().find(|(n, _)| n == name).unwrap().1 = value;
    state
}

/// Replaces the values `name`.
fn tensors(mut state: State, name: &str, value: Vec<Dense<Matrix<f64>>>) -> State {
    state.tensors.iter_mut().find(|(n, _)| n == name).unwrap().1 = value;
    state
}

/// Tests states with a missing entry, a value of the wrong shape, an unknown entry, another kind, or a number out of
/// range. Each error names the entry, and the optimizer stays unchanged.
#[test]
fn states_that_do_not_fit_are_errors_and_change_nothing() {
    fn check<O>(
        kind: &'static str,
        other_kind: &str,
        make: impl Fn(f64) -> O,
        bad_numbers: &[(&str, f64, &'static str, &'static str, &str)],
    ) where
        O: Optimizer<Matrix<f64>> + Clone + PartialEq + std::fmt::Debug,
    {
        let network = start();
        let good = stepped(make(0.5), &mut start(), 3).state();
        assert_eq!(make(0.1).restore(good.clone(), &network), Ok(()), "{kind}");
        let refuse = |state: State, error: StateError, text: &str| {
            let optimizer = stepped(make(0.1), &mut start(), 2);
            let mut restored = optimizer.clone();
            let got = restored.restore(state, &network).unwrap_err();
            assert_eq!(got, error, "{kind}");
            assert_eq!(got.to_string(), format!("optimizer state: {text}"));
            assert_eq!(restored, optimizer, "after `{text}`");
        };

        let mut other = good.clone();
        other.kind = other_kind.to_owned();
        refuse(
            other,
            StateError::Kind {
                expected: kind,
                got: other_kind.to_owned(),
            },
            &format!("expected kind `{kind}`, got `{other_kind}`"),
        );
        for i in 0..good.numbers.len() {
            let mut state = good.clone();
            let (name, _) = state.numbers.remove(i);
            let text = format!("`{name}` is missing");
            refuse(state, StateError::Missing { name }, &text);
        }
        for (i, (name, value)) in good.tensors.iter().enumerate() {
            let mut state = good.clone();
            state.tensors.remove(i);
            let error = StateError::Missing { name: name.clone() };
            refuse(state, error, &format!("`{name}` is missing"));

            let (mut longer, mut wider) = (value.clone(), value.clone());
            longer[1].bias = Matrix::zeros(2, 1);
            wider[0].weights = Matrix::zeros(1, 3);
            for (what, wrong) in [
                ("none, but steps", Vec::new()),
                ("a layer too few", value[..1].to_vec()),
                ("a layer too many", [&value[..], &value[..1]].concat()),
                ("two sets", [&value[..], value].concat()),
                ("layers of another order", vec![value[1].clone(), value[0].clone()]),
                ("a longer bias", longer),
                ("wider weights", wider),
            ] {
                let state = tensors(good.clone(), name, wrong);
                let error = StateError::Shape { name: name.clone() };
                let text = format!("`{name}` does not have the shapes of the parameters");
                assert!(make(0.1).restore(state.clone(), &network).is_err(), "{kind}: {what}");
                refuse(state, error, &text);
            }
        }
        for unknown in [
            good.clone().with_number("spare", 1.0),
            good.clone().with_tensors("spare", Vec::new()),
        ] {
            let name = "spare".to_owned();
            refuse(unknown, StateError::Unexpected { name }, "unknown entry `spare`");
        }
        for &(entry, got, name, expected, printed) in bad_numbers {
            refuse(
                number(good.clone(), entry, got),
                StateError::HyperParameter(HyperParameterError::new(name, expected, got)),
                &format!("{name}: expected {expected}, got {printed}"),
            );
        }

        // A state from before the first step.
        let fresh = make(0.5).state();
        let mut restored = stepped(make(0.1), &mut start(), 2);
        assert_eq!(restored.restore(fresh.clone(), &network), Ok(()), "{kind}");
        assert_eq!(restored, make(0.5), "{kind}");
        let stray = tensors(fresh, &good.tensors[0].0, network[..1].to_vec());
        assert!(make(0.5).restore(stray, &network).is_err(), "{kind}");
    }

    let positive = "a finite number above 0";
    let not_negative = "a finite number of at least 0";
    let below_one = "a number of at least 0 and below 1";
    let whole = "a whole number from 0 to 2^53 - 1";
    let shared = [
        ("learning_rate", -1.0, "learning rate", not_negative, "-1"),
        ("steps", -1.0, "steps", whole, "-1"),
        ("steps", 2.5, "steps", whole, "2.5"),
        ("steps", 9_007_199_254_740_992.0, "steps", whole, "9007199254740992"),
        ("steps", f64::INFINITY, "steps", whole, "inf"),
    ];
    let momentum = [
        ("momentum", 1.0, "momentum", below_one, "1"),
        ("nesterov", 0.5, "nesterov", "0 or 1", "0.5"),
        ("nesterov", -1.0, "nesterov", "0 or 1", "-1"),
    ];
    let momentum = [&shared[..], &momentum].concat();
    check("momentum", "adam", |eta| Momentum::new(eta, 0.9).unwrap(), &momentum);
    check(
        "momentum",
        "gradient_descent",
        |eta| Momentum::new(eta, 0.5).unwrap().nesterov(true),
        &momentum,
    );
    let adam = [
        ("beta1", 1.0, "beta1", below_one, "1"),
        ("beta2", -0.5, "beta2", below_one, "-0.5"),
        ("epsilon", 0.0, "epsilon", positive, "0"),
    ];
    check(
        "adam",
        "momentum",
        |eta| Adam::new(eta).unwrap(),
        &[&shared[..], &adam].concat(),
    );

    let rms_prop = [
        ("rho", 1.0, "rho", below_one, "1"),
        ("momentum", -0.5, "momentum", below_one, "-0.5"),
        ("epsilon", 0.0, "epsilon", positive, "0"),
        ("centered", 0.5, "centered", "0 or 1", "0.5"),
    ];
    let rms_prop = [&shared[..], &rms_prop].concat();
    check("rms_prop", "adam", |eta| RmsProp::new(eta).unwrap(), &rms_prop);
    check(
        "rms_prop",
        "adagrad",
        |eta| {
            RmsProp::new(eta)
                .unwrap()
                .centered(true)
                .unwrap()
                .momentum(0.5)
                .unwrap()
        },
        &rms_prop,
    );
    let adagrad = [("epsilon", 0.0, "epsilon", positive, "0")];
    check(
        "adagrad",
        "rms_prop",
        |eta| Adagrad::new(eta).unwrap(),
        &[&shared[..], &adagrad].concat(),
    );
    let adamw = [
        ("weight_decay", -0.5, "weight decay", not_negative, "-0.5"),
        ("decay_biases", 2.0, "decay_biases", "0 or 1", "2"),
    ];
    check(
        "adamw",
        "adam",
        |eta| AdamW::new(eta).unwrap(),
        &[&shared[..], &adam, &adamw].concat(),
    );
    let nadam = [
        ("momentum_decay", -0.5, "momentum decay", not_negative, "-0.5"),
        (
            "momentum_product",
            1.5,
            "momentum_product",
            "a number from 0 to 1",
            "1.5",
        ),
        (
            "momentum_product",
            -0.5,
            "momentum_product",
            "a number from 0 to 1",
            "-0.5",
        ),
    ];
    check(
        "nadam",
        "adam",
        |eta| NAdam::new(eta).unwrap(),
        &[&shared[..], &adam, &nadam].concat(),
    );

    // NaN is not equal to itself, so compare the message.
    let state = number(Adam::new(0.1).unwrap().state(), "steps", f64::NAN);
    let error = Adam::new(0.1).unwrap().restore(state, &start()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("optimizer state: steps: expected {whole}, got NaN")
    );
}

/// All hyper-parameters come from the state, none from the optimizer that is restored, and training continues from
/// there.
#[test]
fn a_restored_optimizer_is_the_one_that_was_saved() {
    fn check<O: Optimizer<Matrix<f64>> + PartialEq + std::fmt::Debug>(original: O, mut other: O) {
        let mut layers = start();
        let mut original = stepped(original, &mut layers, 3);
        original.set_learning_rate(0.015_625).unwrap();
        other.restore(original.state(), &layers).unwrap();
        assert_eq!(other, original);
        let mut again = layers.clone();
        assert_eq!(stepped(other, &mut again, 4), stepped(original, &mut layers, 4));
        assert_eq!(again, layers);
    }
    check(
        Momentum::new(0.1, 0.9).unwrap(),
        Momentum::new(0.3, 0.5).unwrap().nesterov(true),
    );
    check(
        Momentum::new(0.1, 0.9).unwrap().nesterov(true),
        Momentum::new(0.3, 0.5).unwrap(),
    );
    let adam = || Adam::new(0.1).unwrap();
    check(adam(), adam().betas(0.5, 0.6).unwrap().epsilon(0.1).unwrap());
    check(adam().betas(0.5, 0.6).unwrap().epsilon(0.1).unwrap(), adam());
    let rms_prop = || RmsProp::new(0.1).unwrap();
    let both = || {
        rms_prop()
            .rho(0.5)
            .unwrap()
            .epsilon(0.1)
            .unwrap()
            .centered(true)
            .unwrap()
            .momentum(0.5)
            .unwrap()
    };
    check(rms_prop(), both());
    check(both(), rms_prop());
    check(rms_prop().centered(true).unwrap(), rms_prop().momentum(0.5).unwrap());
    check(rms_prop().momentum(0.5).unwrap(), rms_prop().centered(true).unwrap());
    check(
        Adagrad::new(0.1).unwrap(),
        Adagrad::new(0.1).unwrap().epsilon(0.5).unwrap(),
    );
    let adamw = || AdamW::new(0.1).unwrap();
    let decaying = || {
        adamw()
            .betas(0.5, 0.6)
            .unwrap()
            .epsilon(0.1)
            .unwrap()
            .weight_decay(0.5)
            .unwrap()
    };
    check(adamw(), decaying().decay_biases(true));
    check(decaying().decay_biases(true), adamw());
    let nadam = || NAdam::new(0.1).unwrap();
    let other = || {
        nadam()
            .betas(0.5, 0.6)
            .unwrap()
            .epsilon(0.1)
            .unwrap()
            .momentum_decay(0.5)
            .unwrap()
    };
    check(nadam(), other());
    check(other(), nadam());
    // The number of steps of months of training.
    let mut late = adam();
    let state = number(stepped(adam(), &mut start(), 1).state(), "steps", 1e12);
    late.restore(state, &start()).unwrap();
    let late = stepped(late, &mut start(), 1).state();
    assert!(late.numbers.contains(&("steps".to_owned(), 1e12 + 1.0)), "{late:?}");
}

/// A schedule may end in 0. The optimizer accepts this rate, keeps it in its state, and changes no parameter. A
/// constructor refuses it.
#[test]
fn a_learning_rate_of_zero_changes_nothing() {
    fn check<O: Optimizer<Matrix<f64>> + PartialEq + std::fmt::Debug>(make: impl Fn() -> O) {
        let mut layers = start();
        let mut optimizer = stepped(make(), &mut layers, 2);
        let unchanged = stepped(make(), &mut start(), 2);
        for (bad, printed) in [
            (-0.5, "-0.5"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let error = optimizer.set_learning_rate(bad).unwrap_err();
            let expected = format!("learning rate: expected a finite number of at least 0, got {printed}");
            assert_eq!(error.to_string(), expected);
            assert_eq!(optimizer, unchanged, "after an error");
        }
        optimizer.set_learning_rate(0.0).unwrap();
        assert_eq!(optimizer.learning_rate(), 0.0);
        let before = layers.clone();
        let optimizer = stepped(optimizer, &mut layers, 3);
        assert_eq!(layers, before);
        let mut restored = make();
        restored.restore(optimizer.state(), &layers).unwrap();
        assert_eq!(restored, optimizer);
    }
    check(|| GradientDescent::new(0.1).unwrap());
    check(|| Momentum::new(0.1, 0.9).unwrap());
    check(|| Momentum::new(0.1, 0.9).unwrap().nesterov(true));
    check(|| RmsProp::new(0.1).unwrap());
    check(|| {
        RmsProp::new(0.1)
            .unwrap()
            .centered(true)
            .unwrap()
            .momentum(0.5)
            .unwrap()
    });
    check(|| Adagrad::new(0.1).unwrap());
    check(|| Adam::new(0.1).unwrap());
    check(|| AdamW::new(0.1).unwrap());
    check(|| NAdam::new(0.1).unwrap());
}

/// The mean square of a constant gradient is the square of its mean, up to rounding, which may make it smaller. The
/// optimizer must not take the root of a negative number.
#[test]
fn a_variance_is_not_negative() {
    for gradient in (1..100).map(|k| f64::from(k) * 0.013) {
        let mut optimizer = RmsProp::new(1e-6).unwrap().rho(0.5).unwrap().centered(true).unwrap();
        let mut objective = Told::new(vec![layer(&[gradient, -gradient])]);
        let mut layers = vec![layer::<Matrix<f64>>(&[0.0, 0.0])];
        for step in 0..200 {
            assert_eq!(
                optimizer.step(&mut layers, &mut objective),
                Ok(1.0),
                "gradient {gradient}, step {step}"
            );
        }
    }
}

/// Weights without a gradient shrink in each step; biases shrink only if this is enabled.
#[test]
fn adamw_decays_weights_and_not_biases() {
    for (decay_biases, bias) in [(false, 2.0), (true, 2.0 * 0.75 * 0.75)] {
        let mut optimizer = AdamW::<Matrix<f64>>::new(0.5)
            .unwrap()
            .weight_decay(0.5)
            .unwrap()
            .decay_biases(decay_biases);
        let mut layers = vec![layer(&[1.0, -4.0, 2.0])];
        let mut objective = Told::new(vec![layer(&[0.0; 3])]);
        for _ in 0..2 {
            optimizer.step(&mut layers, &mut objective).unwrap();
        }
        assert_eq!(layers, [layer(&[0.5625, -2.25, bias])]);
    }
}

/// If the parameters after a step would not be finite, the error names the first such layer, and all parameters stay
/// unchanged. With the state from before the step, training continues as if the step had not happened.
#[test]
fn a_step_that_is_not_finite_leaves_the_parameters() {
    fn check<O: Optimizer<Matrix<f64>> + Clone + PartialEq + std::fmt::Debug>(make: impl Fn() -> O, bad: &[f64]) {
        for steps in [0, 3] {
            let mut layers = start();
            let mut optimizer = stepped(make(), &mut layers, steps);
            let (before, state) = (layers.clone(), optimizer.state());
            for &bad in bad {
                for (l, what) in [(0, "bias"), (1, "weights")] {
                    let mut gradient = vec![layer(&[0.5; 3]), layer(&[0.5; 2])];
                    let part: &mut Dense<Matrix<f64>> = &mut gradient[l];
                    if l == 0 {
                        part.bias[(0, 0)] = bad;
                    } else {
                        part.weights[(0, 0)] = bad;
                    }
                    let result = optimizer.step(&mut layers, &mut Told::new(gradient));
                    assert_eq!(result, Err(NonFinite::Parameters { layer: l }), "{what} {bad}");
                    assert_eq!(layers, before, "{what} {bad}");
                    optimizer.restore(state.clone(), &layers).unwrap();
                }
            }
            for loss in [f64::INFINITY, f64::NAN] {
                let mut objective = Told::new(vec![layer(&[0.5; 3]), layer(&[0.5; 2])]);
                objective.loss = loss;
                let error = optimizer.step(&mut layers, &mut objective).unwrap_err();
                assert_eq!(error.to_string(), format!("the loss is {loss}"));
                assert_eq!(layers, before);
                assert_eq!(optimizer.state(), state, "the gradient of such a loss is not looked at");
            }
            let mut expected = before;
            let through = stepped(stepped(make(), &mut start(), steps), &mut expected, 2);
            assert_eq!(stepped(optimizer, &mut layers, 2), through);
            assert_eq!(layers, expected);
        }
    }
    let not_finite = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let too_large = [&not_finite[..], &[f64::MAX]].concat();
    check(|| Momentum::new(10.0, 0.9).unwrap(), &too_large);
    check(|| Momentum::new(10.0, 0.9).unwrap().nesterov(true), &too_large);
    check(|| Adam::new(10.0).unwrap(), &not_finite);
    check(|| RmsProp::new(10.0).unwrap(), &not_finite);
    check(|| Adagrad::new(10.0).unwrap(), &not_finite);
    check(|| AdamW::new(10.0).unwrap(), &not_finite);
    check(|| NAdam::new(10.0).unwrap(), &not_finite);

    // A large gradient does not make Adam's step larger, but its learning rate may be too large by itself.
    let mut layers = start();
    let mut adam = stepped(Adam::new(1e308).unwrap(), &mut layers, 1);
    let before = layers.clone();
    let mut objective = Told::new(vec![layer(&[0.5, 1.0, -1.0]), layer(&[-2.0, 0.125])]);
    let result = adam.step(&mut layers, &mut objective);
    assert_eq!(result, Err(NonFinite::Parameters { layer: 0 }));
    assert_eq!(layers, before);
}

/// With a learning rate of 1e6, each of 20 networks gives a typed error after few steps, and all parameters are finite.
#[test]
fn a_learning_rate_that_is_far_too_large_is_a_typed_error() {
    fn check<T: Element, O: Optimizer<Matrix<T>>>(name: &str, make: impl Fn() -> O) {
        let input = Matrix::from_fn(13, 32, |i, j| T::from_f64(((7 * i + 3 * j) as f64).sin()));
        let target = Matrix::from_fn(1, 32, |_, j| T::from_f64((11.0 * j as f64).cos()));
        for seed in 0..20 {
            let mut network = Mlp::<Matrix<T>>::builder(&[13, 64, 64, 1])
                .hidden(Relu)
                .seed(seed)
                .build()
                .unwrap();
            let mut trainer = Trainer::new(HalfMse, make());
            let samples = Samples::new(&input, &target).unwrap();
            let error = (0..100)
                .find_map(|_| trainer.step(&mut network, samples).err())
                .unwrap_or_else(|| panic!("{name}, seed {seed}: no error in 100 steps"));
            let TrainError::Diverged(diverged) = error else {
                panic!("{name}, seed {seed}: expected divergence, got {error}")
            };
            assert_eq!(diverged.learning_rate, 1e6, "{name}, seed {seed}");
            assert!(
                diverged.last_finite_loss.is_some_and(f64::is_finite),
                "{name}, seed {seed}"
            );
            assert!(
                flat(network.layers()).iter().all(|p| p.is_finite()),
                "{name}, seed {seed}: parameters after {diverged}"
            );
        }
    }
    check::<f64, _>("momentum", || Momentum::new(1e6, 0.9).unwrap());
    check::<f64, _>("Nesterov", || Momentum::new(1e6, 0.9).unwrap().nesterov(true));
    check::<f32, _>("momentum, f32", || Momentum::new(1e6, 0.9).unwrap());
    check::<f32, _>("Nesterov, f32", || Momentum::new(1e6, 0.9).unwrap().nesterov(true));
    // In f64, with weights of about 1e6, no number of this network reaches 1e308; the loss shows the divergence.
    check::<f32, _>("Adam, f32", || Adam::new(1e6).unwrap());
    check::<f32, _>("AdamW, f32", || AdamW::new(1e6).unwrap());
    check::<f32, _>("NAdam, f32", || NAdam::new(1e6).unwrap());
    check::<f32, _>("RMSprop, f32", || RmsProp::new(1e6).unwrap());
    check::<f32, _>("Adagrad, f32", || Adagrad::new(1e6).unwrap());
}

/// A backend with only the operations that a step of an optimizer may use. It records each pass over a matrix.
#[derive(Debug)]
struct Noting(Matrix<f64>);

thread_local! {
    static PASSES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn note(pass: &'static str) {
    PASSES.with_borrow_mut(|passes| passes.push(pass));
}

impl Clone for Noting {
    fn clone(&self) -> Self {
        note("clone");
        Self(self.0.clone())
    }
}

impl<'a> From<&'a Noting> for MatrixRef<'a, f64> {
    fn from(matrix: &'a Noting) -> Self {
        (&matrix.0).into()
    }
}

impl Tensor for Noting {
    type Scalar = f64;
    type Columns<'a> = MatrixRef<'a, f64>;

    fn zeros(rows: usize, columns: usize) -> Self {
        note("zeros");
        Self(Matrix::zeros(rows, columns))
    }

    fn shape(&self) -> (usize, usize) {
        self.0.shape()
    }

    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: MatrixRef<'_, f64>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        note("zip");
        self.0.zip(other, state.map(|state| &mut state.0), formula)
    }

    fn slice<'short, 'long: 'short>(_: MatrixRef<'long, f64>, _: Range<usize>) -> MatrixRef<'short, f64> {
        unimplemented!()
    }
    fn write(&mut self, _: &[f64]) {
        unimplemented!()
    }
    fn read(_: MatrixRef<'_, f64>, _: &mut Vec<f64>) {
        unimplemented!()
    }
    fn gather(&mut self, _: usize, _: MatrixRef<'_, f64>, _: &[usize]) {
        unimplemented!()
    }
    fn forward<A: mlp_core::Activation>(
        &mut self,
        _: Option<&mut Self>,
        _: &Self,
        _: &Self,
        _: MatrixRef<'_, f64>,
        _: &ActivationKind<A>,
    ) {
        unimplemented!()
    }
    fn loss<L: mlp_core::Loss>(
        &mut self,
        _: &L,
        _: MatrixRef<'_, f64>,
        _: MatrixRef<'_, f64>,
        _: Option<MatrixRef<'_, f64>>,
        _: f64,
    ) -> f64 {
        unimplemented!()
    }
    fn backward(&mut self, _: &Self, _: MatrixRef<'_, f64>, _: Option<MatrixRef<'_, f64>>) {
        unimplemented!()
    }
    fn gradient(&mut self, _: &mut Self, _: MatrixRef<'_, f64>, _: MatrixRef<'_, f64>, _: bool) {
        unimplemented!()
    }
    fn dot(&self, _: &Self) -> f64 {
        unimplemented!()
    }
}

/// The first step creates the state. Each later step is one `zip` for each matrix and no other pass.
#[test]
fn a_step_is_one_pass_over_each_matrix() {
    struct Still(Vec<Dense<Noting>>);
    impl Objective<Noting> for Still {
        fn evaluate(&mut self, _: &[Dense<Noting>]) -> f64 {
            1.0
        }
        fn gradient_mut(&mut self) -> &mut [Dense<Noting>] {
            &mut self.0
        }
    }
    fn check(name: &str, mut optimizer: impl Optimizer<Noting>, states: usize) {
        let ones = || {
            let ones = |rows, columns| Noting(Matrix::from_fn(rows, columns, |_, _| 1.0));
            let layer = |(inputs, outputs)| Dense {
                weights: ones(outputs, inputs),
                bias: ones(outputs, 1),
            };
            [(3, 4), (4, 5), (5, 1)].map(layer).to_vec()
        };
        let (mut layers, mut objective) = (ones(), Still(ones()));
        let mut passes = || {
            PASSES.take();
            optimizer.step(&mut layers, &mut objective).unwrap();
            PASSES.take()
        };
        let zips = vec!["zip"; 6];
        assert_eq!(
            passes(),
            [vec!["zeros"; 6 * states], zips.clone()].concat(),
            "{name}: first step"
        );
        assert_eq!(passes(), zips, "{name}: second step");
        assert_eq!(passes(), zips, "{name}: third step");
    }
    check("gradient descent", GradientDescent::new(0.1).unwrap(), 0);
    check("momentum", Momentum::new(0.1, 0.9).unwrap(), 1);
    check("Nesterov", Momentum::new(0.1, 0.9).unwrap().nesterov(true), 1);
    check("Adam", Adam::new(0.1).unwrap(), 2);
    check("AdamW", AdamW::new(0.1).unwrap(), 2);
    check("NAdam", NAdam::new(0.1).unwrap(), 2);
    check("Adagrad", Adagrad::new(0.1).unwrap(), 1);
    let rms_prop = || RmsProp::new(0.1).unwrap();
    check("RMSprop", rms_prop(), 1);
    check("RMSprop, centered", rms_prop().centered(true).unwrap(), 2);
    check("RMSprop with momentum", rms_prop().momentum(0.5).unwrap(), 2);
    check(
        "RMSprop with both",
        rms_prop().centered(true).unwrap().momentum(0.5).unwrap(),
        3,
    );
}

fn assert_panics(message: &str, mistake: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(mistake)).expect_err("expected a panic");
    assert_eq!(*panic.downcast::<String>().expect("a message"), message);
}

#[test]
fn an_optimizer_that_goes_to_another_network_panics() {
    fn check(make: impl Fn() -> Box<dyn Optimizer<Matrix<f64>>>) {
        let go_to = |layers: Vec<Dense<Matrix<f64>>>| {
            let mut optimizer = make();
            let mut objective = Told::new(start());
            optimizer.step(&mut start(), &mut objective).unwrap();
            let mut objective = Told::new(layers.clone());
            let _ = optimizer.step(&mut { layers }, &mut objective);
        };
        go_to(start());
        assert_panics("update: expected states of layers of 1 x 1, got 2 x 1", || {
            go_to(start()[..1].to_vec());
        });
        let mut narrower = start();
        narrower[0].weights = Matrix::zeros(1, 1);
        assert_panics("update: expected a state of weights of 1 x 1, got 1 x 2", || {
            go_to(narrower);
        });
        let mut longer = start();
        longer[1].bias = Matrix::zeros(3, 1);
        assert_panics("update: expected a state of a bias of 3 x 1, got 1 x 1", || {
            go_to(longer);
        });
    }
    check(|| Box::new(Momentum::new(0.1, 0.9).unwrap()));
    check(|| Box::new(Adam::new(0.1).unwrap()));
    check(|| Box::new(AdamW::new(0.1).unwrap()));
    check(|| Box::new(NAdam::new(0.1).unwrap()));
    check(|| Box::new(Adagrad::new(0.1).unwrap()));
    check(|| Box::new(RmsProp::new(0.1).unwrap()));
}

/// Tests the form that users of the trainer write: the compiler infers the backend from the network.
#[test]
fn the_backend_is_inferred() {
    let input = Matrix::from_columns(&[[1.0], [2.0]]);
    let mut network = Mlp::<Matrix<f32>>::builder(&[1, 2, 1]).hidden(Tanh).build().unwrap();
    let samples = Samples::new(&input, &input).unwrap();
    let mut trainer = Trainer::new(HalfMse, Adam::new(1e-3).unwrap());
    let first = trainer.step(&mut network, samples).unwrap();
    assert!(trainer.step(&mut network, samples).unwrap() < first);
    let mut trainer = Trainer::new(HalfMse, Momentum::new(1e-3, 0.9).unwrap());
    trainer.step(&mut network, samples).unwrap();
}
