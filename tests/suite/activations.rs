//! Tests the activations: value, first and second derivative against arbitrary precision, `f32` against `f64`, names, a
//! user's own activation in a network, and that a value does not depend on its position in a matrix.

use mlp_core::activations::{
    Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};
use mlp_core::{
    Activation, ActivationKind, Dense, Dual, GradientDescent, HalfMse, Mlp, NoCustom, Samples, Scalar, Trainer,
    Workspace,
};
use mlp_cpu::{Element, Matrix};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::collections::BTreeMap;
use std::fmt::Display;

/// The properties of `f32` and `f64` that the tests need.
pub(crate) trait Float: Element + Display + PartialOrd {
    const NAME: &'static str;
    /// Returns the unit in the last place of `x`: the distance from |x| to the next larger number.
    fn unit(x: f64) -> f64;
    fn bits(self) -> u64;
}

impl Float for f32 {
    const NAME: &'static str = "f32";
    fn unit(x: f64) -> f64 {
        let x = (x.abs() as f32).min(f32::MAX.next_down());
        f64::from(x.next_up()) - f64::from(x)
    }
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
}

impl Float for f64 {
    const NAME: &'static str = "f64";
    fn unit(x: f64) -> f64 {
        let x = x.abs().min(f64::MAX.next_down());
        x.next_up() - x
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// An activation in the form of functions of one number.
pub(super) struct Functions<T> {
    pub(super) value: fn(T) -> T,
    /// `Activation::derivative`.
    pub(super) derivative: fn(T) -> T,
    /// f, f', f'' and f''' by dual numbers.
    pub(super) dual: fn(T) -> [T; 4],
    /// `Activation::derivative` of a dual number: f' and f''.
    derivative_dual: fn(T) -> [T; 2],
}

impl<T: Scalar> Functions<T> {
    fn of<A: Activation + Default>() -> Self {
        Self {
            value: |z| A::default().value(z),
            derivative: |z| A::default().derivative(z, A::default().value(z)),
            dual: |z| {
                let y = A::default().value(Dual::variable(Dual::variable(Dual::variable(z))));
                let (outer, inner) = (y.value, y.derivative);
                [
                    outer.value.value,
                    inner.value.value,
                    inner.derivative.value,
                    inner.derivative.derivative,
                ]
            },
            derivative_dual: |z| {
                let z = Dual::variable(z);
                let slope = A::default().derivative(z, A::default().value(z));
                [slope.value, slope.derivative]
            },
        }
    }
}

/// Returns the built-in activation `name` with default parameters. A kind that is not listed here fails every test.
pub(super) fn functions<T: Scalar>(name: &str) -> Functions<T> {
    let kind: ActivationKind = name.parse().unwrap_or_else(|error| panic!("{error}"));
    match kind {
        ActivationKind::Identity(_) => Functions::of::<Identity>(),
        ActivationKind::Relu(_) => Functions::of::<Relu>(),
        ActivationKind::LeakyRelu(_) => Functions::of::<LeakyRelu>(),
        ActivationKind::Sigmoid(_) => Functions::of::<Sigmoid>(),
        ActivationKind::Tanh(_) => Functions::of::<Tanh>(),
        ActivationKind::Gelu(_) => Functions::of::<Gelu>(),
        ActivationKind::GeluTanh(_) => Functions::of::<GeluTanh>(),
        ActivationKind::Silu(_) => Functions::of::<Silu>(),
        ActivationKind::Elu(_) => Functions::of::<Elu>(),
        ActivationKind::Selu(_) => Functions::of::<Selu>(),
        ActivationKind::Softplus(_) => Functions::of::<Softplus>(),
        ActivationKind::Softsign(_) => Functions::of::<Softsign>(),
        ActivationKind::HardTanh(_) => Functions::of::<HardTanh>(),
        ActivationKind::Mish(_) => Functions::of::<Mish>(),
        other => panic!("{name}: add {other:?} to the list of this test"),
    }
}

/// Returns the names of the built-in activations.
pub(super) fn names() -> &'static [&'static str] {
    ActivationKind::<NoCustom>::NAMES
}

/// The largest error so far, and its place.
struct Worst {
    ulps: f64,
    place: String,
}

impl Worst {
    fn new() -> Self {
        Self {
            ulps: 0.0,
            place: "nowhere".to_owned(),
        }
    }

