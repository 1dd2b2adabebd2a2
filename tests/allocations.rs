//! Checks the claims about memory: training steps after the first, and predictions with a workspace, allocate nothing.
//! With large layers at the baseline, they allocate exactly the memory that `matrixmultiply` takes for packing.
#![allow(unsafe_code, reason = "an allocator that counts")]

use core::ops::ControlFlow;
use mlp_core::activations::{LeakyRelu, Tanh};
use mlp_core::backend::Objective;
use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
use mlp_core::{
    Adagrad, Adam, AdamW, Clip, Curvature, Dense, Dropout, DualTensor, Event, Every, FitOptions, GaussNewton,
    GradientDescent, HalfMse, InferenceWorkspace, LossKind, Mlp, Model, Momentum, NAdam, Optimizer, OutputTransform,
    Penalty, Progress, RmsProp, Samples, Scalar, Scaling, Schedule, SoftmaxCrossEntropy, Trainer, Workspace,
};
use mlp_cpu::{Element, Matrix, Operand, SimdLevel, gemm};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with a count of the allocations of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator. Counting allocates nothing, because the counter
// is a constant-initialized thread local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the system allocator's requirement.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the system allocator's requirement.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is the system allocator's requirement; `pointer` comes from it.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the system allocator's requirement; `pointer` comes from it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the number of allocations that `run` makes.
fn allocations<R>(run: impl FnOnce() -> R) -> usize {
    let before = ALLOCATIONS.get();
    std::hint::black_box(run());
    ALLOCATIONS.get() - before
}

fn matrix<T: Element>(rows: usize, columns: usize) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |i, j| T::from_f64(((i + 3 * j) as f64).sin()))
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| 1), 0);
    assert_eq!(allocations(|| Box::new(1)), 1);
    assert_eq!(allocations(|| vec![0_u8; 100]), 1);
    assert_eq!(
        allocations(|| {
            let mut grows = Vec::with_capacity(1);
            grows.extend([1, 2]);
            grows
        }),
        2
    );
}

/// Returns the allocations of one product with a layer's weights for packing, on this thread alone and if it is not the
/// first product. (A thread keeps the memory for a panel.)
fn packing<T: Element>(outputs: usize, inputs: usize, samples: usize) -> usize {
    mlp_cpu::set_threads(std::num::NonZero::<usize>::MIN);
    let (weights, input) = (matrix::<T>(outputs, inputs), matrix(inputs, samples));
    let mut z = matrix(outputs, samples);
    let mut product = || allocations(|| gemm(Operand::from(&weights), Operand::from(&input), &mut z, false));
    product();
    product()
}

/// Returns whether the products of large layers allocate: those of the `matrixmultiply` crate do.
fn large_layers_allocate() -> bool {
    mlp_cpu::simd_level() == SimdLevel::Baseline
}

/// At the baseline `matrixmultiply` multiplies large layers, whatever the number of samples. Nothing else allocates.
#[test]
fn products_take_no_memory() {
    fn products<T: Element>() {
        for (outputs, inputs) in [(1, 1), (3, 4), (1, 2000), (2000, 1), (128, 784), (512, 512)] {
            assert_eq!(packing::<T>(outputs, inputs, 100), 0, "{outputs} x {inputs} is small");
        }
        for samples in [1, 2, 17, 40] {
            let allocations = packing::<T>(1024, 1024, samples);
            assert_eq!(
                allocations > 0,
                large_layers_allocate(),
                "{samples} samples: {allocations}"
            );
        }
    }
    products::<f32>();
    products::<f64>();
}

