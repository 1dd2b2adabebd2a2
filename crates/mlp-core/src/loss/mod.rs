//! Losses. Each defines the loss of one sample, l(prediction, target).
//!
//! The loss of a batch is the mean over its samples, L = 1/N sum_i l_i; with sample weights w, it is the weighted mean
//! sum_i w_i l_i / sum_i w_i, so a sample of weight 2 counts twice.

mod binary_cross_entropy;
mod half_mse;
mod huber;
mod kind;
mod mae;
mod model;
mod mse;
mod pinball;
mod softmax_cross_entropy;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use half_mse::HalfMse;
pub use huber::Huber;
pub use kind::LossKind;
pub use mae::Mae;
pub use model::ModelLoss;
pub use mse::Mse;
pub use pinball::Pinball;
pub use softmax_cross_entropy::{SoftmaxCrossEntropy, softmax};
pub(crate) use softmax_cross_entropy::{class_index, softmax_in_place};

use crate::error::check_shape;
use crate::{Dual, Scalar};
use core::array;
use core::fmt::Debug;

/// The kind of target that a loss takes for a sample.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetKind {
    /// One real number per output.
    Real,
    /// One number in [0, 1] per output, independent of the others.
    Probability,
    /// One number in [0, 1] per output, with sum 1.
    Distribution,
    /// A single number: the index of the class, 0 to outputs - 1.
    Class,
}

impl TargetKind {
    /// Returns how many numbers the target of a sample has, for a network with `outputs` outputs.
    pub(crate) fn rows(self, outputs: usize) -> usize {
        match self {
            Self::Class => 1,
            Self::Real | Self::Probability | Self::Distribution => outputs,
        }
    }
}

/// A loss of one sample, l(prediction, target).
///
/// If l is a sum over the outputs, implement [`ElementLoss`] instead: it needs one formula only and derives the
/// gradient. Implement this trait if the outputs interact, as in softmax. `mlp_core::check_loss!` compares the gradient
/// with the derivative of the value that dual numbers give.
pub trait Loss: Clone + Debug + Send + Sync + 'static {
    /// Returns the kind of target that the loss takes.
    fn target_kind(&self) -> TargetKind {
        TargetKind::Real
    }

    /// Returns how many numbers the target of a sample has, for a network with `outputs` outputs.
    fn target_rows(&self, outputs: usize) -> usize {
        self.target_kind().rows(outputs)
    }

    /// Returns l. `prediction` has one number per output, and `target` is of the kind
    /// [`target_kind`](Self::target_kind).
    ///
    /// # Panics
    /// If the lengths do not match.
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T;

    /// Returns l, and writes its gradient with respect to the prediction, dl/d(prediction), to `gradient`, in one pass.
    ///
    /// # Panics
    /// If the lengths do not match.
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T;

    /// Adds a sample to the loss of a batch: adds `weight` l to the total of all `sums`, and sets `gradient` to `scale`
    /// dl/d(prediction).
    ///
    /// There is a default implementation. The loss may spread the addition over the N sums in any way that depends only
    /// on N and the number of outputs, because additions to different sums do not wait for each other.
    ///
    /// # Panics
    /// If the lengths do not match, or N is 0.
    #[inline(always)]
    fn accumulate<T: Scalar, const N: usize>(
        &self,
        prediction: &[T],
        target: &[T],
        gradient: &mut [T],
        [weight, scale]: [T; 2],
        sums: &mut [T; N],
    ) {
        sums[0] += weight * self.value_and_gradient(prediction, target, gradient);
        for derivative in gradient {
            *derivative *= scale;
        }
    }
}

/// A loss that is the sum or mean of one formula over the outputs. To define your own loss, write that formula.
///
/// ```
/// use mlp_core::{ElementLoss, Loss, Scalar};
///
/// /// ln cosh(prediction - target).
/// #[derive(Clone, Debug)]
/// struct LogCosh;
///
/// impl ElementLoss for LogCosh {
///     fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
///         let distance = (prediction - target).abs();
///         distance + (T::from_f64(-2.0) * distance).exp().ln_1p() - T::from_f64(core::f64::consts::LN_2)
///     }
/// }
///
/// let mut gradient = [0.0];
/// LogCosh.value_and_gradient(&[1.5], &[0.5], &mut gradient);
/// assert!((gradient[0] - f64::tanh(1.0)).abs() < 1e-15);
/// ```
pub trait ElementLoss: Clone + Debug + Send + Sync + 'static {
    /// Returns the kind of target that the loss takes, which must have one number per output.
    fn target_kind(&self) -> TargetKind {
        TargetKind::Real
    }

    /// Returns whether l is the mean over the outputs (the default) or their sum.
    fn over_outputs(&self) -> OverOutputs {
        OverOutputs::Mean
    }

    /// Returns the term of one output. Write it without `if` on numbers (use [`Scalar::select_gt`]), and return NaN for
    /// NaN.
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T;
}