    /// Records the error of `got` against `expected`, in units of the last place of `scale` in the format `T`.
    fn take<T: Float>(&mut self, z: T, got: T, expected: f64, scale: f64) {
        let distance = if got.to_f64() == expected {
            0.0
        } else {
            (got.to_f64() - expected).abs()
        };
        // A subnormal factor of the result has few digits left, and the other factor multiplies its rounding error.
        let subnormal = 512.0 * T::unit(0.0);
        let ulps = if distance <= subnormal {
            0.0
        } else {
            distance / T::unit(scale)
        };
        assert!(!ulps.is_nan(), "z = {z:e}: expected {expected:e}, got {got:e}");
        if ulps > self.ulps {
            *self = Self {
                ulps,
                place: format!("z = {z:e}: expected {expected:e}, got {got:e}"),
            };
        }
    }

    fn check(&self, what: &str, seen: f64) {
        let (Self { ulps, place }, limit) = (self, seen + 0.5);
        assert!(
            *ulps <= limit,
            "{what}: {ulps:.2} ULP at {place}; expected at most {limit}"
        );
    }
}

/// One row of the golden file: z, f(z), f'(z), f''(z).
type Row = [f64; 4];

fn golden() -> BTreeMap<String, Vec<Row>> {
    let golden: BTreeMap<String, Vec<Row>> =
        serde_json::from_str(include_str!("../fixtures/activations.json")).expect("the golden file is valid");
    let sorted = |names: &mut dyn Iterator<Item = &str>| -> Vec<String> {
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(
        sorted(&mut golden.keys().map(String::as_str)),
        sorted(&mut names().iter().copied())
    );
    golden
}

/// The largest errors seen, in ULP, rounded up; half a unit more is allowed.
///
/// The unit is that of |f| + |z f'|, of |f'| + |z f''|, or of |f'| + |f''| + |z f'''|. It covers a unit of the function
/// itself and a unit of its argument. In the tails of the exponential kinds this is the unit of the exponent times the
/// value; no implementation that rounds the exponent can do better.
struct Seen {
    name: &'static str,
    /// The errors of value, first and second derivative in f64 at the golden points.
    golden_f64: [f64; 3],
    /// The same errors in f32.
    golden_f32: [f64; 3],
    /// The errors of value and derivative in f32 against f64, over the whole format.
    sweep: [f64; 2],
}

const fn seen(name: &'static str, golden_f64: [f64; 3], golden_f32: [f64; 3], sweep: [f64; 2]) -> Seen {
    Seen {
        name,
        golden_f64,
        golden_f32,
        sweep,
    }
}

const SEEN: [Seen; 14] = [
    seen("identity", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0]),
    seen("relu", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0]),
    seen("leaky_relu", [0.0, 0.0, 0.0], [0.4, 0.3, 0.0], [0.5, 0.3]),
    seen("sigmoid", [1.0, 1.0, 1.0], [0.6, 1.2, 0.6], [1.3, 1.7]),
    seen("tanh", [0.5, 0.5, 0.9], [0.5, 0.7, 1.0], [0.9, 1.8]),
    seen("gelu", [1.0, 2.0, 1.0], [1.9, 1.4, 1.9], [2.1, 2.7]),
    seen("gelu_tanh", [1.0, 1.5, 4.0], [1.1, 1.1, 1.2], [1.8, 3.3]),
    seen("silu", [1.0, 1.0, 0.5], [0.6, 1.1, 0.9], [1.4, 2.4]),
    seen("elu", [0.0, 0.1, 0.1], [0.4, 0.2, 0.2], [0.8, 0.7]),
    seen("selu", [1.0, 1.0, 0.5], [0.7, 0.4, 0.3], [1.2, 1.2]),
    seen("softplus", [1.0, 1.0, 0.5], [0.4, 1.2, 0.5], [1.3, 1.9]),
    seen("softsign", [1.0, 2.0, 1.5], [0.7, 0.6, 0.4], [1.2, 1.8]),
    seen("hard_tanh", [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0]),
    seen("mish", [1.0, 2.0, 1.0], [0.6, 0.9, 1.0], [1.7, 2.6]),
];

fn seen_of(name: &str) -> &'static Seen {
    SEEN.iter()
        .find(|seen| seen.name == name)
        .unwrap_or_else(|| panic!("add {name} to the list of the largest errors"))
}

