use super::{Engine, Operation, Path, Shape, block_columns, parts_of_update_in_place};
use crate::raw::cache;
use crate::{Element, Matrix, SimdLevel, set_threads, simd_level};
use core::num::NonZero;
use mlp_core::activations::Tanh;
use mlp_core::{
    Adam, Clip, Dropout, GradientDescent, HalfMse, Mlp, Optimizer, Penalty, Samples, TrainError, Trainer, Workspace,
};

fn path<T: Element>(operation: Operation, outputs: usize, inputs: usize) -> Path {
    Shape::new::<T>(operation, (outputs, inputs), 32).path()
}

#[test]
fn up_to_8_outputs_and_inputs_are_tiny() {
    for operation in [Operation::Forward, Operation::Backward, Operation::Gradient] {
        assert_eq!(path::<f32>(operation, 8, 8), Path::Tiny);
        assert_eq!(path::<f64>(operation, 1, 1), Path::Tiny);
        assert_ne!(path::<f32>(operation, 9, 8), Path::Tiny);
        assert_ne!(path::<f32>(operation, 8, 9), Path::Tiny);
    }
    assert_eq!(path::<f32>(Operation::Product, 8, 8), Path::Product);
}

#[test]
fn only_gradients_are_thin() {
    assert_eq!(path::<f32>(Operation::Gradient, 16, 255), Path::Thin);
    assert_eq!(path::<f64>(Operation::Gradient, 8, 255), Path::Thin);
    for operation in [Operation::Forward, Operation::Backward, Operation::Product] {
        assert_eq!(path::<f32>(operation, 16, 255), Path::Product);
    }
    // Too many outputs, a single one, as many as inputs, enough inputs for threads.
    for (outputs, inputs) in [(17, 255), (1, 255), (16, 16), (16, 256)] {
        assert_eq!(path::<f32>(Operation::Gradient, outputs, inputs), Path::Product);
    }
    assert_eq!(path::<f64>(Operation::Gradient, 9, 255), Path::Product);
}

#[test]
fn layers_that_outgrow_half_of_the_cache_are_multiplied_in_blocks() {
    let baseline = simd_level() == SimdLevel::Baseline;
    let engine = |weights: (usize, usize), [rows, depth, columns]: [usize; 3]| {
        Shape::new::<f32>(Operation::Forward, weights, columns).engine(rows, depth, columns)
    };
    for (size, side) in [(256 << 10, 181), (1 << 20, 362), (2 << 20, 512), (8 << 20, 1024)] {
        let _assumed = cache::assume(size);
        let expect = |engine| match side {
            _ if !baseline => engine,
            1024 => Engine::Matrixmultiply,
            _ => Engine::Tiles,
        };
        let large = (side, (size / 8).div_ceil(side));
        assert_eq!(engine(large, [side, side, 24]), expect(Engine::Blocks), "{size} bytes");
        assert_eq!(
            engine((side, large.1 - 1), [side, side, 24]),
            Engine::Tiles,
            "{size} bytes"
        );
        // No bit depends on the sizes of a part.
        assert_eq!(engine(large, [side, side, 23]), expect(Engine::Tiles));
        assert_eq!(engine(large, [15, side, 24]), expect(Engine::Tiles));
        assert_eq!(engine(large, [side, 0, 24]), expect(Engine::Tiles));
    }
}

#[test]
fn at_the_baseline_layers_of_2_to_the_20_weights_are_left_to_matrixmultiply() {
    if simd_level() != SimdLevel::Baseline {
        return;
    }
    for operation in [
        Operation::Forward,
        Operation::Backward,
        Operation::Gradient,
        Operation::Product,
    ] {
        let engine = |inputs| Shape::new::<f32>(operation, (1024, inputs), 32).engine(1024, 1023, 32);
        assert_eq!(engine(1023), Engine::Tiles);
        assert_eq!(engine(1024), Engine::Matrixmultiply);
    }
}

