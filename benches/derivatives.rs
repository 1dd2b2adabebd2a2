//! Measures what derivatives cost in passes of the network itself: a pushforward in forward passes, a pullback down to
//! the input in backward passes with their gradients, and a product with the Hessian in all three passes of a step.
//!
//! Run it with `cargo bench --bench derivatives`. Rounds of an operation and of what it is compared with alternate; the
//! fastest round of each counts, since other programs may interrupt the rest.
#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use core::num::NonZero;
use mlp_core::activations::{Relu, Tanh};
use mlp_core::{ActivationKind, DualTensor, HalfMse, Mlp, Workspace};
use mlp_cpu::{Element, Matrix, set_threads};
use std::time::Instant;

/// Returns the time of each operation, as the fastest of many rounds.
fn times<const N: usize>(mut operations: [&mut dyn FnMut(); N], rounds: usize) -> [f64; N] {
    let mut fastest = [f64::INFINITY; N];
    for _ in 0..rounds {
        for (operation, fastest) in operations.iter_mut().zip(&mut fastest) {
            operation();
            let start = Instant::now();
            for _ in 0..4 {
                operation();
            }
            *fastest = fastest.min(start.elapsed().as_secs_f64() / 4.0);
        }
    }
    fastest
}

/// Returns the ratios of pushforward, pullback and Hessian-vector product.
fn ratios<T: Element>(sizes: &[usize], samples: usize, hidden: ActivationKind, rounds: usize) -> [f64; 3] {
    let network = Mlp::<Matrix<T>>::builder(sizes)
        .hidden(hidden)
        .seed(1)
        .build()
        .expect("valid sizes");
    let number = |i: usize, j: usize| T::from_f64(((3 * i + 7 * j) as f64).sin());
    let [input, dy] = [network.inputs(), network.outputs()].map(|rows| Matrix::from_fn(rows, samples, number));
    let workspace = || Workspace::new(&network, samples).expect("there is memory");
    let (mut plain, mut pushed, mut pulled) = (workspace(), workspace(), workspace());
    let mut of_input = Matrix::zeros(network.inputs(), samples);

    let mut forward = || network.forward(&input, &mut plain);
    let mut pushforward = || {
        network.forward(&input, &mut pushed);
        network.pushforward(&input, &mut pushed);
    };
    let [forward, pushforward] = times([&mut forward, &mut pushforward], rounds);

    network.forward(&input, &mut pulled);
    network.loss(&HalfMse, &dy, &mut plain);
    let mut backward = || {
        network.backward(&mut plain);
        network.gradient(&input, &mut plain);
    };
    let mut pullback = || {
        network.pullback(&input, &dy, &mut pulled);
        network.input_gradient(&pulled, &mut of_input);
    };
    let [backward, pullback] = times([&mut backward, &mut pullback], rounds);

    let mut lifted = network.clone().lift();
    for (lifted, layer) in lifted.layers_mut().iter_mut().zip(network.layers()) {
        lifted.weights.tangent_mut().clone_from(&layer.weights);
        lifted.bias.tangent_mut().clone_from(&layer.bias);
    }
    let (x, y) = (DualTensor::constant(input.clone()), DualTensor::constant(dy.clone()));
    let mut dual = Workspace::new(&lifted, samples).expect("there is memory");
    let mut step = || {
        network.forward(&input, &mut plain);
        network.loss(&HalfMse, &dy, &mut plain);
        network.backward(&mut plain);
        network.gradient(&input, &mut plain);
    };
    let mut product = || {
        lifted.forward(&x, &mut dual);
        lifted.loss(&HalfMse, &y, &mut dual);
        lifted.backward(&mut dual);
        lifted.gradient(&x, &mut dual);
    };
    let [step, product] = times([&mut step, &mut product], rounds);
    [pushforward / forward, pullback / backward, product / step]
}

fn print<T: Element>(name: &str, rounds: usize) {
    for (sizes, samples, hidden) in [
        (&[784, 512, 512, 10][..], 128, ActivationKind::from(Relu)),
        (&[13, 64, 64, 1], 32, Tanh.into()),
        (&[1, 4, 3, 1], 3, Tanh.into()),
    ] {
        let rounds = if sizes[0] > 100 { rounds } else { 20 * rounds };
        let [pushforward, pullback, product] = ratios::<T>(sizes, samples, hidden, rounds);
        println!("{sizes:?} x {samples}, {name}: {pushforward:.2} {pullback:.2} {product:.2}");
    }
}

fn main() {
    // `cargo bench -- --test` runs each operation once.
    let rounds = if std::env::args().any(|argument| argument == "--test") {
        1
    } else {
        40
    };
    set_threads(NonZero::<usize>::MIN);
    println!("pushforward / forward, pullback / backward and gradient, Hessian-vector product / step; one thread");
    print::<f32>("f32", rounds);
    print::<f64>("f64", rounds);
}
