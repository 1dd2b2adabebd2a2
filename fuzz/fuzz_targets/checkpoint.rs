//! Fuzzes the reader of checkpoints.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::checkpoint(data);
});