/// Returns the errors of value, derivative and second derivative of `name` at the golden z that `T` represents exactly.
fn golden_errors<T: Float>(name: &str, rows: &[Row]) -> ([Worst; 3], usize) {
    let Functions {
        value,
        derivative,
        dual,
        derivative_dual,
    } = functions::<T>(name);
    let mut worst = [Worst::new(), Worst::new(), Worst::new()];
    let mut compared = 0;
    for &[z, f, f1, f2] in rows {
        let x = T::from_f64(z);
        if x.to_f64() != z {
            continue;
        }
        compared += 1;
        let [_, first, second, third] = dual(x);
        let f3 = third.to_f64();
        assert!(f3.is_finite(), "{name}: third derivative at {z:e}: {f3}");
        let scale = [
            f.abs() + (z * f1).abs(),
            f1.abs() + (z * f2).abs(),
            f1.abs() + f2.abs() + (z * f3).abs(),
        ];
        worst[0].take(x, value(x), f, scale[0]);
        worst[1].take(x, derivative(x), f1, scale[1]);
        worst[1].take(x, first, f1, scale[1]);
        worst[2].take(x, second, f2, scale[2]);
        worst[2].take(x, derivative_dual(x)[1], f2, scale[2]);
    }
    (worst, compared)
}

#[test]
fn golden_values_in_f64() {
    for (name, rows) in golden() {
        let (worst, compared) = golden_errors::<f64>(&name, &rows);
        assert_eq!(compared, 65, "{name}");
        for (order, (worst, seen)) in worst.iter().zip(seen_of(&name).golden_f64).enumerate() {
            worst.check(&format!("{name}, f64, derivative of order {order}"), seen);
        }
    }
}

/// Tests the z that `f32` represents exactly.
#[test]
fn golden_values_in_f32() {
    for (name, rows) in golden() {
        let (worst, compared) = golden_errors::<f32>(&name, &rows);
        assert!(compared > 40, "{name}: {compared} points");
        for (order, (worst, seen)) in worst.iter().zip(seen_of(&name).golden_f32).enumerate() {
            worst.check(&format!("{name}, f32, derivative of order {order}"), seen);
        }
    }
}

/// Compares `f32` with `f64` at z from the whole format: every `STRIDE`th bit pattern.
#[test]
fn f32_follows_f64_over_the_whole_format() {
    const STRIDE: usize = 65_519;
    for &name in names() {
        let (single, double) = (functions::<f32>(name), functions::<f64>(name));
        let mut worst = [Worst::new(), Worst::new()];
        for z in (0..=u32::MAX)
            .step_by(STRIDE)
            .map(f32::from_bits)
            .filter(|z| z.is_finite())
        {
            let wide = f64::from(z);
            let [f, f1, f2, _] = (double.dual)(wide);
            // If the exact value overflows f32, the value must overflow, too.
            let limit = |x: f64| {
                if x.abs() < f64::from(f32::MAX) {
                    x
                } else {
                    f64::from(x as f32)
                }
            };
            worst[0].take(z, (single.value)(z), limit(f), f.abs() + (wide * f1).abs());
            worst[1].take(z, (single.derivative)(z), limit(f1), f1.abs() + (wide * f2).abs());
        }
        for (order, (worst, seen)) in worst.iter().zip(seen_of(name).sweep).enumerate() {
            worst.check(&format!("{name}, f32 against f64, derivative of order {order}"), seen);
        }
    }
}

/// JAX's test of GELU: 10,000 points in [-12, 5], without an absolute tolerance. JAX allows 2e-5. The largest errors
/// here are 1.1e-5, and 1.4e-5 where the sigmoid within the tanh form is subnormal. Half a unit in z amounts to 9e-6
/// at -12.
#[test]
fn gelu_at_the_points_of_jax() {
    let (exact, in_f32) = (functions::<f64>("gelu"), functions::<f32>("gelu"));
    let (tanh_form, tanh_in_f32) = (functions::<f64>("gelu_tanh"), functions::<f32>("gelu_tanh"));
    for i in 0..10_000 {
        let z = (-12.0 + 17.0 * f64::from(i) / 9_999.0) as f32;
        let wide = f64::from(z);
        for (name, tolerance, got, expected) in [
            ("gelu", 1.1e-5, (in_f32.value)(z), (exact.value)(wide)),
            ("gelu_tanh", 1.4e-5, (tanh_in_f32.value)(z), (tanh_form.value)(wide)),
        ] {
            let error = (f64::from(got) - expected).abs();
            // For results below the normal numbers of f32 (the tanh form below z = -10), allow a few subnormal units.
            let subnormal = if expected.abs() < f64::from(f32::MIN_POSITIVE) {
                512.0 * f32::unit(0.0)
            } else {
                0.0
            };
            assert!(
                error <= tolerance * expected.abs() + subnormal,
                "{name}, point {i}: z = {z}: expected {expected:e}, got {got:e}"
            );
        }
        // The two forms differ by up to 5e-4.
        let difference = ((exact.value)(wide) - (tanh_form.value)(wide)).abs();
        assert!(difference <= 5e-4, "point {i}: z = {z}: {difference:e}");
    }
}

