use core::ops::Range;

/// How a batch is cut: into groups of samples, which may be worked on at the same time and have a gradient each, and
/// each group into blocks, which go through the network one after the other while they are in the cache.
///
/// It depends on the network and on the batch, never on the machine: it fixes the order of summation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    samples: usize,
    pub(super) groups: usize,
    pub(super) block: usize,
}

/// Up to this many parameters a network is cheap to read again for each block; beyond, a batch stays whole and its
/// products are large enough by themselves.
const SMALL_NETWORK: usize = 1 << 16;
/// Samples in a block of a small network.
const BLOCK: usize = 128;
/// The most groups of a batch.
const GROUPS: usize = 8;

impl Split {
    /// For a network of so many `parameters`, which are counted only if it depends on them.
    #[inline]
    pub(super) fn new(samples: usize, parameters: impl FnOnce() -> usize) -> Self {
        if samples <= BLOCK || parameters() > SMALL_NETWORK {
            return Self {
                samples,
                groups: 1,
                block: samples,
            };
        }
        Self {
            samples,
            groups: samples.div_ceil(2 * BLOCK).min(GROUPS),
            block: BLOCK,
        }
    }

    /// The blocks of a group.
    #[inline]
    pub(super) fn blocks(self, group: usize) -> impl Iterator<Item = Range<usize>> {
        // Without a division where there is nothing to divide: it takes longer than the step of a tiny network.
        let size = match self.groups {
            1 => self.samples,
            groups => self.samples.div_ceil(groups),
        };
        let mut rest = group * size..self.samples.min((group + 1) * size);
        core::iter::from_fn(move || {
            let block = rest.start..rest.end.min(rest.start + self.block);
            rest.start = block.end;
            (!block.is_empty()).then_some(block)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn blocks_cover_every_sample_once_in_order() {
        for samples in (1..3000).chain([10_000, 60_000]) {
            for parameters in [1, SMALL_NETWORK, SMALL_NETWORK + 1] {
                let split = Split::new(samples, || parameters);
                let blocks: Vec<_> = (0..split.groups).flat_map(|group| split.blocks(group)).collect();
                assert!(
                    blocks
                        .iter()
                        .all(|block| !block.is_empty() && block.len() <= split.block),
                    "{samples}"
                );
                assert_eq!(
                    blocks.into_iter().flatten().collect::<Vec<_>>(),
                    (0..samples).collect::<Vec<_>>()
                );
            }
        }
    }
}
