//! Two networks that learn a score together: one reads users, the other items, and the score of a pair is the product of
//! their outputs. Each network is a block of a larger program, which passes gradients between them by hand.
//!
//! ```sh
//! cargo run --release -p mlp-core --example two_towers
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::{Adam, Mlp, Workspace};
use mlp_cpu::Matrix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const PAIRS: usize = 256;
/// The numbers by which a tower describes what it has read.
const FEATURES: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Users and items are points of a plane. They match if their directions do.
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let angles: [Vec<f64>; 2] = [(); 2].map(|()| (0..PAIRS).map(|_| random.random_range(-3.1..3.1)).collect());
    let inputs = angles
        .each_ref()
        .map(|angles| Matrix::from_fn(2, PAIRS, |i, j| if i == 0 { angles[j].cos() } else { angles[j].sin() }));
    let target: Vec<f64> = angles[0].iter().zip(&angles[1]).map(|(a, b)| (a - b).cos()).collect();

    let mut towers = [1, 2].map(|seed| {
        let tower = Mlp::<Matrix<f64>>::builder(&[2, 16, FEATURES]).hidden(Tanh).seed(seed);
        tower.build().expect("the sizes are valid")
    });
    let [user, item] = &towers;
    let mut workspaces = [Workspace::new(user, PAIRS)?, Workspace::new(item, PAIRS)?];
    let mut optimizers = [Adam::new(0.01)?, Adam::new(0.01)?];
    let mut loss = f64::NAN;
    for epoch in 0..=500 {
        for ((tower, input), workspace) in towers.iter().zip(&inputs).zip(&mut workspaces) {
            tower.forward(input, workspace);
        }
        // L = 1/(2N) sum (u.v - y)^2 has the gradients dL/du = (u.v - y) v / N and dL/dv = (u.v - y) u / N.
        let [u, v] = workspaces.each_ref().map(Workspace::prediction);
        let score = |j: usize| -> f64 { u.column(j).iter().zip(v.column(j)).map(|(u, v)| u * v).sum() };
        let errors: Vec<f64> = (0..PAIRS).map(|j| score(j) - target[j]).collect();
        let seed = |other: mlp_cpu::MatrixRef<'_, f64>| {
            Matrix::from_fn(FEATURES, PAIRS, |i, j| errors[j] * other.column(j)[i] / PAIRS as f64)
        };
        let seeds = [seed(v), seed(u)];
        loss = errors.iter().map(|error| error * error).sum::<f64>() / (2 * PAIRS) as f64;
        if epoch % 100 == 0 {
            println!("Epoch {epoch} - Loss: {loss:.6}");
        }
        for t in 0..2 {
            towers[t].pullback(&inputs[t], &seeds[t], &mut workspaces[t]);
            optimizers[t].update(towers[t].layers_mut(), workspaces[t].gradient_mut())?;
        }
    }
    assert!(
        loss < 1e-3,
        "expected the loss to fall from about 0.3 to below 0.001, got {loss}"
    );

    let [user, item] = towers.each_ref().map(|tower| tower.predict_one(&[1.0, 0.0]));
    let score: f64 = user.iter().zip(&item).map(|(u, v)| u * v).sum();
    println!("a user and an item of the same direction: {score:.3} (exact: 1)");
    assert!((score - 1.0).abs() < 0.1);
    Ok(())
}
