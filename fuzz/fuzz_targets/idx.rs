//! Fuzzes the reader of MNIST's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::idx(data);
});
