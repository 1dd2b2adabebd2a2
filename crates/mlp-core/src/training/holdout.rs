//! A data set in two parts: one to train on, one held out.

use super::{DataError, Dataset};
use crate::backend::Tensor;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

impl<B: Tensor> Dataset<B> {
    /// (train, held out): `fraction` of the samples, to the nearest whole number (a half counts as one), is drawn at
    /// random and held out. In both parts samples keep their order and their weights. Same `seed`, same parts.
    ///
    /// ```
    /// # use mlp_core::Dataset;
    /// # use mlp_cpu::Matrix;
    /// let column = Matrix::<f64>::from_fn(1, 10, |_, j| j as f64);
    /// let (train, held_out) = Dataset::new(column.clone(), column)?.split(0.2, 1)?;
    /// assert_eq!((train.len(), held_out.len()), (8, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `fraction` is not a number above 0 and below 1, or a part would have no samples, or none with a weight above
    /// 0.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), SplitError> {
        let members = (0..self.len()).collect();
        let held_out = held_out(self.len(), fraction)?;
        self.parts([(members, held_out)], seed)
    }

    /// [`split`](Self::split) in which every class keeps its share, for targets that are class indices (1 x N) or one-hot
    /// (K x N). Of the H samples held out, class k with n_k of the N samples has H n_k / N, rounded down; those that are
    /// then missing in H come from the classes with the largest remainders, the lower class first where they are equal.
    ///
    /// # Errors
    /// As [`split`](Self::split); and if a target is no class ([`labels`](Self::labels)), or a class of which there are
    /// samples would have none in one of the parts.
    pub fn stratified_split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), SplitError> {
        let total = held_out(self.len(), fraction)?;
        // A map: a class index may be any number, and not worth that much memory.
        let mut classes = BTreeMap::<usize, Vec<usize>>::new();
        for (sample, class) in self.labels()?.into_iter().enumerate() {
            classes.entry(class).or_default().push(sample);
        }
        let sizes: Vec<usize> = classes.values().map(Vec::len).collect();
        let shares = shares(&sizes, total);
        for ((&class, members), &held_out) in classes.iter().zip(&shares) {
            if held_out == 0 || held_out == members.len() {
                return Err(SplitError::Class {
                    class,
                    samples: members.len(),
                    held_out,
                });
            }
        }
        self.parts(classes.into_values().zip(shares), seed)
    }

    /// The parts, if of each list of samples as many as the number beside it are held out.
    fn parts(
        &self,
        groups: impl IntoIterator<Item = (Vec<usize>, usize)>,
        seed: u64,
    ) -> Result<(Self, Self), SplitError> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (mut train, mut held_out) = (Vec::new(), Vec::new());
        for (mut members, count) in groups {
            members.shuffle(&mut generator);
            let (held, rest) = members.split_at(count);
            held_out.extend_from_slice(held);
            train.extend_from_slice(rest);
        }
        train.sort_unstable();
        held_out.sort_unstable();
        Ok((self.subset(&train)?, self.subset(&held_out)?))
    }
}

/// How many of `samples` are held out.
fn held_out(samples: usize, fraction: f64) -> Result<usize, SplitError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(SplitError::Fraction { got: fraction });
    }
    let held_out = (fraction * samples as f64 + 0.5) as usize;
    if held_out == 0 || held_out >= samples {
        return Err(SplitError::EmptyPart { samples, held_out });
    }
    Ok(held_out)
}

/// `total` in proportion to `sizes`, by largest remainders: whole numbers that sum to `total`, which is at most the sum
/// of `sizes`, and none above its size.
fn shares(sizes: &[usize], total: usize) -> Vec<usize> {
    let samples: u128 = sizes.iter().map(|&size| size as u128).sum();
    let exact = |size: usize| total as u128 * size as u128;
    let mut shares: Vec<usize> = sizes.iter().map(|&size| (exact(size) / samples) as usize).collect();
    let missing = total - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    // Stable: the lower one first where remainders are equal.
    by_remainder.sort_by_key(|&k| core::cmp::Reverse(exact(sizes[k]) % samples));
    for &k in &by_remainder[..missing] {
        shares[k] += 1;
    }
    shares
}

/// Why a data set cannot be split.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SplitError {
    /// A fraction that leaves nothing for one of the parts.
    Fraction {
        /// The fraction.
        got: f64,
    },
    /// Too few samples: one part would have none.
    EmptyPart {
        /// How many there are.
        samples: usize,
        /// How many would be held out.
        held_out: usize,
    },
    /// Too few samples of a class: one part would have none of them.
    Class {
        /// The class.
        class: usize,
        /// How many samples it has.
        samples: usize,
        /// How many of them would be held out.
        held_out: usize,
    },
    /// Targets that are no classes, or a part that cannot be trained on.
    Data(DataError),
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fraction { got } => write!(f, "split: expected a fraction above 0 and below 1, got {got}"),
            Self::EmptyPart { samples, held_out } => {
                write!(
                    f,
                    "split: expected samples in both parts, got {held_out} of {samples} held out"
                )
            }
            Self::Class {
                class,
                samples,
                held_out,
            } => write!(
                f,
                "split: expected samples of class {class} in both parts, got {held_out} of {samples} held out"
            ),
            Self::Data(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SplitError {}

impl From<DataError> for SplitError {
    fn from(error: DataError) -> Self {
        Self::Data(error)
    }
}
