//! Tests every code path: child processes run the suite, or the part of it that depends on kernels, at each level of
//! vector instructions that the processor has. (At the baseline, the largest layers are multiplied by `matrixmultiply`,
//! which chooses its instructions itself.)

#[path = "../../crates/mlp-cpu/src/level/tests/children.rs"]
pub(crate) mod children;

use self::children::{assert_level_asked_for, has, is_child, run, run_at_other_levels};
use crate::determinism::{fingerprint, random};
use crate::is_exhaustive;
use crate::naive::{Naive, carry_tensor, values};
use mlp_core::activations::Identity;
use mlp_core::backend::Tensor;
use mlp_core::{ActivationKind, NoCustom};
use mlp_cpu::{Element, SimdLevel, simd_level};

#[test]
fn the_level_asked_for_runs() {
    assert_level_asked_for(simd_level().name());
}

/// Runs the modules that compare kernels with the naive backend; with `MLP_TEST_EXHAUSTIVE`, the whole suite except
/// `threads`, which does nothing in a child process.
#[test]
fn every_level_passes_the_suite() {
    let tests: &[&str] = if is_exhaustive() {
        &["--skip", "threads::"]
    } else {
        &["levels::", "conformance::", "determinism::", "notebook::"]
    };
    run_at_other_levels(
        &SimdLevel::ALL.map(SimdLevel::name),
        simd_level().name(),
        "levels::the_level_asked_for_runs",
        tests,
    );
}

/// Computes the products of a layer with `T`, forward, backward and for the gradient, compares them with the naive
/// backend in `f64`, and returns the fingerprint of their bits.
fn products<T: Element>(tolerance: f64) -> u64 {
    fn of<B: Tensor>([weights, bias, input, delta]: [&B; 4]) -> Vec<B::Scalar> {
        let ((outputs, inputs), (_, samples)) = (weights.shape(), input.shape());
        let (mut z, mut before) = (B::zeros(outputs, samples), B::zeros(inputs, samples));
        let (mut gradient, mut bias_gradient) = (B::zeros(outputs, inputs), B::zeros(outputs, 1));
        z.forward(
            None,
            weights,
            bias,
            input.into(),
            &ActivationKind::<NoCustom>::from(Identity),
        );
        before.backward(weights, delta.into(), None);
        gradient.gradient(&mut bias_gradient, delta.into(), input.into(), false);
        [&z, &before, &gradient]
            .into_iter()
            .flat_map(|result| values::<B>(result.into()))
            .collect()
    }
    let operands = [(45, 67), (45, 1), (67, 29), (45, 29)];
    let operands = operands.map(|(rows, columns)| random::<T>(rows, columns, (rows * columns) as u64));
    let exact = operands.each_ref().map(carry_tensor::<_, Naive<f64>>);
    let (got, expected) = (of(operands.each_ref()), of(exact.each_ref()));
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let error = (got.to_f64() - expected).abs();
        assert!(error <= tolerance, "number {i}: got {got:e}, expected {expected:e}");
    }
    fingerprint(got.into_iter().map(|x| x.to_f64().to_bits()))
}

#[test]
#[allow(clippy::print_stdout, reason = "the test below reads the output")]
fn products_are_those_of_the_oracle() {
    // Sums of up to 67 products of numbers up to 2.
    println!(
        "products: {:016x} {:016x}",
        products::<f32>(1e-4),
        products::<f64>(2e-13)
    );
}

/// A fused multiply-add rounds once, a multiplication and an addition round twice. So different bits show that there
/// are two code paths, not one with two names.
#[test]
fn the_baseline_has_other_bits_than_fused_levels() {
    if is_child() {
        return;
    }
    let products = |level: SimdLevel| {
        let arguments = ["--exact", "levels::products_are_those_of_the_oracle", "--nocapture"];
        let output = run(&arguments, &[("MLP_SIMD", level.name())]);
        let (_, products) = output.split_once("products: ").expect("fingerprints in the output");
        products
            .lines()
            .next()
            .expect("a line")
            .split(' ')
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let baseline = products(SimdLevel::Baseline);
    assert_eq!(baseline.len(), 2);
    for level in [SimdLevel::Avx2, SimdLevel::Avx512] {
        // If the build targets a processor with fused instructions, the baseline uses them, too.
        if has(level.name()) && !cfg!(target_feature = "fma") {
            let products = products(level);
            assert!(
                products[0] != baseline[0] && products[1] != baseline[1],
                "{level}: expected other bits than the baseline's, got the same: {products:?}"
            );
        }
    }
}
