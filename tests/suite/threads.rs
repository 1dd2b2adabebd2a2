//! Tests that any number of threads gives the same bits, in child processes with 1 to 8 threads, and that the threads
//! share the work.

use crate::activations::Float;
use crate::determinism::{bits, fingerprint, random};
use crate::equations;
use crate::is_exhaustive;
use crate::levels::children::{is_child, run};
use crate::regressions::subnormal::train_on_subnormals;
use core::ops::ControlFlow;
use mlp_core::activations::{Gelu, Relu, Tanh};
use mlp_core::backend::{Tensor, ZipFormula};
use mlp_core::{
    Activation, ActivationKind, Adam, Clip, Curvature, Dropout, Event, FitOptions, GaussNewton, GradientDescent,
    HalfMse, Huber, Lbfgs, Loss, Mlp, Momentum, Optimizer, Penalty, Samples, Scalar, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};
use std::collections::HashSet;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Trains a network on random samples for 50 epochs. Returns the fingerprint of all losses and of the final parameters.
fn train<T: Element, L: Loss>(
    sizes: &[usize],
    hidden: impl Into<ActivationKind>,
    loss: L,
    optimizer: impl Optimizer<Matrix<T>>,
    samples: usize,
    options: impl Fn(FitOptions) -> FitOptions,
) -> u64 {
    train_shaped(
        sizes,
        hidden,
        Trainer::new(loss.clone(), optimizer),
        loss,
        samples,
        options,
    )
}

