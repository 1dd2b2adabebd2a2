//! The oracle: the backend of the example `custom_backend`, which consists of plain loops for any scalar, and
//! conversions of networks to it and back.

#[path = "../../crates/mlp-core/examples/custom_backend/naive.rs"]
mod backend;

pub(crate) use backend::Naive;
use mlp_core::activations::Tanh;
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Dense, Dual, Mlp, Scalar};
use mlp_cpu::Matrix;

/// Returns the elements, column after column.
pub(crate) fn values<B: Tensor>(columns: B::Columns<'_>) -> Vec<B::Scalar> {
    let mut values = Vec::new();
    B::read(columns, &mut values);
    values
}

/// Returns the matrix of `values`, column after column, each rounded to the nearest number of the backend.
pub(crate) fn tensor<B: Tensor>((rows, columns): (usize, usize), values: &[f64]) -> B {
    let mut tensor = B::zeros(rows, columns);
    tensor.write(
        &values
            .iter()
            .map(|&value| B::Scalar::from_f64(value))
            .collect::<Vec<_>>(),
    );
    tensor
}

/// Converts `from` to another backend.
pub(crate) fn carry_tensor<A: Tensor, B: Tensor>(from: &A) -> B {
    tensor(
        from.shape(),
        &values::<A>(from.into())
            .iter()
            .map(|value| value.to_f64())
            .collect::<Vec<_>>(),
    )
}

/// Converts `network` to another backend.
pub(crate) fn carry<A: Tensor, B: Tensor, C: Activation>(network: &Mlp<A, C>) -> Mlp<B, C> {
    let layers = network
        .layers()
        .iter()
        .zip(network.activations())
        .map(|(layer, activation)| {
            (
                Dense {
                    weights: carry_tensor(&layer.weights),
                    bias: carry_tensor(&layer.bias),
                },
                activation.clone(),
            )
        });
    Mlp::from_layers(layers.collect()).expect("the shapes of a network")
}

#[test]
fn a_network_comes_back_as_it_went() {
    let network = Mlp::<Matrix<f32>>::builder(&[3, 5, 2])
        .hidden(Tanh)
        .seed(3)
        .build()
        .unwrap();
    let dual: Mlp<Naive<Dual<f64>>> = carry(&network);
    assert_eq!(dual.layer_sizes(), [3, 5, 2]);
    assert_eq!(dual.activations(), network.activations());
    assert_eq!(carry::<_, Matrix<f32>, _>(&dual), network);
    assert_ne!(
        values::<Matrix<f32>>((&network.layers()[0].weights).into()),
        [0.0; 15],
        "weights are not all zero"
    );
}
