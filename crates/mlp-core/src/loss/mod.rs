//! Losses: the loss of one sample, l(prediction, target), one definition each.
//!
//! The loss of a batch is the mean over its samples, L = 1/N sum_i l_i; with sample weights w, the weighted mean
//! sum_i w_i l_i / sum_i w_i, so that weight 2 is the sample twice.

mod binary_cross_entropy;
mod half_squared_error;
mod huber;
mod kind;
mod mean_absolute_error;
mod mean_squared_error;
mod softmax_cross_entropy;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use half_squared_error::HalfSquaredError;
pub use huber::Huber;
pub use kind::LossKind;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use softmax_cross_entropy::{SoftmaxCrossEntropy, softmax};
pub(crate) use softmax_cross_entropy::{class_index, softmax_in_place};

use crate::error::check_shape;
use crate::{Dual, Scalar};
use core::array;
use core::fmt::Debug;

/// What a loss takes as target of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetKind {
    /// One real number per output.
    Real,
    /// One number in [0, 1] per output, each for itself.
    Probability,
    /// One number in [0, 1] per output, together 1.
    Distribution,
    /// A single number: the index of the class, 0 to outputs - 1.
    Class,
}

/// A loss of one sample, l(prediction, target).
///
/// Where l is a sum over the outputs, implement [`ElementLoss`] instead: one formula, the gradient comes with it.
/// Implement this trait where the outputs act together (softmax); `mlp_core::check_loss!` (feature `check`) proves
/// the gradient against the dual numbers of the value.
pub trait Loss: Clone + Debug + Send + Sync + 'static {
    /// What it takes as target.
    fn target_kind(&self) -> TargetKind {
        TargetKind::Real
    }

    /// How many numbers the target of a sample has, for a network of `outputs` outputs.
    fn target_rows(&self, outputs: usize) -> usize {
        match self.target_kind() {
            TargetKind::Class => 1,
            TargetKind::Real | TargetKind::Probability | TargetKind::Distribution => outputs,
        }
    }

    /// l. `prediction` has one number per output, `target` as [`target_kind`](Self::target_kind) says.
    ///
    /// # Panics
    /// If the lengths do not fit.
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T;

    /// l, and its gradient with respect to the prediction, dl/d(prediction), in one pass.
    ///
    /// # Panics
    /// If the lengths do not fit.
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T;

    /// What a sample adds to the loss of a batch: the sum of all `sums` grows by `weight` l, and `gradient` becomes
    /// `scale` dl/d(prediction).
    ///
    /// Provided. What is added to which of the N sums is the loss's to choose, by N and the number of outputs alone:
    /// additions to different sums do not wait for each other.
    ///
    /// # Panics
    /// If the lengths do not fit, or N is 0.
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

/// A loss that is a sum (or mean) over the outputs of one formula: your own is that formula.
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
    /// What it takes as target: one number per output.
    fn target_kind(&self) -> TargetKind {
        TargetKind::Real
    }

    /// Whether l is the mean over the outputs (the default) or their sum.
    fn over_outputs(&self) -> OverOutputs {
        OverOutputs::Mean
    }

    /// The term of one output. Write it without `if` on numbers ([`Scalar::select_gt`]), with NaN for NaN.
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

/// Panics unless `what` has as many numbers as expected.
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
        // Several sums lose less of many outputs than a single one.
        let mut sums = [T::zero(); SUMS];
        self.accumulate(prediction, target, gradient, [T::one(); 2], &mut sums);
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                sums[i] += sums[i + half];
            }
        }
        sums[0]
    }

    /// Output i is added to sum i modulo N, and so are those of the last N that are not whole, modulo 4 and 1.
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

/// [`Loss::accumulate`] of N outputs at a time, each to a sum of its own. Returns those that are left.
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
        // All are computed before any is written, which otherwise might be what is read next.
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

    /// The sum of the predictions.
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
        // 2^53 + 1 is 2^53.
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
