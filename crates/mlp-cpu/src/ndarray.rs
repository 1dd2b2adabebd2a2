//! Arrays of the `ndarray` crate (feature `ndarray`).
//!
//! There, as in NumPy, a row is a sample: an array is samples x features. Here a column is: the same numbers in the
//! same order are a matrix of features x samples. So an array in C order is borrowed without a copy, and nothing has to
//! be transposed by hand:
//!
//! ```
//! use mlp_core::activations::Tanh;
//! use mlp_core::Mlp;
//! use mlp_cpu::{Matrix, MatrixRef};
//! use ndarray::{Array2, array};
//!
//! let samples = array![[0.0_f32, 1.0], [1.0, 0.0], [1.0, 1.0]]; // three samples of two features
//! let network = Mlp::<Matrix<f32>>::builder(&[2, 8, 1]).hidden(Tanh).build()?;
//! let prediction = network.predict(MatrixRef::try_from(samples.view())?); // no copy
//! assert_eq!(Array2::from(&prediction).dim(), (3, 1));
//!
//! let features_first = samples.t(); // any layout
//! assert_eq!(Matrix::from(features_first.t()), Matrix::from(samples.view())); // one copy
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::{Element, Matrix, MatrixRef};
use core::error::Error;
use core::fmt;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

/// The reason why an array cannot be borrowed as a [`MatrixRef`]: its numbers do not lie sample after sample.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NotContiguous {
    /// How far apart samples and features lie, in numbers.
    pub strides: [isize; 2],
}

impl fmt::Display for NotContiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [samples, features] = self.strides;
        write!(
            f,
            "the array is not in C order: its strides are ({samples}, {features}); copy it by `Matrix::from(view)`"
        )
    }
}

impl fmt::Debug for NotContiguous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for NotContiguous {}

/// Borrows samples x features as features x samples, without a copy.
///
/// # Errors
/// If the array is not contiguous and in C order. `Matrix::from` copies it, then.
impl<'a, T: Element> TryFrom<ArrayView2<'a, T>> for MatrixRef<'a, T> {
    type Error = NotContiguous;

    fn try_from(array: ArrayView2<'a, T>) -> Result<Self, NotContiguous> {
        let (samples, features) = array.dim();
        let strides = [array.strides()[0], array.strides()[1]];
        match array.to_slice() {
            Some(values) => Ok(MatrixRef::new(features, samples, values)),
            None => Err(NotContiguous { strides }),
        }
    }
}

/// Copies samples x features, in any layout, to features x samples.
impl<T: Element> From<ArrayView2<'_, T>> for Matrix<T> {
    fn from(array: ArrayView2<'_, T>) -> Self {
        let (samples, features) = array.dim();
        let mut matrix = Matrix::zeros(features, samples);
        for (j, sample) in array.rows().into_iter().enumerate() {
            for (own, &value) in matrix.column_mut(j).iter_mut().zip(sample) {
                *own = value;
            }
        }
        matrix
    }
}

/// Copies one number per sample, a target or a class index, to a matrix of 1 x samples.
impl<T: Element> From<ArrayView1<'_, T>> for Matrix<T> {
    fn from(array: ArrayView1<'_, T>) -> Self {
        Matrix::from_fn(1, array.len(), |_, j| array[j])
    }
}

/// Copies features x samples to samples x features, in C order.
impl<T: Element> From<&Matrix<T>> for Array2<T> {
    fn from(matrix: &Matrix<T>) -> Self {
        let (features, samples) = matrix.shape();
        Array2::from_shape_vec((samples, features), matrix.to_vec()).expect("as many values as the shape has")
    }
}

/// Copies a matrix of one row, such as predictions of one number per sample.
///
/// # Panics
/// If the matrix does not have exactly one row.
impl<T: Element> From<&Matrix<T>> for Array1<T> {
    fn from(matrix: &Matrix<T>) -> Self {
        if matrix.rows() != 1 {
            mlp_core::backend::shape_mismatch("Array1::from", "matrix", (1, matrix.columns()), matrix.shape());
        }
        Array1::from_vec(matrix.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, s};

    fn samples() -> Array2<f64> {
        array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    }

    #[test]
    fn an_array_in_c_order_is_borrowed_where_it_lies() {
        let array = samples();
        let matrix = MatrixRef::try_from(array.view()).unwrap();
        assert_eq!(matrix.shape(), (3, 2));
        assert_eq!(matrix.column(1), [4.0, 5.0, 6.0]);
        assert_eq!(matrix.column(0).as_ptr(), array.as_ptr());
    }

    #[test]
    fn other_layouts_are_refused_with_their_strides_and_copied_on_request() {
        let array = samples();
        let every_other = array.slice(s![.., ..;2]);
        let error = MatrixRef::try_from(every_other).unwrap_err();
        assert_eq!(error.strides, [3, 2]);
        assert!(error.to_string().contains("Matrix::from(view)"));
        assert_eq!(
            Matrix::from(every_other),
            Matrix::from_columns(&[[1.0, 3.0], [4.0, 6.0]])
        );
        let reversed = array.slice(s![..;-1, ..]);
        assert_eq!(
            Matrix::from(reversed),
            Matrix::from_columns(&[[4.0, 5.0, 6.0], [1.0, 2.0, 3.0]])
        );
        assert_eq!(
            Matrix::from(array.t()),
            Matrix::from_columns(&[[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]])
        );
        assert!(MatrixRef::try_from(array.t()).is_err());
    }

    #[test]
    fn empty_arrays_keep_their_shapes() {
        for shape in [(0, 3), (3, 0), (0, 0)] {
            let array = Array2::<f32>::zeros(shape);
            let matrix = Matrix::from(array.view());
            assert_eq!(matrix.shape(), (shape.1, shape.0));
            assert_eq!(MatrixRef::try_from(array.view()).unwrap().shape(), (shape.1, shape.0));
            assert_eq!(Array2::from(&matrix).dim(), shape);
        }
    }

    #[test]
    fn matrices_go_back_whatever_their_padding() {
        for features in 1..20 {
            let array = Array2::from_shape_fn((5, features), |(i, j)| (i * 100 + j) as f32);
            assert_eq!(Array2::from(&Matrix::from(array.view())), array);
        }
        let target = array![3.0, 1.0, 5.0];
        let matrix = Matrix::from(target.view());
        assert_eq!(matrix.shape(), (1, 3));
        assert_eq!(Array1::from(&matrix), target);
    }

    #[test]
    #[should_panic(expected = "expected matrix of 1 x 2, got 3 x 2")]
    fn only_a_single_row_is_a_vector() {
        let _ = Array1::from(&Matrix::from(samples().view()));
    }
}
