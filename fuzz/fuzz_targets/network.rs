//! Fuzzes the reader of PyTorch's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::network(data);
});
