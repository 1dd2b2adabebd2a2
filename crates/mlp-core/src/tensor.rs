//! The backend: what a network needs of a matrix.

use crate::{Activation, ActivationKind, Loss, Scalar};
use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::Range;

/// A dense matrix of a numeric backend, with the whole-matrix operations that training an MLP consists of.
///
/// Everything a network owns (weights, biases, activations, deltas, gradients, an optimiser's state) is a `Tensor`;
/// networks, optimisers and the training loop are written over this trait alone. Shapes are the mathematics':
/// a column is a sample, so `n x N` holds N samples of n features. Operations work in place and on whole matrices,
/// coarse enough for a backend to fuse their parts into one pass, split them over threads or send them to a device.
///
/// # Columns
/// Operands that may be a part of a longer matrix (a mini-batch of a data set, a block of a batch) come as
/// [`Columns`]: a borrowed range of columns. Results are written to the first columns of `self`, as many as the
/// operands have, so that a buffer of 128 columns also serves a last batch of 5.
///
/// # Contract
/// - Each operation sums in an order that depends on shapes only: same operands, same bits, on any number of
///   threads. A column of [`forward`](Self::forward) has the same bits whatever the other columns are, and however
///   many.
/// - What an operation overwrites may hold anything before, NaN included.
/// - Shapes that do not fit panic with the operation and both shapes ([`shape_mismatch`](crate::backend::shape_mismatch)).
///
/// The example `custom_backend` of `mlp-core` is a complete implementation.
pub trait Tensor: Clone + Debug + Send + Sync + Sized + 'static {
    /// The type of an element.
    type Scalar: Scalar;

    /// A borrowed range of columns (samples): cheap to copy and to cut.
    type Columns<'a>: Columns + From<&'a Self>;

    /// A matrix of zeros. Either dimension may be 0.
    ///
    /// # Panics
    /// If `rows` x `columns` is no `usize`.
    #[must_use]
    fn zeros(rows: usize, columns: usize) -> Self;

    /// (rows, columns).
    #[must_use]
    fn shape(&self) -> (usize, usize);

    /// The columns in `range`, counted from the first of `columns`.
    ///
    /// # Panics
    /// If `range` ends behind the last column, or before it starts.
    #[must_use]
    fn slice<'short, 'long: 'short>(columns: Self::Columns<'long>, range: Range<usize>) -> Self::Columns<'short>;

    /// Overwrites the matrix with `values`, column after column.
    ///
    /// # Panics
    /// If there are not rows x columns values.
    fn write(&mut self, values: &[Self::Scalar]);

    /// Appends the columns to `values`, column after column.
    fn read(columns: Self::Columns<'_>, values: &mut Vec<Self::Scalar>);

    /// The elements where they lie in memory, column after column, and how many elements after one column the next
    /// begins: what [`read`](Self::read) copies. `None`, as by default, if they do not lie in memory like this.
    fn memory(&self) -> Option<(&[Self::Scalar], usize)> {
        None
    }

    /// As [`memory`](Self::memory), to be overwritten: what [`write`](Self::write) copies to.
    fn memory_mut(&mut self) -> Option<(&mut [Self::Scalar], usize)> {
        None
    }

    /// Column `start` + j of `self` becomes column `indices[j]` of `source`.
    ///
    /// # Panics
    /// If rows differ, an index is out of range, or there are more indices than columns behind `start`.
    fn gather(&mut self, start: usize, source: Self::Columns<'_>, indices: &[usize]);

    /// One layer: `self` = f(`weights` `input` + `bias`), element by element, and f' of the same argument into
    /// `derivative` where given (training); `self` and `derivative` n_out x N, `weights` n_out x n_in, `bias`
    /// n_out x 1, `input` n_in x N. [`ActivationKind::visit`] tells which f it is, once for all elements.
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn forward<A: Activation>(
        &mut self,
        derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: Self::Columns<'_>,
        activation: &ActivationKind<A>,
    );

    /// The sum over samples of w_i l(prediction_i, target_i), returned; and its gradient with respect to the
    /// prediction, times `scale`, into `self`. w_i are the `sample_weights` (1 x N), 1 where `None`.
    ///
    /// Prediction and `self` n_out x N, target [`target_rows`](Loss::target_rows) x N. A sample of weight 0 is left
    /// out, whatever its target and its loss.
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn loss<L: Loss>(
        &mut self,
        loss: &L,
        prediction: Self::Columns<'_>,
        target: Self::Columns<'_>,
        sample_weights: Option<Self::Columns<'_>>,
        scale: Self::Scalar,
    ) -> Self::Scalar;

    /// One layer backwards: `self` = (`weights`^T `delta`) * `derivative`, the product * element by element and left
    /// out where `derivative` is `None`; `self` and `derivative` n_in x N, `weights` n_out x n_in, `delta` n_out x N.
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn backward(&mut self, weights: &Self, delta: Self::Columns<'_>, derivative: Option<Self::Columns<'_>>);

    /// `self` = `delta` `input`^T and `bias_gradient` = the sum of `delta`'s columns; both added to what is there if
    /// `accumulate`. `self` n_out x n_in, `bias_gradient` n_out x 1, `delta` n_out x N, `input` n_in x N.
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn gradient(
        &mut self,
        bias_gradient: &mut Self,
        delta: Self::Columns<'_>,
        input: Self::Columns<'_>,
        accumulate: bool,
    );

    /// A formula over corresponding elements of `self`, `other` and S more matrices, all of which it may change but
    /// `other`. Returns true if all new elements of `self` are finite.
    ///
    /// This one pass is the update of every optimiser, the sum of partial gradients, a dropout mask, a clip.
    ///
    /// # Panics
    /// If the shapes do not fit.
    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: Self::Columns<'_>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool;

    /// The sum of products of corresponding elements, sum_ij `self`_ij `other`_ij, summed in `f64`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    fn dot(&self, other: &Self) -> f64;

    /// Runs `task(i, &mut items[i])` for every i. The tasks are independent of each other: a backend with threads
    /// may run them in any order and at the same time; this default runs them one after the other.
    fn for_each<I: Send>(items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        for (i, item) in items.iter_mut().enumerate() {
            task(i, item);
        }
    }
}

/// A borrowed range of columns of a [`Tensor`].
pub trait Columns: Copy + Debug + Send + Sync {
    /// (rows, columns).
    #[must_use]
    fn shape(&self) -> (usize, usize);
}

/// A formula for [`Tensor::zip`].
///
/// ```
/// use mlp_core::Scalar;
/// use mlp_core::backend::ZipFormula;
///
/// /// Gradient descent with momentum: v = m v + g, then W - eta v in the place of g.
/// struct Momentum {
///     learning_rate: f64,
///     momentum: f64,
/// }
///
/// impl ZipFormula<1> for Momentum {
///     fn apply<T: Scalar>(&self, gradient: T, weight: T, [velocity]: [T; 1]) -> (T, [T; 1]) {
///         let velocity = T::from_f64(self.momentum) * velocity + gradient;
///         (weight - T::from_f64(self.learning_rate) * velocity, [velocity])
///     }
/// }
///
/// let step = Momentum { learning_rate: 0.5, momentum: 0.5 };
/// assert_eq!(step.apply(1.0, 10.0, [4.0]), (8.5, [3.0]));
/// ```
pub trait ZipFormula<const S: usize>: Sync {
    /// The new values of `own` (an element of `self`) and of the `state`. No `if` on numbers:
    /// [`Scalar::select_gt`].
    fn apply<T: Scalar>(&self, own: T, other: T, state: [T; S]) -> (T, [T; S]);
}

/// own + other.
pub(crate) struct Sum;

impl ZipFormula<0> for Sum {
    #[inline(always)]
    fn apply<T: Scalar>(&self, own: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        (own + other, [])
    }
}

/// own * other.
pub(crate) struct Product;

impl ZipFormula<0> for Product {
    #[inline(always)]
    fn apply<T: Scalar>(&self, own: T, other: T, []: [T; 0]) -> (T, [T; 0]) {
        (own * other, [])
    }
}
