//! Tests the parts of a network, and its layers on their own.

use mlp_core::activations::{Relu, Sigmoid, Tanh};
use mlp_core::{ActivationKind, Initializer, Mlp};
use mlp_cpu::Matrix;

#[test]
fn a_network_has_what_its_builder_was_told() {
    let builder = Mlp::<Matrix<f64>>::builder(&[3, 5, 4, 2]);
    let plain = builder.clone().build().unwrap();
    let relu: ActivationKind = Relu.into();
    let linear: ActivationKind = mlp_core::activations::Identity.into();
    assert_eq!(plain.activations(), [relu.clone(), relu, linear]);

    let (tanh, sigmoid): (ActivationKind, ActivationKind) = (Tanh.into(), Sigmoid.into());
    let built = builder.hidden(Tanh).output(Sigmoid).initializer(Initializer::Normal {
        standard_deviation: 0.5,
    });
    let network = built.clone().seed(3).build().unwrap();
    assert_eq!(network.activations(), [tanh.clone(), tanh, sigmoid]);
    let shapes: Vec<_> = network.layers().iter().map(|layer| layer.weights.shape()).collect();
    assert_eq!(shapes, [(5, 3), (4, 5), (2, 4)]);
    assert_ne!(
        network.layers()[0].weights.to_vec(),
        built.seed(4).build().unwrap().layers()[0].weights.to_vec()
    );
}

#[test]
fn hidden_layers_can_have_an_activation_each() {
    let build = |activations: [ActivationKind; 3]| {
        let builder = Mlp::<Matrix<f64>>::builder(&[3, 6, 5, 4, 2]).seed(7);
        builder.each_hidden(activations).build().unwrap()
    };
    let uniform = |activation: ActivationKind| {
        let builder = Mlp::<Matrix<f64>>::builder(&[3, 6, 5, 4, 2]).seed(7);
        builder.hidden(activation).build().unwrap()
    };
    let (tanh, relu): (ActivationKind, ActivationKind) = (Tanh.into(), Relu.into());
    assert_eq!(build([tanh.clone(), tanh.clone(), tanh.clone()]), uniform(tanh.clone()));
    let mixed = build([tanh.clone(), relu.clone(), tanh.clone()]);
    assert_eq!(mixed.activations()[..3], [tanh.clone(), relu.clone(), tanh.clone()]);
    // By default, weights are scaled by the activation whose output they read.
    for (layer, read) in [(1, tanh.clone()), (2, relu.clone()), (3, tanh.clone())] {
        let expected = uniform(read);
        assert_eq!(mixed.layers()[layer], expected.layers()[layer], "layer {layer}");
    }
    assert_ne!(uniform(tanh.clone()).layers()[2], uniform(relu).layers()[2]);

    let error = Mlp::<Matrix<f64>>::builder(&[3, 6, 2])
        .each_hidden([tanh.clone(), tanh])
        .build();
    assert_eq!(
        error.unwrap_err().to_string(),
        "activations: expected 1, one for each hidden layer, got 2"
    );
}

#[test]
fn a_layer_by_itself_gives_its_pre_activation() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[2, 3]).output(Tanh).build().unwrap();
    let layer = &mut network.layers_mut()[0];
    layer.weights = Matrix::from_columns(&[[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]);
    layer.bias = Matrix::from_columns(&[[0.5, 0.25, -1.0]]);
    let input = Matrix::from_columns(&[[1.0, 2.0], [-1.0, 0.0]]);
    let mut pre_activation = Matrix::from_fn(3, 3, |_, _| f64::NAN);
    network.layers()[0].pre_activation(&input, &mut pre_activation);
    let z = pre_activation.to_vec();
    assert_eq!(z[..6], [21.5, 42.25, 62.0, -0.5, -1.75, -4.0]);
    assert!(
        z[6..].iter().all(|z| z.is_nan()),
        "columns beyond those of the input stay"
    );
}
