//! Transcripts with anything in them.
#![no_main]

use std::cell::LazyCell;

thread_local! {
    static DIR: LazyCell<tempfile::TempDir> =
        LazyCell::new(|| tempfile::tempdir().expect("a directory"));
}

libfuzzer_sys::fuzz_target!(|data: (u8, &[u8])| {
    DIR.with(|dir| {
        let path = dir.path().join("transcript.jsonl");
        openclaw_bridge::fuzz::transcript(&path, data.1, u64::from(data.0 % 4));
        for entry in std::fs::read_dir(dir.path()).expect("a directory") {
            std::fs::remove_file(entry.expect("an entry").path()).expect("a file");
        }
    });
});
