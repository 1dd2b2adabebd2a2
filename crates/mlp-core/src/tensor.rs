//! The backend interface: what a network needs from a matrix type.

use crate::{Activation, ActivationKind, Dense, Loss, Scalar};
use alloc::vec::Vec;
use core::fmt::Debug;
use core::mem;
use core::ops::Range;

/// A dense matrix of a numeric backend, with the whole-matrix operations that training an MLP consists of.
///
/// All data of a network (weights, biases, activations, deltas, gradients, an optimizer's state) are `Tensor`s;
/// networks, optimizers and the training loop use only this trait. Shapes follow the mathematics: a column is a sample,
/// so an `n x N` matrix holds N samples of n features. Operations work in place and on whole matrices. They are coarse
/// enough for a backend to fuse their parts into one pass, split them over threads or send them to a device.
///
/// # Columns
/// Operands that may be part of a longer matrix (a mini-batch of a data set, a block of a batch) are passed as
/// [`Columns`]: a borrowed range of columns. Results are written to the first columns of `self`, as many as the
/// operands have, so a buffer of 128 columns can also hold a last batch of 5.
///
/// # Contract
/// - Each operation sums in an order that depends on the shapes only: the same operands give the same bits, on any
///   number of threads. The bits of a column of [`forward`](Self::forward) do not depend on the other columns or on
///   their number.
/// - Memory that an operation overwrites may contain any values before, including NaN.
/// - An operation panics if shapes do not match. The message names the operation and both shapes
///   ([`shape_mismatch`](crate::backend::shape_mismatch)).
///
/// The example `custom_backend` of `mlp-core` contains a complete implementation.
pub trait Tensor: Clone + Debug + Send + Sync + Sized + 'static {
    /// The type of an element.
    type Scalar: Scalar;

    /// A borrowed range of columns (samples), which is cheap to copy and to slice.
    type Columns<'a>: Columns + From<&'a Self>;

    /// Creates a matrix of zeros. Either dimension may be 0.
    ///
    /// # Panics
    /// If `rows` x `columns` does not fit into a `usize`.
    #[must_use]
    fn zeros(rows: usize, columns: usize) -> Self;

    /// Returns (rows, columns).
    #[must_use]
    fn shape(&self) -> (usize, usize);

    /// Returns the columns in `range`, counted from the first of `columns`.
    ///
    /// # Panics
    /// If `range` ends after the last column, or ends before it starts.
    #[must_use]
    fn slice<'short, 'long: 'short>(columns: Self::Columns<'long>, range: Range<usize>) -> Self::Columns<'short>;

    /// Overwrites the matrix with `values`, column after column.
    ///
    /// # Panics
    /// If there are not rows x columns values.
    fn write(&mut self, values: &[Self::Scalar]);

    /// Appends the columns to `values`, column after column.
    fn read(columns: Self::Columns<'_>, values: &mut Vec<Self::Scalar>);

    /// Returns the elements in memory, column after column, and the distance in elements from the start of one column
    /// to the start of the next. They are the elements that [`read`](Self::read) copies. Returns `None` if the elements
    /// are not stored like this, which is the default.
    fn memory(&self) -> Option<(&[Self::Scalar], usize)> {
        None
    }

    /// Like [`memory`](Self::memory), but mutable: the elements that [`write`](Self::write) overwrites.
    fn memory_mut(&mut self) -> Option<(&mut [Self::Scalar], usize)> {
        None
    }

    /// Copies column `indices[j]` of `source` to column `start` + j of `self`, for each j.
    ///
    /// # Panics
    /// If the numbers of rows differ, an index is out of range, or there are more indices than columns from `start` on.
    fn gather(&mut self, start: usize, source: Self::Columns<'_>, indices: &[usize]);

    /// Computes one layer: `self` = f(`weights` `input` + `bias`), with f applied element by element. If `derivative`
    /// is given (in training), f' of the same argument is written to it. The shapes are n_out x N for `self` and
    /// `derivative`, n_out x n_in for `weights`, n_out x 1 for `bias` and n_in x N for `input`. Use
    /// [`ActivationKind::visit`] to select f once for all elements.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn forward<A: Activation>(
        &mut self,
        derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: Self::Columns<'_>,
        activation: &ActivationKind<A>,
    );

    /// Returns the sum over the samples of w_i l(prediction_i, target_i), and writes its gradient with respect to the
    /// prediction, times `scale`, to `self`. w_i are the `sample_weights` (1 x N), or 1 if they are `None`.
    ///
    /// The shapes are n_out x N for the prediction and `self`, and [`target_rows`](Loss::target_rows) x N for the
    /// target. A sample of weight 0 is left out, whatever its target and its loss.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn loss<L: Loss>(
        &mut self,
        loss: &L,
        prediction: Self::Columns<'_>,
        target: Self::Columns<'_>,
        sample_weights: Option<Self::Columns<'_>>,
        scale: Self::Scalar,
    ) -> Self::Scalar;

    /// Computes one layer of the backward pass: `self` = (`weights`^T `delta`) * `derivative`. The product * is element
    /// by element, and is left out if `derivative` is `None`. The shapes are n_in x N for `self` and `derivative`,
    /// n_out x n_in for `weights` and n_out x N for `delta`.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn backward(&mut self, weights: &Self, delta: Self::Columns<'_>, derivative: Option<Self::Columns<'_>>);

    /// Computes `self` = `delta` `input`^T and `bias_gradient` = the sum of `delta`'s columns. If `accumulate` is set,
    /// both are added to the existing values. The shapes are n_out x n_in for `self`, n_out x 1 for `bias_gradient`,
    /// n_out x N for `delta` and n_in x N for `input`.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn gradient(
        &mut self,
        bias_gradient: &mut Self,
        delta: Self::Columns<'_>,
        input: Self::Columns<'_>,
        accumulate: bool,
    );

    /// Applies a formula to corresponding elements of `self`, `other` and S more matrices. The formula may change all
    /// of them except `other`. Returns true if all new elements of `self` are finite.
    ///
    /// Optimizer updates, the sum of partial gradients, dropout masks and clipping all use this operation.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: Self::Columns<'_>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool;

    /// Computes `self` = the formula of `delta` `input`^T and `self`, and `gradient.bias` = the sum of `delta`'s columns,
    /// with the bits of [`gradient`](Self::gradient) and [`zip`](Self::zip), which the default calls. Another
    /// implementation need not have the whole gradient of the weights in memory. Afterwards `gradient.weights` may have
    /// any values.
    ///
    /// # Panics
    /// If the shapes do not match.
    fn update_in_place<F: ZipFormula<0>>(
        &mut self,
        gradient: &mut Dense<Self>,
        delta: Self::Columns<'_>,
        input: Self::Columns<'_>,
        formula: &F,
    ) {
        gradient.weights.gradient(&mut gradient.bias, delta, input, false);
        gradient.weights.zip((&*self).into(), [], formula);
        mem::swap(self, &mut gradient.weights);
    }

    /// Returns whether [`update_in_place`](Self::update_in_place) is faster than its default if there are that many
    /// samples.
    fn is_updated_in_place(&self, samples: usize) -> bool {
        let _ = samples;
        false
    }

    /// Returns the sum of the products of corresponding elements, sum_ij `self`_ij `other`_ij, summed in `f64`.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    fn dot(&self, other: &Self) -> f64;

    /// Runs `work`, an operation over a whole network, in the floating-point environment that the backend computes in.
    /// The caller's environment is the same afterwards, also if `work` panics. The default has no environment of its
    /// own and only calls `work`.
    ///
    /// Networks and trainers call this once per operation (a prediction, a step), so that a backend need not switch in
    /// every kernel. Calls may be nested. A backend whose arithmetic becomes slow with subnormal numbers
    /// replaces them by zeros here.
    fn with_float_environment<R>(work: impl FnOnce() -> R) -> R {
        work()
    }

    /// Runs `task(i, &mut items[i])` for every i. The tasks are independent of each other, so a backend with threads
    /// may run them in any order and at the same time. The default runs them one after the other.
    fn for_each<I: Send>(items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        for (i, item) in items.iter_mut().enumerate() {
            task(i, item);
        }
    }
}

