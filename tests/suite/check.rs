//! Holds twenty right formulas against `check_activation!` and `check_loss!`, each of which must pass, and twenty wrong
//! ones, each of which must be found.

use mlp_core::check::{Options, check_activation, check_equation, check_loss};
use mlp_core::equation::{Direction, Equation, Point};
use mlp_core::{Activation, Loss, Scalar};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

fn c<T: Scalar>(number: f64) -> T {
    T::from_f64(number)
}

/// Returns x with a derivative that is too small by the factor 1 - `share`, which dual numbers do not notice.
fn hidden<T: Scalar>(x: T, share: f64) -> T {
    x + (T::from_f64(x.to_f64()) - x) * T::from_f64(share)
}

/// Returns `then` for x > bound, else `otherwise`.
fn above<T: Scalar>(x: T, bound: f64, then: T, otherwise: T) -> T {
    x.select_gt(c(bound), then, otherwise)
}

/// Makes a table of activations: the name, f(z), if given f'(z) from z and a = f(z), and the options.
macro_rules! activations {
    ($($name:literal: |$z:ident| $value:expr $(, |$slope_z:ident, $a:ident| $slope:expr)? $(; $options:expr)?,)*) => {
        vec![$({
            #[derive(Clone, Debug)]
            struct Formula;
            impl Activation for Formula {
                fn value<T: Scalar>(&self, $z: T) -> T {
                    $value
                }
                $(fn derivative<T: Scalar>(&self, $slope_z: T, $a: T) -> T {
                    $slope
                })?
            }
            let options = [$($options,)? Options::default()].into_iter().next().unwrap();
            ($name, Box::new(move || check_activation($name, &Formula, &options)) as Box<dyn Fn()>)
        },)*]
    };
}

/// Makes a table of losses that are sums over the outputs: the name, a term from prediction p and target t, its
/// derivative by p, and the options.
macro_rules! losses {
    ($($name:literal: |$p:ident, $t:ident| $value:expr, $slope:expr $(; $options:expr)?,)*) => {
        vec![$({
            #[derive(Clone, Debug)]
            struct Formula;
            impl Loss for Formula {
                fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
                    prediction.iter().zip(target).fold(T::zero(), |sum, (&$p, &$t)| sum + $value)
                }
                fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
                    for ((&$p, &$t), derivative) in prediction.iter().zip(target).zip(gradient) {
                        *derivative = $slope;
                    }
                    self.value(prediction, target)
                }
            }
            let options = [$($options,)? Options::default()].into_iter().next().unwrap();
            ($name, Box::new(move || check_loss($name, &Formula, &options)) as Box<dyn Fn()>)
        },)*]
    };
}

type Checks = Vec<(&'static str, Box<dyn Fn()>)>;

fn message(check: &dyn Fn()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(check)).err()?;
    Some(*panic.downcast::<String>().expect("a message"))
}

#[track_caller]
fn all_pass(checks: &Checks) {
    let alarms: Vec<_> = checks.iter().filter_map(|(_, check)| message(check)).collect();
    assert!(alarms.is_empty(), "false alarms:\n{}", alarms.join("\n"));
}

#[track_caller]
fn all_are_found(checks: &Checks) {
    let found = |check: &dyn Fn()| {
        message(check).is_some_and(|text| text.contains("derivative at z") || text.contains("gradient"))
    };
    let passed: Vec<_> = checks
        .iter()
        .filter(|(_, check)| !found(check))
        .map(|(name, _)| name)
        .collect();
    assert!(passed.is_empty(), "wrong, but not found: {passed:?}");
}

/// Returns ln cosh(x), where cosh(x) may overflow.
fn ln_cosh<T: Scalar>(x: T) -> T {
    x.abs() + (c::<T>(-2.0) * x.abs()).exp().ln_1p() - c(std::f64::consts::LN_2)
}

