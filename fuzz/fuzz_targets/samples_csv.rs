//! Fuzzes the reader of the demo's samples.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::samples_csv(data);
});
