use core::ops::Range;

/// How a batch is cut into groups of samples, and each group into blocks. Groups may be processed in parallel, and each
/// has its own gradient. The blocks of a group go through the network one after the other, while they are in the cache.
///
/// The split fixes the order of summation. Therefore it depends only on the network and the batch, never on the
/// machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Split {
    samples: usize,
    pub(crate) groups: usize,
    pub(crate) block: usize,
}

/// The largest number of parameters for which reading the network again for each block is cheap. For larger networks
/// the batch is not split, because its matrix products are already large enough.
const SMALL_NETWORK: usize = 1 << 16;
/// The number of samples in a block, for small networks.
const BLOCK: usize = 128;
/// The largest number of groups in a batch.
const GROUPS: usize = 8;

impl Split {
    /// Splits a batch of `samples` for a network with that many `parameters`. The parameters are counted only if the
    /// split depends on them.
    #[inline]
    pub(crate) fn new(samples: usize, parameters: impl FnOnce() -> usize) -> Self {
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

    /// Makes as many groups as there are blocks, up to the largest number of groups.
    pub(crate) fn one_block_a_group(self) -> Self {
        let groups = self.samples.div_ceil(self.block).min(GROUPS);
        Self { groups, ..self }
    }

    /// Returns the blocks of a group.
    #[inline]
    pub(crate) fn blocks(self, group: usize) -> impl Iterator<Item = Range<usize>> {
        let size = self.samples.div_ceil(self.groups);
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
