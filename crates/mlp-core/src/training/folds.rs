//! Divides a data set into folds for cross-validation, and shuffles it.

use super::{DataError, Dataset};
use crate::backend::Tensor;
use alloc::vec;
use alloc::vec::Vec;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

impl<B: Tensor> Dataset<B> {
    /// Divides the samples at random into `count` folds whose sizes differ by at most one. Returns one pair (train,
    /// held out) per fold: the fold is held out, and the others are to train on. Every sample is held out once. The
    /// samples of a part keep their order and their weights. The same `seed` gives the same folds.
    ///
    /// A pair is made when the iterator reaches it, so that only one copy of the data is in memory at a time.
    ///
    /// ```
    /// # use mlp_core::Dataset;
    /// # use mlp_cpu::Matrix;
    /// let column = Matrix::<f64>::from_fn(1, 10, |_, j| j as f64);
    /// let data = Dataset::new(column.clone(), column)?;
    /// for fold in data.folds(5, 1)? {
    ///     let (train, held_out) = fold?;
    ///     assert_eq!((train.len(), held_out.len()), (8, 2));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if `count` is less than 2 or more than the number of samples. A pair is an error if one of its
    /// parts has no sample with a weight above 0.
    pub fn folds(
        &self,
        count: usize,
        seed: u64,
    ) -> Result<impl ExactSizeIterator<Item = Result<(Self, Self), DataError>> + '_, DataError> {
        self.check_folds(count)?;
        Ok(self.deal([(0..self.len()).collect()], count, seed))
    }

    /// Divides the samples like [`folds`](Self::folds), but keeps the share of every class in each fold, up to one
    /// sample. The targets must be class indices (1 x N) or one-hot (K x N).
    ///
    /// # Errors
    /// Returns the same errors as [`folds`](Self::folds). Also returns an error if a target is not a class (see
    /// [`labels`](Self::labels)), or if a class that has samples has fewer than there are folds.
    pub fn stratified_folds(
        &self,
        count: usize,
        seed: u64,
    ) -> Result<impl ExactSizeIterator<Item = Result<(Self, Self), DataError>> + '_, DataError> {
        self.check_folds(count)?;
        let classes = self.members_by_class()?;
        for (&class, members) in &classes {
            if members.len() < count {
                let expected = format_args!("at least {count} samples of class {class}, one for each fold");
                return Err(DataError::invalid("folds", expected, members.len()));
            }
        }
        Ok(self.deal(classes.into_values(), count, seed))
    }

    /// Returns the samples in a random order, with their weights. The same `seed` gives the same order.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
        self.subset(&order).expect("the order has the same samples")
    }

    fn check_folds(&self, count: usize) -> Result<(), DataError> {
        let samples = self.len();
        if (2..=samples).contains(&count) {
            Ok(())
        } else {
            let expected = format_args!("from 2 to {samples} (the samples)");
            Err(DataError::invalid("folds", expected, count))
        }
    }

    /// Shuffles each group and deals its samples to the folds in turn, going on where the group before it ended.
    fn deal(
        &self,
        groups: impl IntoIterator<Item = Vec<usize>>,
        count: usize,
        seed: u64,
    ) -> impl ExactSizeIterator<Item = Result<(Self, Self), DataError>> + '_ {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut fold_of = vec![0; self.len()];
        let mut dealt = 0;
        for mut members in groups {
            members.shuffle(&mut generator);
            for sample in members {
                fold_of[sample] = dealt % count;
                dealt += 1;
            }
        }
        (0..count).map(move |fold| {
            let (held_out, train): (Vec<_>, Vec<_>) = (0..self.len()).partition(|&sample| fold_of[sample] == fold);
            Ok((self.subset(&train)?, self.subset(&held_out)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive::Naive;

    /// Sample j has the input j and the class that `class` gives it.
    fn data(samples: usize, class: impl Fn(usize) -> usize) -> Dataset<Naive<f64>> {
        let (mut input, mut target) = (Naive::zeros(1, samples), Naive::zeros(1, samples));
        input.write(&(0..samples).map(|j| j as f64).collect::<Vec<_>>());
        target.write(&(0..samples).map(|j| class(j) as f64).collect::<Vec<_>>());
        Dataset::new(input, target).unwrap()
    }

    fn inputs(part: &Dataset<Naive<f64>>) -> Vec<usize> {
        let mut values = Vec::new();
        Naive::read(part.input().into(), &mut values);
        values.into_iter().map(|value| value as usize).collect()
    }

    #[test]
    fn every_sample_is_held_out_once_and_trained_on_otherwise() {
        for (samples, count) in [(10, 5), (11, 3), (2, 2), (7, 7)] {
            let data = data(samples, |j| j % 2);
            let folds: Vec<_> = data.folds(count, 1).unwrap().map(Result::unwrap).collect();
            assert_eq!(folds.len(), count);
            let mut seen = Vec::new();
            for (train, held_out) in &folds {
                let (train, held_out) = (inputs(train), inputs(held_out));
                assert!((samples / count..=samples.div_ceil(count)).contains(&held_out.len()));
                assert!(train.is_sorted() && held_out.is_sorted(), "the order of the data stays");
                let mut all = [train, held_out.clone()].concat();
                all.sort_unstable();
                assert_eq!(all, (0..samples).collect::<Vec<_>>());
                seen.extend(held_out);
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..samples).collect::<Vec<_>>());
        }
    }

    #[test]
    fn stratified_folds_keep_the_share_of_each_class() {
        // 14 samples of class 0, 7 of class 1.
        let data = data(21, |j| usize::from(j % 3 == 0));
        for fold in data.stratified_folds(7, 5).unwrap() {
            let (train, held_out) = fold.unwrap();
            let mut classes = held_out.labels().unwrap();
            classes.sort_unstable();
            assert_eq!(classes, [0, 0, 1]);
            assert_eq!(train.len(), 18);
        }
    }

    #[test]
    fn the_seed_decides_the_folds_and_the_order() {
        let data = data(30, |j| j % 2);
        let first = |seed| inputs(&data.folds(3, seed).unwrap().next().unwrap().unwrap().1);
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        let shuffled = inputs(&data.shuffled(4));
        assert_eq!(shuffled, inputs(&data.shuffled(4)));
        assert_ne!(shuffled, inputs(&data.shuffled(5)));
        let mut sorted = shuffled;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..30).collect::<Vec<_>>());
    }

    #[test]
    fn shuffling_keeps_samples_and_their_weights_together() {
        let mut weights = Naive::zeros(1, 9);
        weights.write(&(1..10).map(f64::from).collect::<Vec<_>>());
        let shuffled = data(9, |j| j % 3).weighted(weights).unwrap().shuffled(1);
        let mut weights = Vec::new();
        Naive::read(shuffled.sample_weights().unwrap().into(), &mut weights);
        let labels = shuffled.labels().unwrap();
        for ((input, weight), label) in inputs(&shuffled).into_iter().zip(weights).zip(labels) {
            assert_eq!((weight, label), ((input + 1) as f64, input % 3));
        }
    }

    #[test]
    fn folds_that_cannot_be_filled_are_errors() {
        let data = data(6, |j| usize::from(j == 0));
        for count in [0, 1, 7] {
            let error = data.folds(count, 1).err().unwrap().to_string();
            assert_eq!(error, format!("folds: expected from 2 to 6 (the samples), got {count}"));
        }
        assert_eq!(
            data.stratified_folds(2, 1).err().unwrap().to_string(),
            "folds: expected at least 2 samples of class 1, one for each fold, got 1"
        );
    }
}
