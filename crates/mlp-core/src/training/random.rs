use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;

/// A generator that follows from `seed` and from where in training it is used: one of its own for each place, so that
/// none needs to be saved.
pub(super) fn generator(seed: u64, place: &[u64]) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(place.iter().fold(seed, |seed, &number| mix(seed ^ mix(number))))
}

/// The finaliser of SplitMix64: a permutation of the numbers that leaves no pattern.
///
/// Source: G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators* (OOPSLA 2014).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