#[test]
fn a_block_of_columns_takes_half_of_the_cache() {
    for (size, columns) in [
        (16 << 10, 24),
        (256 << 10, 128),
        (512 << 10, 256),
        (1 << 20, 512),
        (2 << 20, 1024),
        (64 << 20, 1024),
    ] {
        let _assumed = cache::assume(size);
        assert_eq!(block_columns(), columns, "{size} bytes");
    }
}

#[test]
fn large_work_with_enough_columns_is_shared() {
    set_threads(NonZero::new(2).expect("2 is not 0"));
    let parts = |operation, shape, samples| Shape::new::<f32>(operation, shape, samples).parts();
    assert_eq!(parts(Operation::Forward, (128, 784), 32), 2);
    assert_eq!(parts(Operation::Forward, (128, 784), 31), 1, "the columns are too few");
    assert_eq!(parts(Operation::Forward, (64, 64), 127), 1, "the work is too little");
    assert_eq!(parts(Operation::Forward, (64, 64), 128), 2);
    assert_eq!(
        parts(Operation::Gradient, (128, 784), 8),
        2,
        "its columns are the inputs"
    );
    assert_eq!(
        parts(Operation::Gradient, (1, 784), 4096),
        1,
        "its only row is a column"
    );
}

/// The networks of the tests below, with their numbers of samples. Some have layers that change in place.
const NETWORKS: [(&[usize], usize); 9] = [
    (&[1, 1, 1], 3),
    (&[17, 1], 300),
    (&[70, 96, 33, 5], 150),
    (&[261, 300, 33, 5], 1),
    (&[300, 230, 40], 5),
    (&[300, 230, 40], 64),
    (&[256, 257], 23),
    (&[600, 20, 600], 33),
    (&[70_000, 1], 2),
];

const CACHES: [usize; 8] = [1, 16 << 10, 64 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 64 << 20];

fn value<T: Element>(i: usize, j: usize) -> T {
    T::from_f64(((3 * i + 7 * j) as f64).sin())
}

fn network<T: Element>(sizes: &[usize]) -> Mlp<Matrix<T>> {
    Mlp::builder(sizes).hidden(Tanh).seed(1).build().unwrap()
}

fn data<T: Element>(sizes: &[usize], samples: usize) -> (Matrix<T>, Matrix<T>) {
    let matrix = |rows| Matrix::from_fn(rows, samples, value);
    (matrix(sizes[0]), matrix(sizes[sizes.len() - 1]))
}

/// Takes three steps. Returns the losses and the parameters.
fn trained<T: Element, O: Optimizer<Matrix<T>>>(
    sizes: &[usize],
    samples: usize,
    mut trainer: Trainer<Matrix<T>, HalfMse, O>,
) -> (Vec<f64>, Mlp<Matrix<T>>) {
    let (mut network, (input, target)) = (network(sizes), data(sizes, samples));
    let samples = Samples::new(&input, &target).unwrap();
    let losses = (0..3).map(|_| trainer.step(&mut network, samples).unwrap()).collect();
    (losses, network)
}

#[test]
fn no_bit_depends_on_the_size_of_the_cache() {
    fn check<T: Element, O: Optimizer<Matrix<T>>>(trainer: impl Fn() -> Trainer<Matrix<T>, HalfMse, O>) {
        for (sizes, samples) in NETWORKS {
            let with_cache = |size| {
                let _assumed = cache::assume(size);
                trained(sizes, samples, trainer())
            };
            let expected = with_cache(usize::MAX);
            for size in CACHES {
                let same = with_cache(size) == expected;
                assert!(same, "{sizes:?} x {samples}: other bits with a cache of {size} bytes");
            }
        }
    }
    fn check_all<T: Element>() {
        let descent = || Trainer::new(HalfMse, GradientDescent::new(0.01).unwrap());
        check::<T, _>(descent);
        check::<T, _>(|| descent().dropout(Dropout::new(0.5, 1).unwrap()));
        check::<T, _>(|| descent().penalty(Penalty::l2(0.1).unwrap()));
        check::<T, _>(|| descent().clip(Clip::norm(0.1).unwrap()));
        check::<T, _>(|| Trainer::new(HalfMse, Adam::new(0.01).unwrap()));
    }
    check_all::<f32>();
    check_all::<f64>();
}

