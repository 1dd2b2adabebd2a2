//! Tests that `mlp_cpu::gemm` is the product, for every shape up to 20 and beyond, and for every layout of its
//! operands.

use super::{Tolerance, assert_close, nan, rng};
use mlp_cpu::{Element, Matrix, Operand, gemm};
use rand::RngExt;

/// Tests C = A B and C += A B for all four transpositions, where C has one column more than the product.
fn product<T: Element + Tolerance>(m: usize, k: usize, n: usize, rng: &mut impl RngExt) {
    let mut random = |rows, columns| Matrix::from_fn(rows, columns, |_, _| T::from_f64(rng.random_range(-1.0..1.0)));
    let (a, b, c) = (random(m, k), random(k, n), random(m, n + 1));
    let (a_transposed, b_transposed) = (a.transposed(), b.transposed());
    let number = |matrix: &Matrix<T>, i, j| matrix[(i, j)].to_f64();
    let (mut sums, mut sizes) = (Matrix::<f64>::zeros(m, n), Matrix::<f64>::zeros(m, n));
    for j in 0..n {
        for p in 0..k {
            for i in 0..m {
                let term = number(&a, i, p) * number(&b, p, j);
                sums[(i, j)] += term;
                sizes[(i, j)] += term.abs();
            }
        }
    }
    for (transposition, a, b) in [
        ("A B", Operand::from(&a), Operand::from(&b)),
        ("A^T B", Operand::from(&a_transposed).transposed(), Operand::from(&b)),
        ("A B^T", Operand::from(&a), Operand::from(&b_transposed).transposed()),
        (
            "A^T B^T",
            Operand::from(&a_transposed).transposed(),
            Operand::from(&b_transposed).transposed(),
        ),
    ] {
        for accumulate in [false, true] {
            let what = format!("{transposition}, {m} x {k} x {n}, accumulate: {accumulate}");
            let mut got = if accumulate { c.clone() } else { nan(m, n + 1) };
            gemm(a, b, &mut got, accumulate);
            for j in 0..n {
                for i in 0..m {
                    let before = if accumulate { number(&c, i, j) } else { 0.0 };
                    let (sum, size) = (before + sums[(i, j)], before.abs() + sizes[(i, j)]);
                    assert_close(&what, i + j * m, got[(i, j)], sum, size);
                }
            }
            let behind = got.column(n);
            let untouched = if accumulate {
                behind == c.column(n)
            } else {
                behind.iter().all(|v| v.to_f64().is_nan())
            };
            assert!(untouched, "{what}: the column behind C changed");
        }
    }
}

/// Tests all shapes up to 20 in each dimension.
fn small_products<T: Element + Tolerance>() {
    let rng = &mut rng();
    for m in 0..=20 {
        for k in 0..=20 {
            for n in 0..=20 {
                product::<T>(m, k, n, rng);
            }
        }
    }
}

#[test]
fn small_products_f32() {
    small_products::<f32>();
}

#[test]
fn small_products_f64() {
    small_products::<f64>();
}

/// Tests shapes with edges in every direction of tiles and panels, shapes that are deeper than one of them, and
/// shapes of large layers, which are multiplied in place, in blocks, or by `matrixmultiply`.
fn large_products<T: Element + Tolerance>() {
    for (m, k, n) in [
        (64, 64, 64),
        (17, 300, 7),
        (300, 17, 7),
        (33, 513, 10),
        (130, 100, 33),
        (1, 700, 1),
        (700, 1, 9),
        (1024, 1024, 3),
        (1030, 1021, 25),
    ] {
        product::<T>(m, k, n, &mut rng());
    }
}

#[test]
fn large_products_f32() {
    large_products::<f32>();
}

#[test]
fn large_products_f64() {
    large_products::<f64>();
}
