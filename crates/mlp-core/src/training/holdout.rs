//! Splits a data set into a part to train on and a part that is held out.

use super::{DataError, Dataset};
use crate::backend::Tensor;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt::Display;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

impl<B: Tensor> Dataset<B> {
    /// Splits the samples at random and returns (train, held out). The held-out part has `fraction` of the samples,
    /// rounded to the nearest whole number (a half is rounded up). In both parts the samples keep their order and their
    /// weights. The same `seed` gives the same parts.
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
    /// Returns an error if `fraction` is not a number above 0 and below 1, or if one part would have no samples or no
    /// sample with a weight above 0.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let members = (0..self.len()).collect();
        let held_out = held_out(self.len(), fraction)?;
        self.parts([(members, held_out)], seed)
    }

    /// Splits like [`split`](Self::split), but keeps the share of every class. The targets must be class indices (1 x
    /// N) or one-hot (K x N).
    ///
    /// If H of the N samples are held out and class k has n_k samples, then H n_k / N of them, rounded down, are held
    /// out. The samples still missing from H are taken from the classes with the largest remainders. Where remainders
    /// are equal, the lower class comes first.
    ///
    /// # Errors
    /// Returns the same errors as [`split`](Self::split). Also returns an error if a target is not a class (see
    /// [`labels`](Self::labels)), or if a class that has samples would have none in one of the parts.
    pub fn stratified_split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let total = held_out(self.len(), fraction)?;
        let classes = self.members_by_class()?;
        let sizes: Vec<usize> = classes.values().map(Vec::len).collect();
        let shares = shares(&sizes, total);
        for ((&class, members), &held_out) in classes.iter().zip(&shares) {
            if held_out == 0 || held_out == members.len() {
                let part = format_args!("samples of class {class}");
                return Err(empty_part(part, held_out, members.len()));
            }
        }
        self.parts(classes.into_values().zip(shares), seed)
    }

    /// Returns the samples of each class that has any. It is a map rather than a vector: a class index may be so large
    /// that a vector of that length would waste memory.
    pub(super) fn members_by_class(&self) -> Result<BTreeMap<usize, Vec<usize>>, DataError> {
        let mut classes = BTreeMap::<usize, Vec<usize>>::new();
        for (sample, class) in self.labels()?.into_iter().enumerate() {
            classes.entry(class).or_default().push(sample);
        }
        Ok(classes)
    }

    /// Returns (train, held out). Each group is a list of samples and how many of them to hold out.
    fn parts(
        &self,
        groups: impl IntoIterator<Item = (Vec<usize>, usize)>,
        seed: u64,
    ) -> Result<(Self, Self), DataError> {
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

/// Returns how many of `samples` are held out.
fn held_out(samples: usize, fraction: f64) -> Result<usize, DataError> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(DataError::invalid("split", "a fraction above 0 and below 1", fraction));
    }
    let held_out = (fraction * samples as f64 + 0.5) as usize;
    if held_out == 0 || held_out >= samples {
        return Err(empty_part("samples", held_out, samples));
    }
    Ok(held_out)
}

fn empty_part(members: impl Display, held_out: usize, samples: usize) -> DataError {
    let got = format_args!("{held_out} of {samples} held out");
    DataError::invalid("split", format_args!("{members} in both parts"), got)
}

/// Divides `total` in proportion to `sizes` by the method of largest remainders. Returns whole numbers that sum to
/// `total`, none of them above its size. `total` must be at most the sum of `sizes`.
fn shares(sizes: &[usize], total: usize) -> Vec<usize> {
    let samples: u128 = sizes.iter().map(|&size| size as u128).sum();
    let exact = |size: usize| total as u128 * size as u128;
    let mut shares: Vec<usize> = sizes.iter().map(|&size| (exact(size) / samples) as usize).collect();
    let missing = total - shares.iter().sum::<usize>();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    // The sort is stable, so the lower index comes first where remainders are equal.
    by_remainder.sort_by_key(|&k| core::cmp::Reverse(exact(sizes[k]) % samples));
    for &k in &by_remainder[..missing] {
        shares[k] += 1;
    }
    shares
}
