//! Fuzzes the reader of the demo's weights.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::weights_json(data);
});