/// [`train`] with a trainer that has more options.
fn train_shaped<T: Element, L: Loss, O: Optimizer<Matrix<T>>>(
    sizes: &[usize],
    hidden: impl Into<ActivationKind>,
    mut trainer: Trainer<Matrix<T>, L, O>,
    loss: L,
    samples: usize,
    options: impl Fn(FitOptions) -> FitOptions,
) -> u64 {
    let mut network = Mlp::<Matrix<T>>::builder(sizes).hidden(hidden).seed(1).build().unwrap();
    let input = random(sizes[0], samples, 2);
    let outputs = network.outputs();
    let rows = loss.target_rows(outputs);
    let target = if rows == outputs {
        random(rows, samples, 3)
    } else {
        Matrix::from_fn(rows, samples, |_, j| T::from_f64((7 * j % outputs) as f64))
    };
    let weights = Matrix::from_fn(1, samples, |_, j| T::from_f64((j % 4) as f64 + 0.5));
    let samples = Samples::new(&input, &target).unwrap().weighted(&weights).unwrap();
    let mut losses = Vec::new();
    trainer
        .fit_with(&mut network, samples, options(FitOptions::epochs(50)), |progress| {
            if let Event::Epoch { loss, .. } = progress.event {
                losses.push(loss);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(
        losses.len() == 50 && losses[49] < losses[0],
        "{sizes:?} does not learn: {losses:?}"
    );
    fingerprint(losses.into_iter().map(f64::to_bits).chain(bits(&network)))
}

/// Returns the fingerprint of a Hessian-vector product, with dropout and a penalty.
fn hessian_vector_product<T: Element>(sizes: &[usize], samples: usize) -> u64 {
    let network = |seed| {
        Mlp::<Matrix<T>>::builder(sizes)
            .hidden(Tanh)
            .seed(seed)
            .build()
            .unwrap()
    };
    let (mut network, direction) = (network(1), network(2));
    let (input, target) = (random(sizes[0], samples, 3), random(sizes[sizes.len() - 1], samples, 4));
    let mut curvature = Curvature::new(HalfMse)
        .penalty(Penalty::elastic_net(1e-5, 1e-4).unwrap())
        .dropout(Dropout::new(0.2, 8).unwrap(), 3);
    let samples = Samples::new(&input, &target).unwrap();
    let product = curvature.hessian_vector_product(&network, samples, direction.layers());
    network.layers_mut().clone_from_slice(product.unwrap());
    fingerprint(bits(&network))
}

/// Trains networks whose work is shared in each of the possible ways.
fn networks<T: Float>() -> [u64; 12] {
    let rate = 0.01;
    [
        // Columns of the products: up to eight parts of the first layer's 2.6 million multiply-adds.
        train::<T, _>(
            &[128, 160, 80, 10],
            Relu,
            SoftmaxCrossEntropy::for_classes(),
            Adam::new(rate).unwrap(),
            280,
            |options| options.batch_size(140).shuffle(5),
        ),
        // Five groups of samples.
        train::<T, _>(
            &[20, 40, 30, 1],
            Tanh,
            HalfMse,
            Momentum::new(rate, 0.9).unwrap().nesterov(true),
            1100,
            |options| options,
        ),
        // Groups of mini-batches, the last one smaller.
        train::<T, _>(
            &[16, 32, 17, 3],
            Gelu,
            Huber::default(),
            Momentum::new(rate, 0.9).unwrap(),
            700,
            |options| options.batch_size(300).shuffle(6),
        ),
        // Updates of 146,800 numbers.
        train::<T, _>(
            &[367, 400, 10],
            Tanh,
            SoftmaxCrossEntropy::for_classes(),
            Adam::new(1e-3).unwrap(),
            24,
            |options| options.batch_size(12).shuffle(7),
        ),
        // Products of 2^20 weights and more, in up to three parts.
        train::<T, _>(
            &[1100, 961, 3],
            Relu,
            HalfMse,
            GradientDescent::new(1e-4).unwrap(),
            48,
            |options| options,
        ),
        // Masks of groups of samples, a penalty, a bound on the norm.
        train_shaped::<T, _, _>(
            &[20, 40, 30, 1],
            Tanh,
            Trainer::new(HalfMse, Momentum::new(rate, 0.9).unwrap())
                .dropout(Dropout::new(0.2, 8).unwrap())
                .penalty(Penalty::elastic_net(1e-5, 1e-4).unwrap())
                .clip(Clip::norm(1.0).unwrap()),
            HalfMse,
            1100,
            |options| options.shuffle(9),
        ),
        // Sums of products of all parameters.
        train::<T, _>(
            &[30, 200, 100, 1],
            Tanh,
            HalfMse,
            Lbfgs::new(1.0).unwrap(),
            700,
            |options| options,
        ),
        // Products with the Gauss-Newton matrix, in groups and blocks.
        train::<T, _>(
            &[10, 40, 30, 1],
            Tanh,
            HalfMse,
            GaussNewton::new(1.0).unwrap().iterations(10).unwrap(),
            1100,
            |options| options,
        ),
        // Of a network that is large enough for threads, and of groups of samples with masks.
        hessian_vector_product::<T>(&[30, 200, 100, 1], 400),
        hessian_vector_product::<T>(&[10, 40, 30, 1], 1100),
        // Three groups of points of one term, and another term.
        equations::train::<T>(),
        // Subnormal numbers, which each thread takes for zeros.
        fingerprint(train_on_subnormals::<T>(&[128, 160, 80, 10], 300, false)),
    ]
}

#[test]
#[ignore = "for the child processes of the next test"]
#[allow(clippy::print_stdout, reason = "the next test reads the output")]
fn networks_with_threads() {
    println!("networks: {:016x?} {:016x?}", networks::<f32>(), networks::<f64>());
}

/// Returns the output of the test `test` in a child process with `threads` threads.
fn with_threads(test: &str, threads: usize) -> String {
    let arguments = ["--exact", "--include-ignored", "--nocapture", test];
    run(&arguments, &[("MLP_NUM_THREADS", &threads.to_string())])
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    if is_child() {
        return;
    }
    let networks = |threads| {
        let output = with_threads("threads::networks_with_threads", threads);
        let (_, networks) = output.split_once("networks: ").expect("fingerprints in the output");
        networks.lines().next().expect("a line").to_owned()
    };
    let expected = networks(1);
    let different: HashSet<&str> = expected
        .split([' ', ',', '[', ']'])
        .filter(|part| !part.is_empty())
        .collect();
    assert_eq!(different.len(), 24, "twenty-four different results: {expected}");
    let counts: &[usize] = if is_exhaustive() { &[2, 3, 4, 8] } else { &[2, 8] };
    for &threads in counts {
        assert_eq!(networks(threads), expected, "with {threads} threads (left), and with 1");
    }
}

/// Longer than a thread takes to start, even on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// The threads that have computed something since this set was last emptied.
static SEEN: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());

/// The number of threads to wait for.
static WANTED: Mutex<usize> = Mutex::new(1);

/// A formula that records the threads that evaluate it. On each thread it waits, the first time, for the wanted
/// number of threads.
#[derive(Clone, Debug)]
struct Witness;

fn evaluated() {
    let thread = thread::current().id();
    {
        let mut seen = SEEN.lock().unwrap();
        if seen.contains(&thread) {
            return;
        }
        seen.push(thread);
    }
    let (wanted, start) = (*WANTED.lock().unwrap(), Instant::now());
    while SEEN.lock().unwrap().len() < wanted && start.elapsed() < LONG {
        thread::yield_now();
    }
}

impl Activation for Witness {
    fn value<T: Scalar>(&self, z: T) -> T {
        evaluated();
        z
    }
}

impl ZipFormula<0> for Witness {
    fn apply<T: Scalar>(&self, _: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        evaluated();
        (other, [])
    }
}

/// Returns the number of threads on which `run` evaluates the witness, which waits for `wanted` of them.
fn threads_of(wanted: usize, run: impl FnOnce()) -> usize {
    SEEN.lock().unwrap().clear();
    *WANTED.lock().unwrap() = wanted;
    run();
    let seen = SEEN.lock().unwrap();
    assert!(!seen.is_empty(), "the witness was not evaluated");
    seen.len()
}

/// Runs one layer of `outputs` x `inputs` on `samples` samples.
fn layer<T: Element>(wanted: usize, outputs: usize, inputs: usize, samples: usize) -> usize {
    let (weights, bias, input) = (
        random(outputs, inputs, 1),
        random(outputs, 1, 2),
        random(inputs, samples, 3),
    );
    let mut z = Matrix::<T>::zeros(outputs, samples);
    threads_of(wanted, || {
        z.forward(None, &weights, &bias, (&input).into(), &ActivationKind::Custom(Witness));
    })
}

fn update<T: Element>(wanted: usize, rows: usize, columns: usize) -> usize {
    let (mut own, other) = (Matrix::<T>::zeros(rows, columns), random(rows, columns, 1));
    let threads = threads_of(wanted, || assert!(own.zip((&other).into(), [], &Witness)));
    assert!(own == other);
    threads
}

/// Makes a step of a network that is so small that its products are not shared.
fn step<T: Element>(wanted: usize, samples: usize) -> usize {
    let mut network = Mlp::<Matrix<T>, Witness>::builder(&[4, 9, 1])
        .hidden(ActivationKind::Custom(Witness))
        .build()
        .unwrap();
    let (input, target) = (random(4, samples, 1), random(1, samples, 2));
    let samples = Samples::new(&input, &target).unwrap();
    let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.01).unwrap());
    threads_of(wanted, || {
        trainer.step(&mut network, samples).unwrap();
    })
}

