use super::Options;
use super::bounded::Bounded;
use super::difference::{check_differences, compare_with_difference};
use super::points::{Float, cases, extremes, generator, random_number};
use crate::{Dual, Loss, Scalar, TargetKind};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::any::type_name;
use num_traits::Zero;
use rand::{Rng, RngExt};

/// Checks a loss. It verifies in `f32` and `f64`, for 1 to 6 outputs, at random and at extreme predictions, that:
///
/// - the gradient of [`Loss::value_and_gradient`] agrees with that of [`Loss::value`] by dual numbers, up to the
///   rounding errors of the two formulas, and so does its value;
/// - [`Loss::accumulate`] adds that value and returns that gradient, each times its factor, with one sum and with
///   several;
/// - that gradient agrees with difference quotients, where they are exact enough to decide;
/// - the gradient in dual numbers has the second derivatives of [`Loss::value`];
/// - NaN in a prediction gives a NaN loss;
/// - the gradient is not zero everywhere.
///
/// # Panics
/// If one of these checks fails. The message contains `name`, the prediction and target, the expected result and the
/// actual one.
pub fn check_loss<L: Loss>(name: &str, loss: &L, options: &Options) {
    check_number::<L, f32>(name, loss, options);
    check_number::<L, f64>(name, loss, options);
    check_differences(name, |case, rng| {
        let (outputs, turn) = (1 + case % 6, case / 6);
        let (j, k) = (turn % outputs, turn / outputs % outputs);
        let prediction: Vec<f64> = (0..outputs).map(|_| random_number(options, rng)).collect();
        let target = random_target(loss.target_kind(), outputs, rng);
        let at = || format!("at {prediction:?}, target {target:?}");
        let value = |p| by_output(loss, &prediction, &target, j, p);
        let decided = compare_with_difference(&value, prediction[j], options.tolerance)
            .unwrap_or_else(|how| panic!("{name}: gradient by output {j} {}: {how}", at()));
        if let Err(how) = compare_second(loss, &prediction, &target, [j, k], options) {
            panic!(
                "{name}: derivative of the gradient by outputs {j} and {k} {}: {how}",
                at()
            );
        }
        decided
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

/// Returns the loss and its derivative with respect to element `j` of the prediction, at `p`.
fn by_output<L: Loss, T: Float>(loss: &L, prediction: &[T], target: &[T], j: usize, p: T) -> Dual<Bounded<T>> {
    let constant = |&x: &T| Dual::constant(Bounded::exact(x));
    let mut duals: Vec<_> = prediction.iter().map(constant).collect();
    let target: Vec<_> = target.iter().map(constant).collect();
    duals[j] = Dual::variable(Bounded::exact(p));
    loss.value(&duals, &target)
}

/// Compares the derivative of the gradient by dual numbers with the second derivative of the loss, by outputs j and k.
fn compare_second<L: Loss>(
    loss: &L,
    prediction: &[f64],
    target: &[f64],
    [j, k]: [usize; 2],
    options: &Options,
) -> Result<(), String> {
    let constant = |x: f64| Dual::constant(Bounded::exact(x));
    let constants = |numbers: &[f64]| -> Vec<_> { numbers.iter().map(|&x| constant(x)).collect() };
    let (mut once, target) = (constants(prediction), constants(target));
    once[j].derivative = Bounded::exact(1.0);
    let mut twice: Vec<_> = once.iter().copied().map(Dual::constant).collect();
    twice[k].derivative = constant(1.0);
    let target_twice: Vec<_> = target.iter().copied().map(Dual::constant).collect();
    let expected = loss.value(&twice, &target_twice).derivative.derivative;
    let mut gradient = once.clone();
    loss.value_and_gradient(&once, &target, &mut gradient);
    expected.compare(gradient[k].derivative, options.tolerance)
}

fn check_number<L: Loss, T: Float>(name: &str, loss: &L, options: &Options) {
    let (name, mut rng, mut sloped) = (&format!("{name}, {}", type_name::<T>()), generator(), false);
    let extremes: Vec<T> = extremes(options).collect();
    for case in 0..cases().max(extremes.len()) {
        let outputs = 1 + case % 6;
        let place = case / 6 % outputs;
        let mut draw = || T::from_f64(random_number(options, &mut rng));
        let mut prediction: Vec<T> = (0..outputs).map(|_| draw()).collect();
        if let Some(&extreme) = extremes.get(case) {
            prediction[place] = extreme;
        }
        let target = random_target(loss.target_kind(), outputs, &mut rng);
        let target: Vec<T> = target.into_iter().map(T::from_f64).collect();
        sloped |= check_gradient(name, loss, options, &prediction, &target);

        prediction[place] = T::from_f64(f64::NAN);
        let value = loss.value_and_gradient(&prediction, &target, &mut vec![T::zero(); outputs]);
        assert!(
            value.to_f64().is_nan(),
            "{name}: value at {prediction:?}, target {target:?}: expected NaN, got {value:?}"
        );
    }
    assert!(sloped, "{name}: the gradient is 0 at every prediction tried");
}

/// Checks value and gradient at one prediction. Returns whether the gradient is not 0.
fn check_gradient<L: Loss, T: Float>(name: &str, loss: &L, options: &Options, prediction: &[T], target: &[T]) -> bool {
    let at = || format!("at {prediction:?}, target {target:?}");
    let exact = |numbers: &[T]| -> Vec<_> { numbers.iter().map(|&x| Bounded::exact(x)).collect() };
    let (predicted, wanted) = (exact(prediction), exact(target));
    let mut gradient = vec![Bounded::exact(T::from_f64(f64::NAN)); prediction.len()];
    let value = loss.value_and_gradient(&predicted, &wanted, &mut gradient);
    let expected = loss.value(&predicted, &wanted);
    assert!(
        expected.agrees_with(value, 0.0),
        "{name}: value_and_gradient {}: expected {:?} (value), got {:?}",
        at(),
        expected.value,
        value.value
    );
    for (j, got) in gradient.iter().enumerate() {
        let expected = by_output(loss, prediction, target, j, prediction[j]).derivative;
        let (p, t) = (prediction[j].to_f64(), target.get(j).map_or(0.0, |t| t.to_f64()));
        assert!(
            options.at_kink(p - t, p.abs() + t.abs(), T::EPSILON) || expected.agrees_with(*got, options.tolerance),
            "{name}: gradient by output {j} {}: expected {:?} (dual numbers), got {:?}; rounding explains {:.1e}",
            at(),
            expected.value,
            got.value,
            expected.error + got.error
        );
    }
    check_accumulate::<L, T, 1>(name, loss, &predicted, &wanted, (value, &gradient));
    check_accumulate::<L, T, 4>(name, loss, &predicted, &wanted, (value, &gradient));
    gradient.iter().any(|derivative| derivative.to_f64() != 0.0)
}

/// Compares `accumulate` with N sums with the loss and gradient `expected` of the sample.
fn check_accumulate<L: Loss, T: Float, const N: usize>(
    name: &str,
    loss: &L,
    prediction: &[Bounded<T>],
    target: &[Bounded<T>],
    (value, gradient): (Bounded<T>, &[Bounded<T>]),
) {
    // The sums are not 0 before.
    let [weight, scale, before] = [0.5, 0.25, 1.0].map(Bounded::from_f64);
    let mut sums = [before; N];
    let mut got = vec![Bounded::from_f64(f64::NAN); gradient.len()];
    loss.accumulate(prediction, target, &mut got, [weight, scale], &mut sums);
    let (expected, sum) = (weight * value, sums.iter().fold(Bounded::zero(), |sum, &x| sum + x));
    let expected = expected + Bounded::from_f64(N as f64);
    assert!(
        expected.agrees_with(sum, 0.0),
        "{name}: accumulate with {N} sums at {prediction:?}, target {target:?}: expected {expected:?}, got {sum:?}"
    );
    for (j, (&got, &gradient)) in got.iter().zip(gradient).enumerate() {
        let expected = scale * gradient;
        assert!(
            expected.agrees_with(got, 0.0),
            "{name}: accumulate's gradient by output {j} at {prediction:?}, target {target:?}: expected \
             {expected:?}, got {got:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_their_kind_and_reach_its_ends() {
        let rng = &mut generator();
        let mut targets = |kind| -> Vec<f64> { (0..1000).flat_map(|_| random_target(kind, 4, rng)).collect() };
        let count = |numbers: &[f64], low: f64, high: f64| numbers.iter().filter(|x| (low..high).contains(*x)).count();

        let real = targets(TargetKind::Real);
        assert_eq!(count(&real, -2.0, 2.0), 4000);
        assert!(count(&real, -2.0, -1.9) > 50 && count(&real, 1.9, 2.0) > 50);
        let probability = targets(TargetKind::Probability);
        let [zeros, inside, ones] =
            [(0.0, 1e-9), (1e-9, 1.0), (1.0, 1.1)].map(|(low, high)| count(&probability, low, high));
        assert_eq!(zeros + inside + ones, 4000);
        assert!(zeros > 800 && inside > 1600 && ones > 800, "{zeros} {inside} {ones}");
        let distribution = targets(TargetKind::Distribution);
        for masses in distribution.chunks_exact(4) {
            assert!((masses.iter().sum::<f64>() - 1.0).abs() < 1e-12 && masses.iter().all(|&mass| mass > 0.0));
        }
        assert!(count(&distribution, 0.0, 0.01) > 800);
        let class = targets(TargetKind::Class);
        for number in 0..4 {
            assert!(class.iter().filter(|&&class| class == f64::from(number)).count() > 150);
        }
    }
}
