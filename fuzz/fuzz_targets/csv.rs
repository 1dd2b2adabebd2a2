//! Fuzzes the reader of tables in CSV.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::csv(data);
});
