//! Measures whether the time of a step and of a prediction depends on the numbers. Each case makes numbers subnormal in
//! its own way: moments of dead units, deltas of a confident softmax, derivatives in the tails of an activation, and
//! parameters and features of that size.
//!
//! Run it with `cargo bench --bench subnormal`. It prints the time of each case over the time of the same operation on
//! ordinary numbers. Rounds of the two alternate, and the fastest round of each counts, since other programs may
//! interrupt the rest.
#![allow(clippy::print_stdout, reason = "a bench prints its results")]

use core::num::NonZero;
use mlp_core::activations::Relu;
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, GradientDescent, HalfMse, InferenceWorkspace, Loss, Mlp, NoCustom, Optimizer, OptimizerKind,
    Samples, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix, set_threads};
use std::time::Instant;

const SIZES: [usize; 4] = [128, 256, 256, 10];
const BATCH: usize = 32;
const ROUNDS: usize = 25;

/// An operation to measure.
type Operation<'a> = Box<dyn FnMut() + 'a>;

/// The ratios of prediction and step for one type and one number of threads.
type Ratios = (f64, f64);

struct Case<T: Element> {
    network: Mlp<Matrix<T>>,
    input: Matrix<T>,
}

impl<T: Element> Case<T> {
    /// A network with initial weights, and features from 0 to `factor`.
    fn new(activation: ActivationKind, factor: f64) -> Self {
        let network = Mlp::builder(&SIZES).hidden(activation).seed(1).build();
        let value = |i: usize, j: usize| T::from_f64(factor * (0.5 + 0.5 * ((3 * i + 7 * j) as f64).sin()));
        Self {
            network: network.expect("the sizes are valid"),
            input: Matrix::from_fn(SIZES[0], BATCH, value),
        }
    }

    /// Multiplies the weights of the layers from `first` on.
    fn times(mut self, first: usize, factor: f64) -> Self {
        for layer in &mut self.network.layers_mut()[first..] {
            let (weights, _) = layer.weights.memory_mut().expect("a matrix is in memory");
            weights.iter_mut().for_each(|w| *w *= T::from_f64(factor));
        }
        self
    }

    /// Sets the logit of class 0 apart from the others.
    fn confident(mut self, gap: f64) -> Self {
        self.network.layers_mut()[2].bias[(0, 0)] = T::from_f64(gap);
        self
    }

    fn prediction(&self) -> Operation<'_> {
        let mut workspace = InferenceWorkspace::new(&self.network, BATCH);
        let mut output = Matrix::zeros(SIZES[3], BATCH);
        Box::new(move || self.network.predict_into(&self.input, &mut workspace, &mut output))
    }

    /// A step that leaves the parameters as they are. `prepare` changes the optimizer after the first step.
    fn step<O: Optimizer<Matrix<T>> + 'static>(
        &self,
        loss: impl Loss,
        optimizer: O,
        prepare: impl FnOnce(&mut O, &Mlp<Matrix<T>>),
    ) -> Operation<'_> {
        let mut network = self.network.clone();
        let target = Matrix::zeros(loss.target_rows(SIZES[3]), BATCH);
        let mut trainer = Trainer::new(loss, optimizer);
        let mut step = move |trainer: &mut Trainer<_, _, O>| {
            let samples = Samples::new(&self.input, &target).expect("there are as many targets as inputs");
            trainer.step(&mut network, samples).expect("the loss stays finite");
        };
        trainer.set_learning_rate(0.0).expect("0 is allowed");
        step(&mut trainer);
        prepare(trainer.optimizer_mut(), &self.network);
        Box::new(move || step(&mut trainer))
    }

    fn plain_step(&self, loss: impl Loss) -> Operation<'_> {
        self.step(loss, GradientDescent::new(1.0).expect("1 is allowed"), |_, _| ())
    }

    fn step_of(&self, kind: OptimizerKind, prepare: impl FnOnce(&mut Boxed<T>, &Mlp<Matrix<T>>)) -> Operation<'_> {
        self.step(HalfMse, kind.build(1.0).expect("1 is allowed"), prepare)
    }
}

type Boxed<T> = Box<dyn Optimizer<Matrix<T>> + Send + Sync>;

/// Makes the first moments, or the velocities, a few units of the smallest subnormal number, as after many steps of a
/// unit that is dead.
fn decay<T: Element>(smallest: f64, optimizer: &mut Boxed<T>, network: &Mlp<Matrix<T>>) {
    let mut state = optimizer.state();
    let (_, moments) = state.tensors.first_mut().expect("the optimizer has a memory");
    for layer in moments {
        let (values, _) = layer.weights.memory_mut().expect("a matrix is in memory");
        values.fill(T::from_f64(4.0 * smallest));
    }
    optimizer.restore(state, network.layers()).expect("the state is valid");
}

