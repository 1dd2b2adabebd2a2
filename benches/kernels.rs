//! Measures parts of a training step separately: products, and activations with their derivatives.

mod common;

use common::{Rates, assert_close, criterion, random, throughput};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mlp_core::Activation;
use mlp_core::activations::{
    Elu, Gelu, GeluTanh, HardTanh, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};
use mlp_cpu::{Element, Matrix, Operand, gemm};
use std::any::type_name;
use std::hint::black_box;

/// The sizes m, k, n of C (m x n) = A (m x k) B (k x n).
const SHAPES: [(usize, usize, usize); 7] = [
    (4, 1, 3),
    (3, 4, 3),
    (64, 13, 32),
    (64, 64, 32),
    (128, 784, 32),
    (512, 784, 128),
    (512, 512, 128),
];

fn products<T: Element>(c: &mut Criterion<Rates>) {
    let mut group = c.benchmark_group(format!("gemm/{}", type_name::<T>()));
    for (m, k, n) in SHAPES {
        let (a, b) = (random::<T>(m, k, 1), random::<T>(k, n, 2));
        let mut product = Matrix::zeros(m, n);
        gemm(Operand::from(&a), Operand::from(&b), &mut product, false);
        for (i, j) in [(0, 0), (m - 1, n - 1)] {
            let expected = (0..k).map(|p| a[(i, p)].to_f64() * b[(p, j)].to_f64()).sum();
            assert_close("gemm", product[(i, j)], expected);
        }

        group.throughput(throughput(n, (2 * m * k * n) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{m}x{k}x{n}")), |bencher| {
            bencher.iter(|| gemm(black_box((&a).into()), black_box((&b).into()), &mut product, false));
        });
    }
}

/// Measures the values and derivatives of 4,096 numbers, computed as in a forward pass of training.
fn activation<A: Activation, T: Element>(c: &mut Criterion<Rates>, name: &str, activation: A) {
    let z = random::<T>(4096, 1, 1).into_vec();
    let (mut values, mut derivatives) = (z.clone(), z.clone());
    let mut run = |z: &[T]| {
        for ((&z, a), d) in z.iter().zip(&mut values).zip(&mut derivatives) {
            *a = activation.value(z);
            *d = activation.derivative(z, *a);
        }
        (values[7], derivatives[7])
    };
    let (value, derivative) = run(&z);
    let exact = z[7].to_f64();
    assert_close(name, value, activation.value(exact));
    assert_close(name, derivative, activation.derivative(exact, activation.value(exact)));

    let mut group = c.benchmark_group(format!("activation/{}", type_name::<T>()));
    group.throughput(criterion::Throughput::Elements(z.len() as u64));
    group.bench_function(name, |bencher| bencher.iter(|| run(black_box(&z))));
}

fn activations<T: Element>(c: &mut Criterion<Rates>) {
    activation::<_, T>(c, "relu", Relu);
    activation::<_, T>(c, "leaky_relu", LeakyRelu::default());
    activation::<_, T>(c, "sigmoid", Sigmoid);
    activation::<_, T>(c, "tanh", Tanh);
    activation::<_, T>(c, "gelu", Gelu);
    activation::<_, T>(c, "gelu_tanh", GeluTanh);
    activation::<_, T>(c, "silu", Silu);
    activation::<_, T>(c, "elu", Elu::default());
    activation::<_, T>(c, "selu", Selu);
    activation::<_, T>(c, "softplus", Softplus);
    activation::<_, T>(c, "softsign", Softsign);
    activation::<_, T>(c, "hard_tanh", HardTanh);
    activation::<_, T>(c, "mish", Mish);
}

criterion_group! {
    name = kernels;
    config = criterion();
    targets = products::<f32>, products::<f64>, activations::<f32>, activations::<f64>
}
criterion_main!(kernels);
