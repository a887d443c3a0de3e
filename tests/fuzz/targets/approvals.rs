//! New content of the exec-approvals file: what is accepted from the gateway implies no new program.
#![no_main]

libfuzzer_sys::fuzz_target!(|files: (&[u8], &[u8])| {
    openclaw_bridge::fuzz::approvals(files.0, files.1);
});
