//! The experiment of the notebook *Coding Neural Networks from Scratch*, one step at a time. The steps forward, loss,
//! delta, gradient and update are called one by one, and their numbers are printed. Then the same steps run for 100
//! epochs.
//!
//! ```sh
//! cargo run --release -p mlp-core --example notebook
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use core::ops::ControlFlow;
use mlp_core::activations::{Identity, LeakyRelu};
use mlp_core::{Dense, Event, FitOptions, GradientDescent, HalfMse, Mlp, Samples, Trainer, Workspace};
use mlp_cpu::Matrix;
use std::error::Error;
use std::fmt::Display;

fn main() -> Result<(), Box<dyn Error>> {
    // A column is a sample: three of one feature, with one target each.
    let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
    let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
    let start = network()?;
    let mut optimizer = GradientDescent::new(0.1)?;

    println!("A [1, 4, 3, 1] network and {} samples", input.columns());
    show("x", &input);
    show("y", &target);

    // The network owns its parameters; a pass writes everything it computes to the workspace.
    let mut network = start.clone();
    let mut workspace = Workspace::new(&network, input.columns())?;

    println!(
        "\nForward: z = W a_prev + b (b is still 0), a = f(z): leaky ReLU with slope 0.01, in the last layer f(z) = z"
    );
    network.forward(&input, &mut workspace);
    show_forward(&network, &input, &workspace);

    println!("\nLoss: L = 1/(2N) sum (y^ - y)^2, delta of the last layer: dL/dz = (y^ - y)/N");
    let loss = network.loss(&HalfMse, &target, &mut workspace);
    println!("  L = {loss:.6}");
    let last = network.layers().len() - 1;
    show(&format!("delta{last}"), &workspace.delta(last));

    println!("\nBackward: delta = (W_next^T delta_next) * f'(z)");
    network.backward(&mut workspace);
    for l in (0..last).rev() {
        show(&format!("delta{l}"), &workspace.delta(l));
    }

    println!("\nGradient: dL/dW = delta a_prev^T, dL/db = sum of delta over the samples");
    network.gradient(&input, &mut workspace);
    for l in 0..=last {
        show(&format!("dL/dW{l}"), &workspace.gradient()[l].weights);
        show(&format!("dL/db{l}"), &workspace.gradient()[l].bias);
    }

    println!("\nUpdate: W <- W - eta dL/dW, b <- b - eta dL/db, eta = 0.1");
    optimizer.update(network.layers_mut(), workspace.gradient_mut())?;
    show(&format!("W{last}"), &network.layers()[last].weights);
    show(&format!("b{last}"), &network.layers()[last].bias);
    network.forward(&input, &mut workspace);
    let after = network.loss(&HalfMse, &target, &mut workspace);
    println!("  L = {after:.6}");

    println!("\n100 epochs of these steps, from the same start, by a Trainer");
    let mut network = start;
    let mut trainer = Trainer::new(HalfMse, optimizer);
    let samples = Samples::new(&input, &target)?;
    trainer.fit_with(&mut network, samples, FitOptions::epochs(100), |progress| {
        if let Event::Epoch { epoch, loss, .. } = progress.event
            && epoch % 5 == 0
        {
            println!("Epoch {epoch} - Loss: {loss:.6}");
        }
        ControlFlow::Continue(())
    })?;
    show("y^", &network.predict(&input));

    // The trainer takes the same steps, bit for bit, and reproduces the losses that the notebook printed.
    let losses = &trainer.history().loss;
    assert_eq!((losses[0], losses[1]), (loss, after));
    assert_eq!(
        format!("{:.6} {:.6} {:.6}", losses[0], losses[5], losses[95]),
        "5.823733 2.717339 0.026363"
    );
    Ok(())
}

/// Prints W, z, f'(z) and a of each layer after a forward pass.
fn show_forward(network: &Mlp<Matrix<f64>>, input: &Matrix<f64>, workspace: &Workspace<Matrix<f64>>) {
    for (l, layer) in network.layers().iter().enumerate() {
        let mut z = Matrix::zeros(layer.outputs(), input.columns());
        match l {
            0 => layer.pre_activation(input, &mut z),
            _ => layer.pre_activation(workspace.activation(l - 1), &mut z),
        }
        show(&format!("W{l}"), &layer.weights);
        show(&format!("z{l}"), &z);
        if let Some(derivative) = workspace.derivative(l) {
            show(&format!("f'(z{l})"), &derivative);
        }
        show(&format!("a{l}"), &workspace.activation(l));
    }
}

/// The network with the initial weights of the notebook's run, recovered from its printed losses; biases are zero.
fn network() -> Result<Mlp<Matrix<f64>>, Box<dyn Error>> {
    let layer = |weights: Matrix<f64>| Dense {
        bias: Matrix::zeros(weights.rows(), 1),
        weights,
    };
    let hidden = LeakyRelu::new(0.01)?;
    let network = Mlp::from_layers(vec![
        (
            layer(Matrix::from_rows(&[
                [0.012872191],
                [0.100759445],
                [-0.092975838],
                [0.200431558],
            ])),
            hidden.into(),
        ),
        (
            layer(Matrix::from_rows(&[
                [0.004397187, -0.206516121, 0.01464712, -0.263970893],
                [-0.067874015, 0.279231946, 0.120616285, -0.033323844],
                [0.045972458, -0.122000532, -0.097672731, 0.155096653],
            ])),
            hidden.into(),
        ),
        (
            layer(Matrix::from_rows(&[[-0.274941443, -0.040851919, 0.105522513]])),
            Identity.into(),
        ),
    ])?;
    Ok(network)
}

/// Prints a matrix, its name to the left of its first row.
fn show(name: &str, matrix: &impl Display) {
    for (i, row) in format!("{matrix:.6}").lines().enumerate() {
        println!(
            "  {:>8} {} {row}",
            if i == 0 { name } else { "" },
            if i == 0 { '=' } else { ' ' }
        );
    }
}
