//! Fuzzes the reader of models of tables.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::table(data);
});
