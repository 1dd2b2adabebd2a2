//! A custom activation and a custom loss. Each is defined by its formula; dual numbers supply the derivative. The check
//! macros verify both, and then a network that uses them learns a quantile.
//!
//! ```sh
//! cargo run --release -p mlp-core --example custom_activation
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use core::ops::ControlFlow;
use mlp_core::{
    Activation, ActivationKind, Dual, ElementLoss, Event, FitOptions, GradientDescent, Mlp, Samples, Scalar, Trainer,
    check_activation, check_loss,
};
use mlp_cpu::Matrix;
use std::f64::consts::LN_2;

/// The shifted softplus f(z) = ln(1 + e^z) - ln 2, with f(0) = 0; f'(z) = 1 / (1 + e^(-z)).
///
/// Source: K. T. Schuett et al., *SchNet* (NIPS 2017).
#[derive(Clone, Debug)]
struct ShiftedSoftplus;

impl Activation for ShiftedSoftplus {
    // The formula is written as max(z, 0) + ln(1 + e^(-|z|)), since e^z overflows. There are two rules: no `if` on
    // numbers (use `at_least`, `select_gt`), and constants come from `from_f64`.
    fn value<T: Scalar>(&self, z: T) -> T {
        z.at_least(T::zero()) + (-z.abs()).exp().ln_1p() - T::from_f64(LN_2)
    }
}

/// The quantile (pinball) loss: with e = y - p, a term is q e for e > 0, else (q - 1) e. Its expectation is minimal if
/// the prediction p is the q-quantile of the target y.
///
/// Source: R. Koenker, G. Bassett, *Regression Quantiles* (Econometrica 46, 1978).
#[derive(Clone, Debug)]
struct Quantile {
    q: f64,
}

impl ElementLoss for Quantile {
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let (q, error) = (T::from_f64(self.q), target - prediction);
        error.select_gt(T::zero(), q * error, (q - T::one()) * error)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Evaluated with a dual number, the formula gives its value together with its derivative.
    let z = 1.5_f64;
    let dual = ShiftedSoftplus.value(Dual::variable(z));
    println!("f({z}) = {:.6}, f'({z}) = {:.6}", dual.value, dual.derivative);
    assert_eq!(dual.value, ShiftedSoftplus.value(z));
    assert!((dual.derivative - 1.0 / (1.0 + (-z).exp())).abs() < 1e-15);

    // In your own project, put these into a test. If something is wrong, they panic and name the argument.
    check_activation!(ShiftedSoftplus);
    check_loss!(Quantile { q: 0.9 });
    println!("activation and loss pass the checks at random and at extreme arguments, in f32 and in f64");

    // y = x^2 + width(x) u with u spread evenly over [0, 1): the 0.9-quantile is x^2 + 0.9 width(x).
    let samples = 1000;
    let width = |x: f64| 0.2 + 0.5 * x.abs();
    let input = Matrix::from_fn(1, samples, |_, i| 2.0 * (i as f64 + 0.5) / samples as f64 - 1.0);
    let target = Matrix::from_fn(1, samples, |_, i| {
        let (x, u) = (input[(0, i)], (0.618_033_988_749_895 * i as f64).fract());
        x * x + width(x) * u
    });

    // The second parameter of the network is the type of its custom activation.
    let mut network = Mlp::<Matrix<f64>, ShiftedSoftplus>::builder(&[1, 16, 16, 1])
        .hidden(ActivationKind::Custom(ShiftedSoftplus))
        .seed(1)
        .build()?;
    let options = FitOptions::epochs(400).batch_size(50).shuffle(1);
    let mut trainer = Trainer::new(Quantile { q: 0.9 }, GradientDescent::new(0.1)?);
    trainer.fit_with(&mut network, Samples::new(&input, &target)?, options, |progress| {
        if let Event::Epoch { epoch, loss, .. } = progress.event
            && epoch % 50 == 0
        {
            println!("Epoch {epoch} - Loss: {loss:.6}");
        }
        ControlFlow::Continue(())
    })?;

    println!("\n    x   0.9-quantile  prediction");
    for x in [-1.0, -0.5, 0.0, 0.5, 1.0_f64] {
        let prediction = network.predict(&Matrix::from_columns(&[[x]]))[(0, 0)];
        let exact = x * x + 0.9 * width(x);
        println!("{x:>5}  {exact:>13.3}  {prediction:>10.3}");
        assert!(
            (prediction - exact).abs() < 0.1,
            "quantile at {x}: expected {exact}, got {prediction}"
        );
    }
    let prediction = network.predict(&input);
    let below = (0..samples).filter(|&i| target[(0, i)] <= prediction[(0, i)]).count();
    println!("{below} of {samples} targets lie below the prediction");
    assert!(
        (870..=930).contains(&below),
        "expected nine in ten targets below the prediction, got {below} of {samples}"
    );
    Ok(())
}
