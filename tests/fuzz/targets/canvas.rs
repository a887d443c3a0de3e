//! A request to the canvas host: it names nothing outside of the folder.
#![no_main]

libfuzzer_sys::fuzz_target!(|request: (u64, &[u8])| {
    openclaw_bridge::fuzz::canvas(request.1, request.0);
});
