//! The exclusive or: a classifier with one output, trained by binary cross-entropy on logits.
//!
//! ```sh
//! cargo run --release -p mlp-core --example xor
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use core::ops::ControlFlow;
use mlp_core::activations::{Sigmoid, Tanh};
use mlp_core::{Activation, BinaryCrossEntropy, Event, FitOptions, GradientDescent, Mlp, Samples, Trainer};
use mlp_cpu::Matrix;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A column is a sample. The target is the probability of "true", which here is certain: 0 or 1.
    let input = Matrix::<f32>::from_columns(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
    let target = Matrix::from_columns(&[[0.0], [1.0], [1.0], [0.0]]);

    // The output layer stays linear, so its output is a logit. The sigmoid is part of the loss, where neither it nor
    // its logarithm can overflow.
    let mut network = Mlp::<Matrix<f32>>::builder(&[2, 4, 1]).hidden(Tanh).seed(1).build()?;
    println!("{} parameters", network.parameter_count());

    let mut last = f64::NAN;
    Trainer::new(BinaryCrossEntropy, GradientDescent::new(0.5)?).fit_with(
        &mut network,
        Samples::new(&input, &target)?,
        FitOptions::epochs(1000),
        |progress| {
            if let Event::Epoch { epoch, loss, .. } = progress.event {
                last = loss;
                if epoch % 100 == 0 {
                    println!("Epoch {epoch} - Loss: {loss:.6}");
                }
            }
            ControlFlow::Continue(())
        },
    )?;

    println!("\nx1  x2  target  logit   probability");
    let logits = network.predict(&input);
    for ((x, y), logit) in input
        .iter_columns()
        .zip(target.iter_columns())
        .zip(logits.iter_columns())
    {
        let probability = Sigmoid.value(logit[0]);
        println!(
            "{:>2}  {:>2}  {:>6}  {:>6.3}  {probability:>11.6}",
            x[0], x[1], y[0], logit[0]
        );
        assert!(
            (probability - y[0]).abs() < 0.05,
            "probability at {x:?}: expected {}, got {probability}",
            y[0]
        );
    }
    assert!(
        last < 0.02,
        "expected the loss to fall from about ln 2 = 0.69 to below 0.02, got {last}"
    );
    Ok(())
}
