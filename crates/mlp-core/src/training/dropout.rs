use super::random::generator;
use crate::backend::{Tensor, ZipFormula};
use crate::error::below_one;
use crate::{HyperParameterError, Scalar};
use alloc::vec::Vec;
use rand::Rng;

/// Dropout: in a training step, each activation of the hidden layers is set to 0 with probability p. Otherwise it is
/// multiplied by 1 / (1 - p), so that its expected value does not change. Predictions and validation use all neurons.
///
/// The choice of dropped activations depends only on the seed, the number of the step, the layer and the position in
/// the batch. It is the same on any number of threads, and after training has been interrupted.
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    probability: f64,
    seed: u64,
}

impl Dropout {
    /// Drops activations with the given probability p, drawn with `seed`.
    ///
    /// # Errors
    /// Returns an error if `probability` is not a number of at least 0 and below 1.
    pub fn new(probability: f64, seed: u64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            probability: below_one("dropout probability", probability)?,
            seed,
        })
    }

    /// Returns the probability p.
    pub fn probability(&self) -> f64 {
        self.probability
    }

    /// Returns the seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Draws the factors for a layer's activations in step `step` into `mask`. `first` is the index of the first sample
    /// in the batch, and `values` is scratch memory.
    pub(super) fn draw<B: Tensor>(self, [step, layer, first]: [u64; 3], mask: &mut B, values: &mut Vec<B::Scalar>) {
        let mut random = generator(self.seed, &[step, layer, first]);
        let (rows, columns) = mask.shape();
        let kept = B::Scalar::from_f64(1.0 / (1.0 - self.probability));
        // A random number below this, out of 2^32 equally likely ones, drops an activation.
        let dropping = (self.probability * 4_294_967_296.0) as u64;
        let factor = |random: u64| {
            if random < dropping {
                B::Scalar::from_f64(0.0)
            } else {
                kept
            }
        };
        values.clear();
        while values.len() < rows * columns {
            let bits = random.next_u64();
            values.push(factor(bits >> 32));
            values.push(factor(bits & 0xffff_ffff));
        }
        values.truncate(rows * columns);
        mask.write(values);
    }
}

/// Multiplies activation and derivative by the mask.
pub(super) struct Mask;

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
        seed: u64
    },
    |it| Self::new(it.probability, it.seed)
);

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

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
