use super::points::{
    Float, agree, cases, check_differences, compare_with_difference, derivatives, extremes, generator, random_number,
};
use crate::Activation;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::any::type_name;

/// Checks an activation. It verifies in `f32` and `f64`, at random and at extreme z, that:
///
/// - [`Activation::derivative`] agrees with the derivative of [`Activation::value`] by dual numbers to a few units in
///   the last place, and is not NaN unless the value is;
/// - that derivative agrees with the difference quotient where no kink is near;
/// - [`Activation::value_and_derivative`] gives the bits of both functions, for any number of z;
/// - NaN gives NaN;
/// - the derivative is not zero everywhere.
///
/// # Panics
/// If one of these checks fails. The message contains `name`, z, the expected result and the actual one.
pub fn check_activation<A: Activation>(name: &str, activation: &A) {
    check_number::<A, f32>(name, activation);
    check_number::<A, f64>(name, activation);
    check_differences(name, "z", |_, rng| {
        let z = random_number(rng);
        compare_with_difference(|z| derivatives(|z| activation.value(z), z), z)
            .unwrap_or_else(|how| panic!("{name}: derivative at z = {z}: {how}"))
    });
}

fn check_number<A: Activation, T: Float>(name: &str, activation: &A) {
    let name = format!("{name}, {}", type_name::<T>());
    check_derivative::<A, T>(&name, activation);
    check_slices::<A, T>(&name, activation);
}

fn check_derivative<A: Activation, T: Float>(name: &str, activation: &A) {
    let mut rng = generator();
    let random = (0..cases()).map(|_| T::from_f64(random_number(&mut rng)));
    let mut sloped = false;
    for z in extremes().chain(random) {
        let value = activation.value(z);
        let got = activation.derivative(z, value);
        let (_, expected, second) = derivatives(|z| activation.value(z), z);
        // A second derivative that is not finite adds nothing to the tolerance.
        let conditioning = Some((z * second).to_f64().abs())
            .filter(|c| c.is_finite())
            .unwrap_or(0.0);
        assert!(
            agree(got, expected, expected.to_f64().abs() + conditioning),
            "{name}: derivative at z = {z:?}: expected {expected:?} (dual numbers), got {got:?}"
        );
        assert!(
            value.to_f64().is_nan() || !got.to_f64().is_nan(),
            "{name}: derivative at z = {z:?}: expected a number because the value {value:?} is one, got NaN"
        );
        sloped |= got.to_f64() != 0.0;
    }
    assert!(sloped, "{name}: the derivative is 0 at every z tried");
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
fn check_slices<A: Activation, T: Float>(name: &str, activation: &A) {
    let mut rng = generator();
    let random = (0..300).map(|_| T::from_f64(random_number(&mut rng)));
    let numbers: Vec<T> = extremes().chain(random).collect();
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
