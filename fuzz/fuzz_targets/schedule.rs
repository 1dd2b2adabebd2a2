//! Fuzzes the reader of schedules as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mlp_fuzz::schedule(data);
});
