//! Fuzzes the reader of reductions on a plateau as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::plateau(data);
});
