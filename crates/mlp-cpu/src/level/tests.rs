pub(crate) mod children;

use self::children::{assert_level_asked_for, run_at_other_levels};
use crate::{SimdLevel, simd_level};

#[test]
fn the_level_asked_for_runs() {
    assert_level_asked_for(simd_level().name());
}

/// Runs the tests of this crate at the other levels, except those that have nothing to do with instructions.
#[test]
fn every_level_passes_the_tests() {
    run_at_other_levels(
        &SimdLevel::ALL.map(SimdLevel::name),
        simd_level().name(),
        "level::tests::the_level_asked_for_runs",
        &["--skip", "raw::pool"],
    );
}

#[test]
fn names_parse() {
    for level in SimdLevel::ALL {
        assert_eq!(level.name().parse(), Ok(level));
        assert_eq!(level.to_string(), level.name());
    }
    assert_eq!(
        "AVX2".parse::<SimdLevel>().map_err(|error| error.to_string()),
        Err("unknown SIMD level `AVX2`: expected one of baseline, avx2, avx512".to_owned())
    );
}