#[test]
fn right_activations_pass() {
    all_pass(&activations! {
        "snake 1": |z| z + z.sin().powi(2),
        "snake 5": |z| z + (c::<T>(5.0) * z).sin().powi(2) / c(5.0),
        "oscillates": |z| (c::<T>(30.0) * z).sin(),
        "oscillates, by hand": |z| (c::<T>(30.0) * z).sin(), |z, _a| c::<T>(30.0) * (c::<T>(30.0) * z).cos(),
        "stiff": |z| (c::<T>(1e3) * z).tanh(), |_z, a| c::<T>(1e3) * (T::one() - a * a),
        "saturates": |z| T::one() / (T::one() + (-z).exp()), |_z, a| a * (T::one() - a); Options::default().range(-80.0..=80.0),
        "bell": |z| (-(z * z).at_most(c(1e3))).exp(),
        "steep softplus": |z| z.at_least(c(0.0)) + (c::<T>(-20.0) * z.abs()).exp().ln_1p() / c(20.0),
        "triangle wave": |z| (z - c::<T>(2.0) * (z * c(0.5)).floor() - T::one()).abs(); Options::default().range(-50.0..=50.0),
        "sawtooth": |z| z - z.floor(); Options::default().range(-1e4..=1e4),
        "inverse tangent": |z| z.atan(), |z, _a| T::one() / (T::one() + z * z),
        "kink at 1, from the right": |z| z.at_least(c(1.0)), |z, _a| above(c::<T>(1.0), 0.0, T::one() - above(T::one() - z, 0.0, T::one(), T::zero()), T::zero()); Options::default().kinks([1.0]),
        "kink at 0.3": |z| (z - c(0.3)).abs(), |z, _a| above(z, 0.3, T::one(), -T::one()),
        "cancels": |z| (T::one() + z * z).sqrt() - z, |z, a| -a / (T::one() + z * z).sqrt(); Options::default().range(-1e3..=1e3),
        "rational": |z| z / (T::one() + z * z), |z, a| (T::one() - c::<T>(2.0) * z * a) / (T::one() + z * z); Options::default().range(-1e3..=1e3),
        "expanded cube": |z| ((z - c(3.0)) * z + c(3.0)) * z - T::one(), |z, _a| c::<T>(3.0) * (z - T::one()).powi(2); Options::default().range(-1e3..=1e3),
        "sinc": |z| z.sin() / z; Options::default().range(0.01..=100.0),
        "power": |z| z.powf(c(1.7)), |z, _a| c::<T>(1.7) * z.powf(c(0.7)); Options::default().range(0.0..=1e3),
        "catenary": |z| z.cosh(), |z, _a| z.sinh(),
        "approximation": |z| z.tanh(), |_z, a| (T::one() - a * a) * c(1.0 + 1e-5); Options::default().tolerance(2e-5),
    });
}

#[test]
fn right_losses_pass() {
    all_pass(&losses! {
        "Poisson": |p, t| p.exp() - t * p, p.exp() - t,
        "singular": |p, t| (p - t).abs().sqrt(), above(p - t, 0.0, T::one(), -T::one()) * c(0.5) / (p - t).abs().sqrt(),
        "ln cosh": |p, t| ln_cosh(p - t), (p - t).tanh(),
        "expanded square": |p, t| p * p - c::<T>(2.0) * p * t + t * t, c::<T>(2.0) * (p - t); Options::default().range(-1e3..=1e3),
        "angle": |p, t| T::one() - (p - t).cos(), (p - t).sin(),
        "rate": |p, t| p - t * p.ln(), T::one() - t / p; Options::default().range(1e-3..=1e3),
        "from the right": |p, t| (p - t).at_least(c(0.5)), T::one() - above(c::<T>(0.5) - (p - t), 0.0, T::one(), T::zero()); Options::default().kinks([0.5]),
    });
}

#[test]
fn wrong_activations_are_found() {
    all_are_found(&activations! {
        "off by 1e-6": |z| z.tanh(), |_z, a| (T::one() - a * a) * c(1.0 + 1e-6),
        "off by 1e-6, hidden": |z| hidden(z.tanh(), 1e-6),
        "oscillates, off by 1e-6": |z| (c::<T>(30.0) * z).sin(), |z, _a| c::<T>(30.0 * (1.0 + 1e-6)) * (c::<T>(30.0) * z).cos(),
        "oscillates, off by 1e-6, hidden": |z| hidden((c::<T>(30.0) * z).sin(), 1e-6),
        "large only": |z| z.atan(), |z, _a| T::one() / (T::one() + z * z) * above(z, 500.0, c(1.0 + 1e-6), T::one()),
        "large only, hidden": |z| above(z, 100.0, hidden(z, 1e-6), z),
        "tail only": |z| (-z.at_least(c(0.0))).exp(), |z, a| above(z, 0.0, above(z, 30.0, T::zero(), -a), T::zero()),
        "one side": |z| above(z, 0.0, z, c::<T>(0.01) * z), |z, _a| above(z, 0.0, T::one(), c(0.01 * (1.0 + 1e-6))),
        "one side, hidden": |z| above(z, 0.0, z, hidden(c::<T>(0.5) * z, 1e-6)),
        "sign at 0": |z| z.abs(), |z, _a| T::zero().select_gt(z, -T::one(), T::one()),
        "beside a kink": |z| z.at_least(c(1.0)), |z, _a| above(z, 1.0, above(z, 1.0 + 1e-4, T::one(), c(0.5)), T::zero()); Options::default().kinks([1.0]),
        "chain rule": |z| z + (c::<T>(5.0) * z).sin().powi(2) / c(5.0), |z, _a| T::one() + (c::<T>(10.0) * z).sin() / c(5.0),
        "sign": |z| (-z.abs()).exp(), |z, a| above(z, 0.0, a, -a),
        "other function": |z| z.tanh(), |_z, a| a * (T::one() - a),
        "offset": |z| z.tanh(), |_z, a| T::one() - a * a + c(1e-9),
        "second derivative, hidden": |z| z.tanh(), |_z, a| hidden(T::one() - a * a, 1e-6),
        "factor": |z| (-(z * z).at_most(c(1e3))).exp(), |z, a| -z * a,
        "z for f(z)": |z| z.tanh(), |z, _a| T::one() - z * z,
        "near 0 only": |z| z.sin(), |z, _a| z.cos() + above(z.abs(), 1e-5, T::zero(), c(1e-6)),
        "f32 constant": |z| z / c(3.0), |_z, _a| c(f64::from(1.0_f32 / 3.0)),
        "wrong beyond the tolerance": |z| z.tanh(), |_z, a| (T::one() - a * a) * c(1.0 + 3e-5); Options::default().tolerance(2e-5),
    });
}

