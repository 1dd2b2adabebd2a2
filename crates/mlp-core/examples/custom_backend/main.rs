//! A custom backend, which is complete, short and slow. A network learns the exclusive or on it.
//!
//! ```sh
//! cargo run --release -p mlp-core --example custom_backend
//! ```
//!
//! `naive.rs` contains everything a backend needs. It works with any scalar, including dual numbers. With these, a
//! network's loss comes with its derivative with respect to a weight, which is compared with backpropagation at the
//! end.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod naive;

use core::ops::ControlFlow;
use mlp_core::activations::Tanh;
use mlp_core::backend::Tensor;
use mlp_core::{Dense, Dual, Event, FitOptions, GradientDescent, HalfMse, Mlp, Samples, Scalar, Trainer, Workspace};
use naive::Naive;
use std::error::Error;

const INPUT: [f64; 8] = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
const TARGET: [f64; 4] = [0.0, 1.0, 1.0, 0.0];

fn main() -> Result<(), Box<dyn Error>> {
    let (input, target): (Naive<f64>, _) = (samples(2, &INPUT), samples(1, &TARGET));
    let mut network = Mlp::<Naive<f64>>::builder(&[2, 4, 1]).hidden(Tanh).seed(1).build()?;
    compare_derivatives(&network)?;

    let mut losses = Vec::new();
    let options = FitOptions::epochs(501);
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.3)?);
    trainer.fit_with(&mut network, Samples::new(&input, &target)?, options, |progress| {
        if let Event::Epoch { epoch, loss, .. } = progress.event {
            losses.push(loss);
            if epoch % 100 == 0 {
                println!("Epoch {epoch} - Loss: {loss:.6}");
            }
        }
        ControlFlow::Continue(())
    })?;
    assert!(
        losses[500] < 1e-3 * losses[0],
        "expected the loss to fall to a thousandth: it was {} at first, {} at the end",
        losses[0],
        losses[500]
    );
    println!("0^0, 0^1, 1^0, 1^1: {:.3?}", values(&network.predict(&input)));
    Ok(())
}

/// Compares dL/dw of the first weight of `network` by backpropagation and by running it with dual numbers.
fn compare_derivatives(network: &Mlp<Naive<f64>>) -> Result<(), Box<dyn Error>> {
    let input = samples::<Naive<f64>>(2, &INPUT);
    let mut workspace = Workspace::new(network, 4)?;
    network.forward(&input, &mut workspace);
    network.loss(&HalfMse, &samples::<Naive<f64>>(1, &TARGET), &mut workspace);
    network.backward(&mut workspace);
    network.gradient(&input, &mut workspace);
    let backpropagated = values(&workspace.gradient()[0].weights)[0];

    let layers = network
        .layers()
        .iter()
        .zip(network.activations())
        .map(|(layer, activation)| {
            let dual = |from: &Naive<f64>| samples::<Naive<Dual<f64>>>(from.shape().0, &values(from));
            (
                Dense {
                    weights: dual(&layer.weights),
                    bias: dual(&layer.bias),
                },
                activation.clone(),
            )
        });
    let mut network = Mlp::<Naive<Dual<f64>>>::from_layers(layers.collect())?;
    let weights = &mut network.layers_mut()[0].weights;
    let mut numbers = values(weights);
    numbers[0] = Dual::variable(numbers[0].value);
    weights.write(&numbers);
    let prediction = network.predict(&samples::<Naive<_>>(2, &INPUT));
    let (mut delta, target, one) = (prediction.clone(), samples::<Naive<_>>(1, &TARGET), Dual::constant(1.0));
    let sum = delta.loss(&HalfMse, (&prediction).into(), (&target).into(), None, one);

    println!(
        "dL/dw: {backpropagated} by backpropagation, {} by dual numbers",
        sum.derivative / 4.0
    );
    assert!((backpropagated - sum.derivative / 4.0).abs() < 1e-15);
    Ok(())
}

/// Creates a matrix from `numbers`, sample after sample, with `features` numbers per sample.
fn samples<B: Tensor>(features: usize, numbers: &[f64]) -> B {
    let mut matrix = B::zeros(features, numbers.len() / features);
    matrix.write(
        &numbers
            .iter()
            .map(|&number| B::Scalar::from_f64(number))
            .collect::<Vec<_>>(),
    );
    matrix
}

/// Returns the elements, sample after sample.
fn values<B: Tensor>(matrix: &B) -> Vec<B::Scalar> {
    let mut values = Vec::new();
    B::read(matrix.into(), &mut values);
    values
}