/// Checks that steps on a batch of `samples`, and predictions for it, allocate only the memory for packing of their
/// products. Returns the number of these allocations in a step.
fn assert_packing_only<T: Element>(layer_sizes: &[usize], samples: usize, sample_weights: bool) -> usize {
    let mut network = Mlp::<Matrix<T>>::builder(layer_sizes)
        .hidden(LeakyRelu::default())
        .build()
        .unwrap();
    let (input, target) = (matrix(network.inputs(), samples), matrix(network.outputs(), samples));
    let weights = Matrix::from_fn(1, samples, |_, j| T::from_f64((j % 3) as f64 + 0.5));

    // Forward pass and gradient take a product in each layer, the backward pass in each layer except the first.
    let packing: Vec<_> = layer_sizes
        .windows(2)
        .map(|sizes| packing::<T>(sizes[1], sizes[0], samples))
        .collect();
    let forward: usize = packing.iter().sum();
    let expected = 3 * forward - packing[0];

    let mut batch = Samples::new(&input, &target).unwrap();
    if sample_weights {
        batch = batch.weighted(&weights).unwrap();
    }
    let what = format!("{layer_sizes:?}, {samples} samples, sample weights: {sample_weights}");
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.001).unwrap());
    let mut step = |batch| allocations(|| trainer.step(&mut network, batch).unwrap());
    assert!(step(batch) > expected, "{what}: the first step allocates its workspace");
    for i in 1..4 {
        assert_eq!(
            step(batch),
            expected,
            "{what}: allocations of step {i} (left), and for packing (right)"
        );
    }
    assert_eq!(
        step(batch.slice(0..1)),
        expected,
        "{what}: of a step on one sample, and for packing"
    );

    let mut workspace = InferenceWorkspace::new(&network, samples);
    let mut output = Matrix::zeros(network.outputs(), samples);
    let mut predict = |input| allocations(|| network.predict_into(input, &mut workspace, &mut output));
    assert_eq!(
        predict(input.view()),
        forward,
        "{layer_sizes:?}: of a prediction of {samples} samples, and for packing"
    );
    assert_eq!(
        predict(input.view().slice(0..1)),
        forward,
        "{layer_sizes:?}: of a single prediction, and for packing"
    );
    expected
}

/// The first call of a model's `predict_into` gives the workspace its buffers. Later calls allocate nothing, for as
/// many samples, fewer or more blocks.
#[test]
fn predictions_of_a_model_allocate_nothing_after_the_first() {
    fn check<T: Element>(loss: impl Into<LossKind>, scaled: bool) {
        let network = Mlp::<Matrix<T>>::builder(&[4, 5, 3]).build().unwrap();
        let mut model = Model::new(network, loss);
        let input = matrix(4, 40);
        if scaled {
            let target_scaling = Scaling::standard(&matrix::<T>(3, 9)).unwrap();
            model = model.with_input_scaling(Scaling::standard(&input).unwrap()).unwrap();
            if model.output() == OutputTransform::Identity {
                model = model.with_target_scaling(target_scaling).unwrap();
            }
        }
        let mut output = Matrix::zeros(3, 40);
        for batch in [1, 16, 40] {
            let mut workspace = InferenceWorkspace::new(model.network(), batch);
            let mut predict = |samples| {
                let input = input.view().slice(0..samples);
                allocations(|| model.predict_into(input, &mut workspace, &mut output))
            };
            predict(40);
            assert_eq!([40, 17, 1].map(predict), [0; 3], "batch {batch}, scaled: {scaled}");
        }
    }
    for scaled in [false, true] {
        check::<f32>(SoftmaxCrossEntropy::for_classes(), scaled);
        check::<f64>(SoftmaxCrossEntropy::for_classes(), scaled);
        check::<f64>(HalfMse, scaled);
    }
}

/// A network's `predict_into` allocates nothing even in its first call, if all samples fit into the workspace.
#[test]
fn the_first_prediction_of_a_network_allocates_nothing() {
    let network = Mlp::<Matrix<f64>>::builder(&[4, 5, 3]).build().unwrap();
    let (input, mut output) = (matrix(4, 8), Matrix::zeros(3, 8));
    let mut workspace = InferenceWorkspace::new(&network, 8);
    assert_eq!(
        allocations(|| network.predict_into(&input, &mut workspace, &mut output)),
        0
    );
}