/// Tests the left derivative in both formats, at zero of either sign.
#[test]
fn kinks_take_the_left_derivative() {
    fn check<T: Float>() {
        let table = [
            ("relu", 0.0, 0.0),
            ("relu", -0.0, 0.0),
            ("leaky_relu", 0.0, 0.01),
            ("leaky_relu", -0.0, 0.01),
            ("elu", 0.0, 1.0),
            ("elu", -0.0, 1.0),
            ("selu", 0.0, 1.758_099_340_847_376_8),
            ("selu", -0.0, 1.758_099_340_847_376_8),
            ("hard_tanh", -1.0, 0.0),
            ("hard_tanh", 1.0, 1.0),
            ("hard_tanh", 0.0, 1.0),
            ("hard_tanh", -0.0, 1.0),
            ("identity", 0.0, 1.0),
            ("identity", -0.0, 1.0),
        ];
        for (name, z, expected) in table {
            let (z, expected) = (T::from_f64(z), T::from_f64(expected));
            let Functions { derivative, dual, .. } = functions::<T>(name);
            assert_eq!(derivative(z), expected, "{name}, {}: derivative at {z:?}", T::NAME);
            assert_eq!(
                dual(z)[1],
                expected,
                "{name}, {}: derivative by dual numbers at {z:?}",
                T::NAME
            );
        }
        // One step to the right of the kink, the derivative is the right one.
        for (name, z, expected) in [
            ("relu", 1e-30, 1.0),
            ("leaky_relu", 1e-30, 1.0),
            ("selu", 1e-30, 1.050_700_987_355_480_5),
        ] {
            let got = (functions::<T>(name).derivative)(T::from_f64(z));
            assert_eq!(got, T::from_f64(expected), "{name}, {}: derivative at {z}", T::NAME);
        }
    }
    check::<f32>();
    check::<f64>();
}

/// The second derivative of a piecewise linear activation is 0, even at its kinks.
#[test]
fn piecewise_linear_activations_have_no_second_derivative() {
    for name in ["identity", "relu", "leaky_relu", "hard_tanh"] {
        for z in [-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0] {
            assert_eq!((functions::<f64>(name).dual)(z)[2], 0.0, "{name} at {z}");
        }
    }
}

#[test]
fn every_name_parses_and_prints() {
    assert_eq!(names().len(), SEEN.len());
    for &name in names() {
        let kind: ActivationKind = name.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kind.name(), name);
        assert_eq!(kind.name().parse::<ActivationKind>().as_ref(), Ok(&kind), "{name}");
        // The name does not depend on the type parameter of the kind.
        assert_eq!(name.parse::<ActivationKind<Tanh>>().expect("a name").name(), name);
        for unknown in [
            name.to_uppercase(),
            format!(" {name}"),
            format!("{name}s"),
            format!("{name}\n"),
        ] {
            assert!(unknown.parse::<ActivationKind>().is_err(), "`{unknown}`");
        }
    }
    assert_eq!(ActivationKind::Custom(InverseSquareRoot).name(), "custom");
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known() {
    let expected = "unknown activation `swish`: expected one of identity, relu, leaky_relu, sigmoid, tanh, gelu, \
                    gelu_tanh, silu, elu, selu, softplus, softsign, hard_tanh, mish";
    assert_eq!("swish".parse::<ActivationKind>().unwrap_err().to_string(), expected);
    // A file cannot name code.
    assert!("custom".parse::<ActivationKind>().is_err());
    assert!("".parse::<ActivationKind>().is_err());
}

#[test]
fn parameters_out_of_range_are_errors() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(
            LeakyRelu::new(bad).unwrap_err().to_string(),
            format!("negative slope: expected a finite number, got {bad}")
        );
        assert_eq!(
            Elu::new(bad).unwrap_err().to_string(),
            format!("ELU alpha: expected a finite number, got {bad}")
        );
    }
}

