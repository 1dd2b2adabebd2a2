use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// Creates a random number generator from `seed` and the place in training where it is used. Every place has its own
/// generator, so no generator has to be saved.
pub(super) fn generator(seed: u64, place: &[u64]) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed_at(seed, place))
}

/// Returns the seed of a place in training.
pub(super) fn seed_at(seed: u64, place: &[u64]) -> u64 {
    place.iter().fold(seed, |seed, &number| mix(seed ^ mix(number)))
}

/// Returns number `index` of the generator SplitMix64. No number waits for the one before it, so many of them take less
/// time than from another generator.
#[inline(always)]
pub(super) fn number(seed: u64, index: u64) -> u64 {
    mix(seed.wrapping_add(index.wrapping_mul(GAMMA)))
}

/// The difference between the states of SplitMix64.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Computes the finalizer of SplitMix64, a permutation of the 64-bit numbers that leaves no pattern.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators* (OOPSLA 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(GAMMA);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_finalizer_is_that_of_splitmix64() {
        // Expected values computed from the definition with Python integers. The first one is the first number of the
        // generator with seed 0.
        assert_eq!(
            [0, 1, 1 << 63].map(mix),
            [0xe220_a839_7b1d_cdaf, 0x910a_2dec_8902_5cc1, 0x481e_c0a2_12a9_f3db]
        );
        // The first three numbers of the generator with seed 1234567, from the reference implementation in C.
        assert_eq!(
            [0, 1, 2].map(|index| number(1_234_567, index)),
            [0x599e_d017_fb08_fc85, 0x2c73_f084_5854_0fa5, 0x883e_bce5_a3f2_7c77]
        );
    }

    #[test]
    fn every_place_has_a_generator_of_its_own() {
        let places = [&[][..], &[0], &[1], &[0, 0], &[0, 1], &[1, 0], &[1, 1]];
        let seeds = [0, 1, u64::MAX];
        let generators = seeds.map(|seed| places.map(|place| std::format!("{:?}", generator(seed, place))));
        let different: HashSet<_> = generators.iter().flatten().collect();
        assert_eq!(different.len(), seeds.len() * places.len());
    }
}
