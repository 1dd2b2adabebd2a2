use super::{Engine, Operation, Path, Shape, block_columns};
use crate::raw::cache;
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