/// A user's own activation: f(z) = z / sqrt(1 + z^2).
#[derive(Clone, Debug, PartialEq)]
struct InverseSquareRoot;

impl Activation for InverseSquareRoot {
    fn value<T: Scalar>(&self, z: T) -> T {
        z / (T::one() + z * z).sqrt()
    }
}

/// The formula of a built-in activation as a user's own activation.
#[derive(Clone, Debug, PartialEq)]
struct MyTanh;

impl Activation for MyTanh {
    fn value<T: Scalar>(&self, z: T) -> T {
        z.tanh()
    }
}

/// y = sin(x) at 16 points.
fn sine() -> (Matrix<f64>, Matrix<f64>) {
    let input = Matrix::from_fn(1, 16, |_, j| j as f64 / 4.0 - 2.0);
    let target = Matrix::from_fn(1, 16, |_, j| input[(0, j)].sin());
    (input, target)
}

/// Returns the losses of `steps` steps of gradient descent.
fn losses<C: Activation>(network: &mut Mlp<Matrix<f64>, C>, steps: usize) -> Vec<f64> {
    let (input, target) = sine();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
    let samples = Samples::new(&input, &target).unwrap();
    (0..steps).map(|_| trainer.step(network, samples).unwrap()).collect()
}

#[test]
fn a_custom_activation_trains() {
    let mut network = Mlp::<Matrix<f64>, InverseSquareRoot>::builder(&[1, 8, 8, 1])
        .hidden(ActivationKind::Custom(InverseSquareRoot))
        .seed(3)
        .build()
        .unwrap();
    let losses = losses(&mut network, 300);
    assert!(
        losses[299] < 0.1 * losses[0],
        "expected the loss to fall from {} below a tenth, got {}",
        losses[0],
        losses[299]
    );
}

/// The same formula gives the same weights, losses and predictions, bit for bit, whether it is built-in or custom.
#[test]
fn a_custom_activation_is_treated_as_a_built_in_one() {
    let builtin = Mlp::<Matrix<f64>>::builder(&[1, 8, 8, 1]).hidden(Tanh).seed(5);
    let custom = Mlp::<Matrix<f64>, MyTanh>::builder(&[1, 8, 8, 1])
        .hidden(ActivationKind::Custom(MyTanh))
        .seed(5);
    let (mut builtin, mut custom) = (builtin.build().unwrap(), custom.build().unwrap());
    assert_eq!(builtin.layers(), custom.layers(), "initial weights");
    assert_eq!(losses(&mut builtin, 50), losses(&mut custom, 50));
    assert_eq!(builtin.layers(), custom.layers(), "weights after training");
}

/// Tests custom and built-in activations in one network, with every kind in turn.
#[test]
fn a_network_may_mix_custom_and_built_in_activations() {
    let seeded = Mlp::<Matrix<f64>, InverseSquareRoot>::builder(&[1, 6, 6, 6, 1])
        .seed(11)
        .build()
        .unwrap();
    for &name in names() {
        let kinds = [
            ActivationKind::Custom(InverseSquareRoot),
            name.parse().unwrap(),
            ActivationKind::Custom(InverseSquareRoot),
            Identity.into(),
        ];
        let layers = seeded.layers().iter().cloned().zip(kinds.clone()).collect();
        let mut network = Mlp::from_layers(layers).unwrap();
        assert_eq!(network.activations(), kinds);

        // By hand, the same layers in turn.
        let mut a = 0.7;
        let mut column = vec![a];
        for (layer, kind) in network.layers().iter().zip(&kinds) {
            column = (0..layer.outputs())
                .map(|i| {
                    let z = (0..layer.inputs())
                        .map(|j| layer.weights[(i, j)] * column[j])
                        .sum::<f64>()
                        + layer.bias[(i, 0)];
                    match kind {
                        ActivationKind::Custom(custom) => custom.value(z),
                        builtin => (functions::<f64>(builtin.name()).value)(z),
                    }
                })
                .collect();
        }
        let predicted = network.predict(&Matrix::from_columns(&[[a]]))[(0, 0)];
        a = column[0];
        assert!(
            (predicted - a).abs() <= 1e-14 * a.abs().max(1.0),
            "{name}: expected {a}, got {predicted}"
        );

        let losses = losses(&mut network, 100);
        assert!(
            losses[99] < losses[0],
            "{name}: the loss went from {} to {}",
            losses[0],
            losses[99]
        );
    }
}

