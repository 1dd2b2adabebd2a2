//! Checks that an element has the same bits at any position: `f(x[..n])[i]` has the bits of f(x[i]), at every level.

use super::Values;
use crate::Element;
use core::fmt::Debug;
use core::hint::black_box;
use mlp_core::activations::{
    Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};
use mlp_core::backend::ActivationVisitor;
use mlp_core::{Activation, Scalar};

/// The longest length. It covers each number of whole vectors up to four (of the widest), with each remainder.
const LONGEST: usize = 67;

/// The number of offsets, which cover each position of an element in a cache line.
const OFFSETS: usize = 16;

/// Returns numbers of all kinds that an activation distinguishes, each kind more than once.
fn numbers<T: Element>() -> Vec<T> {
    let special = [
        0.0,
        -0.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-45,
        -1e-310,
        1.0,
        -1.0,
        3e38,
        -1e300,
        -87.5,
        -103.9,
        -745.0,
        709.9,
    ];
    (0..509)
        .map(|i: usize| match special.get(i / 17) {
            Some(&special) if i.is_multiple_of(17) => T::from_f64(special),
            // Cover the whole range of the exponentials, with many numbers near zero.
            _ => T::from_f64(120.0 * (2.0 * (i as f64 * 0.618_034).fract() - 1.0).powi(5)),
        })
        .collect()
}

/// Returns f(z) and f'(z) of one number, computed outside of a loop.
#[inline(never)]
fn by_itself<T: Element, A: Activation>(activation: &A, z: T) -> [T; 2] {
    let value = activation.value(z);
    [value, activation.derivative(z, value)]
}

#[track_caller]
fn assert_same<T: Element>(what: &dyn Debug, z: T, got: T, expected: T) {
    let [got_bits, expected_bits] = [got, expected].map(|number| number.to_f64().to_bits());
    let both_nan = got.to_f64().is_nan() && expected.to_f64().is_nan();
    assert!(
        got_bits == expected_bits || both_nan,
        "{what:?} at z = {z:e}: got {got:e} in a slice, but {expected:e} alone"
    );
}

fn check<T: Element, A: Activation + Default>() {
    let activation = black_box(A::default());
    let numbers = numbers::<T>();
    let expected: Vec<[T; 2]> = numbers.iter().map(|&z| by_itself(&activation, black_box(z))).collect();
    let mark = T::from_f64(77.0);
    let mut start = 0;
    for length in 1..=LONGEST {
        for offset in 0..OFFSETS {
            start = (start + 31) % (numbers.len() - LONGEST);
            let z = &numbers[start..start + length];
            let range = offset..offset + length;
            let mut values = [mark; OFFSETS + LONGEST + 1];
            // The derivatives are at a different offset from the values.
            let mut derivatives = [mark; 2 * OFFSETS + LONGEST + 1];
            let beside = (5 * offset) % OFFSETS + OFFSETS;
            let beside = beside..beside + length;
            for with_derivative in [false, true] {
                values[range.clone()].copy_from_slice(z);
                let on = Values {
                    values: &mut values[range.clone()],
                    derivatives: with_derivative.then_some(&mut derivatives[beside.clone()]),
                    short: false,
                };
                on.visit(&activation);
                for (i, (&z, [value, derivative])) in z.iter().zip(&expected[start..]).enumerate() {
                    let what = (&activation, "element", i, "of", length, "offset", offset);
                    assert_same(&what, z, values[range.start + i], *value);
                    if with_derivative {
                        assert_same(&("derivative", what), z, derivatives[beside.start + i], *derivative);
                    }
                }
            }
            let outside = |values: &[T], range: &core::ops::Range<usize>| {
                values[..range.start]
                    .iter()
                    .chain(&values[range.end..])
                    .all(|&x| x == mark)
            };
            assert!(
                outside(&values, &range) && outside(&derivatives, &beside),
                "{activation:?}: changed an element outside of the {length} elements from {offset} on"
            );
        }
    }
}

macro_rules! activations {
    ($($name:ident: $activation:ident,)*) => {$(
        #[test]
        fn $name() {
            check::<f32, $activation>();
            check::<f64, $activation>();
        }
    )*
    const CHECKED: &[&str] = &[$(stringify!($name)),*];
    };
}

activations! {
    identity: Identity,
    relu: Relu,
    leaky_relu: LeakyRelu,
    sigmoid: Sigmoid,
    tanh: Tanh,
    gelu: Gelu,
    gelu_tanh: GeluTanh,
    silu: Silu,
    elu: Elu,
    selu: Selu,
    softplus: Softplus,
    softsign: Softsign,
    hard_tanh: HardTanh,
    mish: Mish,
}

/// The functions of `Scalar` that no built-in activation uses.
#[derive(Clone, Debug, Default)]
struct Waves;

impl Activation for Waves {
    fn value<T: Scalar>(&self, z: T) -> T {
        let (sin, cos) = z.sin_cos();
        let powers = z.powi(3).atan() + z.abs().powf(T::from_f64(0.3));
        sin * (z - z.floor()) + cos.cosh().log2() * sin.sinh() + powers * cos.tan()
    }
}

#[test]
fn other_functions() {
    check::<f32, Waves>();
    check::<f64, Waves>();
}

#[test]
fn every_activation_is_checked() {
    assert_eq!(CHECKED, mlp_core::ActivationKind::<mlp_core::NoCustom>::NAMES);
}
