//! See `oracles::configuration`.
#![no_main]

#[path = "../oracles.rs"]
#[expect(dead_code, reason = "all targets are in one file, and this is one of them")]
mod oracles;

libfuzzer_sys::fuzz_target!(|data: &[u8]| oracles::configuration(data));
