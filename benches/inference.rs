//! Measures prediction for the workload's batch and for a single sample.

mod common;

use common::{Rates, WORKLOADS, Workload, assert_close, criterion, throughput};
use criterion::{Criterion, criterion_group, criterion_main};
use mlp_core::activations::{LeakyRelu, Relu};
use mlp_core::{Activation, InferenceWorkspace, Mlp};
use mlp_cpu::{Element, Matrix, MatrixRef};
use std::hint::black_box;

/// Returns the prediction for one sample, computed in plain loops and `f64`.
fn plainly<T: Element>(network: &Mlp<Matrix<T>>, sample: &[T]) -> Vec<f64> {
    let mut a: Vec<f64> = sample.iter().map(|x| x.to_f64()).collect();
    let last = network.layers().len() - 1;
    for (l, layer) in network.layers().iter().enumerate() {
        let z = |i: usize| {
            let products = a.iter().enumerate().map(|(j, a)| layer.weights[(i, j)].to_f64() * a);
            layer.bias[(i, 0)].to_f64() + products.sum::<f64>()
        };
        a = (0..layer.outputs())
            .map(|i| match (l == last, network.inputs()) {
                (true, _) => z(i),
                (false, 1) => LeakyRelu::default().value(z(i)),
                (false, _) => Relu.value(z(i)),
            })
            .collect();
    }
    a
}

fn predict<T: Element>(c: &mut Criterion<Rates>, workload: &Workload, batch: usize) {
    let workload = &Workload { batch, ..*workload };
    let (network, input) = (workload.network::<T>(), workload.input::<T>());
    let mut workspace = InferenceWorkspace::new(&network, batch);
    let mut output = Matrix::zeros(network.outputs(), batch);
    network.predict_into(&input, &mut workspace, &mut output);
    for (got, expected) in output
        .column(batch - 1)
        .iter()
        .zip(plainly(&network, input.column(batch - 1)))
    {
        assert_close("predict_into", *got, expected);
    }

    let mut group = c.benchmark_group("inference");
    group.throughput(throughput(batch, workload.forward_flops()));
    group.bench_function(workload.name::<T>(), |bencher| {
        bencher.iter(|| network.predict_into(black_box(MatrixRef::from(&input)), &mut workspace, &mut output));
    });
}

fn predictions<T: Element>(c: &mut Criterion<Rates>) {
    for workload in &WORKLOADS {
        predict::<T>(c, workload, 1);
        predict::<T>(c, workload, workload.batch);
    }
}

criterion_group! {
    name = inference;
    config = criterion();
    targets = predictions::<f32>, predictions::<f64>
}
criterion_main!(inference);