const SMALL: [&[usize]; 3] = [&[1, 1, 1], &[1, 4, 3, 1], &[4, 5, 5, 3]];

#[test]
fn small_networks_allocate_nothing() {
    for layer_sizes in SMALL {
        for samples in [1, 3, 32, 1000] {
            assert_eq!(assert_packing_only::<f32>(layer_sizes, samples, false), 0);
            assert_eq!(assert_packing_only::<f64>(layer_sizes, samples, false), 0);
        }
    }
}

/// Products with second derivatives allocate nothing after the first of each kind, with all that shapes the loss.
#[test]
fn products_with_second_derivatives_allocate_nothing_after_the_first() {
    fn check<T: Element>(layer_sizes: &[usize], samples: usize) {
        let network = Mlp::<Matrix<T>>::builder(layer_sizes)
            .hidden(LeakyRelu::default())
            .build()
            .unwrap();
        let (input, target) = (matrix(network.inputs(), samples), matrix(network.outputs(), samples));
        let weights = Matrix::from_fn(1, samples, |_, j| T::from_f64((j % 3) as f64 + 0.5));
        let batch = Samples::new(&input, &target).unwrap().weighted(&weights).unwrap();
        let mut curvature = Curvature::new(HalfMse)
            .penalty(Penalty::elastic_net(0.1, 0.2).unwrap())
            .dropout(Dropout::new(0.3, 1).unwrap(), 0);
        let mut products = |batch: Samples<'_, Matrix<T>>| {
            allocations(|| {
                curvature
                    .hessian_vector_product(&network, batch, network.layers())
                    .unwrap();
                curvature
                    .gauss_newton_product(&network, batch, network.layers())
                    .unwrap();
            })
        };
        assert!(products(batch) > 0, "the first products allocate");
        assert_eq!(
            [batch, batch, batch.slice(0..1)].map(products),
            [0; 3],
            "{layer_sizes:?} x {samples}"
        );
        let mut network = network.clone();
        let mut trainer = Trainer::new(HalfMse, GaussNewton::new(0.5).unwrap().iterations(5).unwrap());
        let mut step = || allocations(|| trainer.step(&mut network, batch).unwrap());
        assert!(step() > 0, "the first step allocates");
        // Solves of different lengths fill the memory of the preconditioner.
        for _ in 0..10 {
            step();
        }
        assert_eq!([step(), step(), step()], [0; 3], "{layer_sizes:?} x {samples}");
    }
    for layer_sizes in SMALL {
        for samples in [3, 32, 1000] {
            check::<f32>(layer_sizes, samples);
            check::<f64>(layer_sizes, samples);
        }
    }
}

/// An optimizer allocates its state in the first step, at any learning rate.
#[test]
fn optimizers_with_a_state_allocate_nothing_after_the_first_step() {
    fn check<T: Element>(name: &str, optimizer: impl Optimizer<Matrix<T>> + Clone) {
        for layer_sizes in SMALL {
            let mut network = Mlp::<Matrix<T>>::builder(layer_sizes).build().unwrap();
            let (input, target) = (matrix(network.inputs(), 3), matrix(network.outputs(), 3));
            let samples = Samples::new(&input, &target).unwrap();
            let mut trainer = Trainer::new(HalfMse, optimizer.clone());
            let mut step = |learning_rate| {
                allocations(|| {
                    trainer.optimizer_mut().set_learning_rate(learning_rate).unwrap();
                    trainer.step(&mut network, samples).unwrap()
                })
            };
            assert!(step(0.01) > 0, "{name}, {layer_sizes:?}: the first step allocates");
            assert_eq!(
                [0.01, 0.02, 0.005].map(step),
                [0; 3],
                "{name}, {layer_sizes:?}: the steps after it"
            );
        }
    }
    check::<f32>("momentum, f32", Momentum::new(0.01, 0.9).unwrap());
    check::<f64>("momentum, f64", Momentum::new(0.01, 0.9).unwrap());
    check::<f64>("Nesterov, f64", Momentum::new(0.01, 0.9).unwrap().nesterov(true));
    check::<f32>("Adam, f32", Adam::new(0.01).unwrap());
    check::<f64>("Adam, f64", Adam::new(0.01).unwrap());
    check::<f64>("AdamW, f64", AdamW::new(0.01).unwrap());
    check::<f64>("NAdam, f64", NAdam::new(0.01).unwrap());
    check::<f64>("Adagrad, f64", Adagrad::new(0.01).unwrap());
    check::<f64>("RMSprop, f64", RmsProp::new(0.01).unwrap());
}