/// The smallest normal number.
fn normal<T: Float>() -> f64 {
    if T::NAME == "f32" {
        f32::MIN_POSITIVE.into()
    } else {
        f64::MIN_POSITIVE
    }
}

/// Returns 0 with the sign of `z` if `z` is subnormal: networks take such numbers for zeros.
fn flushed<T: Float>(z: T) -> T {
    if z.to_f64().abs() < normal::<T>() {
        z * T::zero()
    } else {
        z
    }
}

/// Returns whether a network's result `got` at `z` has the bits of `expected`, or differs from it only because
/// subnormal numbers count as zeros. In the tails, a subnormal factor may be multiplied by up to z^2.
fn same_in_a_network<T: Float>(z: T, got: T, expected: T) -> bool {
    let tolerance = normal::<T>() * z.to_f64().clamp(-1000.0, 1000.0).powi(2).max(1.0);
    let (near, error) = (expected.to_f64().abs(), (got.to_f64() - expected.to_f64()).abs());
    got.bits() == expected.bits() || (near <= tolerance && error <= tolerance)
}

/// Uses a layer with z = b (weights 0, one sample, `z` as bias) and one with z = x (weight 1, bias 0, `z` as samples).
/// Compares activation and derivative at each position with the function of one number, bit for bit.
pub(super) fn check_positions<T: Float>(name: &str, z: &[T]) {
    let Functions { value, derivative, .. } = functions::<T>(name);
    let kind: ActivationKind = name.parse().unwrap();
    let n = z.len();
    let columns = 3;
    let down = Dense {
        weights: Matrix::zeros(n, 1),
        bias: Matrix::from_vec(n, 1, z.to_vec()),
    };
    let along = Dense {
        weights: Matrix::from_vec(1, 1, vec![T::one()]),
        bias: Matrix::zeros(1, 1),
    };
    let by_row: Vec<_> = z.iter().copied().map(Some).collect();
    let shapes = [
        (down, Matrix::from_fn(1, columns, |_, _| T::one()), by_row),
        (along, Matrix::from_vec(1, n, z.to_vec()), vec![None]),
    ];
    for (layer, input, layer_z) in shapes {
        let network = Mlp::from_layers(vec![(layer, kind.clone())]).unwrap();
        let mut workspace = Workspace::new(&network, input.columns()).unwrap();
        network.forward(&input, &mut workspace);
        let trained = workspace.activation(0);
        let predicted = network.predict(&input);
        for j in 0..input.columns() {
            for i in 0..network.outputs() {
                let z = flushed(layer_z[i].unwrap_or_else(|| input[(0, j)]));
                let place = format!(
                    "{name}, {}, row {i}, column {j} of {:?}: z = {z:?}",
                    T::NAME,
                    predicted.shape()
                );
                let expected = value(z);
                for got in [trained[(i, j)], predicted[(i, j)]] {
                    assert!(
                        same_in_a_network(z, got, expected),
                        "{place}: expected {expected:?}, got {got:?}"
                    );
                }
                if let Some(slopes) = workspace.derivative(0) {
                    let (expected, got) = (derivative(z), slopes[(i, j)]);
                    assert!(
                        same_in_a_network(z, got, expected),
                        "{place}: expected slope {expected:?}, got {got:?}"
                    );
                }
            }
        }
    }
}

/// Lengths from 1 to 67 cover every vector width with each remainder (pytorch #48235, xla #41122).
#[test]
fn a_value_does_not_depend_on_its_position() {
    for &name in names() {
        for n in 1..=67 {
            // A different number at each position of each length, over the whole range of the exponentials.
            let z = |i: usize| {
                (i as f64 * 0.618_034 + n as f64 * 0.414_214)
                    .fract()
                    .mul_add(240.0, -120.0)
                    / 1.3
            };
            check_positions::<f32>(name, &(0..n).map(|i| z(i) as f32).collect::<Vec<_>>());
            check_positions::<f64>(name, &(0..n).map(z).collect::<Vec<_>>());
        }
    }
}

#[test]
fn random_values_do_not_depend_on_their_position() {
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(0x9051),
        failure_persistence: None,
        ..Config::default()
    });
    let finite = prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL;
    let strategy = (prop::sample::select(names()), prop::collection::vec(finite, 1..=67));
    runner
        .run(&strategy, |(name, z)| {
            check_positions::<f32>(name, &z);
            check_positions::<f64>(name, &z.iter().map(|&z| f64::from(z)).collect::<Vec<_>>());
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}