/// A borrowed range of columns of a [`Tensor`].
pub trait Columns: Copy + Debug + Send + Sync {
    /// Returns (rows, columns).
    #[must_use]
    fn shape(&self) -> (usize, usize);
}

/// A matrix, or a part of one, as an argument from which the compiler knows the backend: `&B`, and the backend's own
/// [`Columns`] if it implements this trait for them.
pub trait IntoColumns<'a> {
    /// The backend.
    type Tensor: Tensor;

    /// Returns the columns.
    fn into_columns(self) -> <Self::Tensor as Tensor>::Columns<'a>;
}

impl<'a, B: Tensor> IntoColumns<'a> for &'a B {
    type Tensor = B;

    fn into_columns(self) -> B::Columns<'a> {
        self.into()
    }
}

/// A formula for [`Tensor::zip`].
///
/// ```
/// use mlp_core::Scalar;
/// use mlp_core::backend::ZipFormula;
///
/// /// Gradient descent with momentum: v = m v + g, then W - eta v replaces g.
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
    /// Returns the new values of `own` (an element of `self`) and of the `state`. Write it without `if` on numbers; use
    /// [`Scalar::select_gt`].
    fn apply<T: Scalar>(&self, own: T, other: T, state: [T; S]) -> (T, [T; S]);
}

/// Defines a formula for [`Tensor::zip`].
macro_rules! formula {
    ($(#[$doc:meta])* $name:ident<$states:literal>, |$own:pat_param, $other:pat_param, $state:pat_param| $result:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl $crate::backend::ZipFormula<$states> for $name {
            #[inline(always)]
            fn apply<T: $crate::Scalar>(&self, $own: T, $other: T, $state: [T; $states]) -> (T, [T; $states]) {
                $result
            }
        }
    };
}
pub(crate) use formula;

formula!(Sum<0>, |own, other, []| (own + other, []));
formula!(
    /// To find out whether all of it is finite.
    Own<0>, |own, _, []| (own, [])
);
formula!(Other<0>, |_, other, []| (other, []));
formula!(Product<0>, |own, other, []| (own * other, []));
