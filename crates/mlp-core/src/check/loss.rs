use super::points::{
    Float, agree, cases, check_differences, compare_with_difference, derivatives, extremes, generator, random_number,
};
use crate::{Dual, Loss, Scalar, TargetKind};
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::any::type_name;
use rand::{Rng, RngExt};

/// Checks a loss. It verifies in `f32` and `f64`, for 1 to 6 outputs, at random and at extreme predictions, that:
///
/// - the gradient of [`Loss::value_and_gradient`] agrees with that of [`Loss::value`] by dual numbers to a few units in
///   the last place, and its value is the same number;
/// - [`Loss::accumulate`] adds that value and returns that gradient, each times its factor, with one sum and with
///   several;
/// - that gradient agrees with the difference quotient where no kink is near;
/// - NaN in a prediction gives a NaN loss;
/// - the gradient is not zero everywhere.
///
/// # Panics
/// If one of these checks fails. The message contains `name`, the prediction and target, the expected result and the
/// actual one.
pub fn check_loss<L: Loss>(name: &str, loss: &L) {
    check_gradient::<L, f32>(name, loss);
    check_gradient::<L, f64>(name, loss);
    check_differences(name, "predictions", |case, rng| {
        let (outputs, j) = (1 + case % 6, case % (1 + case % 6));
        let mut draw = || random_number(rng).clamp(-30.0, 30.0);
        let prediction: Vec<f64> = (0..outputs).map(|_| draw()).collect();
        let target = random_target(loss.target_kind(), outputs, rng);
        compare_with_difference(|p| by_output(loss, &prediction, &target, j, p), prediction[j])
            .unwrap_or_else(|how| panic!("{name}: gradient by output {j} at {prediction:?}, target {target:?}: {how}"))
    });
}

/// Draws a target for `outputs` outputs, of the kind that the loss takes.
fn random_target(kind: TargetKind, outputs: usize, rng: &mut impl Rng) -> Vec<f64> {
    let mut uniform = || rng.random::<f64>();
    match kind {
        TargetKind::Real => (0..outputs).map(|_| 4.0 * uniform() - 2.0).collect(),
        // The certain targets 0 and 1 are as frequent as all others together.
        TargetKind::Probability => (0..outputs).map(|_| (2.0 * uniform() - 0.5).clamp(0.0, 1.0)).collect(),
        TargetKind::Distribution => {
            let masses: Vec<f64> = (0..outputs).map(|_| (uniform() - 0.3).max(0.0) + 1e-3).collect();
            let sum: f64 = masses.iter().sum();
            masses.iter().map(|mass| mass / sum).collect()
        }
        TargetKind::Class => vec![(uniform() * outputs as f64) as usize as f64],
    }
}

/// Returns the loss and its two derivatives with respect to element `j` of the prediction, at `p`.
fn by_output<L: Loss, T: Scalar>(loss: &L, prediction: &[T], target: &[T], j: usize, p: T) -> (T, T, T) {
    let constant = |&x: &T| Dual::constant(Dual::constant(x));
    let mut duals: Vec<_> = prediction.iter().map(constant).collect();
    let target: Vec<_> = target.iter().map(constant).collect();
    derivatives(
        |p| {
            duals[j] = p;
            loss.value(&duals, &target)
        },
        p,
    )
}

fn check_gradient<L: Loss, T: Float>(name: &str, loss: &L) {
    let (name, mut rng, mut sloped) = (&format!("{name}, {}", type_name::<T>()), generator(), false);
    let extremes: Vec<T> = extremes().collect();
    for case in 0..cases() + extremes.len() {
        let outputs = 1 + case % 6;
        let mut prediction: Vec<T> = (0..outputs).map(|_| T::from_f64(random_number(&mut rng))).collect();
        if let Some(&extreme) = extremes.get(case) {
            prediction[case % outputs] = extreme;
        }
        let target: Vec<T> = random_target(loss.target_kind(), outputs, &mut rng)
            .into_iter()
            .map(T::from_f64)
            .collect();

        let mut gradient = vec![T::from_f64(f64::NAN); outputs];
        let value = loss.value_and_gradient(&prediction, &target, &mut gradient);
        let expected = loss.value(&prediction, &target);
        assert!(
            agree(value, expected, expected.to_f64().abs()),
            "{name}: value_and_gradient at {prediction:?}, target {target:?}: expected {expected:?} (value), got {value:?}"
        );

        let exact: Vec<T> = (0..outputs)
            .map(|j| by_output(loss, &prediction, &target, j, prediction[j]).1)
            .collect();
        // A gradient may suffer from cancellation against the largest element of its sample, and against a target.
        let magnitude = |values: &[T]| values.iter().map(|v| v.to_f64().abs()).fold(0.0, f64::max);
        let bound = match loss.target_kind() {
            TargetKind::Class => 1.0,
            _ => magnitude(&target),
        };
        let magnitude = magnitude(&exact) + bound;
        for (j, (&got, &expected)) in gradient.iter().zip(&exact).enumerate() {
            assert!(
                agree(got, expected, magnitude),
                "{name}: gradient by output {j} at {prediction:?}, target {target:?}: expected {expected:?} (dual \
                 numbers), got {got:?}"
            );
            sloped |= got.to_f64() != 0.0;
        }

        check_accumulate::<L, T, 1>(name, loss, &prediction, &target, (value, &gradient));
        check_accumulate::<L, T, 4>(name, loss, &prediction, &target, (value, &gradient));

        prediction[case % outputs] = T::from_f64(f64::NAN);
        let value = loss.value_and_gradient(&prediction, &target, &mut gradient);
        assert!(
            value.to_f64().is_nan(),
            "{name}: value at {prediction:?}, target {target:?}: expected NaN, got {value:?}"
        );
    }
    assert!(sloped, "{name}: the gradient is 0 at every prediction tried");
}

/// Compares `accumulate` with N sums with the loss and gradient `expected` of the sample.
fn check_accumulate<L: Loss, T: Float, const N: usize>(
    name: &str,
    loss: &L,
    prediction: &[T],
    target: &[T],
    (value, gradient): (T, &[T]),
) {
    // The factors are powers of two, so multiplying by them does not round. The sums are not 0 before.
    let (weight, scale, before) = (T::from_f64(0.5), T::from_f64(0.25), T::from_f64(1.0));
    let mut sums = [before; N];
    let mut got = vec![T::from_f64(f64::NAN); gradient.len()];
    loss.accumulate(prediction, target, &mut got, [weight, scale], &mut sums);
    let (expected, sum) = (weight * value, sums.iter().fold(T::zero(), |sum, &x| sum + x));
    let expected = expected + T::from_f64(N as f64);
    assert!(
        agree(sum, expected, expected.to_f64().abs() + N as f64),
        "{name}: accumulate with {N} sums at {prediction:?}, target {target:?}: expected {expected:?}, got {sum:?}"
    );
    for (j, (&got, &gradient)) in got.iter().zip(gradient).enumerate() {
        let expected = scale * gradient;
        assert!(
            agree(got, expected, expected.to_f64().abs()),
            "{name}: accumulate's gradient by output {j} at {prediction:?}, target {target:?}: expected \
             {expected:?}, got {got:?}"
        );
    }
}
