//! Fuzzes the reader of names of metrics, activations and kinds of scalings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::names(data);
});
