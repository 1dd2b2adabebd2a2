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
    fn run<I: Isa>(self) -> T {
        // Sums of a few samples first, so that in f32 many small losses are not lost beside a large sum.
        const TOGETHER: usize = 64;
        let outputs = self.prediction.rows();
        let (mut total, mut sum) = (T::zero(), T::zero());
        let columns = self.delta.chunks_exact_mut(self.stride);
        for (j, (delta, prediction)) in columns.zip(self.prediction.iter_columns()).enumerate() {
            let delta = &mut delta[..outputs];
            if j % TOGETHER == 0 {
                total += sum;
                sum = T::zero();
            }
            let weight = self.sample_weights.map_or(T::one(), |weights| weights[(0, j)]);
            if weight.is_zero() {
                // Left out, even if its loss is infinite.
                delta.fill(T::zero());
                continue;
            }
            sum += weight * self.loss.value_and_gradient(prediction, self.target.column(j), delta);
            let factor = self.scale * weight;
            for d in delta {
                *d *= factor;
            }
        }
        total + sum
    }
}
