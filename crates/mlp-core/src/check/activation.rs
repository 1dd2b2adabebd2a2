use super::Options;
use super::bounded::Bounded;
use super::difference::{check_differences, compare_with_difference};
use super::points::{Float, cases, extremes, generator, random_number};
use crate::{Activation, Dual, Scalar};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::any::type_name;

/// Checks an activation. It verifies in `f32` and `f64`, at random and at extreme z, that:
///
/// - [`Activation::derivative`] agrees with the derivative of [`Activation::value`] by dual numbers, up to the rounding
///   errors of the two formulas, and is not NaN unless the value is;
/// - that derivative agrees with difference quotients, where they are exact enough to decide;
/// - [`Activation::derivative`] in dual numbers has the second derivative of the value;
/// - [`Activation::value_and_derivative`] gives the bits of both functions, for any number of z;
/// - NaN gives NaN;
/// - the derivative is not zero everywhere.
///
/// # Panics
/// If one of these checks fails. The message contains `name`, z, the expected result and the actual one.
pub fn check_activation<A: Activation>(name: &str, activation: &A, options: &Options) {
    check_number::<A, f32>(name, activation, options);
    check_number::<A, f64>(name, activation, options);
    check_differences(name, |_, rng| {
        let z = random_number(options, rng);
        let value = |z| activation.value(Dual::variable(Bounded::exact(z)));
        let twice = activation.value(Dual::variable(Dual::variable(Bounded::exact(z))));
        let (second, derivative) = (
            twice.derivative.derivative,
            activation.derivative(Dual::variable(Bounded::exact(z)), value(z)),
        );
        let decided = compare_with_difference(&value, z, options.tolerance)
            .unwrap_or_else(|how| panic!("{name}: derivative at z = {z}: {how}"));
        if let Err(how) = second.compare(derivative.derivative, options.tolerance) {
            panic!("{name}: derivative of the derivative at z = {z}: {how}");
        }
        decided
    });
}

fn check_number<A: Activation, T: Float>(name: &str, activation: &A, options: &Options) {
    let name = format!("{name}, {}", type_name::<T>());
    let mut rng = generator();
    let mut random = |count| -> Vec<T> {
        let random = (0..count).map(|_| T::from_f64(random_number(options, &mut rng)));
        extremes(options).chain(random).collect()
    };
    check_derivative(&name, activation, options, &random(cases()));
    check_nan::<A, T>(&name, activation);
    check_slices(&name, activation, &random(300));
}

fn check_derivative<A: Activation, T: Float>(name: &str, activation: &A, options: &Options, numbers: &[T]) {
    let mut sloped = false;
    for &z in numbers {
        let bounded = Bounded::exact(z);
        let Dual { value, derivative } = activation.value(Dual::variable(bounded));
        let got = activation.derivative(bounded, value);
        let at_kink = options.at_kink(z.to_f64(), z.to_f64().abs(), T::EPSILON);
        assert!(
            at_kink || derivative.agrees_with(got, options.tolerance),
            "{name}: derivative at z = {z:?}: expected {:?} (dual numbers), got {:?}; rounding explains {:.1e}",
            derivative.value,
            got.value,
            derivative.error + got.error
        );
        assert!(
            value.to_f64().is_nan() || !got.to_f64().is_nan(),
            "{name}: derivative at z = {z:?}: expected a number because the value {:?} is one, got NaN; if the \
             formula is not meant for this z, give `Options::range`",
            value.value
        );
        sloped |= got.to_f64() != 0.0;
    }
    assert!(
        sloped,
        "{name}: the derivative is 0 at every z tried (does the formula use `to_f64`?)"
    );
}

fn check_nan<A: Activation, T: Float>(name: &str, activation: &A) {
    let nan = T::from_f64(f64::NAN);
    let value = activation.value(nan);
    let derivative = activation.derivative(nan, value);
    assert!(
        value.to_f64().is_nan(),
        "{name}: value at NaN: expected NaN, got {value:?}"
    );
    // The slope of a linear branch does not depend on its argument, so it may be returned at NaN.
    let slopes = [T::one(), -T::one()].map(|z| activation.derivative(z, activation.value(z)));
    assert!(
        derivative.to_f64().is_nan() || slopes.contains(&derivative),
        "{name}: derivative at NaN: expected NaN or a slope of the activation, got {derivative:?}"
    );
}

/// Checks that many elements at a time, as in a network, give the same results as one at a time.
fn check_slices<A: Activation, T: Float>(name: &str, activation: &A, numbers: &[T]) {
    for length in [0, 1, 7, 128, numbers.len()] {
        let mut values = numbers[..length].to_vec();
        let mut derivatives = vec![T::zero(); length];
        activation.value_and_derivative(&mut values, &mut derivatives);
        for (i, &z) in numbers[..length].iter().enumerate() {
            let value = activation.value(z);
            let expected = (value, activation.derivative(z, value));
            let got = (values[i], derivatives[i]);
            // Compared as text, because then NaN equals NaN and 0 differs from -0.
            assert!(
                format!("{got:?}") == format!("{expected:?}"),
                "{name}: value and derivative at z = {z:?}, {i} of {length}: expected {expected:?}, got {got:?}"
            );
        }
    }
}
