//! A loss as a value, which can be chosen in a file, on a command line or in code.

use super::{BinaryCrossEntropy, HalfMse, Huber, Loss, Mae, Mse, Pinball, SoftmaxCrossEntropy, TargetKind};
use crate::Scalar;
use crate::kind::kinds;

kinds! {
    $ match_kind, "loss";
    /// One of this crate's losses, as a value.
    ///
    /// A kind is itself a loss. It gives the same bits as the loss it holds, but selects it anew for each sample. If the
    /// code knows the loss, the concrete type is faster.
    ///
    /// The parameters are `delta` of `huber`, `low` and `high` of `pinball`, and two of `softmax_cross_entropy`:
    /// `probabilities`, which is 0 if the target is a class index and 1 if it is a probability for each class, and
    /// `label_smoothing`.
    ///
    /// ```
    /// use mlp_core::{Huber, Loss, LossKind, SoftmaxCrossEntropy, TargetKind};
    ///
    /// let kind = LossKind::from(Huber::new(0.5)?);
    /// assert_eq!((kind.name(), kind.target_kind()), ("huber", TargetKind::Real));
    /// assert_eq!(kind.value(&[2.0], &[0.0]), 0.875);
    /// assert_eq!("softmax_cross_entropy".parse::<LossKind>()?.target_kind(), TargetKind::Class);
    ///
    /// let kind = LossKind::from(SoftmaxCrossEntropy::for_probabilities());
    /// assert_eq!(kind.parameters(), [("probabilities", 1.0), ("label_smoothing", 0.0)]);
    /// assert_eq!(LossKind::from_parts(kind.name(), &kind.parameters())?, kind);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq)]
    LossKind [];
    "half_squared_error" => HalfMse(), HalfMse;
    "mean_squared_error" => Mse(), Mse;
    "mean_absolute_error" => Mae(), Mae;
    "huber" => Huber(delta), Huber::new(delta)?;
    "pinball" => Pinball(low, high), Pinball::between(low, high)?;
    "softmax_cross_entropy" => SoftmaxCrossEntropy(probabilities, label_smoothing),
        SoftmaxCrossEntropy::with_target(probabilities)?.smoothing(label_smoothing)?;
    "binary_cross_entropy" => BinaryCrossEntropy(), BinaryCrossEntropy;
}

impl Loss for LossKind {
    fn target_kind(&self) -> TargetKind {
        match_kind!(self, loss => loss.target_kind())
    }

    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        match_kind!(self, loss => loss.value(prediction, target))
    }

    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        match_kind!(self, loss => loss.value_and_gradient(prediction, target, gradient))
    }

    fn accumulate<T: Scalar, const N: usize>(
        &self,
        prediction: &[T],
        target: &[T],
        gradient: &mut [T],
        factors: [T; 2],
        sums: &mut [T; N],
    ) {
        match_kind!(self, loss => loss.accumulate(prediction, target, gradient, factors, sums));
    }
}