/// Returns the time of `case` over that of `ordinary`.
fn ratio<'a>(mut case: Operation<'a>, mut ordinary: Operation<'a>) -> f64 {
    let mut fastest = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (operation, fastest) in [&mut case, &mut ordinary].into_iter().zip(&mut fastest) {
            operation();
            let start = Instant::now();
            operation();
            operation();
            *fastest = fastest.min(start.elapsed().as_secs_f64());
        }
    }
    let [case, ordinary] = fastest;
    case / ordinary
}

/// Measures all cases. `print` gets the name and the ratios of each. `normal` and `smallest` are the smallest normal
/// number of the type and the smallest of all.
fn measure<T: Element>(normal: f64, smallest: f64, mut print: impl FnMut(String, Ratios)) {
    let relu = || Relu.into();
    let softmax = SoftmaxCrossEntropy::for_classes;
    let compare = |case: &Case<T>, ordinary: &Case<T>| {
        (
            ratio(case.prediction(), ordinary.prediction()),
            ratio(case.plain_step(softmax()), ordinary.plain_step(softmax())),
        )
    };
    let ordinary = Case::new(relu(), 1.0);
    // A softmax's exponentials are subnormal for gaps from 87 to 103 in f32, and from 708 to 745 in f64.
    let end = -normal.ln();
    for part in [0.7, 0.92, 0.97, 1.0, 1.05, 1.1, 1.25] {
        let case = Case::new(relu(), 1.0).confident(part * end);
        print(format!("softmax, gap {part:.2} ln(normal)"), compare(&case, &ordinary));
    }
    for &name in ActivationKind::<NoCustom>::NAMES {
        let activation = || name.parse().expect("the name is known");
        let ordinary = Case::new(activation(), 1.0);
        let worst = [30.0, 100.0, 255.0, 1000.0]
            .map(|factor| compare(&Case::new(activation(), factor), &ordinary))
            .into_iter()
            .fold((0.0, 0.0), |a, b| (f64::max(a.0, b.0), f64::max(a.1, b.1)));
        print(format!("{name}, features x30 to x1000"), worst);
    }
    // The square of `tiny` is subnormal.
    let tiny = (0.01 * normal).sqrt();
    let subnormal = 0.01 * normal;
    for (name, case) in [
        (
            "features and weights, product subnormal",
            Case::new(relu(), tiny).times(0, tiny),
        ),
        ("features subnormal", Case::new(relu(), subnormal)),
        ("weights subnormal", Case::new(relu(), 1.0).times(0, subnormal)),
    ] {
        print(name.to_owned(), compare(&case, &ordinary));
    }
    let small = Case::<T>::new(relu(), 1.0).times(2, tiny);
    let dead = Case::<T>::new(relu(), 0.0);
    for kind in [
        OptimizerKind::Momentum,
        OptimizerKind::RmsProp,
        OptimizerKind::Adagrad,
        OptimizerKind::Adam,
        OptimizerKind::AdamW,
        OptimizerKind::NAdam,
    ] {
        let usual = || ordinary.step_of(kind, |_, _| ());
        print(
            format!("{kind}, moments of dead units"),
            (
                f64::NAN,
                ratio(
                    dead.step_of(kind, |optimizer, network| decay(smallest, optimizer, network)),
                    usual(),
                ),
            ),
        );
        print(
            format!("{kind}, squares of gradients subnormal"),
            (f64::NAN, ratio(small.step_of(kind, |_, _| ()), usual())),
        );
    }
}

fn main() {
    let mut rows: Vec<(String, Vec<Ratios>)> = Vec::new();
    for threads in [1, 2] {
        set_threads(NonZero::new(threads).expect("at least one"));
        let mut add = |name: String, ratios| match rows.iter_mut().find(|(row, _)| *row == name) {
            Some((_, row)) => row.push(ratios),
            None => rows.push((name, vec![ratios])),
        };
        measure::<f32>(f32::MIN_POSITIVE.into(), f32::from_bits(1).into(), &mut add);
        measure::<f64>(f64::MIN_POSITIVE, f64::from_bits(1), &mut add);
    }
    println!("| prediction / step | f32, 1 thread | f64, 1 thread | f32, 2 threads | f64, 2 threads |");
    println!("|---|---|---|---|---|");
    let cell = |&(prediction, step): &Ratios| {
        if prediction.is_nan() {
            format!("{step:.2}")
        } else {
            format!("{prediction:.2} / {step:.2}")
        }
    };
    for (name, ratios) in rows {
        println!(
            "| {name} | {} |",
            ratios.iter().map(cell).collect::<Vec<_>>().join(" | ")
        );
    }
}
