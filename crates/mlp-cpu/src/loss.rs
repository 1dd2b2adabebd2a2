use crate::level::{Isa, Kernel};
use crate::{Element, MatrixRef};
use mlp_core::Loss;

/// The losses of samples, summed, and their gradients into the columns of `delta`, `stride` apart: see
/// [`Tensor::loss`](mlp_core::Tensor::loss).
pub(crate) struct LossAndGradient<'a, T, L> {
    pub(crate) loss: &'a L,
    pub(crate) prediction: MatrixRef<'a, T>,
    pub(crate) target: MatrixRef<'a, T>,
    pub(crate) sample_weights: Option<MatrixRef<'a, T>>,
    pub(crate) scale: T,
    pub(crate) delta: &'a mut [T],
    pub(crate) stride: usize,
}

impl<T: Element, L: Loss> Kernel for LossAndGradient<'_, T, L> {
    type Output = T;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> T {
        match (self.prediction.rows(), self.target.rows()) {
            // Of lengths that are known: a loop over outputs takes longer than the loss of one.
            (1, 1) => self.sum(1, 1),
            (outputs, targets) => self.sum(outputs, targets),
        }
    }
}

impl<T: Element, L: Loss> LossAndGradient<'_, T, L> {
    /// For columns of so many numbers.
    #[inline(always)]
    fn sum(self, outputs: usize, targets: usize) -> T {
        // Sums of a few samples first, so that in f32 many small losses are not lost beside a large sum.
        const SAMPLES_PER_SUM: usize = 64;
        let (mut total, mut sum) = (T::zero(), T::zero());
        let (mut delta, mut prediction, mut target) = (self.delta, self.prediction.storage(), self.target.storage());
        for j in 0..self.prediction.columns() {
            let gradient = &mut delta[..outputs];
            if j % SAMPLES_PER_SUM == 0 {
                total += sum;
                sum = T::zero();
            }
            let weight = self.sample_weights.map_or(T::one(), |weights| weights[(0, j)]);
            if weight.is_zero() {
                // Left out, even if its loss is infinite.
                gradient.fill(T::zero());
            } else {
                sum += weight
                    * self
                        .loss
                        .value_and_gradient(&prediction[..outputs], &target[..targets], gradient);
                let factor = self.scale * weight;
                for d in gradient {
                    *d *= factor;
                }
            }
            delta = &mut delta[self.stride..];
            prediction = &prediction[self.prediction.stride()..];
            target = &target[self.target.stride()..];
        }
        total + sum
    }
}
