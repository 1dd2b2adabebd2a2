//! Checks the record, and how weights are drawn.

use super::*;

#[test]
fn both_runs_are_there() {
    let [small, large] = experiments();
    assert_eq!(small.layers, [1, 1, 1]);
    assert_eq!(small.weights, [[[-0.015_516_39]], [[-0.069_243_318]]]);
    assert_eq!(large.layers, [1, 4, 3, 1]);
    assert_eq!(large.weights[1][2][3], 0.155_096_653);
    let network = large.network::<f64>(NEGATIVE_SLOPE).unwrap();
    assert_eq!(network.layer_sizes(), large.layers);
    assert_eq!(
        small.network::<f64>(NEGATIVE_SLOPE).unwrap().layer_sizes(),
        small.layers
    );
    for (layer, rows) in network.layers().iter().zip(&large.weights) {
        assert_eq!(layer.weights, Matrix::from_rows(rows));
        assert_eq!(layer.bias, Matrix::zeros(rows.len(), 1));
    }
}

#[test]
fn drawn_weights_depend_on_the_seed_alone() {
    let drawn = |seed| drawn::<f64>(&[1, 4, 3, 1], seed, NEGATIVE_SLOPE).unwrap();
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
    let largest = |matrix: &Matrix<f64>| matrix.to_vec().into_iter().fold(0.0_f64, |m, w| m.max(w.abs()));
    for layer in drawn(7).layers() {
        let weight = largest(&layer.weights);
        assert!(weight > 0.01 && weight < 0.5, "{weight}");
        assert_eq!(largest(&layer.bias), 0.0);
    }
}

#[test]
fn twenty_losses_each_are_there() {
    let [small, large] = experiments();
    assert_eq!((small.recorded_losses.len(), large.recorded_losses.len()), (20, 20));
    assert_eq!(
        (small.recorded_losses[0], small.recorded_losses[19]),
        (5.833_616, 0.330_413)
    );
    assert_eq!(
        (large.recorded_losses[0], large.recorded_losses[19]),
        (5.823_733, 0.026_363)
    );
    assert_eq!(
        [0, 1, 5, 95, 100, u64::MAX].map(|epoch| small.recorded_loss(epoch)),
        [Some(5.833_616), None, Some(2.902_166), Some(0.330_413), None, None]
    );
    for experiment in [small, large] {
        assert!(
            experiment.recorded_losses.is_sorted_by(|a, b| a > b),
            "the recorded losses fall"
        );
    }
}