#[test]
fn wrong_losses_are_found() {
    all_are_found(&losses! {
        "Poisson, off by 1e-6": |p, t| p.exp() - t * p, p.exp() - t * c(1.0 + 1e-6),
        "singular, off by 1e-6": |p, t| (p - t).abs().sqrt(), above(p - t, 0.0, T::one(), -T::one()) * c(0.5 + 5e-7) / (p - t).abs().sqrt(),
        "one side": |p, t| ln_cosh(p - t), above(p - t, 0.0, (p - t).tanh(), (p - t).tanh() * c(1.0 + 1e-6)),
        "hidden": |p, t| hidden(ln_cosh(p - t), 1e-6), (p - t).tanh() * c(1.0 - 1e-6),
        "by the target": |p, t| (p - t).powi(2), c::<T>(2.0) * (t - p),
        "second derivative, hidden": |p, t| ln_cosh(p - t), hidden((p - t).tanh(), 1e-6),
        "angle": |p, t| T::one() - (p - t).cos(), p - t,
        "far only": |p, t| (p - t).abs(), above(p - t, 900.0, c(1.0 + 1e-6), above(p - t, 0.0, T::one(), -T::one())),
    });
}

/// The sum of ln cosh(p - t), with a mistake for two outputs, or with several sums.
#[derive(Clone, Debug)]
enum Outputs {
    /// In the derivative of the second element of the gradient by the output with this number.
    Second(usize),
    /// NaN in the output with this number is dropped.
    Nan(usize),
    Sum,
    Gradient,
}

impl Loss for Outputs {
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        let terms = prediction.iter().zip(target).map(|(&p, &t)| ln_cosh(p - t));
        terms.fold(T::zero(), |sum, term| sum + term)
    }

    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        for ((&p, &t), derivative) in prediction.iter().zip(target).zip(&mut *gradient) {
            *derivative = (p - t).tanh();
        }
        match (self, gradient) {
            (Self::Second(output), [_, second]) => {
                let p = prediction[*output];
                *second += hidden(p, 1e-6) - p;
            }
            (Self::Nan(output), [_, _]) if prediction[*output].to_f64().is_nan() => return T::zero(),
            _ => {}
        }
        self.value(prediction, target)
    }

    fn accumulate<T: Scalar, const N: usize>(
        &self,
        prediction: &[T],
        target: &[T],
        gradient: &mut [T],
        [weight, scale]: [T; 2],
        sums: &mut [T; N],
    ) {
        sums[N - 1] += weight * self.value_and_gradient(prediction, target, gradient);
        for derivative in gradient {
            *derivative *= scale;
            if matches!(self, Self::Gradient) && N > 1 {
                *derivative *= weight;
            }
        }
        if matches!(self, Self::Sum) && N > 1 {
            sums[0] = T::zero();
        }
    }
}

#[test]
fn a_loss_is_checked_in_every_output_and_with_several_sums() {
    for (mistake, expected) in [
        (Outputs::Second(0), "derivative of the gradient by outputs 0 and 1 at "),
        (Outputs::Second(1), "derivative of the gradient by outputs 1 and 1 at "),
        (Outputs::Nan(0), "expected NaN, got 0"),
        (Outputs::Nan(1), "expected NaN, got 0"),
        (Outputs::Sum, "accumulate with 4 sums at "),
        (Outputs::Gradient, "accumulate's gradient by output 0 at "),
    ] {
        let found = message(&|| check_loss("outputs", &mistake, &Options::default())).expect("a failure");
        assert!(found.contains(expected), "{mistake:?}: {found}");
    }
}

