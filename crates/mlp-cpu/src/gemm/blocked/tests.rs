use crate::gemm::product::{Initial, Product};
use crate::plan::{Operation, Shape};
use crate::raw::cache;
use crate::{Element, Matrix, Operand, SimdLevel, simd_level};

fn matrix<T: Element>(rows: usize, columns: usize, seed: usize) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |i, j| {
        T::from_f64(((i * 31 + j * 17 + seed) % 101) as f64 / 37.0 - 1.3)
    })
}

/// Computes the product as on a processor with a cache of `size` bytes.
fn run<T: Element>(size: usize, a: Operand<'_, T>, b: Operand<'_, T>, initial: Initial<'_, T>) -> Matrix<T> {
    let _assumed = cache::assume(size);
    let mut c = matrix(a.rows, b.columns, 5);
    let shape = Shape::new::<T>(Operation::Product, (a.rows, a.columns), b.columns);
    let product = Product {
        a,
        b,
        c_stride: c.stride(),
        c: c.storage_mut(),
        initial,
    };
    product.run(shape, None, |_, _, _| {});
    c
}

/// Checks that blocks give the same bits as tiles. The shapes cover one and several blocks of B, panels of one and two
/// vectors at the end, more than one depth, and a last sliver that is not full. Both operands are used as they are and
/// transposed.
fn same_bits<T: Element>() {
    if simd_level() == SimdLevel::Baseline {
        // The `matrixmultiply` crate rounds differently; `large_products` of the suite compares it with sums.
        return;
    }
    for (m, k, n) in [
        (16, 1, 24),
        (37, 300, 25),
        (96, 257, 40),
        (75, 513, 530),
        (1, 20, 30),
        (40, 20, 3),
        (40, 0, 30),
    ] {
        let (a, b) = (matrix::<T>(m, k, 1), matrix::<T>(k, n, 2));
        let (a_turned, b_turned) = (a.transposed(), b.transposed());
        let bias = matrix::<T>(m, 1, 3);
        for a in [Operand::from(&a), Operand::from(&a_turned).transposed()] {
            for b in [Operand::from(&b), Operand::from(&b_turned).transposed()] {
                for initial in [Initial::Zero, Initial::Present, Initial::Column(bias.storage())] {
                    let tiled = run(usize::MAX, a, b, initial);
                    let blocked = run(1, a, b, initial);
                    assert!(
                        tiled == blocked,
                        "{m} x {k} x {n}, {initial:?}: blocks and tiles differ"
                    );
                    let mut sum = 0.0;
                    for p in 0..k {
                        let (a, b) = (a.values[p * a.column_stride], b.values[p * b.row_stride]);
                        sum += a.to_f64() * b.to_f64();
                    }
                    let start = match initial {
                        Initial::Zero => 0.0,
                        Initial::Present => matrix::<T>(m, n, 5)[(0, 0)].to_f64(),
                        Initial::Column(bias) => bias[0].to_f64(),
                    };
                    let error = (blocked[(0, 0)].to_f64() - start - sum).abs();
                    assert!(error <= 1e-5 * k as f64, "{m} x {k} x {n}: off by {error}");
                }
            }
        }
    }
}

#[test]
fn blocks_have_the_bits_of_tiles_f32() {
    same_bits::<f32>();
}

#[test]
fn blocks_have_the_bits_of_tiles_f64() {
    same_bits::<f64>();
}