/// How an [`ElementLoss`] combines the outputs of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverOutputs {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
}

impl OverOutputs {
    fn factor<T: Scalar>(self, outputs: usize) -> T {
        match self {
            Self::Sum => T::one(),
            Self::Mean => T::one() / T::from_f64(outputs as f64),
        }
    }
}

/// Panics unless `what` has the expected number of elements.
#[track_caller]
#[inline(always)]
fn check_length(what: &str, expected: usize, got: usize) {
    check_shape("loss", what, (expected, 1), (got, 1));
}

impl<L: ElementLoss> Loss for L {
    fn target_kind(&self) -> TargetKind {
        ElementLoss::target_kind(self)
    }

    #[inline(always)]
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        check_length("target", prediction.len(), target.len());
        let mut sum = T::zero();
        for (&p, &t) in prediction.iter().zip(target) {
            sum += self.element(p, t);
        }
        sum * self.over_outputs().factor(prediction.len())
    }

    #[inline(always)]
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        const SUMS: usize = 16;
        if prediction.len() < SUMS {
            let mut sum = [T::zero()];
            self.accumulate(prediction, target, gradient, [T::one(); 2], &mut sum);
            return sum[0];
        }
        // For many outputs, several sums lose less accuracy than a single one.
        let mut sums = [T::zero(); SUMS];
        self.accumulate(prediction, target, gradient, [T::one(); 2], &mut sums);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                sums[i] += sums[i + half];
            }
        }
        sums[0]
    }

    /// Adds output i to sum i modulo N. The outputs after the last whole group of N are added to sums modulo 4, and
    /// those after the last whole group of 4 to the first sum.
    #[inline(always)]
    fn accumulate<T: Scalar, const N: usize>(
        &self,
        prediction: &[T],
        target: &[T],
        gradient: &mut [T],
        [weight, scale]: [T; 2],
        sums: &mut [T; N],
    ) {
        check_length("target", prediction.len(), target.len());
        check_length("gradient", prediction.len(), gradient.len());
        let factor = self.over_outputs().factor::<T>(prediction.len());
        let factors = [weight * factor, factor, scale];
        let rest = accumulate_arrays::<T, L, N>(self, (prediction, target, gradient), factors, sums);
        let rest = match sums.first_chunk_mut::<4>() {
            Some(sums) => accumulate_arrays(self, rest, factors, sums),
            None => rest,
        };
        accumulate_arrays::<T, L, 1>(self, rest, factors, array::from_mut(&mut sums[0]));
    }
}

/// Predictions, targets and gradients of some outputs.
type Outputs<'a, T> = (&'a [T], &'a [T], &'a mut [T]);

/// Runs [`Loss::accumulate`] on N outputs at a time, each with its own sum. Returns the remaining outputs.
#[inline(always)]
fn accumulate_arrays<'a, T: Scalar, L: ElementLoss, const N: usize>(
    loss: &L,
    (predictions, targets, gradients): Outputs<'a, T>,
    [weight, factor, scale]: [T; 3],
    sums: &mut [T; N],
) -> Outputs<'a, T> {
    let (predictions, prediction_rest) = predictions.as_chunks::<N>();
    let (targets, target_rest) = targets.as_chunks::<N>();
    let (gradients, gradient_rest) = gradients.as_chunks_mut::<N>();
    for ((&prediction, &target), gradient) in predictions.iter().zip(targets).zip(gradients) {
        // All derivatives are computed before any is written, because otherwise the compiler must assume that a write
        // changes what is read next.
        let mut derivatives = [T::zero(); N];
        for i in 0..N {
            let term = loss.element(Dual::variable(prediction[i]), Dual::constant(target[i]));
            sums[i] += weight * term.value;
            derivatives[i] = term.derivative * factor * scale;
        }
        *gradient = derivatives;
    }
    (prediction_rest, target_rest, gradient_rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// A loss that is the sum of the predictions.
    #[derive(Clone, Copy, Debug)]
    struct Total;

    impl ElementLoss for Total {
        fn element<T: Scalar>(&self, prediction: T, _: T) -> T {
            prediction
        }

        fn over_outputs(&self) -> OverOutputs {
            OverOutputs::Sum
        }
    }

    #[test]
    fn sixteen_outputs_are_summed_by_halves_and_fewer_one_by_one() {
        // 2^53 + 1 rounds to 2^53.
        let large = 9_007_199_254_740_992.0;
        for (outputs, expected) in [(15, 0.0), (16, 13.0)] {
            let mut prediction = vec![1.0; outputs];
            (prediction[0], prediction[outputs - 1]) = (large, -large);
            let mut gradient = vec![0.0; outputs];
            let sum = Total.value_and_gradient(&prediction, &vec![0.0; outputs], &mut gradient);
            assert_eq!((sum, gradient), (expected, vec![1.0; outputs]));
        }
    }
}
