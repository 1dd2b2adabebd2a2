use super::random::{number, seed_at};
use crate::backend::{Tensor, ZipFormula};
use crate::backpropagation as pass;
use crate::error::below_one;
use crate::workspace::{LayerBuffers, columns};
use crate::{Activation, ActivationKind, Dense, HyperParameterError, Mlp, Scalar, Schedule, Workspace};
use alloc::vec::Vec;
use core::array;
use core::mem;
use core::ops::Range;

/// Dropout: in a training step, each activation of the hidden layers is set to 0 with probability p. Otherwise it is
/// multiplied by 1 / (1 - p), so that its expected value does not change. Predictions and validation use all neurons.
///
/// Whether an activation is dropped depends only on the seed, the number of the step, the layer, the neuron and the
/// position of the sample in the batch. It is the same on any number of threads, and after training has been
/// interrupted. A loop of your own uses [`Mlp::forward_with_dropout`].
///
/// Source: N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, *Dropout: A Simple Way to Prevent
/// Neural Networks from Overfitting* (JMLR 15, 2014), section 10, in the form that scales during training.
///
/// ```
/// use mlp_core::{Adam, Dropout, Mse, Trainer};
/// use mlp_cpu::Matrix;
///
/// let optimizer = Adam::<Matrix<f32>>::new(0.001)?;
/// let trainer = Trainer::new(Mse, optimizer).dropout(Dropout::new(0.5, 7)?);
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    probability: f64,
    seed: u64,
    schedule: Schedule,
}

impl Dropout {
    /// Drops activations with the given probability p, drawn with `seed`. They are dropped by numbers of 15 bits, so with
    /// the multiple of 2^-15 next to p.
    ///
    /// # Errors
    /// Returns an error if `probability` is not a number of at least 0 and below 1.
    pub fn new(probability: f64, seed: u64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            probability: below_one("dropout probability", probability)?,
            seed,
            schedule: Schedule::constant(),
        })
    }

    /// Returns the probability p, without the factor of a schedule.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Multiplies the probability by a factor that follows `schedule`, whose t counts the steps. A factor above 1 counts
    /// as 1.
    ///
    /// ```
    /// use mlp_core::{Dropout, Schedule};
    ///
    /// // 0.15 for the first half of 1000 steps, then less and less.
    /// let dropout = Dropout::new(0.15, 7)?.schedule(Schedule::flat_cosine(1000)?);
    /// assert_eq!(dropout.probability(), 0.15);
    /// # Ok::<(), mlp_core::HyperParameterError>(())
    /// ```
    #[must_use]
    pub fn schedule(self, schedule: Schedule) -> Self {
        Self { schedule, ..self }
    }

    /// Runs the forward pass of step `step` through `layers`. `first` is the index of the first sample of `input` in the
    /// batch.
    #[inline(never)]
    pub(super) fn forward<B: Tensor, C: Activation>(
        &self,
        [step, first]: [u64; 2],
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        input: B::Columns<'_>,
        workspace: &mut Workspace<B>,
    ) {
        workspace.reserve_masks();
        let mut values = mem::take(&mut workspace.values);
        let probability = self.probability * self.schedule.factor(step).min(1.0);
        pass::forward(layers, activations, input, workspace, |layer, samples, buffers| {
            // The last layer has no mask.
            if let LayerBuffers {
                activation,
                derivative: Some(derivative),
                mask: Some(mask),
                ..
            } = buffers
            {
                let seed = seed_at(self.seed, &[step, layer as u64]);
                draw::<B>(probability, seed, first..first + samples as u64, mask, &mut values);
                activation.zip(columns(mask, samples), [derivative], &Mask);
            }
        });
        workspace.values = values;
    }
}

/// Draws the factors of the activations of `samples`, whose numbers count from the start of the batch, into the first
/// columns of `mask`. `values` is scratch memory.
fn draw<B: Tensor>(probability: f64, seed: u64, samples: Range<u64>, mask: &mut B, values: &mut Vec<B::Scalar>) {
    let [dropped, kept] = [0.0, 1.0 / (1.0 - probability)].map(B::Scalar::from_f64);
    // The factors of four activations, of which those are kept whose bit in the index is 1.
    let patterns: [_; 16] =
        array::from_fn(|bits| [0, 1, 2, 3].map(|k| if bits >> k & 1 == 1 { kept } else { dropped }));
    let keeping = keeping(probability);
    let (rows, columns) = mask.shape();
    values.resize(rows * columns, kept);
    for (sample, column) in samples.zip(values.chunks_exact_mut(rows)) {
        let seed = seed_at(seed, &[sample]);
        let factors = |i| patterns[kept_of_four(number(seed, i), keeping)];
        let (fours, rest) = column.as_chunks_mut::<4>();
        let whole = fours.len() as u64;
        for (four, i) in fours.iter_mut().zip(0..) {
            *four = factors(i);
        }
        rest.copy_from_slice(&factors(whole)[..rest.len()]);
    }
    mask.write(values);
}