#[test]
fn a_check_that_can_decide_nothing_fails() {
    // At 1e18, the rounding error of the argument is many periods.
    let checks = activations! {
        "noise": |z| (c::<T>(1e15) * z).sin(); Options::default().range(1e3..=2e3),
    };
    let message = message(&checks[0].1).expect("a failure");
    assert!(message.starts_with("noise: at none of "), "{message}");
}

#[test]
#[should_panic(expected = "range of a check: expected two finite numbers in ascending order, got 1.0..=inf")]
fn ranges_are_finite() {
    let _ = Options::default().range(1.0..=f64::INFINITY);
}

/// u'' sqrt(u) = y, written in one way for each `kind`.
#[derive(Debug)]
struct Root {
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Right,
    OffBy1e6,
    /// A number that overflows in `f32`.
    TooLarge,
}

impl Equation for Root {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second()]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
        let (root, large) = (at.u()[0].sqrt(), c::<T>(1e30));
        [match self.kind {
            Kind::Right => at.ddu(0)[0] * root - at.target()[0],
            Kind::OffBy1e6 => hidden(at.ddu(0)[0], 1e-6) * root - at.target()[0],
            Kind::TooLarge => at.ddu(0)[0] * (root * large * large) / (large * large) - at.target()[0],
        }]
    }
}

#[test]
fn equations_are_checked_in_both_types_and_in_their_range() {
    let check = |kind, options: Options| message(&move || check_equation("root", &Root { kind }, [1, 1, 1], &options));
    let positive = || Options::default().range(0.5..=3.0);
    assert_eq!(check(Kind::Right, positive()), None);
    assert_eq!(check(Kind::OffBy1e6, positive().tolerance(2e-6)), None);
    let found = check(Kind::OffBy1e6, positive()).expect("a failure");
    assert!(
        found.starts_with("root: residual 0 by ddu(0)[0], at x = [") && found.contains("], target = ["),
        "{found}"
    );
    // The root of a negative number.
    let found = check(Kind::Right, Options::default()).expect("a failure");
    assert!(
        found.contains(": expected a number and its derivative, got NaN and NaN; if the formula is not meant"),
        "{found}"
    );
    let found = check(Kind::TooLarge, positive()).expect("a failure");
    assert!(found.contains("NaN in f32"), "{found}");
}

/// Two residuals, u' and u, with a mistake in the second. Remembers the least and the largest u.
#[derive(Debug)]
struct Pair {
    seen: Arc<Mutex<[f64; 2]>>,
}

impl Equation<2> for Pair {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        let u = at.u()[0];
        let mut seen = self.seen.lock().unwrap();
        *seen = [seen[0].min(u.to_f64()), seen[1].max(u.to_f64())];
        [at.du(0)[0], hidden(u, 1e-6)]
    }
}

#[test]
fn equations_are_checked_in_every_residual_and_on_the_whole_range() {
    let check = |options: Options| {
        let seen = Arc::new(Mutex::new([f64::INFINITY, -f64::INFINITY]));
        let pair = Pair { seen: seen.clone() };
        let found = message(&|| check_equation("pair", &pair, [1, 1, 0], &options));
        let seen = *seen.lock().unwrap();
        (found, seen)
    };
    let (found, _) = check(Options::default());
    let found = found.expect("a failure");
    assert!(found.starts_with("pair: residual 1 by u[0], at x = ["), "{found}");
    for (options, ends) in [
        (Options::default(), [-2.0, 2.0]),
        (Options::default().range(0.5..=3.0), [0.5, 3.0]),
    ] {
        let (found, seen) = check(options.tolerance(1e-5));
        assert_eq!(found, None);
        // A difference quotient steps over the end by 1/32.
        let off = [0, 1].map(|i| (seen[i] - ends[i]).abs());
        assert!(off.iter().all(|off| *off < 0.1), "{seen:?}");
    }
}

/// The hyperbolic tangent, with a mistake in the last of seven elements.
#[derive(Clone, Debug)]
struct Slices;

impl Activation for Slices {
    fn value<T: Scalar>(&self, z: T) -> T {
        z.tanh()
    }

    fn value_and_derivative<T: Scalar>(&self, values: &mut [T], derivatives: &mut [T]) {
        mlp_core::activations::Tanh.value_and_derivative(values, derivatives);
        if let [_, _, _, _, _, _, last] = derivatives {
            *last = -*last;
        }
    }
}

#[test]
fn an_activation_is_checked_in_slices() {
    let found = message(&|| check_activation("slices", &Slices, &Options::default())).expect("a failure");
    assert!(
        found.starts_with("slices, f32: value and derivative at z = "),
        "{found}"
    );
    assert!(found.contains(", 6 of 7: expected ("), "{found}");
}
