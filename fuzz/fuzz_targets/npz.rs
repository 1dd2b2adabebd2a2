//! Fuzzes the reader of scikit-learn's parameters.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::npz(data);
});