fn tasks<T: Element>(wanted: usize, tasks: usize) -> usize {
    threads_of(wanted, || {
        Matrix::<T>::for_each(&mut vec![(); tasks], |_, ()| evaluated());
    })
}

#[test]
#[ignore = "for the child processes of the next test"]
fn work_with_threads() {
    let wanted: usize = std::env::var("MLP_NUM_THREADS").unwrap().parse().unwrap();
    assert_eq!(mlp_cpu::threads(), wanted);
    fn check<T: Element>(wanted: usize) {
        // All threads take part if there are enough parts; those that have started wait for the others.
        assert_eq!(layer::<T>(wanted, 64, 512, 128), wanted, "a product in tiles");
        assert_eq!(layer::<T>(wanted, 1, 1 << 16, 128), wanted, "a product of one row");
        assert_eq!(
            layer::<T>(wanted, 1024, 1024, 128),
            wanted,
            "a product of a large layer"
        );
        assert_eq!(update::<T>(wanted, 1000, 1000), wanted, "an update");
        assert_eq!(update::<T>(wanted, 1_000_000, 1), wanted, "an update of one column");
        assert_eq!(step::<T>(wanted, 2048), wanted, "groups of samples");
        assert_eq!(tasks::<T>(wanted, 100), wanted, "tasks");
        // Small work stays on the calling thread.
        assert_eq!(layer::<T>(1, 8, 8, 30), 1, "a tiny layer");
        assert_eq!(layer::<T>(1, 64, 64, 100), 1, "a small product");
        assert_eq!(update::<T>(1, 100, 200), 1, "a small update");
        assert_eq!(step::<T>(1, 256), 1, "one group of samples");
    }
    check::<f32>(wanted);
    check::<f64>(wanted);
}

#[test]
fn work_is_shared() {
    if is_child() {
        return;
    }
    for threads in [1, 2, 3, 4, 8] {
        with_threads("threads::work_with_threads", threads);
    }
}
