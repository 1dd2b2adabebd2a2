//! Measures one training step: forward, loss, backward, gradient, and update by plain gradient descent.

mod common;

use common::{Rates, WORKLOADS, Workload, criterion, throughput};
use criterion::{Criterion, criterion_group, criterion_main};
use mlp_core::{GradientDescent, HalfMse, Loss, Samples, SoftmaxCrossEntropy, Trainer};
use mlp_cpu::Element;

fn step<T: Element, L: Loss>(c: &mut Criterion<Rates>, workload: &Workload, loss: L) {
    let mut network = workload.network::<T>();
    let (input, target) = (workload.input(), workload.target());
    let samples = || Samples::new(&input, &target).expect("there are as many targets as inputs");
    // The step is so small that the numbers stay in range however often it is taken.
    let mut trainer = Trainer::new(loss, GradientDescent::new(1e-6).expect("the learning rate is valid"));
    let mut step = || trainer.step(&mut network, samples()).expect("the loss stays finite");
    let first = step();
    assert!(
        step() <= first,
        "{}: a step did not lower the loss",
        workload.name::<T>()
    );

    let mut group = c.benchmark_group("train_step");
    group.throughput(throughput(workload.batch, workload.step_flops()));
    group.bench_function(workload.name::<T>(), |bencher| bencher.iter(&mut step));
}

fn steps<T: Element>(c: &mut Criterion<Rates>) {
    for workload in &WORKLOADS {
        if workload.classes {
            step::<T, _>(c, workload, SoftmaxCrossEntropy::for_classes());
        } else {
            step::<T, _>(c, workload, HalfMse);
        }
    }
}

criterion_group! {
    name = train_step;
    config = criterion();
    targets = steps::<f32>, steps::<f64>
}
criterion_main!(train_step);
