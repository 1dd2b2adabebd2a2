use super::{Engine, Operation, Path, Shape};
use crate::{Element, SimdLevel, set_threads, simd_level};
use core::num::NonZero;

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
    assert_eq!(path::<f32>(Operation::Product, 8, 8), Path::Tiles);
}

#[test]
fn only_gradients_are_thin() {
    assert_eq!(path::<f32>(Operation::Gradient, 16, 255), Path::Thin);
    assert_eq!(path::<f64>(Operation::Gradient, 8, 255), Path::Thin);
    for operation in [Operation::Forward, Operation::Backward, Operation::Product] {
        assert_eq!(path::<f32>(operation, 16, 255), Path::Tiles);
    }
    // Too many outputs, a single one, as many as inputs, enough inputs for threads.
    for (outputs, inputs) in [(17, 255), (1, 255), (16, 16), (16, 256)] {
        assert_eq!(path::<f32>(Operation::Gradient, outputs, inputs), Path::Tiles);
    }
    assert_eq!(path::<f64>(Operation::Gradient, 9, 255), Path::Tiles);
}

#[test]
fn layers_of_2_to_the_20_weights_are_large() {
    for operation in [
        Operation::Forward,
        Operation::Backward,
        Operation::Gradient,
        Operation::Product,
    ] {
        assert_eq!(path::<f32>(operation, 1024, 1023), Path::Tiles);
        assert_eq!(path::<f32>(operation, 1024, 1024), Path::Large);
    }
}

#[test]
fn the_engine_of_large_layers_depends_on_samples_where_no_bit_does() {
    let baseline = simd_level() == SimdLevel::Baseline;
    let expect = |engine| if baseline { Engine::Matrixmultiply } else { engine };
    assert_eq!(Path::Large.engine(1024, 1024, 24), expect(Engine::Blocks));
    assert_eq!(Path::Large.engine(1024, 1024, 23), expect(Engine::Tiles));
    assert_eq!(Path::Large.engine(15, 1024, 24), expect(Engine::Tiles));
    assert_eq!(Path::Large.engine(1024, 0, 24), expect(Engine::Tiles));
    assert_eq!(Path::Tiles.engine(1024, 1024, 24), Engine::Tiles);
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
