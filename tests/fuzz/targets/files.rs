//! Pairing files with anything in them: refused as a whole, or read, and then what is written is
//! read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_bridge::pairing_store::PairingStore;
use openclaw_bridge::router::Wall;
use std::fs;

fuzz_target!(|files: (&[u8], &[u8])| {
    let dir = tempfile::tempdir().expect("a directory");
    let nodes = dir.path().join("nodes");
    fs::create_dir(&nodes).expect("a directory");
    fs::write(nodes.join("paired.json"), files.0).expect("a file");
    fs::write(nodes.join("pending.json"), files.1).expect("a file");
    let now = Wall(1_800_000_000_000);
    let Ok((mut store, book)) = PairingStore::open(dir.path(), now) else {
        assert_eq!(fs::read(nodes.join("paired.json")).expect("it stays"), files.0);
        return;
    };
    store.save(&book).expect("it can be written");
    let (_, again) = PairingStore::open(dir.path(), now).expect("it can be read");
    assert_eq!(again, book);
});