#[test]
fn large_layers_with_few_samples_change_in_place() {
    let _assumed = cache::assume(1 << 16);
    let columns = |outputs, inputs, samples| {
        Shape::new::<f32>(Operation::Gradient, (outputs, inputs), samples).updated_columns(outputs)
    };
    assert_eq!(columns(300, 261, 1), Some(13));
    assert_eq!(columns(257, 256, 23), Some(15));
    assert_eq!(columns(257, 256, 24), None, "the product takes longer than the passes");
    assert_eq!(columns(5, 4000, 1), Some(819));
    assert_eq!(columns(50, 150, 2), None, "it fits into the cache");
    assert_eq!(columns(1, 70_000, 1), None, "its only row is a column");
    let engine = if simd_level() == SimdLevel::Baseline {
        None
    } else {
        Some(3)
    };
    assert_eq!(
        columns(1024, 1024, 1),
        engine.map(|_| 4),
        "matrixmultiply has other bits"
    );
}

#[test]
fn only_weights_that_no_cache_holds_change_in_place_on_several_threads() {
    set_threads(NonZero::new(2).expect("2 is not 0"));
    let _assumed = cache::assume(1 << 20);
    assert_eq!(parts_of_update_in_place::<f32>(1 << 20), 2);
    assert_eq!(parts_of_update_in_place::<f64>(1 << 19), 2);
    assert_eq!(parts_of_update_in_place::<f32>((1 << 20) - 16), 1);
}

#[test]
fn a_step_has_the_bits_of_its_parts_called_one_by_one() {
    fn check<T: Element>() {
        for (sizes, samples) in NETWORKS.into_iter().filter(|(_, samples)| *samples <= 128) {
            let _assumed = cache::assume(1);
            let mut descent = GradientDescent::new(0.01).unwrap();
            let expected = trained::<T, _>(sizes, samples, Trainer::new(HalfMse, descent.clone()));
            let (mut network, (input, target)) = (network(sizes), data(sizes, samples));
            let mut workspace = Workspace::new(&network, samples).unwrap();
            let step = |_| {
                network.forward(&input, &mut workspace);
                let loss = network.loss(&HalfMse, &target, &mut workspace);
                network.backward(&mut workspace);
                network.gradient(&input, &mut workspace);
                descent.update(network.layers_mut(), workspace.gradient_mut()).unwrap();
                loss
            };
            let losses = (0..3).map(step).collect();
            assert!((losses, network) == expected, "{sizes:?} x {samples}");
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn a_layer_that_would_not_be_finite_is_named_and_nothing_changes() {
    let [with, without] = [1, usize::MAX].map(|size| {
        let _assumed = cache::assume(size);
        let sizes = [300, 230, 5];
        let (mut network, (input, _)) = (network::<f32>(&sizes), data(&sizes, 2));
        let target = Matrix::from_fn(5, 2, |i, j| 1e4 * value::<f32>(i, j));
        let before = network.clone();
        let samples = Samples::new(&input, &target).unwrap();
        let mut trainer = Trainer::new(HalfMse, GradientDescent::new(1e38).unwrap());
        let error = trainer.step(&mut network, samples).unwrap_err();
        assert!(network == before, "the parameters changed");
        error.to_string()
    });
    assert_eq!(with, without);
    assert!(with.contains("layer"), "{with}");
}

/// An activation may hide an infinite weight from the loss.
#[test]
fn a_layer_that_was_not_finite_is_an_error_and_nothing_changes() {
    for samples in [1, 2] {
        for bad in [f32::INFINITY, f32::NEG_INFINITY] {
            let _assumed = cache::assume(1);
            let sizes = [300, 230, 5];
            let (mut network, (input, target)) = (network(&sizes), data(&sizes, samples));
            network.layers_mut()[0].weights[(7, 8)] = bad;
            let before = network.clone();
            let samples = Samples::new(&input, &target).unwrap();
            let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
            let error = trainer.step(&mut network, samples).unwrap_err();
            assert!(matches!(error, TrainError::Parameters { layer: 0, .. }), "{error}");
            assert!(network == before, "the parameters changed");
        }
    }
}