/// Four numbers of 16 bits, each 1.
const FOUR: u64 = 0x0001_0001_0001_0001;

/// Returns what to add to a number of 15 random bits, so that bit 15 of the sum is 0 with `probability`, for four numbers.
fn keeping(probability: f64) -> u64 {
    ((1.0 - probability) * 32_768.0 + 0.5) as u64 * FOUR
}

/// Returns which of four activations are kept, as four bits, by a random number.
#[inline(always)]
fn kept_of_four(random: u64, keeping: u64) -> usize {
    let sums = (random & (0x7fff * FOUR)) + keeping;
    // The product moves bits 15, 31, 47 and 63 to bits 60 to 63.
    ((sums & (0x8000 * FOUR)).wrapping_mul(1 | 1 << 15 | 1 << 30 | 1 << 45) >> 60) as usize
}

/// Training loops of your own.
impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Runs the [`forward`](Self::forward) pass of training step `step` = 0, 1, ..., with dropout of the hidden layers'
    /// activations. Their derivatives are multiplied by the same factors, so that [`backward`](Self::backward) or
    /// [`pullback`](Self::pullback) after it is that of the network with dropout. A [`Trainer`](crate::Trainer) with
    /// this dropout does the same.
    ///
    /// The first pass with a workspace allocates memory for the factors.
    ///
    /// ```
    /// use mlp_core::{Adam, Dropout, HalfMse, Mlp, Samples, Trainer, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[2.0], [-1.0], [3.0]]);
    /// let target = Matrix::from_columns(&[[3.0], [1.0], [5.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).build()?;
    /// let mut trained = network.clone();
    /// let (mut adam, dropout) = (Adam::new(0.1)?, Dropout::new(0.2, 7)?);
    /// let mut trainer = Trainer::new(HalfMse, adam.clone()).dropout(dropout.clone());
    ///
    /// let mut workspace = Workspace::new(&network, 3)?;
    /// for step in 0..10 {
    ///     network.forward_with_dropout(&input, &dropout, step, &mut workspace);
    ///     network.loss(&HalfMse, &target, &mut workspace);
    ///     network.backward(&mut workspace);
    ///     network.gradient(&input, &mut workspace);
    ///     adam.update(network.layers_mut(), workspace.gradient_mut())?;
    ///     trainer.step(&mut trained, Samples::new(&input, &target)?)?;
    /// }
    /// assert_eq!(network, trained);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `input` does not have n_in rows or has more columns than the workspace, or if the workspace does not fit
    /// the network.
    #[track_caller]
    pub fn forward_with_dropout<'a>(
        &self,
        input: impl Into<B::Columns<'a>>,
        dropout: &Dropout,
        step: u64,
        workspace: &mut Workspace<B>,
    ) {
        let input = input.into();
        self.begin_forward(input, workspace);
        B::with_float_environment(|| dropout.forward([step, 0], self.layers(), self.activations(), input, workspace));
    }
}

/// Multiplies activation and derivative by the mask.
struct Mask;

impl ZipFormula<1> for Mask {
    #[inline(always)]
    fn apply<T: Scalar>(&self, activation: T, factor: T, [derivative]: [T; 1]) -> (T, [T; 1]) {
        (activation * factor, [derivative * factor])
    }
}

#[cfg(feature = "serde")]
crate::serialize::checked!(
    Dropout {
        probability: f64,
        seed: u64,
        schedule: Schedule
    },
    |it| Self::new(it.probability, it.seed).map(|dropout| dropout.schedule(it.schedule))
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    /// Compares with the four numbers one by one.
    #[test]
    fn four_activations_are_kept_by_four_numbers() {
        let mut seen = [false; 16];
        for probability in [0.0, 1e-6, 0.15, 0.5, 0.9, 1.0 - 1e-9] {
            let dropping = libm::round(probability * 32_768.0) as u64;
            for i in 0..1000 {
                let random = number(7, i);
                let kept = kept_of_four(random, keeping(probability));
                for k in 0..4 {
                    let number = random >> (16 * k) & 0x7fff;
                    assert_eq!(kept >> k & 1 == 1, number >= dropping, "{probability}");
                }
                seen[kept] = true;
            }
        }
        assert_eq!(seen, [true; 16]);
    }

    #[test]
    fn dropout_returns_the_probability_and_the_seed_it_was_given() {
        let dropout = Dropout::new(0.25, 7).unwrap();
        assert_eq!((dropout.probability(), dropout.seed()), (0.25, 7));
        assert_eq!(Dropout::new(0.0, 0).unwrap().probability(), 0.0);
        for probability in [-0.1, 1.0, f64::NAN] {
            let error = Dropout::new(probability, 0).unwrap_err();
            assert!(
                error.to_string().starts_with("dropout probability: expected "),
                "{error}"
            );
        }
    }
}