#[test]
fn larger_networks_allocate_for_packing_only() {
    for layer_sizes in [&[13, 16, 1][..], &[13, 64, 64, 1], &[16, 16, 16]] {
        assert_packing_only::<f32>(layer_sizes, 32, false);
        assert_packing_only::<f64>(layer_sizes, 32, false);
    }
    assert_eq!(assert_packing_only::<f32>(&[784, 128, 10], 32, false), 0);
    assert_eq!(assert_packing_only::<f64>(&[784, 128, 10], 32, false), 0);
    // One product for the forward pass and one for the gradient.
    let allocations = assert_packing_only::<f32>(&[1024, 1024], 8, false);
    assert_eq!(allocations >= 2, large_layers_allocate(), "{allocations}");
}

#[test]
fn sample_weights_take_no_memory() {
    for layer_sizes in SMALL {
        for samples in [1, 3, 32, 1000] {
            assert_eq!(assert_packing_only::<f32>(layer_sizes, samples, true), 0);
            assert_eq!(assert_packing_only::<f64>(layer_sizes, samples, true), 0);
        }
    }
    assert_packing_only::<f32>(&[13, 64, 64, 1], 32, true);
}

/// Checks that epochs over shuffled mini-batches allocate all their memory in the first one.
fn assert_epochs_allocate_nothing(sample_weights: bool, shaped: bool) {
    let (input, target) = (matrix::<f64>(4, 100), matrix::<f64>(2, 100));
    let weights = Matrix::from_fn(1, 100, |_, j| (j % 3) as f64 + 0.5);
    let mut samples = Samples::new(&input, &target).unwrap();
    if sample_weights {
        samples = samples.weighted(&weights).unwrap();
    }
    let plain = FitOptions::epochs(6);
    for options in [
        plain,
        plain.batch_size(16),
        plain.shuffle(1),
        plain.batch_size(16).shuffle(1),
    ] {
        let mut network = Mlp::<Matrix<f64>>::builder(&[4, 5, 2]).build().unwrap();
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.01).unwrap());
        if shaped {
            trainer = trainer
                .schedule(Schedule::exponential(0.9).unwrap(), Every::Batch)
                .dropout(Dropout::new(0.2, 1).unwrap())
                .penalty(Penalty::elastic_net(1e-3, 1e-3).unwrap())
                .clip(Clip::norm(0.1).unwrap());
        }
        let (mut counts, mut epoch) = ([0; 6], 0);
        let observer = |progress: Progress<'_, _, _>| {
            if let Event::Epoch { .. } = progress.event {
                counts[epoch] = ALLOCATIONS.get();
                epoch += 1;
            }
            ControlFlow::Continue(())
        };
        trainer.fit_with(&mut network, samples, options, observer).unwrap();
        let grown: Vec<_> = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(grown, [0; 5], "{options:?}: allocations of the epochs after the first");
    }
}

#[test]
fn epochs_allocate_nothing_after_the_first() {
    assert_epochs_allocate_nothing(false, false);
}

#[test]
fn epochs_of_weighted_samples_allocate_nothing_after_the_first() {
    assert_epochs_allocate_nothing(true, false);
}

