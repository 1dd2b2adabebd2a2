//! Random parameters.

use mlp_core::Scalar;
use mlp_cpu::{Element, Matrix};
use rand::{Rng, RngExt};

/// Returns numbers from N(0, s^2), drawn by the polar method of G. Marsaglia (SIAM Review 6, 1964).
pub(super) fn normal<T: Element>((rows, columns): (usize, usize), s: f64, random: &mut impl Rng) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |_, _| {
        loop {
            let [u, v] = [(); 2].map(|()| 2.0 * random.random::<f64>() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let length = Scalar::sqrt(-2.0 * Scalar::ln(square) / square);
                return T::from_f64(s * u * length);
            }
        }
    })
}

/// Returns numbers from U(-limit, limit).
pub(super) fn uniform<T: Element>((rows, columns): (usize, usize), limit: f64, random: &mut impl Rng) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |_, _| {
        T::from_f64(limit * (2.0 * random.random::<f64>() - 1.0))
    })
}
