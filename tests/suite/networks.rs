//! Tests the parts of a network, and its layers on their own.

use mlp_core::{ActivationKind, Initializer, Mlp, Relu, Sigmoid, Tanh};
use mlp_cpu::Matrix;

#[test]
fn a_network_has_what_its_builder_was_told() {
    let builder = Mlp::<Matrix<f64>>::builder(&[3, 5, 4, 2]);
    let plain = builder.clone().build().unwrap();
    let relu: ActivationKind = Relu.into();
    let linear: ActivationKind = mlp_core::Identity.into();
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
