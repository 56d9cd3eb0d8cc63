#![no_main]

#[allow(dead_code, reason = "each target has one of them")]
#[path = "../entry.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::signature(data));
