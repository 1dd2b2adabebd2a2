use crate::elementwise;
use crate::matrix::PADDING;
use crate::raw::simd::{Isa, Kernel};
use crate::{Element, MatrixRef};
use core::slice;
use mlp_core::Loss;

/// The number of losses that are summed before their sum is added to the total. In f32, many small losses would
/// otherwise be lost beside a large sum.
const TERMS: usize = 64;

/// Computes the sum of the samples' losses, and writes their gradients into the columns of `delta`, which are `stride`
/// apart. See [`Tensor::loss`](mlp_core::backend::Tensor::loss).
pub(crate) struct LossAndGradient<'a, T, L> {
    pub(crate) loss: &'a L,
    pub(crate) prediction: MatrixRef<'a, T>,
    pub(crate) target: MatrixRef<'a, T>,
    pub(crate) sample_weights: Option<MatrixRef<'a, T>>,
    pub(crate) scale: T,
    pub(crate) delta: &'a mut [T],
    pub(crate) stride: usize,
}

impl<T: Element, L: Loss> LossAndGradient<'_, T, L> {
    /// Returns the sum of the losses.
    #[inline(always)]
    pub(crate) fn run(self) -> T {
        match self.prediction.rows() {
            ..4 => self.run_in_sums::<1>(),
            4..PADDING => self.run_in_sums::<4>(),
            _ => self.run_in_sums::<PADDING>(),
        }
    }

    #[inline(always)]
    fn run_in_sums<const N: usize>(self) -> T {
        let length = self.delta.len();
        let mut sums = elementwise::run(InSums::<_, N>(self), length);
        let mut half = N / 2;
        while half > 0 {
            for i in 0..half {
                sums[i] += sums[i + half];
            }
            half /= 2;
        }
        sums[0]
    }
}

/// Computes N partial sums. They are added outside of the kernel. Inside, the addition would keep the compiler from
/// holding the sums in vectors.
struct InSums<K, const N: usize>(K);

impl<T: Element, L: Loss, const N: usize> Kernel for InSums<LossAndGradient<'_, T, L>, N> {
    type Output = [T; N];

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> [T; N] {
        match (self.0.prediction.rows(), self.0.target.rows()) {
            // Constant lengths. A loop over outputs takes longer than the loss of one output.
            (1, 1) if N == 1 && self.0.sample_weights.is_none() => [self.0.sum_single(); N],
            (1, 1) if N == 1 => self.0.sums(1, 1),
            (2, 2) if N == 1 => self.0.sums(2, 2),
            (3, 3) if N == 1 => self.0.sums(3, 3),
            (4, 4) if N == 4 => self.0.sums(4, 4),
            (outputs, targets) => self.0.sums(outputs, targets),
        }
    }
}

impl<T: Element, L: Loss> LossAndGradient<'_, T, L> {
    /// Sums the losses for columns of one number, which are adjacent, and samples of equal weight. A loop over outputs
    /// would take longer than the loss of one output.
    #[inline(always)]
    fn sum_single(self) -> T {
        let samples = self.prediction.columns();
        let predictions = self.prediction.storage()[..samples].chunks(TERMS);
        let targets = self.target.storage()[..samples].chunks(TERMS);
        let deltas = self.delta[..samples].chunks_mut(TERMS);
        let mut total = T::zero();
        for (deltas, (predictions, targets)) in deltas.zip(predictions.zip(targets)) {
            let whole = deltas.len() == TERMS;
            let losses = deltas
                .iter_mut()
                .zip(predictions.iter().zip(targets))
                .map(|(delta, pair)| {
                    let mut gradient = T::zero();
                    let [prediction, target] = <[&T; 2]>::from(pair).map(slice::from_ref);
                    let loss = self
                        .loss
                        .value_and_gradient(prediction, target, slice::from_mut(&mut gradient));
                    *delta = gradient * self.scale;
                    loss
                });
            if whole {
                // A loop without the sum is vectorized.
                let mut terms = [T::zero(); TERMS];
                terms.iter_mut().zip(losses).for_each(|(term, loss)| *term = loss);
                total += elementwise::sum(&terms);
            } else {
                total += losses.fold(T::zero(), |sum, loss| sum + loss);
            }
        }
        total
    }

    /// Sums the losses for columns of `outputs` and `targets` numbers.
    #[inline(always)]
    fn sums<const N: usize>(self, outputs: usize, targets: usize) -> [T; N] {
        let samples_per_sum = (TERMS * N / outputs.max(1)).clamp(1, TERMS);
        let (mut totals, mut sums) = ([T::zero(); N], [T::zero(); N]);
        let mut add = |sums: [T; N]| {
            for (total, sum) in totals.iter_mut().zip(sums) {
                *total += sum;
            }
        };
        let (mut delta, mut prediction, mut target) = (self.delta, self.prediction.storage(), self.target.storage());
        for j in 0..self.prediction.columns() {
            let gradient = &mut delta[..outputs];
            if j % samples_per_sum == 0 {
                add(sums);
                sums = [T::zero(); N];
            }
            let weight = self.sample_weights.map_or(T::one(), |weights| weights[(0, j)]);
            if weight.is_zero() {
                // The sample is left out, even if its loss is infinite.
                gradient.fill(T::zero());
            } else {
                let (prediction, target) = (&prediction[..outputs], &target[..targets]);
                let factors = [weight, self.scale * weight];
                self.loss.accumulate(prediction, target, gradient, factors, &mut sums);
            }
            delta = &mut delta[self.stride..];
            prediction = &prediction[self.prediction.stride()..];
            target = &target[self.target.stride()..];
        }
        add(sums);
        totals
    }
}
