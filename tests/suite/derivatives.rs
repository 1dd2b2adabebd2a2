//! Tests every activation and every loss with the macros that users have: the fast derivative equals that of dual
//! numbers, which equals the difference quotient. Also tests the macros themselves: they fail for wrong derivatives.

use mlp_core::activations::{
    Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};
use mlp_core::{
    Activation, BinaryCrossEntropy, HalfMse, Huber, Loss, Mae, Mse, Pinball, Scalar, SoftmaxCrossEntropy,
    check_activation, check_loss,
};
use std::panic::catch_unwind;

/// Makes a test for each of them.
macro_rules! prove {
    ($macro:ident: $($name:ident $formula:expr;)*) => {$(
        #[test]
        fn $name() {
            $macro!($formula);
        }
    )*};
}

prove! { check_activation:
    identity Identity;
    relu Relu;
    leaky_relu LeakyRelu::default();
    leaky_relu_negative LeakyRelu::new(-0.5).unwrap();
    sigmoid Sigmoid;
    tanh Tanh;
    gelu Gelu;
    gelu_tanh GeluTanh;
    silu Silu;
    elu Elu::default();
    elu_half Elu::new(0.5).unwrap();
    selu Selu;
    softplus Softplus;
    softsign Softsign;
    hard_tanh HardTanh;
    mish Mish;
}

prove! { check_loss:
    half_squared_error HalfMse;
    mean_squared_error Mse;
    mean_absolute_error Mae;
    huber Huber::default();
    huber_half Huber::new(0.5).unwrap();
    softmax_cross_entropy_of_classes SoftmaxCrossEntropy::for_classes();
    softmax_cross_entropy_of_probabilities SoftmaxCrossEntropy::for_probabilities();
    smoothed_cross_entropy_of_classes SoftmaxCrossEntropy::for_classes().smoothing(0.1).unwrap();
    smoothed_cross_entropy_of_probabilities SoftmaxCrossEntropy::for_probabilities().smoothing(0.3).unwrap();
    pinball Pinball::new(0.9).unwrap();
    pinball_of_an_interval Pinball::between(0.05, 0.95).unwrap();
    binary_cross_entropy BinaryCrossEntropy;
}

/// The activation z^3, with a choice of mistakes in its derivative.
#[derive(Clone, Debug)]
struct Cube(Mistake);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    Factor,
    /// Too small to be visible in `f32`.
    TinyFactor,
    FiftyUlps,
    OneUlp,
    /// A factor that is invisible to dual numbers.
    Hidden,
    Zero,
    DropsNan,
    FalseKink,
}

impl Activation for Cube {
    fn value<T: Scalar>(&self, z: T) -> T {
        // Linear for large |z|, so that it stays finite for every z.
        let bound = T::from_f64(100.0);
        let inner = z.at_least(-bound).at_most(bound);
        match self.0 {
            Mistake::Zero => inner * T::zero(),
            Mistake::DropsNan => z.select_gt(T::zero(), z, T::zero()),
            Mistake::Hidden => z * T::from_f64(1.0 + 1e-3 * z.to_f64().clamp(-9.0, 9.0).sin()),
            _ => inner * inner * inner + (z - inner),
        }
    }
    fn derivative<T: Scalar>(&self, z: T, _: T) -> T {
        let exact = self.value(mlp_core::Dual::variable(z)).derivative;
        match self.0 {
            Mistake::Factor => exact * T::from_f64(1.0001),
            Mistake::TinyFactor => exact * T::from_f64(1.0 + 1e-12),
            Mistake::FiftyUlps => exact * T::from_f64(1.0 + 50.0 * f64::EPSILON),
            Mistake::OneUlp => exact * T::from_f64(1.0 + f64::EPSILON),
            Mistake::FalseKink => z.select_gt(T::one(), exact + T::one(), exact),
            _ => exact,
        }
    }
}

/// Returns the message with which the check fails.
fn failure(check: impl Fn() + std::panic::UnwindSafe) -> String {
    let panic = catch_unwind(check).expect_err("expected the check to fail");
    *panic.downcast::<String>().expect("a message")
}

#[test]
fn wrong_activations_are_found() {
    check_activation!(Cube(Mistake::None));
    check_activation!(Cube(Mistake::OneUlp));
    let message = failure(|| check_activation!(Cube(Mistake::Factor)));
    assert!(
        message.starts_with("Cube(Mistake::Factor), f32: derivative at z = "),
        "{message}"
    );
    for mistake in [Mistake::TinyFactor, Mistake::FiftyUlps] {
        let message = failure(move || check_activation!(Cube(mistake)));
        assert!(
            message.starts_with("Cube(mistake), f64: derivative at z = "),
            "{message}"
        );
    }
    let message = failure(|| check_activation!(Cube(Mistake::Hidden)));
    assert!(message.contains("difference quotient"), "{message}");
    assert!(failure(|| check_activation!(Cube(Mistake::FalseKink))).contains("derivative at z"));
    assert!(
        failure(|| check_activation!(Cube(Mistake::Zero)))
            .ends_with("at every z tried (does the formula use `to_f64`?)")
    );
    assert!(failure(|| check_activation!(Cube(Mistake::DropsNan))).contains("expected NaN, got 0"));
}

/// The sum of squares over the outputs, with a choice of mistakes.
#[derive(Clone, Debug)]
struct Squares(Mistake);

impl Loss for Squares {
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        let mut sum = T::zero();
        for (&p, &t) in prediction.iter().zip(target) {
            sum += match self.0 {
                Mistake::Zero => (p - t).at_most(T::one()).at_least(-T::one()) * T::zero(),
                Mistake::DropsNan => (p - t).select_gt(T::zero(), (p - t) * (p - t), T::zero()),
                Mistake::Hidden => (p - t) * T::from_f64((p - t).to_f64()),
                _ => (p - t) * (p - t),
            };
        }
        sum
    }
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        let factor = match self.0 {
            Mistake::Factor => 1.0,
            Mistake::TinyFactor => 2.0 + 1e-12,
            Mistake::Hidden => 1.0,
            _ => 2.0,
        };
        for ((&p, &t), g) in prediction.iter().zip(target).zip(gradient) {
            *g = T::from_f64(factor) * (p - t);
            if self.0 == Mistake::Zero {
                *g = T::zero();
            }
            if self.0 == Mistake::DropsNan {
                *g = g.at_least(T::zero());
            }
        }
        self.value(prediction, target)
    }
}

#[test]
fn wrong_losses_are_found() {
    check_loss!(Squares(Mistake::None));
    let message = failure(|| check_loss!(Squares(Mistake::Factor)));
    assert!(
        message.starts_with("Squares(Mistake::Factor), f32: gradient by output 0 at ["),
        "{message}"
    );
    let message = failure(|| check_loss!(Squares(Mistake::TinyFactor)));
    assert!(
        message.starts_with("Squares(Mistake::TinyFactor), f64: gradient by output 0 at ["),
        "{message}"
    );
    let message = failure(|| check_loss!(Squares(Mistake::Hidden)));
    assert!(message.contains("difference quotient"), "{message}");
    let message = failure(|| check_loss!(Squares(Mistake::Zero)));
    assert!(
        message.ends_with("the gradient is 0 at every prediction tried"),
        "{message}"
    );
    assert!(failure(|| check_loss!(Squares(Mistake::DropsNan))).contains("expected NaN"));
}