#[test]
fn epochs_with_dropout_penalty_and_clipping_allocate_nothing_after_the_first() {
    assert_epochs_allocate_nothing(false, true);
    assert_epochs_allocate_nothing(true, true);
}

/// Derivatives of a network as a block allocate their buffers in the first call with a workspace.
#[test]
fn pullbacks_and_pushforwards_allocate_nothing_after_the_first() {
    for sizes in [[3, 20, 2], [2, 20, 3]] {
        let network = Mlp::<Matrix<f64>>::builder(&sizes)
            .hidden(LeakyRelu::default())
            .build()
            .unwrap();
        let (input, dy, dx) = (matrix(sizes[0], 9), matrix(sizes[2], 9), matrix(sizes[0], 9));
        let mut workspace = Workspace::new(&network, 9).unwrap();
        let (mut of_input, mut jacobian) = (Matrix::zeros(sizes[0], 9), Matrix::zeros(sizes[2], 9 * sizes[0]));
        let mut all = || {
            network.forward(&input, &mut workspace);
            network.pullback(&input, &dy, &mut workspace);
            network.input_gradient(&workspace, &mut of_input);
            network.pushforward(&dx, &mut workspace);
            network.pushforward_parameters(&input, network.layers(), &mut workspace);
            network.jacobian(&input, &mut workspace, &mut jacobian);
        };
        assert!(allocations(&mut all) > 0);
        assert_eq!(allocations(all), 0, "{sizes:?}");
    }
}

/// The same holds for a network of dual numbers.
#[test]
fn passes_of_dual_tensors_allocate_nothing_after_the_first() {
    let mut network = Mlp::<Matrix<f64>>::builder(&[3, 20, 2])
        .hidden(LeakyRelu::default())
        .build()
        .unwrap()
        .lift();
    for (layer, number) in network.layers_mut().iter_mut().zip(1..) {
        layer.weights.tangent_mut()[(0, 0)] = f64::from(number);
        layer.bias.tangent_mut()[(0, 0)] = f64::from(number);
    }
    let input = DualTensor::new(matrix(3, 9), matrix(3, 9));
    let target = DualTensor::constant(matrix::<f64>(2, 9));
    let mut workspace = Workspace::new(&network, 9).unwrap();
    let mut pass = || {
        network.forward(&input, &mut workspace);
        network.loss(&HalfMse, &target, &mut workspace);
        network.backward(&mut workspace);
        network.gradient(&input, &mut workspace);
    };
    assert!(allocations(&mut pass) > 0);
    assert_eq!(allocations(pass), 0);
}

/// Two residuals of u, u' and u''.
#[derive(Debug)]
struct Residuals;

impl Equation<2> for Residuals {
    fn directions(&self) -> Vec<Direction> {
        vec![Direction::axis(0).second(), Direction::axis(1)]
    }

    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
        [at.ddu(0)[0] + at.u()[0], at.du(1)[0] - at.target()[0]]
    }
}

#[test]
fn losses_on_derivatives_allocate_nothing_after_the_first_evaluation() {
    fn check<T: Element>(points: usize) {
        let network = Mlp::<Matrix<T>>::builder(&[2, 5, 5, 1]).hidden(Tanh).build().unwrap();
        let term = Term::new(Residuals, matrix(2, points)).targets(&matrix(1, points));
        let mut equations = Equations::new(&network, [term]);
        let direction = network.layers();
        let mut product: Vec<_> = direction.iter().map(Dense::zeros_like).collect();
        let mut run = || {
            allocations(|| {
                equations.evaluate(network.layers());
                equations.gauss_newton_product(network.layers(), direction, &mut product);
            })
        };
        assert!(run() > 0, "{points} points: the first evaluation allocates");
        assert_eq!([run(), run()], [0; 2], "{points} points: the evaluations after it");
    }
    for points in [1, 40, 250] {
        check::<f32>(points);
        check::<f64>(points);
    }
}
