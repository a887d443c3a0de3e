//! Datagrams from the local network.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| openclaw_bridge::fuzz::mdns(data));
